package io.passatelli.forward;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.PortForward;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;

/**
 * Makes the sockets that listen for forwards, and says why one cannot be had. Each is of one family alone: so a peer's address is of the family
 * that the guest is to see. SO_REUSEADDR is for UDP, because the flows that begin there have sockets at the same port, and for TCP, because
 * connections of an earlier listener may not have ended.
 */
final class ListenerSockets {
    private final Os os;
    private final SockAddr address = new SockAddr();
    private boolean freebind;

    ListenerSockets(Os os) {
        this.os = os;
    }

    /** From now on sockets may listen at addresses that the host does not have, or not yet: ip(7). */
    void freebind() {
        freebind = true;
    }

    /** A socket that listens at {@code endpoint}, or {@code -errno}. */
    int open(ForwardTable.Endpoint endpoint) {
        boolean v4 = endpoint.address().isV4();
        int family = v4 ? Socket.AF_INET : Socket.AF_INET6;
        int fd =
                switch (endpoint.protocol()) {
                    case UDP -> os.socket(family, Socket.SOCK_DGRAM, Socket.IPPROTO_UDP);
                    case TCP -> os.socket(family, Socket.SOCK_STREAM, Socket.IPPROTO_TCP);
                };
        if (fd < 0) {
            return fd;
        }
        int rc =
                switch (endpoint.protocol()) {
                    case UDP -> prepareDatagrams(fd, v4);
                    case TCP -> 0;
                };
        if (rc >= 0) {
            rc = bind(fd, endpoint);
        }
        if (rc >= 0 && endpoint.protocol() == PortForward.Protocol.TCP) {
            rc = os.listen(fd, Limits.TCP_BACKLOG);
        }
        if (rc < 0) {
            os.close(fd);
            return rc;
        }
        return fd;
    }

    /** Room for a burst; and each datagram tells where it was sent to. */
    private int prepareDatagrams(int fd, boolean v4) {
        int rc = os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_RCVBUF, Limits.UDP_RCVBUF_BYTES);
        if (rc < 0) {
            return rc;
        }
        return v4
                ? os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_PKTINFO, 1)
                : os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_RECVPKTINFO, 1);
    }

    private int bind(int fd, ForwardTable.Endpoint endpoint) {
        int rc = os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 1);
        if (rc >= 0 && !endpoint.address().isV4()) {
            rc = os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, 1);
        }
        if (rc >= 0 && freebind) {
            rc = endpoint.address().isV4()
                    ? os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_FREEBIND, 1)
                    : os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_FREEBIND, 1);
        }
        String device = endpoint.device();
        if (rc >= 0 && device != null) {
            rc = os.bindToDevice(fd, device);
        }
        if (rc >= 0) {
            address.set(endpoint.address().high(), endpoint.address().low(), endpoint.port(), 0);
            rc = os.bind(fd, address);
        }
        return rc;
    }

    /** A host without IPv6 listens for "all addresses" by IPv4 alone. */
    static boolean isWithoutIp6(ForwardTable.Endpoint endpoint, int errno) {
        return endpoint.address().equals(Ip.UNSPECIFIED6)
                && (errno == Errno.EAFNOSUPPORT || errno == Errno.EADDRNOTAVAIL);
    }

    static String reason(int errno, ForwardTable.Endpoint endpoint) {
        String text = Errno.text(errno);
        return switch (errno) {
            case Errno.EACCES ->
                text + "; the sysctl net.ipv4.ip_unprivileged_port_start must be at most " + endpoint.port();
            case Errno.EPERM -> text + "; only interfaces are allowed that exist";
            default -> text;
        };
    }
}
