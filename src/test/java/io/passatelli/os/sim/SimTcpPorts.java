package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Who has which TCP port of ours, and who listens where, here and elsewhere. */
final class SimTcpPorts {
    private final SimKernel kernel;
    private final List<SimTcp> bound = new ArrayList<>();
    private final Map<SimNet.Endpoint, SimTcp> listeners = new HashMap<>();

    SimTcpPorts(SimKernel kernel) {
        this.kernel = kernel;
    }

    /**
     * A port for {@code socket} at {@code address}: {@code wanted}, or for 0 one that nobody has; -1 if it is taken. Sockets that all have SO_REUSEADDR
     * share a port until one listens (inet_csk_get_port).
     */
    int take(SimTcp socket, Ip address, int wanted) {
        int port = wanted != 0 ? wanted : kernel.net.free(ports());
        if (wanted != 0 && isTaken(socket, address, wanted)) {
            return -1;
        }
        if (port > 0) {
            bound.add(socket);
        }
        return port;
    }

    /** Whether {@code socket}, which is bound, may not listen: another came first. */
    boolean isContested(SimTcp socket) {
        SimNet.Endpoint at = socket.local();
        for (SimTcp other : bound) {
            if (other != socket && other.isListening() && overlap(socket, at.address(), at.port(), other)) {
                return true;
            }
        }
        return false;
    }

    private boolean isTaken(SimTcp socket, Ip address, int port) {
        for (SimTcp other : bound) {
            boolean shared = other.mayShare() && socket.mayShare() && !other.isListening();
            if (other != socket && !shared && overlap(socket, address, port, other)) {
                return true;
            }
        }
        return false;
    }

    private static boolean overlap(SimTcp socket, Ip address, int port, SimTcp other) {
        return other.local().port() == port
                && SimUdpPorts.collide(address, socket.isOnlyV6(), other.local().address(), other.isOnlyV6());
    }

    private Set<Integer> ports() {
        Set<Integer> ports = new HashSet<>();
        bound.forEach(socket -> ports.add(socket.local().port()));
        return ports;
    }

    void free(SimTcp socket) {
        bound.remove(socket);
    }

    void listen(SimTcp socket) {
        listeners.put(socket.local(), socket);
    }

    void unlisten(SimTcp socket) {
        listeners.remove(socket.local(), socket);
    }

    /** Who listens at {@code address}, or at a wildcard if the address is ours; IPv6's wildcard hears IPv4 unless it is IPV6_V6ONLY. */
    @Nullable
    SimTcp listener(Ip address, int port) {
        SimTcp exact = listeners.get(new SimNet.Endpoint(address, port));
        if (exact != null || !kernel.net.isLocal(address)) {
            return exact;
        }
        SimTcp any6 = listeners.get(new SimNet.Endpoint(Ip.UNSPECIFIED6, port));
        if (!address.isV4()) {
            return any6;
        }
        SimTcp any4 = listeners.get(new SimNet.Endpoint(Ip.v4(0), port));
        return any4 != null || any6 == null || any6.isOnlyV6() ? any4 : any6;
    }
}
