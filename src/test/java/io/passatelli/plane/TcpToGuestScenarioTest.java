package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Limits;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.S;
import static io.passatelli.plane.TcpScenario.bytes;
import static io.passatelli.plane.TcpTalk.ack;
import static io.passatelli.plane.TcpTalk.data;
import static io.passatelli.plane.TcpTalk.seg;
import static org.assertj.core.api.Assertions.assertThat;

/** What the host sends reaches the guest: windows, losses, timers. The round trip of the handshake took no time, so the time-out is the least, 200 ms. */
@Tag("sim")
class TcpToGuestScenarioTest {
    private static final int MSS = 1460;
    private static final int FIRST_FLIGHT = 256 << 10;
    private static final int MOST_FLIGHT = 1 << 20;

    /** A conversation in which the guest got {@code count} full segments and has acknowledged none. */
    private static TcpTalk inFlight(TcpScenario t, int count) {
        TcpTalk c = t.connected();
        c.farSends(bytes(count * MSS), 0);
        for (int i = 0; i < count; i++) {
            c.gets(seg("A").length(MSS));
        }
        return c.silent();
    }

    private static long at(int segment) {
        return 1 + (long) segment * MSS;
    }

    /** What comes until {@code ns} have passed, and when, in ns from now. */
    private static List<Long> arrivals(TcpScenario t, TcpTalk c, long ns, List<TcpSegment> what) {
        long startNs = t.plane.clock.nowNs();
        List<Long> at = new ArrayList<>();
        for (long leftNs = ns; leftNs > 0; leftNs = startNs + ns - t.plane.clock.nowNs()) {
            t.plane.plane.turn(leftNs); // to the next thing that happens
            for (TcpSegment s : c.takeAll()) {
                what.add(s);
                at.add(t.plane.clock.nowNs() - startNs);
            }
        }
        t.runs(0);
        c.takeAll().forEach(s -> {
            what.add(s);
            at.add(ns);
        });
        return at;
    }

    // ---- plain delivery

