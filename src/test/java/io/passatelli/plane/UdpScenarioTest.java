package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.HostSide;
import io.passatelli.config.PlaneConfig.UdpTimeouts;
import io.passatelli.config.Service;
import io.passatelli.forward.RuleState;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.sim.FarUdp;
import io.passatelli.os.sim.SimSettings;
import io.passatelli.plane.UdpFrames.Datagram;
import io.passatelli.wire.Packets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;

import static io.passatelli.plane.LoopbackPlane.forward;
import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.GUEST6;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.ROUTER6;
import static io.passatelli.plane.PlaneScenario.S;
import static io.passatelli.plane.UdpFrames.frame;
import static io.passatelli.plane.UdpFrames.u16;
import static org.assertj.core.api.Assertions.assertThat;

/** UDP through a whole plane, in virtual time. */
class UdpScenarioTest {
    private static final String FAR4 = "192.0.2.7";
    private static final String FAR6 = "2001:db8::7";
    private static final byte[] HELLO = text("hello");
    private static final byte[] WORLD = text("world!");

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static byte[] number(int n) {
        return ByteBuffer.allocate(4).putInt(n).array();
    }

    private static int numberIn(Datagram datagram) {
        return ByteBuffer.wrap(datagram.payload).getInt();
    }

    private static String guest(boolean v4) {
        return v4 ? GUEST : GUEST6;
    }

    private static String far(boolean v4) {
        return v4 ? FAR4 : FAR6;
    }

    private static String ours(boolean v4) {
        return v4 ? GATEWAY : ROUTER6;
    }

    private static Datagram next(PlaneScenario t) {
        return UdpFrames.take(() -> t.link.next().bytes);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void portAndHopsOfTheGuestTravelAndTheAnswerComesBack(boolean v4) {
        try (var t = PlaneScenario.setup().ip6().start()) {
            FarUdp server = t.host(far(v4)).udp(53);
            t.guestSends(frame(guest(v4), 4000, far(v4), 53, HELLO, 17)).runs(MS);
            t.guestSends(frame(guest(v4), 4000, far(v4), 53, HELLO, 18)).runs(MS);
            assertThat(server.arrivals())
                    .containsExactly(
                            new FarUdp.Arrival(Ip.parse(guest(v4)), 4000, "hello", 17),
                            new FarUdp.Arrival(Ip.parse(guest(v4)), 4000, "hello", 18));
            server.reply(WORLD);
            t.runs(MS);
            Datagram answer = next(t);
            assertThat(answer.from).isEqualTo(far(v4));
            assertThat(answer.fromPort).isEqualTo(53);
            assertThat(answer.to).isEqualTo(guest(v4));
            assertThat(answer.toPort).isEqualTo(4000);
            assertThat(answer.payload).isEqualTo(WORLD);
            t.guestGetsNothing().dropped();
        }
    }

    @Test
    void takenPortOfTheHostIsReplacedAndCounted() {
        try (var t = PlaneScenario.standard()) {
            int fd = t.os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, Socket.IPPROTO_UDP);
            SockAddr address = new SockAddr();
            address.set(Ip.UNSPECIFIED4.high(), Ip.UNSPECIFIED4.low(), 4000, 0);
            assertThat(t.os.bind(fd, address)).isZero();
            FarUdp server = t.host(FAR4).udp(53);
            t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO)).runs(MS);
            assertThat(server.arrivals()).hasSize(1);
            assertThat(server.arrivals().getFirst().fromPort()).isNotEqualTo(4000);
            server.reply(WORLD);
            t.runs(MS);
            assertThat(next(t).toPort).isEqualTo(4000);
            t.dropped(Drop.UDP_PORT_NOT_KEPT);
            t.os.close(fd);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void tracerouteSeesTheRoutersAndTheEnd(boolean v4) {
        try (var t = PlaneScenario.setup().ip6().start()) {
            String first = v4 ? "192.0.2.1" : "2001:db8::1";
            String second = v4 ? "198.51.100.1" : "2001:db8:1::1";
            t.host(far(v4)).up().behind(Ip.parse(first), Ip.parse(second));
            String[] expected = {first, second, far(v4)};
            for (int hops = 1; hops <= 3; hops++) {
                byte[] probe = frame(guest(v4), 4000, far(v4), 33_433 + hops, HELLO, hops);
                t.guestSends(probe).runs(MS);
                byte[] error = t.link.next().bytes;
                int icmp = v4 ? 34 : 54;
                boolean end = hops == 3;
                assertThat(error[icmp]).isEqualTo((byte) (v4 ? end ? 3 : 11 : end ? 1 : 3));
                assertThat(error[icmp + 1]).isEqualTo((byte) (end ? v4 ? 3 : 4 : 0));
                assertThat(source(error, v4)).isEqualTo(expected[hops - 1]);
                int quotedPorts = icmp + 8 + (v4 ? 20 : 40);
                assertThat(u16(error, quotedPorts)).isEqualTo(4000);
                assertThat(u16(error, quotedPorts + 2)).isEqualTo(33_433 + hops);
            }
            t.guestGetsNothing().dropped();
        }
    }

