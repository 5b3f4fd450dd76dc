package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.MemInfo;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import org.jspecify.annotations.Nullable;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Objects;

/**
 * tcp(7) as a program sees it. Everything toward a socket is under way first: data, FIN, reset, the end of a handshake. It arrives after the
 * chooser's latency, in order; in lockstep it arrives when the other kernel's answers show it, or when it is settled.
 *
 * <p>Sending: {@code sk_stream_memory_free} lets a send buffer overshoot by one sk_buff; EPOLLOUT at two thirds or less
 * ({@code sk_stream_is_writeable}); its edge only after somebody saw the buffer full, by a short send or by poll (SOCK_NOSPACE), and only then
 * the buffer grows, up to tcp_wmem[2], unless SO_SNDBUF was set. The receiver's window closes at {@code SimSettings.tcpReceiveBytes}.
 *
 * <p>Ending: FIN is EOF and EPOLLRDHUP; close with unread data is a reset (RFC 2525 §2.17); data sent to a closed socket is answered by one.
 * So is data sent to a socket that is shut down both ways; it resets that socket too.
 * After a FIN the reset's error is EPIPE, before ECONNRESET, during the handshake ECONNREFUSED ({@code tcp_reset}).
 */
final class SimTcp extends SimSocket {
    private static final int OVERSHOOT = 32 << 10;
    private static final long PIECE_CHARGE = 2_304; // of a small sk_buff, more than enough
    private static final long HEADER_CHARGE = 1_280; // an sk_buff without payload: 832 on x86-64
    private static final long SEGMENT_BYTES = 16 << 10; // payload of one sk_buff of a long send, at least
    private static final long SYN_RETRY_NS = 1_000_000_000L;
    private static final long RESENDING_NS = 924_600_000_000L; // tcp(7), tcp_retries2
    private static final int SYN_RETRIES = 6; // net.ipv4.tcp_syn_retries

    private enum State {
        NEW,
        LISTEN,
        CONNECTING,
        CONNECTED,
        CLOSED
    }

    private final boolean v4;
    private State state = State.NEW;
    private SimNet.Endpoint local;
    private SimNet.@Nullable Endpoint remote;
    private final boolean far;
    private boolean ownsPort;
    private boolean portWasAsked;
    private long wayNs; // to the other end, beside what the chooser adds
    private @Nullable Runnable owner; // of a far end
    private boolean deaf;
    private boolean givesUp;

    private @Nullable SimTcp peer;
    private @Nullable SimTcp listener; // of the far end of a connect(2)
    private final SimBytes arrived = new SimBytes();
    private final SimBytes underWay = new SimBytes();
    private long perhapsShown; // lockstep: of what is under way, may have been here when an event was shown last
    private boolean finUnderWay;
    private boolean finSeen;
    private int resetUnderWay;
    private boolean released;
    private boolean connectToldOnce;

    private final ArrayDeque<SimTcp> handshakes = new ArrayDeque<>();
    private final ArrayDeque<SimTcp> acceptable = new ArrayDeque<>();
    private final ArrayDeque<Runnable> turnedAway = new ArrayDeque<>(); // lockstep: SYNs that will be sent again
    private int backlog;

    private int sendBuffer;
    private boolean sendBufferFixed;
    private boolean noSpace;
    private long finCharge; // of a FIN on the way
    private long overhead; // what the kernel charges beyond payload for what is queued
    private long chargedAtMost; // lockstep: acknowledgements are invisible
    private boolean resetsOnClose;

    SimTcp(SimKernel kernel, boolean v4) {
        this(kernel, v4, new SimNet.Endpoint(v4 ? Ip.v4(0) : Ip.UNSPECIFIED6, 0), false);
    }

    private SimTcp(SimKernel kernel, boolean v4, SimNet.Endpoint local, boolean far) {
        super(kernel);
        this.v4 = v4;
        this.local = local;
        this.far = far;
        this.sendBuffer = kernel.settings.tcpSendBufferBytes();
    }

    /** A socket of another host: its ports are not ours. */
    static SimTcp far(SimKernel kernel, Ip address, int port) {
        return new SimTcp(kernel, address.isV4(), new SimNet.Endpoint(address, port), true);
    }

