package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.config.HostSide;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.sim.FarUdp;
import io.passatelli.plane.UdpFrames.Datagram;
import io.passatelli.wire.Packets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

import static io.passatelli.plane.LoopbackPlane.forward;
import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.GUEST6;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.ROUTER6;
import static io.passatelli.plane.PlaneScenario.S;
import static io.passatelli.plane.UdpFrames.frame;
import static org.assertj.core.api.Assertions.assertThat;

/** UDP where addresses, ports or sizes meet their ends. */
class UdpCornerScenarioTest {
    private static final String FAR4 = "192.0.2.7";
    private static final String FAR6 = "2001:db8::7";
    private static final String LINK_LOCAL = "fe80::77";
    private static final byte[] HELLO = "hello".getBytes(StandardCharsets.ISO_8859_1);
    private static final byte[] WORLD = "world!".getBytes(StandardCharsets.ISO_8859_1);

    private static Datagram next(PlaneScenario t) {
        return UdpFrames.take(() -> t.link.next().bytes);
    }

    /** A socket of another program on the host, bound to {@code local} or connected to {@code peer}. */
    private static int program(PlaneScenario t, String local, int port, boolean connects) {
        boolean v4 = !PlaneScenario.isIp6(local);
        int fd = t.os.socket(v4 ? Socket.AF_INET : Socket.AF_INET6, Socket.SOCK_DGRAM, Socket.IPPROTO_UDP);
        SockAddr address = new SockAddr();
        Ip ip = Ip.parse(local);
        address.set(ip.high(), ip.low(), port, 0);
        assertThat(connects ? t.os.connect(fd, address) : t.os.bind(fd, address))
                .isZero();
        return fd;
    }

    /** RFC 6724 has the guest answer a link-local address from its own link-local one, where the program does not say another. */
    @Test
    void whoeverIsSeenAtOurLinkLocalAddressSpeaksToThatOfTheGuest() {
        try (var t = PlaneScenario.setup()
                .ip6()
                .change(c -> c.forwards(List.of(forward(8053, 53))))
                .start()) {
            t.host(FAR6).udp(1);
            t.guestSends(frame(LINK_LOCAL, 9, FAR6, 1, HELLO)).runs(MS); // shows it
            int fd = program(t, "::1", 8053, true);
            var bytes = new IoVec(1);
            bytes.add(Packets.memory(HELLO), 0, HELLO.length);
            assertThat(t.os.sendmsg(fd, bytes, 0)).isEqualTo(HELLO.length);
            t.runs(MS);
            Datagram asked = next(t);
            assertThat(asked.from).isEqualTo(ROUTER6);
            assertThat(asked.to).isEqualTo(LINK_LOCAL);
            t.guestSends(frame(LINK_LOCAL, 53, ROUTER6, asked.fromPort, WORLD)).runs(MS);
            bytes.clear();
            bytes.add(Packets.memory(new byte[100]), 0, 100);
            assertThat(t.os.recvmsg(fd, bytes, 0)).isEqualTo(WORLD.length);
            t.os.close(fd);
        }
    }

    /** A socket that is bound to a port of the host and connected to the same one speaks to itself. */
    @ParameterizedTest
    @ValueSource(strings = {GATEWAY, GUEST, ROUTER6, GUEST6})
    void guestDoesNotHearItself(String to) {
        boolean v4 = !PlaneScenario.isIp6(to);
        String from = v4 ? "10.77.0.9" : "fd77::9";
        try (var t = PlaneScenario.setup().ip6().start()) {
            t.guestSends(frame(from, 123, to, 123, HELLO)).runs(MS);
            byte[] error = t.link.next().bytes;
            assertThat(error[v4 ? 23 : 20]).as("ICMP").isEqualTo((byte) (v4 ? 1 : 58));
            assertThat(error[v4 ? 34 : 54]).as("unreachable").isEqualTo((byte) (v4 ? 3 : 1));
            t.guestGetsNothing();
        }
    }