    private static String source(byte[] frame, boolean v4) {
        ByteBuffer b = ByteBuffer.wrap(frame);
        return (v4 ? Ip.v4(b.getInt(26)) : new Ip(b.getLong(22), b.getLong(30))).toString();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void narrowWayIsToldWithItsMtu(boolean v4) {
        try (var t = PlaneScenario.setup().ip6().start()) {
            String router = v4 ? "192.0.2.1" : "2001:db8::1";
            FarUdp server =
                    t.host(far(v4)).behind(Ip.parse(router)).pathMtu(1300).udp(53);
            t.guestSends(frame(guest(v4), 4000, far(v4), 53, new byte[1400])).runs(MS);
            assertThat(server.arrivals()).isEmpty();
            byte[] error = t.link.next().bytes;
            int icmp = v4 ? 34 : 54;
            assertThat(error[icmp]).isEqualTo((byte) (v4 ? 3 : 2));
            assertThat(error[icmp + 1]).isEqualTo((byte) (v4 ? 4 : 0));
            assertThat(ByteBuffer.wrap(error).getInt(icmp + 4) & 0xffff).isEqualTo(1300);
            assertThat(source(error, v4)).isEqualTo(router);
            t.guestSends(frame(guest(v4), 4000, far(v4), 53, new byte[1200])).runs(MS);
            assertThat(server.arrivals()).hasSize(1);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void withoutRouteTheGuestIsToldByUs(boolean v4) {
        try (var t = PlaneScenario.setup().ip6().start()) {
            t.host(far(v4)).unreachable(Errno.ENETUNREACH);
            t.guestSends(frame(guest(v4), 4000, far(v4), 53, HELLO)).runs(MS);
            byte[] error = t.link.next().bytes;
            int icmp = v4 ? 34 : 54;
            assertThat(error[icmp]).isEqualTo((byte) (v4 ? 3 : 1));
            assertThat(error[icmp + 1]).isZero();
            assertThat(source(error, v4)).isEqualTo(ours(v4));
            assertThat(t.stats().flows()).isZero();
            t.dropped(Drop.UDP_NO_ROUTE);
        }
    }

    @Test
    void routeThatGoesEndsTheFlowSoThatTheNextDatagramFindsAnother() {
        try (var t = PlaneScenario.standard()) {
            FarUdp server = t.host(FAR4).udp(53);
            t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO)).runs(MS);
            t.host(FAR4).unreachable(Errno.ENETUNREACH);
            t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO)).runs(MS);
            assertThat(t.stats().flows()).isZero();
            t.host(FAR4).silent();
            t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO)).runs(MS);
            assertThat(server.arrivals()).hasSize(2);
            t.dropped(Drop.UDP_SEND_FAILED);
        }
    }

    @Test
    void errorsAreToldOnlySoManyTimesASecond() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR4).up();
            for (int i = 0; i < Limits.UDP_ERRORS_PER_SECOND + 10; i++) {
                t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO)).runs(MS / 2);
            }
            assertThat(t.link.seen()).hasSize(Limits.UDP_ERRORS_PER_SECOND);
            assertThat(t.count(Drop.UDP_ERROR_NOT_RELAYED)).isEqualTo(10);
            t.runs(S).link.forgetSeen();
            t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO)).runs(MS);
            assertThat(t.link.seen()).hasSize(1);
        }
    }

    @Test
    void questionAndAnswerEndEarlyAndStreamsLate() {
        UdpTimeouts timeouts = new UdpTimeouts(10, 60);
        try (var t = PlaneScenario.setup().change(c -> c.udpTimeouts(timeouts)).start()) {
            FarUdp server = t.host(FAR4).udp(53);
            server.echoes(MS);
            t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO)).runs(9 * S);
            assertThat(t.stats().flows()).isEqualTo(1);
            t.runs(2 * S);
            assertThat(t.stats().flows()).as("question and answer").isZero();

            t.guestSends(frame(GUEST, 4001, FAR4, 53, HELLO)).runs(5 * S);
            t.guestSends(frame(GUEST, 4001, FAR4, 53, HELLO)).runs(59 * S);
            assertThat(t.stats().flows()).as("a stream").isEqualTo(1);
            t.runs(2 * S);
            assertThat(t.stats().flows()).isZero();

            t.host(FAR4).udp(54);
            for (int i = 0; i < 3; i++) {
                t.guestSends(frame(GUEST, 4002, FAR4, 54, HELLO)).runs(9 * S);
            }
            assertThat(t.stats().flows()).as("one that is never answered").isEqualTo(1);
            t.runs(2 * S);
            assertThat(t.stats().flows()).isZero();
        }
    }

    @Test
    void resolverBehindTheForwardAddressAnswersFromIt() {
        HostSide side = new HostSide(Ip.parse(GATEWAY), null, null, 0, Ip.parse("10.77.0.53"), Ip.parse("192.0.2.53"));
        try (var t = PlaneScenario.setup().change(c -> c.host4(side)).start()) {
            FarUdp resolver = t.host("192.0.2.53").udp(53);
            FarUdp other = t.host("10.77.0.53").udp(54);
            t.guestSends(frame(GUEST, 4000, "10.77.0.53", 53, HELLO)).runs(MS);
            t.guestSends(frame(GUEST, 4000, "10.77.0.53", 54, HELLO)).runs(MS);
            assertThat(resolver.arrivals()).hasSize(1);
            assertThat(other.arrivals()).hasSize(1);
            resolver.reply(WORLD);
            t.runs(MS);
            Datagram answer = next(t);
            assertThat(answer.from).isEqualTo("10.77.0.53");
            assertThat(answer.fromPort).isEqualTo(53);
            t.host("192.0.2.53").unreachable(0).silent();
            resolver.complain(Ip.parse("192.0.2.53"), 3, 3, 0);
            t.runs(MS);
            assertThat(source(t.link.next().bytes, true)).isEqualTo("10.77.0.53");
            t.dropped();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void peerKeepsItsAddressAndHearsFromWhereItSentTo(boolean v4) {
        try (var t = PlaneScenario.setup()
                .ip6()
                .change(c -> c.forwards(List.of(forward(8053, 53))))
                .start()) {
            FarUdp peer = t.host(far(v4)).udp(999);
            peer.send(Ip.parse(guest(v4)), 8053, HELLO); // the host has the guest's address
            t.runs(MS);
            Datagram asked = next(t);
            assertThat(asked.from).isEqualTo(far(v4));
            assertThat(asked.fromPort).isEqualTo(999);
            assertThat(asked.to).isEqualTo(guest(v4));
            assertThat(asked.toPort).isEqualTo(53);
            t.guestSends(frame(guest(v4), 53, far(v4), 999, WORLD)).runs(MS);
            assertThat(peer.arrivals()).containsExactly(new FarUdp.Arrival(Ip.parse(guest(v4)), 8053, "world!", 64));
            assertThat(t.stats().flows()).isEqualTo(1);
            t.dropped();
        }
    }

    /** The listener is full of the first ones, the flow's own socket of the later ones: when it is read first, they are out of order. */
    @Test
    void datagramsKeepTheirOrderAcrossTheHandOver() {
        try (var t = PlaneScenario.setup()
                .change(c -> c.forwards(List.of(forward(8053, 53))))
                .start()) {
            FarUdp peer = t.host(FAR4).udp(999);
            int sent = 0;
            while (sent < 550) { // more than one visit takes; the listener holds them all
                peer.send(Ip.parse(GUEST), 8053, number(sent++));
            }
            t.clock.advance(MS);
            t.plane.turn(0);
            assertThat(t.stats().flows()).isEqualTo(1);
            while (sent < 560) {
                peer.send(Ip.parse(GUEST), 8053, number(sent++));
            }
            t.clock.advance(MS);
            t.runs(MS);
            for (int i = 0; i < sent; i++) {
                assertThat(numberIn(next(t))).isEqualTo(i);
            }
            t.guestGetsNothing().dropped();
        }
    }

    @Test
    void hostThatHasTheGuestsAddressIsSeenAsUs() {
        try (var t = PlaneScenario.setup()
                .ip6()
                .change(c -> c.forwards(List.of(forward(8053, 53)))
                        .host4(HostSide.PLAIN)
                        .host6(HostSide.PLAIN))
                .start()) {
            List<Integer> fds = new ArrayList<>();
            for (String address : List.of(GUEST, "127.0.0.1", GUEST6, "::1")) {
                boolean v4 = !PlaneScenario.isIp6(address);
                int fd = t.os.socket(v4 ? Socket.AF_INET : Socket.AF_INET6, Socket.SOCK_DGRAM, Socket.IPPROTO_UDP);
                SockAddr to = new SockAddr();
                Ip ip = Ip.parse(address);
                to.set(ip.high(), ip.low(), 8053, 0);
                assertThat(t.os.connect(fd, to)).isZero();
                var hello = new IoVec(1);
                hello.add(Packets.memory(HELLO), 0, HELLO.length);
                assertThat(t.os.sendmsg(fd, hello, 0)).isEqualTo(HELLO.length);
                t.runs(MS);
                Datagram asked = next(t);
                assertThat(asked.from).isEqualTo(ours(v4));
                assertThat(asked.payload).isEqualTo(HELLO);
                t.guestSends(frame(guest(v4), 53, asked.from, asked.fromPort, WORLD))
                        .runs(MS);
                hello.clear();
                hello.add(Packets.memory(new byte[100]), 0, 100);
                assertThat(t.os.recvmsg(fd, hello, 0)).isEqualTo(WORLD.length);
                fds.add(fd); // the port of one that is closed would be the next one's
            }
            fds.forEach(t.os::close);
            t.dropped();
        }
    }

    @Test
    void fullLinkKeepsOrderAndNobodyIsReadMeanwhile() {
        try (var t = PlaneScenario.setup().ip6().start()) {
            FarUdp one = t.host(FAR4).udp(53);
            FarUdp two = t.host(FAR6).udp(53);
            t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO));
            t.guestSends(frame(GUEST6, 4000, FAR6, 53, HELLO)).runs(MS);
            t.link.guestStopsAfter(0, 3);
            for (int i = 0; i < 200; i++) {
                one.reply(number(i));
                two.reply(number(i));
            }
            t.runs(10 * MS);
            assertThat(t.link.seen()).hasSize(3);
            t.link.guestReads(0);
            t.runs(10 * MS);
            int[] expected = {0, 0};
            for (int i = 0; i < 400; i++) {
                Datagram got = next(t);
                int family = got.from.equals(FAR4) ? 0 : 1;
                assertThat(numberIn(got)).isEqualTo(expected[family]++);
            }
            t.guestGetsNothing().dropped();
        }
    }

    @Test
    void fragmentsOfOneDatagramWaitForRoomToo() {
        try (var t = PlaneScenario.setup().ip6().start()) {
            for (boolean v4 : new boolean[] {true, false}) {
                FarUdp server = t.host(far(v4)).udp(53);
                t.guestSends(frame(guest(v4), 4000, far(v4), 53, HELLO)).runs(MS);
                byte[] payload = new byte[20_000];
                new Random(20).nextBytes(payload);
                t.link.guestStopsAfter(0, 5);
                server.reply(payload);
                server.reply(WORLD);
                t.runs(MS);
                assertThat(t.link.seen()).hasSize(5);
                t.link.guestStopsAfter(0, 1);
                t.link.guestReads(0);
                t.runs(MS);
                assertThat(next(t).payload).isEqualTo(payload);
                assertThat(next(t).payload).isEqualTo(WORLD);
            }
            t.guestGetsNothing().dropped();
        }
    }

    @Test
    void withoutGuestWhatArrivesIsDroppedAndFlowsLiveOn() {
        try (var t = PlaneScenario.setup()
                .change(c -> c.forwards(List.of(forward(8053, 53))))
                .start()) {
            FarUdp server = t.host(FAR4).udp(53);
            t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO)).runs(MS);
            t.link.guestLeaves(0);
            t.runs(0);
            server.reply(HELLO);
            server.send(Ip.parse(GUEST), 8053, HELLO);
            t.runs(MS);
            assertThat(t.count(Drop.LINK_DOWN)).isEqualTo(2);
            assertThat(t.stats().flows()).isEqualTo(1);
            t.link.guestComes();
            t.runs(0).link.forgetSeen();
            server.reply(WORLD);
            t.runs(MS);
            assertThat(next(t).payload).isEqualTo(WORLD);
        }
    }

    @Test
    void runsOfEqualLengthsArriveAsTheyWereSent() {
        try (var t = PlaneScenario.standard()) {
            FarUdp server = t.host(FAR4).udp(53);
            int[] lengths = {100, 100, 100, 40, 0, 100, 100, 200, 100, 1472, 1472, 1473, 1473, 1473, 7, 7, 7};
            for (int i = 0; i < lengths.length; i++) {
                byte[] payload = new byte[lengths[i]];
                Arrays.fill(payload, (byte) i);
                t.guestSends(frame(GUEST, 4000, FAR4, 53, payload));
            }
            t.runs(10 * MS);
            assertThat(server.arrivals()).hasSize(lengths.length);
            for (int i = 0; i < lengths.length; i++) {
                byte[] payload = new byte[lengths[i]];
                Arrays.fill(payload, (byte) i);
                assertThat(server.arrivals().get(i).bytes()).isEqualTo(payload);
            }
            t.dropped();
        }
    }

    @Test
    void manyFlowsInOneBatchAreNotMixedUp() {
        try (var t = PlaneScenario.setup().ip6().start()) {
            List<FarUdp> servers = List.of(
                    t.host(FAR4).udp(53), t.host(FAR4).udp(54), t.host(FAR6).udp(53));
            for (int i = 0; i < 300; i++) {
                t.guestSends(
                        i % 3 == 2
                                ? frame(GUEST6, 4000, FAR6, 53, number(i))
                                : frame(GUEST, 4000 + i % 2, FAR4, 53 + i % 3, number(i)));
            }
            t.runs(10 * MS);
            for (int s = 0; s < 3; s++) {
                int previous = -1;
                for (FarUdp.Arrival arrival : servers.get(s).arrivals()) {
                    int n = ByteBuffer.wrap(arrival.bytes()).getInt();
                    assertThat(n % 3).isEqualTo(s);
                    assertThat(arrival.fromPort()).isEqualTo(s == 2 ? 4000 : 4000 + n % 2);
                    previous = Math.max(previous, n);
                }
                assertThat(servers.get(s).arrivals()).hasSize(100);
                assertThat(previous).isEqualTo(297 + s);
            }
            t.dropped();
        }
    }

    @Test
    void whatCannotBeASourceOrDestinationIsDropped() {
        try (var t = PlaneScenario.setup().ip6().start()) {
            for (String to : List.of("0.0.0.0", "0.1.2.3")) {
                t.guestSends(frame(GUEST, 4000, to, 53, HELLO));
            }
            t.guestSends(frame(GUEST, 4000, FAR4, 0, HELLO));
            t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO, 0));
            t.guestSends(frame(GUEST6, 4000, FAR6, 0, HELLO));
            t.runs(MS);
            assertThat(t.count(Drop.UDP_BAD_DESTINATION)).isEqualTo(5);
            t.guestSends(frame(GUEST, 0, FAR4, 53, HELLO));
            t.guestSends(frame("224.0.0.1", 4000, FAR4, 53, HELLO));
            t.guestSends(frame("255.255.255.255", 4000, FAR4, 53, HELLO));
            t.guestSends(frame(GUEST6, 0, FAR6, 53, HELLO));
            t.runs(MS);
            assertThat(t.count(Drop.UDP_BAD_SOURCE)).isEqualTo(2);
            assertThat(t.count(Drop.IP4_BAD_SOURCE)).isEqualTo(2);
            t.guestSends(frame(GUEST, 4000, "127.0.0.1", 53, HELLO));
            t.guestSends(frame("127.0.0.1", 4000, FAR4, 53, HELLO));
            t.guestSends(frame(GUEST6, 4000, "::1", 53, HELLO));
            t.runs(MS);
            assertThat(t.stats().flows()).isZero();
            t.guestGetsNothing();
        }
    }

    @Test
    void everyCutLengthIsRefused() {
        try (var t = PlaneScenario.setup().ip6().start()) {
            FarUdp server = t.host(FAR4).udp(53);
            FarUdp server6 = t.host(FAR6).udp(53);
            byte[] whole4 = frame(GUEST, 4000, FAR4, 53, HELLO);
            byte[] whole6 = frame(GUEST6, 4000, FAR6, 53, HELLO);
            for (int length = 14; length < whole4.length; length++) {
                t.guestSends(Arrays.copyOf(whole4, length));
            }
            for (int length = 14; length < whole6.length; length++) {
                t.guestSends(Arrays.copyOf(whole6, length));
            }
            for (int value = 0; value < 0x10000; value += 1 + value / 40) {
                ByteBuffer.wrap(whole4).putShort(38, (short) value);
                ByteBuffer.wrap(whole6).putShort(58, (short) value);
                t.guestSends(whole4.clone()).guestSends(whole6.clone());
            }
            t.runs(100 * MS);
            // the right length once, and each cut that ends where its checksum happens to be right: none
            assertThat(server.arrivals())
                    .allMatch(a -> a.text().equals("hello"))
                    .hasSizeLessThanOrEqualTo(1);
            assertThat(server6.arrivals())
                    .allMatch(a -> a.text().equals("hello"))
                    .hasSizeLessThanOrEqualTo(1);
        }
    }

    @Test
    void floodOfTheGuestTakesItsShareAndHurtsNobodyElse() {
        SimSettings settings = SimSettings.standard().withOpenFiles(20_000);
        try (var t = PlaneScenario.setup()
                .settings(settings)
                .change(c -> c.forwards(List.of(forward(8053, 53))))
                .start()) {
            FarUdp server = t.host(FAR4).udp(53);
            t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO)).runs(MS);
            for (int i = 0; i < 20_000; i++) {
                String source = "10." + (i >> 14 & 0x7f) + "." + (i >> 7 & 0x7f) + "." + (1 + (i & 0x7f));
                t.guestSends(frame(source, 5000, "192.0.2.9", 100 + i, HELLO));
                if (i % 500 == 499) {
                    t.runs(0);
                }
            }
            t.runs(MS);
            assertThat(t.stats().flows()).isEqualTo(Limits.UDP_FLOWS_FROM_GUEST);
            assertThat(t.count(Drop.FLOW_TABLE_FULL)).isEqualTo(20_001L - Limits.UDP_FLOWS_FROM_GUEST);
            server.reply(WORLD);
            t.runs(MS);
            assertThat(next(t).payload).isEqualTo(WORLD);
            server.send(Ip.parse(GUEST), 8053, HELLO);
            t.runs(MS);
            assertThat(t.link.seen()).as("somebody from outside").hasSize(1);
            t.runs(31 * S);
            assertThat(t.stats().flows()).isZero();
        }
    }

    @Test
    void withoutDescriptorsNothingSpinsAndOthersGoOn() {
        SimSettings settings = SimSettings.standard().withOpenFiles(20);
        try (var t = PlaneScenario.setup().settings(settings).start()) {
            FarUdp server = t.host(FAR4).udp(53);
            for (int i = 0; i < 40; i++) {
                t.guestSends(frame(GUEST, 4000 + i, FAR4, 53, HELLO));
            }
            t.runs(MS);
            int flows = t.stats().flows();
            assertThat(flows).isBetween(10, 20);
            assertThat(t.count(Drop.DESCRIPTORS_EXHAUSTED)).isEqualTo(40L - flows);
            assertThat(server.arrivals()).hasSize(flows);
        }
    }

    @Test
    void changedForwardsKeepTheSocketsThatStay() {
        try (var t = PlaneScenario.setup()
                .change(c -> c.forwards(List.of(forward(8053, 53), forward(8054, 54))))
                .start()) {
            FarUdp peer = t.host(FAR4).udp(999);
            int before = t.os.openDescriptors();
            var states = t.plane.handle().replaceForwards(List.of(forward(8053, 5353), forward(8055, 55)));
            t.runs(0);
            assertThat(states).isCompletedWithValueMatching(all -> all.stream().noneMatch(RuleState::isRefused));
            assertThat(t.os.openDescriptors()).isEqualTo(before);
            peer.send(Ip.parse(GUEST), 8053, HELLO);
            t.runs(MS);
            assertThat(next(t).toPort).isEqualTo(5353);
            peer.send(Ip.parse(GUEST), 8054, HELLO);
            t.runs(MS);
            assertThat(peer.refused()).isEqualTo(1);
            peer.send(Ip.parse(GUEST), 8055, HELLO);
            t.runs(MS);
            assertThat(next(t).toPort).isEqualTo(55);
        }
    }

    @Test
    void serviceThatIsOffListensNowhereAndSendsNothing() {
        try (var t = PlaneScenario.setup()
                .change(c -> c.without(Service.UDP).forwards(List.of(forward(8053, 53))))
                .start()) {
            FarUdp server = t.host(FAR4).udp(53);
            t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO)).runs(MS);
            server.send(Ip.parse(GUEST), 8053, HELLO);
            t.runs(MS);
            assertThat(server.refused()).isEqualTo(1);
            assertThat(server.arrivals()).isEmpty();
            t.dropped(Drop.UDP_OFF);
        }
    }

    @Test
    void groupsAreSentToWithTheGuestsHops() {
        try (var t = PlaneScenario.setup().ip6().start()) {
            FarUdp group = t.host("239.1.2.3").udp(5000);
            FarUdp group6 = t.host("ff02::fb").udp(5353);
            FarUdp everybody = t.host("255.255.255.255").udp(5000);
            t.guestSends(frame(GUEST, 4000, "239.1.2.3", 5000, HELLO, 3));
            t.guestSends(frame(GUEST6, 4000, "ff02::fb", 5353, HELLO, 255));
            t.guestSends(frame(GUEST, 4000, "255.255.255.255", 5000, HELLO, 64)).runs(MS);
            assertThat(group.arrivals().getFirst().ttl()).isEqualTo(3);
            assertThat(group6.arrivals().getFirst().ttl()).isEqualTo(255);
            assertThat(everybody.arrivals()).hasSize(1);
            t.dropped();
        }
    }

    @Test
    void scatteredFramesAreSentAndCheckedAsAWhole() {
        try (var t = PlaneScenario.setup().mtu(65_520).start()) {
            FarUdp server = t.host(FAR4).udp(53);
            t.link.scatters(160, 4096);
            for (int length : new int[] {500, 20_000, 60_000, 60_000, 60_001}) {
                byte[] payload = new byte[length];
                new Random(length).nextBytes(payload);
                byte[] frame = frame(GUEST, 4000, FAR4, 53, payload);
                t.guestSends(frame);
                byte[] bad = frame.clone();
                bad[bad.length - 1] ^= 4;
                t.guestSends(bad).runs(MS);
                assertThat(server.arrivals().getLast().bytes()).isEqualTo(payload);
            }
            assertThat(server.arrivals()).hasSize(5);
            assertThat(t.count(Drop.UDP_BAD_CHECKSUM)).isEqualTo(5);
        }
    }
}
