package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.config.HostSide;
import io.passatelli.link.Caps;
import io.passatelli.link.SimLink;
import io.passatelli.os.Errno;
import io.passatelli.os.sim.SimSettings;
import io.passatelli.os.sim.StreamPeer;
import io.passatelli.wire.Offload;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.S;
import static io.passatelli.plane.TcpScenario.HOST_PORT;
import static io.passatelli.plane.TcpScenario.bytes;
import static io.passatelli.plane.TcpTalk.data;
import static io.passatelli.plane.TcpTalk.seg;
import static org.assertj.core.api.Assertions.assertThat;

/** TCP and what is around it: the link that goes and comes, tables and descriptors that are full, another network, links that cut up bursts. */
@Tag("sim")
class TcpPlaneScenarioTest {
    // ---- the link

    @Test
    void connectionsOutliveTheLink() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(data("before")).gets(seg("A"));
            t.plane.link.guestLeaves(0);
            t.runs(S);
            byte[] down = bytes(20_000);
            int sent = c.farSends(down, 0);
            c.silentFor(20 * S);
            t.hasFlows(1);
            t.plane.link.guestComes();
            t.runs(0);
            for (int i = 0; c.received().length < down.length; i++) {
                assertThat(i).isLessThan(100);
                sent = c.farSends(down, sent);
                c.takeAll();
                c.sends(seg("A"));
            }
            assertThat(c.received()).isEqualTo(down);
            c.sends(data("after")).gets(seg("A"));
            assertThat(c.far().receive()).isEqualTo("beforeafter".getBytes(StandardCharsets.US_ASCII));
            c.silentFor(S);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void whatWasInFlightGoesAgainOnANewLink(boolean reset) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] down = bytes(10_000);
            c.farSends(down, 0);
            assertThat(c.takeAll()).hasSize(7);
            if (reset) {
                t.plane.link.guestResets(0);
            } else {
                t.plane.link.guestLeaves(Errno.ECONNRESET);
                t.runs(MS);
                t.plane.link.guestComes();
            }
            t.runs(0);
            List<TcpSegment> again = c.takeAll();
            assertThat(again).hasSize(7);
            assertThat(again.getFirst().seq() - c.ourStart()).isEqualTo(1);
            c.sends(seg("A")).silentFor(5 * S);
            assertThat(c.received()).isEqualTo(down);
        }
    }

    @Test
    void guestThatCameAnewEndsWhatTheOldOneHad() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.farSends(bytes(10_000), 0);
            c.takeAll();
            t.plane.link.guestLeaves(Errno.ECONNRESET);
            t.runs(MS);
            t.plane.link.guestComes();
            t.runs(0);
            TcpSegment first = c.takeAll().getFirst();
            c.sends(seg("R").seq(first.ack() - c.guestStart())).silent();
            assertThat(c.far().wasReset()).isTrue();
            t.hasFlows(0);
        }
    }

    @Test
    void withoutGuestHostsAreReset() {
        try (var t = TcpScenario.standard()) {
            t.plane.link.guestLeaves(0);
            t.runs(MS);
            StreamPeer peer = t.plane.os.connectTcp(Ip.parse(GUEST), HOST_PORT);
            t.runs(MS);
            assertThat(peer.wasReset()).isTrue();
            t.hasFlows(0);
            assertThat(t.plane.count(Drop.TCP_NO_GUEST)).isEqualTo(1);
        }
    }

    @Test
    void handshakesGoOnWhenTheLinkIsBack() {
        try (var t = TcpScenario.standard()) {
            t.listens(true);
            TcpTalk out = t.talk(true).options(1460, 7).syn().gets(seg("SA"));
            TcpTalk in = t.asked().options(1460, 7).gets(seg("S"));
            t.plane.link.guestLeaves(0);
            t.runs(1500 * MS);
            t.plane.link.guestComes();
            t.runs(1600 * MS);
            assertThat(out.takeAll()).isNotEmpty();
            assertThat(in.takeAll()).isNotEmpty();
            out.sends(seg("A")).sends(data("x")).gets(seg("A"));
            in.sends(seg("SA").options("020405b401030307")).gets(seg("A"));
            t.hasFlows(2);
        }
    }

    /** A guest that only listens would learn of it by nothing else. */
    @Test
    void resetThatFoundTheLinkFullComesLater() {
        try (var t = TcpScenario.standard()) {
            TcpTalk a = t.connected();
            TcpTalk b = t.connected();
            t.plane.link.guestStopsAfter(0, 0);
            a.far().reset();
            b.far().reset();
            t.runs(MS);
            t.hasFlows(0);
            a.silent();
            t.plane.link.guestReads(0);
            t.runs(MS);
            a.gets(seg("RA").seq(1)).silent();
            b.gets(seg("RA").seq(1)).silent();
        }
    }

    @Test
    void resetWhileNoGuestIsThereComesWhenOneIs() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            t.plane.link.guestLeaves(0);
            t.runs(MS);
            c.far().reset();
            t.runs(MS);
            t.hasFlows(0);
            t.plane.link.guestComes();
            t.runs(MS);
            c.gets(seg("RA").seq(1)).silent();
        }
    }

    @Test
    void lastAcknowledgmentWaitsForTheLinkToo() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.far().shutdownWrite();
            c.runs(0).gets(seg("FA"));
            t.plane.link.guestStopsAfter(0, 0);
            c.sends(seg("FA")).silent();
            t.plane.link.guestReads(0);
            c.runs(MS).gets(seg("A").ack(2)).silent();
            t.hasFlows(0);
        }
    }

    @Test
    void linkThatTakesOneFrameAtATimeCarriesEverything() {
        try (var t = TcpScenario.of(
                TcpScenario.setup().link(new SimLink(SimLink.plain().caps(), 7)))) {
            TcpTalk c = begun(t);
            byte[] down = bytes(300_000);
            int sent = 0;
            for (int i = 0; c.received().length < down.length; i++) {
                assertThat(i).isLessThan(10_000);
                sent = c.farSends(down, sent);
                c.takeAll();
                c.sends(seg("A"));
            }
            assertThat(c.received()).isEqualTo(down);
            c.runs(S).takeAll();
        }
    }

    private static TcpTalk begun(TcpScenario t) {
        t.listens(true);
        TcpTalk c = t.talk(true).options(1460, 7).syn();
        t.runs(10 * MS);
        c.gets(seg("SA")).sends(seg("A"));
        t.runs(10 * MS);
        return c.far(Objects.requireNonNull(t.listens(true).accept()));
    }

    // ---- bursts

    private static SimLink offloading(boolean v4) {
        var all = new Caps.Offloads(true, v4, !v4, false);
        return new SimLink(new Caps(1, 65_535, true, all, all));
    }

    /** A frame as long as IP allows, of whole segments, that the guest's kernel cuts up; checksums are its affair. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void linkThatCutsUpGetsBursts(boolean v4) {
        try (var t = TcpScenario.of(TcpScenario.setup().link(offloading(v4)))) {
            TcpTalk c = t.connect(t.talk(v4).options(1400, 7));
            c.options(65_495, 7); // as they look uncut
            byte[] down = bytes(150_000);
            assertThat(c.far().send(down)).isGreaterThan(65_535);
            t.runs(0);
            var frames = new ArrayList<>(t.plane.link.seen());
            var first = frames.getFirst();
            int headers = v4 ? 54 : 74;
            int payload = first.bytes.length - headers;
            assertThat(payload).isGreaterThan(40_000);
            assertThat(payload % 1400).isZero();
            assertThat(first.offload.gsoSize).isEqualTo(1400);
            frames.forEach(f -> assertThat(f.offload.flags & Offload.NEEDS_CSUM).isOne());
            c.takeAll();
            assertThat(down).startsWith(c.received());
            c.sends(seg("A"));
            c.runs(S).takeAll();
        }
    }

    /** As a guest's kernel sends where its card cuts them up: the checksum is nobody's yet. */
    @Test
    void burstsOfTheGuestAreTakenWhole() {
        try (var t = TcpScenario.of(TcpScenario.setup().link(offloading(true)))) {
            TcpTalk c = t.connect(t.talk(true).options(1460, 7));
            byte[] up = bytes(40_000);
            byte[] frame = c.made(data(up)).fromGuest();
            frame[50] ^= 0x55;
            var offload = new Offload();
            offload.flags = Offload.NEEDS_CSUM;
            offload.gsoType = Offload.GSO_TCPV4;
            offload.gsoSize = 1460;
            offload.csumStart = 34;
            offload.csumOffset = 16;
            t.plane.link.guestSends(0, frame, offload);
            t.runs(0);
            c.gets(seg("A").ack(40_001));
            assertThat(c.far().receive()).isEqualTo(up);
            t.plane.dropped();
        }
    }

    @Test
    void linkThatSumsUpButDoesNotCutGetsSegments() {
        var csum = new Caps.Offloads(true, false, false, false);
        var link = new SimLink(new Caps(1, 65_535, true, csum, Caps.Offloads.NONE));
        try (var t = TcpScenario.of(TcpScenario.setup().link(link))) {
            TcpTalk c = t.connected();
            c.farSends(bytes(5000), 0);
            List<TcpSegment> got = c.takeAll();
            assertThat(got).hasSize(4);
            assertThat(c.received()).isEqualTo(bytes(5000));
            c.sends(seg("A"));
        }
    }

    @Test
    void lossyLinkGetsNoMoreFramesThanItHolds() {
        var link = new SimLink(new Caps(1, 65_535, false, Caps.Offloads.NONE, Caps.Offloads.NONE));
        try (var t = TcpScenario.of(TcpScenario.setup().link(link))) {
            List<TcpTalk> all = new ArrayList<>();
            for (int i = 0; i < 8; i++) {
                TcpTalk c = t.connected();
                all.add(c);
                c.farSends(bytes(200_000), 0);
            }
            int frames = 0;
            for (TcpTalk c : all) {
                frames += c.takeAll().size();
            }
            assertThat(frames).isBetween(200, 256 + 8 * 3); // each may have one, and short ones
            for (int i = 0; i < 200; i++) {
                for (TcpTalk c : all) {
                    c.takeAll();
                    c.sends(seg("A"));
                }
            }
            for (TcpTalk c : all) {
                c.takeAll();
                assertThat(c.received().length).isGreaterThan(100_000);
            }
        }
    }

    // ---- what is full

    @Test
    void withoutDescriptorsTheGuestIsNotAnsweredUntilThereAreSome() {
        try (var t = TcpScenario.of(TcpScenario.setup()
                .settings(SimSettings.standard().withOpenFiles(64))
                .openFiles(1_000_000))) {
            List<TcpTalk> all = new ArrayList<>();
            t.listens(true);
            while (t.plane.count(Drop.DESCRIPTORS_EXHAUSTED) == 0) {
                TcpTalk c = t.talk(true).options(1460, 7).syn();
                t.sort();
                if (!c.inbox.isEmpty()) {
                    c.gets(seg("SA")).sends(seg("A"));
                }
                all.add(c);
                assertThat(all).hasSizeLessThan(64);
            }
            TcpTalk last = all.removeLast().silentFor(S);
            t.hasFlows(all.size());
            all.getFirst().sends(seg("R"));
            last.sends(seg("S").seq(0).options("020405b401030307"))
                    .gets(seg("SA"))
                    .sends(seg("A"));
            last.sends(data("x")).gets(seg("A"));
        }
    }

    @Test
    void hostsThatComeWhileThereAreNoDescriptorsWaitWithoutBusyTurns() {
        try (var t = TcpScenario.of(TcpScenario.setup()
                .settings(SimSettings.standard().withOpenFiles(64))
                .openFiles(1_000_000))) {
            t.listens(true);
            List<TcpTalk> all = new ArrayList<>();
            while (t.plane.os.openDescriptors() < 61) {
                all.add(t.connected());
            }
            StreamPeer peer = t.plane.os.connectTcp(Ip.parse(GUEST), HOST_PORT);
            t.runs(MS);
            int turns = t.calls("epollWait");
            t.runs(10 * S);
            assertThat(t.calls("epollWait") - turns).isLessThan(10 * 30);
            all.getFirst().sends(seg("R"));
            t.runs(S);
            assertThat(t.unclaimed()).hasSizeBetween(1, 2).allMatch(s -> s.flags() == TcpSegment.SYN);
            peer.close();
            t.runs(0);
            t.unclaimed();
        }
    }

    @Test
    void fewDescriptorsMeanFewFlowsAndEachSideHasItsShare() {
        try (var t = TcpScenario.of(TcpScenario.setup().openFiles(40))) {
            t.listens(true);
            List<TcpTalk> all = new ArrayList<>();
            for (int i = 0; i < 40; i++) {
                TcpTalk c = t.talk(true).options(1460, 7).syn();
                t.sort();
                if (!c.inbox.isEmpty()) {
                    all.add(c.gets(seg("SA")).sends(seg("A")));
                }
            }
            assertThat(all).hasSizeBetween(5, 20);
            assertThat(t.plane.count(Drop.FLOW_TABLE_FULL)).isEqualTo(40 - all.size());
            TcpTalk in = t.accepted();
            in.sends(data("there is a place left")).gets(seg("A"));
        }
    }

    // ---- another network

    @Test
    void connectionsOutliveAChangeOfTheHostsNetwork() {
        try (var t = TcpScenario.standard()) {
            TcpTalk far = t.connected();
            t.plane.os.listenFar(Ip.parse("127.0.0.1"), 81);
            TcpTalk near = t.talk(GUEST, 50_000, GATEWAY, 81).options(1460, 7).handshake();
            var next = t.plane.config.host4(HostSide.mapping(Ip.parse("10.77.0.9")));
            assertThat(t.plane.plane.handle().adopt(next)).isTrue();
            t.runs(MS);
            far.sends(data("x")).gets(seg("A"));
            far.farSends(bytes(100), 0);
            far.gets(data(bytes(100))).sends(seg("A"));
            near.sends(data("y")).gets(seg("A"));
            t.hasFlows(2);
            t.talk(GUEST, 50_001, "10.77.0.9", 81).options(1460, 7).handshake();
            t.hasFlows(3);
        }
    }

    @Test
    void forwardsThatGoLeaveTheirConnections() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.accepted();
            var states = t.plane.plane.handle().replaceForwards(List.of());
            t.runs(MS);
            assertThat(states).isCompletedWithValue(List.of());
            c.sends(data("x")).gets(seg("A"));
            assertThat(c.far().receive()).isEqualTo(new byte[] {'x'});
            StreamPeer late = t.plane.os.connectTcp(Ip.parse(GUEST), HOST_PORT);
            t.runs(MS);
            assertThat(late.peek()).isEqualTo(-Errno.ECONNREFUSED);
        }
    }

    @Test
    void endOfThePlaneEndsConnections() {
        var t = TcpScenario.standard();
        TcpTalk c = t.connected();
        c.sends(data("x")).gets(seg("A"));
        c.farSends(bytes(5000), 0);
        c.takeAll();
        t.close();
        assertThat(c.far().receive()).isEqualTo(new byte[] {'x'});
    }

    // ---- resolvers

    @Test
    void resolverBehindTheForwardAddressIsReachedOverTcp() {
        HostSide side = new HostSide(Ip.parse(GATEWAY), null, null, 0, Ip.parse("10.77.0.53"), Ip.parse("192.0.2.53"));
        try (var t = TcpScenario.of(TcpScenario.setup().change(c -> c.host4(side)))) {
            var resolver = t.listens("192.0.2.53", 53);
            TcpTalk c = t.talk(GUEST, 50_000, "10.77.0.53", 53).options(1460, 7).handshake();
            assertThat(resolver.accept()).isNotNull();
            c.sends(data("query")).gets(seg("A"));
        }
    }
}
