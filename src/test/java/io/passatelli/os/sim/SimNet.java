package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Names that sockets have: paths, addresses, ports, echo identifiers; and the far hosts. */
final class SimNet {
    private static final int FIRST_PORT = 32_768; // net.ipv4.ip_local_port_range
    private static final int LAST_PORT = 60_999;

    record Endpoint(Ip address, int port) {}

    /** What we are to other hosts, unless the test says otherwise: of the blocks for benchmarks, RFC 2544 and RFC 5180. */
    private static final Ip OUTWARD4 = Ip.parse("198.18.0.1");

    private static final Ip OUTWARD6 = Ip.parse("2001:2::1");

    final SimUdpPorts udp;
    final SimTcpPorts tcp;
    private final SimKernel kernel;
    private final Map<String, @Nullable SimUnix> paths = new HashMap<>();
    private final Set<Ip> local = new LinkedHashSet<>();
    private final Map<Ip, FarHost> hosts = new HashMap<>();
    private final List<SimPing> pings = new ArrayList<>();

    SimNet(SimKernel kernel) {
        this.kernel = kernel;
        udp = new SimUdpPorts(kernel);
        tcp = new SimTcpPorts(kernel);
    }

    boolean bindPath(String path, SimUnix socket) {
        if (paths.containsKey(path)) {
            return false;
        }
        paths.put(path, socket);
        return true;
    }

    boolean hasPath(String path) {
        return paths.containsKey(path);
    }

    @Nullable
    SimUnix boundTo(String path) {
        return paths.get(path);
    }

    /** The socket is closed; its name stays in the file system until unlink(2). */
    void forgetPath(String path, SimUnix socket) {
        if (paths.get(path) == socket) {
            paths.put(path, null);
        }
    }

    boolean unlink(String path) {
        boolean was = paths.containsKey(path);
        paths.remove(path);
        return was;
    }

    void addLocal(Ip address) {
        local.add(address);
    }

    boolean isLocal(Ip address) {
        return address.isLoopback() || local.contains(address) || address.equals(OUTWARD4) || address.equals(OUTWARD6);
    }

    /** The source address of what goes to {@code to} from a socket without one. */
    Ip sourceFor(Ip to) {
        if (to.isLoopback()) {
            return to.isV4() ? Ip.LOOPBACK4 : Ip.LOOPBACK6; // "local 127.0.0.0/8 dev lo src 127.0.0.1"
        }
        if (isLocal(to)) {
            return to;
        }
        for (Ip address : local) {
            if (address.isV4() == to.isV4()) {
                return address;
            }
        }
        return to.isV4() ? OUTWARD4 : OUTWARD6;
    }

    FarHost host(Ip address) {
        return hosts.computeIfAbsent(address, a -> new FarHost(kernel, a));
    }

    @Nullable
    FarHost knownHost(Ip address) {
        return hosts.get(address);
    }

    /**
     * An identifier for {@code socket}: {@code wanted}, or for 0 one that nobody has; -1 if it is taken. Both families share them, and sockets that
     * all have SO_REUSEADDR, which ping sockets are born with, may share one (net/ipv4/ping.c, ping_get_port).
     */
    int takeEchoId(SimPing socket, int wanted) {
        int id = wanted != 0 ? wanted : take(echoIds(), 0);
        for (SimPing other : pings) {
            if (other.id() == id && !(other.mayShare() && socket.mayShare())) {
                return -1;
            }
        }
        pings.addFirst(socket);
        return id;
    }

    private Set<Integer> echoIds() {
        Set<Integer> ids = new HashSet<>();
        pings.forEach(ping -> ids.add(ping.id()));
        return ids;
    }

    void freeEchoId(SimPing socket) {
        pings.remove(socket);
    }

    /** A reply goes to the socket that took its identifier last, whoever sent it: ping_lookup does not look at the peer. */
    void echoReply(Ip from, byte[] message) {
        int id = (message[4] & 0xff) << 8 | message[5] & 0xff;
        for (SimPing socket : pings) {
            if (socket.isV4() == from.isV4() && socket.id() == id) {
                socket.onReply(from, message);
                return;
            }
        }
    }

    private int take(Set<Integer> taken, int wanted) {
        if (wanted != 0) {
            return taken.add(wanted) ? wanted : -1;
        }
        int start = (int) kernel.chooser().count(Choice.PORT, FIRST_PORT, LAST_PORT);
        for (int i = 0; i <= LAST_PORT - FIRST_PORT; i++) {
            int port = FIRST_PORT + (start - FIRST_PORT + i) % (LAST_PORT - FIRST_PORT + 1);
            if (taken.add(port)) {
                return port;
            }
        }
        return -1;
    }

    /** A port that is none of {@code taken}; -1 if there is none. */
    int free(Set<Integer> taken) {
        return take(taken, 0);
    }
}
