package io.passatelli.os;

import io.passatelli.base.Ip;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** tcp(7) over loopback, on every kernel: names, options, handshakes. */
@ParameterizedClass
@EnumSource(World.class)
class TcpConnectStoryTest extends TcpStory {
    private static final Ip LOCAL6 = Ip.LOOPBACK6;

    private int connected(int listener, Ip to) {
        int fd = connecting(to, calls.port(listener));
        assertThat(calls.await(fd, Epoll.OUT)).isEqualTo(Epoll.OUT);
        return fd;
    }

    private int accepted(int listener) {
        assertThat(calls.await(listener, Epoll.IN)).isEqualTo(Epoll.IN);
        return own(calls.accept(listener));
    }

    @Test
    void switchesAreOffTurnOnAndOffAgain() {
        int fd = own(calls.tcpSocket());
        int[][] switches = {
            {Socket.IPPROTO_TCP, Socket.TCP_NODELAY},
            {Socket.SOL_SOCKET, Socket.SO_KEEPALIVE},
            {Socket.SOL_SOCKET, Socket.SO_OOBINLINE},
            {Socket.SOL_SOCKET, Socket.SO_REUSEADDR}
        };
        for (int[] one : switches) {
            assertThat(os.option(fd, one[0], one[1])).isZero();
            assertThat(os.setOption(fd, one[0], one[1], 5)).isZero();
            assertThat(os.option(fd, one[0], one[1])).isEqualTo(1);
            assertThat(os.setOption(fd, one[0], one[1], 0)).isZero();
            assertThat(os.option(fd, one[0], one[1])).isZero();
        }
    }

    @Test
    void whatASocketIsCanOnlyBeRead() {
        int fd = own(calls.tcpSocket());
        int listener = tcpListener();
        assertThat(os.option(fd, Socket.SOL_SOCKET, Socket.SO_TYPE)).isEqualTo(Socket.SOCK_STREAM);
        assertThat(os.option(fd, Socket.SOL_SOCKET, Socket.SO_ACCEPTCONN)).isZero();
        assertThat(os.option(listener, Socket.SOL_SOCKET, Socket.SO_ACCEPTCONN)).isEqualTo(1);
        assertThat(calls.error(fd)).isZero();
        for (int name : List.of(Socket.SO_TYPE, Socket.SO_ACCEPTCONN, Socket.SO_ERROR)) {
            assertThat(os.setOption(fd, Socket.SOL_SOCKET, name, 1)).isEqualTo(-Errno.ENOPROTOOPT);
        }
    }

    @Test
    void ipv6OnlyIsForIpv6AndBeforeBind() {
        int four = own(calls.tcpSocket());
        assertThat(os.setOption(four, Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, 1))
                .isEqualTo(-Errno.ENOPROTOOPT);
        int six = own(tcpSocket(LOCAL6));
        assertThat(os.setOption(six, Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, 1))
                .isZero();
        assertThat(os.option(six, Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY)).isEqualTo(1);
        assertThat(calls.bind(six, LOCAL6, 0)).isZero();
        assertThat(os.setOption(six, Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, 0))
                .isEqualTo(-Errno.EINVAL);
    }

    @Test
    void connectionsHaveTheOptionsOfTheirListener() {
        int listener = tcpListener();
        assertThat(os.setOption(listener, Socket.IPPROTO_TCP, Socket.TCP_NODELAY, 1))
                .isZero();
        assertThat(os.setOption(listener, Socket.SOL_SOCKET, Socket.SO_KEEPALIVE, 1))
                .isZero();
        connected(listener, LOCAL);
        int accepted = accepted(listener);
        assertThat(os.option(accepted, Socket.IPPROTO_TCP, Socket.TCP_NODELAY)).isEqualTo(1);
        assertThat(os.option(accepted, Socket.SOL_SOCKET, Socket.SO_KEEPALIVE)).isEqualTo(1);
        assertThat(os.option(accepted, Socket.SOL_SOCKET, Socket.SO_OOBINLINE)).isZero();
    }

