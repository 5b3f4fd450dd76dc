package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.os.Errno;
import io.passatelli.os.sim.FarListener;
import io.passatelli.os.sim.StreamPeer;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;

import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.S;
import static io.passatelli.plane.TcpScenario.bytes;
import static io.passatelli.plane.TcpTalk.ack;
import static io.passatelli.plane.TcpTalk.data;
import static io.passatelli.plane.TcpTalk.seg;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

/** Resets of either side in every state, segments of connections that there are not, and what RFC 5961 asks for. */
@Tag("sim")
class TcpResetScenarioTest {
    /** Where a connection may be. */
    enum State {
        CONNECTING,
        SYN_ACK_SENT,
        SYN_SENT,
        QUIET,
        FLYING,
        STASHED,
        GUEST_ENDED,
        HOST_ENDED,
        HOST_ENDED_AND_ACKNOWLEDGED;

        boolean isEstablished() {
            return compareTo(QUIET) >= 0;
        }
    }

    private static TcpTalk in(State state, TcpScenario t) {
        return switch (state) {
            case CONNECTING -> t.talk(true).options(1460, 7).syn();
            case SYN_ACK_SENT -> {
                FarListener listener = t.listens(true);
                TcpTalk c = t.talk(true).options(1460, 7).syn().gets(seg("SA"));
                yield c.far(requireNonNull(listener.accept()));
            }
            case SYN_SENT -> t.asked().gets(seg("S"));
            case QUIET -> t.connected();
            case FLYING -> {
                TcpTalk c = t.connected();
                c.farSends(bytes(5000), 0);
                c.takeAll();
                yield c;
            }
            case STASHED -> {
                TcpTalk c = t.connected();
                c.fills(bytes(8 << 20));
                yield c;
            }
            case GUEST_ENDED -> t.connected().sends(seg("FA")).gets(seg("A").ack(2));
            case HOST_ENDED, HOST_ENDED_AND_ACKNOWLEDGED -> {
                TcpTalk c = t.connected();
                c.far().shutdownWrite();
                c.runs(0).gets(seg("FA"));
                yield state == State.HOST_ENDED ? c : c.sends(seg("A"));
            }
        };
    }

