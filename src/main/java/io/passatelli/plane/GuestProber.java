package io.passatelli.plane;

import io.passatelli.base.HotPath;
import io.passatelli.forward.PortProber;
import io.passatelli.guest.GuestState;
import io.passatelli.proto.arp.ArpResponder;
import io.passatelli.proto.ndp.NdpResponder;
import io.passatelli.proto.tcp.PortProbes;

/** Whom of a plane's parts a sweep asks what. Loop thread only. */
record GuestProber(PortProbes ports, ArpResponder arp, NdpResponder ndp, GuestState guest, MeteredLink link)
        implements PortProber {
    @HotPath
    @Override
    public boolean isThere(boolean v4) {
        return v4 ? guest.isHeard4() : guest.isHeard6();
    }

    @Override
    public boolean ask(boolean v4, int port) {
        return ports.ask(v4, port);
    }

    /** What finds the link full comes again. */
    @Override
    public void call() {
        var _ = arp.requestGuest(0);
        var _ = ndp.requestGuest();
    }

    @HotPath
    @Override
    public long framesFromGuest() {
        return link.framesFromGuest();
    }
}
