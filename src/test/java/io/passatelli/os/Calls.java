package io.passatelli.os;

import io.passatelli.base.Ip;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.IntStream;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** Calls of {@link Os} with Java values, for tests: one buffer, text for bytes, a map for events. */
public final class Calls {
    /** Long enough for anything that will come; never waited out by a story that passes. */
    public static final long PATIENCE_NS = 5_000_000_000L;

    private static final int BUFFER = 1 << 20;

    public final Os os;
    private static final int MOST_EVENTS = 16;
    private static final List<EpollEvents> EVENTS =
            IntStream.rangeClosed(1, MOST_EVENTS).mapToObj(EpollEvents::new).toList();
    private static final MemorySegment SHARED = newBuffer();

    private final MemorySegment buffer;
    private final IoVec iov = new IoVec(8);
    private final SockAddr address = new SockAddr();

    /** With the buffer that all share: what was received is to be looked at before the next call of anybody. */
    public Calls(Os os) {
        this(os, SHARED);
    }

    /** With a buffer of its own, of {@link #newBuffer}. */
    public Calls(Os os, MemorySegment buffer) {
        this.os = os;
        this.buffer = buffer;
    }

    /** Never freed: for static fields. */
    public static MemorySegment newBuffer() {
        return Arena.global().allocate(BUFFER, 8);
    }

    public int unixSocket() {
        return os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0);
    }

    public int tcpSocket() {
        return os.socket(Socket.AF_INET, Socket.SOCK_STREAM, 0);
    }

    public int bindPath(int fd, String path) {
        address.setPath(path);
        return os.bind(fd, address);
    }

    public int connectPath(int fd, String path) {
        address.setPath(path);
        return os.connect(fd, address);
    }

    public int bind(int fd, Ip ip, int port) {
        address.set(ip.high(), ip.low(), port, 0);
        return os.bind(fd, address);
    }

    public int connect(int fd, Ip ip, int port) {
        address.set(ip.high(), ip.low(), port, 0);
        return os.connect(fd, address);
    }

    public int accept(int fd) {
        return os.accept(fd, address);
    }

    public int port(int fd) {
        int rc = os.localAddress(fd, address);
        return rc < 0 ? rc : address.port();
    }

    /** The address that the last accept, bind or look-up left. */
    public SockAddr address() {
        return address;
    }

    public long send(int fd, String text) {
        return send(fd, text.getBytes(StandardCharsets.ISO_8859_1));
    }

    public long send(int fd, byte[] bytes) {
        return os.sendmsg(fd, of(bytes), Socket.MSG_NOSIGNAL);
    }

    public long write(int fd, byte[] bytes) {
        return os.writev(fd, of(bytes));
    }

    private IoVec of(byte[] bytes) {
        MemorySegment.copy(bytes, 0, buffer, JAVA_BYTE, 0, bytes.length);
        iov.clear();
        iov.add(buffer, 0, bytes.length);
        return iov;
    }

    public long receive(int fd, int most, int flags) {
        iov.clear();
        iov.add(buffer, 0, most);
        return os.recvmsg(fd, iov, flags);
    }

    /** {@link #address} says from whom. */
    public long receiveFrom(int fd, int most) {
        iov.clear();
        iov.add(buffer, 0, most);
        return os.recvmsg(fd, iov, 0, address);
    }

    public long receive(int fd, int most) {
        return receive(fd, most, 0);
    }

    public long read(int fd, int most) {
        iov.clear();
        iov.add(buffer, 0, most);
        return os.readv(fd, iov);
    }

    /** The first {@code n} bytes that the last read left. */
    public byte[] bytes(long n) {
        return buffer.asSlice(0, n).toArray(JAVA_BYTE);
    }

    public String text(long n) {
        return new String(bytes(n), StandardCharsets.ISO_8859_1);
    }

    public long addToEventfd(int fd, long value) {
        buffer.set(JAVA_LONG, 0, value);
        iov.clear();
        iov.add(buffer, 0, Long.BYTES);
        return os.writev(fd, iov);
    }

    /** The counter, or {@code -errno}. */
    public long readEventfd(int fd) {
        long n = read(fd, Long.BYTES);
        return n == Long.BYTES ? buffer.get(JAVA_LONG, 0) : n;
    }

    public int error(int fd) {
        return os.option(fd, Socket.SOL_SOCKET, Socket.SO_ERROR);
    }

    /** Adds {@code fd} with itself as the reference. */
    public int add(int epoll, int fd, int events) {
        return os.epollCtl(epoll, Epoll.ADD, fd, events, fd);
    }

    public int modify(int epoll, int fd, int events) {
        return os.epollCtl(epoll, Epoll.MOD, fd, events, fd);
    }

    public int remove(int epoll, int fd) {
        return os.epollCtl(epoll, Epoll.DEL, fd, 0, 0);
    }

    /** Events by reference, at most {@code capacity} of them. */
    public Map<Long, Integer> events(int epoll, int capacity, long timeoutNs) {
        EpollEvents events = EVENTS.get(capacity - 1);
        int n = os.epollWait(epoll, events, timeoutNs);
        if (n < 0) {
            throw new AssertionError("epoll_wait answers " + n);
        }
        Map<Long, Integer> all = new TreeMap<>();
        for (int i = 0; i < n; i++) {
            all.put(events.ref(i), events.events(i));
        }
        return all;
    }

    /** What is ready now. */
    public Map<Long, Integer> events(int epoll) {
        return events(epoll, MOST_EVENTS, 0);
    }

    /** The events of {@code fd} now, 0 if none. */
    public int eventsOf(int epoll, int fd) {
        return events(epoll).getOrDefault((long) fd, 0);
    }

    /** Waits on an epoll of its own until {@code fd} shows one of {@code wanted}; its events, 0 if they never come. */
    public int await(int fd, int wanted) {
        int epoll = os.epollCreate();
        add(epoll, fd, wanted);
        int shown = 0;
        while (shown == 0 || (shown & (wanted | Epoll.ERR)) == 0) {
            Map<Long, Integer> events = events(epoll, 1, PATIENCE_NS);
            if (events.isEmpty()) {
                break;
            }
            shown = events.getOrDefault((long) fd, 0);
        }
        os.close(epoll);
        return shown;
    }
}
