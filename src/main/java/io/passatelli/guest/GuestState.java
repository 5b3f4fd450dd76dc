package io.passatelli.guest;

import io.passatelli.base.HotPath;
import io.passatelli.config.GuestNetwork;
import io.passatelli.wire.Frame;

/** What we know of the guest: what it was told, and what its traffic shows. Loop thread only. */
@HotPath
public final class GuestState {
    public GuestState(GuestNetwork network) {}

    public GuestNetwork network() {
        throw new AssertionError("skeleton");
    }

    /** Learns the MAC and the address from a frame that was parsed well. */
    public void learn(Frame frame) {
        throw new AssertionError("skeleton");
    }

    public long ourMac() {
        throw new AssertionError("skeleton");
    }

    /** The last source MAC seen; broadcast before the first. */
    public long guestMac() {
        throw new AssertionError("skeleton");
    }

    /** The address that was assigned to the guest, IPv4, 32 bits. */
    public int assigned4() {
        throw new AssertionError("skeleton");
    }

    /** The address that the guest uses, IPv4, 32 bits; the assigned one until its traffic shows another. */
    public int seen4() {
        throw new AssertionError("skeleton");
    }

    /** The address we speak from, IPv4, 32 bits: the guest's gateway; in its absence link-local 169.254.2.2. */
    public int our4() {
        throw new AssertionError("skeleton");
    }
}
