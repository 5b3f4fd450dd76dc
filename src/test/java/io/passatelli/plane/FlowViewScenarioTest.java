package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Mac;
import io.passatelli.flow.FlowView;
import io.passatelli.flow.FlowView.Endpoint;
import io.passatelli.flow.FlowView.Origin;
import io.passatelli.flow.FlowView.Protocol;
import io.passatelli.os.Errno;
import io.passatelli.os.sim.FarUdp;
import io.passatelli.wire.Packets;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;

import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.GUEST6;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.S;
import static io.passatelli.plane.TcpScenario.FAR4;
import static io.passatelli.plane.TcpScenario.bytes;
import static io.passatelli.plane.TcpScenario.far;
import static io.passatelli.plane.TcpScenario.guest;
import static io.passatelli.plane.TcpTalk.ack;
import static io.passatelli.plane.TcpTalk.data;
import static io.passatelli.plane.TcpTalk.seg;
import static org.assertj.core.api.Assertions.assertThat;

/** What {@link PlaneHandle#flows} and {@link PlaneHandle#stats} show, against what the conversations did. */
@Tag("sim")
class FlowViewScenarioTest {
    private static final int MSS = 1460;

    private static FlowViews flows(PlaneScenario t, int most) {
        CompletableFuture<FlowViews> answer = t.plane.handle().flows(most);
        t.runs(0);
        for (int turns = 0; !answer.isDone() && turns < 100; turns++) {
            t.plane.turn(0);
        }
        return answer.join();
    }

    private static FlowView only(PlaneScenario t) {
        FlowViews views = flows(t, 10);
        assertThat(views.total()).isEqualTo(1);
        assertThat(views.first()).hasSize(1);
        return views.first().getFirst();
    }

    private static FlowView only(TcpScenario t) {
        return only(t.plane);
    }

    private static FlowView.Tcp tcp(TcpScenario t) {
        return Objects.requireNonNull(only(t).tcp());
    }

    private static Endpoint end(String address, int port) {
        return new Endpoint(Ip.parse(address), port);
    }

    private static byte[] udp(String from, int fromPort, String to, int toPort, int length) {
        return UdpFrames.frame(from, fromPort, to, toPort, new byte[length]);
    }

    // ---- TCP

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void connectionOfTheGuestShowsItsEndsItsBytesAndItsAge(boolean v4) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected(v4);
            c.runs(2 * S);
            c.sends(data(bytes(1_000))).gets(seg("A").ack(1_001));
            assertThat(c.far().receive()).hasSize(1_000);
            c.farSends(bytes(5_000), 0);
            c.takeAll();
            c.sends(seg("A")).silent();
            c.runs(3 * S);

