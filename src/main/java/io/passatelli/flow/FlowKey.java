package io.passatelli.flow;

import io.passatelli.base.HotPath;

/** What names a flow on the guest's side: protocol, the guest's endpoint, the endpoint it talks to. Mutable, reused for each look-up. */
@HotPath
public final class FlowKey {
    int protocol;
    long guestHigh;
    long guestLow;
    long farHigh;
    long farLow;
    int guestPort;
    int farPort;

    /** For echo, {@code guestPort} is the identifier and {@code farPort} 0. */
    public FlowKey set(
            int protocol, long guestHigh, long guestLow, int guestPort, long farHigh, long farLow, int farPort) {
        assert protocol >>> 8 == 0 : protocol;
        assert guestPort >>> 16 == 0 : guestPort;
        assert farPort >>> 16 == 0 : farPort;
        this.protocol = protocol;
        this.guestHigh = guestHigh;
        this.guestLow = guestLow;
        this.guestPort = guestPort;
        this.farHigh = farHigh;
        this.farLow = farLow;
        this.farPort = farPort;
        return this;
    }

    /** Takes over the name in {@code other}. */
    void copy(FlowKey other) {
        set(
                other.protocol,
                other.guestHigh,
                other.guestLow,
                other.guestPort,
                other.farHigh,
                other.farLow,
                other.farPort);
    }

    boolean sameAs(FlowKey other) {
        return guestLow == other.guestLow
                && farLow == other.farLow
                && guestPort == other.guestPort
                && farPort == other.farPort
                && protocol == other.protocol
                && guestHigh == other.guestHigh
                && farHigh == other.farHigh;
    }

    long hash(SipHash hash) {
        return hash.begin()
                .word((long) protocol << 32 | (long) guestPort << 16 | farPort)
                .word(guestHigh)
                .word(guestLow)
                .word(farHigh)
                .word(farLow)
                .end(5);
    }
}