    @Test
    void bothFamiliesCarryBytes() {
        for (Ip ip : List.of(LOCAL, LOCAL6)) {
            int listener = listener(ip, 4);
            int fd = connected(listener, ip);
            int accepted = accepted(listener);
            assertThat(calls.address().high()).isEqualTo(ip.high());
            assertThat(calls.address().low()).isEqualTo(ip.low());
            transfer(fd, accepted, "there");
            transfer(accepted, fd, "and back");
        }
    }

    @Test
    void connectNamesTheSocket() {
        int listener = tcpListener();
        int fd = own(calls.tcpSocket());
        assertThat(calls.port(fd)).isZero();
        calls.connect(fd, LOCAL, calls.port(listener));
        assertThat(calls.port(fd)).isPositive();
        assertThat(calls.address().low()).isEqualTo(LOCAL.low());
        assertThat(calls.bind(fd, LOCAL, 0)).isEqualTo(-Errno.EINVAL);
    }

    @Test
    void boundSocketConnectsFromItsPort() {
        int listener = tcpListener();
        int fd = own(calls.tcpSocket());
        assertThat(calls.bind(fd, LOCAL, 0)).isZero();
        int port = calls.port(fd);
        calls.connect(fd, LOCAL, calls.port(listener));
        accepted(listener);
        assertThat(calls.address().port()).isEqualTo(port);
    }

    @Test
    void noAddressIsThisHost() {
        int listener = tcpListener();
        int fd = own(calls.tcpSocket());
        assertThat(calls.connect(fd, Ip.UNSPECIFIED4, calls.port(listener))).isEqualTo(-Errno.EINPROGRESS);
        assertThat(calls.await(fd, Epoll.OUT)).isEqualTo(Epoll.OUT);
        calls.port(fd);
        assertThat(calls.address().low()).isEqualTo(LOCAL.low());
    }

    @Test
    void addressesOfTheOtherFamilyAreRefused() {
        int four = own(calls.tcpSocket());
        assertThat(calls.connect(four, LOCAL6, 1)).isEqualTo(-Errno.EAFNOSUPPORT);
        assertThat(calls.bind(four, LOCAL6, 0)).isEqualTo(-Errno.EAFNOSUPPORT);
        int six = own(tcpSocket(LOCAL6));
        assertThat(calls.bind(six, LOCAL, 0)).isEqualTo(-Errno.EINVAL);
    }

    @Test
    void familiesShareAPortOnlyIfIpv6KeepsToItself() {
        int four = listener(Ip.UNSPECIFIED4, 1);
        int port = calls.port(four);
        int both = own(tcpSocket(LOCAL6));
        assertThat(calls.bind(both, Ip.UNSPECIFIED6, port)).isEqualTo(-Errno.EADDRINUSE);
        assertThat(os.setOption(both, Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, 1))
                .isZero();
        assertThat(calls.bind(both, Ip.UNSPECIFIED6, port)).isZero();
        assertThat(os.listen(both, 1)).isZero();
        int narrow = own(calls.tcpSocket());
        assertThat(calls.bind(narrow, LOCAL, port)).isEqualTo(-Errno.EADDRINUSE);
    }

