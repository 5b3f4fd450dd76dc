package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.config.Cidr;
import io.passatelli.config.HostSide;
import io.passatelli.config.PlaneConfig;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.sim.FarUdp;
import io.passatelli.wire.Packets6;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;

import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.GUEST6;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.ROUTER6;
import static io.passatelli.plane.TcpTalk.seg;
import static io.passatelli.plane.UdpFrames.frame;
import static io.passatelli.wire.TcpSegment.ACK;
import static io.passatelli.wire.TcpSegment.RST;
import static org.assertj.core.api.Assertions.assertThat;

/** A host that is closed to the guest, as a pod is: whatever the guest calls it, there is no way to it, and all others are open. */
@Tag("sim")
class ClosedHostScenarioTest {
    private static final byte[] HELLO = "hello".getBytes(StandardCharsets.US_ASCII);
    /** As a guest that was given another address than the pod's. */
    private static final String OTHER = "10.77.0.50";

    private static final String OTHER6 = "fd77::50";
    private static final int PORT = 15_987;

    private static List<Cidr> closed(String... more) {
        return Stream.concat(
                        Stream.of("127.0.0.0/8", "0.0.0.0/8", "255.255.255.255/32", "::/128", "::1/128"),
                        Stream.of(more))
                .map(text -> text.split("/", 2))
                .map(parts -> new Cidr(Ip.parse(parts[0]), Integer.parseInt(parts[1])))
                .toList();
    }

    /** The pod has the guest's addresses, one of its link, and loopback; the gateway is the gateway. */
    private static PlaneConfig closing(PlaneConfig config) {
        return config.host4(HostSide.PLAIN)
                .host6(HostSide.PLAIN)
                .closed(closed("10.77.0.2/32", "169.254.7.7/32", "fd77::2/128", "fe80::7/128", "10.88.0.0/16"));
    }

    /** The same, and the gateway stands for the loopback, the guest's other name for its own address, and a resolver is behind another. */
    private static PlaneConfig mapping(PlaneConfig config) {
        HostSide side4 = new HostSide(Ip.parse(GATEWAY), null, null, 0, Ip.parse("10.77.0.53"), Ip.parse("127.0.0.53"));
        HostSide side6 = new HostSide(Ip.parse(ROUTER6), null, null, 0, Ip.parse("fd77::53"), Ip.parse("::1"));
        return closing(config).host4(side4.mapGuest(Ip.parse("10.77.0.9"))).host6(side6.mapGuest(Ip.parse("fd77::9")));
    }

    private static String from(String to) {
        return PlaneScenario.isIp6(to) ? OTHER6 : OTHER;
    }

    // each: what the guest says; 127/8, 0/8, ::, ::1 and v4-mapped forms are no addresses on a link, and have reasons
    // of their own

    @ParameterizedTest
    @ValueSource(strings = {"10.77.0.2", "169.254.7.7", "10.88.0.1", "10.88.255.255", "fd77::2", "fe80::7"})
    void guestIsResetWhenItConnectsToThePod(String to) {
        try (var t = TcpScenario.of(TcpScenario.setup().change(ClosedHostScenarioTest::closing))) {
            int fd = listens(t.plane.os, PORT);
            TcpTalk c = t.talk(from(to), 40_000, to, PORT).syn();
            assertReset(c);
            assertThat(t.plane.count(Drop.HOST_CLOSED)).isEqualTo(1);
            assertThat(t.plane.os.accept(fd, new SockAddr())).isNegative();
            t.hasFlows(0);
            t.plane.os.close(fd);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "10.77.0.1, 15987",
        "10.77.0.9, 15987",
        "10.77.0.53, 53",
        "10.77.0.53, 853",
        "fe80::1, 15987",
        "fd77::9, 15987",
        "fd77::53, 53"
    })
    void aNameForThePodIsNoWayAroundThat(String to, int port) {
        try (var t = TcpScenario.of(TcpScenario.setup().change(ClosedHostScenarioTest::mapping))) {
            assertReset(t.talk(from(to), 40_000, to, port).syn());
            t.plane.guestSends(frame(from(to), 4000, to, port, HELLO)).runs(MS);
            assertThat(t.plane.count(Drop.HOST_CLOSED)).isEqualTo(2);
            if (port == PORT) {
                t.plane.as(from(to)).guestPings(to, 7, 1);
                assertThat(t.plane.count(Drop.HOST_CLOSED)).isEqualTo(3);
            }
            t.hasFlows(0);
        }
    }

    private static void assertReset(TcpTalk c) {
        TcpSegment reset = c.take();
        assertThat(reset.flags()).isEqualTo(RST | ACK);
        c.silent();
    }

