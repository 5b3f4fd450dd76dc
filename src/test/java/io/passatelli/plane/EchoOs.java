package io.passatelli.plane;

import io.passatelli.base.HotPath;
import io.passatelli.os.Datagrams;
import io.passatelli.os.Epoll;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.MemInfo;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.SocketError;
import io.passatelli.wire.Icmp4;
import io.passatelli.wire.Icmp6;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * As little of a kernel as ping sockets need whose peers answer at once, and nothing allocated in it: replies wait in one ring, in order, and
 * epoll tells of the oldest. Everything else only exists.
 */
final class EchoOs implements Os {
    private static final int FIRST_PING = 100;
    private static final int RING = 256;
    private static final int SLOT = 65_536;

    private final MemorySegment ring = Arena.global().allocate((long) RING * SLOT, 64);
    private final int[] lengths = new int[RING];
    private final int[] owners = new int[RING];
    private final long[] refs;
    private final boolean[] open;
    private final byte[] replyTypes;
    private final long[] peerHigh;
    private final long[] peerLow;
    private int lowest;
    private int head;
    private int tail;

    /** With room for so many ping sockets at a time. */
    EchoOs(int sockets) {
        refs = new long[sockets];
        open = new boolean[sockets];
        replyTypes = new byte[sockets];
        peerHigh = new long[sockets];
        peerLow = new long[sockets];
    }

    int openSockets() {
        int count = 0;
        for (boolean one : open) {
            count += one ? 1 : 0;
        }
        return count;
    }

    private static boolean isPing(int fd) {
        return fd >= FIRST_PING;
    }

    @Override
    public int epollCreate() {
        return 3;
    }

    @Override
    public int epollCtl(int epoll, int op, int fd, int events, long ref) {
        if (isPing(fd) && op == Epoll.ADD) {
            refs[fd - FIRST_PING] = ref;
        }
        return 0;
    }

    @HotPath
    @Override
    public int epollWait(int epoll, EpollEvents out, long timeoutNs) {
        while (head != tail && !open[owners[head & RING - 1]]) {
            head++; // its socket was closed
        }
        if (head == tail) {
            return 0;
        }
        out.set(0, Epoll.IN, refs[owners[head & RING - 1]]);
        return 1;
    }

    @Override
    public int eventfd() {
        return 4;
    }

    @Override
    public int socket(int family, int type, int protocol) {
        if (protocol != Socket.IPPROTO_ICMP && protocol != Socket.IPPROTO_ICMPV6) {
            return -Errno.EPROTONOSUPPORT;
        }
        while (lowest < open.length && open[lowest]) {
            lowest++;
        }
        if (lowest == open.length) {
            return -Errno.EMFILE;
        }
        open[lowest] = true;
        replyTypes[lowest] = (byte) (family == Socket.AF_INET ? Icmp4.ECHO_REPLY : Icmp6.ECHO_REPLY);
        return FIRST_PING + lowest;
    }

    @Override
    public int bind(int fd, SockAddr address) {
        return 0;
    }

    @Override
    public int connect(int fd, SockAddr peer) {
        peerHigh[fd - FIRST_PING] = peer.high();
        peerLow[fd - FIRST_PING] = peer.low();
        return 0;
    }

    @Override
    public int listen(int fd, int backlog) {
        return 0;
    }

    @Override
    public int accept(int fd, SockAddr peerOut) {
        return -Errno.EAGAIN;
    }

    @Override
    public int shutdown(int fd, int how) {
        return 0;
    }

    @Override
    public int close(int fd) {
        if (isPing(fd)) {
            open[fd - FIRST_PING] = false;
            lowest = Math.min(lowest, fd - FIRST_PING);
        }
        return 0;
    }

    @Override
    public int localAddress(int fd, SockAddr out) {
        return 0;
    }

    @Override
    public int option(int fd, int level, int name) {
        return 0;
    }

    @Override
    public int setOption(int fd, int level, int name, int value) {
        return 0;
    }

    @Override
    public int bindToDevice(int fd, String device) {
        return 0;
    }

    @Override
    public int linger0(int fd) {
        return -Errno.ENOSYS;
    }

    @Override
    public int memInfo(int fd, MemInfo out) {
        return -Errno.ENOSYS;
    }

    @Override
    public int peerPid(int fd) {
        return -Errno.EINVAL;
    }

    @HotPath
    @Override
    public long recvmsg(int fd, IoVec into, int flags) {
        if (head == tail || owners[head & RING - 1] != fd - FIRST_PING) {
            return -Errno.EAGAIN;
        }
        int slot = head++ & RING - 1;
        MemorySegment.copy(ring, (long) slot * SLOT, into.segment(0), into.offset(0), lengths[slot]);
        return lengths[slot];
    }

    @HotPath
    @Override
    public long recvmsg(int fd, IoVec into, int flags, SockAddr fromOut) {
        int socket = fd - FIRST_PING;
        fromOut.set(peerHigh[socket], peerLow[socket], 0, 0);
        return recvmsg(fd, into, flags);
    }

    @HotPath
    @Override
    public long sendmsg(int fd, IoVec from, int flags) {
        if (tail - head == RING) {
            return -Errno.EAGAIN;
        }
        int slot = tail++ & RING - 1;
        long at = (long) slot * SLOT;
        for (int i = 0; i < from.count(); i++) {
            MemorySegment.copy(from.segment(i), from.offset(i), ring, at, from.length(i));
            at += from.length(i);
        }
        ring.set(
                ValueLayout.JAVA_BYTE,
                (long) slot * SLOT,
                replyTypes[fd - FIRST_PING]); // its checksum is nobody's matter here
        lengths[slot] = (int) from.total();
        owners[slot] = fd - FIRST_PING;
        return from.total();
    }

    @Override
    public long readv(int fd, IoVec into) {
        return -Errno.EAGAIN;
    }

    @Override
    public long writev(int fd, IoVec from) {
        return from.total();
    }

    @Override
    public void close() {}

    @Override
    public int recvmmsg(int fd, Datagrams into, int flags) {
        return -Errno.ENOSYS;
    }

    @Override
    public int sendmmsg(int fd, Datagrams from, int first, int count, int flags) {
        return -Errno.ENOSYS;
    }

    @Override
    public int recvError(int fd, SocketError out) {
        return -Errno.ENOSYS;
    }
}
