package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.config.HostSide;
import io.passatelli.config.Service;
import io.passatelli.os.Errno;
import io.passatelli.os.sim.FarListener;
import io.passatelli.os.sim.FarTcp;
import io.passatelli.os.sim.FarTcpPort;
import io.passatelli.os.sim.StreamPeer;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;

import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.S;
import static io.passatelli.plane.TcpScenario.FAR4;
import static io.passatelli.plane.TcpScenario.FAR_PORT;
import static io.passatelli.plane.TcpScenario.HOST_PORT;
import static io.passatelli.plane.TcpScenario.bytes;
import static io.passatelli.plane.TcpScenario.far;
import static io.passatelli.plane.TcpTalk.data;
import static io.passatelli.plane.TcpTalk.seg;
import static io.passatelli.wire.TcpSegment.ACK;
import static io.passatelli.wire.TcpSegment.RST;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

/** How connections begin, from either side, and how they fail to. */
@Tag("sim")
class TcpHandshakeScenarioTest {
    private static void assertRefused(TcpTalk c) {
        TcpSegment reset = c.take();
        assertThat(reset.flags()).isEqualTo(RST | ACK);
        assertThat(reset.ack()).as("acknowledges the SYN").isEqualTo(c.guestStart() + 1);
        c.silent();
    }

    // ---- the guest asks

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void guestIsConnectedOnlyOnceTheHostIs(boolean v4) {
        try (var t = TcpScenario.standard()) {
            t.plane.host(far(v4)).away(50 * MS);
            FarListener listener = t.listens(v4);
            TcpTalk c = t.talk(v4).options(1460, 7).syn().silentFor(45 * MS);
            TcpSegment answer = c.runs(60 * MS).take(seg("SA").seq(0).ack(1));
            assertThat(answer.window()).isBetween(1, 65_535);
            c.sends(seg("A")).silentFor(100 * MS);
            assertThat(listener.accept()).isNotNull();
            assertThat(listener.accept()).isNull();
            t.hasFlows(1).plane.dropped();
        }
    }

    @ParameterizedTest
    @CsvSource({"true, 1500, 1460", "false, 1500, 1440", "true, 9000, 8960", "false, 65520, 65460", "true, 576, 536"})
    void optionsAreTheMtusMssScaleAndSackIfTheGuestHasIt(boolean v4, int mtu, int mss) {
        try (var t = TcpScenario.of(TcpScenario.setup().mtu(mtu))) {
            t.listens(v4);
            String expected = "0204%04x".formatted(mss);
            t.talk(v4)
                    .options(1460, 7)
                    .syn()
                    .gets(seg("SA").options(expected + "01030308"))
                    .sends(seg("A"));
            t.talk(v4)
                    .options(1460, 7)
                    .sacks()
                    .syn()
                    .gets(seg("SA").options(expected + "0101040201030308"))
                    .sends(seg("A"));
            if (v4) {
                t.asked()
                        .gets(seg("S").options(expected + "0101040201030308"))
                        .sends(seg("RA"))
                        .silent();
            }
        }
    }

