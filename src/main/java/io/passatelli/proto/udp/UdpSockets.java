package io.passatelli.proto.udp;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.HostSide;
import io.passatelli.config.PlaneConfig;
import io.passatelli.forward.DatagramListener;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;

import java.util.Objects;

/**
 * Opens the sockets of flows, udp(7), and sets their hop limits. A flow of the guest sends from the guest's own port if that can be had: others
 * (DNS resolvers, games, WireGuard) tell peers apart by it. A flow of the network's sends from where the peer sent to.
 *
 * <p>SO_REUSEADDR lets one port of the guest speak to many: the kernel gives a datagram to the socket that is connected to its sender. Path MTU
 * discovery stays as the kernel has it (PMTUDISC_WANT): what is longer than the path is cut up by the host, and if a router refuses a
 * datagram the error says so to us, and we to the guest.
 */
final class UdpSockets {
    private static final int ON = 1;

    private final Os os;
    private final Counters counters;
    private final SockAddr address = new SockAddr();
    private HostSide host4;
    private HostSide host6;
    private boolean closed;

    UdpSockets(Os os, Counters counters, PlaneConfig config) {
        this.os = os;
        this.counters = counters;
        host4 = config.host4();
        host6 = config.host6();
        closed = !config.closed().isEmpty();
    }

    /** Sockets opened from now on are as {@code config} says. */
    void adopt(PlaneConfig config) {
        host4 = config.host4();
        host6 = config.host6();
        closed = !config.closed().isEmpty();
    }

    /**
     * Gives {@code flow} a socket connected to its host-side endpoint. {@link Drop#NONE}: done; else the flow may have a socket all the same,
     * which goes with it.
     */
    Drop open(UdpFlow flow) {
        Drop drop = open(flow, flow.guestPort());
        if (drop != Drop.NONE || !speaksToItself(flow)) {
            return drop;
        }
        os.close(flow.fd);
        flow.fd = Os.NONE;
        counters.count(Drop.UDP_PORT_NOT_KEPT);
        return open(flow, 0);
    }

    /** A socket bound to the guest's port, and connected to the same one of the host itself, gets what it sends. */
    private boolean speaksToItself(UdpFlow flow) {
        return flow.from == null
                && flow.guestPort() == flow.farPort()
                && os.localAddress(flow.fd, address) >= 0
                && address.port() == flow.farPort()
                && address.high() == flow.hostHigh
                && address.low() == flow.hostLow;
    }