    /** Who is to know of everything that happens here; it runs in the middle of it. */
    void ownedBy(Runnable who) {
        owner = who;
    }

    @Override
    void woken() {
        if (owner != null) {
            owner.run();
        }
    }

    /** From now on nothing arrives here, and nothing leaves: the host is gone without a word. */
    void becomeDeaf() {
        deaf = true;
        if (underWay.total() > 0) {
            giveUpLater();
        }
    }

    /** Who sent what never arrives here is told after fifteen resends (net.ipv4.tcp_retries2), by ETIMEDOUT. */
    private void giveUpLater() {
        SimTcp sender = peer;
        if (sender != null && !givesUp) {
            givesUp = true;
            kernel.clock.in(RESENDING_NS, () -> {
                if (sender.state == State.CONNECTED && !sender.released) {
                    sender.resetUnderWay = Errno.ETIMEDOUT;
                    sender.resetArrives();
                }
            });
        }
    }

    SimNet.Endpoint local() {
        return local;
    }

    SimNet.Endpoint remote() {
        return Objects.requireNonNull(remote);
    }

    boolean isConnected() {
        return state == State.CONNECTED;
    }

    /** Whether the FIN of the other end has come. */
    boolean hasFin() {
        return finSeen;
    }

    boolean isClosed() {
        return state == State.CLOSED;
    }

    private void onTheWay(Runnable what) {
        if (wayNs == 0 || kernel.settings.lockstep()) {
            kernel.onTheWay(what);
        } else {
            kernel.clock.in(wayNs, () -> kernel.onTheWay(what));
        }
    }

    // Names.

    boolean mayShare() {
        return isSet(Socket.SOL_SOCKET, Socket.SO_REUSEADDR);
    }

    /** Told to be, or bound to an IPv6 address. */
    boolean isOnlyV6() {
        return !v4
                && (isSet(Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY)
                        || !local.address().isUnspecified());
    }

    @Override
    int bind(SockAddr address) {
        if (local.port() != 0) {
            return -Errno.EINVAL;
        }
        if (address.family() != family()) {
            return v4 ? -Errno.EAFNOSUPPORT : -Errno.EINVAL;
        }
        Ip wanted = new Ip(address.high(), address.low());
        if (!wanted.isUnspecified() && !kernel.net.isLocal(wanted)) {
            return -Errno.EADDRNOTAVAIL;
        }
        portWasAsked = address.port() != 0;
        return bind(wanted, address.port()) ? 0 : -Errno.EADDRINUSE;
    }

    /** Takes the port that another kernel gave to who asked for any. */
    int bindAs(Ip address, int port) {
        return bind(address, port) ? 0 : -Errno.EADDRINUSE;
    }

    private boolean bind(Ip address, int port) {
        SimNet.Endpoint before = local;
        local = new SimNet.Endpoint(address, port); // what it is compared as
        int taken = kernel.net.tcp.take(this, address, port);
        local = taken < 0 ? before : new SimNet.Endpoint(address, taken);
        if (taken < 0) {
            return false;
        }
        ownsPort = true;
        return true;
    }

    @Override
    void localAddress(SockAddr out) {
        out.set(local.address().high(), local.address().low(), local.port(), 0);
    }

    private int family() {
        return v4 ? Socket.AF_INET : Socket.AF_INET6;
    }

    // Connections.

    @Override
    int listen(int most) {
        if (state != State.NEW && state != State.LISTEN) {
            return -Errno.EINVAL;
        }
        if (local.port() == 0 && !bind(local.address(), 0) || !far && kernel.net.tcp.isContested(this)) {
            return -Errno.EADDRINUSE;
        }
        state = State.LISTEN;
        backlog = most;
        kernel.net.tcp.listen(this);
        return 0;
    }

    @Override
    int connect(SockAddr to) {
        if (to.family() != family()) {
            return v4 ? -Errno.EAFNOSUPPORT : -Errno.EINVAL;
        }
        return switch (state) {
            case NEW -> connect(new Ip(to.high(), to.low()), to.port());
            case LISTEN -> -Errno.EISCONN;
            case CONNECTING -> -Errno.EALREADY;
            case CONNECTED -> {
                boolean first = !connectToldOnce;
                connectToldOnce = true;
                yield first ? 0 : -Errno.EISCONN; // connect(2) tells the success of a non-blocking one once
            }
            case CLOSED -> {
                if (connectToldOnce) {
                    yield -Errno.EISCONN;
                }
                int errno = takeError();
                becomeFresh();
                yield errno != 0 ? -errno : -Errno.ECONNABORTED;
            }
        };
    }

