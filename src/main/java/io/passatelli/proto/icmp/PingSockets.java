package io.passatelli.proto.icmp;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.base.RateLimit;
import io.passatelli.config.HostSide;
import io.passatelli.config.PlaneConfig;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;

/**
 * Opens ping sockets, icmp(7): SOCK_DGRAM of IPPROTO_ICMP or IPPROTO_ICMPV6, allowed to the groups in net.ipv4.ping_group_range, for both
 * families. The kernel writes identifier and checksum of what such a socket sends, and gives it the echo replies that bear its identifier,
 * whoever they come from. That is why no two sockets may share one: they are made with SO_REUSEADDR set, as raw sockets are, and the kernel
 * would hand all replies to the youngest.
 */
final class PingSockets {
    private final Os os;
    private final Log log;
    private HostSide host4;
    private HostSide host6;
    private final SockAddr address = new SockAddr();
    private final RateLimit lines = new RateLimit();
    private boolean refusalSaid;

    PingSockets(Os os, Log log, PlaneConfig config) {
        this.os = os;
        this.log = log;
        host4 = config.host4();
        host6 = config.host6();
    }

    /** Sockets opened from now on are as {@code config} says. */
    void adopt(PlaneConfig config) {
        host4 = config.host4();
        host6 = config.host6();
    }

    /**
     * Gives {@code flow} a socket connected to its host-side address, with the flow's identifier if it is free. {@link Drop#NONE}: done; else the
     * flow may have a socket all the same, which goes with it.
     */
    Drop open(PingFlow flow, long nowNs) {
        boolean v4 = flow.isV4();
        int fd = v4
                ? os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, Socket.IPPROTO_ICMP)
                : os.socket(Socket.AF_INET6, Socket.SOCK_DGRAM, Socket.IPPROTO_ICMPV6);
        if (fd < 0) {
            return refused(-fd);
        }
        flow.fd = fd;
        HostSide side = v4 ? host4 : host6;
        int rc = Ip.isLoopback(flow.hostHigh, flow.hostLow)
                ? bind(
                        fd,
                        flow.guestPort(),
                        v4,
                        HostSide.PLAIN) // a chosen source does not hold there: nothing could answer it
                : bind(fd, flow.guestPort(), v4, side);
        if (rc >= 0) {
            address(flow.hostHigh, flow.hostLow, 0, side);
            rc = os.connect(fd, address);
        }
        return rc < 0 ? failed(-rc, nowNs) : Drop.NONE;
    }

    private int bind(int fd, int identifier, boolean v4, HostSide side) {
        String device = side.outboundInterface();
        if (device != null) {
            int rc = os.bindToDevice(fd, device);
            if (rc < 0) {
                return rc;
            }
        }
        Ip nobody = v4 ? Ip.UNSPECIFIED4 : Ip.UNSPECIFIED6;
        Ip outbound = side.outbound();
        Ip from = outbound == null ? nobody : outbound;
        int rc = -Errno.EADDRINUSE;
        if (identifier != 0 && os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 0) >= 0) {
            address(from.high(), from.low(), identifier, side);
            rc = os.bind(fd, address);
        }
        if (rc >= 0 || from.isUnspecified()) {
            return 0; // without a bind, connect(2) chooses identifier and source
        }
        address(from.high(), from.low(), 0, side);
        return os.bind(fd, address);
    }

    /** A link-local address means nothing without its interface, RFC 4007 §6. */
    private void address(long high, long low, int port, HostSide side) {
        boolean scoped = !Ip.isV4(high, low) && Ip.isLinkLocal(high, low);
        address.set(high, low, port, scoped ? side.interfaceIndex() : 0);
    }

    private Drop refused(int errno) {
        switch (errno) {
            case Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOBUFS -> {
                return Drop.DESCRIPTORS_EXHAUSTED;
            }
            case Errno.EAFNOSUPPORT -> {
                return Drop.ICMP_SOCKET_REFUSED; // a kernel without IPv6
            }
            default -> {
                if (!refusalSaid) {
                    refusalSaid = true;
                    log.warn("the kernel refuses ping sockets (" + Errno.text(errno)
                            + "), so the guest's pings are dropped:"
                            + " the sysctl net.ipv4.ping_group_range must contain a group of this process");
                }
                return Drop.ICMP_SOCKET_REFUSED;
            }
        }
    }

    /** connect(2) says EACCES for a broadcast address of one of the host's networks, EINVAL for a link-local one without interface. */
    private Drop failed(int errno, long nowNs) {
        if (errno == Errno.EACCES || errno == Errno.EINVAL) {
            return Drop.ICMP_BAD_DESTINATION;
        }
        if (log.at(Log.Level.DEBUG) && lines.allows(nowNs)) {
            String leftOut = lines.leftOut();
            log.debug(() -> "no way to the destination of a ping: " + Errno.text(errno) + leftOut);
        }
        return Drop.ICMP_SEND_FAILED;
    }
}
