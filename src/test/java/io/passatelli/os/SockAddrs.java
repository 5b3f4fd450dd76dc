package io.passatelli.os;

/** What only a kernel does to a {@link SockAddr}; for the simulated one. */
public final class SockAddrs {
    private SockAddrs() {}

    /** The address of a UNIX socket that was never bound, unix(7): the family alone. */
    public static void setUnnamed(SockAddr out) {
        out.segment.set(java.lang.foreign.ValueLayout.JAVA_SHORT, 0, (short) Socket.AF_UNIX);
        out.length(Short.BYTES);
    }
}