    @Test
    void guestsRetriesAreNoSecondConnection() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.talk(true).options(1460, 7).syn();
            int sockets = t.calls("socket");
            for (int i = 0; i < 4; i++) {
                c.runs(S).sends(seg("S").seq(0).options("020405b401030307")).silent();
            }
            assertThat(t.calls("connect")).isEqualTo(1);
            assertThat(t.calls("socket")).isEqualTo(sockets);
            assertThat(t.plane.count(Drop.TCP_SYN_AGAIN)).isEqualTo(4);
            t.hasFlows(1);
        }
    }

    /** Its socket speaks for an address that is no more. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void connectionThatNobodyAnsweredBeginsAnewWhenTheHostHasMoved(boolean v4) {
        try (var t = TcpScenario.standard()) {
            TcpTalk open = t.connected(v4);
            t.plane.host(far(v4)).away(50 * MS);
            TcpTalk c = t.talk(v4).options(1460, 7).syn().silentFor(MS);
            assertThat(t.calls("connect")).isEqualTo(2);
            Ip moved = Ip.parse(v4 ? "10.77.0.44" : "fd77::44");
            HostSide side = new HostSide(null, null, null, 0, null, null, moved);
            t.plane.plane.adopt(v4 ? t.plane.config.host4(side) : t.plane.config.host6(side));
            t.hasFlows(1);
            c.silentFor(500 * MS);
            c.sends(seg("S").seq(0).options("020405b401030307")).runs(200 * MS);
            assertThat(t.calls("connect")).isEqualTo(3);
            c.take(seg("SA").seq(0).ack(1));
            c.sends(seg("A"));
            open.sends(data("x")).gets(seg("A"));
            t.hasFlows(2);
        }
    }

    /** What moved is of the other family. */
    @Test
    void connectionThatNobodyAnsweredGoesOnWhenItsWayIsTheSame() {
        try (var t = TcpScenario.standard()) {
            t.plane.host(FAR4).away(50 * MS);
            t.listens(true);
            TcpTalk c = t.talk(true).options(1460, 7).syn().silentFor(MS);
            HostSide side = new HostSide(null, null, null, 0, null, null, Ip.parse("fd77::44"));
            t.plane.plane.adopt(t.plane.config.host6(side));
            c.runs(200 * MS).take(seg("SA").seq(0).ack(1));
            c.sends(seg("A"));
            assertThat(t.calls("connect")).isEqualTo(1);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void refusalIsAResetAtOnce(boolean v4) {
        try (var t = TcpScenario.standard()) {
            t.plane.host(far(v4)).fails(Errno.ECONNREFUSED, 0);
            TcpTalk c = t.talk(v4).syn();
            assertRefused(c);
            t.hasFlows(0);
            assertThat(t.plane.count(Drop.TCP_CONNECT_FAILED)).isEqualTo(1);
        }
    }

    @Test
    void loopbackThatRefusesDoesSoBehindTheGatewaysAddress() {
        try (var t = TcpScenario.standard()) {
            assertRefused(t.talk(GUEST, 40_000, GATEWAY, 81).syn());
            t.hasFlows(0);
        }
    }

    @Test
    void withoutRouteTheResetComesAtOnce() {
        try (var t = TcpScenario.standard()) {
            t.plane.host(FAR4).unreachable(Errno.ENETUNREACH);
            assertRefused(t.talk(true).syn());
            t.hasFlows(0);
        }
    }

    @ParameterizedTest
    @CsvSource({"113, 3", "110, 127"}) // EHOSTUNREACH, ETIMEDOUT
    void failureThatComesLateIsAResetThen(int errno, int seconds) {
        try (var t = TcpScenario.standard()) {
            t.plane.host(FAR4).fails(errno, seconds * S);
            TcpTalk c = t.talk(true).syn().silentFor(seconds * S - MS);
            assertRefused(c.runs(2 * MS));
            t.hasFlows(0);
        }
    }

    @Test
    void hostWithAFullBacklogIsWaitedForAsItsKernelDoes() {
        try (var t = TcpScenario.standard()) {
            FarTcpPort port = t.plane.host(FAR4).listen(FAR_PORT).acceptsNothing(0);
            TcpTalk first = t.talk(true).syn().gets(seg("SA")).sends(seg("A"));
            TcpTalk second = t.talk(true).syn().silentFor(900 * MS);
            second.sends(seg("S").seq(0)).silentFor(3 * S);
            assertThat(t.calls("connect")).isEqualTo(2);
            t.hasFlows(2);
            port.close();
            first.runs(0).gets(seg("RA").seq(1));
            assertRefused(second.runs(10 * S));
            t.hasFlows(0);
        }
    }

    private static byte[] bytes(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
    }

    @Test
    void connectThatFinishesAtOnceIsAnsweredAtOnce() {
        try (var t = TcpScenario.standard()) {
            t.plane.os.listenFar(Ip.parse("127.0.0.1"), 81);
            t.talk(GUEST, 40_000, GATEWAY, 81).syn().gets(seg("SA").ack(1)).sends(seg("A"));
            t.hasFlows(1).plane.dropped();
        }
    }

    @Test
    void answerThatIsNotAcknowledgedIsRepeatedWithTheSameNumbersSevenTimes() {
        try (var t = TcpScenario.standard()) {
            FarListener listener = t.listens(true);
            TcpTalk c =
                    t.talk(true).options(1460, 7).syn().gets(seg("SA").seq(0).ack(1));
            StreamPeer peer = requireNonNull(listener.accept());
            assertRetries(t, c, "SA");
            assertThat(c.take().has(RST)).as("we gave up").isTrue();
            assertThat(peer.wasReset()).isTrue();
            t.hasFlows(0);
            assertThat(t.plane.count(Drop.TCP_GUEST_TIMED_OUT)).isEqualTo(1);
        }
    }

    /** Four a second apart, then ever later; what comes behind them is still there. */
    private static void assertRetries(TcpScenario t, TcpTalk c, String flags) {
        long startNs = t.plane.clock.nowNs();
        List<Long> seconds = new ArrayList<>();
        while (t.plane.stats().flows() > 0) {
            assertThat(t.plane.clock.nowNs() - startNs).isLessThan(60 * S);
            t.runs(50 * MS);
            t.sort();
            if (!c.inbox.isEmpty() && c.inbox.peek().has(TcpSegment.SYN)) {
                seconds.add((t.plane.clock.nowNs() - startNs) / S);
                c.gets(seg(flags).seq(0));
            }
        }
        assertThat(seconds).as("as Linux does").containsExactly(1L, 2L, 3L, 4L, 5L, 7L, 11L);
    }

    @Test
    void guestThatAsksAgainGetsTheSameAnswer() {
        try (var t = TcpScenario.standard()) {
            t.listens(true);
            TcpTalk c =
                    t.talk(true).options(1460, 7).syn().gets(seg("SA").seq(0).ack(1));
            c.runs(300 * MS).sends(seg("S").seq(0).options("020405b401030307"));
            c.gets(seg("SA").seq(0).ack(1)).sends(seg("A"));
            assertThat(t.calls("connect")).isEqualTo(1);
            c.silent();
        }
    }

    // ---- options and windows

    @Test
    void whoDoesNotScaleIsNotScaledFor() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.talk(true).options(1460, -1).window(1000);
            t.listens(true);
            c.syn().gets(seg("SA").options("020405b4")).sends(seg("A"));
            c.far(requireNonNull(t.listens(true).accept()));
            c.far().sendAll(TcpScenario.bytes(10_000));
            c.runs(0).takeAll();
            assertThat(c.expected() - 1).as("in flight").isEqualTo(1000);
        }
    }

    @Test
    void windowOfASynIsNotScaledThoseBehindItAre() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.talk(true).options(1460, 7).window(2000);
            FarListener listener = t.listens(true);
            c.syn().gets(seg("SA"));
            requireNonNull(c.far(requireNonNull(listener.accept())).far()).sendAll(TcpScenario.bytes(60_000));
            c.silentFor(10 * MS); // the handshake is not over
            c.window(100).sends(seg("A")).takeAll();
            assertThat(c.expected() - 1).as("in flight").isEqualTo(12_800);
            c.window(200).sends(seg("A")).takeAll();
            assertThat(c.expected() - 1 - 12_800).as("in flight").isEqualTo(25_600);
        }
    }

    @Test
    void windowOfTheGuestsAnswerToOurSynIsNotScaled() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.asked();
            c.far().sendAll(TcpScenario.bytes(60_000));
            c.options(1460, 7)
                    .window(2000)
                    .gets(seg("S").seq(0))
                    .sends(seg("SA").options("020405b401030307"));
            c.gets(seg("A").ack(1)).takeAll();
            assertThat(c.expected() - 1).as("in flight").isEqualTo(2000);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {14, 15, 255})
    void scalesAboveFourteenAreFourteen(int scale) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connect(t.talk(true).options(1460, scale).window(2));
            c.far().sendAll(TcpScenario.bytes(60_000));
            c.runs(0).takeAll();
            assertThat(c.expected() - 1).as("in flight").isEqualTo(2 << 14);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "'', 536", // RFC 9293 §3.7.1
        "02040000, 536",
        "02040200, 512",
        "02042328, 1460", // 9000: more than the MTU has
        "0204ffff, 1460",
        "0101020403e80000, 1000",
        "0402080a0000000100000000020403e80000, 1000", // SACK permitted, time stamps
        "00020403e8, 536", // behind the end of the list
        "0200020403e80000, 536", // lengths that cannot be end the list
        "0201020403e80000, 536",
        "02030301020403e8, 1000", // the length of something else
        "fe06aabbccdd020403e80000, 1000",
        "020403e8fe29, 1000", // longer than the header
        "020403e80101fe, 1000" // cut off
    })
    void segmentsKeepToTheGuestsMss(String options, int expected) {
        try (var t = TcpScenario.standard()) {
            FarListener listener = t.listens(true);
            TcpTalk c = t.talk(true).options(1460, -1).sends(seg("S").options(options));
            String sacks = options.startsWith("0402") ? "01010402" : "";
            c.gets(seg("SA").options("020405b4" + sacks)).sends(seg("A"));
            c.far(requireNonNull(listener.accept())).far().sendAll(TcpScenario.bytes(3000));
            List<TcpSegment> got = c.runs(0).takeAll();
            assertThat(got.getFirst().payload()).hasSize(expected);
            assertThat(c.received()).isEqualTo(TcpScenario.bytes(3000));
            assertThat(got.getLast().has(TcpSegment.PSH)).isTrue();
        }
    }

    // ---- numbers

    @Test
    void initialNumbersDifferPerConversationAndRiseWithTime() {
        try (var t = TcpScenario.standard()) {
            FarListener listener = t.listens(true);
            HashSet<Integer> starts = new HashSet<>();
            for (int i = 0; i < 20; i++) {
                starts.add(t.connected().ourStart());
            }
            assertThat(starts).hasSize(20);

            int first = begunAndReset(t, 45_000);
            t.runs(S);
            int second = begunAndReset(t, 45_000);
            assertThat(second - first).as("32 ns each").isBetween(31_250_000 - 1000, 31_250_000 + 100_000);
            assertThat(listener.accept()).isNotNull();
        }
    }

    private static int begunAndReset(TcpScenario t, int port) {
        TcpTalk c = t.talk(GUEST, port, FAR4, FAR_PORT).options(1460, 7).handshake();
        c.sends(seg("R")).silent();
        return c.ourStart();
    }

    /** RFC 6528 wants a secret. */
    @Test
    void initialNumbersOfAnotherPlaneAreOthers() {
        HashSet<Integer> starts = new HashSet<>();
        for (long seed = 0; seed < 4; seed++) {
            long its = seed;
            try (var t = TcpScenario.of(TcpScenario.setup().seeds(() -> its))) {
                starts.add(t.connected().ourStart());
            }
        }
        assertThat(starts).hasSize(4);
    }

    @Test
    void numbersOfBothEndsMayWrapAround() {
        try (var t = TcpScenario.standard()) {
            FarListener listener = t.listens(true);
            int was = begunAndReset(t, 45_000);
            assertThat(listener.accept()).isNotNull();
            long ticks = Integer.toUnsignedLong(-1_000 - was); // until our number is there again
            t.runs(ticks * 32);
            TcpTalk c = t.talk(GUEST, 45_000, FAR4, FAR_PORT).options(1460, 7).startsAt(-100);
            c.handshake().far(requireNonNull(listener.accept()));
            assertThat(c.ourStart()).isBetween(-1_100, -1);
            byte[] up = TcpScenario.bytes(50_000);
            c.sendsAll(up);
            assertThat(c.far().receive()).isEqualTo(up);
            byte[] down = TcpScenario.bytes(40_000);
            c.far().sendAll(down);
            c.runs(0).reads(down);
            c.sends(seg("FA")).gets(seg("A"));
            assertThat(c.far().atEnd()).isTrue();
            c.far().shutdownWrite();
            c.runs(0).gets(seg("FA")).sends(seg("A")).silent();
            t.hasFlows(0);
        }
    }

    // ---- data with the handshake

    @Test
    void dataWithTheLastAcknowledgmentOfTheHandshakeIsTaken() {
        try (var t = TcpScenario.standard()) {
            FarListener listener = t.listens(true);
            TcpTalk c = t.talk(true).options(1460, 7).syn().gets(seg("SA"));
            c.sends(data("hello")).gets(seg("A").ack(6));
            assertThat(requireNonNull(listener.accept()).receive()).isEqualTo(bytes("hello"));
            t.plane.dropped();
        }
    }

    /** RFC 9293 §3.10.7.2 lets it wait; we keep nothing for who may never come back, so the guest sends it again. */
    @Test
    void dataWithTheSynAreNotAcknowledgedAndTakenLater() {
        try (var t = TcpScenario.standard()) {
            FarListener listener = t.listens(true);
            TcpTalk c = t.talk(true).options(1460, 7);
            c.sends(seg("S").options("020405b401030307").data("early")).withdraws(5);
            c.gets(seg("SA").ack(1)).sends(data("early")).gets(seg("A").ack(6));
            assertThat(requireNonNull(listener.accept()).receive()).isEqualTo(bytes("early"));
        }
    }

    /** RFC 3168 §6.1.1: who does not answer with ECE does not want it. */
    @Test
    void congestionNotificationIsNotTaken() {
        try (var t = TcpScenario.standard()) {
            t.listens(true);
            TcpTalk c = t.talk(true).options(1460, 7).sends(seg("SEW").options("020405b401030307"));
            c.gets(seg("SA")).sends(seg("A")).sends(seg("PAW").data("x")).gets(seg("A").ack(2));
            t.hasFlows(1).plane.dropped();
        }
    }

    @Test
    void dataAndFinWithTheLastAcknowledgmentOfTheHandshakeAreTaken() {
        try (var t = TcpScenario.standard()) {
            FarListener listener = t.listens(true);
            TcpTalk c = t.talk(true).options(1460, 7).syn().gets(seg("SA"));
            c.sends(seg("FPA").data("hello")).gets(seg("A").ack(7));
            StreamPeer peer = requireNonNull(listener.accept());
            assertThat(peer.receive()).isEqualTo(bytes("hello"));
            assertThat(peer.atEnd()).isTrue();
            t.hasFlows(1).plane.dropped();
        }
    }

    @Test
    void whatTheHostSaysDuringTheHandshakeIsDeliveredBehindIt() {
        try (var t = TcpScenario.standard()) {
            FarListener listener = t.listens(true);
            TcpTalk c = t.talk(true).options(1460, 7).syn().gets(seg("SA"));
            StreamPeer peer = requireNonNull(listener.accept());
            peer.sendAll(bytes("220 hello")).shutdownWrite();
            c.silentFor(100 * MS).sends(seg("A"));
            c.gets(seg("FPA").data("220 hello")).sends(seg("A")).silent();
            t.hasFlows(1);
        }
    }

    @Test
    void hostThatLeavesDuringTheHandshakeResetsTheGuest() {
        try (var t = TcpScenario.standard()) {
            FarListener listener = t.listens(true);
            TcpTalk c = t.talk(true).options(1460, 7).syn().gets(seg("SA"));
            requireNonNull(listener.accept()).reset();
            c.runs(0).gets(seg("RA").seq(1).ack(1)).silent();
            t.hasFlows(0);
            assertThat(t.plane.count(Drop.TCP_RESET_BY_HOST)).isEqualTo(1);
        }
    }

    /** RFC 9293 §3.10.7.4: in SYN-RECEIVED an acknowledgment of something else is answered by a reset of that number. */
    @Test
    void handshakesWrongAcknowledgmentIsAnsweredByAReset() {
        try (var t = TcpScenario.standard()) {
            t.listens(true);
            TcpTalk c = t.talk(true).options(1460, 7).syn().gets(seg("SA"));
            c.sends(seg("A").ack(500)).gets(seg("R").seq(500)).silent();
            c.sends(seg("A"));
            t.hasFlows(1);
            c.sends(data("x")).gets(seg("A"));
        }
    }

    // ---- the host asks

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void guestsAnswerIsAcknowledgedAtOnceEvenIfNobodyHasAnythingToSay(boolean v4) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.asked(v4).gets(seg("S").seq(0)).options(1460, 7);
            c.sends(seg("SA").options("020405b401030307"))
                    .gets(seg("A").seq(1).ack(1))
                    .silent();
            c.sends(data("220 welcome")).gets(seg("A"));
            assertThat(c.far().receive()).isEqualTo(bytes("220 welcome"));
            c.far().sendAll(bytes("EHLO"));
            c.runs(0).gets(data("EHLO")).sends(seg("A"));
            t.plane.dropped();
        }
    }

    @Test
    void guestThatRefusesResetsTheHost() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.asked().gets(seg("S"));
            c.sends(seg("RA").seq(0).ack(1)).silent();
            assertThat(c.far().wasReset()).isTrue();
            t.hasFlows(0);
        }
    }

    @Test
    void guestThatNeverAnswersIsAskedSevenTimesMoreThenTheHostIsReset() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.asked().gets(seg("S").seq(0));
            assertRetries(t, c, "S");
            assertThat(c.far().wasReset()).isTrue();
            c.takeAll();
            t.hasFlows(0);
            assertThat(t.plane.count(Drop.TCP_GUEST_TIMED_OUT)).isEqualTo(1);
        }
    }

    /** RFC 9293 §3.10.7.3: so the guest forgets a connection of the same names that it still has, and takes the SYN when it comes again. */
    @Test
    void guestThatStillHasAnOlderConnectionIsToldToForgetIt() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.asked().gets(seg("S").seq(0)).options(1460, 7);
            c.sends(seg("A").ack(-12_345)).gets(seg("R").seq(-12_345)).silent();
            c.runs(1100 * MS).gets(seg("S").seq(0));
            c.sends(seg("SA").seq(0).options("020405b401030307")).gets(seg("A").seq(1));
            t.hasFlows(1);
        }
    }

    @Test
    void hostThatGivesUpBeforeTheGuestAnsweredResetsIt() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.asked().gets(seg("S"));
            c.far().reset();
            t.runs(0);
            t.hasFlows(0);
            c.takeAll();
            c.sends(seg("SA").seq(0).ack(1)).gets(seg("R").seq(1)).silent();
        }
    }

    @Test
    void addressesThatAreTheHostsLoopbackAreTheGatewaysForTheGuest() {
        try (var t = TcpScenario.standard()) {
            t.plane.host("127.0.0.1").connect(Ip.parse("127.0.0.1"), HOST_PORT);
            t.runs(0);
            TcpSegment syn = t.unclaimed().getFirst();
            assertThat(syn.src()).isEqualTo(GATEWAY);
            assertThat(syn.dst()).isEqualTo(GUEST);
            assertThat(syn.dstPort()).isEqualTo(TcpScenario.GUEST_PORT);
        }
    }

    /** The host shares its address with the guest, which cannot answer to its own. */
    @Test
    void peerAtTheGuestsOwnAddressIsTheGatewayForTheGuest() {
        try (var t = TcpScenario.standard()) {
            t.plane.host(GUEST).connect(Ip.parse(GUEST), HOST_PORT);
            t.runs(0);
            assertThat(t.unclaimed().getFirst().src()).isEqualTo(GATEWAY);
        }
    }

    @Test
    void ofTwoPeersWithOneNameForTheGuestTheFirstHasIt() {
        try (var t = TcpScenario.standard()) {
            FarTcp first = t.plane.host("127.0.0.1").connect(50_000, Ip.parse("127.0.0.1"), HOST_PORT);
            FarTcp second = t.plane.host(GATEWAY).connect(50_000, Ip.parse(GUEST), HOST_PORT);
            t.runs(0);
            assertThat(t.unclaimed()).hasSize(1).allMatch(s -> s.src().equals(GATEWAY) && s.srcPort() == 50_000);
            assertThat(first.sawReset()).isFalse();
            assertThat(second.sawReset()).isTrue();
            t.hasFlows(1).plane.dropped(Drop.TCP_PEER_HIDDEN);
        }
    }

    /** RFC 9293 §3.5 has a way for it, which no kernel needs toward us: the host hears at once that it did not come about. */
    @Test
    void synThatCrossesOursEndsBoth() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.asked().gets(seg("S").seq(0));
            c.sends(seg("S").seq(0));
            assertThat(c.takeAll()).isNotEmpty().allMatch(s -> s.has(RST));
            assertThat(c.far().wasReset()).isTrue();
            t.hasFlows(0);
        }
    }

    // ---- while the host is yet to answer

    @ParameterizedTest
    @ValueSource(strings = {"A", "PA", "FA", "SA"})
    void whatIsNoSynBeforeOurAnswerEndsTheAttempt(String flags) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.talk(true).options(1460, 7).syn().silent();
            c.sends(seg(flags).seq(1).ack(7777).data("x"));
            TcpSegment reset = c.take();
            assertThat(reset.flags()).isEqualTo(RST);
            assertThat(reset.seq()).isEqualTo(7777);
            c.silentFor(S);
            t.hasFlows(0);
        }
    }

    @Test
    void guestThatBeginsAnewMeanwhileHasTheNewConnection() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.talk(true).options(1460, 7).syn().silent();
            c.startsAt(77_000_000).runs(S).withdraws(1).sends(seg("S").options("020405b401030307"));
            assertThat(t.calls("connect")).isEqualTo(2);
            t.hasFlows(1);
            c.silentFor(S);
        }
    }

    @Test
    void guestThatGivesUpEndsTheAttempt() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.talk(true).options(1460, 7).syn().silent();
            c.sends(seg("R").seq(5_000)).withdraws((int) c.next() - 1).silent();
            t.hasFlows(1);
            c.sends(seg("R").seq(1)).silentFor(S);
            t.hasFlows(0);
        }
    }

    // ---- what is not taken

    @ParameterizedTest
    @ValueSource(strings = {"224.0.0.1", "255.255.255.255", "0.0.0.0", "ff02::1"})
    void connectionsToManyAreDropped(String to) {
        try (var t = TcpScenario.standard()) {
            t.talk(guestFor(to), 40_000, to, 80).syn().silentFor(S);
            assertThat(t.calls("connect")).isZero();
            t.hasFlows(0);
        }
    }

    private static String guestFor(String to) {
        return TcpScenario.guest(!PlaneScenario.isIp6(to));
    }

    @ParameterizedTest
    @CsvSource({"0, 80", "40000, 0"})
    void portZeroIsDropped(int from, int to) {
        try (var t = TcpScenario.standard()) {
            t.talk(GUEST, from, FAR4, to).syn().silentFor(S);
            assertThat(t.calls("connect")).isZero();
            t.hasFlows(0);
            assertThat(t.plane.count(Drop.TCP_BAD_SOURCE) + t.plane.count(Drop.TCP_BAD_DESTINATION))
                    .isEqualTo(1);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"SF", "SR", "SFPU"})
    void synWithFinOrResetBeginsNothing(String flags) {
        try (var t = TcpScenario.standard()) {
            t.listens(true);
            t.talk(true).sends(seg(flags)).takeAll();
            t.runs(S);
            assertThat(t.listens(true).accept()).isNull();
            t.hasFlows(0).unclaimed();
        }
    }

    @Test
    void withoutTcpSegmentsAreDroppedAndNotAnswered() {
        try (var t = TcpScenario.of(TcpScenario.setup().change(c -> c.without(Service.TCP)))) {
            t.talk(true).syn().silentFor(S);
            t.talk(true).sends(seg("A")).silentFor(S);
            t.plane.dropped(Drop.TCP_OFF, Drop.TCP_OFF);
        }
    }

    // ---- sockets

    @Test
    void socketsSendAtOnceWhatTheyAreGiven() {
        try (var t = TcpScenario.standard()) {
            t.connected();
            assertThat(t.options()).contains("6/1=1"); // IPPROTO_TCP, TCP_NODELAY
            t.options().clear();
            t.accepted();
            assertThat(t.options()).contains("6/1=1");
        }
    }

    @Test
    void socketsAreBoundToTheOutboundAddress() {
        try (var t = TcpScenario.of(TcpScenario.setup().outbound(GUEST))) {
            t.connected();
            assertThat(t.calls("bind")).isPositive();
            t.plane.dropped();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"socket", "connect"})
    void withoutDescriptorsOrPortsTheGuestAsksAgainLater(String call) {
        try (var t = TcpScenario.standard()) {
            t.listens(true);
            t.fails(call, call.equals("socket") ? Errno.EMFILE : Errno.EADDRNOTAVAIL, 1);
            TcpTalk c = t.talk(true).options(1460, 7).syn();
            c.takeAll();
            t.hasFlows(0);
            c.runs(S).sends(seg("S").seq(0).options("020405b401030307"));
            c.gets(seg("SA")).sends(seg("A"));
            t.hasFlows(1);
        }
    }
}
