package io.passatelli.proto.tcp;

import io.passatelli.base.HotPath;
import io.passatelli.os.IoVec;

import java.lang.foreign.MemorySegment;

/**
 * Bytes of one flow, first in first out, in chunks of a {@link ChunkPool}. Room at the end is laid out for recvmsg(2), or bytes are copied
 * in; any of them can be read until they are dropped from the front.
 */
@HotPath
final class ChunkQueue {
    private final ChunkPool pool;
    /** A ring. */
    private final int[] chunks;
    /** Behind the last byte in each chunk. */
    private final int[] ends;

    private int first;
    private int count;
    /** Of the first byte, in the first chunk. */
    private int start;

    private int length;

    // the room laid out
    private int tailRoom;
    private int fresh;
    private int fill;

    // where #seek stands
    private int cursor;
    private int cursorAt;

    /** Of at most {@code most} chunks. */
    ChunkQueue(ChunkPool pool, int most) {
        this.pool = pool;
        chunks = new int[most];
        ends = new int[most];
    }

    int length() {
        return length;
    }

    boolean isEmpty() {
        return length == 0;
    }

    int chunkCount() {
        return count;
    }

    private int slot(int i) {
        int at = first + i;
        return at < chunks.length ? at : at - chunks.length;
    }

    /**
     * Appends room for at most {@code most} bytes to {@code out}, in at most {@code chunksMost} chunks of which at most {@code fillMost} bytes
     * are used each. Returns the bytes; {@link #filled} follows.
     */
    int room(IoVec out, int most, int fillMost, int chunksMost) {
        assert fresh == 0 && tailRoom == 0;
        assert fillMost > 0 && fillMost <= ChunkPool.CHUNK : fillMost;
        fill = fillMost;
        int left = most;
        if (count > 0) {
            int last = slot(count - 1);
            tailRoom = Math.clamp(fillMost - ends[last], 0, left);
            if (tailRoom > 0) {
                out.add(pool.memory(), ChunkPool.at(chunks[last]) + ends[last], tailRoom);
                left -= tailRoom;
            }
        }
        int chunksAllowed = Math.min(chunksMost, chunks.length);
        while (left > 0 && count + fresh < chunksAllowed) {
            int chunk = pool.take();
            if (chunk == ChunkPool.NONE) {
                break;
            }
            chunks[slot(count + fresh)] = chunk;
            fresh++;
            int n = Math.min(left, fillMost);
            out.add(pool.memory(), ChunkPool.at(chunk), n);
            left -= n;
        }
        return most - left;
    }

    /** {@code bytes} of the room have been filled, from its beginning; the rest goes back. */
    void filled(int bytes) {
        int left = bytes;
        if (tailRoom > 0) {
            int n = Math.min(left, tailRoom);
            ends[slot(count - 1)] += n;
            left -= n;
            tailRoom = 0;
        }
        int used = (left + fill - 1) / fill;
        assert used <= fresh : bytes;
        for (int i = fresh - 1; i >= used; i--) {
            pool.give(chunks[slot(count + i)]);
        }
        for (int i = 0; i < used; i++) {
            int n = Math.min(left, fill);
            ends[slot(count + i)] = n;
            left -= n;
        }
        if (count == 0) {
            start = 0;
        }
        count += used;
        fresh = 0;
        length += bytes;
    }

    /** Appends a copy of {@code bytes} at {@code at}, in at most {@code chunksMost} chunks. Returns how many went in. */
    int append(MemorySegment from, long at, int bytes, int chunksMost) {
        int left = bytes;
        while (left > 0) {
            if (count == 0 || ends[slot(count - 1)] == ChunkPool.CHUNK) {
                int chunk = count < Math.min(chunksMost, chunks.length) ? pool.take() : ChunkPool.NONE;
                if (chunk == ChunkPool.NONE) {
                    break;
                }
                if (count == 0) {
                    start = 0;
                }
                chunks[slot(count)] = chunk;
                ends[slot(count)] = 0;
                count++;
            }
            int last = slot(count - 1);
            int n = Math.min(left, ChunkPool.CHUNK - ends[last]);
            MemorySegment.copy(from, at + bytes - left, pool.memory(), ChunkPool.at(chunks[last]) + ends[last], n);
            ends[last] += n;
            length += n;
            left -= n;
        }
        return bytes - left;
    }

    /** All bytes, in order. */
    void gather(IoVec out) {
        for (int i = 0; i < count; i++) {
            int slot = slot(i);
            int from = i == 0 ? start : 0;
            out.add(pool.memory(), ChunkPool.at(chunks[slot]) + from, ends[slot] - from);
        }
    }

    /** Stands at the byte {@code offset} from the front, for {@link #contiguous} and {@link #at}. */
    void seek(int offset) {
        assert offset >= 0 && offset <= length : offset;
        int left = offset + start;
        cursor = 0;
        while (cursor < count && left >= ends[slot(cursor)]) {
            left -= ends[slot(cursor)];
            cursor++;
        }
        cursorAt = left;
    }

    /** Bytes that lie behind each other from here on. */
    int contiguous() {
        return cursor == count ? 0 : ends[slot(cursor)] - cursorAt;
    }

    MemorySegment memory() {
        return pool.memory();
    }

    /** Where this byte is in {@link #memory}. */
    long at() {
        return ChunkPool.at(chunks[slot(cursor)]) + cursorAt;
    }

    /** Goes on by {@code bytes}, at most to the end of the chunk. */
    void skip(int bytes) {
        assert bytes <= contiguous() : bytes;
        cursorAt += bytes;
        if (cursorAt == ends[slot(cursor)]) {
            cursor++;
            cursorAt = 0;
        }
    }

    /** Drops {@code bytes} from the front. */
    void drop(int bytes) {
        assert bytes >= 0 && bytes <= length : bytes;
        length -= bytes;
        int left = bytes;
        while (left > 0) {
            int here = ends[first] - start;
            if (left < here) {
                start += left;
                return;
            }
            left -= here;
            pool.give(chunks[first]);
            first = slot(1);
            start = 0;
            count--;
        }
    }

    void clear() {
        assert fresh == 0;
        drop(length);
        assert count == 0;
    }
}
