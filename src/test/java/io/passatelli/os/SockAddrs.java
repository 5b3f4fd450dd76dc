package io.passatelli.os;

/** What only a kernel does to a {@link SockAddr}; for the simulated one. */
public final class SockAddrs {
    private SockAddrs() {}

    /** A recvmsg(2) that says nothing of the sender: msg_namelen 0. */
    public static void setNone(SockAddr out) {
        out.length(0);
    }

    /** The address of a UNIX socket that was never bound, unix(7): the family alone. */
    public static void setUnnamed(SockAddr out) {
        out.segment.set(java.lang.foreign.ValueLayout.JAVA_SHORT, 0, (short) Socket.AF_UNIX);
        out.length(Short.BYTES);
    }
}
