package io.passatelli.os;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** unix(7) stream sockets, on every kernel. */
@ParameterizedClass
@EnumSource(value = World.class, mode = EnumSource.Mode.EXCLUDE, names = "LINUX_REPLAYED")
class UnixStoryTest extends OsStory {
    private static final int ALL = Epoll.IN | Epoll.OUT | Epoll.RDHUP;

    private int eventsNow(int fd) {
        int epoll = os.epollCreate();
        calls.add(epoll, fd, ALL);
        int events = calls.eventsOf(epoll, fd);
        os.close(epoll);
        return events;
    }

    @Test
    void bytesArriveInOrderBothWays() {
        Pair pair = unixPair();
        transfer(pair.connected(), pair.accepted(), "hello, host");
        transfer(pair.accepted(), pair.connected(), "hello, guest");
        assertThat(calls.receive(pair.accepted(), 1)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void piecesRunTogether() {
        Pair pair = unixPair();
        for (String piece : List.of("a", "b", "c", "d")) {
            assertThat(calls.send(pair.connected(), piece)).isEqualTo(1);
        }
        assertThat(calls.receive(pair.accepted(), 1)).isEqualTo(1);
        StringBuilder rest = new StringBuilder();
        while (rest.length() < 3) {
            long n = calls.receive(pair.accepted(), 10);
            assertThat(n).isPositive();
            rest.append(calls.text(n));
        }
        assertThat(rest).hasToString("bcd");
    }

    @Test
    void readAndWriteWorkAsReceiveAndSend() {
        Pair pair = unixPair();
        assertThat(calls.write(pair.connected(), new byte[] {7})).isEqualTo(1);
        assertThat(calls.read(pair.accepted(), 10)).isEqualTo(1);
        assertThat(calls.bytes(1)).containsExactly(7);
        assertThat(calls.read(pair.accepted(), 10)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void peekLeavesTheBytes() {
        Pair pair = unixPair();
        calls.send(pair.connected(), "x");
        assertThat(calls.receive(pair.accepted(), 10, Socket.MSG_PEEK)).isEqualTo(1);
        assertThat(calls.receive(pair.accepted(), 10)).isEqualTo(1);
        assertThat(calls.receive(pair.accepted(), 10, Socket.MSG_PEEK)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void namesAreTakenUntilTheyAreUnlinked() {
        String path = newPath();
        int first = unixListener(path, 1);
        int second = own(calls.unixSocket());
        assertThat(calls.bindPath(second, path)).isEqualTo(-Errno.EADDRINUSE);
        assertThat(calls.bindPath(first, newPath())).isEqualTo(-Errno.EINVAL);
        close(first);
        assertThat(calls.bindPath(second, path)).isEqualTo(-Errno.EADDRINUSE);
        assertThat(calls.connectPath(second, path)).isEqualTo(-Errno.ECONNREFUSED);
        assertThat(calls.connectPath(second, newPath())).isEqualTo(-Errno.ENOENT);
    }

    @Test
    void aSocketOfAnotherTypeLearnsWhetherAPathIsHeldAndLeavesNoTrace() {
        String path = newPath();
        int probe = own(os.socket(Socket.AF_UNIX, Socket.SOCK_DGRAM, 0));
        assertThat(calls.connectPath(probe, path)).isEqualTo(-Errno.ENOENT);
        int stream = own(calls.unixSocket());
        assertThat(calls.bindPath(stream, path)).isZero();
        assertThat(calls.connectPath(probe, path)).isEqualTo(-Errno.EPROTOTYPE);
        assertThat(os.listen(stream, 1)).isZero();
        assertThat(calls.connectPath(probe, path)).isEqualTo(-Errno.EPROTOTYPE);
        assertThat(calls.accept(stream)).isEqualTo(-Errno.EAGAIN);
        close(stream);
        assertThat(calls.connectPath(probe, path)).isEqualTo(-Errno.ECONNREFUSED);
    }

    @Test
    void addressesArePathsOrUnnamed() {
        String path = newPath();
        int listener = unixListener(path, 1);
        int connected = own(calls.unixSocket());
        calls.connectPath(connected, path);
        int accepted = own(calls.accept(listener));
        assertThat(calls.address().family()).isEqualTo(Socket.AF_UNIX);
        assertThat(calls.address().path()).isEmpty();
        assertThat(os.localAddress(accepted, calls.address())).isZero();
        assertThat(calls.address().path()).isEqualTo(path);
        assertThat(os.localAddress(connected, calls.address())).isZero();
        assertThat(calls.address().path()).isEmpty();
    }

    @Test
    void boundConnectorIsNamedToTheListener() {
        String path = newPath();
        String own = newPath();
        int listener = unixListener(path, 1);
        int connected = own(calls.unixSocket());
        assertThat(calls.bindPath(connected, own)).isZero();
        calls.connectPath(connected, path);
        own(calls.accept(listener));
        assertThat(calls.address().path()).isEqualTo(own);
    }

    @Test
    void backlogAdmitsOneMoreThanItSays() {
        String path = newPath();
        int listener = unixListener(path, 1);
        assertThat(calls.connectPath(own(calls.unixSocket()), path)).isZero();
        assertThat(calls.connectPath(own(calls.unixSocket()), path)).isZero();
        int third = own(calls.unixSocket());
        assertThat(calls.connectPath(third, path)).isEqualTo(-Errno.EAGAIN);
        own(calls.accept(listener));
        assertThat(calls.connectPath(third, path)).isZero();
    }

    @Test
    void listenerIsReadableWhileSomebodyWaits() {
        String path = newPath();
        int listener = unixListener(path, 4);
        int epoll = epoll();
        calls.add(epoll, listener, Epoll.IN | Epoll.ET);
        assertThat(calls.accept(listener)).isEqualTo(-Errno.EAGAIN);
        assertThat(calls.events(epoll)).isEmpty();
        calls.connectPath(own(calls.unixSocket()), path);
        assertThat(calls.eventsOf(epoll, listener)).isEqualTo(Epoll.IN);
        calls.connectPath(own(calls.unixSocket()), path);
        assertThat(calls.eventsOf(epoll, listener)).isEqualTo(Epoll.IN);
        own(calls.accept(listener));
        own(calls.accept(listener));
        assertThat(calls.accept(listener)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void misuseHasItsErrors() {
        Pair pair = unixPair();
        int fresh = own(calls.unixSocket());
        assertThat(calls.accept(fresh)).isEqualTo(-Errno.EINVAL);
        assertThat(os.listen(fresh, 1)).isEqualTo(-Errno.EINVAL);
        assertThat(calls.receive(fresh, 1)).isEqualTo(-Errno.EINVAL);
        assertThat(calls.send(fresh, "x")).isEqualTo(-Errno.ENOTCONN);
        assertThat(os.shutdown(pair.accepted(), 3)).isEqualTo(-Errno.EINVAL);
        String path = newPath();
        unixListener(path, 1);
        assertThat(calls.connectPath(pair.connected(), path)).isEqualTo(-Errno.EISCONN);
    }

    @Test
    void freshSocketHangsUpAndIsWritable() {
        assertThat(eventsNow(own(calls.unixSocket()))).isEqualTo(Epoll.OUT | Epoll.HUP);
    }

    @Test
    void connectedSocketIsWritableAndDataMakesItReadable() {
        Pair pair = unixPair();
        assertThat(eventsNow(pair.accepted())).isEqualTo(Epoll.OUT);
        calls.send(pair.connected(), "x");
        assertThat(eventsNow(pair.accepted())).isEqualTo(Epoll.IN | Epoll.OUT);
    }

    @Test
    void everySendIsAnEdgeEvenBeforeTheLastWasRead() {
        Pair pair = unixPair();
        int epoll = epoll();
        calls.add(epoll, pair.accepted(), Epoll.IN | Epoll.ET);
        calls.send(pair.connected(), "a");
        assertThat(calls.eventsOf(epoll, pair.accepted())).isEqualTo(Epoll.IN);
        assertThat(calls.events(epoll)).isEmpty();
        calls.send(pair.connected(), "b");
        assertThat(calls.eventsOf(epoll, pair.accepted())).isEqualTo(Epoll.IN);
    }

    @Test
    void readingAPieceIsAnEdgeForTheWriterThoughItWasNeverFull() {
        Pair pair = unixPair();
        int epoll = epoll();
        calls.add(epoll, pair.connected(), Epoll.OUT | Epoll.ET);
        assertThat(calls.eventsOf(epoll, pair.connected())).isEqualTo(Epoll.OUT);
        calls.send(pair.connected(), "a");
        assertThat(calls.events(epoll)).isEmpty();
        calls.receive(pair.accepted(), 10);
        assertThat(calls.eventsOf(epoll, pair.connected())).isEqualTo(Epoll.OUT);
    }

    @Test
    void fullSocketSaysAgainAndIsWritableOnceItIsRead() {
        Pair pair = unixPair();
        byte[] block = new byte[32 << 10];
        long sent = 0;
        for (long n = 1; n > 0; ) {
            n = calls.send(pair.connected(), block);
            sent += Math.max(0, n);
            assertThat(n > 0 || n == -Errno.EAGAIN).isTrue();
            assertThat(sent).isLessThan(1 << 20);
        }
        assertThat(eventsNow(pair.connected())).isZero();
        int epoll = epoll();
        calls.add(epoll, pair.connected(), Epoll.OUT | Epoll.ET);
        assertThat(calls.events(epoll)).isEmpty();
        for (long read = 0; read < sent; ) {
            long n = calls.receive(pair.accepted(), 64 << 10);
            assertThat(n).isPositive();
            read += n;
        }
        assertThat(calls.eventsOf(epoll, pair.connected())).isEqualTo(Epoll.OUT);
        assertThat(calls.send(pair.connected(), "x")).isEqualTo(1);
    }

    @Test
    void closeIsEofAfterTheData() {
        Pair pair = unixPair();
        calls.send(pair.connected(), "x");
        close(pair.connected());
        assertThat(eventsNow(pair.accepted())).isEqualTo(Epoll.IN | Epoll.OUT | Epoll.RDHUP | Epoll.HUP);
        assertThat(calls.receive(pair.accepted(), 10)).isEqualTo(1);
        assertThat(calls.receive(pair.accepted(), 10)).isZero();
        assertThat(calls.receive(pair.accepted(), 10)).isZero();
        assertThat(calls.send(pair.accepted(), "y")).isEqualTo(-Errno.EPIPE);
        assertThat(calls.error(pair.accepted())).isZero();
    }

    @Test
    void closeWithUnreadDataIsAResetToldOnceAfterTheData() {
        Pair pair = unixPair();
        calls.send(pair.connected(), "x");
        calls.send(pair.accepted(), "y");
        close(pair.connected());
        assertThat(eventsNow(pair.accepted())).isEqualTo(Epoll.IN | Epoll.OUT | Epoll.RDHUP | Epoll.HUP | Epoll.ERR);
        assertThat(calls.send(pair.accepted(), "z")).isEqualTo(-Errno.EPIPE);
        assertThat(calls.receive(pair.accepted(), 10)).isEqualTo(1);
        assertThat(calls.receive(pair.accepted(), 10)).isEqualTo(-Errno.ECONNRESET);
        assertThat(calls.receive(pair.accepted(), 10)).isZero();
    }

    @Test
    void resetIsTakenBySoError() {
        Pair pair = unixPair();
        calls.send(pair.accepted(), "y");
        close(pair.connected());
        assertThat(calls.error(pair.accepted())).isEqualTo(Errno.ECONNRESET);
        assertThat(calls.error(pair.accepted())).isZero();
        assertThat(calls.receive(pair.accepted(), 10)).isZero();
    }

    @Test
    void halfCloseIsEofOneWay() {
        Pair pair = unixPair();
        int epoll = epoll();
        calls.add(epoll, pair.accepted(), ALL | Epoll.ET);
        calls.events(epoll);
        assertThat(os.shutdown(pair.connected(), Socket.SHUT_WR)).isZero();
        assertThat(calls.eventsOf(epoll, pair.accepted())).isEqualTo(Epoll.IN | Epoll.OUT | Epoll.RDHUP);
        assertThat(calls.receive(pair.accepted(), 1)).isZero();
        assertThat(calls.send(pair.connected(), "x")).isEqualTo(-Errno.EPIPE);
        transfer(pair.accepted(), pair.connected(), "still open");
        assertThat(os.shutdown(pair.accepted(), Socket.SHUT_WR)).isZero();
        assertThat(eventsNow(pair.accepted())).isEqualTo(Epoll.IN | Epoll.OUT | Epoll.RDHUP | Epoll.HUP);
    }

    @Test
    void shutdownForReadingIsEpipeForTheWriter() {
        Pair pair = unixPair();
        assertThat(os.shutdown(pair.accepted(), Socket.SHUT_RD)).isZero();
        assertThat(calls.receive(pair.accepted(), 1)).isZero();
        assertThat(calls.send(pair.connected(), "x")).isEqualTo(-Errno.EPIPE);
    }

    @Test
    void unconnectedSocketMayBeShutDown() {
        assertThat(os.shutdown(own(calls.unixSocket()), Socket.SHUT_RDWR)).isZero();
    }

    @Test
    void connectionThatNobodyAcceptedIsReset() {
        String path = newPath();
        int listener = unixListener(path, 1);
        int connected = own(calls.unixSocket());
        calls.connectPath(connected, path);
        close(listener);
        assertThat(eventsNow(connected) & Epoll.HUP).isEqualTo(Epoll.HUP);
        assertThat(calls.receive(connected, 1)).isEqualTo(-Errno.ECONNRESET);
        assertThat(calls.receive(connected, 1)).isZero();
    }

    @Test
    void dataOfAConnectorThatLeftBeforeAcceptIsStillThere() {
        String path = newPath();
        int listener = unixListener(path, 1);
        int connected = own(calls.unixSocket());
        calls.connectPath(connected, path);
        calls.send(connected, "x");
        close(connected);
        int accepted = own(calls.accept(listener));
        assertThat(calls.receive(accepted, 10)).isEqualTo(1);
        assertThat(calls.receive(accepted, 10)).isZero();
    }

    @Test
    void peerPidIsTheOtherProcess() {
        Pair pair = unixPair();
        int self = (int) ProcessHandle.current().pid();
        assertThat(os.peerPid(pair.accepted())).isEqualTo(self);
        assertThat(os.peerPid(pair.connected())).isEqualTo(self);
    }

    @Test
    void bufferSizesAreDoubled() {
        Pair pair = unixPair();
        assertThat(os.setOption(pair.connected(), Socket.SOL_SOCKET, Socket.SO_SNDBUF, 10_000))
                .isZero();
        assertThat(os.option(pair.connected(), Socket.SOL_SOCKET, Socket.SO_SNDBUF))
                .isEqualTo(20_000);
        os.setOption(pair.connected(), Socket.SOL_SOCKET, Socket.SO_SNDBUF, 1);
        assertThat(os.option(pair.connected(), Socket.SOL_SOCKET, Socket.SO_SNDBUF))
                .isEqualTo(4_608);
        os.setOption(pair.connected(), Socket.SOL_SOCKET, Socket.SO_RCVBUF, 1);
        assertThat(os.option(pair.connected(), Socket.SOL_SOCKET, Socket.SO_RCVBUF))
                .isEqualTo(2_304);
    }
}
