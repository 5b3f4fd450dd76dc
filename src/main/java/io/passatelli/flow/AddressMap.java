package io.passatelli.flow;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.config.PlaneConfig;

/**
 * Which host-side address stands for one that the guest uses, and back. Answers are left in {@link #high} and {@link #low}. Loop thread only.
 *
 * <p>One mapping: the guest's name of the host's loopback, an address of one family. To it: the host's 127.0.0.1 or ::1. From 127/8 or ::1:
 * that address, where it is of the same family. Every other address stands for itself.
 */
@HotPath
public final class AddressMap {
    private final boolean mapsLoopback;
    private final Ip hostLoopback; // as the host sees it
    private final Ip guestLoopback; // as the guest sees it
    private long high;
    private long low;

    public AddressMap(PlaneConfig config) {
        Ip mapped = config.mapHostLoopback();
        mapsLoopback = mapped != null;
        guestLoopback = mapped == null ? Ip.LOOPBACK4 : mapped;
        hostLoopback = guestLoopback.isV4() ? Ip.LOOPBACK4 : Ip.LOOPBACK6;
    }

    /** Where traffic of the guest to the given address goes on the host side. */
    public void toHost(long guestViewHigh, long guestViewLow) {
        if (mapsLoopback && guestViewHigh == guestLoopback.high() && guestViewLow == guestLoopback.low()) {
            answer(hostLoopback.high(), hostLoopback.low());
        } else {
            answer(guestViewHigh, guestViewLow);
        }
    }

    /** How the guest sees traffic from the given host-side address. Without a mapping a loopback address stays one: no guest can answer it. */
    public void toGuest(long hostViewHigh, long hostViewLow) {
        if (mapsLoopback
                && Ip.isLoopback(hostViewHigh, hostViewLow)
                && Ip.isV4(hostViewHigh, hostViewLow) == guestLoopback.isV4()) {
            answer(guestLoopback.high(), guestLoopback.low());
        } else {
            answer(hostViewHigh, hostViewLow);
        }
    }

    public long high() {
        return high;
    }

    public long low() {
        return low;
    }

    private void answer(long answerHigh, long answerLow) {
        high = answerHigh;
        low = answerLow;
    }
}
