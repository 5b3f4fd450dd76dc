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
        this.protocol = protocol;
        this.guestHigh = guestHigh;
        this.guestLow = guestLow;
        this.guestPort = guestPort;
        this.farHigh = farHigh;
        this.farLow = farLow;
        this.farPort = farPort;
        return this;
    }
}
