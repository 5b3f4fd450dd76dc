package io.passatelli.proto.tcp;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.link.RxBatch;
import io.passatelli.os.IoVec;
import io.passatelli.wire.Seq;

import java.util.Arrays;

/**
 * What came of one flow ahead of something that is missing: a few ranges of sequence numbers and their bytes, each at its place in chunks that
 * are taken when first needed. So one segment sent again heals a gap, whatever else was on its way behind it. What was kept once stays until it
 * is not ahead any more: the guest may have been told of it (RFC 2018 §8).
 */
@HotPath
final class Ahead {
    private static final int RANGES = Limits.TCP_AHEAD_RANGES;
    private static final int CHUNKS = Limits.TCP_AHEAD_CHUNKS;

    private final ChunkPool pool;
    private final int[] chunks = new int[CHUNKS];
    /** In order, and neither overlapping nor touching. */
    private final int[] starts = new int[RANGES + 1];

    private final int[] ends = new int[RANGES + 1];
    private int count;
    /** The range that grew last. */
    private int recent;
    /** The number that stands at the beginning of the first chunk. */
    private int base;

    Ahead(ChunkPool pool) {
        this.pool = pool;
        Arrays.fill(chunks, ChunkPool.NONE);
    }

    boolean isEmpty() {
        return count == 0;
    }

    int count() {
        return count;
    }

    /** Where range {@code i} starts: 0 is the one that grew last, the others are in order. */
    int start(int i) {
        return starts[place(i)];
    }

    /** Behind range {@code i}. */
    int end(int i) {
        return ends[place(i)];
    }

    private int place(int i) {
        return i == 0 ? recent : i <= recent ? i - 1 : i;
    }

    /**
     * Keeps a copy of {@code length} bytes of a frame, which begin {@code from} its Ethernet header and have the numbers from {@code seq} on;
     * {@code next} is the first number that is missing. False: there is no room, and nothing was kept.
     */
    boolean keep(RxBatch batch, int frame, int from, int seq, int length, int next) {
        assert length > 0 && Seq.isAfter(seq, next) : length;
        if (count == 0) {
            base = next;
        }
        int offset = Seq.diff(seq, base);
        if (offset < 0 || (long) offset + length > (long) CHUNKS * ChunkPool.CHUNK || !hasPlace(seq, seq + length)) {
            return false;
        }
        for (int done = 0; done < length; ) {
            int chunk = (offset + done) / ChunkPool.CHUNK;
            int at = (offset + done) % ChunkPool.CHUNK;
            if (chunks[chunk] == ChunkPool.NONE) {
                chunks[chunk] = pool.take();
                if (chunks[chunk] == ChunkPool.NONE) {
                    giveUnused();
                    return false;
                }
            }
            int n = Math.min(length - done, ChunkPool.CHUNK - at);
            batch.copy(frame, from + done, n, pool.memory(), ChunkPool.at(chunks[chunk]) + at);
            done += n;
        }
        insert(seq, seq + length);
        return true;
    }

    private boolean hasPlace(int start, int end) {
        if (count < RANGES) {
            return true;
        }
        for (int i = 0; i < count; i++) {
            if (touches(i, start, end)) {
                return true;
            }
        }
        return false;
    }

    private boolean touches(int i, int start, int end) {
        return !Seq.isAfter(starts[i], end) && !Seq.isBefore(ends[i], start);
    }

    /** Joins what the new range touches, and keeps the order. */
    private void insert(int start, int end) {
        int from = start;
        int to = end;
        int kept = 0;
        int place = 0;
        for (int i = 0; i < count; i++) {
            if (touches(i, from, to)) {
                from = Seq.min(from, starts[i]);
                to = Seq.max(to, ends[i]);
                continue;
            }
            starts[kept] = starts[i];
            ends[kept] = ends[i];
            kept++;
            place += Seq.isBefore(starts[kept - 1], from) ? 1 : 0;
        }
        for (int i = kept; i > place; i--) {
            starts[i] = starts[i - 1];
            ends[i] = ends[i - 1];
        }
        starts[place] = from;
        ends[place] = to;
        count = kept + 1;
        recent = place;
        assert count <= RANGES : count;
    }

    /** Adds to {@code out} the bytes from number {@code next} on that lie behind each other. Returns how many. */
    int gather(IoVec out, int next) {
        if (count == 0 || Seq.isAfter(starts[0], next) || !Seq.isAfter(ends[0], next)) {
            return 0;
        }
        int length = Seq.diff(ends[0], next);
        int offset = Seq.diff(next, base);
        for (int done = 0; done < length; ) {
            int at = (offset + done) % ChunkPool.CHUNK;
            int n = Math.min(length - done, ChunkPool.CHUNK - at);
            out.add(pool.memory(), ChunkPool.at(chunks[(offset + done) / ChunkPool.CHUNK]) + at, n);
            done += n;
        }
        return length;
    }

    /** What lies before {@code next} has gone on its way. */
    void drop(int next) {
        int gone = 0;
        while (gone < count && !Seq.isAfter(ends[gone], next)) {
            gone++;
        }
        for (int i = gone; i < count; i++) {
            starts[i - gone] = Seq.max(starts[i], next);
            ends[i - gone] = ends[i];
        }
        count -= gone;
        recent = Math.max(0, recent - gone);
        giveUnused();
    }

    private void giveUnused() {
        for (int i = 0; i < CHUNKS; i++) {
            int start = base + i * ChunkPool.CHUNK;
            if (chunks[i] != ChunkPool.NONE && !isUsed(start, start + ChunkPool.CHUNK)) {
                pool.give(chunks[i]);
                chunks[i] = ChunkPool.NONE;
            }
        }
    }

    private boolean isUsed(int start, int end) {
        for (int i = 0; i < count; i++) {
            if (Seq.isBefore(starts[i], end) && Seq.isAfter(ends[i], start)) {
                return true;
            }
        }
        return false;
    }

    void clear() {
        count = 0;
        giveUnused();
    }
}