    private static int listens(Os os, int port) {
        int fd = os.socket(Socket.AF_INET6, Socket.SOCK_STREAM, 0);
        SockAddr any = new SockAddr();
        any.set(0, 0, port, 0);
        assertThat(os.bind(fd, any)).isZero();
        assertThat(os.listen(fd, 8)).isZero();
        return fd;
    }

    @ParameterizedTest
    @ValueSource(strings = {"10.77.0.2", "169.254.7.7", "10.88.0.1", "fd77::2", "fe80::7"})
    void guestIsToldThatDatagramsToThePodAreForbidden(String to) {
        boolean v4 = !PlaneScenario.isIp6(to);
        try (var t = PlaneScenario.setup()
                .ip6()
                .change(ClosedHostScenarioTest::closing)
                .start()) {
            int fd = t.os.socket(v4 ? Socket.AF_INET : Socket.AF_INET6, Socket.SOCK_DGRAM, 0);
            SockAddr any = new SockAddr();
            Ip unspecified = v4 ? Ip.UNSPECIFIED4 : Ip.UNSPECIFIED6;
            any.set(unspecified.high(), unspecified.low(), PORT, 0);
            assertThat(t.os.bind(fd, any)).isZero();
            t.guestSends(frame(from(to), 4000, to, PORT, HELLO)).runs(MS);
            byte[] error = t.link.next().bytes;
            int icmp = v4 ? 14 + 20 : 14 + 40;
            assertThat(error[icmp]).as("type").isEqualTo((byte) (v4 ? 3 : 1));
            assertThat(error[icmp + 1]).as("code").isEqualTo((byte) (v4 ? 13 : 1));
            assertThat(t.os.option(fd, Socket.SOL_SOCKET, Socket.SO_ERROR)).isZero();
            t.guestGetsNothing().dropped(Drop.HOST_CLOSED);
            assertThat(t.stats().flows()).isZero();
            t.os.close(fd);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"10.77.0.2", "169.254.7.7", "10.88.0.1", "fd77::2", "fe80::7"})
    void pingsOfThePodAreNotAnswered(String to) {
        try (var t = PlaneScenario.setup()
                .ip6()
                .change(ClosedHostScenarioTest::closing)
                .start()) {
            t.as(from(to)).guestPings(to, 7, 1);
            t.guestGetsNothing().dropped(Drop.HOST_CLOSED);
            assertThat(t.stats().flows()).isZero();
        }
    }

