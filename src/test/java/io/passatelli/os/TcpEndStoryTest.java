package io.passatelli.os;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** tcp(7) over loopback, on every kernel: how connections end. */
@ParameterizedClass
@EnumSource(World.class)
class TcpEndStoryTest extends TcpStory {
    private Pair resetPair() {
        Pair pair = tcpPair();
        assertThat(os.linger0(pair.connected())).isZero();
        close(pair.connected());
        assertThat(calls.await(pair.accepted(), Epoll.HUP) & Epoll.HUP).isEqualTo(Epoll.HUP);
        return pair;
    }

    @Test
    void closeWithLingerOfNoTimeIsAReset() {
        Pair pair = resetPair();
        assertThat(eventsNow(pair.accepted())).isEqualTo(GONE | Epoll.ERR);
        assertThat(calls.error(pair.accepted())).isEqualTo(Errno.ECONNRESET);
        assertThat(eventsNow(pair.accepted())).isEqualTo(GONE);
        assertThat(calls.receive(pair.accepted(), 10)).isZero();
    }

    @Test
    void resetIsOneEdgeWithEverything() {
        Pair pair = tcpPair();
        int epoll = edgesOf(pair.accepted());
        assertThat(nextEdge(epoll)).isEqualTo(Epoll.OUT);
        os.linger0(pair.connected());
        close(pair.connected());
        assertThat(edgesUntil(epoll, Epoll.HUP)).isEqualTo(GONE | Epoll.ERR);
        assertThat(calls.events(epoll)).isEmpty();
    }

    @Test
    void resetIsToldByTheFirstCallThatAsks() {
        int reader = resetPair().accepted();
        assertThat(calls.receive(reader, 1)).isEqualTo(-Errno.ECONNRESET);
        assertThat(calls.receive(reader, 1)).isZero();
        assertThat(calls.error(reader)).isZero();
        int writer = resetPair().accepted();
        assertThat(calls.send(writer, "x")).isEqualTo(-Errno.ECONNRESET);
        assertThat(calls.send(writer, "x")).isEqualTo(-Errno.EPIPE);
        assertThat(calls.receive(writer, 1)).isZero();
        int shut = resetPair().accepted();
        assertThat(os.shutdown(shut, Socket.SHUT_WR)).isEqualTo(-Errno.ENOTCONN);
        assertThat(calls.error(shut)).isEqualTo(Errno.ECONNRESET);
    }

    @Test
    void resetByLingerAfterAFinIsABrokenPipe() {
        Pair pair = tcpPair();
        os.shutdown(pair.connected(), Socket.SHUT_WR);
        calls.await(pair.accepted(), Epoll.RDHUP);
        os.linger0(pair.connected());
        close(pair.connected());
        calls.await(pair.accepted(), Epoll.HUP);
        assertThat(calls.error(pair.accepted())).isEqualTo(Errno.EPIPE);
        assertThat(calls.receive(pair.accepted(), 1)).isZero();
    }

    @Test
    void resetAfterTheirFinIsAConnectionReset() {
        Pair pair = tcpPair();
        os.shutdown(pair.accepted(), Socket.SHUT_WR);
        calls.await(pair.connected(), Epoll.RDHUP);
        os.linger0(pair.connected());
        close(pair.connected());
        assertThat(calls.await(pair.accepted(), Epoll.HUP) & Epoll.ERR).isEqualTo(Epoll.ERR);
        assertThat(calls.error(pair.accepted())).isEqualTo(Errno.ECONNRESET);
    }

    @Test
    void lingerChangesNothingUntilTheClose() {
        Pair pair = tcpPair();
        assertThat(os.linger0(pair.connected())).isZero();
        transfer(pair.connected(), pair.accepted(), "before");
        os.shutdown(pair.connected(), Socket.SHUT_WR);
        assertThat(calls.await(pair.accepted(), Epoll.RDHUP)).isEqualTo(Epoll.RDHUP);
        assertThat(calls.receive(pair.accepted(), 10)).isZero();
        transfer(pair.accepted(), pair.connected(), "after");
    }

    @Test
    void nothingIsResetAfterBothFins() {
        Pair pair = tcpPair();
        os.shutdown(pair.connected(), Socket.SHUT_WR);
        calls.await(pair.accepted(), Epoll.RDHUP);
        os.shutdown(pair.accepted(), Socket.SHUT_WR);
        calls.await(pair.connected(), Epoll.HUP);
        calls.await(pair.accepted(), Epoll.HUP);
        os.linger0(pair.connected());
        close(pair.connected());
        assertThat(eventsNow(pair.accepted())).isEqualTo(GONE);
        assertThat(calls.error(pair.accepted())).isZero();
    }

