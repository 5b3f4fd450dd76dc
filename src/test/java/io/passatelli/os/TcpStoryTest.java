package io.passatelli.os;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

import static org.assertj.core.api.Assertions.assertThat;

/** tcp(7) over loopback, on every kernel. */
@ParameterizedClass
@EnumSource(World.class)
class TcpStoryTest extends TcpStory {
    private int refusedConnect() {
        int reserved = own(calls.tcpSocket());
        assertThat(calls.bind(reserved, LOCAL, 0)).isZero();
        int fd = own(calls.tcpSocket());
        assertThat(calls.connect(fd, LOCAL, calls.port(reserved))).isEqualTo(-Errno.EINPROGRESS);
        calls.await(fd, Epoll.IN);
        return fd;
    }

    @Test
    void freshSocketHangsUpAndKnowsNobody() {
        int fd = own(calls.tcpSocket());
        assertThat(eventsNow(fd)).isEqualTo(Epoll.OUT | Epoll.HUP);
        assertThat(calls.receive(fd, 1)).isEqualTo(-Errno.ENOTCONN);
        assertThat(calls.send(fd, "x")).isEqualTo(-Errno.EPIPE);
        assertThat(os.shutdown(fd, Socket.SHUT_WR)).isEqualTo(-Errno.ENOTCONN);
        assertThat(calls.accept(fd)).isEqualTo(-Errno.EINVAL);
    }

    @Test
    void connectIsInProgressThenWritableThenToldOnce() {
        int listener = tcpListener();
        int fd = own(calls.tcpSocket());
        int epoll = epoll();
        assertThat(calls.connect(fd, LOCAL, calls.port(listener))).isEqualTo(-Errno.EINPROGRESS);
        calls.add(epoll, fd, ALL | Epoll.ET);
        assertThat(calls.events(epoll, 1, Calls.PATIENCE_NS).values()).containsExactly(Epoll.OUT);
        assertThat(calls.error(fd)).isZero();
        assertThat(calls.connect(fd, LOCAL, calls.port(listener))).isZero();
        assertThat(calls.connect(fd, LOCAL, calls.port(listener))).isEqualTo(-Errno.EISCONN);
    }

