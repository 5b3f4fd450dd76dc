package io.passatelli.os;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;

/** tcp(7) over loopback, on every kernel: send buffers, reads that empty a socket and those that do not, and their edges. */
@ParameterizedClass
@EnumSource(World.class)
class TcpSendStoryTest extends TcpStory {
    private static final int BUFFER = 256 << 10;
    private static final int BLOCK = 4 << 10;

    private static boolean aboveTwoThirds(int queued, int buffer) {
        return 3L * queued > 2L * buffer;
    }

    /** What {@link #fillAboveTwoThirds} did. */
    private record Filled(long bytes, boolean sawFull) {}

    /** Sends small blocks until more than two thirds of the buffer are taken, which is not to say that it was seen full. */
    private Filled fillAboveTwoThirds(int fd) {
        long sent = 0;
        boolean sawFull = false;
        byte[] block = new byte[BLOCK];
        while (!aboveTwoThirds(queued(fd), BUFFER)) {
            long n = calls.send(fd, block);
            sawFull |= n < BLOCK;
            sent += Math.max(0, n);
            assertThat(sent).isLessThan(64 << 20);
        }
        return new Filled(sent, sawFull);
    }

    private void awaitEmpty(int fd) {
        for (int i = 0; queued(fd) > 0; i++) {
            assertThat(i).isLessThan(5_000);
            calls.events(epollOfNothing(), 1, 1_000_000);
        }
    }

    private int nothing = -1;

    private int epollOfNothing() {
        nothing = nothing < 0 ? epoll() : nothing;
        return nothing;
    }

    @Test
    void memoryOfAFreshSocketIsItsSendBuffer() {
        for (int fd : new int[] {own(calls.tcpSocket()), tcpListener()}) {
            assertThat(queued(fd)).isZero();
            assertThat(sendBuffer(fd)).isEqualTo(os.option(fd, Socket.SOL_SOCKET, Socket.SO_SNDBUF));
        }
    }

    @Test
    void memoryOfAQuietConnectionIsFreeAndOfAFullOneTaken() {
        Pair pair = pairWithSendBuffer(64 << 10);
        assertThat(sendBuffer(pair.connected())).isEqualTo(64 << 10);
        assertThat(queued(pair.connected())).isZero();
        fill(pair.connected());
        assertThat(queued(pair.connected())).isGreaterThanOrEqualTo(64 << 10);
        assertThat(eventsNow(pair.connected())).isZero();
    }

    @Test
    void memoryIsGivenBackAsThePeerReads() {
        Pair pair = pairWithSendBuffer(64 << 10);
        long sent = fill(pair.connected());
        int full = queued(pair.connected());
        drain(pair.accepted(), sent);
        assertThat(calls.await(pair.connected(), Epoll.OUT)).isEqualTo(Epoll.OUT);
        assertThat(queued(pair.connected())).isLessThan(full);
        awaitEmpty(pair.connected());
    }

    @Test
    void whatIsQueuedIsNeverLessThanWhatWasNotRead() {
        Pair pair = pairWithSendBuffer(64 << 10);
        long sent = fill(pair.connected());
        assertThat(calls.await(pair.accepted(), Epoll.IN)).isEqualTo(Epoll.IN);
        long there = calls.receive(pair.accepted(), 1 << 20, Socket.MSG_PEEK);
        assertThat(queued(pair.connected())).isLessThanOrEqualTo((int) (2 * sent + 4_608));
        assertThat(there).isLessThanOrEqualTo(sent);
    }

    @Test
    void bufferThatWasSetNeverGrows() {
        Pair pair = pairWithSendBuffer(64 << 10);
        for (int i = 0; i < 3; i++) {
            drain(pair.accepted(), fill(pair.connected()));
            assertThat(calls.await(pair.connected(), Epoll.OUT)).isEqualTo(Epoll.OUT);
        }
        assertThat(sendBuffer(pair.connected())).isEqualTo(64 << 10);
    }

    @Test
    void bufferThatWasSeenFullNeverShrinks() {
        Pair pair = tcpPair();
        int before = sendBuffer(pair.connected());
        drain(pair.accepted(), fill(pair.connected()));
        assertThat(calls.await(pair.connected(), Epoll.OUT)).isEqualTo(Epoll.OUT);
        assertThat(sendBuffer(pair.connected())).isGreaterThanOrEqualTo(before);
    }

    @Test
    void fullSocketTakesNothingAndItsEdgeIsNotShownAtOnce() {
        Pair pair = pairWithSendBuffer(64 << 10);
        int epoll = edgesOf(pair.connected());
        assertThat(nextEdge(epoll)).isEqualTo(Epoll.OUT);
        fill(pair.connected());
        assertThat(calls.send(pair.connected(), "x")).isEqualTo(-Errno.EAGAIN);
        assertThat(eventsNow(pair.connected())).isZero();
    }

