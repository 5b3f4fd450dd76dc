package io.passatelli.link;

import io.passatelli.base.Limits;
import io.passatelli.wire.Offload;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class SimLinkTest {
    private static final Caps.Offloads ALL = new Caps.Offloads(true, true, true, true);
    private static final int HEADER = 54;

    private final SimLink link = new SimLink(new Caps(2, Limits.FRAME_BYTES, true, ALL, Caps.Offloads.NONE));
    private final LinkEar ear = new LinkEar();
    private final TxBatch batch = new TxBatch(Limits.TX_BATCH_FRAMES);
    private final RxBatch received = new RxBatch(Limits.RX_BATCH_FRAMES);

    @BeforeEach
    void up() {
        ear.link = link;
        link.listen(ear);
        link.pump(0);
        assertThat(ear.log).containsExactly("up");
        ear.log.clear();
    }

    @Test
    void framesOfEachQueueComeInOrder() {
        link.guestSends(0, Frames.frame(60, 1), new Offload());
        link.guestSends(1, Frames.frame(60, 2), new Offload());
        link.guestSends(0, Frames.frame(60, 3), new Offload());
        link.pump(0);
        assertThat(ear.frames).containsExactly(Frames.frame(60, 1), Frames.frame(60, 3), Frames.frame(60, 2));
    }

    @Test
    void scatteredFramesKeepAContiguousHead() {
        link.scatters(160, 4_000);
        link.guestSends(Frames.frame(65_535, 1));
        assertThat(link.receive(0, received)).isEqualTo(1);
        assertThat(received.frame(0).contiguous()).isEqualTo(160);
        assertThat(received.frame(0).length()).isEqualTo(65_535);
        assertThat(Frames.bytes(received, 0)).isEqualTo(Frames.frame(65_535, 1));
        link.release(0, received);
        assertThat(Frames.bytes(received, 0)).isNotEqualTo(Frames.frame(65_535, 1));
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 2, 3, 4, 5, 6, 7, 8})
    void whateverTheSeedTheGuestGetsWhatWasTaken(long seed) {
        var random = new SimLink(new Caps(1, Limits.FRAME_BYTES, true, ALL, ALL), seed);
        ear.link = random;
        random.listen(ear);
        random.pump(0);
        List<byte[]> expected = new ArrayList<>();
        List<byte[]> sent = new ArrayList<>();
        for (int round = 0; round < 200; round++) {
            byte[] fromGuest = Frames.frame(14 + round * 300, round);
            sent.add(fromGuest);
            random.guestSends(fromGuest);
            int count = random.reserve(0, batch, 5, HEADER, 200);
            for (int i = 0; i < count; i++) {
                Frames.fill(batch, i, Frames.frame(HEADER + 20 + i, round * 10 + i));
            }
            int taken = count == 0 ? 0 : random.commit(0, batch, count);
            for (int i = 0; i < taken; i++) {
                expected.add(Frames.frame(HEADER + 20 + i, round * 10 + i));
            }
            random.pump(0);
        }
        assertThat(ear.frames).containsExactlyElementsOf(sent);
        assertThat(random.seen()).extracting(f -> f.bytes).containsExactlyElementsOf(expected);
        assertThat(ear.log).contains("writable 0");
    }

    @Test
    void aShortageIsToldOnceWhenItEnds() {
        link.guestStopsAfter(0, 1);
        assertThat(link.reserve(0, batch, 3, HEADER, 0)).isEqualTo(1);
        Frames.fill(batch, 0, Frames.frame(HEADER, 1));
        assertThat(link.commit(0, batch, 1)).isEqualTo(1);
        link.pump(0);
        assertThat(link.reserve(0, batch, 3, HEADER, 0)).isZero();
        assertThat(link.control(0, Frames.inMemory(Frames.frame(60, 1)), 0, 60, new Offload()))
                .isFalse();
        link.pump(0);
        assertThat(ear.log).isEmpty();
        link.guestReads(0);
        link.pump(0);
        assertThat(ear.log).containsExactly("writable 0");
        assertThat(link.next().bytes).hasSize(60);
    }

    @Test
    void controlFramesAreSeenAfterTheFlush() {
        assertThat(link.control(0, Frames.inMemory(Frames.frame(60, 1)), 0, 60, new Offload()))
                .isTrue();
        assertThat(link.seen()).isEmpty();
        assertThatThrownBy(link::assertSettled).hasMessageContaining("not flushed");
        link.flush(0);
        assertThat(link.seen()).hasSize(1);
    }

    @Test
    void downAndUpAndResetAreTold() {
        link.guestSends(Frames.frame(60, 1));
        link.guestLeaves(104);
        assertThat(link.receive(0, received)).isEqualTo(-107);
        assertThat(link.reserve(0, batch, 1, HEADER, 0)).isZero();
        link.pump(0);
        link.guestComes();
        link.pump(0);
        link.guestResets(1);
        link.pump(0);
        assertThat(ear.log).containsExactly("down 104", "up", "reset 1");
        assertThat(ear.frames).isEmpty();
    }

    @Test
    void callersThatBreakTheContractAreCaught() {
        link.guestSends(Frames.frame(60, 1));
        link.receive(0, received);
        caught(() -> link.receive(0, new RxBatch(1)), "before the release");
        link.release(0, received);
        caught(() -> link.release(0, received), "twice");
        caught(() -> link.commit(0, batch, 0), "without a reservation");
        link.reserve(0, batch, 2, HEADER, 10);
        caught(() -> link.reserve(0, new TxBatch(1), 1, HEADER, 10), "second reservation");
        caught(() -> link.commit(0, batch, 3), "3 frames of 2");
        caught(link::assertSettled, "not committed");
        caught(() -> link.commit(0, batch, 1), "no length");
        caught(() -> link.receive(2, received), "no queue 2");
    }

    @Test
    void offloadsThatWereNotNegotiatedAreCaught() {
        var offload = new Offload();
        offload.flags = Offload.NEEDS_CSUM;
        caught(() -> link.guestSends(0, Frames.frame(60, 1), offload), "checksum");
        link.control(0, Frames.inMemory(Frames.frame(60, 1)), 0, 60, offload);
        link.flush(0);
        assertThat(link.next().offload.flags).isEqualTo(Offload.NEEDS_CSUM);
        offload.flags = 0;
        offload.gsoType = Offload.GSO_TCPV4;
        caught(() -> link.control(0, Frames.inMemory(Frames.frame(60, 1)), 0, 60, offload), "segmentation of nothing");
    }

    private static void caught(ThrowingCallable call, String why) {
        assertThatThrownBy(call)
                .isInstanceOf(AssertionError.class)
                .hasMessageContaining("contract of Link")
                .hasMessageContaining(why);
    }
}
