package io.passatelli.os;

import org.jspecify.annotations.Nullable;

import java.util.List;

/** Start-up only: what the process asks for itself. Results are ≥ 0 or {@code -errno}. */
public interface ProcessOs {
    /**
     * PR_SET_NO_NEW_PRIVS, prctl(2): no execve(2) gives more privileges from here on. Holds for the calling thread and those it starts
     * afterwards, not for threads that run already (the JVM's own): so the launcher has it done by setpriv(1) before there is a JVM.
     */
    int noNewPrivs();

    /** PR_SET_DUMPABLE off, prctl(2): no core dump, and no other process of this user may look into this one. */
    int hideMemory();

    /**
     * Lifts the soft limit of open descriptors (RLIMIT_NOFILE, getrlimit(2)) to the hard one; returns it. HotSpot has done so already
     * unless it was started with {@code -XX:-MaxFDLimit}.
     */
    long raiseOpenFiles();

    /** getpid(2). */
    int pid();

    /** geteuid(2), as an unsigned number. */
    long user();

    /** getegid(2), as an unsigned number. */
    long group();

    /** The user of that name, getpwnam(3); null where there is none. */
    Account.@Nullable User user(String name);

    /** The group of that name, getgrnam(3), as an unsigned number; {@code -1} where there is none. */
    long group(String name);

    /**
     * Becomes that user and group, with no further groups, for good and in all threads: setgroups(2), setresgid(2), setresuid(2) by the C library, which
     * has every thread that it knows make the call, the JVM's own among them (nptl(7)). From root the capabilities in force go with it.
     */
    int become(long user, long group);

    /** chdir(2). Paths that are not absolute mean something else from here on. */
    int changeDirectory(String path);

    /** open(2) of a file that is there, to read and write. */
    int openFile(String path);

    /** dup2(2): {@code to} is what {@code from} is, and passes on to programs that this one becomes. */
    int duplicate(int from, int to);

    /** Whether execve(2) closes the descriptor (FD_CLOEXEC, fcntl(2)): 1 or 0. */
    int isClosedOnExec(int fd);

    /** execve(2) will close the descriptor. */
    int closeOnExec(int fd);

    /**
     * execvp(3), with no signal blocked: the program {@code words} begins with, sought in PATH, takes this process' place. Returns only if it could not.
     */
    int become(List<String> words);
}