    @Test
    void writableAgainIsAtTwoThirdsOrLess() {
        Pair pair = pairWithSendBuffer(BUFFER);
        long sent = fill(pair.connected());
        int epoll = edgesOf(pair.connected());
        long read = 0;
        while (calls.events(epoll).isEmpty()) {
            if (read < sent) {
                assertThat(calls.await(pair.accepted(), Epoll.IN)).isEqualTo(Epoll.IN);
                read += calls.receive(pair.accepted(), 16 << 10);
            } else {
                assertThat(nextEdge(epoll)).isEqualTo(Epoll.OUT);
                break;
            }
        }
        assertThat(aboveTwoThirds(queued(pair.connected()), BUFFER)).isFalse();
    }

    @Test
    void edgeComesOnlyToWhoSawTheSocketFull() {
        Pair pair = pairWithSendBuffer(BUFFER);
        int epoll = epoll();
        calls.add(epoll, pair.connected(), Epoll.OUT | Epoll.ET);
        assertThat(nextEdge(epoll)).isEqualTo(Epoll.OUT);
        Filled filled = fillAboveTwoThirds(pair.connected());
        drain(pair.accepted(), filled.bytes());
        awaitEmpty(pair.connected());
        if (filled.sawFull()) {
            assertThat(nextEdge(epoll)).isEqualTo(Epoll.OUT);
        } else {
            assertThat(calls.events(epoll)).isEmpty();
        }
    }

    @Test
    void modAboveTwoThirdsAsksForAnEdge() {
        Pair pair = pairWithSendBuffer(BUFFER);
        int epoll = epoll();
        calls.add(epoll, pair.connected(), ALL | Epoll.ET);
        assertThat(nextEdge(epoll)).isEqualTo(Epoll.OUT);
        Filled filled = fillAboveTwoThirds(pair.connected());
        assertThat(calls.modify(epoll, pair.connected(), ALL | Epoll.ET)).isZero();
        if (!filled.sawFull()) {
            assertThat(calls.events(epoll)).isEmpty();
        }
        drain(pair.accepted(), filled.bytes());
        assertThat(nextEdge(epoll)).isEqualTo(Epoll.OUT);
    }

    @Test
    void modBelowTwoThirdsIsAnEdgeAtOnce() {
        Pair pair = pairWithSendBuffer(BUFFER);
        int epoll = edgesOf(pair.connected());
        assertThat(nextEdge(epoll)).isEqualTo(Epoll.OUT);
        assertThat(calls.send(pair.connected(), "x")).isEqualTo(1);
        assertThat(calls.modify(epoll, pair.connected(), ALL | Epoll.ET)).isZero();
        assertThat(calls.eventsOf(epoll, pair.connected())).isEqualTo(Epoll.OUT);
    }

    @Test
    void largerBufferMakesAFullSocketWritable() {
        Pair pair = pairWithSendBuffer(16 << 10);
        fill(pair.connected());
        int epoll = edgesOf(pair.connected());
        assertThat(calls.events(epoll)).isEmpty();
        assertThat(os.setOption(pair.connected(), Socket.SOL_SOCKET, Socket.SO_SNDBUF, 100_000))
                .isZero();
        assertThat(sendBuffer(pair.connected())).isEqualTo(200_000);
        assertThat(nextEdge(epoll)).isEqualTo(Epoll.OUT);
    }

    @Test
    void nothingIsSentByASendOfNothing() {
        Pair pair = tcpPair();
        assertThat(calls.send(pair.connected(), "")).isZero();
        assertThat(eventsNow(pair.accepted())).isEqualTo(Epoll.OUT);
    }

    @Test
    void readAndWriteWorkAsReceiveAndSend() {
        Pair pair = tcpPair();
        assertThat(calls.write(pair.connected(), new byte[5])).isBetween(1L, 5L);
        assertThat(calls.await(pair.accepted(), Epoll.IN)).isEqualTo(Epoll.IN);
        assertThat(calls.read(pair.accepted(), 10)).isBetween(1L, 5L);
    }

    @Test
    void rangesAreSentAndFilledInOrder() {
        Pair pair = tcpPair();
        MemorySegment memory = Arena.global().allocate(64);
        for (int i = 0; i < 64; i++) {
            memory.set(JAVA_BYTE, i, (byte) i);
        }
        IoVec from = new IoVec(3);
        from.add(memory, 10, 3);
        from.add(memory, 0, 2);
        from.add(memory, 20, 1);
        for (long left = 6; left > 0; ) {
            long n = os.sendmsg(pair.connected(), from, Socket.MSG_NOSIGNAL);
            assertThat(n).isPositive();
            from.consume(n);
            left -= n;
        }
        awaitBytes(pair.accepted(), 6);
        MemorySegment back = Arena.global().allocate(8);
        IoVec into = new IoVec(2);
        into.add(back, 0, 4);
        into.add(back, 5, 3);
        for (long left = 6; left > 0; ) {
            long n = os.recvmsg(pair.accepted(), into, 0);
            assertThat(n).isPositive();
            into.consume(n);
            left -= n;
        }
        assertThat(back.toArray(JAVA_BYTE)).containsExactly(10, 11, 12, 0, 0, 1, 20, 0);
    }