    /** What no address on a link can be is dropped before anybody asks where it would lead. */
    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "127.8.9.10", "0.0.0.0", "0.1.2.3", "255.255.255.255"})
    void otherFormsOfThePodInIp4LeadNowhere(String to) {
        try (var t =
                PlaneScenario.setup().change(ClosedHostScenarioTest::closing).start()) {
            t.guestSends(frame(OTHER, 4000, to, PORT, HELLO));
            t.guestSends(PlaneScenario.echoRequest(OTHER, to, 7, 1, HELLO));
            t.guestSends(TcpSegment.between(OTHER, 40_000, to, PORT)
                    .flags(TcpSegment.SYN)
                    .fromGuest());
            t.runs(MS);
            assertThat(t.stats().flows()).isZero();
            t.guestGetsNothing(); // no ICMP about what nobody can have
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"::1", "::", "::ffff:127.0.0.1", "::ffff:10.77.0.2", "::ffff:0.0.0.0"})
    void otherFormsOfThePodInIp6LeadNowhere(String to) {
        try (var t = PlaneScenario.setup()
                .ip6()
                .change(ClosedHostScenarioTest::closing)
                .start()) {
            t.guestSends(frame6(to));
            t.runs(MS);
            assertThat(t.stats().flows()).isZero();
            t.guestGetsNothing();
        }
    }

    /** Sixteen octets as they are, also of a v4-mapped address. */
    private static byte[] frame6(String to) {
        return Packets6.fromGuest(17, OTHER6, to, new byte[] {15, -96, 62, 115, 0, 8, 0, 0});
    }

    @Test
    void othersAreOpen() {
        try (var t = TcpScenario.of(TcpScenario.setup().change(ClosedHostScenarioTest::closing))) {
            for (boolean v4 : new boolean[] {true, false}) {
                t.connected(v4);
                FarUdp server = t.plane.host(TcpScenario.far(v4)).udp(53);
                t.plane
                        .guestSends(frame(v4 ? GUEST : GUEST6, 4000, TcpScenario.far(v4), 53, HELLO))
                        .runs(MS);
                assertThat(server.arrivals()).hasSize(1);
            }
            t.plane.guestPings(TcpScenario.FAR4, 7, 1);
            assertThat(t.plane.count(Drop.HOST_CLOSED)).isZero();
        }
    }

    /** A socket of a group would also give the guest's datagrams to the host's own sockets. */
    @ParameterizedTest
    @CsvSource({"224.0.0.1, 0/34=0", "239.1.2.3, 0/34=0", "ff02::1, 41/19=0", "ff05::2, 41/19=0"})
    void groupsAreSentToButNotWithinTheHost(String group, String option) {
        try (var t = TcpScenario.of(TcpScenario.setup().change(ClosedHostScenarioTest::closing))) {
            t.plane.guestSends(frame(from(group), 4000, group, 5353, HELLO)).runs(MS);
            assertThat(t.options()).contains(option);
        }
        try (var t = TcpScenario.standard()) {
            t.plane.guestSends(frame(from(group), 4000, group, 5353, HELLO)).runs(MS);
            assertThat(t.options()).doesNotContain(option);
        }
    }

    @Test
    void guestAnswersWhoSpeaksFirst() {
        try (var t = TcpScenario.of(TcpScenario.setup().change(ClosedHostScenarioTest::closing))) {
            TcpTalk c = t.accepted();
            c.sends(TcpTalk.data("x")).gets(seg("A"));
            assertThat(c.far().receive()).isEqualTo(new byte[] {'x'});
            assertThat(t.plane.count(Drop.HOST_CLOSED)).isZero();
        }
    }

    @Test
    void anAddressThatThePodGetsIsClosedFromThenOn() {
        try (var t = TcpScenario.of(TcpScenario.setup().change(ClosedHostScenarioTest::closing))) {
            FarUdp server = t.plane.host(TcpScenario.FAR4).udp(53);
            byte[] query = frame(GUEST, 4000, TcpScenario.FAR4, 53, HELLO);
            t.plane.guestSends(query).runs(MS);
            assertThat(server.arrivals()).hasSize(1);
            t.plane.guestPings(TcpScenario.FAR4, 7, 1);
            t.plane.runs(MS).link.forgetSeen();
            t.plane.plane.adopt(t.plane.config.closed(closed(TcpScenario.FAR4 + "/32")));
            assertThat(t.plane.stats().flows()).isZero();
            t.plane.guestSends(query).runs(MS);
            t.plane.guestPings(TcpScenario.FAR4, 7, 2);
            assertReset(t.talk(GUEST, 40_000, TcpScenario.FAR4, 80).syn());
            assertThat(server.arrivals()).hasSize(1);
            assertThat(t.plane.count(Drop.HOST_CLOSED)).isEqualTo(3);
            t.plane.link.forgetSeen();
            t.plane.plane.adopt(t.plane.config);
            t.plane.guestSends(query).runs(MS);
            assertThat(server.arrivals()).hasSize(2);
        }
    }

    @Test
    void connectionsToAnAddressThatThePodGetsEnd() {
        try (var t = TcpScenario.of(TcpScenario.setup().change(ClosedHostScenarioTest::closing))) {
            TcpTalk open = t.connected();
            TcpTalk other = t.connected(false);
            TcpTalk inbound = t.accepted();
            t.plane.host(TcpScenario.FAR4).away(50 * MS);
            TcpTalk early = t.talk(true).syn().silentFor(MS);
            t.hasFlows(4);
            t.plane.plane.adopt(t.plane.config.closed(closed(TcpScenario.FAR4 + "/32")));
            t.runs(0);
            assertReset(early);
            assertReset(open);
            t.runs(100 * MS); // on its way to the host
            assertThat(open.far().wasReset()).isTrue();
            assertThat(t.plane.count(Drop.HOST_CLOSED)).isEqualTo(2);
            t.hasFlows(2);
            for (TcpTalk kept : List.of(other, inbound)) {
                kept.sends(TcpTalk.data("x")).gets(seg("A"));
                assertThat(kept.far().receive()).isEqualTo(new byte[] {'x'});
            }
            early.silentFor(100 * MS); // its host would have answered by now
        }
    }

    @Test
    void connectionThatLedToThePodByAnotherNameEndsWhenThePodIsClosed() {
        try (var t = TcpScenario.of(TcpScenario.setup())) {
            int fd = listens(t.plane.os, PORT);
            TcpTalk c = t.talk(GUEST, 40_000, GATEWAY, PORT).options(1460, 7);
            c.handshake();
            t.plane.plane.adopt(t.plane.config.closed(closed()));
            t.runs(0);
            assertReset(c);
            t.hasFlows(0);
            t.plane.os.close(fd);
        }
    }
}