    /** {@code tcp_disconnect} after a connect(2) that failed. */
    private void becomeFresh() {
        state = State.NEW;
        shutRead = false;
        shutWrite = false;
        peer = null;
        if (ownsPort && !portWasAsked) {
            kernel.net.tcp.free(this);
            ownsPort = false;
            local = new SimNet.Endpoint(v4 ? Ip.v4(0) : Ip.UNSPECIFIED6, 0);
        }
    }

    private int connect(Ip to, int port) {
        FarHost host = kernel.net.knownHost(to);
        if (host != null && host.routeError() != 0) {
            return host.routeError();
        }
        if (local.port() == 0 && !bind(local.address(), 0)) {
            return -Errno.EADDRNOTAVAIL;
        }
        Ip there = !to.isUnspecified() ? to : v4 ? Ip.LOOPBACK4 : Ip.LOOPBACK6;
        if (local.address().isUnspecified()) {
            local = new SimNet.Endpoint(kernel.net.sourceFor(there), local.port());
        }
        connectFrom(there, port);
        return -Errno.EINPROGRESS;
    }

    /** The local name is known: the first SYN leaves. */
    void connectFrom(Ip to, int port) {
        remote = new SimNet.Endpoint(to, port);
        state = State.CONNECTING;
        FarHost host = kernel.net.knownHost(far ? local.address() : to);
        wayNs = host == null ? 0 : host.wayNs();
        overhead = kernel.chooser().count(Choice.OVERHEAD, 0, HEADER_CHARGE);
        chargedAtMost = PIECE_CHARGE;
        synTo(to, port, 0);
    }

    private void synTo(Ip to, int port, int tries) {
        if (state != State.CONNECTING || released || deaf) {
            return;
        }
        if (tries > SYN_RETRIES) {
            resetUnderWay = Errno.ETIMEDOUT;
            resetArrives();
            return;
        }
        FarHost host = kernel.net.knownHost(to);
        SimTcp found = kernel.net.tcp.listener(to, port);
        if (found == null) {
            if (host != null && host.connectError() != 0) {
                int errno = host.connectError();
                kernel.clock.in(host.delayNs(), () -> reset(errno));
            } else if (host != null && host.isUp() || kernel.net.isLocal(to)) {
                reset(Errno.ECONNREFUSED);
            } else {
                synAgain(to, port, tries); // nobody answers
            }
            return;
        }
        if (found.handshakes.size() + found.acceptable.size() > found.backlog) {
            if (kernel.settings.lockstep()) {
                found.turnedAway.add(() -> synTo(to, port, 0));
            }
            synAgain(to, port, tries);
            return;
        }
        SimTcp child = new SimTcp(kernel, v4, new SimNet.Endpoint(to, port), found.far);
        child.inherit(found);
        child.sendBuffer = found.sendBuffer;
        child.sendBufferFixed = found.sendBufferFixed;
        child.resetsOnClose = found.resetsOnClose;
        child.remote = local;
        child.wayNs = wayNs;
        child.state = State.CONNECTED;
        child.connectToldOnce = true;
        child.peer = this;
        peer = child;
        listener = found;
        found.handshakes.add(child);
        found.mayWake(Epoll.IN);
        onTheWay(() -> {
            established();
            found.handshakeDone(child);
        });
    }

    private void synAgain(Ip to, int port, int tries) {
        if (!kernel.settings.lockstep()) {
            kernel.clock.in(SYN_RETRY_NS << tries, () -> synTo(to, port, tries + 1));
        }
    }

    /** The SYN,ACK is here. */
    private void established() {
        if (state == State.CONNECTING && !released) {
            state = State.CONNECTED;
            overhead = 0;
            edges(ANY);
        }
    }

    private void handshakeDone(SimTcp child) {
        if (!released && handshakes.remove(child)) {
            acceptable.add(child);
            edges(Epoll.IN);
        }
    }