    /** {@code port}: of the host, if the flow is the guest's; 0: any. */
    private Drop open(UdpFlow flow, int port) {
        boolean v4 = Ip.isV4(flow.hostHigh, flow.hostLow);
        int fd = os.socket(v4 ? Socket.AF_INET : Socket.AF_INET6, Socket.SOCK_DGRAM, Socket.IPPROTO_UDP);
        if (fd < 0) {
            return refused(-fd);
        }
        flow.fd = fd;
        HostSide side = v4 ? host4 : host6;
        int rc = os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, ON);
        if (rc >= 0) {
            rc = os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_RCVBUF, Limits.UDP_RCVBUF_BYTES);
        }
        if (rc >= 0) {
            rc = v4
                    ? os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_RECVERR, ON)
                    : os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_RECVERR, ON);
        }
        if (rc >= 0 && !v4) {
            rc = os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, ON); // the port in IPv4 is another's
        }
        if (rc >= 0 && closed && Ip.isMulticast(flow.hostHigh, flow.hostLow)) {
            rc = leaveHostOut(fd, v4);
        }
        if (rc >= 0) {
            rc = flow.from == null ? bindForGuest(flow, side, port) : bindForPeer(flow, side);
        }
        if (rc >= 0) {
            rc = connect(flow, side);
        }
        if (rc < 0) {
            return failed(-rc);
        }
        int ignored =
                os.setOption(fd, Socket.IPPROTO_UDP, Socket.UDP_GRO, ON); // without it each datagram comes by itself
        return Drop.NONE;
    }

    /** Whom of a group the host itself is, or a socket of its own, does not hear the guest. */
    private int leaveHostOut(int fd, boolean v4) {
        return v4
                ? os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_MULTICAST_LOOP, 0)
                : os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_MULTICAST_LOOP, 0);
    }

    /** The chosen source and interface do not hold on the host's loopback: nothing there could answer. */
    private int bindForGuest(UdpFlow flow, HostSide side, int port) {
        boolean v4 = Ip.isV4(flow.hostHigh, flow.hostLow);
        boolean loopback = Ip.isLoopback(flow.hostHigh, flow.hostLow);
        String device = side.outboundInterface();
        if (device != null && !loopback) {
            int rc = os.bindToDevice(flow.fd, device);
            if (rc < 0) {
                return rc;
            }
        }
        Ip nobody = v4 ? Ip.UNSPECIFIED4 : Ip.UNSPECIFIED6;
        Ip outbound = side.outbound();
        Ip source = outbound == null || loopback ? nobody : outbound;
        address(source.high(), source.low(), port, side.interfaceIndex());
        int rc = os.bind(flow.fd, address);
        if (rc != -Errno.EADDRINUSE && rc != -Errno.EACCES) {
            return rc;
        }
        counters.count(Drop.UDP_PORT_NOT_KEPT);
        address(source.high(), source.low(), 0, side.interfaceIndex());
        return os.bind(flow.fd, address);
    }

    private int bindForPeer(UdpFlow flow, HostSide side) {
        DatagramListener at = Objects.requireNonNull(flow.from);
        String device = at.device();
        if (device != null) {
            int rc = os.bindToDevice(flow.fd, device);
            if (rc < 0) {
                return rc;
            }
        }
        int scope = flow.hostScope != 0 ? flow.hostScope : side.interfaceIndex();
        address(flow.localHigh, flow.localLow, at.port(), scope);
        return os.bind(flow.fd, address);
    }

    /** connect(2) says EACCES for a broadcast address of one of the host's networks. */
    private int connect(UdpFlow flow, HostSide side) {
        int scope = flow.hostScope != 0 ? flow.hostScope : side.interfaceIndex();
        address(flow.hostHigh, flow.hostLow, flow.farPort(), scope);
        int rc = os.connect(flow.fd, address);
        if (rc != -Errno.EACCES) {
            return rc;
        }
        rc = os.setOption(flow.fd, Socket.SOL_SOCKET, Socket.SO_BROADCAST, ON);
        return rc < 0 ? rc : os.connect(flow.fd, address);
    }

    /** An address of link scope means nothing without its interface, RFC 4007 §6. */
    private void address(long high, long low, int port, int scope) {
        boolean scoped = !Ip.isV4(high, low) && (Ip.isLinkLocal(high, low) || isLinkScopeGroup(high));
        address.set(high, low, port, scoped ? scope : 0);
    }

    /** RFC 4291 §2.7: groups of interface and link scope. */
    private static boolean isLinkScopeGroup(long high) {
        int scope = (int) (high >>> 48) & 0xf;
        return high >>> 56 == 0xff && (scope == 1 || scope == 2);
    }

    /** Has {@code flow} send with {@code hops} as TTL or hop limit, from the next datagram on. */
    @HotPath
    void hops(UdpFlow flow, int hops) {
        boolean group = Ip.isMulticast(flow.hostHigh, flow.hostLow);
        int ignored; // with another hop limit than the guest's it still arrives
        if (Ip.isV4(flow.hostHigh, flow.hostLow)) {
            ignored = os.setOption(flow.fd, Socket.IPPROTO_IP, group ? Socket.IP_MULTICAST_TTL : Socket.IP_TTL, hops);
        } else {
            ignored = os.setOption(
                    flow.fd, Socket.IPPROTO_IPV6, group ? Socket.IPV6_MULTICAST_HOPS : Socket.IPV6_UNICAST_HOPS, hops);
        }
        flow.hops = hops;
    }

    private static Drop refused(int errno) {
        return switch (errno) {
            case Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOBUFS -> Drop.DESCRIPTORS_EXHAUSTED;
            case Errno.EAFNOSUPPORT -> Drop.UDP_NO_ROUTE; // a host without IPv6
            default -> Drop.UDP_SOCKET_REFUSED;
        };
    }

    private static Drop failed(int errno) {
        return switch (errno) {
            case Errno.ENETUNREACH, Errno.EHOSTUNREACH, Errno.EADDRNOTAVAIL, Errno.ENODEV -> Drop.UDP_NO_ROUTE;
            case Errno.EINVAL, Errno.EACCES -> Drop.UDP_BAD_DESTINATION;
            default -> refused(errno);
        };
    }
}
