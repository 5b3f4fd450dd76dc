package io.passatelli.link;

import io.passatelli.base.Allocation;
import io.passatelli.os.IoVec;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Packets;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.stream.IntStream;

import static org.assertj.core.api.Assertions.assertThat;

/** However a frame is cut, its ranges sum, copy and gather as if it lay in one piece. */
class RxBatchTest {
    private static byte[] random(long seed, int length) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    /** Memory of its own for {@code part}, which begins at {@code gap} and ends with the memory: one byte too far would throw. */
    private static MemorySegment part(byte[] whole, int from, int length, int gap) {
        byte[] bytes = new byte[gap + length];
        Arrays.fill(bytes, 0, gap, (byte) 0xee);
        System.arraycopy(whole, from, bytes, gap, length);
        return Packets.memory(bytes);
    }

    /** Adds {@code whole} with a head of {@code head} bytes and pieces that end at {@code cuts}, which ascend, and at the end of it. */
    private static int add(RxBatch batch, byte[] whole, int head, int... cuts) {
        int gap = 1 + head % 3;
        int i = batch.add(part(whole, 0, head, gap), gap, head);
        int at = head;
        for (int cut : cuts) {
            gap = 1 + cut % 7;
            assertThat(batch.addPiece(i, part(whole, at, cut - at, gap), gap, cut - at))
                    .isTrue();
            at = cut;
        }
        if (at < whole.length) {
            assertThat(batch.addPiece(i, part(whole, at, whole.length - at, 0), 0, whole.length - at))
                    .isTrue();
        }
        assertThat(batch.frame(i).length()).isEqualTo(whole.length);
        return i;
    }

    private static void assertIsWhole(RxBatch batch, int i, byte[] whole, int from, int length, int sum) {
        MemorySegment copy = Packets.memory(new byte[length + 2]);
        batch.copy(i, from, length, copy, 1);
        byte[] wanted = Arrays.copyOfRange(whole, from, from + length);
        assertThat(Packets.bytes(copy, 1, length)).isEqualTo(wanted);
        assertThat(copy.get(ValueLayout.JAVA_BYTE, 0)).isZero();
        assertThat(copy.get(ValueLayout.JAVA_BYTE, length + 1)).isZero();
        assertThat(batch.sum(i, from, length, sum))
                .as("%s bytes from %s on", length, from)
                .isEqualTo(Checksum.add(sum, 0, copy, 1, length));
        IoVec ranges = new IoVec(RxBatch.PIECES + 1);
        assertThat(batch.gather(i, from, length, ranges)).isTrue();
        assertThat(joined(ranges, length)).isEqualTo(wanted);
    }

    private static byte[] joined(IoVec ranges, int length) {
        byte[] bytes = new byte[length];
        int at = 0;
        for (int range = 0; range < ranges.count(); range++) {
            int here = (int) ranges.length(range);
            MemorySegment.copy(ranges.segment(range), ValueLayout.JAVA_BYTE, ranges.offset(range), bytes, at, here);
            at += here;
        }
        assertThat(at).isEqualTo(length);
        return bytes;
    }

    @Example
    void everyRangeOfEveryCutSumsAsTheWhole() {
        byte[] whole = random(1, 23);
        for (int head = 0; head <= whole.length; head++) {
            for (int cut = head; cut <= whole.length; cut++) {
                RxBatch batch = new RxBatch(1);
                int i = add(batch, whole, head, cut);
                for (int from = 0; from <= whole.length; from++) {
                    for (int length = 0; length <= whole.length - from; length++) {
                        assertThat(batch.sum(i, from, length, 0))
                                .as("head %s, cut at %s, %s bytes from %s on", head, cut, length, from)
                                .isEqualTo(Packets.naiveSum(whole, from, length));
                    }
                }
            }
        }
    }

    @Property
    void anyRangeOfAnyCutsIsAsIfItLayInOnePiece(
            @ForAll long seed,
            @ForAll @IntRange(max = 3_000) int length,
            @ForAll @Size(max = RxBatch.PIECES) List<@IntRange(max = 3_000) Integer> places,
            @ForAll @IntRange(max = 3_000) int one,
            @ForAll @IntRange(max = 3_000) int other,
            @ForAll @IntRange(max = 0xffff) int sum) {
        byte[] whole = random(seed, length);
        int[] cuts = places.stream()
                .mapToInt(place -> Math.min(place, length))
                .sorted()
                .toArray();
        int head = cuts.length == 0 ? length : cuts[0];
        int[] others = cuts.length == 0 ? cuts : Arrays.copyOfRange(cuts, 1, cuts.length);
        int from = Math.min(length, Math.min(one, other));
        int to = Math.min(length, Math.max(one, other));
        RxBatch batch = new RxBatch(3);
        add(batch, random(seed + 1, 40), 14, 20, 30); // neighbours that must not matter
        int i = add(batch, whole, head, others);
        add(batch, random(seed + 2, 40), 40);
        assertThat(batch.count()).isEqualTo(3);
        assertIsWhole(batch, i, whole, from, to - from, sum);
        assertIsWhole(batch, i, whole, 0, length, sum);
    }

    @Example
    void slotIsUsedAnewWithoutWhatItHeld() {
        RxBatch batch = new RxBatch(1);
        add(batch, random(1, 100), 20, 40, 60);
        assertThat(batch.isFull()).isTrue();
        batch.clear();
        byte[] whole = random(2, 70);
        int i = add(batch, whole, 10);
        assertIsWhole(batch, i, whole, 0, 70, 0);
        assertIsWhole(batch, i, whole, 9, 2, 0xfffe);
    }

    @Example
    void frameTakesSoManyPiecesAndNoMore() {
        byte[] whole = random(3, 14 + RxBatch.PIECES);
        RxBatch batch = new RxBatch(1);
        int i = add(batch, whole, 14, IntStream.rangeClosed(15, whole.length).toArray());
        assertThat(batch.addPiece(i, Packets.memory(new byte[1]), 0, 1)).isFalse();
        assertThat(batch.frame(i).length()).isEqualTo(whole.length);
        assertIsWhole(batch, i, whole, 0, whole.length, 0);
        assertThat(batch.gather(i, 0, whole.length, new IoVec(RxBatch.PIECES))).isFalse();
    }

    @Example
    void summingAllocatesNothing() {
        byte[] whole = random(4, 4_000);
        RxBatch batch = new RxBatch(1);
        int i = add(batch, whole, 141, 1_000, 2_001);
        int[] sums = new int[1];
        assertThat(Allocation.leastBytes(1, () -> {
                    for (int turn = 0; turn < 20_000; turn++) {
                        sums[0] = batch.sum(i, 34, whole.length - 34, 0);
                    }
                }))
                .isZero();
        assertThat(sums[0]).isEqualTo(Packets.naiveSum(whole, 34, whole.length - 34));
    }
}