    @Test
    void longestDatagramOfIp6ComesWhole() {
        try (var t = PlaneScenario.setup().ip6().start()) {
            FarUdp server = t.host(FAR6).udp(53);
            t.guestSends(frame(GUEST6, 4000, FAR6, 53, HELLO)).runs(MS);
            byte[] payload = new byte[65_527];
            new Random(1).nextBytes(payload);
            server.reply(payload);
            t.runs(MS);
            assertThat(next(t).payload).isEqualTo(payload);
            t.dropped();
        }
    }

    /** RFC 1122 §3.2.2, RFC 4443 §2.4 (e.3). */
    @ParameterizedTest
    @ValueSource(strings = {"239.1.2.3", "ff05::1:3", "255.255.255.255", "10.77.0.255"})
    void nothingIsSaidAboutWhatWentToMany(String group) {
        try (var t = PlaneScenario.setup().ip6().start()) {
            t.host(group).unreachable(Errno.ENETUNREACH);
            t.guestSends(frame(PlaneScenario.isIp6(group) ? GUEST6 : GUEST, 4000, group, 53, HELLO))
                    .runs(MS);
            t.guestGetsNothing().dropped(Drop.UDP_NO_ROUTE);
        }
    }

    @Test
    void portThatIsTakenInIp4IsKeptInIp6() {
        try (var t = PlaneScenario.setup().ip6().start()) {
            int fd = program(t, "0.0.0.0", 4000, false);
            FarUdp server = t.host(FAR6).udp(53);
            t.guestSends(frame(GUEST6, 4000, FAR6, 53, HELLO)).runs(MS);
            assertThat(server.arrivals().getFirst().fromPort()).isEqualTo(4000);
            t.dropped();
            t.os.close(fd);
        }
    }

    @Test
    void anotherResolverIsAskedByTheSamePortToo() {
        HostSide before = new HostSide(null, null, null, 0, Ip.parse("10.77.0.53"), Ip.parse("192.0.2.53"));
        HostSide after = new HostSide(null, null, null, 0, Ip.parse("10.77.0.53"), Ip.parse("192.0.2.54"));
        try (var t = PlaneScenario.setup().change(c -> c.host4(before)).start()) {
            FarUdp old = t.host("192.0.2.53").udp(53);
            FarUdp now = t.host("192.0.2.54").udp(53);
            t.guestSends(frame(GUEST, 4000, "10.77.0.53", 53, HELLO)).runs(MS);
            t.plane.adopt(t.config.host4(after));
            t.guestSends(frame(GUEST, 4000, "10.77.0.53", 53, HELLO)).runs(MS);
            assertThat(old.arrivals()).hasSize(1);
            assertThat(now.arrivals()).hasSize(1);
        }
    }

