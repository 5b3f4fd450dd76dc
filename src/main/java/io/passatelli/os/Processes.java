package io.passatelli.os;

import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * prctl(2), getrlimit(2), setrlimit(2). Results are ≥ 0 or {@code -errno}. Not by jnr-posix, which has rlimits too: it takes hundreds of
 * milliseconds to load, and these are needed before the process listens.
 */
@Syscalls({"prctl", "prlimit64"})
final class Processes {
    /** linux/prctl.h. */
    static final int PR_SET_NO_NEW_PRIVS = 38;

    /** asm-generic/resource.h. */
    static final int RLIMIT_NOFILE = 7;

    /** {@code struct rlimit}. */
    static final int RLIMIT_SIZE = 16;

    static final int RLIM_CUR = 0;
    static final int RLIM_MAX = 8;

    private static final MemorySegment PRCTL = LibC.function("prctl");
    private static final MemorySegment GETRLIMIT = LibC.function("getrlimit");
    private static final MemorySegment SETRLIMIT = LibC.function("setrlimit");

    private Processes() {}

    static int noNewPrivs() {
        return LibC.callInt(PRCTL, PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0, 0);
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