    private void awaitBytes(int fd, int bytes) {
        while (calls.receive(fd, bytes, Socket.MSG_PEEK) < bytes) {
            assertThat(calls.await(fd, Epoll.IN)).isEqualTo(Epoll.IN);
        }
    }

    @Test
    void peekLeavesTheBytesAndTheEnd() {
        Pair pair = tcpPair();
        assertThat(calls.send(pair.connected(), "x")).isEqualTo(1);
        assertThat(calls.await(pair.accepted(), Epoll.IN)).isEqualTo(Epoll.IN);
        assertThat(calls.receive(pair.accepted(), 10, Socket.MSG_PEEK)).isEqualTo(1);
        assertThat(calls.receive(pair.accepted(), 10)).isEqualTo(1);
        os.shutdown(pair.connected(), Socket.SHUT_WR);
        calls.await(pair.accepted(), Epoll.RDHUP);
        assertThat(calls.receive(pair.accepted(), 10, Socket.MSG_PEEK)).isZero();
        assertThat(calls.receive(pair.accepted(), 10)).isZero();
    }

    @Test
    void shortReadMeansEmptyAndTheNextDataIsAnEdge() {
        Pair pair = tcpPair();
        int epoll = epoll();
        calls.add(epoll, pair.accepted(), Epoll.IN | Epoll.ET);
        for (int i = 0; i < 3; i++) {
            assertThat(calls.send(pair.connected(), "x")).isEqualTo(1);
            assertThat(nextEdge(epoll)).isEqualTo(Epoll.IN);
            assertThat(calls.receive(pair.accepted(), 10)).isEqualTo(1);
            assertThat(calls.receive(pair.accepted(), 10)).isEqualTo(-Errno.EAGAIN);
            assertThat(calls.events(epoll)).isEmpty();
        }
    }

    @Test
    void newDataIsAnEdgeThoughTheOldWasNotRead() {
        Pair pair = tcpPair();
        int epoll = epoll();
        calls.add(epoll, pair.accepted(), Epoll.IN | Epoll.ET);
        assertThat(calls.send(pair.connected(), "old")).isPositive();
        assertThat(nextEdge(epoll)).isEqualTo(Epoll.IN);
        assertThat(calls.send(pair.connected(), "new")).isPositive();
        assertThat(nextEdge(epoll)).isEqualTo(Epoll.IN);
    }

    @Test
    void dataLeftUnreadIsNoEdgeUntilModAsks() {
        Pair pair = tcpPair();
        int epoll = epoll();
        transferWhole(pair, "two");
        calls.add(epoll, pair.accepted(), Epoll.IN | Epoll.ET);
        assertThat(nextEdge(epoll)).isEqualTo(Epoll.IN);
        assertThat(calls.receive(pair.accepted(), 1)).isEqualTo(1);
        assertThat(calls.events(epoll)).isEmpty();
        assertThat(calls.modify(epoll, pair.accepted(), Epoll.IN | Epoll.ET)).isZero();
        assertThat(calls.eventsOf(epoll, pair.accepted())).isEqualTo(Epoll.IN);
        assertThat(calls.receive(pair.accepted(), 1)).isEqualTo(1);
    }

    /** All of {@code text} is in the accepted end's receive queue. */
    private void transferWhole(Pair pair, String text) {
        for (int sent = 0; sent < text.length(); ) {
            long n = calls.send(pair.connected(), text.substring(sent));
            assertThat(n).isPositive();
            sent += (int) n;
        }
        int least = 0;
        while (least < text.length()) {
            assertThat(calls.await(pair.accepted(), Epoll.IN)).isEqualTo(Epoll.IN);
            long n = calls.receive(pair.accepted(), 100, Socket.MSG_PEEK);
            assertThat(n).isPositive();
            least = Math.max(least, (int) n);
        }
    }

    @Test
    void smallReceiveBufferFillsTheSender() {
        int listener = own(calls.tcpSocket());
        assertThat(os.setOption(listener, Socket.SOL_SOCKET, Socket.SO_RCVBUF, 4_096))
                .isZero();
        assertThat(calls.bind(listener, LOCAL, 0)).isZero();
        assertThat(os.listen(listener, 4)).isZero();
        int fd = connecting(LOCAL, calls.port(listener));
        calls.await(fd, Epoll.OUT);
        assertThat(calls.await(listener, Epoll.IN)).isEqualTo(Epoll.IN);
        int accepted = own(calls.accept(listener));
        assertThat(os.option(accepted, Socket.SOL_SOCKET, Socket.SO_RCVBUF)).isEqualTo(8_192);
        assertThat(os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_SNDBUF, 16 << 10))
                .isZero();
        long sent = fill(fd);
        assertThat(sent).isLessThan(256 << 10);
        assertThat(queued(fd)).isPositive();
        drain(accepted, sent);
        assertThat(calls.await(fd, Epoll.OUT)).isEqualTo(Epoll.OUT);
    }
}
