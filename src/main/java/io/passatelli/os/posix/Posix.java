package io.passatelli.os.posix;

import io.passatelli.os.Errno;
import jnr.posix.POSIX;
import jnr.posix.POSIXFactory;
import jnr.posix.RLimit;

import java.util.List;

/**
 * POSIX process calls by jnr-posix. Results are ≥ 0 or {@code -errno}. Cold path only: the library takes hundreds of milliseconds to load, so
 * nothing that must happen before the process listens is here ({@link io.passatelli.os.ProcessOs}). Any thread.
 */
public final class Posix {
    /** signal.h. */
    public static final int SIGINT = 2;

    public static final int SIGKILL = 9;
    public static final int SIGTERM = 15;

    /** sys/wait.h. */
    public static final int WNOHANG = 1;

    /** asm-generic/resource.h. */
    static final int RLIMIT_NOFILE = 7;

    /** What a shell adds to the number of the signal that ended a process. */
    private static final int BY_SIGNAL = 128;

    private final POSIX posix = POSIXFactory.getNativePOSIX();

    /** getuid(2). */
    public int uid() {
        return posix.getuid();
    }

    /** geteuid(2). */
    public int effectiveUid() {
        return posix.geteuid();
    }

    /** getgid(2). */
    public int gid() {
        return posix.getgid();
    }

    /** getpid(2). */
    public int pid() {
        return posix.getpid();
    }

    /** umask(2): the process' own, for all threads; returns the one before. Never fails. */
    public int umask(int mask) {
        return posix.umask(mask);
    }

    /** chmod(2). */
    public int chmod(String path, int mode) {
        return fold(posix.chmod(path, mode));
    }

    /** The soft limit of open descriptors, getrlimit(2); {@link Long#MAX_VALUE} where there is none. */
    public long openFiles() {
        return unsigned(openFilesLimit().rlimCur());
    }

    /** The hard limit of open descriptors, getrlimit(2); {@link Long#MAX_VALUE} where there is none. */
    public long mostOpenFiles() {
        return unsigned(openFilesLimit().rlimMax());
    }

    /** Sets the soft limit of open descriptors, setrlimit(2). {@code -EINVAL} above the hard one. */
    public int openFiles(long limit) {
        return fold(posix.setrlimit(RLIMIT_NOFILE, limit, openFilesLimit().rlimMax()));
    }

    /**
     * posix_spawnp(3): starts {@code command}, found by PATH where its name has no slash, with {@code environment} as NAME=VALUE. It inherits
     * the standard streams, and what else is not close-on-exec. Returns its process number; it must be waited for.
     */
    public int spawn(List<String> command, List<String> environment) {
        return fold((int) posix.posix_spawnp(command.getFirst(), List.of(), command, environment));
    }

    /** kill(2); signal 0 asks whether the process is there. */
    public int kill(int pid, int signal) {
        return fold(posix.kill(pid, signal));
    }

    /**
     * waitpid(2): waits for child {@code pid}, returns its exit status, or 128 and the number of the signal that ended it. {@code -EAGAIN}
     * if {@code flags} has {@link #WNOHANG} and it still runs.
     */
    public int waitFor(int pid, int flags) {
        int[] status = new int[1];
        int rc;
        do {
            rc = fold(posix.waitpid(pid, status, flags));
        } while (rc == -Errno.EINTR);
        if (rc <= 0) {
            return rc < 0 ? rc : -Errno.EAGAIN;
        }
        int signal = status[0] & 0x7f;
        return signal == 0 ? status[0] >> 8 & 0xff : BY_SIGNAL + signal;
    }

    private RLimit openFilesLimit() {
        return posix.getrlimit(RLIMIT_NOFILE);
    }

    /** RLIM_INFINITY is all ones. */
    private static long unsigned(long limit) {
        return limit < 0 ? Long.MAX_VALUE : limit;
    }

    /** jnr keeps errno per thread, from the call just made. */
    private int fold(int rc) {
        return rc >= 0 ? rc : -posix.errno();
    }
}
