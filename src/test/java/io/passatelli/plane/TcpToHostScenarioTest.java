package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Limits;
import io.passatelli.os.sim.StreamPeer;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.S;
import static io.passatelli.plane.TcpScenario.bytes;
import static io.passatelli.plane.TcpTalk.data;
import static io.passatelli.plane.TcpTalk.seg;
import static org.assertj.core.api.Assertions.assertThat;

/** What the guest sends reaches the host: acknowledgments, windows, what is lost and out of order. */
@Tag("sim")
class TcpToHostScenarioTest {
    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }

    private static void assertGot(TcpTalk c, String expected) {
        assertThat(c.far().receive()).isEqualTo(text(expected));
    }

    // ---- one batch

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void segmentsOfABatchAreOneCallAndOneAcknowledgment(boolean v4) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected(v4);
            int calls = t.calls("sendmsg");
            for (int i = 0; i < 10; i++) {
                c.puts(data("0123456789"));
            }
            c.runs(0).gets(seg("A").ack(101)).silentFor(S);
            assertThat(t.calls("sendmsg") - calls).isEqualTo(1);
            assertGot(c, "0123456789".repeat(10));
            t.plane.dropped();
        }
    }

    /** What the kernel took needs no delay. */
    @Test
    void everyBatchIsAcknowledgedAtOnce() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            for (int i = 1; i <= 5; i++) {
                c.sends(data("a")).gets(seg("A").ack(1 + i)).silent();
            }
        }
    }

    @Test
    void flowsOfABatchAreAcknowledgedOnceEach() {
        try (var t = TcpScenario.standard()) {
            TcpTalk a = t.connected();
            TcpTalk b = t.connected();
            for (int i = 0; i < 4; i++) {
                a.puts(data("aa"));
                b.puts(data("b"));
            }
            t.runs(0);
            a.gets(seg("A").ack(9)).silent();
            b.gets(seg("A").ack(5)).silent();
            assertGot(a, "aaaaaaaa");
            assertGot(b, "bbbb");
        }
    }

    @Test
    void disorderWithinABatchIsHealed() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sendsTogether(data("abc"), data("ghi").seq(7), data("def").seq(4))
                    .gets(seg("A").ack(10))
                    .silentFor(S);
            assertGot(c, "abcdefghi");
            t.plane.dropped();
        }
    }

    @Test
    void finThatCameAheadOfItsDataInABatchWaitsForIt() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sendsTogether(seg("FA").seq(4).data("def"), data("abc").seq(1)).gets(seg("A").ack(8));
            assertGot(c, "abcdef");
            assertThat(c.far().atEnd()).isTrue();
        }
    }

    // ---- what is there already, what is missing

    @Test
    void overlapIsCutOff() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(data("abcdef")).gets(seg("A").ack(7));
            c.sends(data("defghi").seq(4)).gets(seg("A").ack(10));
            c.sendsTogether(data("ghijkl").seq(7), data("jklmno").seq(10)).gets(seg("A").ack(16));
            assertGot(c, "abcdefghijklmno");
        }
    }

    @Test
    void whatIsOldIsAcknowledgedAgainAndNotDelivered() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(data("abcdef")).gets(seg("A").ack(7));
            assertGot(c, "abcdef");
            c.sends(data("abcdef").seq(1)).gets(seg("A").ack(7)).silent();
            c.sends(data("def").seq(4)).gets(seg("A").ack(7)).silent();
            assertThat(c.far().receive()).isEmpty();
        }
    }

    @Test
    void gapIsAnsweredByThreeDuplicatesOnceWhateverComesBehindIt() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(data("abc")).gets(seg("A").ack(4));
            c.sends(data("ghi").seq(7));
            for (int i = 0; i < 3; i++) {
                c.gets(seg("A").ack(4));
            }
            c.silent();
            for (int i = 0; i < 20; i++) {
                c.sends(data("xyz").seq(10 + 3 * i)).silent();
            }
            c.silentFor(100 * MS);
            c.sends(data("def").seq(4)).gets(seg("A").ack(70)).silent();
            assertGot(c, "abcdefghi" + "xyz".repeat(20));
            assertThat(t.plane.count(Drop.TCP_GAP)).isZero();
        }
    }

    @Test
    void duplicatesTellOfWhatTheBatchBroughtBefore() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sendsTogether(data("abc"), data("ghi").seq(7));
            List<TcpSegment> got = c.takeAll();
            assertThat(got).hasSizeBetween(3, 4); // the first may be new
            assertThat(got).allSatisfy(a -> assertThat(a.ack() - c.guestStart()).isEqualTo(4));
            assertThat(got)
                    .extracting(TcpSegment::window)
                    .containsOnly(got.getFirst().window());
            assertGot(c, "abc");
        }
    }

    @Test
    void everyGapGetsItsDuplicates() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            for (int i = 0; i < 3; i++) {
                long at = c.next();
                c.sends(data("bb").seq(at + 2));
                assertThat(c.takeAll()).hasSize(3);
                c.sends(data("aa").seq(at)).gets(seg("A").ack(at + 4)).silent();
            }
            assertGot(c, "aabbaabbaabb");
        }
    }

    @Test
    void severalGapsAreHealedByWhatIsMissingAlone() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sendsTogether(
                    data("B").seq(2),
                    data("D").seq(4),
                    data("F").seq(6),
                    data("H").seq(8));
            c.takeAll();
            for (int i = 4; i < Limits.TCP_AHEAD_RANGES; i++) {
                c.sends(data("x").seq(100 + 2 * i)).silent();
            }
            assertThat(t.plane.count(Drop.TCP_GAP)).isZero();
            c.sends(data("J").seq(10)).silent(); // one range more than are kept
            assertThat(t.plane.count(Drop.TCP_GAP)).isEqualTo(1);
            c.sends(data("E").seq(5)).sends(data("A").seq(1));
            assertThat(c.takeAll())
                    .allSatisfy(a -> assertThat(a.ack() - c.guestStart()).isEqualTo(3));
            c.sends(data("C").seq(3));
            assertThat(c.takeAll().getFirst().ack() - c.guestStart()).isEqualTo(7);
            c.sends(data("G").seq(7)).gets(seg("A").ack(9)).takeAll();
            assertGot(c, "ABCDEFGH");
        }
    }

    @Test
    void whatOverlapsBehindAGapIsDeliveredOnce() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(data("def").seq(4)).takeAll();
            c.sends(data("efgh").seq(5)).sends(data("cd").seq(3)).silent();
            c.sends(data("abcde").seq(1)).gets(seg("A").ack(9)).silent();
            assertGot(c, "abcdefgh");
        }
    }

    @Test
    void finBehindAGapIsTakenWhenThatIsFilled() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(seg("FA").seq(4));
            assertThat(c.takeAll()).hasSize(3).allSatisfy(a -> assertThat(a.ack() - c.guestStart())
                    .isEqualTo(1));
            assertThat(c.far().atEnd()).isFalse();
            c.sends(data("abc").seq(1)).gets(seg("A").ack(5));
            assertGot(c, "abc");
            assertThat(c.far().atEnd()).isTrue();
        }
    }

    // ---- what segments look like

    @ParameterizedTest
    @ValueSource(strings = {"a", "ab", "abcdef"})
    void paddingOfEthernetIsNotData(String payload) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] frame = c.made(data(payload)).fromGuest();
            byte[] padded = Arrays.copyOf(frame, frame.length + 7);
            Arrays.fill(padded, frame.length, padded.length, (byte) 'x');
            t.plane.guestSends(padded).runs(0);
            c.gets(seg("A").ack(1 + payload.length()));
            assertGot(c, payload);
        }
    }

    @Test
    void optionsBeforeTheDataAreNotData() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(data("hello").options("0101080a0000000100000002")).gets(seg("A").ack(6));
            c.sends(data("again").options("01".repeat(40))).gets(seg("A").ack(11));
            assertGot(c, "helloagain");
        }
    }

    @Test
    void urgentDataIsData() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(seg("UPA").data("stop")).gets(seg("A").ack(5));
            assertGot(c, "stop");
        }
    }

    @Test
    void extensionHeadersOfIp6MayStandBefore() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected(false);
            TcpSegment s = c.made(data("hello"));
            byte[] packet = Packets6.ip6(60, s.src(), s.dst(), Packets6.options(6, 8, s.bytes()));
            t.plane.guestSends(Packets6.frame(packet)).runs(0);
            c.gets(seg("A").ack(6));
            assertGot(c, "hello");
        }
    }

    @Test
    void fragmentsOfOneSegmentArePutTogether() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] sent = bytes(1400);
            TcpSegment s = c.made(data(sent));
            Packets6.fragments4(6, s.src(), s.dst(), 7, s.bytes(), 600).forEach(t.plane::guestSends);
            t.runs(0);
            c.gets(seg("A").ack(1401));
            assertThat(c.far().receive()).isEqualTo(sent);
        }
    }

    @Test
    void dataThatIsScatteredOverTheLinksMemoryIsWhole() {
        try (var t = TcpScenario.standard()) {
            t.plane.link.scatters(160, 4096);
            TcpTalk c = t.connected();
            byte[] sent = bytes(1460);
            c.sends(data(sent)).gets(seg("A").ack(1461));
            assertThat(c.far().receive()).isEqualTo(sent);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void wrongChecksumIsDropped(boolean v4) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected(v4);
            byte[] frame = c.made(data("hello").seq(1)).fromGuest();
            frame[frame.length - 1] ^= 1;
            t.plane.guestSends(frame).runs(0);
            c.silent();
            assertThat(c.far().receive()).isEmpty();
            assertThat(t.plane.count(Drop.TCP_BAD_CHECKSUM)).isEqualTo(1);
            c.sends(data("hello").seq(1)).gets(seg("A").ack(6));
        }
    }

    // ---- the host does not read

    /** Room in the kernel and in the stash is what the window offers; so whatever the guest sends into it is kept. */
    @Test
    void noByteWithinTheWindowIsLostThoughTheHostDoesNotRead() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] up = bytes(8 << 20);
            int sent = c.fills(up);
            assertThat(sent).as("filled").isBetween(131_072 + 69_120, up.length - 1);
            assertThat(t.plane.count(Drop.TCP_NO_ROOM)).isZero();
            assertThat(t.plane.count(Drop.TCP_GAP)).isZero();
            assertThat(c.ourEdge()).as("window").isEqualTo(c.next());

            c.silentFor(10 * S);
            var got = new ByteArrayOutputStream();
            for (int idle = 0; got.size() < up.length; idle++) { // reading opens the window by itself
                assertThat(idle).isLessThan(10_000);
                got.writeBytes(c.far().receive(50_000));
                c.runs(MS).takeAll();
                sent = c.sendsWhatFits(up, sent);
                c.takeAll();
            }
            assertThat(got.toByteArray()).isEqualTo(up);
            t.runs(S);
            c.takeAll();
            assertThat(t.plane.count(Drop.TCP_NO_ROOM) + t.plane.count(Drop.TCP_GAP))
                    .isZero();
        }
    }

    @Test
    void whatTheKernelDidNotTakeIsAcknowledgedBeforeTheGuestsTimerRuns() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] up = bytes(4 << 20);
            int at = 0;
            long latestNs = 0;
            while (at < up.length && c.ourEdge() > c.next()) {
                at = c.sendsWhatFits(up, at);
                c.takeAll();
                long beganNs = t.plane.clock.nowNs();
                while (c.acked() < c.next()) {
                    t.runs(MS);
                    c.takeAll();
                    assertThat(t.plane.clock.nowNs() - beganNs).isLessThanOrEqualTo(41 * MS);
                }
                latestNs = Math.max(latestNs, t.plane.clock.nowNs() - beganNs);
            }
            assertThat(at).isLessThan(up.length);
            assertThat(latestNs).as("something waited").isPositive();
            c.takeAll();
        }
    }

    @Test
    void windowThatWasClosedOpensAsSoonAsTheHostReads() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.fills(bytes(8 << 20));
            int turns = t.calls("epollWait");
            c.silentFor(20 * S);
            assertThat(t.calls("epollWait") - turns)
                    .as("turns of the loop while nothing happens")
                    .isLessThan(20);
            long edge = c.ourEdge();
            c.far().receive(1 << 20);
            c.runs(MS);
            for (int i = 0; i < 100 && c.ourEdge() == edge; i++) {
                c.far().receive(1 << 20);
                c.runs(MS).takeAll();
            }
            assertThat(c.ourEdge() - edge).as("opened").isGreaterThanOrEqualTo(2 * 1460);
            c.takeAll();
        }
    }

    /** The kernel is asked to tell of room before there is none, so that the window is large again when the guest has used it up. */
    @Test
    void windowGrowsAgainWithoutAWordOfTheGuestBeforeItIsClosed() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] up = bytes(131_072 + 55_000); // the host's buffer, and more than two thirds of ours
            for (int at = 0; at < up.length; at += 10_000) { // never more than there is room for
                c.sendsAll(Arrays.copyOfRange(up, at, Math.min(up.length, at + 10_000)));
            }
            assertThat(c.acked()).isEqualTo(up.length + 1);
            long edge = c.ourEdge();
            assertThat(edge).isGreaterThan(c.next());
            while (c.far().receive().length > 0) {
                c.runs(MS);
            }
            c.takeAll();
            assertThat(c.ourEdge() - edge).isGreaterThan(20_000);
        }
    }

    @Test
    void guestsProbeOfAClosedWindowIsAnsweredWithOurNumbers() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] up = bytes(8 << 20);
            int sent = c.fills(up);
            long full = c.next();
            c.sends(seg("A").seq(full - 1)).gets(seg("A").ack(full).window(0)).silent(); // Linux
            c.sends(data(new byte[] {up[sent]}))
                    .gets(seg("A").ack(full).window(0))
                    .silent(); // BSD
            c.runs(5 * S).silent();
            c.withdraws(1);
            while (c.far().receive().length > 0) {
                c.runs(MS).takeAll();
            }
            assertThat(c.sendsWhatFits(up, sent)).isGreaterThan(sent);
            c.takeAll();
        }
    }

    @Test
    void probeOfAClosedWindowThatBringsTheFinTooIsAnswered() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] up = bytes(8 << 20);
            int sent = c.fills(up);
            long full = c.next();
            c.sends(seg("FA").data(new byte[] {up[sent]}))
                    .gets(seg("A").ack(full).window(0))
                    .silent();
            c.withdraws(2);
            c.far().receive();
            c.runs(MS).takeAll();
        }
    }

    /** Each acknowledgment rounds the window up: as many bytes as it promises have to have a place. */
    @Test
    void smallSegmentsBehindAFullSocketAllHaveTheirPlace() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] up = bytes(8 << 20);
            int sent = 0;
            while (c.acked() == c.next() || sent == 0) { // until the socket is full, and the stash in use
                sent = c.sendsWhatFits(Arrays.copyOf(up, Math.min(up.length, sent + 8 * 1460)), sent);
                c.takeAll();
            }
            c.runs(100 * MS).takeAll();
            assertThat(c.acked()).isEqualTo(c.next());
            int segments = 0;
            while (c.ourEdge() > c.next()) {
                sent = c.sendsWhatFits(Arrays.copyOf(up, sent + 100), sent);
                c.takeAll();
                segments++;
            }
            assertThat(segments).isGreaterThan(1_000);
            assertThat(t.plane.count(Drop.TCP_NO_ROOM)).isZero();
            c.runs(S).takeAll();
            var got = new ByteArrayOutputStream();
            for (int idle = 0; got.size() < sent; idle++) {
                assertThat(idle).isLessThan(10_000);
                got.writeBytes(c.far().receive());
                c.runs(MS).takeAll();
            }
            assertThat(got.toByteArray()).isEqualTo(Arrays.copyOf(up, sent));
        }
    }

    @Test
    void whatLiesBehindTheWindowIsCutOff() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] up = bytes(8 << 20);
            int sent = 0;
            while (c.ourEdge() - c.next() > 1460) {
                sent = c.sendsWhatFits(Arrays.copyOf(up, (int) (sent + c.ourEdge() - c.next() - 100)), sent);
                c.runs(S).takeAll();
            }
            long edge = c.ourEdge();
            int room = (int) (edge - c.next());
            assertThat(room).isPositive();
            c.sends(seg("A").data(Arrays.copyOfRange(up, sent, sent + room + 500)));
            c.runs(S).takeAll();
            assertThat(c.acked()).as("no further than offered").isLessThanOrEqualTo(Math.max(edge, c.ourEdge()));
            c.takeAll();
        }
    }

    @Test
    void oneHostThatDoesNotReadKeepsNobodyElseWaiting() {
        try (var t = TcpScenario.standard()) {
            TcpTalk stuck = t.connected();
            stuck.fills(bytes(8 << 20));
            TcpTalk c = t.connected();
            byte[] up = bytes(1 << 20);
            StreamPeer far = c.far();
            var got = new ByteArrayOutputStream();
            for (int at = 0, idle = 0; got.size() < up.length; idle++) {
                assertThat(idle).isLessThan(1000);
                at = c.sendsWhatFits(up, at);
                got.writeBytes(far.receive());
                c.takeAll();
            }
            assertThat(got.toByteArray()).isEqualTo(up);
            c.takeAll();
        }
    }

    @Test
    void manyTinySegmentsArrive() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            byte[] up = bytes(20_000);
            for (int at = 0; at < up.length; at += 4) {
                c.puts(seg("A").data(Arrays.copyOfRange(up, at, at + 4)));
            }
            for (int i = 0; c.acked() < up.length + 1; i++) {
                assertThat(i).isLessThan(100);
                c.runs(0).takeAll();
            }
            assertThat(c.far().receive()).isEqualTo(up);
        }
    }

    // ---- the host has gone

    @Test
    void dataForAHostThatClosedResetsTheGuest() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.far().close();
            c.runs(0).gets(seg("FA")).sends(seg("A"));
            c.sends(data("hello"));
            c.runs(0);
            List<TcpSegment> got = c.takeAll();
            assertThat(got).isNotEmpty();
            assertThat(got.getLast().has(TcpSegment.RST)).isTrue();
            t.hasFlows(0);
        }
    }

    // ---- keepalive

    @ParameterizedTest
    @ValueSource(strings = {"", "x"})
    void guestsKeepaliveIsAnsweredWithOurNumbersAndDeliversNothing(String octet) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(data("abc")).gets(seg("A").ack(4));
            assertGot(c, "abc");
            c.sends(seg("A").seq(3).data(octet)).gets(seg("A").seq(1).ack(4)).silent();
            assertThat(c.far().receive()).isEmpty();
            t.hasFlows(1);
        }
    }

    /** So a peer that is gone is found as well as a guest that is. */
    @Test
    void guestThatAsksWhetherWeAreThereMakesTheKernelAskThePeer() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            assertThat(t.options()).doesNotContain("1/9=1");
            c.sends(seg("A").seq(0)).gets(seg("A").seq(1)).runs(MS);
            c.sends(seg("A").seq(0)).gets(seg("A").seq(1));
            assertThat(t.options()).containsOnlyOnce("1/9=1"); // SOL_SOCKET, SO_KEEPALIVE
        }
    }

    @Test
    void keepaliveOfAFreshConnectionIsAnswered() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(seg("A").seq(0)).gets(seg("A").seq(1).ack(1)).silent();
        }
    }

    @Test
    void plainAcknowledgmentsAreNotAnswered() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(seg("A"))
                    .sends(seg("A").window(1000))
                    .sends(seg("A").window(2000))
                    .silentFor(S);
        }
    }

    @Test
    void framesWithoutAnyUseAreTooShort() {
        try (var t = TcpScenario.standard()) {
            byte[] cut = Arrays.copyOf(t.connected().made(seg("A")).bytes(), 19);
            byte[] packet = Packets.ip4(6, PlaneScenario.GUEST, TcpScenario.FAR4, cut);
            t.plane
                    .guestSends(Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, packet))
                    .runs(0);
            t.plane.dropped(Drop.TCP_TRUNCATED);
        }
    }
}
