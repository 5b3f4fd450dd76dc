package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import io.passatelli.os.Datagrams;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.SockAddr;
import io.passatelli.os.SockAddrs;
import io.passatelli.os.Socket;
import io.passatelli.os.SocketError;
import org.jspecify.annotations.Nullable;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/**
 * udp(7), ip(7), ipv6(7). An error that ICMP reported is told once by whichever of receive, send and SO_ERROR asks first, and again by the error
 * queue, which shows as EPOLLERR until it is read. Sending may find the buffer full at any time; room comes with an edge. What does not fit a
 * receive buffer is lost. Connecting anew is possible, dissolving a connection is not modelled.
 */
final class SimUdp extends SimSocket {
    static final int LOOPBACK_MTU = 65_535; // of 65536, as much as IP can say
    private static final int MOST4 = 65_507;
    private static final int MOST6 = 65_527;
    private static final int TTL = 64;
    private static final int MULTICAST_TTL = 1;
    private static final int INTERFACE = 2;
    private static final int LOOPBACK_INTERFACE = 1;

    /** A datagram that waits; which interface it came by was looked up then, 0 if nobody wanted to know. */
    private record Waiting(SimDatagram datagram, int cameBy) {}

    private final ArrayDeque<Waiting> queue = new ArrayDeque<>();
    private final SimErrorQueue errors = new SimErrorQueue();
    private final SimWay way;
    private final boolean v4;
    private long queueCost;
    private Ip localIp;
    private int port;
    private @Nullable Ip peer;
    private int peerPort;
    private boolean boundOnly6;
    private boolean full;
    private @Nullable SimDatagram last;

    SimUdp(SimKernel kernel, boolean v4) {
        super(kernel);
        this.v4 = v4;
        this.way = new SimWay(kernel);
        this.localIp = v4 ? Ip.UNSPECIFIED4 : Ip.UNSPECIFIED6;
    }

    // Names.

    @Override
    int bind(SockAddr address) {
        if (address.family() != (v4 ? Socket.AF_INET : Socket.AF_INET6)) {
            return v4 ? -Errno.EAFNOSUPPORT : -Errno.EINVAL;
        }
        Ip wanted = new Ip(address.high(), address.low());
        boolean anyAddress = has(Socket.IPPROTO_IP, Socket.IP_FREEBIND)
                || wanted.isUnspecified()
                || wanted.isMulticast()
                || wanted.equals(Ip.BROADCAST4);
        if (!anyAddress && !kernel.net.isLocal(wanted)) {
            return -Errno.EADDRNOTAVAIL;
        }
        if (port != 0) {
            return -Errno.EINVAL;
        }
        if (!take(wanted, address.port())) {
            return -Errno.EADDRINUSE;
        }
        boundOnly6 = !v4 && !wanted.isUnspecified();
        return 0;
    }

    private boolean take(Ip address, int wanted) {
        int taken = kernel.net.udp.take(this, address, wanted);
        if (taken < 0) {
            return false;
        }
        port = taken;
        localIp = address;
        kernel.net.udp.hash(this);
        return true;
    }

    @Override
    int connect(SockAddr address) {
        if (port == 0 && !take(localIp, 0)) {
            return -Errno.EAGAIN;
        }
        boolean to4 = address.family() == Socket.AF_INET;
        if (to4 ? isOnlyV6() : v4) {
            return -Errno.EAFNOSUPPORT;
        }
        Ip to = new Ip(address.high(), address.low());
        boolean mapped = localIp.isV4() && !localIp.isUnspecified();
        if (to.isUnspecified() && !to4 && mapped) { // of an IPv6 socket
            to = Ip.LOOPBACK4;
            to4 = true;
        } else if (to.isUnspecified()) {
            Ip own = mapped ? localIp : Ip.LOOPBACK4; // ip_route_output_key_hash
            to = to4 ? own : Ip.LOOPBACK6;
        }
        if (!localIp.isUnspecified() && localIp.isV4() != to4) {
            return to4 ? -Errno.ENETUNREACH : -Errno.EAFNOSUPPORT;
        }
        int refused = routeError(to);
        if (refused != 0) {
            return refused;
        }
        boolean anew = isPeer(to, address.port());
        peer = to;
        peerPort = address.port();
        if (localIp.isUnspecified()) {
            localIp = kernel.net.sourceFor(to);
        }
        if (!anew) {
            kernel.net.udp.hash(this);
        }
        return 0;
    }

