package io.passatelli.proto.icmp;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.base.RateLimit;
import io.passatelli.config.PlaneConfig;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import org.jspecify.annotations.Nullable;

/**
 * Opens ping sockets, icmp(7): SOCK_DGRAM of IPPROTO_ICMP, allowed to the groups in net.ipv4.ping_group_range. The kernel writes identifier and
 * checksum of what such a socket sends, and gives it the echo replies that bear its identifier, whoever they come from. That is why no two
 * sockets may share one: they are made with SO_REUSEADDR set, as raw sockets are, and the kernel would hand all replies to the youngest.
 */
final class PingSockets {
    private final Os os;
    private final Log log;
    private Ip source = Ip.UNSPECIFIED4;
    private @Nullable String device;
    private final SockAddr address = new SockAddr();
    private final RateLimit lines = new RateLimit();
    private boolean refusalSaid;

    PingSockets(Os os, Log log, PlaneConfig config) {
        this.os = os;
        this.log = log;
        adopt(config);
    }

    /** Sockets opened from now on are as {@code config} says. */
    void adopt(PlaneConfig config) {
        Ip outbound = config.host4().outbound();
        source = outbound == null ? Ip.UNSPECIFIED4 : outbound;
        device = config.host4().outboundInterface();
    }

    /**
     * Gives {@code flow} a socket connected to its host-side address, with the flow's identifier if it is free. {@link Drop#NONE}: done; else the
     * flow may have a socket all the same, which goes with it.
     */
    Drop open(PingFlow flow, long nowNs) {
        int fd = os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, Socket.IPPROTO_ICMP);
        if (fd < 0) {
            return refused(-fd);
        }
        flow.fd = fd;
        int rc = bind(fd, flow.guestPort(), Ip.isLoopback(flow.hostHigh, flow.hostLow));
        if (rc >= 0) {
            address.set(flow.hostHigh, flow.hostLow, 0, 0);
            rc = os.connect(fd, address);
        }
        return rc < 0 ? failed(-rc, nowNs) : Drop.NONE;
    }

    /** The chosen source does not hold on the host's loopback: nothing there could answer it. */
    private int bind(int fd, int identifier, boolean loopback) {
        Ip from = loopback ? Ip.UNSPECIFIED4 : source;
        if (device != null && !loopback) {
            int rc = os.bindToDevice(fd, device);
            if (rc < 0) {
                return rc;
            }
        }
        int rc = -Errno.EADDRINUSE;
        if (identifier != 0 && os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 0) >= 0) {
            address.set(from.high(), from.low(), identifier, 0);
            rc = os.bind(fd, address);
        }
        if (rc >= 0 || from.isUnspecified()) {
            return 0; // without a bind, connect(2) chooses identifier and source
        }
        address.set(from.high(), from.low(), 0, 0);
        return os.bind(fd, address);
    }

    private Drop refused(int errno) {
        switch (errno) {
            case Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOBUFS -> {
                return Drop.DESCRIPTORS_EXHAUSTED;
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

    /** connect(2) says EACCES for a broadcast address of one of the host's networks. */
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