    @Override
    int mayAccept(int nextFd) {
        if (state != State.LISTEN) {
            return -Errno.EINVAL;
        }
        if (!acceptable.isEmpty()) {
            return 0;
        }
        if (handshakes.isEmpty()
                || !kernel.settings.lockstep()
                || !kernel.chooser().maybe(Choice.HANDSHAKE, nextFd)) {
            return -Errno.EAGAIN;
        }
        return 0;
    }

    @Override
    SimSocket accept(SockAddr peerOut) {
        SimTcp child = acceptable.isEmpty() ? handshakes.remove() : acceptable.remove();
        SimNet.Endpoint from = Objects.requireNonNull(child.remote);
        peerOut.set(from.address().high(), from.address().low(), from.port(), 0);
        SimTcp other = child.peer;
        if (other != null) {
            other.established();
        }
        if (!turnedAway.isEmpty()) {
            turnedAway.remove().run();
        }
        return child;
    }

    // Data.

    @Override
    long receive(byte[] into, int flags) {
        if (state == State.LISTEN) {
            return -Errno.ENOTCONN;
        }
        long sure = Math.min(into.length, arrived.total());
        long perhaps = kernel.settings.lockstep() ? Math.min(into.length, arrived.total() + underWay.total()) : sure;
        if (perhaps > 0) {
            long least = kernel.settings.lockstep() ? sure : Math.min(1, sure);
            long n = kernel.chooser().count(Choice.RECEIVE, least, perhaps);
            if (n > 0) {
                return take(into, n, flags);
            }
        }
        return sure > 0 ? 0 : nothingToRead();
    }

    private long take(byte[] into, long n, int flags) {
        if (n > arrived.total()) {
            established();
            bring(n - arrived.total());
        }
        boolean more = n < Math.min(into.length, arrived.total());
        arrived.peek(into);
        if ((flags & Socket.MSG_PEEK) != 0) {
            return n;
        }
        arrived.drop(n);
        if (more) {
            wake(Epoll.IN); // as if the rest had come a moment later: a short read means "drained" (epoll(7), Q9)
        }
        if (!kernel.settings.lockstep() && underWay.total() > 0) {
            onTheWay(this::arriveAll); // the window is open again
        }
        return n;
    }

    private long nothingToRead() {
        if (finUnderWay
                && kernel.settings.lockstep()
                && underWay.total() == 0
                && kernel.chooser().maybe(Choice.FIN, 0)) {
            finArrives();
        }
        if (resetUnderWay != 0
                && kernel.settings.lockstep()
                && !finSeen
                && kernel.chooser().maybe(Choice.RESET, -resetError())) {
            resetArrives();
        }
        if (finSeen) {
            return 0;
        }
        if (hasError()) {
            underWay.clear();
            return -takeError();
        }
        if (shutRead) {
            return 0;
        }
        return state == State.NEW || state == State.CLOSED ? -Errno.ENOTCONN : -Errno.EAGAIN;
    }

    @Override
    long send(byte[] data, int flags) {
        boolean lockstep = kernel.settings.lockstep();
        if (lockstep && resetUnderWay != 0 && kernel.chooser().maybe(Choice.RESET, -resetError())) {
            resetArrives();
        }
        if (state == State.CONNECTING && !(lockstep && peer != null)) {
            return -Errno.EAGAIN;
        }
        if (hasError()) {
            return -takeError();
        }
        if (state != State.CONNECTED && state != State.CONNECTING || shutWrite) {
            return -Errno.EPIPE;
        }
        if (data.length == 0) {
            return 0;
        }
        SimTcp other = Objects.requireNonNull(peer);
        long least = state == State.CONNECTING ? 0 : leastRoom();
        long most = lockstep ? data.length : Math.min(data.length, mostRoom());
        long n = kernel.chooser().count(Choice.SEND, Math.min(least, most), most);
        if (n < data.length) {
            noSpace = true;
            mayWake(Epoll.OUT);
        }
        if (n == 0) {
            return -Errno.EAGAIN;
        }
        established();
        chargedAtMost += 2 * n + PIECE_CHARGE;
        overhead += kernel.chooser().count(Choice.OVERHEAD, 0, HEADER_CHARGE * (1 + n / SEGMENT_BYTES));
        other.sentHere(Arrays.copyOf(data, Math.toIntExact(n)));
        return n;
    }

