package io.passatelli.os;

/** Start-up only: what the process asks for itself. Results are ≥ 0 or {@code -errno}. */
public interface ProcessOs {
    /**
     * PR_SET_NO_NEW_PRIVS, prctl(2): no execve(2) gives more privileges from here on. Holds for the calling thread and those it starts
     * afterwards, not for threads that run already (the JVM's own): main calls it first, and a seccomp filter for all threads extends it.
     */
    int noNewPrivs();

    /**
     * Lifts the soft limit of open descriptors (RLIMIT_NOFILE, getrlimit(2)) to the hard one; returns it. HotSpot has done so already
     * unless it was started with {@code -XX:-MaxFDLimit}.
     */
    long raiseOpenFiles();
}
