package io.passatelli.os;

import io.passatelli.base.Ip;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;

/** udp(7) over loopback, on every kernel. */
@ParameterizedClass
@EnumSource(value = World.class, mode = EnumSource.Mode.EXCLUDE, names = "LINUX_REPLAYED")
class UdpStoryTest extends OsStory {
    private static final Ip OTHER = Ip.v4(0x7f000002);
    private static final Ip ANY4 = Ip.v4(0);
    private static final int LONGEST = 65_507;
    private static final int LO = 1; // the index of the loopback interface

    private UdpCalls udp = new UdpCalls(os);

    @BeforeEach
    void calls() {
        udp = new UdpCalls(os);
    }

    private int socket(Ip family) {
        return own(udp.socket(family.isV4()));
    }

    private int bound(Ip address, int port) {
        int fd = socket(address);
        assertThat(calls.bind(fd, address, port)).isZero();
        return fd;
    }

    private int bound(Ip address) {
        return bound(address, 0);
    }

    /** A socket of its own port that sends to {@code address} and {@code port}, and has an error queue. */
    private int connected(Ip address, int port) {
        int fd = socket(address);
        wantErrors(fd, address);
        assertThat(calls.connect(fd, address, port)).isZero();
        return fd;
    }

    private void wantErrors(int fd, Ip family) {
        int rc = family.isV4()
                ? os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_RECVERR, 1)
                : os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_RECVERR, 1);
        assertThat(rc).isZero();
    }

    private void wantLocal(int fd, Ip family) {
        int rc = family.isV4()
                ? os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_PKTINFO, 1)
                : os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_RECVPKTINFO, 1);
        assertThat(rc).isZero();
    }

    /** A port at which nobody listens, though nobody else gets it meanwhile: its socket hears only a peer that there is not. */
    private int closedPort(Ip address) {
        int fd = bound(address);
        assertThat(calls.connect(fd, address, 9)).isZero();
        return calls.port(fd);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (i * 31 + i / 251);
        }
        return bytes;
    }

    /** The next {@code count} datagrams. */
    private List<UdpCalls.Datagram> receive(int fd, int count, int room) {
        List<UdpCalls.Datagram> got = new ArrayList<>();
        while (got.size() < count) {
            int n = udp.receive(fd, Math.min(UdpCalls.MOST, count - got.size()), room, got);
            if (n == -Errno.EAGAIN) {
                assertThat(calls.await(fd, Epoll.IN) & Epoll.IN).isEqualTo(Epoll.IN);
            } else {
                assertThat(n).isPositive();
            }
        }
        return got;
    }

    private UdpCalls.Datagram receive(int fd) {
        return receive(fd, 1, 2_000).getFirst();
    }

    private void nothingAt(int fd) {
        assertThat(udp.receive(fd, 1, 100, new ArrayList<>())).isEqualTo(-Errno.EAGAIN);
    }

    private void send(int fd, String text) {
        sendAll(fd, bytes(text));
        assertThat(udp.sent(0)).isEqualTo(text.length());
    }

    /** Sends all, in as many calls as it takes. */
    private void sendAll(int fd, byte[]... datagrams) {
        int sent = 0;
        while (sent < datagrams.length) {
            byte[][] left = java.util.Arrays.copyOfRange(datagrams, sent, datagrams.length);
            int n = udp.send(fd, left);
            if (n == -Errno.EAGAIN) {
                assertThat(calls.await(fd, Epoll.OUT) & Epoll.OUT).isEqualTo(Epoll.OUT);
            } else {
                assertThat(n).isPositive();
                sent += n;
            }
        }
    }

    @Test
    void datagramsKeepTheirBoundsAndOrderAndTellTheirSender() {
        for (Ip ip : List.of(LOCAL, Ip.LOOPBACK6)) {
            int to = bound(ip);
            int from = connected(ip, calls.port(to));
            sendAll(from, bytes("one"), bytes(""), bytes("three"), bytes(1_400));
            List<UdpCalls.Datagram> got = receive(to, 4, 2_000);
            assertThat(got).extracting(d -> d.bytes().length).containsExactly(3, 0, 5, 1_400);
            assertThat(got.getFirst().text()).isEqualTo("one");
            assertThat(got.get(3).bytes()).isEqualTo(bytes(1_400));
            assertThat(got).allSatisfy(d -> {
                assertThat(d.peer()).isEqualTo(ip);
                assertThat(d.peerPort()).isEqualTo(calls.port(from));
                assertThat(d.localInterface()).isZero();
                assertThat(d.truncated()).isFalse();
            });
            nothingAt(to);
        }
    }

    @Test
    void whatDoesNotFitIsCutAndLost() {
        int to = bound(LOCAL);
        int from = connected(LOCAL, calls.port(to));
        sendAll(from, bytes("0123456789"), bytes("next"));
        List<UdpCalls.Datagram> got = receive(to, 2, 5);
        assertThat(got).extracting(UdpCalls.Datagram::text).containsExactly("01234", "next");
        assertThat(got).extracting(UdpCalls.Datagram::truncated).containsExactly(true, false);
    }

    @Test
    void addressThatADatagramWasSentToIsToldWhereAsked() {
        int to = bound(ANY4);
        wantLocal(to, ANY4);
        send(connected(OTHER, calls.port(to)), "x");
        UdpCalls.Datagram got = receive(to);
        assertThat(got.local()).isEqualTo(OTHER);
        assertThat(got.localInterface()).isEqualTo(LO);
        int to6 = bound(Ip.UNSPECIFIED6);
        wantLocal(to6, Ip.LOOPBACK6);
        send(connected(Ip.LOOPBACK6, calls.port(to6)), "x");
        UdpCalls.Datagram got6 = receive(to6);
        assertThat(got6.local()).isEqualTo(Ip.LOOPBACK6);
        assertThat(got6.localInterface()).isEqualTo(LO);
    }

    @Test
    void longestDatagramGoesAndALongerOneIsRefused() {
        int to = bound(LOCAL);
        int from = connected(LOCAL, calls.port(to));
        sendAll(from, bytes(LONGEST));
        assertThat(receive(to, 1, LONGEST).getFirst().bytes()).isEqualTo(bytes(LONGEST));
        assertThat(udp.send(from, bytes(LONGEST + 1))).isEqualTo(-Errno.EMSGSIZE);
        assertThat(udp.errors(from))
                .containsExactly(new UdpCalls.Trouble(
                        Errno.EMSGSIZE,
                        SocketError.ORIGIN_LOCAL,
                        0,
                        0,
                        65_535,
                        Ip.UNSPECIFIED6,
                        LOCAL,
                        calls.port(to),
                        ""));
        assertThat(calls.error(from)).isZero();
    }

    @Test
    void portIsOnesOwnUnlessAllShareIt() {
        int first = bound(LOCAL);
        int port = calls.port(first);
        assertThat(port).isPositive();
        assertThat(calls.bind(socket(LOCAL), LOCAL, port)).isEqualTo(-Errno.EADDRINUSE);
        assertThat(calls.bind(socket(LOCAL), ANY4, port)).isEqualTo(-Errno.EADDRINUSE);
        assertThat(calls.bind(socket(LOCAL), OTHER, port)).isZero();
        assertThat(calls.bind(first, LOCAL, 0)).isEqualTo(-Errno.EINVAL);
        int sharing = socket(LOCAL);
        assertThat(share(sharing)).isZero();
        assertThat(calls.bind(sharing, LOCAL, port)).isEqualTo(-Errno.EADDRINUSE);
        assertThat(share(first)).isZero();
        assertThat(calls.bind(sharing, LOCAL, port)).isZero();
        assertThat(calls.bind(socket(LOCAL), LOCAL, port)).isEqualTo(-Errno.EADDRINUSE);
    }

    private int share(int fd) {
        return os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 1);
    }

    private int sharing(Ip address, int port) {
        int fd = socket(address);
        assertThat(share(fd)).isZero();
        assertThat(calls.bind(fd, address, port)).isZero();
        return fd;
    }

    @Test
    void familiesShareAPortOnlyIfIpv6KeepsToItself() {
        int six = bound(Ip.UNSPECIFIED6);
        assertThat(calls.bind(socket(LOCAL), ANY4, calls.port(six))).isEqualTo(-Errno.EADDRINUSE);
        assertThat(calls.bind(socket(LOCAL), LOCAL, calls.port(six))).isEqualTo(-Errno.EADDRINUSE);
        int only = socket(Ip.LOOPBACK6);
        assertThat(os.setOption(only, Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, 1))
                .isZero();
        assertThat(calls.bind(only, Ip.UNSPECIFIED6, 0)).isZero();
        int four = bound(ANY4, calls.port(only));
        send(connected(LOCAL, calls.port(only)), "four");
        assertThat(receive(four).text()).isEqualTo("four");
        send(connected(LOCAL, calls.port(six)), "to six");
        UdpCalls.Datagram got = receive(six);
        assertThat(got.text()).isEqualTo("to six");
        assertThat(got.peer()).isEqualTo(LOCAL);
        nothingAt(only);
    }

    @Test
    void connectedSocketHearsItsPeerAndTheListenerTheOthers() {
        int listener = sharing(ANY4, 0);
        int port = calls.port(listener);
        int peer = bound(LOCAL);
        assertThat(calls.connect(peer, LOCAL, port)).isZero();
        send(peer, "before");
        calls.await(listener, Epoll.IN);
        int flow = sharing(LOCAL, port);
        assertThat(calls.connect(flow, LOCAL, calls.port(peer))).isZero();
        send(peer, "after");
        assertThat(receive(flow).text()).isEqualTo("after");
        nothingAt(flow);
        send(connected(LOCAL, port), "other");
        assertThat(receive(listener, 2, 100))
                .extracting(UdpCalls.Datagram::text)
                .containsExactly("before", "other");
        nothingAt(flow);
        send(flow, "answer");
        assertThat(receive(peer).text()).isEqualTo("answer");
        close(flow);
        send(peer, "again");
        assertThat(receive(listener).text()).isEqualTo("again");
    }

    @Test
    void boundAddressIsPreferredAndAmongEqualsTheYoungest() {
        int wild = sharing(ANY4, 0);
        int port = calls.port(wild);
        int older = sharing(LOCAL, port);
        int younger = sharing(LOCAL, port);
        int from = connected(LOCAL, port);
        send(from, "x");
        assertThat(receive(younger).text()).isEqualTo("x");
        nothingAt(older);
        send(connected(OTHER, port), "y");
        assertThat(receive(wild).text()).isEqualTo("y");
        int youngerWild = sharing(ANY4, port);
        send(connected(OTHER, port), "z");
        assertThat(receive(youngerWild).text()).isEqualTo("z");
        nothingAt(wild);
    }

    @Test
    void unconnectedSocketHasNoPeerToSendTo() {
        assertThat(udp.send(socket(LOCAL), bytes("x"))).isEqualTo(-Errno.EDESTADDRREQ);
        assertThat(calls.connect(socket(LOCAL), Ip.LOOPBACK6, 1)).isEqualTo(-Errno.EAFNOSUPPORT);
    }

    @Test
    void closedPortIsReportedOnceAndKeptInTheErrorQueue() {
        for (Ip ip : List.of(LOCAL, Ip.LOOPBACK6)) {
            int port = closedPort(ip);
            int fd = connected(ip, port);
            int epoll = epoll();
            calls.add(epoll, fd, Epoll.IN | Epoll.OUT | Epoll.ET);
            calls.eventsOf(epoll, fd);
            send(fd, "is anybody there");
            int shown = 0;
            while ((shown & Epoll.ERR) == 0) { // an edge of EPOLLOUT may come first
                Map<Long, Integer> events = calls.events(epoll, 1, Calls.PATIENCE_NS);
                assertThat(events).containsOnlyKeys((long) fd);
                shown = events.getOrDefault((long) fd, 0);
            }
            assertThat(calls.eventsOf(epoll, fd)).isZero();
            assertThat(udp.send(fd, bytes("y"))).isEqualTo(-Errno.ECONNREFUSED);
            UdpCalls.Trouble expected = new UdpCalls.Trouble(
                    Errno.ECONNREFUSED,
                    ip.isV4() ? SocketError.ORIGIN_ICMP : SocketError.ORIGIN_ICMP6,
                    ip.isV4() ? 3 : 1,
                    ip.isV4() ? 3 : 4,
                    0,
                    ip,
                    ip,
                    port,
                    "is anybody there");
            assertThat(udp.errors(fd)).containsExactly(expected);
            assertThat(calls.error(fd)).isZero();
        }
    }

    @Test
    void errorIsToldByReceiveAndBySoErrorToo() {
        int port = closedPort(LOCAL);
        int fd = connected(LOCAL, port);
        send(fd, "x");
        assertThat(calls.await(fd, Epoll.ERR) & Epoll.ERR).isEqualTo(Epoll.ERR);
        assertThat(udp.receive(fd, 1, 10, new ArrayList<>())).isEqualTo(-Errno.ECONNREFUSED);
        nothingAt(fd);
        assertThat(calls.await(fd, Epoll.OUT)).isEqualTo(Epoll.OUT | Epoll.ERR);
        assertThat(udp.errors(fd)).hasSize(1);
        assertThat(calls.await(fd, Epoll.OUT)).isEqualTo(Epoll.OUT);
        send(fd, "x");
        assertThat(calls.await(fd, Epoll.ERR) & Epoll.ERR).isEqualTo(Epoll.ERR);
        assertThat(udp.errors(fd)).hasSize(1);
        assertThat(calls.error(fd)).isZero();
        send(fd, "x");
        assertThat(calls.await(fd, Epoll.ERR) & Epoll.ERR).isEqualTo(Epoll.ERR);
        assertThat(calls.error(fd)).isEqualTo(Errno.ECONNREFUSED);
        assertThat(udp.errors(fd)).hasSize(1);
    }

    private int sendSegmented(int fd, byte[] bytes, int segment) {
        int rc = udp.sendSegmented(fd, bytes, segment);
        while (rc == -Errno.EAGAIN) {
            assertThat(calls.await(fd, Epoll.OUT) & Epoll.OUT).isEqualTo(Epoll.OUT);
            rc = udp.sendSegmented(fd, bytes, segment);
        }
        return rc;
    }

    @Test
    void segmentsLeaveAsDatagrams() {
        int to = bound(LOCAL);
        int from = connected(LOCAL, calls.port(to));
        assertThat(sendSegmented(from, bytes(2_500), 1_000)).isEqualTo(1);
        assertThat(udp.sent(0)).isEqualTo(2_500);
        List<UdpCalls.Datagram> got = receive(to, 3, 2_000);
        assertThat(got).extracting(d -> d.bytes().length).containsExactly(1_000, 1_000, 500);
        assertThat(sendSegmented(from, bytes(300), 1_000)).isEqualTo(1);
        assertThat(receive(to).bytes()).isEqualTo(bytes(300));
        assertThat(sendSegmented(from, bytes(Socket.UDP_MAX_SEGMENTS * 10), 10)).isEqualTo(1);
        assertThat(receive(to, Socket.UDP_MAX_SEGMENTS, 100)).hasSize(Socket.UDP_MAX_SEGMENTS);
        assertThat(sendSegmented(from, bytes(129 * 100), 100)).isEqualTo(-Errno.EINVAL);
    }

    @Test
    void broadcastNeedsPermission() {
        int fd = socket(LOCAL);
        assertThat(calls.connect(fd, Ip.v4(0xffffffff), 9)).isEqualTo(-Errno.EACCES);
        assertThat(calls.connect(fd, Ip.v4(0x7fffffff), 9)).isEqualTo(-Errno.EACCES);
        assertThat(os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_BROADCAST, 1)).isZero();
        assertThat(calls.connect(fd, Ip.v4(0x7fffffff), 9)).isZero();
    }

    @Test
    void everyDatagramIsAnEdge() {
        int to = bound(LOCAL);
        int epoll = epoll();
        calls.add(epoll, to, Epoll.IN | Epoll.ET);
        int from = connected(LOCAL, calls.port(to));
        for (int i = 0; i < 3; i++) {
            send(from, "x");
            assertThat(calls.events(epoll, 1, Calls.PATIENCE_NS).values()).containsExactly(Epoll.IN);
            assertThat(calls.events(epoll)).isEmpty();
        }
        assertThat(receive(to, 3, 10)).hasSize(3);
    }

    @Test
    void fullReceiveQueueDropsWhatComes() {
        int to = bound(LOCAL);
        assertThat(os.setOption(to, Socket.SOL_SOCKET, Socket.SO_RCVBUF, 8_192)).isZero();
        int from = connected(LOCAL, calls.port(to));
        for (int i = 0; i < 100; i++) {
            sendAll(from, bytes("number " + i));
        }
        calls.await(to, Epoll.IN);
        List<UdpCalls.Datagram> got = new ArrayList<>();
        while (udp.receive(to, UdpCalls.MOST, 100, got) > 0) {}
        assertThat(got).hasSizeBetween(2, 60);
        for (int i = 0; i < got.size(); i++) {
            assertThat(got.get(i).text()).isEqualTo("number " + i);
        }
    }

    @Test
    void shutdownEndsReadingAndWriting() {
        int fd = bound(LOCAL);
        assertThat(os.shutdown(fd, Socket.SHUT_RD)).isEqualTo(-Errno.ENOTCONN);
        int to = connected(LOCAL, calls.port(fd));
        assertThat(os.shutdown(to, Socket.SHUT_RDWR)).isZero();
        assertThat(udp.send(to, bytes("x"))).isEqualTo(-Errno.EPIPE);
        nothingAt(to);
    }
}
