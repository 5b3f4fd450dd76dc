package io.passatelli.os.sim;

import io.passatelli.base.Ip;

/** A UDP datagram under way. */
final class SimDatagram {
    private static final int HEADERS4 = 28;
    private static final int HEADERS6 = 48;
    private static final int SMALL = 384; // what fits the smallest buffer beside headers and bookkeeping
    private static final int SMALL_COST = 768; // SKB_TRUESIZE of it on x86-64

    final Ip from;
    final int fromPort;
    final Ip to;
    final int toPort;
    final byte[] bytes;
    final int ttl;
    /** Routers must not cut it: DF of IPv4, and always with IPv6. */
    final boolean whole;

    SimDatagram(Ip from, int fromPort, Ip to, int toPort, byte[] bytes, int ttl, boolean whole) {
        this.from = from;
        this.fromPort = fromPort;
        this.to = to;
        this.toPort = toPort;
        this.bytes = bytes;
        this.ttl = ttl;
        this.whole = whole;
    }

    boolean isV4() {
        return to.isV4();
    }

    int packetBytes() {
        return bytes.length + headers(to);
    }

    /** What a receive buffer is charged for it. */
    long cost() {
        return cost(bytes.length);
    }

    static long cost(int length) {
        return length <= SMALL ? SMALL_COST : 256L + Long.highestOneBit(length + 383L) * 2;
    }

    /** Bytes of the IP and UDP headers on the way to {@code to}. */
    static int headers(Ip to) {
        return to.isV4() ? HEADERS4 : HEADERS6;
    }
}