    private long queued() {
        SimTcp other = peer;
        return other == null || other.released ? 0 : other.underWay.total();
    }

    /** {@code sk_wmem_queued}; in lockstep what it is at most. */
    private long charged() {
        if (kernel.settings.lockstep()) {
            return chargedAtMost;
        }
        if (state == State.CONNECTING) {
            return overhead; // the SYN
        }
        long payload = state == State.CLOSED ? 0 : queued();
        return (payload == 0 ? 0 : payload + overhead) + finCharge;
    }

    private long mostRoom() {
        return charged() >= sendBuffer ? 0 : sendBuffer - charged() + OVERSHOOT;
    }

    private long leastRoom() {
        return charged() >= sendBuffer ? 0 : 1;
    }

    private void sentHere(byte[] data) {
        SimTcp sender = peer;
        if (released) {
            if (sender != null) {
                sender.reset(Errno.EPIPE); // the FIN is there before it
            }
            return;
        }
        if (shutRead && shutWrite && !finSeen) { // RFC 1122 §4.2.2.13: nobody will read it
            reset(Errno.ECONNRESET);
            if (sender != null) {
                sender.reset(Errno.ECONNRESET);
            }
            return;
        }
        underWay.add(data);
        if (deaf) {
            giveUpLater();
            return;
        }
        mayWake(Epoll.IN);
        onTheWay(this::arriveAll);
    }

    /** As much as the window lets in, then what follows the data. */
    private void arriveAll() {
        if (released || deaf) {
            return;
        }
        boolean lockstep = kernel.settings.lockstep();
        long room = window() - arrived.total();
        long n = Math.min(underWay.total(), Math.max(0, room));
        if (n > 0) {
            boolean certain = !lockstep || n > perhapsShown;
            bring(n);
            if (certain) {
                edges(Epoll.IN);
            } else {
                mayWake(Epoll.IN);
            }
            SimTcp sender = peer;
            if (sender != null && !lockstep) {
                sender.acknowledged(n);
            }
        }
        if (finUnderWay && underWay.total() == 0) {
            finArrives();
        }
    }

    /** Bytes that it holds unread before its window is closed. */
    private long window() {
        boolean told = isSet(Socket.SOL_SOCKET, Socket.SO_RCVBUF) && !kernel.settings.lockstep();
        return told ? option(Socket.SOL_SOCKET, Socket.SO_RCVBUF) / 2 : kernel.settings.tcpReceiveBytes();
    }

    private void bring(long n) {
        underWay.move(n, arrived);
        perhapsShown = Math.max(0, perhapsShown - n);
    }

    /** {@code tcp_check_space}, after {@code bytes} have left the queue. */
    private void acknowledged(long bytes) {
        overhead = overhead * queued() / (queued() + bytes);
        if (!noSpace || state != State.CONNECTED || released) {
            return;
        }
        if (!sendBufferFixed) {
            int most = Math.max(sendBuffer, Math.min(2 * sendBuffer, kernel.settings.tcpSendBufferMost()));
            sendBuffer = (int) kernel.chooser().count(Choice.GROWTH, sendBuffer, most);
        }
        spaceMade();
    }

    /** {@code sk_stream_write_space}. setsockopt(SO_SNDBUF) calls it whether or not somebody saw the buffer full. */
    private void spaceMade() {
        if (writable()) {
            noSpace = false;
            wake(Epoll.OUT);
        } else if (kernel.settings.lockstep()) {
            mayWake(Epoll.OUT);
        }
    }

    private boolean writable() {
        return 3 * charged() <= 2L * sendBuffer;
    }

    @Override
    void memInfo(MemInfo out) {
        boolean lockstep = kernel.settings.lockstep();
        long queued = lockstep ? kernel.chooser().count(Choice.QUEUED, 0, chargedAtMost) : charged();
        chargedAtMost = Math.min(chargedAtMost, queued); // acknowledgements only take from it
        out.set(sendBuffer, Math.toIntExact(queued));
    }

    @Override
    void linger0() {
        resetsOnClose = true;
    }

