package io.passatelli.link;

import io.passatelli.base.HotPath;
import io.passatelli.os.IoVec;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Frame;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Frames as a link received them. Each is a head, contiguous and private to us, and pieces behind it, wherever the link's memory has them.
 * The link fills it; the router parses {@link #frame}; translators gather payload with {@link #gather}. Valid until {@code Link.release}.
 */
@HotPath
public final class RxBatch {
    /** Pieces behind the head of one frame: a frame of 64 KiB in 4 KiB pages, and some. */
    public static final int PIECES = 20;

    private final int capacity;
    private final Frame[] frames;
    private final int[] pieceCounts;
    private final MemorySegment[] pieceSegments;
    private final long[] pieceOffsets;
    private final int[] pieceLengths;
    private int count;

    public RxBatch(int capacity) {
        this.capacity = capacity;
        frames = new Frame[capacity];
        for (int i = 0; i < capacity; i++) {
            frames[i] = new Frame();
        }
        pieceCounts = new int[capacity];
        pieceSegments = new MemorySegment[capacity * PIECES];
        pieceOffsets = new long[capacity * PIECES];
        pieceLengths = new int[capacity * PIECES];
        Arrays.fill(pieceSegments, MemorySegment.NULL);
    }

    public int capacity() {
        return capacity;
    }

    public int count() {
        return count;
    }

    public boolean isFull() {
        return count == capacity;
    }

    /** Starts anew. */
    public void clear() {
        count = 0;
    }

    /** Appends a frame whose first {@code length} bytes lie at {@code at}; returns its index. Its offload is clear. */
    public int add(MemorySegment segment, long at, int length) {
        int i = count++;
        frames[i].set(segment, at, length);
        pieceCounts[i] = 0;
        return i;
    }

    /** For the link: the last frame is none. */
    public void removeLast() {
        assert count > 0;
        count--;
    }

    /** Appends bytes to frame {@code i}; false when it has too many pieces already. */
    public boolean addPiece(int i, MemorySegment segment, long at, int length) {
        if (pieceCounts[i] == PIECES) {
            return false;
        }
        int piece = i * PIECES + pieceCounts[i]++;
        pieceSegments[piece] = segment;
        pieceOffsets[piece] = at;
        pieceLengths[piece] = length;
        frames[i].extend(length);
        return true;
    }

    public Frame frame(int i) {
        return frames[i];
    }

    /** Adds {@code length} bytes of frame {@code i}, {@code from} its Ethernet header on, to {@code out}; false if {@code out} has no room for all ranges. */
    public boolean gather(int i, int from, int length, IoVec out) {
        assert from >= 0 && length >= 0 && from + length <= frames[i].length();
        int skip = from;
        int left = length;
        int head = frames[i].contiguous();
        if (skip < head && left > 0) {
            if (out.isFull()) {
                return false;
            }
            int n = Math.min(head - skip, left);
            out.add(frames[i].bytes(), frames[i].l2() + skip, n);
            left -= n;
            skip += n;
        }
        skip -= head;
        for (int piece = i * PIECES; left > 0; piece++) {
            int here = pieceLengths[piece];
            if (skip >= here) {
                skip -= here;
                continue;
            }
            if (out.isFull()) {
                return false;
            }
            int n = Math.min(here - skip, left);
            out.add(pieceSegments[piece], pieceOffsets[piece] + skip, n);
            left -= n;
            skip = 0;
        }
        return true;
    }

    /** Adds to {@code sum} ({@link Checksum}) {@code length} bytes of frame {@code i}, {@code from} its Ethernet header on. */
    public int sum(int i, int from, int length, int sum) {
        assert from >= 0 && length >= 0 && from + length <= frames[i].length();
        int done = Math.clamp(frames[i].contiguous() - from, 0, length);
        int total = Checksum.add(sum, 0, frames[i].bytes(), frames[i].l2() + from, done);
        int skip = Math.max(0, from - frames[i].contiguous());
        for (int piece = i * PIECES; done < length; piece++) {
            int here = pieceLengths[piece];
            if (skip >= here) {
                skip -= here;
                continue;
            }
            int n = Math.min(here - skip, length - done);
            total = Checksum.add(total, done, pieceSegments[piece], pieceOffsets[piece] + skip, n);
            done += n;
            skip = 0;
        }
        return total;
    }

    /** Copies {@code length} bytes of frame {@code i}, {@code from} its Ethernet header on, to {@code out} at {@code at}. */
    public void copy(int i, int from, int length, MemorySegment out, long at) {
        assert from >= 0 && length >= 0 && from + length <= frames[i].length();
        int skip = from;
        int left = length;
        long to = at;
        int head = frames[i].contiguous();
        if (skip < head && left > 0) {
            int n = Math.min(head - skip, left);
            MemorySegment.copy(frames[i].bytes(), frames[i].l2() + skip, out, to, n);
            left -= n;
            to += n;
            skip += n;
        }
        skip -= head;
        for (int piece = i * PIECES; left > 0; piece++) {
            int here = pieceLengths[piece];
            if (skip >= here) {
                skip -= here;
                continue;
            }
            int n = Math.min(here - skip, left);
            MemorySegment.copy(pieceSegments[piece], pieceOffsets[piece] + skip, out, to, n);
            left -= n;
            to += n;
            skip = 0;
        }
    }
}
