package io.passatelli.forward;

/** Who takes what arrives at the sockets of a {@link ListenerSet}. Loop thread only. */
public interface DatagramAcceptor {
    /** {@code listener} has, or may have, datagrams. As {@code ReadyList.Node.visit}: who wants another visit lists the listener again. */
    long onDatagrams(DatagramListener listener, long allowanceBytes, long nowNs);
}