    @Override
    int setOption(int level, int name, int value) {
        if (level == Socket.IPPROTO_IPV6) {
            if (v4) {
                return -Errno.ENOPROTOOPT;
            }
            if (name == Socket.IPV6_V6ONLY && local.port() != 0) {
                return -Errno.EINVAL;
            }
        }
        if (level == Socket.SOL_SOCKET
                && (name == Socket.SO_ERROR || name == Socket.SO_ACCEPTCONN || name == Socket.SO_TYPE)) {
            return -Errno.ENOPROTOOPT;
        }
        return super.setOption(level, name, isSwitch(level, name) && value != 0 ? 1 : value);
    }

    private static boolean isSwitch(int level, int name) {
        return switch (level) {
            case Socket.SOL_SOCKET ->
                name == Socket.SO_REUSEADDR || name == Socket.SO_KEEPALIVE || name == Socket.SO_OOBINLINE;
            case Socket.IPPROTO_TCP -> name == Socket.TCP_NODELAY;
            case Socket.IPPROTO_IPV6 -> name == Socket.IPV6_V6ONLY;
            default -> false;
        };
    }

    @Override
    int option(int level, int name) {
        if (level == Socket.IPPROTO_IPV6 && v4) {
            return -Errno.EOPNOTSUPP;
        }
        if (isSwitch(level, name)) {
            return isSet(level, name) ? 1 : 0;
        }
        if (level == Socket.SOL_SOCKET && name == Socket.SO_ACCEPTCONN) {
            return state == State.LISTEN ? 1 : 0;
        }
        if (level == Socket.SOL_SOCKET && name == Socket.SO_TYPE) {
            return Socket.SOCK_STREAM;
        }
        boolean error = level == Socket.SOL_SOCKET && name == Socket.SO_ERROR;
        if (error
                && kernel.settings.lockstep()
                && resetUnderWay != 0
                && kernel.chooser().maybe(Choice.RESET, resetError())) {
            resetArrives();
        }
        return super.option(level, name);
    }

    @Override
    int sendBuffer() {
        return sendBuffer;
    }

    @Override
    void sendBuffer(int bytes) {
        sendBuffer = bytes;
        sendBufferFixed = true;
        spaceMade();
    }

    // Ends.

    @Override
    int shutdown(int how) {
        int bits = shutdownBits(how);
        if (bits == 0) {
            return -Errno.EINVAL;
        }
        if (state == State.LISTEN) {
            if ((bits & 1) != 0) {
                endListening();
            }
            return 0;
        }
        if (state == State.CONNECTING) {
            if (kernel.settings.lockstep()) {
                throw new IllegalStateException(
                        "settle before shutdown: whether the handshake is over cannot be known");
            }
            withdrawn();
            fail(Errno.ECONNRESET); // tcp_disconnect
            state = State.NEW;
            wake(ANY);
            return 0;
        }
        if (kernel.settings.lockstep() && resetUnderWay != 0 && kernel.chooser().maybe(Choice.RESET, -Errno.ENOTCONN)) {
            resetArrives();
        }
        boolean gone = state == State.NEW || state == State.CLOSED || shutWrite && finSeen && fullyClosed();
        boolean finNow = (bits & 2) != 0 && !shutWrite;
        shutRead |= (bits & 1) != 0;
        shutWrite |= (bits & 2) != 0;
        wake(ANY);
        if (gone) {
            return -Errno.ENOTCONN;
        }
        if (finNow) {
            sendFin();
        }
        return 0;
    }

    /** After both FINs the connection is over, for us as soon as ours is acknowledged (RFC 9293 §3.6). */
    private boolean fullyClosed() {
        return !kernel.settings.lockstep() || kernel.chooser().maybe(Choice.FIN, -Errno.ENOTCONN);
    }

    private void sendFin() {
        chargedAtMost += PIECE_CHARGE;
        SimTcp other = peer;
        if (other == null || other.released) {
            return;
        }
        finCharge = kernel.chooser().count(Choice.OVERHEAD, 0, HEADER_CHARGE);
        other.finUnderWay = true;
        other.mayWake(ANY);
        onTheWay(other::arriveAll);
    }

    private void finArrives() {
        if (peer != null) {
            peer.finCharge = 0;
        }
        finUnderWay = false;
        finSeen = true;
        shutRead = true;
        edges(ANY);
    }