    @Test
    void acceptTellsWhoConnected() {
        int listener = tcpListener();
        int port = calls.port(listener);
        int fd = own(calls.tcpSocket());
        calls.connect(fd, LOCAL, port);
        calls.await(listener, Epoll.IN);
        int accepted = own(calls.accept(listener));
        int from = calls.address().port();
        assertThat(calls.address().low()).isEqualTo(LOCAL.low());
        assertThat(calls.port(fd)).isEqualTo(from);
        assertThat(calls.port(accepted)).isEqualTo(port);
        assertThat(calls.accept(listener)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void refusalIsToldOnceBySoError() {
        int fd = refusedConnect();
        assertThat(eventsNow(fd)).isEqualTo(GONE | Epoll.ERR);
        assertThat(calls.error(fd)).isEqualTo(Errno.ECONNREFUSED);
        assertThat(calls.error(fd)).isZero();
        assertThat(eventsNow(fd)).isEqualTo(GONE);
        assertThat(calls.receive(fd, 1)).isZero();
        assertThat(calls.send(fd, "x")).isEqualTo(-Errno.EPIPE);
    }

    @Test
    void refusalIsToldByReceiveOrSendToo() {
        int reader = refusedConnect();
        assertThat(calls.receive(reader, 1)).isEqualTo(-Errno.ECONNREFUSED);
        assertThat(calls.error(reader)).isZero();
        int writer = refusedConnect();
        assertThat(calls.send(writer, "x")).isEqualTo(-Errno.ECONNREFUSED);
        assertThat(calls.error(writer)).isZero();
    }

    @Test
    void portsAreTaken() {
        int listener = tcpListener();
        int second = own(calls.tcpSocket());
        assertThat(calls.bind(second, LOCAL, calls.port(listener))).isEqualTo(-Errno.EADDRINUSE);
        assertThat(calls.bind(listener, LOCAL, 0)).isEqualTo(-Errno.EINVAL);
    }

    @Test
    void listenerHasNoData() {
        int listener = tcpListener();
        assertThat(calls.receive(listener, 1)).isEqualTo(-Errno.ENOTCONN);
        assertThat(calls.send(listener, "x")).isEqualTo(-Errno.EPIPE);
        assertThat(eventsNow(listener)).isZero();
    }

    @Test
    void bytesArriveInOrderBothWays() {
        Pair pair = tcpPair();
        transfer(pair.connected(), pair.accepted(), "hello, host");
        transfer(pair.accepted(), pair.connected(), "hello, guest");
        assertThat(calls.receive(pair.accepted(), 1)).isEqualTo(-Errno.EAGAIN);
        assertThat(eventsNow(pair.accepted())).isEqualTo(Epoll.OUT);
    }

    @Test
    void dataSentBeforeAcceptIsThere() {
        int listener = tcpListener();
        int fd = own(calls.tcpSocket());
        calls.connect(fd, LOCAL, calls.port(listener));
        calls.await(fd, Epoll.OUT);
        assertThat(calls.send(fd, "x")).isEqualTo(1);
        calls.await(listener, Epoll.IN);
        int accepted = own(calls.accept(listener));
        assertThat(calls.await(accepted, Epoll.IN)).isEqualTo(Epoll.IN);
        assertThat(calls.receive(accepted, 10)).isEqualTo(1);
    }

    @Test
    void dataIsAnEdgeEachTime() {
        Pair pair = tcpPair();
        int epoll = epoll();
        calls.add(epoll, pair.accepted(), Epoll.IN | Epoll.ET);
        for (int i = 0; i < 3; i++) {
            calls.send(pair.connected(), "x");
            assertThat(calls.events(epoll, 1, Calls.PATIENCE_NS).values()).containsExactly(Epoll.IN);
            assertThat(calls.events(epoll)).isEmpty();
        }
    }

    @Test
    void halfCloseIsEofWithReadHangUpAndTheOtherWayGoesOn() {
        Pair pair = tcpPair();
        assertThat(os.shutdown(pair.connected(), Socket.SHUT_WR)).isZero();
        assertThat(calls.await(pair.accepted(), Epoll.RDHUP)).isEqualTo(Epoll.RDHUP);
        assertThat(eventsNow(pair.accepted())).isEqualTo(ALL);
        assertThat(calls.receive(pair.accepted(), 1)).isZero();
        assertThat(calls.send(pair.connected(), "x")).isEqualTo(-Errno.EPIPE);
        transfer(pair.accepted(), pair.connected(), "still open");
        assertThat(os.shutdown(pair.accepted(), Socket.SHUT_WR)).isZero();
        assertThat(calls.await(pair.connected(), Epoll.RDHUP) & Epoll.RDHUP).isEqualTo(Epoll.RDHUP);
        assertThat(eventsNow(pair.connected())).isEqualTo(GONE);
        assertThat(calls.receive(pair.connected(), 1)).isZero();
    }

    @Test
    void dataBeforeAFinIsReadFirst() {
        Pair pair = tcpPair();
        calls.send(pair.connected(), "x");
        os.shutdown(pair.connected(), Socket.SHUT_WR);
        calls.await(pair.accepted(), Epoll.RDHUP);
        assertThat(calls.receive(pair.accepted(), 10)).isEqualTo(1);
        assertThat(calls.receive(pair.accepted(), 10)).isZero();
    }

    @Test
    void closeIsAFinAndSendingToItIsAnsweredByAReset() {
        Pair pair = tcpPair();
        close(pair.connected());
        assertThat(calls.await(pair.accepted(), Epoll.RDHUP)).isEqualTo(Epoll.RDHUP);
        assertThat(calls.receive(pair.accepted(), 10)).isZero();
        assertThat(calls.send(pair.accepted(), "x")).isEqualTo(1);
        assertThat(calls.await(pair.accepted(), Epoll.HUP) & Epoll.ERR).isEqualTo(Epoll.ERR);
        assertThat(calls.receive(pair.accepted(), 10)).isZero();
        assertThat(calls.error(pair.accepted())).isEqualTo(Errno.EPIPE);
        assertThat(calls.send(pair.accepted(), "x")).isEqualTo(-Errno.EPIPE);
    }

    @Test
    void closeWithUnreadDataIsAReset() {
        Pair pair = tcpPair();
        calls.send(pair.accepted(), "unread");
        calls.await(pair.connected(), Epoll.IN);
        close(pair.connected());
        assertThat(calls.await(pair.accepted(), Epoll.HUP) & (Epoll.ERR | Epoll.HUP))
                .isEqualTo(Epoll.ERR | Epoll.HUP);
        assertThat(eventsNow(pair.accepted())).isEqualTo(GONE | Epoll.ERR);
        assertThat(calls.receive(pair.accepted(), 10)).isEqualTo(-Errno.ECONNRESET);
        assertThat(calls.receive(pair.accepted(), 10)).isZero();
        assertThat(calls.send(pair.accepted(), "x")).isEqualTo(-Errno.EPIPE);
        assertThat(os.shutdown(pair.accepted(), Socket.SHUT_WR)).isEqualTo(-Errno.ENOTCONN);
    }

    @Test
    void dataThatCameBeforeAResetCanStillBeRead() {
        Pair pair = tcpPair();
        calls.send(pair.connected(), "x");
        calls.await(pair.accepted(), Epoll.IN);
        calls.send(pair.accepted(), "unread");
        calls.await(pair.connected(), Epoll.IN);
        close(pair.connected());
        calls.await(pair.accepted(), Epoll.HUP);
        assertThat(calls.receive(pair.accepted(), 10)).isEqualTo(1);
        assertThat(calls.receive(pair.accepted(), 10)).isEqualTo(-Errno.ECONNRESET);
    }

    @Test
    void connectionThatNobodyAcceptedIsReset() {
        int listener = tcpListener();
        int fd = own(calls.tcpSocket());
        calls.connect(fd, LOCAL, calls.port(listener));
        calls.await(fd, Epoll.OUT);
        calls.await(listener, Epoll.IN);
        close(listener);
        calls.await(fd, Epoll.HUP);
        assertThat(calls.receive(fd, 1)).isEqualTo(-Errno.ECONNRESET);
    }

    @Test
    void shutdownForReadingIsEofHereAndNothingThere() {
        Pair pair = tcpPair();
        assertThat(os.shutdown(pair.accepted(), Socket.SHUT_RD)).isZero();
        assertThat(eventsNow(pair.accepted())).isEqualTo(ALL);
        assertThat(calls.receive(pair.accepted(), 1)).isZero();
        assertThat(calls.send(pair.connected(), "x")).isEqualTo(1);
        assertThat(eventsNow(pair.connected())).isEqualTo(Epoll.OUT);
    }

    @Test
    void fullSocketSaysAgainAndItsEdgeComesWhenTheHostReads() {
        Pair pair = tcpPair();
        assertThat(os.setOption(pair.connected(), Socket.SOL_SOCKET, Socket.SO_SNDBUF, 32 << 10))
                .isZero();
        long sent = fill(pair.connected());
        int epoll = epoll();
        calls.add(epoll, pair.connected(), Epoll.OUT | Epoll.ET);
        for (long read = 0; read < sent; ) {
            assertThat(calls.await(pair.accepted(), Epoll.IN) & Epoll.IN).isEqualTo(Epoll.IN);
            long n = calls.receive(pair.accepted(), 1 << 20);
            assertThat(n).isPositive();
            read += n;
        }
        assertThat(calls.events(epoll, 1, Calls.PATIENCE_NS).values()).containsExactly(Epoll.OUT);
        assertThat(calls.send(pair.connected(), "x")).isEqualTo(1);
    }

    @Test
    void bindRefusesAnAddressThatIsNotOurs() {
        int fd = own(calls.tcpSocket());
        assertThat(calls.bind(fd, io.passatelli.base.Ip.v4(0xc0000201), 0)).isEqualTo(-Errno.EADDRNOTAVAIL);
    }
}