    @Test
    void resetThrowsAwayWhatWasNotSent() {
        Pair pair = pairWithSendBuffer(400 << 10); // more than the receiver's window
        long sent = fill(pair.connected());
        os.linger0(pair.connected());
        close(pair.connected());
        assertThat(calls.await(pair.accepted(), Epoll.HUP) & Epoll.ERR).isEqualTo(Epoll.ERR);
        long read = 0;
        long n;
        for (n = 1; n > 0; read += Math.max(0, n)) {
            n = calls.receive(pair.accepted(), 1 << 20);
        }
        assertThat(n).isEqualTo(-Errno.ECONNRESET);
        assertThat(read).isLessThan(sent);
    }

    @Test
    void resetEmptiesTheSendBuffer() {
        Pair pair = pairWithSendBuffer(64 << 10);
        fill(pair.connected());
        assertThat(queued(pair.connected())).isPositive();
        os.linger0(pair.accepted());
        close(pair.accepted());
        calls.await(pair.connected(), Epoll.HUP);
        assertThat(queued(pair.connected())).isZero();
        assertThat(calls.send(pair.connected(), "x")).isEqualTo(-Errno.ECONNRESET);
    }

    @Test
    void lastBytesAndFinAreReadOneAfterTheOther() {
        Pair pair = tcpPair();
        assertThat(calls.send(pair.connected(), "x")).isEqualTo(1);
        os.shutdown(pair.connected(), Socket.SHUT_WR);
        awaitAll(pair.accepted(), Epoll.IN, Epoll.RDHUP);
        int epoll = edgesOf(pair.accepted());
        assertThat(nextEdge(epoll)).isEqualTo(ALL);
        assertThat(calls.receive(pair.accepted(), 1)).isEqualTo(1);
        assertThat(calls.events(epoll)).isEmpty(); // the end was in the edge before
        assertThat(calls.receive(pair.accepted(), 1)).isZero();
        assertThat(calls.receive(pair.accepted(), 1)).isZero();
    }

    @Test
    void finIsAnEdgeAfterTheDataWasReadToo() {
        Pair pair = tcpPair();
        int epoll = edgesOf(pair.accepted());
        assertThat(nextEdge(epoll)).isEqualTo(Epoll.OUT);
        transfer(pair.connected(), pair.accepted(), "all");
        calls.events(epoll);
        os.shutdown(pair.connected(), Socket.SHUT_WR);
        assertThat(edgesUntil(epoll, Epoll.RDHUP) & ~ALL).isZero();
        assertThat(calls.receive(pair.accepted(), 1)).isZero();
    }

    @Test
    void acceptedEndMayFinishFirst() {
        Pair pair = tcpPair();
        os.shutdown(pair.accepted(), Socket.SHUT_WR);
        assertThat(calls.await(pair.connected(), Epoll.RDHUP)).isEqualTo(Epoll.RDHUP);
        assertThat(eventsNow(pair.connected())).isEqualTo(ALL);
        assertThat(eventsNow(pair.accepted())).isEqualTo(Epoll.OUT);
        transfer(pair.connected(), pair.accepted(), "still open");
        os.shutdown(pair.connected(), Socket.SHUT_WR);
        assertThat(calls.await(pair.accepted(), Epoll.HUP) & Epoll.HUP).isEqualTo(Epoll.HUP);
        for (int fd : List.of(pair.connected(), pair.accepted())) {
            assertThat(eventsNow(fd)).isEqualTo(GONE);
            assertThat(calls.error(fd)).isZero();
            assertThat(calls.receive(fd, 1)).isZero();
        }
    }

    @Test
    void bothMayFinishAtOnce() {
        Pair pair = tcpPair();
        os.shutdown(pair.accepted(), Socket.SHUT_WR);
        os.shutdown(pair.connected(), Socket.SHUT_WR);
        for (int fd : List.of(pair.connected(), pair.accepted())) {
            assertThat(calls.await(fd, Epoll.RDHUP) & Epoll.ERR).isZero();
            assertThat(eventsNow(fd)).isEqualTo(GONE);
            assertThat(calls.receive(fd, 1)).isZero();
            assertThat(calls.error(fd)).isZero();
        }
    }