    /** A reset is sent to us; tcp_reset says which error it will be. */
    private void reset(int errno) {
        if (released || state == State.CLOSED || resetUnderWay != 0) {
            return;
        }
        resetUnderWay = errno;
        mayWake(ANY);
        onTheWay(this::resetArrives);
    }

    /** {@code tcp_reset}: behind a FIN the error is EPIPE. */
    private int resetError() {
        return (finSeen || finUnderWay) && resetUnderWay == Errno.ECONNRESET ? Errno.EPIPE : resetUnderWay;
    }

    private void resetArrives() {
        if (resetUnderWay == 0 || released || deaf) {
            return;
        }
        if (finUnderWay && (underWay.total() == 0 || kernel.settings.lockstep())) {
            finArrives();
        }
        if (!kernel.settings.lockstep()) {
            finUnderWay = false; // behind data that was never sent
        }
        fail(resetError());
        resetUnderWay = 0;
        finUnderWay = false;
        if (!kernel.settings.lockstep()) {
            underWay.clear(); // never sent; what has arrived can still be read
        }
        state = State.CLOSED;
        shutRead = true;
        shutWrite = true;
        noSpace = false;
        chargedAtMost = 0;
        finCharge = 0;
        edges(ANY);
    }

    @Override
    void released() {
        released = true;
        if (state == State.LISTEN) {
            endListening();
        }
        if (ownsPort) {
            kernel.net.tcp.free(this);
        }
        SimTcp other = peer;
        if (other == null || other.released || state != State.CONNECTED && state != State.CONNECTING) {
            return;
        }
        if (kernel.settings.lockstep() && arrived.total() == 0 && underWay.total() > 0) {
            throw new IllegalStateException("settle before close: whether data under way was unread cannot be known");
        }
        if (state == State.CONNECTING && !kernel.settings.lockstep()) {
            withdrawn(); // no child has come out of the handshake: the SYN,ACK is answered by a reset
        } else if (shutWrite && finSeen && other.finSeen) {
            return; // TIME_WAIT: nothing is left to be reset
        } else if (arrived.total() > 0 || resetsOnClose) {
            other.reset(Errno.ECONNRESET);
        } else if (!shutWrite) {
            sendFin();
            if (underWay.total() > 0) {
                other.reset(Errno.EPIPE);
            }
        } else if (underWay.total() > 0) {
            other.reset(Errno.EPIPE);
        }
        underWay.clear();
    }

    private void withdrawn() {
        SimTcp at = listener;
        SimTcp child = peer;
        if (at != null && child != null) {
            at.handshakes.remove(child);
            child.released = true;
        }
        peer = null;
    }

    private void endListening() {
        kernel.net.tcp.unlisten(this);
        handshakes.forEach(SimTcp::abandon);
        acceptable.forEach(SimTcp::abandon);
        handshakes.clear();
        acceptable.clear();
        state = State.NEW;
    }

    /** Closes a connection that nobody accepted. */
    private void abandon() {
        released = true;
        SimTcp other = peer;
        if (other != null) {
            other.reset(Errno.ECONNRESET);
        }
    }

    // Events: tcp_poll.

    @Override
    int certain() {
        return switch (state) {
            case LISTEN -> acceptable.isEmpty() ? 0 : Epoll.IN;
            case CONNECTING -> 0;
            case NEW, CONNECTED, CLOSED ->
                (hasError() ? Epoll.ERR : 0)
                        | (shutRead && shutWrite || state == State.NEW || state == State.CLOSED ? Epoll.HUP : 0)
                        | (shutRead ? Epoll.IN | Epoll.RDHUP : 0)
                        | (arrived.total() > 0 ? Epoll.IN : 0)
                        | (shutWrite || writable() ? Epoll.OUT : 0);
        };
    }

