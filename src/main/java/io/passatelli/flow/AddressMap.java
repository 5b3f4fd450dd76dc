package io.passatelli.flow;

import io.passatelli.base.HotPath;
import io.passatelli.config.PlaneConfig;

/** Which host-side address stands for one that the guest uses, and back. Answers are left in {@link #high} and {@link #low}. Loop thread only. */
@HotPath
public final class AddressMap {
    private long high;
    private long low;

    public AddressMap(PlaneConfig config) {}

    /** Where traffic of the guest to the given address goes on the host side. */
    public void toHost(long guestViewHigh, long guestViewLow) {
        throw new AssertionError("skeleton");
    }

    /** How the guest sees traffic from the given host-side address. */
    public void toGuest(long hostViewHigh, long hostViewLow) {
        throw new AssertionError("skeleton");
    }

    public long high() {
        return high;
    }

    public long low() {
        return low;
    }
}
