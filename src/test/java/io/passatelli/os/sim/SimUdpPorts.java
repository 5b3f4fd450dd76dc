package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Who has which UDP port of ours, and gets what comes to it. */
final class SimUdpPorts {
    private static final int CONNECTED = 8;
    private static final int ADDRESS = 4;
    private static final int FAMILY = 1;

    private final SimKernel kernel;
    private final List<SimUdp> sockets = new ArrayList<>(); // the youngest first
    private final Map<Ip, Integer> pathMtus = new HashMap<>();

    SimUdpPorts(SimKernel kernel) {
        this.kernel = kernel;
    }

    /**
     * A port for {@code socket} at {@code address}: {@code wanted}, or for 0 one that nobody has; -1 if it is taken. Sockets that all have SO_REUSEADDR
     * share a port; others only if their addresses, or families, keep them apart (udp_lib_get_port).
     */
    int take(SimUdp socket, Ip address, int wanted) {
        if (wanted == 0) {
            return kernel.net.free(ports());
        }
        for (SimUdp other : sockets) {
            boolean shared = other.mayShare() && socket.mayShare();
            if (other.port() == wanted && !shared && collide(socket, address, other)) {
                return -1;
            }
        }
        return wanted;
    }

    private Set<Integer> ports() {
        Set<Integer> ports = new HashSet<>();
        sockets.forEach(socket -> ports.add(socket.port()));
        return ports;
    }

    private static boolean collide(SimUdp socket, Ip address, SimUdp other) {
        return collide(address, socket.isOnlyV6(), other.localIp(), other.isOnlyV6());
    }

    /** inet_rcv_saddr_equal: an IPv6 wildcard that is not IPV6_V6ONLY stands for IPv4 as well, against IPv4's even once it is connected. */
    static boolean collide(Ip address, boolean only6, Ip theirs, boolean theirsOnly6) {
        if (address.isV4() && theirs.isV4()) {
            return address.isUnspecified() || theirs.isUnspecified() || address.equals(theirs);
        }
        if (address.isV4()) {
            return (theirs.isUnspecified() || address.isUnspecified()) && !theirsOnly6;
        }
        if (theirs.isV4()) {
            return address.isUnspecified() && !only6;
        }
        return address.isUnspecified() || theirs.isUnspecified() || address.equals(theirs);
    }

    /** {@code socket} was bound or connected: it counts as the youngest. */
    void hash(SimUdp socket) {
        sockets.remove(socket);
        sockets.addFirst(socket);
    }

    void free(SimUdp socket) {
        sockets.remove(socket);
    }

    /** Who gets what {@code from} sends to {@code to}: a connected socket before one bound to the address, that before a wildcard; else the youngest. */
    @Nullable
    SimUdp lookup(Ip to, int toPort, Ip from, int fromPort) {
        SimUdp best = null;
        int bestScore = -1;
        for (SimUdp socket : sockets) {
            int score = socket.port() == toPort ? score(socket, to, from, fromPort) : -1;
            if (score > bestScore) {
                best = socket;
                bestScore = score;
            }
        }
        return best;
    }

    private static int score(SimUdp socket, Ip to, Ip from, int fromPort) {
        if (to.isV4() ? socket.isOnlyV6() : socket.isV4()) {
            return -1;
        }
        int score = to.isV4() == socket.isV4() ? FAMILY : 0;
        Ip local = socket.localIp();
        if (local.equals(to)) {
            score += ADDRESS;
        } else if (!local.isUnspecified()) {
            return -1;
        }
        if (socket.isConnected()) {
            return socket.isPeer(from, fromPort) ? CONNECTED : -1;
        }
        return score;
    }

    /** A datagram has come to this host. False if the port is nobody's, which its sender is to be told by ICMP. */
    boolean deliver(SimDatagram datagram) {
        return deliver(List.of(datagram));
    }

    /** As {@link #deliver(SimDatagram)}, of segments that come as one: all go where the first goes. */
    boolean deliver(List<SimDatagram> segments) {
        SimDatagram first = segments.getFirst();
        if (SimUdp.isBroadcast(first.to)) {
            toEach(segments);
            return true; // or nobody, of which nobody is told
        }
        SimUdp socket = lookup(first.to, first.toPort, first.from, first.fromPort);
        if (socket == null) {
            return false;
        }
        segments.forEach(socket::arrived);
        return true;
    }

    private void toEach(List<SimDatagram> segments) {
        SimDatagram first = segments.getFirst();
        for (SimUdp socket : sockets) {
            if (socket.port() == first.toPort && score(socket, first.to, first.from, first.fromPort) >= 0) {
                segments.forEach(socket::arrived);
            }
        }
    }

    /** An ICMP error came about a datagram of ours; it goes to whoever would get the answer. */
    void onIcmp(SimIcmp message, SimDatagram about) {
        if (message.isTooBig()) {
            pathMtus.merge(about.to, message.info(), Math::min);
        }
        SimUdp socket = lookup(about.from, about.fromPort, about.to, about.toPort);
        if (socket != null) {
            socket.onIcmp(message, about);
        }
    }

    /** The largest packet that goes to {@code to} in one piece, as far as known here. */
    int mtu(Ip to) {
        return kernel.net.isLocal(to)
                ? SimUdp.LOOPBACK_MTU
                : Math.min(kernel.settings.mtu(), pathMtus.getOrDefault(to, Integer.MAX_VALUE));
    }
}
