package io.passatelli.proto.tcp;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.config.HostSide;
import io.passatelli.config.PlaneConfig;
import io.passatelli.flow.WayOut;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;

/**
 * Opens the sockets by which the guest's connections leave, tcp(7). The host chooses the source port. Nagle's algorithm is off: the guest has
 * its own, and what it sends is to leave at once.
 */
final class TcpSockets {
    private static final int ON = 1;

    private final Os os;
    private final SockAddr address = new SockAddr();
    private final SockAddr own = new SockAddr();
    private final WayOut way;

    TcpSockets(Os os, PlaneConfig config) {
        this.os = os;
        way = new WayOut(config);
    }

    /** Sockets opened from now on are as {@code config} says. */
    void adopt(PlaneConfig config) {
        way.adopt(config);
    }

    /**
     * Gives {@code flow} a socket, and begins to connect it to the flow's host-side endpoint. 1: it is connected; 0: that is under way; else
     * {@code -errno}, and the flow may have a socket all the same, which goes with it.
     */
    int connect(TcpFlow flow) {
        boolean v4 = Ip.isV4(flow.hostHigh, flow.hostLow);
        int fd = os.socket(v4 ? Socket.AF_INET : Socket.AF_INET6, Socket.SOCK_STREAM, Socket.IPPROTO_TCP);
        if (fd < 0) {
            return fd;
        }
        flow.fd = fd;
        int rc = prepare(fd);
        HostSide side = way.side(v4);
        if (rc >= 0 && !Ip.isLoopback(flow.hostHigh, flow.hostLow)) {
            rc = bind(fd, side);
        }
        if (rc >= 0) {
            address(flow.hostHigh, flow.hostLow, flow.farPort(), side);
            rc = os.connect(fd, address);
        }
        if (rc == -Errno.EINPROGRESS) {
            return 0;
        }
        return rc < 0 ? rc : isItself(flow) ? -Errno.ECONNREFUSED : 1;
    }

    /** Whether the kernel bound the socket of {@code flow}, which was opened before what was adopted last, to a way out that has become another. */
    boolean isMoved(TcpFlow flow) {
        return way.isMoved(flow.hostHigh, flow.hostLow);
    }

    /** What every socket of a flow has, also an accepted one. */
    int prepare(int fd) {
        return os.setOption(fd, Socket.IPPROTO_TCP, Socket.TCP_NODELAY, ON);
    }

    /** The chosen source and interface; they do not hold on the host's loopback. */
    private int bind(int fd, HostSide side) {
        String device = side.outboundInterface();
        if (device != null) {
            int rc = os.bindToDevice(fd, device);
            if (rc < 0) {
                return rc;
            }
        }
        Ip outbound = side.outbound();
        if (outbound == null) {
            return 0;
        }
        address(outbound.high(), outbound.low(), 0, side);
        return os.bind(fd, address);
    }

    /** A socket that the kernel gave the very port that it connects to on this host: nobody listens there. */
    boolean isItself(TcpFlow flow) {
        return Ip.isLoopback(flow.hostHigh, flow.hostLow)
                && os.localAddress(flow.fd, own) >= 0
                && own.port() == flow.farPort()
                && own.high() == flow.hostHigh
                && own.low() == flow.hostLow;
    }

    /** An address of link scope means nothing without its interface, RFC 4007 §6. */
    private void address(long high, long low, int port, HostSide side) {
        boolean scoped = !Ip.isV4(high, low) && Ip.isLinkLocal(high, low);
        address.set(high, low, port, scoped ? side.interfaceIndex() : 0);
    }

    /** What a failure to connect is counted as. */
    static Drop dropOf(int errno) {
        return switch (errno) {
            case Errno.EMFILE, Errno.ENFILE, Errno.ENOMEM, Errno.ENOBUFS -> Drop.DESCRIPTORS_EXHAUSTED;
            case Errno.ENETUNREACH, Errno.EHOSTUNREACH, Errno.EADDRNOTAVAIL, Errno.ENODEV, Errno.EAFNOSUPPORT ->
                Drop.TCP_NO_ROUTE;
            default -> Drop.TCP_CONNECT_FAILED;
        };
    }
}