    private int routeError(Ip to) {
        if (localIp.isLoopback() && !kernel.net.isLocal(to)) {
            return -Errno.EINVAL;
        }
        if (!localIp.isUnspecified() && !kernel.net.isLocal(localIp)) {
            return -Errno.ENETUNREACH;
        }
        if (isBroadcast(to) && !has(Socket.SOL_SOCKET, Socket.SO_BROADCAST)) {
            return -Errno.EACCES;
        }
        FarHost host = kernel.net.knownHost(to);
        return host == null || kernel.net.isLocal(to) ? 0 : host.routeError();
    }

    static boolean isBroadcast(Ip to) {
        return to.equals(Ip.BROADCAST4) || to.isV4() && to.v4() == 0x7fffffff;
    }

    /** It ends both ways of an unconnected socket as well, though it says that it does not. */
    @Override
    int shutdown(int how) {
        int bits = shutdownBits(how);
        if (bits == 0) {
            return -Errno.EINVAL;
        }
        shutRead |= (bits & 1) != 0;
        shutWrite |= (bits & 2) != 0;
        wake(ANY);
        return peer == null ? -Errno.ENOTCONN : 0;
    }

    @Override
    void localAddress(SockAddr out) {
        out.set(localIp.high(), localIp.low(), port, 0);
    }

    // Options.

    @Override
    int setOption(int level, int name, int value) {
        if (level == Socket.IPPROTO_IPV6 && v4) {
            return -Errno.ENOPROTOOPT;
        }
        if (level == Socket.IPPROTO_IP && name == Socket.IP_TTL && value != -1 && (value < 1 || value > 255)) {
            return -Errno.EINVAL;
        }
        if (level == Socket.IPPROTO_IP && name == Socket.IP_MULTICAST_TTL && (value < -1 || value > 255)) {
            return -Errno.EINVAL;
        }
        boolean discovery = level == Socket.IPPROTO_IP && name == Socket.IP_MTU_DISCOVER
                || level == Socket.IPPROTO_IPV6 && name == Socket.IPV6_MTU_DISCOVER;
        if (discovery && value < 0) {
            return -Errno.EINVAL;
        }
        boolean hops = name == Socket.IPV6_UNICAST_HOPS || name == Socket.IPV6_MULTICAST_HOPS;
        if (level == Socket.IPPROTO_IPV6 && hops && (value < -1 || value > 255)) {
            return -Errno.EINVAL;
        }
        if (level == Socket.IPPROTO_IPV6 && name == Socket.IPV6_V6ONLY && port != 0) {
            return -Errno.EINVAL;
        }
        boolean queues = level == Socket.IPPROTO_IP && name == Socket.IP_RECVERR
                || level == Socket.IPPROTO_IPV6 && name == Socket.IPV6_RECVERR;
        if (queues && value == 0) {
            errors.clear();
        }
        return super.setOption(level, name, value);
    }

    private boolean has(int level, int name) {
        return option(level, name) > 0;
    }

    /** TTLs and path MTU discovery have a default, to which -1 leads back (net.ipv4.ip_default_ttl, ip_no_pmtu_disc and their kin untouched). */
    @Override
    int option(int level, int name) {
        if (level == Socket.IPPROTO_IPV6 && v4) {
            return -Errno.EOPNOTSUPP;
        }
        int set = super.option(level, name);
        return set >= 0 ? set : byDefault(level, name, set);
    }