    @ParameterizedTest
    @CsvSource({"true, 1460", "false, 1440"})
    void hostsDataIsCutIntoSegmentsOfTheMssAndTheLastIsPushed(boolean v4, int mss) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected(v4);
            c.farSends(bytes(10_000), 0);
            List<TcpSegment> got = c.takeAll();
            assertThat(got).hasSize((10_000 + mss - 1) / mss);
            assertThat(got.subList(0, got.size() - 1))
                    .allSatisfy(s -> assertThat(s.payload()).hasSize(mss));
            assertThat(got.getLast().has(TcpSegment.PSH)).isTrue();
            assertThat(c.received()).isEqualTo(bytes(10_000));
            c.sends(seg("A")).silentFor(S);
        }
    }

    @Test
    void segmentsCarryTheNewestAcknowledgment() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(data("request")).gets(seg("A").ack(8));
            c.farSends("answer".getBytes(StandardCharsets.US_ASCII), 0);
            c.gets(data("answer").ack(8)).sends(seg("A")).silent();
        }
    }

    @Test
    void nothingIsSentAgainThatWasAcknowledged() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 10);
            c.sends(ack(at(10))).silentFor(10 * S);
        }
    }

    @Test
    void longTransferIsWholeAndInOrder() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] down = bytes(3 << 20);
            int sent = 0;
            while (c.received().length < down.length) {
                int before = c.received().length;
                sent = c.farSends(down, sent);
                c.takeAll();
                c.sends(seg("A"));
                c.takeAll();
                assertThat(c.received().length).isGreaterThan(before);
            }
            c.sends(seg("A")).silentFor(S);
            assertThat(c.received()).isEqualTo(down);
            t.plane.dropped();
        }
    }

    // ---- memory and windows

    /** The guest's window would take 8 MiB. */
    @Test
    void flightIsBoundedAndTheHostIsHeldBack() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] down = bytes(16 << 20);
            int sent = c.farSends(down, 0);
            c.takeAll();
            assertThat(c.mostSent() - 1).isBetween(FIRST_FLIGHT / 2L, (long) FIRST_FLIGHT);
            assertThat(sent).as("the host's kernel says stop").isLessThan(8 << 20);
            t.runs(10 * MS);
            assertThat(c.farSends(down, sent)).isLessThan(8 << 20);
            c.takeAll();
            assertThat(c.mostSent() - 1).isLessThanOrEqualTo(FIRST_FLIGHT);
        }
    }

    @Test
    void flightGrowsWhileItIsOfUseButNotForEver() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] down = bytes(24 << 20);
            int sent = 0;
            long most = 0;
            while (c.received().length < down.length) {
                sent = c.farSends(down, sent);
                c.takeAll();
                most = Math.max(most, c.expected() - c.ackedByGuest());
                c.runs(20 * MS).sends(seg("A"));
                c.takeAll();
            }
            assertThat(most).isBetween((long) MOST_FLIGHT / 2, (long) MOST_FLIGHT);
        }
    }

    @Test
    void halfThatIsAcknowledgedLeavesHalfToBeSentAgain() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 20);
            c.sends(ack(at(10))).silent();
            List<TcpSegment> again = new ArrayList<>();
            arrivals(t, c, 500 * MS, again);
            assertThat(again).isNotEmpty();
            assertThat(again).allSatisfy(s -> assertThat(s.seq() - c.ourStart()).isGreaterThanOrEqualTo((int) at(10)));
            for (int i = 0; i < 50 && c.ackedByGuest() < at(20); i++) {
                c.sends(ack(Math.min(at(20), at(11 + i))));
                c.takeAll();
            }
            c.silentFor(5 * S);
            assertThat(c.received()).isEqualTo(bytes(20 * MSS));
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 10, 1460, 5000, 60_000})
    void windowIsUsedToItsLastByte(int window) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connect(t.talk(true).options(MSS, 0).window(window));
            c.farSends(bytes(60_000), 0);
            c.takeAll();
            c.runs(S).takeAll(); // what is kept for lack of room may go by a timer
            assertThat(c.mostSent() - 1).isEqualTo(window);
        }
    }

    @Test
    void windowThatOpensIsUsedAtOnce() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connect(t.talk(true).options(MSS, 0).window(2 * MSS));
            c.farSends(bytes(60_000), 0);
            assertThat(c.takeAll()).hasSize(2);
            c.sends(ack(at(1)).window(2 * MSS));
            assertThat(c.takeAll()).hasSize(1);
            c.sends(ack(at(1)).window(10 * MSS));
            assertThat(c.takeAll()).hasSize(8);
        }
    }

    /** RFC 9293 §3.8.6: a receiver should not, but one that does must not break us. */
    @Test
    void windowThatShrinksTakesNothingBack() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connect(t.talk(true).options(MSS, 0).window(20_000));
            c.farSends(bytes(60_000), 0);
            c.takeAll();
            long flying = c.expected();
            c.sends(ack(at(2)).window(1_000)).silent();
            c.sends(ack(flying).window(30_000));
            assertThat(c.takeAll()).isNotEmpty();
            assertThat(c.mostSent()).isEqualTo(flying + 30_000);
        }
    }

    // ---- the guest's zero window

    @Test
    void zeroWindowIsProbedWithoutDataAndMoreAndMoreRarely() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 4);
            c.farSends(bytes(50_000), 0);
            c.takeAll();
            long flying = c.expected();
            c.sends(ack(flying).window(0)).silent();
            c.farSends(bytes(10_000), 0);
            c.silent();
            int turns = t.calls("epollWait");
            long startNs = t.plane.clock.nowNs();
            List<Long> gaps = new ArrayList<>();
            long last = 0;
            while (t.plane.clock.nowNs() - startNs < 30 * S) {
                t.runs(50 * MS);
                t.sort();
                if (!c.inbox.isEmpty()) {
                    long now = t.plane.clock.nowNs() - startNs;
                    gaps.add(now - last);
                    last = now;
                    c.gets(seg("A").seq(flying - 1)); // nothing in it
                    c.sends(ack(flying).window(0)).silent();
                }
            }
            assertThat(gaps).hasSizeBetween(4, 12);
            assertThat(gaps.getFirst()).isBetween(150 * MS, 1500 * MS);
            for (int i = 1; i < gaps.size(); i++) {
                assertThat(gaps.get(i)).isGreaterThanOrEqualTo(gaps.get(i - 1) - 100 * MS);
            }
            int perRun = 5; // turns that the scenario itself makes each time
            assertThat(t.calls("epollWait") - turns).isLessThan((30 * 20 + gaps.size()) * perRun + 200);
            c.sends(ack(flying).window(65_535));
            assertThat(c.takeAll()).isNotEmpty();
        }
    }

    @Test
    void whileTheWindowIsClosedTheLoopSleeps() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 4);
            c.sends(ack(at(4)).window(0)).silent();
            c.farSends(bytes(500_000), 0); // all that its kernel and ours hold
            c.silent();
            int turns = t.calls("epollWait");
            t.runs(10 * S);
            assertThat(t.calls("epollWait") - turns).isLessThan(40);
            c.takeAll();
        }
    }

    @Test
    void lostWindowUpdateIsFoundByTheProbe() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 4);
            c.sends(ack(at(4)).window(0)).silent();
            c.farSends(bytes(3000), 0);
            c.silent();
            // the guest's update never reaches us
            for (int i = 0; i < 100 && c.inbox.isEmpty(); i++) {
                c.runs(50 * MS);
                t.sort();
            }
            c.gets(seg("A").seq(at(4) - 1)).sends(ack(at(4)));
            assertThat(c.takeAll()).hasSize(3);
        }
    }

    @Test
    void zeroWindowWithDataInFlightHoldsItBackUntilTheWindowOpens() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 10);
            c.sends(ack(at(5)).window(0)).silent(); // and the guest threw the rest away
            List<TcpSegment> meanwhile = new ArrayList<>();
            arrivals(t, c, 2 * S, meanwhile);
            assertThat(meanwhile).as("probes").hasSizeLessThan(10);
            c.sends(ack(at(5)).window(65_535));
            List<TcpSegment> again = new ArrayList<>(c.takeAll());
            arrivals(t, c, 4 * S, again);
            assertThat(again).isNotEmpty();
            assertThat(again.getFirst().seq() - c.ourStart()).isEqualTo((int) at(5));
            for (int i = 6; i <= 10; i++) {
                c.sends(ack(at(i)));
                c.takeAll();
            }
            c.silentFor(5 * S);
        }
    }

    /** A guest short of memory threw it away, and the time-out is yet to come. */
    @Test
    void whatWasInFlightWhenTheWindowClosedGoesAgainAsSoonAsItOpens() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 10);
            c.sends(ack(at(5)).window(0)).silentFor(50 * MS);
            c.sends(ack(at(5)).window(65_535));
            assertThat(c.takeAll()).hasSize(5).allMatch(s -> s.seq() - c.ourStart() >= at(5));
            c.sends(ack(at(10))).silentFor(5 * S);
        }
    }

    /** RFC 9293 §3.8.6.2.1 holds small segments back only while an acknowledgment will come. */
    @Test
    void windowSmallerThanBeforeIsUsedWhenNothingIsInFlight() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connect(t.talk(true).options(MSS, 0));
            c.farSends(bytes(3 * MSS), 0);
            c.takeAll();
            c.window(100).sends(seg("A")).silent();
            c.farSends(bytes(1000), 0);
            c.gets(seg("A").length(100)).silentFor(50 * MS);
            c.sends(seg("A")).gets(seg("A").length(100)).sends(seg("A").window(65_535));
            c.gets(seg("A").length(800)).sends(seg("A")).silentFor(S);
        }
    }

    @Test
    void windowThatClosesAndOpensWithinABatchIsOpen() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 10);
            c.sendsTogether(ack(at(10)).window(0), ack(at(10)).window(65_535)).silent();
            c.farSends(bytes(5000), 0);
            assertThat(c.takeAll()).hasSize(4);
        }
    }

    @Test
    void windowThatOpensAndClosesWithinABatchIsClosed() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 10);
            c.sendsTogether(ack(at(10)).window(65_535), ack(at(10)).window(0)).silent();
            c.farSends(bytes(5000), 0);
            c.silent();
            c.sends(ack(at(10)).window(65_535));
            assertThat(c.takeAll()).hasSize(4);
        }
    }

    // ---- loss

    @Test
    void thirdDuplicateBringsTheMissingSegmentAndNothingElse() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 10);
            c.sends(ack(at(2))).silent();
            c.sends(ack(at(2))).silent().sends(ack(at(2))).silent();
            c.sends(ack(at(2))).gets(seg("A").seq(at(2)).length(MSS)).silent();
            c.sends(ack(at(2))).silent().sends(ack(at(2))).silent();
            c.sends(ack(at(10))).silentFor(5 * S);
        }
    }

    /** What is sent again has the whole time-out for its answer, not what is left of a tail probe's time. */
    @Test
    void resentSegmentIsGivenTheWholeTimeOut() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 10);
            c.sendsTogether(ack(1), ack(1), ack(1)).gets(seg("A").seq(1).length(MSS));
            c.silentFor(190 * MS).runs(20 * MS);
            assertThat(c.takeAll()).as("then all of it").hasSize(10);
            c.sends(ack(at(10))).silentFor(S);
        }
    }

    /** RFC 6582 §3.2: an acknowledgment of a part tells of the next hole. */
    @Test
    void partialAcknowledgmentBringsTheNextHole() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 10);
            for (int i = 0; i < 3; i++) {
                c.sends(ack(1));
            }
            c.gets(seg("A").seq(1).length(MSS)).silent();
            c.sends(ack(at(4))).gets(seg("A").seq(at(4)).length(MSS)).silent();
            c.sends(ack(at(7))).gets(seg("A").seq(at(7)).length(MSS)).silent();
            c.sends(ack(at(10))).silentFor(5 * S);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 3})
    void ofFewSegmentsInFlightOneDuplicateIsEnough(int segments) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, segments);
            c.sends(ack(1)).gets(seg("A").seq(1).length(MSS)).silent();
            c.sends(ack(at(segments))).silentFor(5 * S);
        }
    }

    @Test
    void whatGoesAgainIsNoMoreThanWent() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connect(t.talk(true).options(MSS, 0).window(2_500));
            c.farSends(bytes(1_400), 0);
            c.gets(seg("A").length(1_400));
            c.farSends(bytes(1_100), 0);
            c.silent(); // a small segment, for want of window
            c.sendsTogether(
                    seg("A").ack(1 + 700).window(1_800), seg("A").ack(1 + 700).window(1_800));
            c.gets(seg("A").seq(1 + 700).length(700));
            c.sends(ack(1 + 1_400)).gets(seg("A").seq(1 + 1_400).length(1_100));
            c.sends(seg("A")).silentFor(S);
        }
    }

    @Test
    void windowUpdatesAreNoDuplicates() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 10);
            for (int i = 0; i < 10; i++) {
                c.sends(ack(1).window(60_000 - i)).silent();
            }
            c.sends(ack(at(10))).silent();
        }
    }

    @Test
    void segmentsWithDataAreNoDuplicates() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 10);
            for (int i = 0; i < 5; i++) {
                c.sends(seg("PA").data("x").ack(1)).gets(seg("A").seq(at(10))).silent();
            }
            c.sends(ack(at(10))).silent();
        }
    }

    @Test
    void duplicatesWithNothingInFlightAreNothing() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            for (int i = 0; i < 10; i++) {
                c.sends(seg("A")).silent();
            }
            c.silentFor(S);
        }
    }

    /** Where the last segments are lost no duplicates come; a probe brings the answer that tells of it, long before the time-out. */
    @Test
    void tailThatIsLostIsProbedEarly() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 4);
            c.sends(ack(at(2))).silent();
            List<TcpSegment> got = new ArrayList<>();
            List<Long> when = arrivals(t, c, 100 * MS, got);
            assertThat(got).hasSize(1);
            assertThat(when.getFirst()).isBetween(9 * MS, 30 * MS);
            assertThat(got.getFirst().seq() - c.ourStart()).as("the last one").isEqualTo((int) at(3));
            c.sends(ack(at(2)));
            c.takeAll();
            c.runs(S).takeAll();
            c.sends(ack(at(4))).silentFor(5 * S);
        }
    }

    @Test
    void timeOutDoublesAndComesToAnEnd() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 1);
            List<TcpSegment> got = new ArrayList<>();
            List<Long> when = arrivals(t, c, 700 * S, got);
            TcpSegment last = got.removeLast();
            assertThat(last.has(TcpSegment.RST)).isTrue();
            assertThat(got).hasSize(10).allSatisfy(s -> {
                assertThat(s.seq() - c.ourStart()).isEqualTo(1);
                assertThat(s.payload()).hasSize(MSS);
            });
            long gapMs = 200;
            long atMs = 0;
            for (int i = 0; i < 10; i++) {
                atMs += gapMs;
                assertThat(when.get(i) / MS).as("resend %s", i + 1).isBetween(atMs - 2, atMs + 25L * (i + 1));
                gapMs = Math.min(120_000, 2 * gapMs);
            }
            assertThat(c.far().wasReset()).isTrue();
            t.hasFlows(0);
            assertThat(t.plane.count(Drop.TCP_GUEST_TIMED_OUT)).isEqualTo(1);
        }
    }

    @Test
    void progressMakesTheTimeOutShortAgain() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 1);
            List<TcpSegment> got = new ArrayList<>();
            arrivals(t, c, 5 * S, got);
            assertThat(got).hasSize(4); // 0.2, 0.6, 1.4, 3.0 s
            c.sends(ack(at(1)));
            c.farSends(bytes(100), 0);
            c.gets(data(bytes(100)));
            c.sends(ack(at(1) + 100));
            c.farSends(bytes(100), 0);
            c.gets(data(bytes(100)));
            got.clear();
            List<Long> when = arrivals(t, c, S, got);
            assertThat(got).hasSize(2);
            assertThat(when.getFirst()).isBetween(190 * MS, 250 * MS);
            c.sends(seg("A"));
        }
    }

    /** RFC 6298 §2.1: 1 s where nothing was measured; Karn: what was sent twice does not tell. */
    @Test
    void handshakeThatNeededARetryMeasuresNothing() {
        try (var t = TcpScenario.standard()) {
            t.listens(true);
            TcpTalk c = t.talk(true).options(MSS, 7).syn().gets(seg("SA"));
            c.runs(1010 * MS).gets(seg("SA").seq(0)).sends(seg("A"));
            c.far(Objects.requireNonNull(t.listens(true).accept()));
            c.farSends(bytes(100), 0);
            c.gets(data(bytes(100)));
            List<TcpSegment> got = new ArrayList<>();
            List<Long> when = arrivals(t, c, 2 * S, got);
            assertThat(got).hasSize(1);
            assertThat(when.getFirst()).isBetween(990 * MS, 1100 * MS);
            c.sends(seg("A"));
        }
    }

    @Test
    void slowGuestIsGivenTime() {
        try (var t = TcpScenario.standard()) {
            t.listens(true);
            TcpTalk c = t.talk(true).options(MSS, 7).syn().gets(seg("SA"));
            c.runs(400 * MS).sends(seg("A")); // its round trip
            c.far(Objects.requireNonNull(t.listens(true).accept()));
            for (int i = 0; i < 5; i++) {
                c.farSends(bytes(100), 0);
                c.gets(data(bytes(100))).silentFor(400 * MS).sends(seg("A"));
            }
            c.silentFor(S);
        }
    }

    /** Karn's rule: the answer to what was sent twice may be to either. */
    @Test
    void whatWasSentAgainMeasuresNothing() {
        try (var t = TcpScenario.standard()) {
            t.listens(true);
            TcpTalk c = t.talk(true).options(MSS, 7).syn().gets(seg("SA"));
            c.runs(150 * MS).sends(seg("A")); // a time-out of 450 ms, RFC 6298 §2.2
            c.far(Objects.requireNonNull(t.listens(true).accept()));
            c.farSends(bytes(10 * MSS), 0);
            c.takeAll();
            c.sendsTogether(ack(1), ack(1), ack(1)).gets(seg("A").seq(1).length(MSS));
            c.runs(400 * MS).takeAll();
            c.sends(ack(at(10)));
            c.takeAll();
            c.farSends(bytes(100), 0);
            c.gets(data(bytes(100)));
            List<TcpSegment> got = new ArrayList<>();
            List<Long> when = arrivals(t, c, 600 * MS, got);
            assertThat(got).hasSize(1);
            assertThat(when.getFirst()).isBetween(440 * MS, 470 * MS);
            c.sends(seg("A"));
        }
    }

    @Test
    void afterATimeOutAllThatIsMissingComesAgainAsItIsAcknowledged() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 20);
            List<TcpSegment> got = new ArrayList<>();
            arrivals(t, c, 300 * MS, got);
            assertThat(got.stream().map(s -> s.seq() - c.ourStart())).contains(1);
            for (int i = 0; i < 40 && c.ackedByGuest() < at(20); i++) { // the guest acknowledges what it gets in order
                long have = c.ackedByGuest();
                for (TcpSegment s : got) {
                    int seq = s.seq() - c.ourStart();
                    have = seq <= have ? Math.max(have, seq + s.payload().length()) : have;
                }
                got.clear();
                if (have > c.ackedByGuest()) {
                    c.sends(ack(have));
                    got.addAll(c.takeAll());
                } else {
                    arrivals(t, c, 100 * MS, got);
                }
            }
            assertThat(c.ackedByGuest()).isEqualTo(at(20));
            c.silentFor(5 * S);
        }
    }

    @Test
    void lateAcknowledgmentAfterATimeOutEndsTheResending() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 10);
            t.runs(250 * MS);
            assertThat(c.takeAll()).isNotEmpty();
            c.sends(ack(at(10))).silentFor(10 * S);
            c.farSends(bytes(100), 0);
            c.gets(data(bytes(100)).seq(at(10))).sends(seg("A"));
        }
    }

    // ---- what guests must not say

    /** RFC 9293 §3.10.7.4: an acknowledgment of what was never sent is answered, and dropped. */
    @Test
    void acknowledgmentOfWhatWasNotSentChangesNothing() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 4);
            c.sends(ack(at(5))).gets(seg("A").seq(at(4))).silent();
            c.sends(ack(at(5) + 100_000_000));
            c.takeAll();
            assertThat(t.plane.count(Drop.TCP_UNACCEPTABLE)).isEqualTo(2);
            c.sends(ack(at(4))).silentFor(S);
            c.farSends(bytes(100), 0);
            c.gets(data(bytes(100)).seq(at(4))).sends(seg("A"));
        }
    }

    @Test
    void olderAcknowledgmentsChangeNothing() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = inFlight(t, 10);
            c.sends(ack(at(10)));
            c.farSends(bytes(10 * MSS), 0);
            c.takeAll();
            c.sends(ack(at(3)))
                    .silent()
                    .sends(ack(at(4)).window(0))
                    .silent()
                    .sends(ack(at(3)))
                    .silent();
            c.farSends(bytes(100), 0);
            assertThat(c.takeAll())
                    .as("the window of an older segment is not the window")
                    .hasSize(1);
            c.sends(seg("A")).silentFor(S);
        }
    }

    @Test
    void segmentsWithoutAcknowledgmentAreDropped() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(seg("P").data("x").seq(1)).silent();
            assertThat(c.far().receive()).isEmpty();
            c.withdraws(1).sends(data("y")).gets(seg("A").ack(2));
            assertThat(c.far().receive()).isEqualTo(new byte[] {'y'});
        }
    }

    // ---- the link

    @Test
    void linkThatIsFullLosesNothing() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] down = bytes(100_000);
            t.plane.link.guestStopsAfter(0, 3);
            int sent = c.farSends(down, 0);
            assertThat(c.takeAll()).hasSize(3);
            c.silentFor(50 * MS);
            t.plane.link.guestReads(0);
            t.runs(0);
            while (c.received().length < down.length) {
                sent = c.farSends(down, sent);
                c.takeAll();
                int before = c.received().length;
                c.sends(seg("A"));
                c.takeAll();
                assertThat(before == c.received().length && before == 0).isFalse();
            }
            assertThat(c.received()).isEqualTo(down);
            c.sends(seg("A")).silentFor(S);
        }
    }

    @Test
    void acknowledgmentThatFoundTheLinkFullComesLater() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            t.plane.link.guestStopsAfter(0, 0);
            c.sends(data("hello")).silent();
            t.plane.link.guestReads(0);
            c.runs(0).gets(seg("A").ack(6)).silent();
        }
    }

    /** Nobody waits for somebody whose guest side is slow. */
    @Test
    void flowsShareTheLink() {
        try (var t = TcpScenario.standard()) {
            List<TcpTalk> all = new ArrayList<>();
            for (int i = 0; i < 4; i++) {
                TcpTalk c = t.connected();
                all.add(c);
                c.far().send(bytes(60_000));
            }
            t.runs(0);
            for (TcpTalk c : all) {
                c.takeAll();
                assertThat(c.received()).isEqualTo(bytes(60_000));
                c.sends(seg("A"));
            }
        }
    }

    /** All memory is in flight, and a flow whose chunk is used up waits for another: its time-out still has it send again. */
    @Test
    void flowThatWaitsForMemorySendsAgainAfterATimeOut() {
        try (var t = TcpScenario.standard()) {
            int chunks = Limits.TCP_FLIGHT_BYTES / Limits.TCP_CHUNK_BYTES;
            List<TcpTalk> all = new ArrayList<>();
            for (int i = 0; i < chunks; i++) {
                TcpTalk c = t.connected();
                c.farSends(bytes(100_000), 0);
                c.takeAll();
                all.add(c);
            }
            all.subList(0, chunks / 2).forEach(c -> {
                c.sends(seg("A"));
                c.takeAll();
            });
            TcpTalk waiting = all.get(chunks - 1);
            long before = waiting.expected();
            while (true) { // until there is no more memory for it
                waiting.sends(ack(waiting.expected() - MSS));
                waiting.takeAll();
                if (waiting.expected() == before) {
                    break;
                }
                before = waiting.expected();
            }
            assertThat(before).as("what its host had is not all").isBetween(30_000L, 100_000L);
            t.runs(S);
            assertThat(waiting.takeAll()).isNotEmpty();
            all.forEach(TcpTalk::takeAll);
        }
    }

    @Test
    void manySmallWritesOfTheHostAreFewSegments() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] down = bytes(1000);
            for (int i = 0; i < 1000; i += 10) {
                c.far().send(Arrays.copyOfRange(down, i, i + 10));
            }
            t.runs(0);
            assertThat(c.takeAll()).hasSizeLessThan(5);
            assertThat(c.received()).isEqualTo(down);
            c.sends(seg("A")).silentFor(S);
        }
    }
}
