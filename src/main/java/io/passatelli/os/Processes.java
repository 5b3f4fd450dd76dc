package io.passatelli.os;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * prctl(2), getrlimit(2), setrlimit(2), getpid(2), chdir(2), execvp(3). Results are ≥ 0 or {@code -errno}. Not by jnr-posix, which has rlimits too: it takes hundreds of
 * milliseconds to load, and these are needed before the process listens.
 */
@Syscalls({"chdir", "execve", "getpid", "prctl", "prlimit64", "rt_sigprocmask"})
final class Processes {
    /** linux/prctl.h. */
    static final int PR_SET_DUMPABLE = 4;

    static final int PR_SET_NO_NEW_PRIVS = 38;

    /** bits/sigaction.h. */
    static final int SIG_SETMASK = 2;

    /** {@code sigset_t} of the C library. */
    static final int SIGSET_SIZE = 128;

    /** asm-generic/resource.h. */
    static final int RLIMIT_NOFILE = 7;

    /** {@code struct rlimit}. */
    static final int RLIMIT_SIZE = 16;

    static final int RLIM_CUR = 0;
    static final int RLIM_MAX = 8;

    private static final MemorySegment PRCTL = LibC.function("prctl");
    private static final MemorySegment GETRLIMIT = LibC.function("getrlimit");
    private static final MemorySegment SETRLIMIT = LibC.function("setrlimit");
    private static final MemorySegment GETPID = LibC.function("getpid");
    private static final MemorySegment CHDIR = LibC.function("chdir");
    private static final MemorySegment EXECVP = LibC.function("execvp");
    private static final MemorySegment PTHREAD_SIGMASK = LibC.function("pthread_sigmask");

    private Processes() {}

    static int noNewPrivs() {
        return LibC.callInt(PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
    }

    static int undumpable() {
        return LibC.callInt(PRCTL, PR_SET_DUMPABLE, 0, 0, 0, 0, 0);
    }

    static int pid() {
        return LibC.callInt(GETPID, 0, 0, 0, 0, 0, 0);
    }

    static int chdir(String path) {
        try (Arena arena = Arena.ofConfined()) {
            return LibC.callInt(CHDIR, arena.allocateFrom(path).address(), 0, 0, 0, 0, 0);
        }
    }

    /** The JVM's threads have SIGQUIT blocked, and a program keeps the mask of who becomes it. */
    static int execvp(List<String> words) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment none = arena.allocate(SIGSET_SIZE, 8);
            MemorySegment list = arena.allocate(ADDRESS, words.size() + 1L);
            for (int i = 0; i < words.size(); i++) {
                list.setAtIndex(ADDRESS, i, arena.allocateFrom(words.get(i)));
            }
            LibC.callInt(PTHREAD_SIGMASK, SIG_SETMASK, none.address(), 0, 0, 0, 0);
            return LibC.callInt(EXECVP, list.getAtIndex(ADDRESS, 0).address(), list.address(), 0, 0, 0, 0);
        }
    }

    /** The limit, {@link Long#MAX_VALUE} where there is none. */
    static long raiseOpenFiles() {
        MemorySegment limit = CallState.current().scratch;
        int rc = LibC.callInt(GETRLIMIT, RLIMIT_NOFILE, limit.address(), 0, 0, 0, 0);
        if (rc < 0) {
            return rc;
        }
        long hard = limit.get(JAVA_LONG, RLIM_MAX);
        limit.set(JAVA_LONG, RLIM_CUR, hard);
        rc = LibC.callInt(SETRLIMIT, RLIMIT_NOFILE, limit.address(), 0, 0, 0, 0);
        if (rc < 0) {
            return rc;
        }
        return hard < 0 ? Long.MAX_VALUE : hard; // RLIM_INFINITY is all ones
    }
}
