package io.passatelli.link;

import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.link.FaultLink.Faults;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.LinuxOs;
import io.passatelli.wire.Offload;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

class FaultLinkTest {
    private static final int HEADER = 54;
    private static final int FRAMES = 400;

    private EventLoop loop = new EventLoop(new LinuxOs(), () -> 0, Log.silent());
    private SimLink sim = SimLink.plain();
    private LinkEar ear = new LinkEar();
    private final List<byte[]> sent = new ArrayList<>();

    @AfterEach
    void close() {
        loop.close();
        assertThat(loop.invariantViolations()).isZero();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3})
    void withoutFaultsAllPassesUnchanged(long seed) {
        sim = new SimLink(sim.caps(), seed);
        FaultLink link = run(Faults.NONE, seed);
        assertThat(ear.frames).containsExactlyElementsOf(sent);
        assertThat(guestGot()).containsExactlyElementsOf(sent);
        assertThat(link.caps().lossless()).isTrue();
    }

    @Test
    void lostFramesAreCounted() {
        FaultLink link = run(Faults.loss(0.2), 1);
        assertThat(link.dropped()).isBetween(100L, 220L);
        assertThat(ear.frames.size() + guestGot().size()).isEqualTo((int) (2 * FRAMES - link.dropped()));
        assertThat(sent).containsSubsequence(ear.frames).containsSubsequence(guestGot());
        assertThat(link.caps().lossless()).isFalse();
    }

    @Test
    void duplicatesFollowTheirFrame() {
        FaultLink link = run(new Faults(0, 0.2, 0, 0, 0), 2);
        assertThat(link.duplicated()).isBetween(100L, 220L);
        assertThat(ear.frames.size() + guestGot().size()).isEqualTo((int) (2 * FRAMES + link.duplicated()));
        assertThat(guestGot()).containsSubsequence(sent);
    }

    @Test
    void framesThatChangePlacesAllArrive() {
        FaultLink link = run(new Faults(0, 0, 0.2, 0, 0), 3);
        assertThat(link.reordered()).isBetween(60L, 220L);
        assertThat(ear.frames).containsExactlyInAnyOrderElementsOf(sent);
        assertThat(guestGot()).containsExactlyInAnyOrderElementsOf(sent);
        assertThat(new Same(guestGot()).equals(new Same(sent))).isFalse();
    }

    @Test
    void aCorruptFrameHasOneBitWrong() {
        FaultLink link = run(new Faults(0, 0, 0, 0.2, 0), 4);
        long wrong = 0;
        for (int i = 0; i < FRAMES; i++) {
            wrong += bitsWrong(sent.get(i), ear.frames.get(i))
                    + bitsWrong(sent.get(i), guestGot().get(i));
        }
        assertThat(wrong).isEqualTo(link.corrupted()).isBetween(100L, 220L);
    }

    @Test
    void aCloggedLinkIsFullNowAndThenAndLosesNothing() {
        run(new Faults(0, 0, 0, 0, 0.3), 5);
        assertThat(ear.log).contains("writable 0");
        assertThat(guestGot()).containsExactlyElementsOf(sent);
    }

    @Test
    void theSameSeedDoesTheSame() {
        Faults faults = new Faults(0.1, 0.1, 0.1, 0.1, 0.1);
        run(faults, 6);
        Same first = new Same(guestGot());
        Same firstEar = new Same(ear.frames);
        close();
        loop = new EventLoop(new LinuxOs(), () -> 0, Log.silent());
        sim = SimLink.plain();
        ear = new LinkEar();
        sent.clear();
        run(faults, 6);
        assertThat(new Same(guestGot())).isEqualTo(first);
        assertThat(new Same(ear.frames)).isEqualTo(firstEar);
    }

    /** Sends {@link #FRAMES} either way. */
    private FaultLink run(Faults faults, long seed) {
        FaultLink link = new FaultLink(sim, faults, faults, seed);
        ear.link = link;
        link.bind(loop, ear);
        loop.onTurnEnd(now -> link.flush(0));
        loop.turn(0);
        TxBatch batch = new TxBatch(4);
        for (int i = 0; i < FRAMES; i++) {
            byte[] frame = Frames.frame(60 + i * 7 % 1_400, i);
            sent.add(frame);
            sim.guestSends(frame);
            while (!(i % 3 == 0 ? control(link, frame) : commit(link, batch, frame))) {
                loop.turn(0);
            }
            if (i % 10 == 0) {
                loop.turn(0);
            }
        }
        for (int i = 0; i < 2_000; i++) {
            loop.turn(0);
        }
        link.close();
        return link;
    }

    private static boolean control(Link link, byte[] frame) {
        assert frame.length <= Limits.CONTROL_FRAME_BYTES;
        return link.control(0, Frames.inMemory(frame), 0, frame.length, new Offload());
    }

    private static boolean commit(Link link, TxBatch batch, byte[] frame) {
        if (link.reserve(0, batch, 1, HEADER, 2_000) == 0) {
            return false;
        }
        Frames.fill(batch, 0, frame);
        return link.commit(0, batch, 1) == 1;
    }

    private List<byte[]> guestGot() {
        return sim.seen().stream().map(f -> f.bytes).toList();
    }

    private static int bitsWrong(byte[] a, byte[] b) {
        assertThat(b).hasSameSizeAs(a);
        int bits = 0;
        for (int i = 0; i < a.length; i++) {
            bits += Integer.bitCount((a[i] ^ b[i]) & 0xff);
        }
        return bits;
    }

    /** Frames by their content. */
    private record Same(List<List<Byte>> frames) {
        Same(Iterable<byte[]> all) {
            this(contents(all));
        }

        private static List<List<Byte>> contents(Iterable<byte[]> all) {
            List<List<Byte>> contents = new ArrayList<>();
            for (byte[] frame : all) {
                Byte[] boxed = new Byte[frame.length];
                Arrays.setAll(boxed, i -> frame[i]);
                contents.add(List.of(boxed));
            }
            return contents;
        }
    }
}
