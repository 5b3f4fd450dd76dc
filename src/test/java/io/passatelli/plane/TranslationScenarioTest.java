package io.passatelli.plane;

import io.passatelli.base.Ip;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.sim.FarUdp;
import io.passatelli.plane.UdpFrames.Datagram;
import io.passatelli.wire.Packets;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.charset.StandardCharsets;
import java.util.List;

import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.GUEST6;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.TcpScenario.far;
import static io.passatelli.plane.TcpScenario.guest;
import static io.passatelli.plane.TcpTalk.data;
import static io.passatelli.plane.TcpTalk.seg;
import static io.passatelli.plane.UdpFrames.frame;
import static org.assertj.core.api.Assertions.assertThat;

/** Target addresses of rules, and the host at the guest's own address, through a whole plane. */
@Tag("sim")
class TranslationScenarioTest {
    private static final byte[] HELLO = "hello".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] WORLD = "world!".getBytes(StandardCharsets.US_ASCII);

    /** Behind the guest, in its network. */
    private static String target(boolean v4) {
        return v4 ? "10.77.0.20" : "fd77::20";
    }

    /** What --map-guest-addr says. */
    private static String mapped(boolean v4) {
        return v4 ? "10.77.0.9" : "fd77::9";
    }

    private static PortForward rule(Protocol protocol, String address, String target) {
        return new PortForward(protocol, Ip.parse(address), null, 8080, 8080, Ip.parse(target), 22, false);
    }

    /** Port 8080 of both families and protocols to port 22 of {@link #target}. */
    private static PlaneConfig toTargets(PlaneConfig config) {
        return config.forwards(List.of(
                rule(Protocol.TCP, "0.0.0.0", target(true)),
                rule(Protocol.TCP, "::", target(false)),
                rule(Protocol.UDP, "0.0.0.0", target(true)),
                rule(Protocol.UDP, "::", target(false))));
    }

    /** With port 8080 of both protocols forwarded to port 22, wherever. */
    private static PlaneConfig mapping(PlaneConfig config) {
        return config.host4(config.host4().mapGuest(Ip.parse(mapped(true))))
                .host6(config.host6().mapGuest(Ip.parse(mapped(false))))
                .forwards(List.of(
                        new PortForward(Protocol.TCP, null, null, 8080, 8080, 22),
                        new PortForward(Protocol.UDP, null, null, 8080, 8080, 22)));
    }

    private static Datagram next(PlaneScenario t) {
        return UdpFrames.take(() -> t.link.next().bytes);
    }

    /** A socket of the host's own. */
    private static int socket(Os os, boolean v4, int type) {
        return os.socket(v4 ? Socket.AF_INET : Socket.AF_INET6, type, 0);
    }

    private static SockAddr at(String address, int port) {
        SockAddr to = new SockAddr();
        Ip ip = Ip.parse(address);
        to.set(ip.high(), ip.low(), port, 0);
        return to;
    }

    private static IoVec of(byte[] bytes) {
        IoVec vector = new IoVec(1);
        vector.add(Packets.memory(bytes), 0, bytes.length);
        return vector;
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void datagramsGoToTheAddressThatTheirRuleSays(boolean v4) {
        try (var t = PlaneScenario.setup()
                .ip6()
                .change(TranslationScenarioTest::toTargets)
                .start()) {
            FarUdp peer = t.host(far(v4)).udp(999);
            peer.send(Ip.parse(guest(v4)), 8080, HELLO);
            peer.send(Ip.parse(guest(v4)), 8080, WORLD);
            t.runs(MS);
            for (byte[] payload : List.of(HELLO, WORLD)) {
                Datagram asked = next(t);
                assertThat(asked.from).isEqualTo(far(v4));
                assertThat(asked.fromPort).isEqualTo(999);
                assertThat(asked.to).isEqualTo(target(v4));
                assertThat(asked.toPort).isEqualTo(22);
                assertThat(asked.payload).isEqualTo(payload);
            }
            t.guestSends(frame(target(v4), 22, far(v4), 999, WORLD)).runs(MS);
            assertThat(peer.arrivals()).containsExactly(new FarUdp.Arrival(Ip.parse(guest(v4)), 8080, "world!", 64));
            assertThat(t.stats().flows()).isEqualTo(1);
            t.guestGetsNothing().dropped();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void connectionsGoToTheAddressThatTheirRuleSays(boolean v4) {
        try (var t = TcpScenario.of(TcpScenario.setup().change(TranslationScenarioTest::toTargets))) {
            TcpTalk c = t.asked(v4).gets(seg("S").seq(0)).options(1460, 7);
            assertThat(c.name()).contains(target(v4)).doesNotContain(guest(v4) + " ");
            c.sends(seg("SA").options("020405b401030307")).gets(seg("A").seq(1).ack(1));
            c.sends(data("220 welcome")).gets(seg("A"));
            assertThat(c.far().receive()).isEqualTo("220 welcome".getBytes(StandardCharsets.US_ASCII));
            c.far().sendAll(HELLO);
            c.runs(0).gets(data("hello")).sends(seg("A")).silent();
            t.hasFlows(1).plane.dropped();
        }
    }

    /** A rule is of the address that it listens at. */
    @Test
    void twoAddressesOfTheHostAreTwoOfTheGuest() {
        try (var t = PlaneScenario.setup()
                .change(config -> config.forwards(List.of(
                        rule(Protocol.UDP, GUEST, "10.77.0.20"), rule(Protocol.UDP, "127.0.0.1", "10.77.0.21"))))
                .start()) {
            FarUdp peer = t.host(far(true)).udp(999);
            peer.send(Ip.parse(GUEST), 8080, HELLO);
            int fd = socket(t.os, true, Socket.SOCK_DGRAM);
            assertThat(t.os.connect(fd, at("127.0.0.1", 8080))).isZero();
            assertThat(t.os.sendmsg(fd, of(WORLD), 0)).isEqualTo(WORLD.length);
            t.runs(MS);
            List<Datagram> both = List.of(next(t), next(t));
            assertThat(both).extracting(datagram -> datagram.to).containsExactlyInAnyOrder("10.77.0.20", "10.77.0.21");
            t.guestGetsNothing().dropped();
            t.os.close(fd);
        }
    }

    /** The peer's next conversation goes where the rule says by then; one that is there stays. */
    @Test
    void ruleThatChangesHoldsForWhatBegins() {
        try (var t = TcpScenario.of(TcpScenario.setup())) {
            TcpTalk old = t.accepted();
            PlaneConfig next =
                    t.plane.config.forwards(List.of(new PortForward(Protocol.TCP, null, null, 8080, 8080, 22)));
            var ignored = t.plane.plane.handle().replaceForwards(toTargets(next).forwards());
            t.runs(MS);
            TcpTalk c = t.asked(true).gets(seg("S"));
            assertThat(c.name()).contains(target(true));
            old.sends(data("x")).gets(seg("A"));
            assertThat(old.far().receive()).isEqualTo(new byte[] {'x'});
            c.sends(seg("RA").seq(0).ack(1)).silent();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void datagramsToTheMappedAddressReachTheHostAtTheGuestsOwn(boolean v4) {
        try (var t = PlaneScenario.setup()
                .ip6()
                .change(TranslationScenarioTest::mapping)
                .start()) {
            int fd = socket(t.os, v4, Socket.SOCK_DGRAM);
            assertThat(t.os.bind(fd, at(guest(v4), 7000))).isZero();
            t.guestSends(frame(guest(v4), 4000, mapped(v4), 7000, HELLO)).runs(MS);
            assertThat(t.os.recvmsg(fd, of(new byte[100]), Socket.MSG_DONTWAIT)).isEqualTo(HELLO.length);
            assertThat(t.os.connect(fd, at(guest(v4), 4000))).isZero();
            assertThat(t.os.sendmsg(fd, of(WORLD), 0)).isEqualTo(WORLD.length);
            t.runs(MS);
            Datagram answer = next(t);
            assertThat(answer.from).isEqualTo(mapped(v4));
            assertThat(answer.fromPort).isEqualTo(7000);
            assertThat(answer.payload).isEqualTo(WORLD);
            t.guestGetsNothing().dropped();
            t.os.close(fd);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void datagramsOfTheHostFromTheGuestsOwnAddressComeFromTheMappedOne(boolean v4) {
        try (var t = PlaneScenario.setup()
                .ip6()
                .change(TranslationScenarioTest::mapping)
                .start()) {
            int fd = socket(t.os, v4, Socket.SOCK_DGRAM);
            assertThat(t.os.connect(fd, at(guest(v4), 8080))).isZero();
            assertThat(t.os.sendmsg(fd, of(HELLO), 0)).isEqualTo(HELLO.length);
            t.runs(MS);
            Datagram asked = next(t);
            assertThat(asked.from).isEqualTo(mapped(v4));
            assertThat(asked.to).isEqualTo(guest(v4));
            t.guestSends(frame(guest(v4), 22, asked.from, asked.fromPort, WORLD))
                    .runs(MS);
            assertThat(t.os.recvmsg(fd, of(new byte[100]), Socket.MSG_DONTWAIT)).isEqualTo(WORLD.length);
            t.guestGetsNothing().dropped();
            t.os.close(fd);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void connectionsToTheMappedAddressReachTheHostAtTheGuestsOwn(boolean v4) {
        try (var t = TcpScenario.of(TcpScenario.setup().change(TranslationScenarioTest::mapping))) {
            int listener = socket(t.plane.os, v4, Socket.SOCK_STREAM);
            assertThat(t.plane.os.bind(listener, at(guest(v4), 7000))).isZero();
            assertThat(t.plane.os.listen(listener, 8)).isZero();
            TcpTalk c =
                    t.talk(guest(v4), 50_000, mapped(v4), 7000).options(1460, 7).handshake();
            int fd = t.plane.os.accept(listener, new SockAddr());
            assertThat(fd).isNotNegative();
            c.sends(data("hello")).gets(seg("A"));
            assertThat(t.plane.os.recvmsg(fd, of(new byte[100]), Socket.MSG_DONTWAIT))
                    .isEqualTo(HELLO.length);
            t.plane.os.close(fd);
            t.plane.os.close(listener);
            c.runs(MS).takeAll();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void connectionsOfTheHostFromTheGuestsOwnAddressComeFromTheMappedOne(boolean v4) {
        try (var t = TcpScenario.of(TcpScenario.setup().change(TranslationScenarioTest::mapping))) {
            int fd = socket(t.plane.os, v4, Socket.SOCK_STREAM);
            assertThat(t.plane.os.connect(fd, at(guest(v4), 8080))).isIn(0, -Errno.EINPROGRESS);
            t.runs(MS);
            var syn = t.unclaimed().getFirst();
            assertThat(syn.src()).isEqualTo(mapped(v4));
            assertThat(syn.dst()).isEqualTo(guest(v4));
            t.plane.os.close(fd);
            t.runs(MS);
            var ignored = t.unclaimed();
        }
    }

    /** ping(8) of the mapped address is one of the host. */
    @Test
    void echoToTheMappedAddressIsTheHosts() {
        try (var t = PlaneScenario.setup()
                .ip6()
                .change(TranslationScenarioTest::mapping)
                .start()) {
            t.host(GUEST).answersEcho(0);
            t.host(GUEST6).answersEcho(0);
            t.guestPings(mapped(true), 1, 1).guestGetsReply(mapped(true), 1, 1);
            t.guestPings(mapped(false), 1, 1).guestGetsReply(mapped(false), 1, 1);
            t.guestGetsNothing().dropped();
        }
    }
}
