package io.passatelli.proto.tcp;

import io.passatelli.base.Limits;
import io.passatelli.link.RxBatch;
import io.passatelli.os.IoVec;
import org.junit.jupiter.api.Test;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.SplittableRandom;

import static org.assertj.core.api.Assertions.assertThat;

class AheadTest {
    private static final int POOL_CHUNKS = 20;
    private static final int HEADERS = 54;
    private static final int LONGEST = 60_000;

    private final ChunkPool pool = new ChunkPool(Arena.ofAuto(), POOL_CHUNKS * ChunkPool.CHUNK);
    private final Ahead ahead = new Ahead(pool);
    private final MemorySegment frame = Arena.global().allocate(HEADERS + LONGEST);
    private final RxBatch batch = new RxBatch(1);
    private final IoVec out = new IoVec(Limits.TCP_AHEAD_CHUNKS + 1);

    private static byte at(int seq) {
        return (byte) (seq * 31 >>> 3);
    }

    private boolean keep(int seq, int length, int next) {
        for (int i = 0; i < length; i++) {
            frame.set(ValueLayout.JAVA_BYTE, HEADERS + i, at(seq + i));
        }
        batch.clear();
        batch.add(frame, 0, HEADERS + length);
        return ahead.keep(batch, 0, HEADERS, seq, length, next);
    }

    /** Against a set of numbers: what is there is gathered whole, in order and with its own bytes; and all chunks come back. */
    @Test
    void anyOrderIsPutTogether() {
        for (int seed = 0; seed < 300; seed++) {
            SplittableRandom random = new SplittableRandom(seed);
            int start = random.nextInt(4) == 0 ? -200_000 : random.nextInt(); // around the end of the numbers too
            int next = start;
            BitSet kept = new BitSet();
            for (int step = 0; step < 40; step++) {
                int seq = next + 1 + random.nextInt(200_000);
                int length = 1 + random.nextInt(random.nextBoolean() ? 1_460 : LONGEST);
                if (keep(seq, length, next)) {
                    kept.set(seq - start, seq - start + length);
                }
                if (random.nextInt(3) == 0) {
                    next = fill(start, next, kept, random);
                }
            }
            ahead.clear();
            assertThat(ahead.isEmpty()).isTrue();
            assertThat(pool.free()).as("seed " + seed).isEqualTo(POOL_CHUNKS);
        }
    }

    /** What is missing first comes, some or all of it; returns the first number that is missing then. */
    private int fill(int start, int next, BitSet kept, SplittableRandom random) {
        int missing = kept.nextSetBit(next - start);
        int to = missing < 0 || random.nextBoolean() ? next + random.nextInt(1_000) : start + missing;
        ahead.drop(to);
        out.clear();
        int length = ahead.gather(out, to);
        int expected = kept.get(to - start) ? kept.nextClearBit(to - start) - (to - start) : 0;
        assertThat(length).isEqualTo(expected);
        assertThat(out.total()).isEqualTo(length);
        int seq = to;
        for (int range = 0; range < out.count(); range++) {
            for (long i = 0; i < out.length(range); i++) {
                byte is = out.segment(range).get(ValueLayout.JAVA_BYTE, out.offset(range) + i);
                if (is != at(seq)) {
                    assertThat(is).as("byte " + (seq - start)).isEqualTo(at(seq));
                }
                seq++;
            }
        }
        ahead.drop(seq);
        return seq;
    }

    @Test
    void rangesAndChunksHaveTheirBounds() {
        for (int i = 0; i < Limits.TCP_AHEAD_RANGES; i++) {
            assertThat(keep(10 + 10 * i, 5, 0)).isTrue();
        }
        assertThat(keep(1_000, 5, 0)).as("one range more").isFalse();
        assertThat(keep(15, 5, 0)).as("joins two").isTrue();
        assertThat(keep(1_000, 5, 0)).isTrue();
        int most = Limits.TCP_AHEAD_CHUNKS * ChunkPool.CHUNK;
        assertThat(keep(1_005, 5, 0)).isTrue();
        assertThat(keep(most - 4, 5, 0)).as("beyond the last chunk").isFalse();
        ahead.clear();
        assertThat(pool.free()).isEqualTo(POOL_CHUNKS);
    }

    @Test
    void anEmptyPoolKeepsNothingAndHoldsNothing() {
        while (pool.free() > 1) {
            pool.take();
        }
        assertThat(keep(ChunkPool.CHUNK - 10, 20, 0)).as("needs two").isFalse();
        assertThat(ahead.isEmpty()).isTrue();
        assertThat(pool.free()).isEqualTo(1);
    }
}
