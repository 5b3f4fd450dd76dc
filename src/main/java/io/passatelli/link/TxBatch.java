package io.passatelli.link;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.os.IoVec;
import io.passatelli.wire.Offload;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A reservation of frames toward the guest: the link lays them out, the caller writes headers, receives payload into {@link #payload}, sets
 * lengths, and commits. A frame's payload follows its header in order, wherever the link's memory has it.
 */
@HotPath
public final class TxBatch {
    /** Ranges of payload of one frame, on average: a guest's buffers are scattered. */
    private static final int RANGES = 18;

    private final MemorySegment[] headerSegments;
    private final long[] headerOffsets;
    private final int[] headerLengths;
    private final int[] capacities;
    private final int[] lengths;
    private final Offload[] offloads;
    private final MemorySegment[] borrowedSegments;
    private final long[] borrowedOffsets;
    private final IoVec payload;
    private int count;

    public TxBatch(int frames) {
        headerSegments = new MemorySegment[frames];
        Arrays.fill(headerSegments, MemorySegment.NULL);
        headerOffsets = new long[frames];
        headerLengths = new int[frames];
        capacities = new int[frames];
        lengths = new int[frames];
        offloads = new Offload[frames];
        for (int i = 0; i < frames; i++) {
            offloads[i] = new Offload();
        }
        borrowedSegments = new MemorySegment[frames];
        Arrays.fill(borrowedSegments, MemorySegment.NULL);
        borrowedOffsets = new long[frames];
        payload = new IoVec(Math.min(frames * RANGES, Limits.IOVECS));
    }

    public int capacity() {
        return lengths.length;
    }

    public int count() {
        return count;
    }

    /** For the link: starts a reservation. */
    public void clear() {
        count = 0;
        payload.clear();
    }

    /** For the link: lays out one more frame; its payload ranges go to {@link #payload} beside this call. */
    public void add(MemorySegment segment, long at, int headerLength, int capacity) {
        int i = count++;
        headerSegments[i] = segment;
        headerOffsets[i] = at;
        headerLengths[i] = headerLength;
        capacities[i] = capacity;
        lengths[i] = 0;
        offloads[i].clear();
        borrowedSegments[i] = MemorySegment.NULL;
    }

    /** Where the header of frame {@code i} is to be written, at {@link #headerAt}. */
    public MemorySegment header(int i) {
        return headerSegments[i];
    }

    public long headerAt(int i) {
        return headerOffsets[i];
    }

    public int headerLength(int i) {
        return headerLengths[i];
    }

    /** Most payload bytes of frame {@code i}. */
    public int capacity(int i) {
        return capacities[i];
    }

    /** One list of ranges over the payload room of all frames in order, ready for recvmsg(2). The caller consumes nothing of it. */
    public IoVec payload() {
        return payload;
    }

    /** Sets the whole length of frame {@code i}, header and payload, bytes. */
    public void length(int i, int bytes) {
        assert bytes >= headerLengths[i] && bytes <= headerLengths[i] + capacities[i] : bytes;
        lengths[i] = bytes;
    }

    public int length(int i) {
        return lengths[i];
    }

    public Offload offload(int i) {
        return offloads[i];
    }

    /** Points the payload of frame {@code i} at our own memory instead, valid until commit returns; a link that must keep it copies. */
    public void borrow(int i, MemorySegment segment, long at, int length) {
        assert length <= capacities[i] : length;
        borrowedSegments[i] = segment;
        borrowedOffsets[i] = at;
        lengths[i] = headerLengths[i] + length;
    }

    public boolean isBorrowed(int i) {
        return borrowedSegments[i] != MemorySegment.NULL;
    }

    public MemorySegment borrowed(int i) {
        return borrowedSegments[i];
    }

    public long borrowedAt(int i) {
        return borrowedOffsets[i];
    }

    /** Copies {@code length} bytes of frame {@code i}, {@code from} its Ethernet header on, to {@code out} at {@code at}. */
    public void copy(int i, int from, int length, MemorySegment out, long at) {
        assert from >= 0 && length >= 0 && from + length <= lengths[i];
        int header = headerLengths[i];
        int ofHeader = Math.clamp(header - from, 0, length);
        MemorySegment.copy(headerSegments[i], headerOffsets[i] + from, out, at, ofHeader);
        int skip = Math.max(from - header, 0);
        if (isBorrowed(i)) {
            MemorySegment.copy(borrowedSegments[i], borrowedOffsets[i] + skip, out, at + ofHeader, length - ofHeader);
            return;
        }
        copyPayload(payloadAt(i) + skip, length - ofHeader, out, at + ofHeader);
    }

    /** Where the room of frame {@code i} begins in {@link #payload}. */
    private long payloadAt(int i) {
        long at = 0;
        for (int k = 0; k < i; k++) {
            at += capacities[k];
        }
        return at;
    }

    private void copyPayload(long from, int length, MemorySegment out, long at) {
        long skip = from;
        int left = length;
        long to = at;
        for (int range = 0; left > 0; range++) {
            long here = payload.length(range);
            if (skip >= here) {
                skip -= here;
                continue;
            }
            int n = (int) Math.min(here - skip, left);
            MemorySegment.copy(payload.segment(range), payload.offset(range) + skip, out, to, n);
            left -= n;
            to += n;
            skip = 0;
        }
    }
}
