package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.util.ArrayList;
import java.util.List;

import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.S;
import static io.passatelli.plane.TcpScenario.FAR4;
import static io.passatelli.plane.TcpScenario.FAR_PORT;
import static io.passatelli.plane.TcpScenario.bytes;
import static io.passatelli.plane.TcpTalk.ack;
import static io.passatelli.plane.TcpTalk.data;
import static io.passatelli.plane.TcpTalk.seg;
import static org.assertj.core.api.Assertions.assertThat;

/** How connections end in order: FINs of either side, half-closed connections, keepalive, and what comes after the end. */
@Tag("sim")
class TcpCloseScenarioTest {
    private static byte[] text(String text) {
        return text.getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
    }

    /** Whoever ends first, with so many bytes still to come from the other, and the first FIN lost or not. */
    @ParameterizedTest
    @CsvSource({
        "true, 0, false",
        "true, 1000000, false",
        "false, 0, false",
        "false, 1000000, false",
        "false, 1000000, true"
    })
    void whoEndsFirstStillGetsAllThatTheOtherSends(boolean guestFirst, int left, boolean finLost) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] rest = bytes(left);
            if (guestFirst) {
                c.sends(data("bye")).gets(seg("A")).sends(seg("FA")).gets(seg("A").ack(5));
                assertThat(c.far().receive()).isEqualTo(text("bye"));
                assertThat(c.far().atEnd()).isTrue();
                t.hasFlows(1);
                guestReads(t, c, rest);
                c.far().shutdownWrite();
                c.runs(0).gets(seg("FA").ack(5)).sends(seg("A")).silent();
            } else {
                c.far().sendAll(text("bye")).shutdownWrite();
                t.runs(0);
                List<TcpSegment> got = c.takeAll();
                assertThat(got.getLast().has(TcpSegment.FIN)).isTrue();
                if (finLost) {
                    c.runs(210 * MS).gets(seg("FPA").seq(1).data("bye"));
                }
                c.sends(ack(5)).silentFor(S);
                t.hasFlows(1);
                hostReads(t, c, rest);
                c.sends(seg("FA")).gets(seg("A"));
                assertThat(c.far().atEnd()).isTrue();
                c.silent();
            }
            t.hasFlows(0);
            c.silentFor(60 * S);
        }
    }

    private static void guestReads(TcpScenario t, TcpTalk c, byte[] rest) {
        int begun = c.received().length;
        for (int sent = 0; c.received().length - begun < rest.length; ) {
            int before = c.received().length;
            sent = c.farSends(rest, sent);
            c.takeAll();
            c.sends(seg("A"));
            c.takeAll();
            assertThat(c.received().length).isGreaterThan(before);
        }
        t.runs(0);
        c.sends(seg("A")).silent();
    }

    private static void hostReads(TcpScenario t, TcpTalk c, byte[] rest) {
        var got = new ByteArrayOutputStream();
        for (int sent = 0, idle = 0; got.size() < rest.length; idle++) {
            assertThat(idle).isLessThan(10_000);
            sent = c.sendsWhatFits(rest, sent);
            got.writeBytes(c.far().receive());
            t.runs(0);
            c.takeAll();
        }
        assertThat(got.toByteArray()).isEqualTo(rest);
    }

    @Test
    void bothMayEndAtOnce() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.far().shutdownWrite();
            c.sends(seg("FA").ack(1)); // crosses ours
            List<TcpSegment> got = c.takeAll();
            assertThat(got).anyMatch(s -> s.has(TcpSegment.FIN));
            assertThat(got.getLast().ack() - c.guestStart()).isEqualTo(2);
            c.sends(ack(2)).silent();
            assertThat(c.far().atEnd()).isTrue();
            t.hasFlows(0);
        }
    }

    @Test
    void guestsFinIsRelayedBehindItsData() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(seg("FPA").data("last words")).gets(seg("A").ack(12));
            assertThat(c.far().receive()).isEqualTo(text("last words"));
            assertThat(c.far().atEnd()).isTrue();
        }
    }

    @Test
    void guestsFinWaitsUntilTheHostHasRoomForTheDataBeforeIt() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] up = bytes(8 << 20);
            int sent = c.fills(up);
            c.sends(seg("FA")).runs(S).takeAll();
            var got = new ByteArrayOutputStream();
            for (int idle = 0; got.size() < sent; idle++) {
                assertThat(idle).isLessThan(10_000);
                assertThat(c.far().atEnd()).isFalse();
                got.writeBytes(c.far().receive(100_000));
                c.runs(MS).takeAll();
            }
            if (!c.far().atEnd()) { // a FIN outside of our window has to come again
                c.sends(seg("FA").seq(1 + sent)).takeAll();
            }
            assertThat(c.far().atEnd()).isTrue();
            assertThat(got.toByteArray()).isEqualTo(java.util.Arrays.copyOf(up, sent));
            assertThat(c.acked()).isEqualTo(sent + 2);
            t.hasFlows(1);
        }
    }

    @Test
    void hostsFinStandsBehindAllItsData() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connect(t.talk(true).options(1460, 0).window(2000));
            c.far().sendAll(bytes(5000)).shutdownWrite();
            t.runs(0);
            assertThat(c.takeAll()).noneMatch(s -> s.has(TcpSegment.FIN));
            c.sends(seg("A"));
            assertThat(c.takeAll()).noneMatch(s -> s.has(TcpSegment.FIN));
            c.sends(seg("A"));
            assertThat(c.takeAll().getLast().has(TcpSegment.FIN)).isTrue();
            assertThat(c.expected()).isEqualTo(5002);
            c.sends(seg("A")).silentFor(S);
            t.hasFlows(1);
        }
    }

    /** It takes a number of its own, so it has to fit into the window as data have. */
    @Test
    void finWaitsForAClosedWindowToOpen() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(seg("A").window(0)).silent();
            c.far().shutdownWrite();
            c.runs(250 * MS).gets(seg("A").seq(0)).sends(seg("A").window(0)).silent();
            c.sends(seg("A")).gets(seg("FA")).sends(seg("A")).silentFor(S);
        }
    }

    @Test
    void finDoesNotGoBeyondTheWindowWithItsData() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connect(t.talk(true).options(1460, 0).window(1000));
            c.far().sendAll(bytes(1000)).shutdownWrite();
            t.runs(0);
            c.gets(data(bytes(1000))).silentFor(5 * MS);
            c.sends(ack(1001).window(0)).silentFor(150 * MS);
            c.runs(100 * MS).gets(seg("A").seq(1000)).sends(ack(1001).window(0)).silent();
            c.sends(ack(1001).window(1))
                    .gets(seg("FA").seq(1001))
                    .sends(seg("A"))
                    .silentFor(S);
            t.hasFlows(1);
        }
    }

    @Test
    void hostsFinIsRepeatedUntilTheGuestAcknowledgesIt() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.far().shutdownWrite();
            c.runs(0).gets(seg("FA").seq(1));
            c.silentFor(190 * MS).runs(20 * MS).gets(seg("FA").seq(1));
            c.silentFor(370 * MS).runs(50 * MS).gets(seg("FA").seq(1));
            c.sends(seg("A")).silentFor(5 * S);
            t.hasFlows(1);
        }
    }

    @Test
    void finThatWasLostWithTheDataBeforeItComesBehindIt() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.far().sendAll(bytes(3000)).shutdownWrite();
            t.runs(0);
            assertThat(c.takeAll().getLast().has(TcpSegment.FIN)).isTrue();
            c.sends(ack(1461)); // the rest is lost
            List<TcpSegment> got = new ArrayList<>(c.takeAll());
            long have = 1461;
            for (int i = 0; i < 40 && have < 3002; i++) {
                t.runs(100 * MS);
                got.addAll(c.takeAll());
                for (TcpSegment s : got) {
                    int seq = s.seq() - c.ourStart();
                    have = seq <= have ? Math.max(have, seq + s.seqLength()) : have;
                }
                got.clear();
                c.sends(ack(have));
                got.addAll(c.takeAll());
            }
            assertThat(have).isEqualTo(3002);
            c.sends(ack(3002)).takeAll();
            c.silentFor(5 * S);
        }
    }

    @Test
    void guestThatNeverAcknowledgesTheFinIsGivenUp() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.far().shutdownWrite();
            c.runs(700 * S);
            List<TcpSegment> got = c.takeAll();
            assertThat(got.removeLast().has(TcpSegment.RST)).isTrue();
            assertThat(got).hasSize(11).allMatch(s -> s.has(TcpSegment.FIN));
            t.hasFlows(0);
        }
    }

    @Test
    void guestsFinIsAcknowledgedEachTimeItComes() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(seg("FA")).gets(seg("A").ack(2));
            c.runs(200 * MS).sends(seg("FA").seq(1)).gets(seg("A").ack(2)).silent();
            assertThat(c.far().atEnd()).isTrue();
            t.hasFlows(1);
        }
    }

    @Test
    void whatTheGuestSendsBehindItsFinIsNotDelivered() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(seg("FA")).gets(seg("A").ack(2));
            c.sends(data("more")).withdraws(4);
            c.takeAll();
            assertThat(c.far().atEnd()).isTrue();
            assertThat(t.plane.count(Drop.TCP_AFTER_FIN)).isEqualTo(1);
            c.farSends(bytes(100), 0);
            c.gets(data(bytes(100)).ack(2)).sends(seg("A")).silent();
            t.hasFlows(1);
        }
    }

    // ---- half-closed and quiet

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void halfClosedConnectionsCostNoTurns(boolean guestFirst) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            if (guestFirst) {
                c.sends(seg("FA")).gets(seg("A").ack(2));
            } else {
                c.far().shutdownWrite();
                c.runs(0).gets(seg("FA")).sends(seg("A"));
            }
            int turns = t.calls("epollWait");
            c.silentFor(25 * S);
            assertThat(t.calls("epollWait") - turns).isLessThan(20);
            t.hasFlows(1);
        }
    }

    // ---- keepalive

    @Test
    void guestThatIsQuietForHalfAMinuteIsAskedWhetherItIsThere() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(data("x")).gets(seg("A"));
            c.silentFor(29 * S).runs(2 * S).gets(seg("A").seq(0)).silent();
            c.sends(seg("A")).silentFor(28 * S).runs(3 * S).gets(seg("A").seq(0));
            c.sends(seg("A"));
            t.hasFlows(1);
        }
    }

    @Test
    void guestThatLostItsStateResetsTheHost() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.runs(31 * S).gets(seg("A").seq(0));
            c.sends(seg("R").seq(1)).silent();
            assertThat(c.far().wasReset()).isTrue();
            t.hasFlows(0);
        }
    }

    @Test
    void guestThatTalksIsNotAsked() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            for (int i = 0; i < 10; i++) {
                c.silentFor(20 * S).sends(data("x")).gets(seg("A"));
            }
        }
    }

    /** Whoever only answers our own questions is idle; between two and four hours of it are enough. */
    @Test
    void connectionOnWhichNothingIsSaidForHoursEnds() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            long startNs = t.plane.clock.nowNs();
            while (t.plane.stats().flows() > 0) {
                t.runs(10 * S);
                assertThat(t.plane.clock.nowNs() - startNs).isLessThan(4 * 3600 * S + 60 * S);
                for (TcpSegment s : c.takeAll()) {
                    if (!s.has(TcpSegment.RST)) {
                        c.sends(seg("A"));
                    }
                }
            }
            assertThat(t.plane.clock.nowNs() - startNs).isGreaterThanOrEqualTo(7200 * S - 60 * S);
            assertThat(c.far().wasReset()).isTrue();
            assertThat(t.plane.count(Drop.TCP_IDLE)).isEqualTo(1);
        }
    }

    // ---- the same names again

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void namesCanBeUsedAgainAtOnce(boolean reset) {
        try (var t = TcpScenario.standard()) {
            t.listens(true);
            for (int i = 0; i < 5; i++) {
                TcpTalk c = t.connect(t.talk(PlaneScenario.GUEST, 41_000, FAR4, FAR_PORT)
                        .options(1460, 7)
                        .startsAt(50_000 * i));
                c.sends(data("hello")).gets(seg("A").ack(6));
                assertThat(c.far().receive()).isEqualTo(text("hello"));
                if (reset) {
                    c.sends(seg("R")).silent();
                } else {
                    c.far().shutdownWrite();
                    c.runs(0).gets(seg("FA")).sends(seg("FA")).gets(seg("A")).silent();
                }
                t.hasFlows(0);
            }
        }
    }

    @Test
    void manyConnectionsComeAndGo() {
        try (var t = TcpScenario.standard()) {
            int open = t.plane.os.openDescriptors();
            for (int i = 0; i < 300; i++) {
                TcpTalk c = t.connected();
                c.sends(data("GET /")).gets(seg("A"));
                c.far().sendAll(text("200")).shutdownWrite();
                t.runs(0);
                c.takeAll();
                c.sends(seg("FA")).gets(seg("A")).silent();
                c.far().close();
            }
            t.hasFlows(0);
            assertThat(t.plane.os.openDescriptors()).isEqualTo(open);
            t.plane.dropped();
        }
    }
}