    @ParameterizedTest
    @EnumSource
    void guestsResetIsTheHosts(State state) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = in(state, t);
            int lingers = t.calls("linger0");
            c.sends(state == State.SYN_SENT ? seg("RA").seq(0).ack(1) : seg("R"))
                    .silent();
            t.hasFlows(0);
            if (state != State.CONNECTING) {
                assertReset(c.far(), state == State.GUEST_ENDED);
                assertThat(t.calls("linger0") - lingers).isEqualTo(1);
                assertThat(t.plane.count(Drop.TCP_RESET_BY_GUEST)).isEqualTo(1);
            }
            c.silentFor(10 * S);
        }
    }

    /** A guest that is gone for good: FIN would say that it had sent all. */
    @ParameterizedTest
    @EnumSource
    void endOfAllFlowsIsAResetUnlessTheGuestHadEnded(State state) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = in(state, t);
            int lingers = t.calls("linger0");
            t.plane.plane.endFlows();
            t.runs(0);
            t.hasFlows(0);
            boolean ended = state == State.GUEST_ENDED;
            assertThat(t.calls("linger0") - lingers).isEqualTo(ended ? 0 : 1);
            if (ended) {
                assertThat(c.far().atEnd()).isTrue();
            } else if (state != State.CONNECTING) {
                assertReset(c.far(), false);
            }
            c.takeAll();
        }
    }

    /** What had arrived can still be read. A program that has read the end hears of it when it writes. */
    private static void assertReset(StreamPeer far, boolean ended) {
        long left = far.peek();
        while (left > 0) {
            far.receive();
            left = far.peek();
        }
        assertThat(ended ? far.send(bytes(1)) : left).as("reset, not ended").isIn(-(long) Errno.ECONNRESET, -(long)
                Errno.EPIPE);
    }

    @ParameterizedTest
    @EnumSource(names = "CONNECTING", mode = EnumSource.Mode.EXCLUDE)
    void hostsResetIsTheGuests(State state) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = in(state, t);
            c.far().reset();
            t.runs(0);
            t.hasFlows(0);
            if (state == State.SYN_SENT) {
                c.takeAll(); // a guest in SYN-RECEIVED needs it, one that said nothing yet does not
            } else {
                c.gets(seg("RA").ack(state == State.STASHED ? c.acked() : c.next()))
                        .silent();
                assertThat(t.plane.count(Drop.TCP_RESET_BY_HOST)).isEqualTo(1);
            }
            c.silentFor(10 * S);
        }
    }

    /** tcp(7): a program that closes with data unread says by a reset that it was lost. */
    @Test
    void hostThatClosesWithDataUnreadResetsTheGuest() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(data("unread")).gets(seg("A"));
            c.far().close();
            c.runs(0).gets(seg("RA")).silent();
            t.hasFlows(0);
        }
    }

    @Test
    void hostsDataBeforeItsResetMayBeLostButNothingElseIs() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.far().sendAll(bytes(100));
            c.far().reset();
            t.runs(0);
            List<TcpSegment> got = c.takeAll();
            assertThat(got.getLast().has(TcpSegment.RST)).isTrue();
            assertThat(bytes(100)).startsWith(c.received());
        }
    }

    @Test
    void afterItsResetTheGuestHearsNothingButResets() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.far().reset();
            c.runs(0).gets(seg("RA"));
            c.sends(data("late").ack(1)).gets(seg("R").seq(1)).silent();
            c.sends(seg("A").ack(1)).gets(seg("R").seq(1)).silent();
            assertThat(t.plane.count(Drop.TCP_NO_FLOW)).isEqualTo(2);
        }
    }

    // ---- segments of nobody, RFC 9293 §3.10.7.1

    @ParameterizedTest
    @CsvSource({"A, 0", "A, 10", "PA, 100", "FA, 0", "FPA, 5", "SA, 0"})
    void segmentOfNobodyIsAnsweredByAResetWithItsAcknowledgment(String flags, int length) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.talk(true).sends(seg(flags).seq(7000).ack(123_456).data(bytes(length)));
            TcpSegment reset = c.take();
            assertThat(reset.flags()).isEqualTo(TcpSegment.RST);
            assertThat(reset.seq()).isEqualTo(123_456);
            assertThat(reset.payload()).isEmpty();
            c.silent();
            t.plane.dropped(Drop.TCP_NO_FLOW);
        }
    }

    @ParameterizedTest
    @CsvSource({"'', 0, 0", "'', 10, 10", "P, 100, 100", "F, 0, 1", "F, 7, 8"})
    void segmentOfNobodyWithoutAcknowledgmentIsAcknowledgedByTheReset(String flags, int length, int space) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.talk(true).sends(seg(flags).seq(7000).data(bytes(length)));
            TcpSegment reset = c.take();
            assertThat(reset.flags()).isEqualTo(TcpSegment.RST | TcpSegment.ACK);
            assertThat(reset.seq()).isZero();
            assertThat(reset.ack() - c.guestStart()).isEqualTo(7000 + space);
            c.silent();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"R", "RA", "RPA", "RF", "RFA"})
    void resetOfNobodyIsNotAnswered(String flags) {
        try (var t = TcpScenario.standard()) {
            t.talk(true).sends(seg(flags).seq(7000).ack(1)).silentFor(S);
            t.talk(false).sends(seg(flags).seq(7000).ack(1).data("x")).silentFor(S);
            assertThat(t.plane.count(Drop.TCP_STRAY_RESET)).isEqualTo(2);
        }
    }

    // ---- RFC 5961

    @Test
    void resetWithinTheWindowButNotAtItsStartIsQuestioned() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(seg("R").seq(100)).gets(seg("A").seq(1).ack(1)).silent();
            t.hasFlows(1);
            c.sends(seg("R").seq(1)).silent(); // the guest's answer, if it is gone
            t.hasFlows(0);
            assertThat(c.far().wasReset()).isTrue();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, -1, -100_000, 50_000_000, 2_000_000_000})
    void resetOutsideOfTheWindowIsNothing(long seq) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(seg("R").seq(seq)).silent();
            t.hasFlows(1);
            c.withdraws((int) Math.max(0, c.next() - 1));
            c.sends(data("x")).gets(seg("A").ack(2));
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 1, 500, -100_000, 1_000_000_000})
    void synOfAConnectionThatStandsIsQuestioned(long seq) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            c.sends(seg("S").seq(seq).options("020405b4")).withdraws((int) Math.max(0, c.next() - 1));
            c.gets(seg("A").seq(1).ack(1)).silent();
            assertThat(t.calls("connect")).isEqualTo(1);
            t.hasFlows(1);
        }
    }

    /** It knows nothing of the connection of the same names that it had: our question makes it say so, and its next SYN begins anew. */
    @Test
    void guestThatStartedAnewConnectsAfterOneRetry() {
        try (var t = TcpScenario.standard()) {
            TcpTalk old = t.connected();
            StreamPeer oldFar = old.far();
            int start = old.guestStart() + 50_000_000;
            old.puts(seg("S").seq(50_000_000).options("020405b401030307"))
                    .runs(0)
                    .withdraws(50_000_000);
            old.gets(seg("A").seq(1).ack(1));
            old.sends(seg("R").seq(1)).silent();
            assertThat(oldFar.wasReset()).isTrue();
            t.hasFlows(0);
            t.runs(S);
            TcpTalk again = t.connect(t.talk(PlaneScenario.GUEST, 40_000, TcpScenario.FAR4, TcpScenario.FAR_PORT)
                    .options(1460, 7)
                    .startsAt(start));
            again.sends(data("x")).gets(seg("A").ack(2));
        }
    }

    @Test
    void questionsAreNotAskedWithoutEnd() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            for (int i = 0; i < 1000; i++) {
                c.sends(seg("R").seq(100)).withdraws((int) (c.next() - 1));
            }
            int asked = c.takeAll().size();
            assertThat(asked).isBetween(1, 200);
            t.runs(2 * S);
            c.sends(seg("R").seq(100));
            assertThat(c.takeAll()).hasSize(1);
            t.hasFlows(1);
        }
    }

    @Test
    void dataOutsideOfTheWindowIsAnsweredAndDropped() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            for (long seq : new long[] {-50_000, 100_000_000, 2_000_000_000}) {
                c.sends(data("x").seq(seq)).withdraws((int) Math.max(0, c.next() - 1));
                assertThat(c.takeAll()).hasSizeLessThanOrEqualTo(1);
            }
            assertThat(c.far().receive()).isEmpty();
            c.runs(S).sends(data("y")).gets(seg("A").ack(2));
            assertThat(c.far().receive()).isEqualTo(new byte[] {'y'});
        }
    }

    // ---- the kernel says no

    @ParameterizedTest
    @ValueSource(ints = {Errno.ECONNRESET, Errno.EPIPE, Errno.ETIMEDOUT, Errno.ENOMEM})
    void errorOfSendingResetsTheGuest(int errno) {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            t.fails("sendmsg", errno, 1);
            c.sends(data("hello"));
            List<TcpSegment> got = c.takeAll();
            if (errno == Errno.ENOMEM && !got.isEmpty() && !got.getLast().has(TcpSegment.RST)) {
                return; // it may try again instead
            }
            assertThat(got.getLast().has(TcpSegment.RST)).isTrue();
            t.hasFlows(0);
        }
    }

    @Test
    void errorOfReceivingResetsTheGuest() {
        try (var t = TcpScenario.standard()) {
            TcpTalk c = t.connected();
            t.fails("recvmsg", Errno.ETIMEDOUT, 1);
            c.far().sendAll(bytes(10));
            c.runs(0).gets(seg("RA")).silent();
            t.hasFlows(0);
            assertThat(c.far().wasReset()).isTrue();
        }
    }

    @Test
    void faultOfOneFlowIsItsOwn() {
        try (var t = TcpScenario.standard()) {
            TcpTalk hurt = t.connected();
            TcpTalk well = t.connected();
            t.fails("recvmsg", Errno.ECONNRESET, 1);
            hurt.far().sendAll(bytes(10));
            hurt.runs(0).gets(seg("RA"));
            well.far().sendAll(bytes(10));
            well.runs(0).gets(data(bytes(10))).sends(ack(11)).silentFor(10 * MS);
            t.hasFlows(1);
        }
    }
}