    @Test
    void sharedPortIsFirstListenersAlone() {
        int first = own(calls.tcpSocket());
        int second = own(calls.tcpSocket());
        for (int fd : List.of(first, second)) {
            os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 1);
        }
        assertThat(calls.bind(first, LOCAL, 0)).isZero();
        int port = calls.port(first);
        assertThat(calls.bind(second, LOCAL, port)).isZero();
        assertThat(os.listen(first, 1)).isZero();
        assertThat(os.listen(second, 1)).isEqualTo(-Errno.EADDRINUSE);
        int third = own(calls.tcpSocket());
        os.setOption(third, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 1);
        assertThat(calls.bind(third, LOCAL, port)).isEqualTo(-Errno.EADDRINUSE);
    }

    @Test
    void closedListenersPortIsFree() {
        int first = tcpListener();
        int port = calls.port(first);
        close(first);
        int second = own(calls.tcpSocket());
        assertThat(calls.bind(second, LOCAL, port)).isZero();
        assertThat(os.listen(second, 1)).isZero();
        connected(second, LOCAL);
    }

    @Test
    void listenNeedsNoBindAndMayBeRepeated() {
        int fd = own(calls.tcpSocket());
        assertThat(os.listen(fd, 1)).isZero();
        assertThat(calls.port(fd)).isPositive();
        assertThat(os.listen(fd, 5)).isZero();
        assertThat(calls.connect(fd, LOCAL, calls.port(fd))).isEqualTo(-Errno.EISCONN);
    }

    @Test
    void connectedSocketDoesNotListen() {
        Pair pair = tcpPair();
        assertThat(os.listen(pair.connected(), 1)).isEqualTo(-Errno.EINVAL);
        assertThat(calls.accept(pair.connected())).isEqualTo(-Errno.EINVAL);
    }

    @Test
    void connectionsAreAcceptedInTheOrderInWhichTheyCame() {
        int listener = tcpListener();
        int first = connected(listener, LOCAL);
        int second = connected(listener, LOCAL);
        accepted(listener);
        assertThat(calls.address().port()).isEqualTo(calls.port(first));
        accepted(listener);
        int from = calls.address().port();
        assertThat(from).isEqualTo(calls.port(second));
        assertThat(calls.accept(listener)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void everyConnectionIsAnEdgeOfTheListener() {
        int listener = tcpListener();
        int epoll = epoll();
        calls.add(epoll, listener, Epoll.IN | Epoll.ET);
        for (int i = 0; i < 3; i++) {
            connected(listener, LOCAL);
            assertThat(nextEdge(epoll)).isEqualTo(Epoll.IN);
            assertThat(calls.events(epoll)).isEmpty();
        }
    }

    @Test
    void listenerOfLevelsIsShownUntilNobodyWaits() {
        int listener = tcpListener();
        int epoll = epoll();
        calls.add(epoll, listener, Epoll.IN);
        connected(listener, LOCAL);
        connected(listener, LOCAL);
        assertThat(nextEdge(epoll)).isEqualTo(Epoll.IN);
        own(calls.accept(listener));
        assertThat(nextEdge(epoll)).isEqualTo(Epoll.IN);
        own(calls.accept(listener));
        assertThat(calls.events(epoll)).isEmpty();
    }

    @Test
    void fullBacklogKeepsAConnectionInProgress() {
        int listener = listener(LOCAL, 0);
        connected(listener, LOCAL);
        int port = calls.port(listener);
        assertThat(calls.await(listener, Epoll.IN)).isEqualTo(Epoll.IN);
        int second = connecting(LOCAL, port);
        assertThat(eventsNow(second)).isZero();
        assertThat(calls.error(second)).isZero();
        assertThat(calls.connect(second, LOCAL, port)).isEqualTo(-Errno.EALREADY);
        assertThat(calls.send(second, "x")).isEqualTo(-Errno.EAGAIN);
        assertThat(calls.receive(second, 1)).isEqualTo(-Errno.EAGAIN);
        assertThat(queued(second)).isLessThan(2_304); // the SYN
        own(calls.accept(listener));
        assertThat(calls.await(second, Epoll.OUT)).isEqualTo(Epoll.OUT); // the SYN is sent again after a second
        accepted(listener);
    }

    @Test
    void shutdownEndsAConnectInProgress() {
        int listener = listener(LOCAL, 0);
        connected(listener, LOCAL);
        assertThat(calls.await(listener, Epoll.IN)).isEqualTo(Epoll.IN);
        int second = connecting(LOCAL, calls.port(listener));
        assertThat(os.shutdown(second, Socket.SHUT_WR)).isZero();
        assertThat(eventsNow(second)).isEqualTo(Epoll.OUT | Epoll.ERR | Epoll.HUP);
        assertThat(calls.error(second)).isEqualTo(Errno.ECONNRESET);
    }

    @Test
    void shutdownOfAListenerEndsItsListening() {
        int listener = tcpListener();
        int waiting = connected(listener, LOCAL);
        int port = calls.port(listener);
        assertThat(calls.await(listener, Epoll.IN)).isEqualTo(Epoll.IN);
        assertThat(os.shutdown(listener, Socket.SHUT_WR)).isZero();
        assertThat(os.shutdown(listener, Socket.SHUT_RD)).isZero();
        assertThat(calls.accept(listener)).isEqualTo(-Errno.EINVAL);
        calls.await(waiting, Epoll.HUP);
        assertThat(calls.error(waiting)).isEqualTo(Errno.ECONNRESET);
        int refused = connecting(LOCAL, port);
        calls.await(refused, Epoll.OUT);
        assertThat(calls.error(refused)).isEqualTo(Errno.ECONNREFUSED);
        assertThat(os.listen(listener, 4)).isZero();
        connected(listener, LOCAL);
    }

    @Test
    void connectionResetBeforeAcceptIsAcceptedAndFails() {
        int listener = tcpListener();
        int fd = connected(listener, LOCAL);
        assertThat(calls.await(listener, Epoll.IN)).isEqualTo(Epoll.IN);
        os.linger0(fd);
        close(fd);
        int accepted = accepted(listener);
        calls.await(accepted, Epoll.HUP);
        assertThat(eventsNow(accepted)).isEqualTo(GONE | Epoll.ERR);
        assertThat(calls.receive(accepted, 1)).isEqualTo(-Errno.ECONNRESET);
    }

    @Test
    void dataOfAConnectorThatLeftBeforeAcceptIsStillThere() {
        int listener = tcpListener();
        int fd = connected(listener, LOCAL);
        assertThat(calls.send(fd, "x")).isEqualTo(1);
        assertThat(calls.await(listener, Epoll.IN)).isEqualTo(Epoll.IN);
        close(fd);
        int accepted = accepted(listener);
        awaitAll(accepted, Epoll.IN, Epoll.RDHUP);
        assertThat(calls.receive(accepted, 10)).isEqualTo(1);
        assertThat(calls.receive(accepted, 10)).isZero();
    }

    @Test
    void refusalIsOneEdgeWithEverything() {
        int reserved = own(calls.tcpSocket());
        assertThat(calls.bind(reserved, LOCAL, 0)).isZero();
        int fd = connecting(LOCAL, calls.port(reserved));
        int epoll = edgesOf(fd);
        assertThat(nextEdge(epoll)).isEqualTo(GONE | Epoll.ERR);
        assertThat(calls.events(epoll)).isEmpty();
        assertThat(calls.error(fd)).isEqualTo(Errno.ECONNREFUSED);
        assertThat(queued(fd)).isZero();
    }

    @Test
    void refusalIsToldByTheNextConnectWhichLeavesTheSocketFresh() {
        int reserved = own(calls.tcpSocket());
        assertThat(calls.bind(reserved, LOCAL, 0)).isZero();
        int port = calls.port(reserved);
        int listener = tcpListener();
        int fd = connecting(LOCAL, port);
        calls.await(fd, Epoll.OUT);
        assertThat(calls.connect(fd, LOCAL, port)).isEqualTo(-Errno.ECONNREFUSED);
        assertThat(calls.connect(fd, LOCAL, calls.port(listener))).isEqualTo(-Errno.EINPROGRESS);
        assertThat(calls.await(fd, Epoll.OUT)).isEqualTo(Epoll.OUT);
    }

    @Test
    void callsForSocketsAreRefusedByOthers() {
        int event = own(os.eventfd());
        assertThat(os.linger0(event)).isEqualTo(-Errno.ENOTSOCK);
        assertThat(os.memInfo(event, new MemInfo())).isEqualTo(-Errno.ENOTSOCK);
        assertThat(os.linger0(9_999)).isEqualTo(-Errno.EBADF);
        assertThat(os.memInfo(9_999, new MemInfo())).isEqualTo(-Errno.EBADF);
    }
}
