package io.passatelli.os.sim;

/**
 * What differs from one simulated machine to another.
 *
 * @param openFiles RLIMIT_NOFILE, getrlimit(2): descriptors are below it
 * @param pingAllowed whether net.ipv4.ping_group_range lets us make ping sockets, icmp(7)
 * @param sendBufferBytes SO_SNDBUF of a UNIX socket: net.core.wmem_default, socket(7)
 * @param tcpSendBufferBytes of a fresh TCP connection; it grows once somebody has seen it full
 * @param tcpSendBufferMost what it grows to: net.ipv4.tcp_wmem[2], tcp(7)
 * @param tcpReceiveBytes data that a TCP receiver holds unread before its window is closed
 * @param latencyMostNs longest time that anything travels
 * @param mtu of the way to other hosts, bytes
 * @param unreliable whether datagrams between hosts may get lost, be doubled and overtake each other, or find no buffer
 * @param lockstep another kernel decides what is under way and for how long: nothing arrives unless it shows, or is settled
 */
public record SimSettings(
        int openFiles,
        boolean pingAllowed,
        int sendBufferBytes,
        int tcpSendBufferBytes,
        int tcpSendBufferMost,
        int tcpReceiveBytes,
        long latencyMostNs,
        int mtu,
        boolean unreliable,
        boolean lockstep) {

    public static SimSettings standard() {
        return new SimSettings(1_024, true, 212_992, 69_120, 4 << 20, 131_072, 200_000, 1_500, false, false);
    }

    public SimSettings withOpenFiles(int limit) {
        return new SimSettings(
                limit,
                pingAllowed,
                sendBufferBytes,
                tcpSendBufferBytes,
                tcpSendBufferMost,
                tcpReceiveBytes,
                latencyMostNs,
                mtu,
                unreliable,
                lockstep);
    }

    public SimSettings withPingAllowed(boolean allowed) {
        return new SimSettings(
                openFiles,
                allowed,
                sendBufferBytes,
                tcpSendBufferBytes,
                tcpSendBufferMost,
                tcpReceiveBytes,
                latencyMostNs,
                mtu,
                unreliable,
                lockstep);
    }

    public SimSettings withMtu(int bytes) {
        return new SimSettings(
                openFiles,
                pingAllowed,
                sendBufferBytes,
                tcpSendBufferBytes,
                tcpSendBufferMost,
                tcpReceiveBytes,
                latencyMostNs,
                bytes,
                unreliable,
                lockstep);
    }

    /** Datagrams between hosts get lost, arrive twice and in any order, as the chooser likes. */
    public SimSettings withUnreliableWays() {
        return new SimSettings(
                openFiles,
                pingAllowed,
                sendBufferBytes,
                tcpSendBufferBytes,
                tcpSendBufferMost,
                tcpReceiveBytes,
                latencyMostNs,
                mtu,
                true,
                lockstep);
    }

    /** Buffers are what Linux grants at least. */
    SimSettings withLockstep() {
        return new SimSettings(
                openFiles,
                pingAllowed,
                sendBufferBytes,
                16_384,
                tcpSendBufferMost,
                30_000,
                latencyMostNs,
                mtu,
                unreliable,
                true);
    }
}
