package io.passatelli.forward;

import io.passatelli.base.Ip;
import io.passatelli.config.PortForward;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Os;
import org.jspecify.annotations.Nullable;

/**
 * One socket that listens for a forward and has, or had, something; before that there is no such object. What it has is taken in visits. Loop
 * thread only.
 */
public abstract sealed class Listener extends ReadyList.Node permits ConnectionListener, DatagramListener {
    private final ReadyList ready;
    private final Site site;
    private final int port;
    private PortForward rule;
    private int fd;

    Listener(ReadyList ready, Site site, int port, PortForward rule, int fd) {
        this.ready = ready;
        this.site = site;
        this.port = port;
        this.rule = rule;
        this.fd = fd;
    }

    /** The socket, or {@link Os#NONE} once it is closed. */
    public final int fd() {
        return fd;
    }

    /** The host's port. */
    public final int port() {
        return port;
    }

    /** The host's address; IPv6's unspecified one stands for both families, or for its own. */
    public final Ip address() {
        return site.name.address();
    }

    /** The only interface that is heard; null: all are. */
    public final @Nullable String device() {
        return site.name.device();
    }

    /** The port of the guest that this socket stands for. */
    public final int guestPort() {
        return rule.guestPort(port);
    }

    /** The address of the guest that this socket stands for; null: the one that it uses. */
    public final @Nullable Ip guestAddress() {
        return rule.targetAddress();
    }

    /** Stands for something else of the guest's from now on; flows that are there stay. */
    final void rule(PortForward to) {
        rule = to;
    }

    /** The loop's. */
    final ReadyList ready() {
        return ready;
    }

    void closed() {
        fd = Os.NONE;
        ready.remove(this);
    }

    /** What the socket still has would not be told of again. */
    @Override
    protected final void onFault(Throwable thrown) {
        ready.add(this);
    }
}
