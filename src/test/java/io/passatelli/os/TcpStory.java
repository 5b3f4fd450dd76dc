package io.passatelli.os;

import io.passatelli.base.Ip;

import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;

/** What the stories of tcp(7) share: events as they are now, sockets that are full. */
abstract class TcpStory extends OsStory {
    static final int ALL = Epoll.IN | Epoll.OUT | Epoll.RDHUP;
    static final int GONE = ALL | Epoll.HUP;

    private final MemInfo memory = new MemInfo();

    int eventsNow(int fd) {
        int epoll = os.epollCreate();
        calls.add(epoll, fd, ALL);
        int events = calls.eventsOf(epoll, fd);
        os.close(epoll);
        return events;
    }

    /** An epoll that watches {@code fd} for everything, by edges. */
    int edgesOf(int fd) {
        int epoll = epoll();
        calls.add(epoll, fd, ALL | Epoll.ET);
        return epoll;
    }

    /** The next edge's events; 0 if none comes. */
    int nextEdge(int epoll) {
        Map<Long, Integer> events = calls.events(epoll, 1, Calls.PATIENCE_NS);
        return events.isEmpty() ? 0 : events.values().iterator().next();
    }

    /** Edges until one of {@code wanted} was among them; all of them together. */
    int edgesUntil(int epoll, int wanted) {
        int seen = 0;
        while ((seen & wanted) == 0) {
            int edge = nextEdge(epoll);
            assertThat(edge).as("an edge with %#x, after %#x", wanted, seen).isNotZero();
            seen |= edge;
        }
        return seen;
    }

    /** Until each of {@code wanted}, none of which goes away, has been shown. */
    void awaitAll(int fd, int... wanted) {
        for (int one : wanted) {
            assertThat(calls.await(fd, one) & one).isEqualTo(one);
        }
    }

    int connecting(Ip to, int port) {
        int fd = own(tcpSocket(to));
        assertThat(calls.connect(fd, to, port)).isEqualTo(-Errno.EINPROGRESS);
        return fd;
    }

    int tcpSocket(Ip like) {
        return os.socket(like.isV4() ? Socket.AF_INET : Socket.AF_INET6, Socket.SOCK_STREAM, 0);
    }

    int listener(Ip at, int backlog) {
        int fd = own(tcpSocket(at));
        assertThat(calls.bind(fd, at, 0)).isZero();
        assertThat(os.listen(fd, backlog)).isZero();
        return fd;
    }

    /** A pair whose connected end has a send buffer that does not grow, of so many bytes. */
    Pair pairWithSendBuffer(int bytes) {
        Pair pair = tcpPair();
        assertThat(os.setOption(pair.connected(), Socket.SOL_SOCKET, Socket.SO_SNDBUF, bytes / 2))
                .isZero();
        return pair;
    }

    /** Sends until nothing goes any more; how much went. */
    long fill(int fd) {
        byte[] block = new byte[64 << 10];
        long sent = 0;
        int full = 0;
        while (full < 2) { // twice, since an acknowledgement may have made room after the first
            long n = calls.send(fd, block);
            assertThat(n > 0 || n == -Errno.EAGAIN).isTrue();
            sent += Math.max(0, n);
            assertThat(sent).isLessThan(64 << 20);
            full = n < 0 ? full + 1 : 0;
        }
        return sent;
    }

    /** Reads {@code bytes} bytes, waiting for them. */
    void drain(int fd, long bytes) {
        for (long read = 0; read < bytes; ) {
            assertThat(calls.await(fd, Epoll.IN) & Epoll.IN).isEqualTo(Epoll.IN);
            long n = calls.receive(fd, (int) Math.min(1 << 20, bytes - read));
            assertThat(n).isPositive();
            read += n;
        }
    }

    int queued(int fd) {
        assertThat(os.memInfo(fd, memory)).isZero();
        return memory.wmemQueued();
    }

    int sendBuffer(int fd) {
        assertThat(os.memInfo(fd, memory)).isZero();
        return memory.sndbuf();
    }
}
