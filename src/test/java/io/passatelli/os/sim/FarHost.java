package io.passatelli.os.sim;

import io.passatelli.base.Ip;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * A host elsewhere on the simulated network, as the scenario wants it. Unless told otherwise it is silent. With one of our own addresses, 127.0.0.1
 * for instance, it stands for the other programs of this host, as far as TCP goes.
 */
public final class FarHost {
    private static final int FIRST_PORT = 49_152; // of those that RFC 6335 leaves to programs
    private static final int BACKLOG = 4_096;

    private enum Manner {
        SILENT,
        ANSWERS,
        FAILS,
        REFUSES
    }

    private final List<byte[]> echoes = new ArrayList<>();
    private Manner manner = Manner.SILENT;
    private long delayNs;
    private int errno;

    private final SimKernel kernel;
    private final Ip address;
    private final SimWay way;
    private final Map<Integer, FarUdp> udpPorts = new HashMap<>();
    private List<Ip> routers = List.of();
    private int pathMtu = Integer.MAX_VALUE;
    private boolean up;
    private long wayNs;
    private int nextPort = FIRST_PORT;

    FarHost(SimKernel kernel, Ip address) {
        this.kernel = kernel;
        this.address = address;
        this.way = new SimWay(kernel);
    }

    /** Answers echo requests after {@code afterNs}. */
    public FarHost answersEcho(long afterNs) {
        manner = Manner.ANSWERS;
        delayNs = afterNs;
        return this;
    }

    /** Never answers anything. */
    public FarHost silent() {
        manner = Manner.SILENT;
        return this;
    }

    /**
     * What is sent there ends in an ICMP error {@code afterNs} later, which the socket sees as {@code errorNumber}: for a ping socket the
     * errors that count as hard (ECONNREFUSED), icmp(7).
     */
    public FarHost fails(int errorNumber, long afterNs) {
        manner = Manner.FAILS;
        errno = errorNumber;
        delayNs = afterNs;
        return this;
    }

    /** connect(2) and send(2) themselves fail, with ENETUNREACH for instance: there is no route. */
    public FarHost unreachable(int errorNumber) {
        manner = Manner.REFUSES;
        errno = errorNumber;
        return this;
    }

    /** The host is there: a UDP port that nobody has is unreachable, and says so; a TCP port refuses. */
    public FarHost up() {
        up = true;
        return this;
    }

    /** Opens a UDP port, which makes the host {@link #up}. */
    public FarUdp udp(int port) {
        up = true;
        FarUdp socket = new FarUdp(kernel, this, address, port);
        if (udpPorts.put(port, socket) != null) {
            throw new AssertionError("port " + port + " is taken");
        }
        return socket;
    }

    /** A program listens on a TCP port, which makes the host {@link #up}. */
    public FarTcpPort listen(int port) {
        return new FarTcpPort(kernel, listening(port));
    }

    /** Connects to {@code to} and {@code port} of ours, from a port that was not used before. */
    public FarTcp connect(Ip to, int port) {
        return new FarTcp(kernel, connecting(to, port));
    }

    /** The same from port {@code from}. */
    public FarTcp connect(int from, Ip to, int port) {
        nextPort = from;
        return connect(to, port);
    }

    /** The same, by a program that does exactly what it is told. */
    public StreamPeer dial(Ip to, int port) {
        return new StreamPeer(kernel, connecting(to, port));
    }

    /** What goes there or comes from there is {@code ns} longer on the way: of TCP connections made from now on. */
    public FarHost away(long ns) {
        wayNs = ns;
        return this;
    }

    SimTcp listening(int port) {
        up = true;
        if (kernel.net.tcp.listener(address, port) != null) {
            throw new AssertionError("port " + port + " is taken");
        }
        SimTcp socket = SimTcp.far(kernel, address, port);
        socket.listen(BACKLOG);
        return socket;
    }

    SimTcp connecting(Ip to, int port) {
        SimTcp socket = SimTcp.far(kernel, address, nextPort++);
        socket.connectFrom(to, port);
        return socket;
    }

    boolean isUp() {
        return up || manner == Manner.ANSWERS;
    }

    long wayNs() {
        return wayNs;
    }

    void closeUdp(int port) {
        udpPorts.remove(port);
    }

    /** The routers on the way, the nearest first: each takes one off the TTL, and says if none is left. */
    public FarHost behind(Ip... nearestFirst) {
        routers = List.of(nearestFirst);
        return this;
    }

    /** The narrowest link on the way: the last router, or the host, complains of larger packets that must not be cut. */
    public FarHost pathMtu(int bytes) {
        pathMtu = bytes;
        return this;
    }

    /** The echo requests that arrived, as they were on the wire behind the IP header. */
    public List<byte[]> echoes() {
        return List.copyOf(echoes);
    }

    /** 0, or {@code -errno} of a send that does not leave. */
    int routeError() {
        return manner == Manner.REFUSES ? -errno : 0;
    }

    /** Whether a TCP handshake there ends in an error, after how long, and which. */
    int connectError() {
        return manner == Manner.FAILS ? errno : 0;
    }

    long delayNs() {
        return delayNs;
    }

    /** A datagram of ours, after its time on the way. */
    void onDatagram(SimDatagram datagram) {
        if (datagram.ttl <= routers.size()) {
            complain(SimIcmp.timeExceeded(routers.get(Math.max(0, datagram.ttl - 1))), datagram, 0);
            return;
        }
        if (datagram.whole && datagram.packetBytes() > pathMtu) {
            complain(SimIcmp.tooBig(routers.isEmpty() ? address : routers.getLast(), pathMtu), datagram, 0);
            return;
        }
        FarUdp socket = udpPorts.get(datagram.toPort);
        if (manner == Manner.FAILS) {
            complain(SimIcmp.of(address, errno), datagram, delayNs);
        } else if (socket != null) {
            socket.onDatagram(datagram, datagram.ttl - routers.size());
        } else if (isUp()) {
            complain(SimIcmp.portUnreachable(address), datagram, 0);
        }
    }

    private void complain(SimIcmp message, SimDatagram about, long afterNs) {
        kernel.clock.in(afterNs, () -> way.between(() -> kernel.net.udp.onIcmp(message, about)));
    }

    /** {@code to} is this host's address. */
    void onEcho(SimPing from, Ip to, byte[] request) {
        echoes.add(request);
        switch (manner) {
            case ANSWERS -> from.kernel.clock.in(delayNs, () -> from.kernel.net.echoReply(to, from.replyTo(request)));
            case FAILS -> from.kernel.clock.in(delayNs, () -> from.onError(errno));
            case SILENT, REFUSES -> {}
        }
    }
}
