package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import io.passatelli.os.Calls;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.Socket;
import io.passatelli.os.SocketError;
import io.passatelli.os.UdpCalls;
import org.junit.jupiter.api.Test;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** UDP between this host and others: what the tests of other packages build on. */
class FarUdpTest {
    private static final Ip OURS = Ip.parse("192.0.2.2");
    private static final Ip FAR = Ip.parse("203.0.113.5");
    private static final Ip FAR6 = Ip.parse("2001:db8::5");
    private static final Ip ROUTER1 = Ip.parse("192.0.2.1");
    private static final Ip ROUTER2 = Ip.parse("198.51.100.1");
    private static final int PORT = 7;

    private final SimClock clock = new SimClock();
    private final SimOs os = simOs(SimSettings.standard(), Chooser.largest());
    private final Calls calls = new Calls(os);
    private final UdpCalls udp = new UdpCalls(os);

    private SimOs simOs(SimSettings settings, Chooser chooser) {
        SimOs made = new SimOs(settings, clock, chooser);
        made.addAddress(OURS);
        return made;
    }

    private int connected(Ip to) {
        int fd = udp.socket(to.isV4());
        if (to.isV4()) {
            os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_RECVERR, 1);
        } else {
            os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_RECVERR, 1);
        }
        assertThat(calls.connect(fd, to, PORT)).isZero();
        return fd;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private List<UdpCalls.Datagram> received(int fd) {
        clock.advance(0);
        List<UdpCalls.Datagram> got = new ArrayList<>();
        int n;
        do {
            n = udp.receive(fd, UdpCalls.MOST, 2_000, got);
        } while (n > 0);
        assertThat(n).isEqualTo(-Errno.EAGAIN);
        return got;
    }

    private List<UdpCalls.Trouble> errors(int fd) {
        clock.advance(0);
        return udp.errors(fd);
    }

    @Test
    void farPortKeepsWhatComesAndAnswers() {
        FarUdp far = os.host(FAR).behind(ROUTER1, ROUTER2).udp(PORT);
        int fd = connected(FAR);
        os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_TTL, 9);
        assertThat(udp.send(fd, bytes("one"), bytes(""))).isEqualTo(2);
        int port = calls.port(fd);
        assertThat(far.arrivals())
                .containsExactly(new FarUdp.Arrival(OURS, port, "one", 7), new FarUdp.Arrival(OURS, port, "", 7));
        far.reply(bytes("answer"));
        assertThat(received(fd)).extracting(UdpCalls.Datagram::text).containsExactly("answer");
        far.echoes(1_000);
        udp.send(fd, bytes("two"));
        clock.advance(1_000);
        assertThat(received(fd)).extracting(UdpCalls.Datagram::text).containsExactly("two");
    }

    @Test
    void farHostSendsFirstAndIsRefusedWhereNobodyIs() {
        FarUdp far = os.host(FAR).udp(4_000);
        int fd = udp.socket(true);
        os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_PKTINFO, 1);
        calls.bind(fd, Ip.UNSPECIFIED4, 53);
        far.send(OURS, 53, bytes("x"));
        assertThat(received(fd)).containsExactly(new UdpCalls.Datagram("x", FAR, 4_000, OURS, 2, false));
        far.send(OURS, 54, bytes("x"));
        far.send(Ip.LOOPBACK4, 53, bytes("x"));
        assertThat(received(fd)).isEmpty();
        assertThat(far.refused()).isEqualTo(1);
    }

    @Test
    void closedPortIsUnreachableAndAnUnknownHostSilent() {
        for (Ip ip : List.of(FAR, FAR6)) {
            FarUdp far = os.host(ip).udp(PORT);
            int fd = connected(ip);
            far.close();
            udp.send(fd, bytes("x"));
            List<UdpCalls.Trouble> errors = errors(fd);
            assertThat(errors).hasSize(1);
            assertThat(errors.getFirst().errno()).isEqualTo(Errno.ECONNREFUSED);
            assertThat(errors.getFirst().offender()).isEqualTo(ip);
            assertThat(errors.getFirst().destination()).isEqualTo(ip);
            assertThat(errors.getFirst().destinationPort()).isEqualTo(PORT);
            assertThat(errors.getFirst().payload()).isEqualTo("x");
        }
        int silent = connected(Ip.parse("203.0.113.9"));
        udp.send(silent, bytes("x"));
        assertThat(errors(silent)).isEmpty();
    }

    @Test
    void routersSayWhereTheTtlEnded() {
        FarUdp far = os.host(FAR).behind(ROUTER1, ROUTER2).udp(PORT);
        int fd = connected(FAR);
        List<Ip> route = new ArrayList<>();
        for (int ttl = 1; ttl <= 3; ttl++) {
            os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_TTL, ttl);
            udp.send(fd, bytes("probe " + ttl));
            for (UdpCalls.Trouble error : errors(fd)) {
                assertThat(error.type()).isEqualTo(11);
                assertThat(error.errno()).isEqualTo(Errno.EHOSTUNREACH);
                assertThat(error.payload()).isEqualTo("probe " + ttl);
                route.add(error.offender());
            }
        }
        assertThat(route).containsExactly(ROUTER1, ROUTER2);
        assertThat(far.arrivals()).extracting(FarUdp.Arrival::ttl).containsExactly(1);
    }

    @Test
    void narrowWayIsLearnedFromTheFirstComplaint() {
        for (Ip ip : List.of(FAR, FAR6)) {
            FarUdp far = os.host(ip).pathMtu(1_300).udp(PORT);
            int fd = connected(ip);
            if (ip.isV4()) {
                os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_MTU_DISCOVER, Socket.PMTUDISC_DO);
            } else {
                os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_MTU_DISCOVER, Socket.PMTUDISC_DO);
            }
            assertThat(udp.send(fd, new byte[1_473])).isEqualTo(-Errno.EMSGSIZE);
            assertThat(errors(fd)).extracting(UdpCalls.Trouble::info).containsExactly(1_500);
            assertThat(udp.send(fd, new byte[1_400])).isEqualTo(1);
            List<UdpCalls.Trouble> errors = errors(fd);
            assertThat(errors).extracting(UdpCalls.Trouble::info).containsExactly(1_300);
            assertThat(errors.getFirst().errno()).isEqualTo(Errno.EMSGSIZE);
            assertThat(udp.send(fd, new byte[1_400])).isEqualTo(-Errno.EMSGSIZE);
            List<UdpCalls.Trouble> local = errors(fd);
            assertThat(local).extracting(UdpCalls.Trouble::origin).containsExactly(SocketError.ORIGIN_LOCAL);
            assertThat(local).extracting(UdpCalls.Trouble::info).containsExactly(1_300);
            assertThat(far.arrivals()).isEmpty();
            assertThat(udp.send(fd, new byte[1_200])).isEqualTo(1);
            assertThat(far.arrivals()).hasSize(1);
        }
    }

    @Test
    void fragmentsPassANarrowWay() {
        FarUdp far = os.host(FAR).pathMtu(1_300).udp(PORT);
        int fd = connected(FAR);
        os.setOption(fd, Socket.IPPROTO_IP, Socket.IP_MTU_DISCOVER, Socket.PMTUDISC_DONT);
        assertThat(udp.send(fd, new byte[8_000])).isEqualTo(1);
        assertThat(far.arrivals()).hasSize(1);
    }

    @Test
    void anyComplaintOfARouterReachesTheQueue() {
        FarUdp far = os.host(FAR).udp(PORT);
        int fd = connected(FAR);
        udp.send(fd, bytes("x"));
        far.complain(ROUTER1, 3, 13, 0);
        assertThat(calls.await(fd, Epoll.ERR) & Epoll.ERR).isEqualTo(Epoll.ERR);
        assertThat(udp.send(fd, bytes("y"))).isEqualTo(-Errno.EHOSTUNREACH);
        assertThat(errors(fd)).extracting(UdpCalls.Trouble::code).containsExactly(13);
    }

    @Test
    void hostWithoutRouteRefusesConnect() {
        os.host(FAR).unreachable(Errno.ENETUNREACH);
        int fd = udp.socket(true);
        assertThat(calls.connect(fd, FAR, PORT)).isEqualTo(-Errno.ENETUNREACH);
        int inside = udp.socket(true);
        assertThat(calls.bind(inside, Ip.LOOPBACK4, 0)).isZero();
        assertThat(calls.connect(inside, Ip.parse("203.0.113.7"), PORT)).isEqualTo(-Errno.EINVAL);
    }

    @Test
    void unreliableWaysLoseDoubleAndShuffleAndFindNoBuffer() {
        SimOs wild = simOs(SimSettings.standard().withUnreliableWays(), Chooser.seeded(7));
        FarUdp far = wild.host(FAR).udp(PORT);
        Calls wildCalls = new Calls(wild);
        UdpCalls wildUdp = new UdpCalls(wild);
        int fd = wildUdp.socket(true);
        assertThat(wildCalls.connect(fd, FAR, PORT)).isZero();
        List<Integer> results = new ArrayList<>();
        for (int i = 0; i < 300; i++) {
            results.add(wildUdp.send(fd, bytes("%03d".formatted(i))));
            clock.advance(50_000);
        }
        clock.advance(1_000_000);
        List<String> texts = far.arrivals().stream().map(FarUdp.Arrival::text).toList();
        assertThat(results).contains(1, -Errno.EAGAIN, -Errno.ENOBUFS);
        assertThat(texts).isNotEqualTo(texts.stream().sorted().toList());
        long different = texts.stream().distinct().count();
        long sent = results.stream().filter(rc -> rc == 1).count();
        assertThat((long) texts.size()).isGreaterThan(different);
        assertThat(different).isLessThan(sent).isGreaterThan(sent / 2);
    }
}
