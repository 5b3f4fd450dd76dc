package io.passatelli.os;

/** What only a kernel does to an {@link IoVec}; for scripted ones. */
public final class IoVecs {
    private IoVecs() {}

    /** MSG_CTRUNC, recvmsg(2). */
    public static void setControlCut(IoVec into, boolean cut) {
        into.controlCut(cut);
    }
}
