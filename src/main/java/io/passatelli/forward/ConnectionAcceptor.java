package io.passatelli.forward;

import io.passatelli.os.SockAddr;

/** Who takes connections that arrive at forwarded ports. Loop thread only. */
@FunctionalInterface
public interface ConnectionAcceptor {
    /** {@code listener} accepted {@code fd}, which is the acceptor's from now on, whatever comes of it. {@code peer} is valid during the call. */
    void onConnection(ConnectionListener listener, int fd, SockAddr peer, long nowNs);
}