    @Override
    int possible() {
        int events = certain();
        if (!kernel.settings.lockstep()) {
            return events;
        }
        if (state == State.LISTEN) {
            return events | (handshakes.isEmpty() ? 0 : Epoll.IN);
        }
        if (state == State.CONNECTING && peer != null || state == State.CONNECTED) {
            events |= Epoll.OUT;
        }
        if (underWay.total() > 0) {
            events |= Epoll.IN;
        }
        if (finUnderWay) {
            events |= Epoll.IN | Epoll.RDHUP | (shutWrite ? Epoll.HUP : 0);
        }
        if (resetUnderWay != 0) {
            events |= Epoll.IN | Epoll.OUT | Epoll.RDHUP | Epoll.HUP | Epoll.ERR;
        }
        return events;
    }

    @Override
    boolean restless() {
        return kernel.settings.lockstep()
                && (underWay.total() > 0
                        || finUnderWay
                        || resetUnderWay != 0
                        || state == State.CONNECTING
                        || noSpace
                        || shutWrite // the acknowledgement of our FIN wakes
                        || !handshakes.isEmpty());
    }

    @Override
    void polled() {
        noSpace |= state == State.CONNECTED && !shutWrite && !writable();
    }

    @Override
    void observed(int events) {
        if (!kernel.settings.lockstep()) {
            return;
        }
        if (state == State.LISTEN) {
            while (!handshakes.isEmpty() && acceptable.isEmpty()) {
                handshakeDone(handshakes.element());
            }
            return;
        }
        if ((events & Epoll.ERR) != 0 && resetUnderWay != 0) {
            resetArrives();
        } else if ((events & Epoll.RDHUP) != 0 && finUnderWay) {
            bring(underWay.total());
            finArrives();
        } else if ((events & Epoll.OUT) != 0) {
            established();
            if (!shutWrite) { // else it would show full or not
                chargedAtMost = Math.min(chargedAtMost, 2L * sendBuffer / 3);
                noSpace = false;
            }
        }
        if ((events & Epoll.IN) != 0 && certain() != 0 && (certain() & Epoll.IN) == 0 && underWay.total() > 0) {
            bring(1);
        }
        perhapsShown = underWay.total();
    }

    // Lockstep: what is under way, and that the other kernel has shown by other means that it is here.

    /** Bytes that are here. */
    long readable() {
        return arrived.total();
    }

    /** Bytes that are here or under way. */
    long unread() {
        return arrived.total() + underWay.total();
    }

    /** Bytes that are certain to be here soon: the rest may have to wait for the window. */
    long arriving() {
        return Math.max(arrived.total(), Math.min(unread(), kernel.settings.tcpReceiveBytes()));
    }

    /** What the other end's reset will be, or whether it comes, depends on how far data behind a closed window has come. */
    boolean isBlurred() {
        SimTcp other = peer;
        return other != null && (other.released ? underWay.total() > 0 : other.underWay.total() > 0 && unread() > 0);
    }

    /** Whether something that was sent has not arrived, as far as is known. */
    boolean isSending() {
        SimTcp other = peer;
        return other != null && !other.released && other.underWay.total() > 0;
    }

    boolean isSendBufferFixed() {
        return sendBufferFixed;
    }

    boolean isReset() {
        return state == State.CLOSED || resetUnderWay != 0;
    }

    boolean isEnding() {
        return finUnderWay && arriving() == unread();
    }

    boolean isConnecting() {
        return state == State.CONNECTING;
    }

    boolean isListening() {
        return state == State.LISTEN;
    }

    boolean isExpectingConnection() {
        return state == State.LISTEN && handshakes.size() + acceptable.size() > 0;
    }

    /** Whether a full buffer is certain to become empty: nobody keeps unread what we sent. */
    boolean isDraining() {
        SimTcp other = peer;
        return noSpace && state == State.CONNECTED && other != null && !other.released && other.unread() == 0;
    }

    void drained() {
        chargedAtMost = 0;
        noSpace = false;
        settleEdges(Epoll.OUT);
    }

    void settle() {
        if (state == State.LISTEN) {
            if (acceptable.isEmpty() && !handshakes.isEmpty()) {
                SimTcp child = handshakes.element();
                Objects.requireNonNull(child.peer).established();
                handshakeDone(child);
            }
            return;
        }
        if (resetUnderWay != 0) {
            resetArrives();
            return;
        }
        if (peer != null) {
            established();
        }
        arriveAll();
    }

    private void edges(int key) {
        if (kernel.settings.lockstep()) {
            settleEdges(key);
        } else {
            wake(key);
        }
    }
}