            FlowView view = only(t);
            assertThat(view.protocol()).isEqualTo(Protocol.TCP);
            assertThat(view.origin()).isEqualTo(Origin.GUEST);
            assertThat(view.guest()).isEqualTo(end(guest(v4), 40_000));
            assertThat(view.far()).isEqualTo(end(far(v4), 80));
            assertThat(view.host()).isEqualTo(view.far());
            assertThat(view.state()).isEqualTo("ESTABLISHED");
            assertThat(view.ageNs()).isBetween(5 * S, 5 * S + 100 * MS);
            assertThat(view.quietNs()).isBetween(3 * S, 3 * S + 50 * MS);
            assertThat(view.bytesToHost()).isEqualTo(1_000);
            assertThat(view.bytesToGuest()).isEqualTo(5_000);
            FlowView.Tcp tcp = Objects.requireNonNull(view.tcp());
            assertThat(tcp.guestWindow()).isEqualTo(65_535 << 7);
            assertThat((long) tcp.ourWindow()).isEqualTo(c.ourEdge() - c.next());
            assertThat(tcp.rttUs()).isBetween(0L, 1_000L);
            assertThat(tcp)
                    .extracting(
                            FlowView.Tcp::inFlight, FlowView.Tcp::stash, FlowView.Tcp::resent, FlowView.Tcp::timeOuts)
                    .containsExactly(0, 0, 0L, 0L);
        }
    }

    @Test
    void connectionOfAPeerIsTheHosts() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.asked();
            FlowView asked = only(t);
            assertThat(asked.state()).isEqualTo("SYN-SENT");
            assertThat(asked.origin()).isEqualTo(Origin.HOST);
            assertThat(asked.guest()).isEqualTo(end(GUEST, TcpScenario.GUEST_PORT));
            assertThat(Objects.requireNonNull(asked.tcp()).rttUs()).isEqualTo(-1);
            assertThat(asked.tcp().inFlight()).as("the SYN").isEqualTo(1);
            c.accepts();
            c.sends(data("x")).gets(seg("A"));
            assertThat(only(t).state()).isEqualTo("ESTABLISHED");
            assertThat(only(t).bytesToHost()).isEqualTo(1);
        }
    }

    @Test
    void loopbackBehindTheGatewaysNameIsShownAsBoth() {
        try (var t = TcpScenario.standard()) {
            t.plane.os.listenFar(Ip.LOOPBACK4, 81);
            t.talk(GUEST, 40_000, GATEWAY, 81).syn().gets(seg("SA"));
            FlowView view = only(t);
            assertThat(view.state()).isEqualTo("SYN-RECEIVED");
            assertThat(view.far()).isEqualTo(end(GATEWAY, 81));
            assertThat(view.host()).isEqualTo(end("127.0.0.1", 81));
        }
    }

    @Test
    void roundTripIsWhatTheGuestTook() {
        try (var t = TcpScenario.standard()) {
            t.listens(true);
            TcpTalk c = t.talk(true).options(MSS, 7).syn().gets(seg("SA"));
            assertThat(tcp(t).rttUs()).isEqualTo(-1);
            c.runs(30 * MS).sends(seg("A"));
            assertThat(tcp(t).rttUs()).isBetween(29_900L, 31_000L);
        }
    }

    @Test
    void segmentThatIsLostIsCountedWhenItGoesAgain() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.farSends(bytes(10 * MSS), 0);
            assertThat(c.takeAll()).hasSize(10);
            assertThat(tcp(t).inFlight()).isEqualTo(10 * MSS);
            assertThat(only(t).bytesToGuest()).isZero();
            c.sends(ack(1 + 2 * MSS)).silent();
            assertThat(tcp(t).inFlight()).isEqualTo(8 * MSS);
            assertThat(only(t).bytesToGuest()).isEqualTo(2 * MSS);
            c.sends(ack(1 + 2 * MSS)).sends(ack(1 + 2 * MSS)).sends(ack(1 + 2 * MSS));
            c.gets(seg("A").seq(1 + 2 * MSS).length(MSS));
            assertThat(tcp(t).resent()).isEqualTo(1);
            assertThat(tcp(t).timeOuts()).isZero();
            c.sends(ack(1 + 10 * MSS)).silentFor(S);
            assertThat(tcp(t).resent()).isEqualTo(1);
            assertThat(tcp(t).inFlight()).isZero();
            assertThat(only(t).bytesToGuest()).as("each byte once").isEqualTo(10 * MSS);
        }
    }

    @Test
    void guestThatDoesNotAnswerMakesTimeOuts() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.farSends(bytes(3 * MSS), 0);
            assertThat(c.takeAll()).hasSize(3);
            List<TcpSegment> again = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                c.runs(50 * MS);
                again.addAll(c.takeAll());
            }
            FlowView.Tcp tcp = tcp(t);
            assertThat(tcp.timeOuts()).isBetween(2L, 3L);
            assertThat(tcp.resent()).isEqualTo(again.size());
            assertThat(again.size())
                    .as("the probe of the tail, and all of it with each")
                    .isGreaterThan(3);
            c.sends(ack(1 + 3 * MSS)).silentFor(S);
            assertThat(only(t).bytesToGuest()).isEqualTo(3 * MSS);
        }
    }

    @Test
    void handshakeThatTheGuestMissesIsRepeatedAndCounted() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.asked().gets(seg("S"));
            c.runs(2_500 * MS);
            assertThat(c.takeAll()).hasSize(2);
            assertThat(tcp(t).resent()).isEqualTo(2);
            assertThat(tcp(t).timeOuts()).isEqualTo(2);
        }
    }

    @Test
    void bytesThatNobodyReadsAreInTheKernelAndTheStash() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] up = bytes(8 << 20);
            int sent = c.fills(up);
            assertThat(sent).isLessThan(up.length);
            FlowView view = only(t);
            FlowView.Tcp tcp = Objects.requireNonNull(view.tcp());
            assertThat(tcp.stash()).isPositive();
            assertThat(view.bytesToHost() + tcp.stash()).isEqualTo(sent);
            assertThat((long) tcp.ourWindow()).isEqualTo(c.ourEdge() - c.next());
            c.takeAll();
        }
    }

    @Test
    void statesOfALifeThatTheGuestEnds() {
        try (var t = TcpScenario.standard()) {
            t.plane.host(FAR4).away(50 * MS);
            var listener = t.listens(true);
            TcpTalk c = t.talk(true).options(MSS, 7).syn();
            assertThat(only(t).state()).isEqualTo("SYN-RECEIVED, host is asked");
            c.runs(100 * MS).gets(seg("SA"));
            assertThat(only(t).state()).isEqualTo("SYN-RECEIVED");
            c.sends(seg("A")).runs(100 * MS);
            assertThat(only(t).state()).isEqualTo("ESTABLISHED");
            c.far(Objects.requireNonNull(listener.accept()));
            c.sends(seg("FA")).gets(seg("A").ack(2));
            assertThat(only(t).state()).isEqualTo("CLOSE-WAIT");
            assertThat(tcp(t).ourWindow()).as("there is nothing more to send").isZero();
            c.runs(100 * MS).far().shutdownWrite();
            c.runs(100 * MS).gets(seg("FA"));
            assertThat(only(t).state()).isEqualTo("LAST-ACK");
            c.sends(seg("A")).silent();
            assertThat(flows(t.plane, 10).total()).isZero();
        }
    }

    @Test
    void statesOfALifeThatTheHostEnds() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.far().sendAll(bytes(10)).shutdownWrite();
            t.runs(0);
            assertThat(c.takeAll()).hasSizeBetween(1, 2);
            assertThat(only(t).state()).isEqualTo("FIN-WAIT-1");
            c.sends(ack(11)).silent();
            assertThat(only(t).state()).isEqualTo("FIN-WAIT-1");
            c.runs(250 * MS).gets(seg("FA").seq(11));
            assertThat(tcp(t).resent()).as("the FIN").isEqualTo(1);
            c.sends(seg("A")).silent();
            assertThat(only(t).state()).isEqualTo("FIN-WAIT-2");
            assertThat(only(t).bytesToGuest()).as("a FIN is no byte").isEqualTo(10);
            c.sends(data("more")).gets(seg("A"));
            assertThat(only(t).state()).isEqualTo("FIN-WAIT-2");
            assertThat(only(t).bytesToHost()).isEqualTo(4);
            c.sends(seg("FA")).gets(seg("A"));
            assertThat(flows(t.plane, 10).first()).isEmpty();
        }
    }

    @Test
    void finThatTheLinkHasNoRoomForWaits() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            t.plane.link.guestStopsAfter(0, 0);
            c.far().shutdownWrite();
            c.silent();
            assertThat(only(t).state()).isEqualTo("ESTABLISHED, host's FIN waits");
            t.plane.link.guestReads(0);
            c.runs(0).gets(seg("FA"));
            assertThat(only(t).state()).isEqualTo("FIN-WAIT-1");
            c.sends(seg("A"));
        }
    }

    @Test
    void guestsFinBehindAStashWaits() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.fills(bytes(8 << 20));
            c.takeAll();
            c.sends(seg("FA"));
            c.takeAll();
            assertThat(only(t).state()).isEqualTo("CLOSE-WAIT, guest's FIN waits");
            while (c.far().receive().length > 0) {
                t.runs(MS);
            }
            c.takeAll();
            assertThat(only(t).state()).isEqualTo("CLOSE-WAIT");
            assertThat(tcp(t).stash()).isZero();
        }
    }

    /** Flows are pooled: what one counted is not the next one's. */
    @Test
    void nextConnectionCountsFromNothing() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.farSends(bytes(MSS), 0);
            c.takeAll();
            c.runs(S).takeAll();
            assertThat(tcp(t).resent()).isPositive();
            c.sends(seg("RA").seq(1)).silent();
            assertThat(flows(t.plane, 10).total()).isZero();
            t.connected();
            FlowView view = only(t);
            assertThat(view.guest().port()).isEqualTo(40_001);
            assertThat(view.ageNs()).isLessThan(S);
            assertThat(view.bytesToGuest()).isZero();
            assertThat(tcp(t).resent() + tcp(t).timeOuts()).isZero();
        }
    }

    // ---- UDP

    @Test
    void datagramsOfTheGuestAreAStreamOnceBothHaveSpoken() {
        try (var t = PlaneScenario.standard()) {
            FarUdp server = t.host(FAR4).udp(53);
            t.guestSends(udp(GUEST, 4_000, FAR4, 53, 100)).runs(2 * S);
            FlowView first = only(t);
            assertThat(first.protocol()).isEqualTo(Protocol.UDP);
            assertThat(first.origin()).isEqualTo(Origin.GUEST);
            assertThat(first.guest()).isEqualTo(end(GUEST, 4_000));
            assertThat(first.far()).isEqualTo(end(FAR4, 53));
            assertThat(first.host()).isEqualTo(end(FAR4, 53));
            assertThat(first.state()).isEqualTo("single");
            assertThat(first.tcp()).isNull();
            assertThat(first.quietNs()).isBetween(2 * S, 2 * S + 50 * MS);
            server.reply(new byte[3_000]); // in fragments to the guest
            t.runs(MS);
            t.guestSends(udp(GUEST, 4_000, FAR4, 53, 11))
                    .guestSends(udp(GUEST, 4_000, FAR4, 53, 0))
                    .runs(MS);
            FlowView second = only(t);
            assertThat(second.state()).isEqualTo("stream");
            assertThat(second.bytesToHost()).isEqualTo(111);
            assertThat(second.bytesToGuest()).isEqualTo(3_000);
            assertThat(second.ageNs()).isBetween(2 * S, 3 * S);
            assertThat(second.quietNs()).isLessThan(10 * MS);
            assertThat(t.link.seen()).hasSize(3);
        }
    }

    @Test
    void datagramThatTheLinkHasNoRoomForIsNotTheGuestsYet() {
        try (var t = PlaneScenario.standard()) {
            FarUdp server = t.host(FAR4).udp(53);
            t.guestSends(udp(GUEST, 4_000, FAR4, 53, 1)).runs(MS);
            t.link.guestStopsAfter(0, 1);
            server.reply(new byte[10]);
            server.reply(new byte[20]);
            t.runs(MS);
            assertThat(only(t).bytesToGuest()).isEqualTo(10);
            t.link.guestReads(0);
            t.runs(MS);
            assertThat(only(t).bytesToGuest()).isEqualTo(30);
        }
    }

    @Test
    void datagramsOfAPeerAreTheHosts() {
        try (var t = PlaneScenario.setup()
                .change(config -> config.forwards(List.of(LoopbackPlane.forward(8_053, 53))))
                .start()) {
            FarUdp peer = t.host("198.51.100.7").udp(999);
            peer.send(Ip.parse(GUEST), 8_053, new byte[7]);
            t.runs(MS);
            FlowView view = only(t);
            assertThat(view.origin()).isEqualTo(Origin.HOST);
            assertThat(view.guest()).isEqualTo(end(GUEST, 53));
            assertThat(view.far()).isEqualTo(end("198.51.100.7", 999));
            assertThat(view.bytesToGuest()).isEqualTo(7);
            assertThat(view.bytesToHost()).isZero();
        }
    }

    // ---- echo

    @ParameterizedTest
    @ValueSource(strings = {FAR4, "2001:db8::7"})
    void echoesShowTheirDataBothWays(String far) {
        try (var t = PlaneScenario.setup().ip6().start()) {
            t.host(far).answersEcho(3 * MS);
            t.guestPings(far, 0x1234, 1).runs(5 * MS).guestPings(far, 0x1234, 2, new byte[100]);
            FlowView view = only(t);
            assertThat(view.protocol()).isEqualTo(Protocol.ICMP);
            assertThat(view.origin()).isEqualTo(Origin.GUEST);
            assertThat(view.guest().port()).isEqualTo(0x1234);
            assertThat(view.far()).isEqualTo(end(far, 0));
            assertThat(view.state()).isEqualTo("echo");
            assertThat(view.bytesToHost()).isEqualTo(108);
            assertThat(view.bytesToGuest()).isEqualTo(8);
            t.runs(S);
            assertThat(only(t).bytesToGuest()).isEqualTo(108);
            assertThat(only(t).quietNs()).isBetween(S, S + 10 * MS);
            assertThat(t.link.seen()).hasSize(2);
        }
    }

    // ---- lists

    private static PlaneScenario withUdpFlows(int count) {
        PlaneScenario t = PlaneScenario.standard();
        t.host(FAR4).udp(53);
        for (int i = 0; i < count; i++) {
            t.guestSends(udp(GUEST, 1_024 + i, FAR4, 53, 1));
        }
        return t.runs(MS);
    }

    @Test
    void longListIsMadeInSlicesInTheOrderOfTheTable() {
        int count = 3 * Limits.FLOW_VIEWS_PER_TURN + 1;
        try (var t = withUdpFlows(count)) {
            CompletableFuture<FlowViews> answer = t.plane.handle().flows(Limits.FLOW_VIEWS);
            t.plane.turn(0); // takes the question
            for (int slice = 0; slice < 4; slice++) {
                assertThat(answer).as("after slice %s", slice).isNotDone();
                t.plane.turn(0);
            }
            FlowViews views = answer.join();
            assertThat(views.total()).isEqualTo(count);
            assertThat(views.first()).hasSize(count);
            for (int i = 0; i < count; i++) {
                assertThat(views.first().get(i).guest().port()).isEqualTo(1_024 + i);
            }
            assertThat(t.plane.handle().flows(0).isDone()).isFalse();
        }
    }

    @Test
    void noMoreAreShownThanWereAskedForAndAllAreCounted() {
        try (var t = withUdpFlows(400)) {
            assertThat(flows(t, 3).first()).hasSize(3);
            assertThat(flows(t, 3).total()).isEqualTo(400);
            assertThat(flows(t, 300).first()).hasSize(300);
            assertThat(flows(t, 0).first()).isEmpty();
            assertThat(flows(t, 0).total()).isEqualTo(400);
            assertThat(flows(t, -1).total()).isEqualTo(400);
        }
    }

    /** A list that is being made is of those that are there when it comes to them. */
    @Test
    void flowsThatEndMeanwhileDoNotDisturb() {
        try (var t = withUdpFlows(600)) {
            CompletableFuture<FlowViews> answer = t.plane.handle().flows(1_000);
            t.plane.turn(0);
            t.plane.turn(0);
            assertThat(answer).isNotDone();
            t.runs(60 * S); // all end
            assertThat(answer.join().first()).hasSizeGreaterThanOrEqualTo(Limits.FLOW_VIEWS_PER_TURN);
            assertThat(flows(t, 10).total()).isZero();
        }
    }

    @Test
    void tooManyListsAtOnceAreRefusedAndWhoGivesUpLeavesItsPlace() {
        try (var t = withUdpFlows(600)) {
            List<CompletableFuture<FlowViews>> answers = new ArrayList<>();
            for (int i = 0; i <= Limits.FLOW_LISTS; i++) {
                answers.add(t.plane.handle().flows(1_000));
            }
            t.plane.turn(0);
            assertThat(answers.getLast())
                    .failsWithin(java.time.Duration.ZERO)
                    .withThrowableThat()
                    .withMessageContaining("the plane is making " + Limits.FLOW_LISTS + " lists of flows already");
            assertThat(answers.getFirst().cancel(true)).isTrue();
            for (int i = 0; i < 3 * Limits.FLOW_LISTS + 1; i++) {
                t.plane.turn(0);
            }
            for (int i = 1; i < Limits.FLOW_LISTS; i++) {
                assertThat(answers.get(i).join().first()).hasSize(600);
            }
        }
    }

    @Test
    void endOfThePlaneAnswersWhoStillWaits() {
        PlaneScenario t = withUdpFlows(600);
        CompletableFuture<FlowViews> begun = t.plane.handle().flows(1_000);
        t.plane.turn(0);
        CompletableFuture<FlowViews> waiting = t.plane.handle().flows(1_000);
        t.close();
        for (var answer : List.of(begun, waiting, t.plane.handle().flows(1))) {
            assertThat(answer)
                    .failsWithin(java.time.Duration.ZERO)
                    .withThrowableThat()
                    .withMessageContaining("the plane has ended");
        }
    }

    // ---- statistics

    @Test
    void statisticsTellOfFlowsConnectionsListenersAndTheGuest() {
        try (var t = TcpScenario.standard()) {
            PlaneStats before = t.plane.stats();
            assertThat(before.guest().mac()).isNull();
            assertThat(before.guest().assigned()).containsExactly(Ip.parse(GUEST), Ip.parse(GUEST6));
            assertThat(before.listeners()).as("one for both families").isEqualTo(1);
            assertThat(before.link()).isEqualTo(new PlaneStats.LinkState("other", 1_500, 1, 65_535));

            TcpTalk c = t.connected();
            t.accepted();
            t.plane.host("192.0.2.99").fails(Errno.ECONNREFUSED, 0);
            t.talk(GUEST, 39_999, "192.0.2.99", 80).syn().gets(seg("RA"));
            t.plane.host(FAR4).udp(53);
            t.plane.guestSends(udp(GUEST, 4_000, FAR4, 53, 1)).runs(MS);
            t.plane.host(FAR4).silent();
            t.plane.guestPings(FAR4, 1, 1);
            t.runs(7 * S);

            PlaneStats stats = t.plane.stats();
            assertThat(stats.uptimeNs()).isBetween(7 * S, 8 * S);
            assertThat(stats.flows()).isEqualTo(4);
            assertThat(stats.flowCounts()).isEqualTo(new PlaneStats.FlowCounts(2, 1, 1));
            assertThat(stats.connections()).isEqualTo(new PlaneStats.Connections(2, 1, 2, 1, 0, 0));
            assertThat(stats.guest().mac()).isEqualTo(Mac.parse(Packets.GUEST_MAC));
            assertThat(stats.guest().seen()).containsExactly(Ip.parse(GUEST), Ip.parse(GUEST6));

            c.sends(seg("RA")).silent();
            t.plane.as("10.77.0.9").guestPings(FAR4, 1, 1);
            PlaneStats after = t.plane.stats();
            assertThat(after.connections().resetByGuest()).isEqualTo(1);
            assertThat(after.flowCounts().tcp()).isEqualTo(1);
            assertThat(after.guest().seen()).containsExactly(Ip.parse("10.77.0.9"), Ip.parse(GUEST6));
            assertThat(after.guest().assigned()).containsExactly(Ip.parse(GUEST), Ip.parse(GUEST6));
            assertThat(t.plane.count(Drop.TCP_CONNECT_FAILED)).isEqualTo(1);
        }
    }
}
