package io.passatelli.flow;

import io.passatelli.base.Ip;
import io.passatelli.config.HostSide;
import io.passatelli.config.PlaneConfig;

/**
 * By which of the host's addresses and interfaces sockets leave, and whether that has become another: connect(2) has bound those that were opened
 * before to an address that the host may not have any more, and IPv6 would go on sending from it. Loop thread only.
 */
public final class WayOut {
    private HostSide host4;
    private HostSide host6;
    private boolean moved4;
    private boolean moved6;

    public WayOut(PlaneConfig config) {
        host4 = config.host4();
        host6 = config.host6();
    }

    /** As {@code config} says from now on. */
    public void adopt(PlaneConfig config) {
        moved4 = !host4.sendsAs(config.host4());
        moved6 = !host6.sendsAs(config.host6());
        host4 = config.host4();
        host6 = config.host6();
    }

    /** For sockets of one family. */
    public HostSide side(boolean v4) {
        return v4 ? host4 : host6;
    }

    /** Whether a socket that is connected to this address, and was opened before what was adopted last, has another way out than it would have now. */
    public boolean isMoved(long high, long low) {
        return (Ip.isV4(high, low) ? moved4 : moved6) && !Ip.isLoopback(high, low);
    }
}
