package io.passatelli.os;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * An array of {@code struct iovec} for readv(2), writev(2), recvmsg(2) and sendmsg(2): ranges of native segments, in order. The one place
 * where raw addresses leave Java: {@link #add} checks the range against its segment, once. The segments must stay alive until the call.
 */
@HotPath
public final class IoVec {
    private static final int SIZE = 16;
    private static final int LENGTH = 8;

    private final MemorySegment array;
    private final MemorySegment[] segments;
    private final long[] offsets;
    private int first;
    private int end;
    private long total;
    private boolean controlCut;

    /** At most {@code capacity} ranges, and never more than {@link Limits#IOVECS}. */
    public IoVec(int capacity) {
        assert capacity > 0 && capacity <= Limits.IOVECS : capacity;
        array = Arena.ofAuto().allocate((long) capacity * SIZE, 8);
        segments = new MemorySegment[capacity];
        offsets = new long[capacity];
        clear();
    }

    public int capacity() {
        return segments.length;
    }

    /** Forgets all ranges. */
    public void clear() {
        first = 0;
        end = 0;
        total = 0;
    }

    public boolean isFull() {
        return end == segments.length;
    }

    /** Appends {@code length} bytes at {@code offset}; joins them to the range before where they follow it in memory. Throws if out of bounds. */
    public void add(MemorySegment segment, long offset, long length) {
        assert segment.isNative() : segment;
        Objects.checkFromIndexSize(offset, length, segment.byteSize());
        if (length == 0) {
            return;
        }
        if (end > first && segments[end - 1] == segment && offsets[end - 1] + length(end - 1 - first) == offset) {
            array.set(JAVA_LONG, (long) (end - 1) * SIZE + LENGTH, length(end - 1 - first) + length);
        } else {
            segments[end] = segment;
            offsets[end] = offset;
            array.set(JAVA_LONG, (long) end * SIZE, segment.address() + offset);
            array.set(JAVA_LONG, (long) end * SIZE + LENGTH, length);
            end++;
        }
        total += length;
    }

    /** Takes {@code bytes} off the front, as after a short write. */
    public void consume(long bytes) {
        assert bytes >= 0 && bytes <= total : bytes;
        total -= bytes;
        long left = bytes;
        while (left > 0) {
            long length = length(0);
            if (left >= length) {
                left -= length;
                first++;
                continue;
            }
            offsets[first] += left;
            array.set(JAVA_LONG, (long) first * SIZE, segments[first].address() + offsets[first]);
            array.set(JAVA_LONG, (long) first * SIZE + LENGTH, length - left);
            left = 0;
        }
    }

    /** Ranges left. */
    public int count() {
        return end - first;
    }

    /** Bytes of all ranges left. */
    public long total() {
        return total;
    }

    public MemorySegment segment(int i) {
        return segments[first + i];
    }

    public long offset(int i) {
        return offsets[first + i];
    }

    public long length(int i) {
        return array.get(JAVA_LONG, (long) (first + i) * SIZE + LENGTH);
    }

    /**
     * Whether the last recvmsg(2) into this threw control data away (MSG_CTRUNC), such as descriptors that the peer of a UNIX socket passed: on a
     * stream such a read ends behind them, whatever follows.
     */
    public boolean isControlCut() {
        return controlCut;
    }

    void controlCut(boolean value) {
        controlCut = value;
    }

    /** Of the first {@code struct iovec} left; for the call that follows at once. */
    long address() {
        return array.address() + (long) first * SIZE;
    }
}
