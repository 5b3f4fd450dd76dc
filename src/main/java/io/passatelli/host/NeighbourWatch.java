package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Mac;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.Handler;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * Follows the host's neighbours, rtnetlink(7): all that there are at first, then each that comes, moves or goes. Constants of
 * linux/rtnetlink.h and linux/neighbour.h. When news were lost it asks for all again. Needs no right. Loop thread only.
 */
public final class NeighbourWatch implements Handler, AutoCloseable {
    private static final int RTMGRP_NEIGH = 4;
    static final int RTM_NEWNEIGH = 28;
    static final int RTM_DELNEIGH = 29;
    static final int RTM_GETNEIGH = 30;
    private static final int NDMSG = 12;
    /** AF_UNSPEC. */
    private static final int ALL_FAMILIES = 0;

    private static final int NDA_DST = 1;
    private static final int NDA_LLADDR = 2;
    /** NUD_REACHABLE, STALE, DELAY, PROBE and PERMANENT: the MAC is, or lately was, good. */
    private static final int KNOWN = 0x02 | 0x04 | 0x08 | 0x10 | 0x80;

    /** Who wants to know. Addresses are two longs, IPv4 v4-mapped. */
    public interface Listener {
        void onNeighbour(int interfaceIndex, long high, long low, long mac);

        void onGone(int interfaceIndex, long high, long low);
    }

    private final EventLoop loop;
    private final Os os;
    private final Listener listener;
    private final int fd;
    private int type;
    private final IoVec vector = new IoVec(1);
    private final MemorySegment buffer = Arena.ofAuto().allocate(Limits.NETLINK_READ_BYTES, 8);

    private NeighbourWatch(EventLoop loop, int fd, Listener listener) {
        this.loop = loop;
        os = loop.os();
        this.fd = fd;
        this.listener = listener;
    }

    /** Begins, in the network namespace of the calling thread. Throws {@link IOException} with one sentence where the kernel does not tell. */
    public static NeighbourWatch start(EventLoop loop, Listener listener) throws IOException {
        int fd = loop.os().socket(Socket.AF_NETLINK, Socket.SOCK_RAW, Socket.NETLINK_ROUTE);
        if (fd < 0) {
            throw refused("socket", fd);
        }
        NeighbourWatch watch = new NeighbourWatch(loop, fd, listener);
        try {
            watch.begin();
            return watch;
        } catch (IOException e) {
            loop.os().close(fd);
            throw e;
        }
    }

    private void begin() throws IOException {
        SockAddr news = new SockAddr();
        news.setNetlink(RTMGRP_NEIGH);
        check("bind", os.bind(fd, news));
        check("sendmsg", askForAll());
        type = loop.register(this);
        check("epoll_ctl", loop.watch(fd, Epoll.IN | Epoll.ET, type, 0, 0));
    }

    private static void check(String call, long result) throws IOException {
        if (result < 0) {
            throw refused(call, result);
        }
    }

    private static IOException refused(String call, long result) {
        return new IOException("the host's neighbours cannot be followed: " + call + ": " + Errno.text((int) -result));
    }

    /** Tells the listener of all neighbours that there are, from the next turn on; negative: the kernel did not take the question. */
    public long askForAll() {
        ByteBuffer request = ByteBuffer.allocate(RtNetlink.HEADER + NDMSG).order(ByteOrder.nativeOrder());
        request.putInt(request.capacity()).putShort((short) RTM_GETNEIGH).putShort((short)
                (RtNetlink.NLM_F_REQUEST | RtNetlink.NLM_F_DUMP));
        request.put(RtNetlink.HEADER, (byte) ALL_FAMILIES);
        MemorySegment.copy(request.array(), 0, buffer, ValueLayout.JAVA_BYTE, 0, request.capacity());
        vector.clear();
        vector.add(buffer, 0, request.capacity());
        return os.sendmsg(fd, vector, Socket.MSG_NOSIGNAL);
    }

    @Override
    public int generation(int index) {
        return 0;
    }

    /** A bounded number of datagrams for each turn. */
    @Override
    public void onEvent(int index, int events, long nowNs) {
        for (int i = 0; i < Limits.NEIGHBOUR_READS; i++) {
            vector.clear();
            vector.add(buffer, 0, buffer.byteSize());
            long n = os.recvmsg(fd, vector, Socket.MSG_DONTWAIT | Socket.MSG_TRUNC);
            if (n == -Errno.EAGAIN) {
                return;
            }
            if (n == -Errno.ENOBUFS) {
                askForAll();
                continue;
            }
            if (n < 0) {
                return;
            }
            take(buffer.asSlice(0, Math.min(n, buffer.byteSize())).asByteBuffer());
        }
        rearm();
    }

    /** epoll_ctl MOD reports again what is readable still. */
    private void rearm() {
        int ignored = loop.rewatch(fd, Epoll.IN | Epoll.ET, type, 0, 0);
        assert ignored <= 0;
    }

    /** One datagram: messages that are shorter than they say end it. */
    void take(ByteBuffer datagram) {
        ByteBuffer in = RtNetlink.slice(datagram, 0, datagram.remaining());
        int at = 0;
        while (in.limit() - at >= RtNetlink.HEADER) {
            int length = in.getInt(at);
            if (length < RtNetlink.HEADER || length > in.limit() - at) {
                return;
            }
            int type = in.getShort(at + 4) & 0xffff;
            if (type == RTM_NEWNEIGH || type == RTM_DELNEIGH) {
                neighbour(type, RtNetlink.slice(in, at + RtNetlink.HEADER, length - RtNetlink.HEADER));
            }
            at += Math.min(RtNetlink.align(length), in.limit() - at);
        }
    }

    private void neighbour(int type, ByteBuffer body) {
        if (body.limit() < NDMSG) {
            return;
        }
        int family = body.get(0);
        int interfaceIndex = body.getInt(4);
        int state = body.getShort(8) & 0xffff;
        Ip address = null;
        Mac mac = null;
        var attributes = new RtNetlink.Attributes(body, NDMSG);
        while (attributes.next()) {
            switch (attributes.type) {
                case NDA_DST -> address = RtNetlink.ip(attributes.value, family);
                case NDA_LLADDR -> mac = RtNetlink.mac(attributes.value);
                default -> {}
            }
        }
        if (address == null) {
            return;
        }
        if (type == RTM_NEWNEIGH && (state & KNOWN) != 0 && mac != null && isHosts(mac)) {
            listener.onNeighbour(interfaceIndex, address.high(), address.low(), mac.bits());
        } else {
            listener.onGone(interfaceIndex, address.high(), address.low());
        }
    }

    /** A group's MAC, or none at all as on a tunnel, is no host's. */
    private static boolean isHosts(Mac mac) {
        return mac.bits() != 0 && !Mac.isGroup(mac.bits());
    }

    @Override
    public void close() {
        loop.unwatch(fd);
        os.close(fd);
    }
}
