package io.passatelli.forward;

import io.passatelli.base.HotPath;
import io.passatelli.config.PortForward;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Os;

/** One TCP socket that listens for a forward, at one port. */
public final class ConnectionListener extends Listener {
    private final Reception reception;

    ConnectionListener(Reception reception, ReadyList ready, Site site, int port, PortForward rule, int fd) {
        super(ready, site, port, rule, fd);
        this.reception = reception;
    }

    @HotPath
    @Override
    protected long visit(long allowanceBytes, long nowNs) {
        if (fd() != Os.NONE) {
            reception.accept(this, nowNs);
        }
        return 0; // what is moved is counted at the connections
    }
}