    private static int byDefault(int level, int name, int otherwise) {
        return switch (level) {
            case Socket.IPPROTO_IP ->
                switch (name) {
                    case Socket.IP_TTL -> TTL;
                    case Socket.IP_MULTICAST_TTL -> MULTICAST_TTL;
                    case Socket.IP_MTU_DISCOVER -> Socket.PMTUDISC_WANT;
                    default -> otherwise;
                };
            case Socket.IPPROTO_IPV6 ->
                switch (name) {
                    case Socket.IPV6_UNICAST_HOPS -> TTL;
                    case Socket.IPV6_MULTICAST_HOPS -> MULTICAST_TTL;
                    case Socket.IPV6_MTU_DISCOVER -> Socket.PMTUDISC_WANT;
                    default -> otherwise;
                };
            default -> otherwise;
        };
    }

    private int ttl(Ip to) {
        boolean many = to.isMulticast();
        return to.isV4()
                ? option(Socket.IPPROTO_IP, many ? Socket.IP_MULTICAST_TTL : Socket.IP_TTL)
                : option(Socket.IPPROTO_IPV6, many ? Socket.IPV6_MULTICAST_HOPS : Socket.IPV6_UNICAST_HOPS);
    }

    private int discovery(Ip to) {
        return to.isV4()
                ? option(Socket.IPPROTO_IP, Socket.IP_MTU_DISCOVER)
                : option(Socket.IPPROTO_IPV6, Socket.IPV6_MTU_DISCOVER);
    }

    boolean mayShare() {
        return has(Socket.SOL_SOCKET, Socket.SO_REUSEADDR);
    }

    /** Told to be, or bound to an IPv6 address. */
    boolean isOnlyV6() {
        return boundOnly6 || !v4 && has(Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY);
    }

    boolean isV4() {
        return v4;
    }

    Ip localIp() {
        return localIp;
    }

    int port() {
        return port;
    }

    boolean isConnected() {
        return peer != null;
    }

    boolean isPeer(Ip address, int itsPort) {
        return address.equals(peer) && itsPort == peerPort;
    }

    /** 0 unless connected. */
    int peerPort() {
        return peerPort;
    }

    boolean isPeerAddress(Ip address) {
        return address.equals(peer);
    }

    // Sending.

    @Override
    long send(byte[] data, int flags) {
        int refused = check(data, 0);
        if (refused != 0) {
            return refused;
        }
        if (roomFor(1) == 0) {
            return -Errno.EAGAIN;
        }
        depart(data, 0);
        return data.length;
    }

    int sendMany(Datagrams from, int first, int count) {
        int most = count;
        for (int i = 0; i < count; i++) {
            byte[] data = SimBytes.gather(from, first + i);
            int segment = from.segmentSize(first + i);
            int refused = check(data, segment);
            if (refused != 0) {
                return i > 0 ? i : refused;
            }
            if (i == 0) {
                most = roomFor(count);
            }
            if (i == most) {
                return i > 0 ? i : -Errno.EAGAIN;
            }
            depart(data, segment);
            from.set(first + i, data.length, false);
        }
        return count;
    }

    /** How many of {@code count} there is room for. */
    private int roomFor(int count) {
        if (kernel.settings.lockstep()) {
            return count;
        }
        int room = full ? 0 : (int) kernel.chooser().count(Choice.SEND, 0, count);
        if (room == 0 && !full) {
            full = true;
            kernel.clock.in(kernel.chooser().count(Choice.LATENCY_NS, 0, kernel.settings.latencyMostNs()), () -> {
                full = false;
                wake(Epoll.OUT);
            });
        }
        return room;
    }

