package io.passatelli.os.sim;

/** What {@link SimOs} leaves open. */
public enum Choice {
    /** Bytes that one recvmsg(2) or readv(2) gives. */
    RECEIVE,
    /** Bytes that one sendmsg(2) or writev(2) takes; 0 is EAGAIN. */
    SEND,
    /** Bytes that the kernel charges for a send beyond its payload: headers of its sk_buffs. */
    OVERHEAD,
    /** What a send buffer grows to that somebody saw full, bytes. */
    GROWTH,
    /** Bytes that SO_MEMINFO says wait to be acknowledged. */
    QUEUED,
    /** How long data, a handshake or a FIN is under way, ns. */
    LATENCY_NS,
    /** Whether a FIN under way is there now. */
    FIN,
    /** Whether a reset under way is there now. */
    RESET,
    /** Whether a handshake under way is over now. */
    HANDSHAKE,
    /** Whether a datagram is lost between hosts. */
    LOSS,
    /** Whether a datagram arrives twice. */
    DUPLICATE,
    /** Whether a datagram finds no room at the interface: ENOBUFS. */
    NO_BUFFER,
    /** Whether more UDP segments than every kernel takes are too many: up to twice as many, newer ones take them. */
    SEGMENTS,
    /** The port or echo identifier of a socket bound to 0. */
    PORT
}
