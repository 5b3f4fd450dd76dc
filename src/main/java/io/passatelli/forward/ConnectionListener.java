package io.passatelli.forward;

import io.passatelli.config.PortForward;

/** One TCP socket that listens for a forward, at one port in one family. */
public final class ConnectionListener {
    private final ForwardTable.Endpoint endpoint;
    private PortForward rule;

    ConnectionListener(ForwardTable.Endpoint endpoint, PortForward rule) {
        this.endpoint = endpoint;
        this.rule = rule;
    }

    public ForwardTable.Endpoint endpoint() {
        return endpoint;
    }

    /** The port of the guest that this socket stands for. */
    public int guestPort() {
        return rule.guestPort(endpoint.port());
    }

    /** Stands for another port of the guest from now on; flows that are there stay. */
    void rule(PortForward to) {
        rule = to;
    }
}