    /** 0 if {@code data} may leave, in the order in which udp_sendmsg finds fault. */
    private int check(byte[] data, int segment) {
        if (port == 0 && !take(localIp, 0)) {
            return -Errno.EAGAIN;
        }
        Ip to = peer;
        if (v4 && data.length > 0xffff) {
            return -Errno.EMSGSIZE;
        }
        if (to == null) {
            return -Errno.EDESTADDRREQ;
        }
        int refused = routeError(to);
        if (refused != 0) {
            return refused;
        }
        int mtu = kernel.net.udp.mtu(to);
        int most = to.isV4() ? MOST4 : MOST6;
        if (discovery(to) >= Socket.PMTUDISC_DO && segment == 0) {
            most = Math.min(most, mtu - SimDatagram.headers(to));
        }
        if (data.length > most) {
            if (wantsErrors(to)) {
                errors.addLocal(Errno.EMSGSIZE, mtu, to, peerPort);
                wake(Epoll.ERR);
            }
            return -Errno.EMSGSIZE;
        }
        if (hasError()) {
            return -takeError();
        }
        if (shutWrite) {
            return -Errno.EPIPE;
        }
        if (segment > 0 && tooMany((data.length + segment - 1) / segment)) {
            return -Errno.EINVAL;
        }
        if (segment > 0 && segment + SimDatagram.headers(to) > mtu) {
            return -Errno.EMSGSIZE;
        }
        boolean out = kernel.settings.unreliable() && !kernel.net.isLocal(to);
        return out && kernel.chooser().count(Choice.NO_BUFFER, 0, 1) == 1 ? -Errno.ENOBUFS : 0;
    }

    private boolean tooMany(int segments) {
        return segments > 2 * Socket.UDP_MAX_SEGMENTS
                || segments > Socket.UDP_MAX_SEGMENTS && kernel.chooser().maybe(Choice.SEGMENTS, -Errno.EINVAL);
    }

    /** The loopback interface takes segments as one: they are cut for the socket that gets them; an error is about, and quotes, all of them. */
    private void depart(byte[] data, int segment) {
        Ip to = Objects.requireNonNull(peer);
        if (kernel.net.isLocal(to)) {
            SimDatagram all = datagram(to, data);
            List<SimDatagram> pieces = pieces(to, data, segment);
            way.within(() -> {
                if (!kernel.net.udp.deliver(pieces)) {
                    kernel.net.udp.onIcmp(SimIcmp.portUnreachable(to), all);
                }
            });
        } else {
            FarHost host = kernel.net.host(to);
            pieces(to, data, segment).forEach(piece -> way.between(() -> host.onDatagram(piece)));
        }
        mayWake(Epoll.OUT); // the interface has taken it: there is more room than before
    }

    private List<SimDatagram> pieces(Ip to, byte[] data, int segment) {
        List<SimDatagram> pieces = new ArrayList<>();
        int step = segment == 0 ? Math.max(1, data.length) : segment;
        int at = 0;
        do {
            pieces.add(datagram(to, Arrays.copyOfRange(data, at, Math.min(at + step, data.length))));
            at += step;
        } while (at < data.length);
        return pieces;
    }

    private SimDatagram datagram(Ip to, byte[] bytes) {
        boolean whole = !to.isV4() || discovery(to) != Socket.PMTUDISC_DONT;
        return new SimDatagram(localIp, port, to, peerPort, bytes, ttl(to), whole);
    }

    // Receiving.

    /** Queued, or dropped without a word. */
    void arrived(SimDatagram datagram) {
        if (queueCost <= option(Socket.SOL_SOCKET, Socket.SO_RCVBUF)) {
            int cameBy = wantsLocal(datagram) || !datagram.isV4() ? interfaceTo(datagram.from) : 0;
            queue.add(new Waiting(datagram, cameBy));
            queueCost += datagram.cost();
            wake(Epoll.IN);
        }
    }

    void onIcmp(SimIcmp message, SimDatagram about) {
        if (message.isTooBig() && about.isV4() && discovery(about.to) == Socket.PMTUDISC_DONT) {
            return;
        }
        if (wantsErrors(about.to)) {
            errors.addIcmp(message, about);
        } else if (!message.isHard() || peer == null) {
            return;
        }
        fail(message.errno());
        wake(Epoll.ERR);
    }

