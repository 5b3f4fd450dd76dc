package io.passatelli.forward;

import io.passatelli.base.Limits;
import io.passatelli.config.PortForward;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;

/**
 * Makes the sockets that listen for forwards, and says why one cannot be had. SO_REUSEADDR is for UDP, because the flows that begin there have
 * sockets at the same port, and for TCP, because connections of an earlier listener may not have ended.
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

    /** Whether this kernel has IPv6 at all. */
    boolean hasIp6() {
        int fd = os.socket(Socket.AF_INET6, Socket.SOCK_DGRAM, Socket.IPPROTO_UDP);
        if (fd >= 0) {
            os.close(fd);
        }
        return fd != -Errno.EAFNOSUPPORT;
    }

    /** The index of an interface; 0: there is no telling; {@code -errno}: there is no such interface. */
    int interfaceIndex(String device) {
        int fd = os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, Socket.IPPROTO_UDP);
        if (fd < 0) {
            return 0;
        }
        int rc = os.bindToDevice(fd, device);
        int index = rc < 0 ? rc : Math.max(0, os.option(fd, Socket.SOL_SOCKET, Socket.SO_BINDTOIFINDEX));
        os.close(fd);
        return index;
    }

    /** A socket that listens at {@code port} of {@code site}, or {@code -errno}. */
    int open(Site site, int port) {
        PortForward.Protocol protocol = site.name.protocol();
        int family = site.isV4() ? Socket.AF_INET : Socket.AF_INET6;
        int fd =
                switch (protocol) {
                    case UDP -> os.socket(family, Socket.SOCK_DGRAM, Socket.IPPROTO_UDP);
                    case TCP -> os.socket(family, Socket.SOCK_STREAM, Socket.IPPROTO_TCP);
                };
        if (fd < 0) {
            return fd;
        }
        int rc =
                switch (protocol) {
                    case UDP -> prepareDatagrams(fd, site.isV4());
                    case TCP -> 0;
                };
        if (rc >= 0) {
            rc = bind(fd, site, port);
        }
        if (rc >= 0 && protocol == PortForward.Protocol.TCP) {
            rc = os.listen(fd, Limits.TCP_BACKLOG);
        }
        if (rc < 0) {
            os.close(fd);
            return rc;
        }
        return fd;
    }

    /** Room for a burst; and each datagram tells where it was sent to, for which IPv6's option will do where both families are heard. */
    private int prepareDatagrams(int fd, boolean v4) {
        int rc = os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_RCVBUF, Limits.UDP_RCVBUF_BYTES);
        if (rc < 0) {
            return rc;
        }
        return v4
                ? os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_PKTINFO, 1)
                : os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_RECVPKTINFO, 1);
    }

    private int bind(int fd, Site site, int port) {
        int rc = os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 1);
        if (rc >= 0 && !site.isV4()) { // said either way: net.ipv6.bindv6only is the default
            rc = os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, site.name.both() ? 0 : 1);
        }
        if (rc >= 0 && freebind) {
            rc = site.isV4()
                    ? os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_FREEBIND, 1)
                    : os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_FREEBIND, 1);
        }
        String device = site.name.device();
        if (rc >= 0 && device != null) {
            rc = os.bindToDevice(fd, device);
        }
        if (rc >= 0) {
            address.set(site.name.address().high(), site.name.address().low(), port, site.name.interfaceIndex());
            rc = os.bind(fd, address);
        }
        return rc;
    }

    /** Whether no other port can be had either. */
    static boolean isWant(int errno) {
        return switch (errno) {
            case Errno.EMFILE, Errno.ENFILE, Errno.ENOBUFS, Errno.ENOMEM, Errno.ENOSPC -> true;
            default -> false;
        };
    }

    static String reason(int errno, PortForward.Protocol protocol, int port) {
        String text = Errno.text(errno);
        return switch (errno) {
            case Errno.EACCES -> text + "; the sysctl net.ipv4.ip_unprivileged_port_start must be at most " + port;
            case Errno.EADDRINUSE ->
                text + "; 'ss -lnp" + (protocol == PortForward.Protocol.TCP ? "t" : "u") + "' says who has it";
            case Errno.EADDRNOTAVAIL -> text + "; the host does not have that address";
            case Errno.ENODEV -> text + "; there is no interface of that name";
            case Errno.EPERM -> text + "; before Linux 5.7 only CAP_NET_RAW may choose an interface";
            case Errno.EMFILE -> text + "; the limit of open files (ulimit -n) is too low";
            case Errno.ENFILE -> text + "; the sysctl fs.file-max is too low";
            case Errno.ENOSPC -> text + "; the sysctl fs.epoll.max_user_watches is too low";
            default -> text;
        };
    }
}