    /** connect(2) has chosen the source. */
    @Test
    void flowsBeginAnewWhenTheHostHasAnotherAddress() {
        HostSide before = new HostSide(null, null, null, 2, null, null, Ip.parse("10.77.0.2"));
        HostSide after = new HostSide(null, null, null, 2, null, null, Ip.parse("10.77.0.7"));
        HostSide elsewhere = new HostSide(null, null, null, 3, null, null, Ip.parse("10.77.0.7"));
        try (var t = PlaneScenario.setup().change(c -> c.host4(before)).start()) {
            FarUdp server = t.host(FAR4).udp(53);
            for (HostSide side : List.of(before, after, elsewhere)) {
                t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO)).runs(MS);
                assertThat(t.stats().flows()).isEqualTo(1);
                t.plane.adopt(t.config.host4(side));
                assertThat(t.stats().flows()).isEqualTo(side.equals(before) ? 1 : 0);
            }
            assertThat(server.arrivals()).hasSize(3).allMatch(arrival -> arrival.fromPort() == 4000);
        }
    }

    @Test
    void processWithFewDescriptorsHasFewFlowsAndSomeForEachSide() {
        try (var t = PlaneScenario.setup()
                .openFiles(42) // half are others', one listens
                .change(c -> c.forwards(List.of(forward(8053, 53))))
                .start()) {
            FarUdp peer = t.host(FAR4).udp(999);
            for (int port = 1; port <= 40; port++) {
                t.guestSends(frame(GUEST, 4000, FAR4, port, HELLO)).runs(MS);
            }
            assertThat(t.stats().flows()).isEqualTo(15);
            assertThat(t.count(Drop.FLOW_TABLE_FULL)).isEqualTo(25);
            t.link.forgetSeen();
            peer.send(Ip.parse(GUEST), 8053, HELLO);
            t.runs(MS);
            assertThat(next(t).payload).isEqualTo(HELLO);
        }
    }

    /** A peer that sends and is never answered keeps its flow alive: it must not lead to an address that nobody has for ever. */
    @Test
    void guestThatMovedIsFoundAgain() {
        try (var t = PlaneScenario.setup()
                .change(c -> c.forwards(List.of(forward(8053, 53))))
                .start()) {
            FarUdp peer = t.host(FAR4).udp(999);
            peer.send(Ip.parse(GUEST), 8053, HELLO);
            t.runs(MS);
            assertThat(next(t).to).isEqualTo(GUEST);
            t.plane.adopt(AdoptScenarioTest.config(null).forwards(t.config.forwards()));
            t.host("192.0.2.8").udp(9);
            t.guestSends(frame("10.88.0.2", 4000, "192.0.2.8", 9, HELLO));
            for (int i = 0; i < 30; i++) {
                t.link.forgetSeen();
                peer.send(Ip.parse(GUEST), 8053, HELLO);
                t.runs(10 * S);
            }
            assertThat(next(t).to).isEqualTo("10.88.0.2");
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 20, 28, 60})
    void guestWithAnMtuThatIsNoneBreaksNothing(int mtu) {
        try (var t = PlaneScenario.setup().ip6().mtu(mtu).start()) {
            FarUdp server = t.host(FAR4).udp(53);
            FarUdp server6 = t.host(FAR6).udp(53);
            t.guestSends(frame(GUEST, 4000, FAR4, 53, HELLO)).runs(MS);
            t.guestSends(frame(GUEST6, 4000, FAR6, 53, HELLO)).runs(MS);
            server.reply(new byte[100]);
            server6.reply(new byte[100]);
            t.runs(MS);
            assertThat(next(t).payload).hasSize(100);
            assertThat(next(t).payload).hasSize(100);
        }
    }

    @Test
    void gatewayThatIsAResolverIsAskedThoughItStandsForTheHost() {
        Ip gateway = Ip.parse(GATEWAY);
        HostSide side = new HostSide(gateway, null, null, 0, gateway, gateway);
        try (var t = PlaneScenario.setup().change(c -> c.host4(side)).start()) {
            FarUdp resolver = t.host(GATEWAY).udp(53);
            t.guestSends(frame(GUEST, 4000, GATEWAY, 53, HELLO)).runs(MS);
            assertThat(resolver.arrivals()).hasSize(1);
            resolver.reply(WORLD);
            t.runs(MS);
            Datagram answer = next(t);
            assertThat(answer.from).isEqualTo(GATEWAY);
            assertThat(answer.payload).isEqualTo(WORLD);
            t.guestGetsNothing().dropped();
        }
    }

    /** RFC 8200 §4.5: the protocol does not tell fragmented datagrams apart. */
    @Test
    void fragmentsOfUdpAndOfEchoDoNotMix() {
        try (var t = PlaneScenario.setup().ip6().start()) {
            FarUdp server = t.host(FAR6).answersEcho(0).udp(53);
            t.guestSends(frame(GUEST6, 4000, FAR6, 53, HELLO)).runs(MS);
            server.reply(new byte[3_000]);
            t.guestPings(FAR6, 1, 1, new byte[3_000]).runs(MS);
            Map<Integer, Set<Byte>> protocols = new HashMap<>();
            while (!t.link.seen().isEmpty()) {
                byte[] fragment = t.link.next().bytes;
                assertThat(fragment[20]).as("a fragment header follows").isEqualTo((byte) 44);
                int id = ByteBuffer.wrap(fragment).getInt(58);
                protocols.computeIfAbsent(id, n -> new HashSet<>()).add(fragment[54]);
            }
            assertThat(protocols.values()).containsExactlyInAnyOrder(Set.of((byte) 17), Set.of((byte) 58));
        }
    }
}
