package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.SockAddr;
import io.passatelli.os.SockAddrs;
import io.passatelli.os.Socket;
import org.jspecify.annotations.Nullable;

import java.util.ArrayDeque;

/**
 * icmp(7), "ICMP echo (ping) sockets": SOCK_DGRAM with IPPROTO_ICMP or IPPROTO_ICMPV6. The port is the identifier; the kernel writes it and the
 * checksum into each request, lets only echo requests out, and gives us echo replies
 * without IP header: those of our identifier, from anybody, connected or not; and if several sockets have the identifier, those of all of
 * them to the last that took it.
 */
final class SimPing extends SimSocket {
    private static final int HEADER = 8;
    private static final int MOST = 65_535;
    private static final int QUEUE = 256; // about what SO_RCVBUF holds of small replies; beyond it they are dropped

    private final ArrayDeque<Ip> senders = new ArrayDeque<>(); // of each of the replies
    private final ArrayDeque<byte[]> replies = new ArrayDeque<>();
    private final boolean v4;
    private int id;
    private Ip localIp;
    private @Nullable Ip peer;
    private boolean closed;
    private @Nullable Ip sender;

    SimPing(SimKernel kernel, boolean v4) {
        super(kernel);
        setOption(Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 1);
        this.v4 = v4;
        this.localIp = v4 ? Ip.v4(0) : Ip.UNSPECIFIED6;
    }

    @Override
    int bind(SockAddr address) {
        if (id != 0) {
            return -Errno.EINVAL;
        }
        if (address.family() != family()) {
            return v4 ? -Errno.EAFNOSUPPORT : -Errno.EINVAL;
        }
        Ip wanted = new Ip(address.high(), address.low());
        if (!wanted.isUnspecified() && !kernel.net.isLocal(wanted)) {
            return -Errno.EADDRNOTAVAIL;
        }
        int taken = kernel.net.takeEchoId(this, address.port());
        if (taken < 0) {
            return -Errno.EADDRINUSE;
        }
        id = taken;
        localIp = wanted;
        return 0;
    }

    @Override
    int connect(SockAddr to) {
        if (to.family() != family()) {
            return v4 ? -Errno.EAFNOSUPPORT : -Errno.EINVAL;
        }
        Ip far = new Ip(to.high(), to.low());
        FarHost host = kernel.net.knownHost(far);
        if (host != null && host.routeError() != 0) {
            return host.routeError();
        }
        autobind();
        peer = far;
        return 0;
    }

    private void autobind() {
        if (id == 0) {
            id = kernel.net.takeEchoId(this, 0);
        }
    }

    @Override
    int shutdown(int how) {
        int bits = shutdownBits(how);
        if (bits == 0) {
            return -Errno.EINVAL;
        }
        if (peer == null) {
            return -Errno.ENOTCONN;
        }
        shutRead |= (bits & 1) != 0;
        shutWrite |= (bits & 2) != 0;
        wake(ANY);
        return 0;
    }

    @Override
    void localAddress(SockAddr out) {
        out.set(localIp.high(), localIp.low(), id, 0);
    }

    @Override
    long send(byte[] data, int flags) {
        if (shutWrite) {
            return -Errno.EPIPE;
        }
        if (data.length > MOST) {
            return -Errno.EMSGSIZE;
        }
        if (data.length < HEADER || data[0] != (v4 ? 8 : (byte) 128) || data[1] != 0) {
            return -Errno.EINVAL;
        }
        Ip to = peer;
        if (to == null) {
            return -Errno.EDESTADDRREQ;
        }
        if (hasError()) {
            return -takeError();
        }
        autobind();
        byte[] request = data.clone();
        request[4] = (byte) (id >>> 8);
        request[5] = (byte) id;
        checksum(request);
        FarHost host = kernel.net.isLocal(to) ? new FarHost(kernel, to).answersEcho(0) : kernel.net.host(to);
        if (host.routeError() != 0) {
            return host.routeError();
        }
        host.onEcho(this, to, request);
        return data.length;
    }

    /** For IPv4 the real sum (RFC 792); for IPv6 it covers a pseudo-header that nobody here sees, so the field is zero. */
    private void checksum(byte[] message) {
        message[2] = 0;
        message[3] = 0;
        if (!v4) {
            return;
        }
        int sum = 0;
        for (int i = 0; i < message.length; i++) {
            sum += (message[i] & 0xff) << ((i & 1) == 0 ? 8 : 0);
        }
        sum = (sum & 0xffff) + (sum >>> 16);
        sum = ~((sum & 0xffff) + (sum >>> 16));
        message[2] = (byte) (sum >>> 8);
        message[3] = (byte) sum;
    }

    /** The reply to {@code request}, as a host sends it. */
    byte[] replyTo(byte[] request) {
        byte[] reply = request.clone();
        reply[0] = v4 ? 0 : (byte) 129;
        checksum(reply);
        return reply;
    }

    void onReply(Ip from, byte[] reply) {
        if (replies.size() < QUEUE) {
            senders.add(from);
            replies.add(reply.clone());
            wake(Epoll.IN);
        }
    }

    int id() {
        return id;
    }

    boolean isV4() {
        return v4;
    }

    boolean mayShare() {
        return option(Socket.SOL_SOCKET, Socket.SO_REUSEADDR) != 0;
    }

    void onError(int errno) {
        if (!closed) {
            fail(errno);
            wake(Epoll.ERR);
        }
    }

    /** One reply a call; what does not fit is lost, recv(2). */
    @Override
    long receive(byte[] into, int flags) {
        if (hasError()) {
            return -takeError();
        }
        sender = senders.peek();
        byte[] reply = replies.peek();
        if (reply == null) {
            return shutRead ? 0 : -Errno.EAGAIN;
        }
        if ((flags & Socket.MSG_PEEK) == 0) {
            senders.remove();
            replies.remove();
        }
        int n = Math.min(reply.length, into.length);
        System.arraycopy(reply, 0, into, 0, n);
        return (flags & Socket.MSG_TRUNC) != 0 ? reply.length : n;
    }

    /** The source of the reply; its port is 0, ping_recvmsg. */
    @Override
    void sender(SockAddr out) {
        Ip from = sender;
        if (from == null) {
            SockAddrs.setNone(out);
        } else {
            out.set(from.high(), from.low(), 0, 0);
        }
    }

    @Override
    int certain() {
        return (replies.isEmpty() && !shutRead ? 0 : Epoll.IN)
                | (shutRead ? Epoll.RDHUP : 0)
                | (shutRead && shutWrite ? Epoll.HUP : 0)
                | (hasError() ? Epoll.ERR : 0)
                | Epoll.OUT;
    }

    private int family() {
        return v4 ? Socket.AF_INET : Socket.AF_INET6;
    }

    @Override
    void released() {
        closed = true;
        if (id != 0) {
            kernel.net.freeEchoId(this);
        }
    }

    @Override
    public String toString() {
        return "ping socket " + id + " to " + peer;
    }
}
