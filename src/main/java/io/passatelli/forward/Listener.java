package io.passatelli.forward;

import io.passatelli.base.Ip;
import io.passatelli.config.PortForward;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Os;
import org.jspecify.annotations.Nullable;

/** One socket that listens for a forward, at one port in one family. What it has is taken in visits. Loop thread only. */
public abstract sealed class Listener extends ReadyList.Node permits ConnectionListener, DatagramListener {
    private final ReadyList ready;
    private final int index;
    private final ForwardTable.Endpoint endpoint;
    private PortForward rule;
    private int fd;

    Listener(ReadyList ready, int index, ForwardTable.Endpoint endpoint, PortForward rule, int fd) {
        this.ready = ready;
        this.index = index;
        this.endpoint = endpoint;
        this.rule = rule;
        this.fd = fd;
    }

    /** The socket, or {@link Os#NONE} once it is closed. */
    public final int fd() {
        return fd;
    }

    final int index() {
        return index;
    }

    public final ForwardTable.Endpoint endpoint() {
        return endpoint;
    }

    /** The port of the guest that this socket stands for. */
    public final int guestPort() {
        return rule.guestPort(endpoint.port());
    }

    /** The address of the guest that this socket stands for; null: the one that it uses. */
    public final @Nullable Ip guestAddress() {
        return rule.targetAddress();
    }

    /** Stands for another port of the guest from now on; flows that are there stay. */
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