    @Test
    void secondFinIsAnEdgeWithHangUp() {
        Pair pair = tcpPair();
        os.shutdown(pair.connected(), Socket.SHUT_WR);
        calls.await(pair.accepted(), Epoll.RDHUP);
        int epoll = edgesOf(pair.connected());
        edgesUntil(epoll, Epoll.OUT);
        os.shutdown(pair.accepted(), Socket.SHUT_WR);
        assertThat(edgesUntil(epoll, Epoll.HUP)).isEqualTo(GONE);
    }

    @Test
    void ourOwnShutdownIsAnEdgeHere() {
        Pair pair = tcpPair();
        os.shutdown(pair.accepted(), Socket.SHUT_WR);
        calls.await(pair.connected(), Epoll.RDHUP);
        int epoll = edgesOf(pair.connected());
        assertThat(nextEdge(epoll)).isEqualTo(ALL);
        os.shutdown(pair.connected(), Socket.SHUT_WR);
        assertThat(edgesUntil(epoll, Epoll.HUP)).isEqualTo(GONE);
    }

    @Test
    void shutdownMayBeRepeatedAndKnowsThreeWays() {
        Pair pair = tcpPair();
        assertThat(os.shutdown(pair.connected(), 3)).isEqualTo(-Errno.EINVAL);
        assertThat(os.shutdown(pair.connected(), -1)).isEqualTo(-Errno.EINVAL);
        assertThat(os.shutdown(pair.connected(), Socket.SHUT_WR)).isZero();
        assertThat(os.shutdown(pair.connected(), Socket.SHUT_WR)).isZero();
        assertThat(calls.send(pair.connected(), "x")).isEqualTo(-Errno.EPIPE);
        assertThat(eventsNow(pair.connected())).isEqualTo(Epoll.OUT);
    }

    @Test
    void shutdownBothWaysIsAHangUpHereAndAFinThere() {
        Pair pair = tcpPair();
        assertThat(os.shutdown(pair.connected(), Socket.SHUT_RDWR)).isZero();
        assertThat(eventsNow(pair.connected())).isEqualTo(GONE);
        assertThat(calls.await(pair.accepted(), Epoll.RDHUP)).isEqualTo(Epoll.RDHUP);
        assertThat(calls.send(pair.accepted(), "x")).isEqualTo(1);
        assertThat(calls.await(pair.accepted(), Epoll.HUP) & Epoll.ERR).isEqualTo(Epoll.ERR);
        assertThat(calls.error(pair.accepted())).isEqualTo(Errno.EPIPE);
    }

    @Test
    void finWaitsForTheDataBeforeIt() {
        Pair pair = pairWithSendBuffer(64 << 10);
        long sent = fill(pair.connected());
        assertThat(os.shutdown(pair.connected(), Socket.SHUT_WR)).isZero();
        drain(pair.accepted(), sent);
        calls.await(pair.accepted(), Epoll.RDHUP);
        assertThat(calls.receive(pair.accepted(), 1)).isZero();
    }

    @Test
    void closeSendsWhatIsQueuedFirst() {
        Pair pair = pairWithSendBuffer(64 << 10);
        long sent = fill(pair.connected());
        close(pair.connected());
        drain(pair.accepted(), sent);
        calls.await(pair.accepted(), Epoll.RDHUP);
        assertThat(calls.receive(pair.accepted(), 1)).isZero();
        assertThat(calls.error(pair.accepted())).isZero();
    }

    @Test
    void shutSocketIsWritableThoughItWasFull() {
        Pair pair = pairWithSendBuffer(64 << 10);
        fill(pair.connected());
        assertThat(eventsNow(pair.connected())).isZero();
        os.shutdown(pair.connected(), Socket.SHUT_WR);
        assertThat(eventsNow(pair.connected())).isEqualTo(Epoll.OUT);
        assertThat(queued(pair.connected())).isPositive();
    }

    @Test
    void unreadDataMakesACloseAResetAfterOurFinToo() {
        Pair pair = tcpPair();
        assertThat(calls.send(pair.accepted(), "unread")).isPositive();
        calls.await(pair.connected(), Epoll.IN);
        os.shutdown(pair.connected(), Socket.SHUT_WR);
        calls.await(pair.accepted(), Epoll.RDHUP);
        close(pair.connected());
        assertThat(calls.await(pair.accepted(), Epoll.HUP) & Epoll.ERR).isEqualTo(Epoll.ERR);
        assertThat(calls.error(pair.accepted())).isEqualTo(Errno.EPIPE);
    }
}