    private boolean wantsErrors(Ip to) {
        return to.isV4() ? has(Socket.IPPROTO_IP, Socket.IP_RECVERR) : has(Socket.IPPROTO_IPV6, Socket.IPV6_RECVERR);
    }

    /** sock_dequeue_err_skb: the pending error becomes that of the next entry. */
    @Override
    int takeQueuedError(SocketError out) {
        if (errors.isEmpty()) {
            return -Errno.EAGAIN;
        }
        boolean icmp = errors.startsWithIcmp();
        errors.take(out);
        if (errors.startsWithIcmp()) {
            fail(errors.errno());
        } else if (icmp) {
            fail(0);
        }
        if (!errors.isEmpty()) {
            wake(Epoll.ERR);
        }
        return 0;
    }

    /** How many datagrams a batch of {@code room} may give, or {@code -errno}. */
    private int ready(int room) {
        if (hasError()) {
            return -takeError();
        }
        int most = Math.min(room, queue.size());
        if (most == 0) {
            return -Errno.EAGAIN;
        }
        return most;
    }

    /** It goes on as long as there are datagrams and room, so a short batch means that the socket was empty. */
    int receiveMany(Datagrams into, int flags) {
        assert (flags & Socket.MSG_PEEK) == 0;
        int n = ready(into.count());
        for (int i = 0; i < n; i++) {
            Waiting next = remove();
            SimDatagram datagram = next.datagram;
            int length = SimBytes.scatter(datagram.bytes, into, i);
            into.set(i, length, length < datagram.bytes.length);
            sender(SENDER, datagram);
            into.setPeer(i, SENDER);
            if (wantsLocal(datagram)) {
                into.setLocal(i, datagram.to.high(), datagram.to.low(), next.cameBy);
            }
        }
        return n;
    }

    private static final SockAddr SENDER = new SockAddr();

    private int interfaceTo(Ip peerAddress) {
        return kernel.net.isLocal(peerAddress) ? LOOPBACK_INTERFACE : INTERFACE;
    }

    /** Either family's option will do for what came by IPv4 to an IPv6 socket. */
    private boolean wantsLocal(SimDatagram datagram) {
        boolean by4 = datagram.isV4() && has(Socket.IPPROTO_IP, Socket.IP_PKTINFO);
        return by4 || !v4 && has(Socket.IPPROTO_IPV6, Socket.IPV6_RECVPKTINFO);
    }

    private Waiting remove() {
        Waiting next = queue.remove();
        queueCost -= next.datagram.cost();
        return next;
    }

    /** One datagram a call; what does not fit is lost, recv(2). */
    @Override
    long receive(byte[] into, int flags) {
        int n = ready(1);
        if (n < 0) {
            return n;
        }
        SimDatagram datagram = (flags & Socket.MSG_PEEK) != 0 ? queue.getFirst().datagram : remove().datagram;
        last = datagram;
        int length = Math.min(datagram.bytes.length, into.length);
        System.arraycopy(datagram.bytes, 0, into, 0, length);
        return (flags & Socket.MSG_TRUNC) != 0 ? datagram.bytes.length : length;
    }

    @Override
    void sender(SockAddr out) {
        if (last == null) {
            SockAddrs.setNone(out);
        } else {
            sender(out, last);
        }
    }

    private static void sender(SockAddr out, SimDatagram datagram) {
        out.set(datagram.from.high(), datagram.from.low(), datagram.fromPort, 0);
    }

    // poll(2), close(2).

    @Override
    int certain() {
        return (queue.isEmpty() && !shutRead ? 0 : Epoll.IN)
                | (shutRead ? Epoll.RDHUP : 0)
                | (shutRead && shutWrite ? Epoll.HUP : 0)
                | (hasError() || !errors.isEmpty() ? Epoll.ERR : 0)
                | (full ? 0 : Epoll.OUT);
    }

    @Override
    void released() {
        kernel.net.udp.free(this);
    }

    @Override
    public String toString() {
        return "UDP socket " + localIp + " port " + port + " to " + peer + " port " + peerPort;
    }
}
