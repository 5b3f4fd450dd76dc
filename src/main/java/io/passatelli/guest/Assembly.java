package io.passatelli.guest;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.link.RxBatch;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Ip6;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * One datagram of which some fragments are there. Byte {@code n} of what was fragmented lies at {@link #HEADROOM} + {@code n} of the chunks in
 * a row; the headers come to lie before it. Used again after its end.
 *
 * <p>Fragments begin at multiples of 8 bytes and all but the last end there, so one bit for each 8 bytes says what is there, and another one
 * where a fragment begins: enough to tell the same fragment again from one that overlaps.
 */
@HotPath
final class Assembly {
    /** Of the longest headers that a whole datagram gets. */
    static final int HEADROOM = Ethernet.LENGTH + Ip6.LENGTH;

    private static final int UNKNOWN = -1;
    private static final int BYTES = 65_536;
    private static final int CHUNKS = (HEADROOM + BYTES + FragmentMemory.CHUNK - 1) / FragmentMemory.CHUNK;

    static {
        assert CHUNKS <= RxBatch.PIECES + 1; // the first one is the head
    }

    private final MemorySegment[] chunks = new MemorySegment[CHUNKS];
    private final long[] there = new long[BYTES / 8 / Long.SIZE];
    private final long[] begins = new long[BYTES / 8 / Long.SIZE];

    private long srcHigh;
    private long srcLow;
    private long dstHigh;
    private long dstLow;
    private int id;
    private int protocol;

    private int firstProtocol;
    private int total;
    private int furthest;
    private int received;
    private Drop refused = Drop.NONE;
    long deadlineNs;

    Assembly() {
        Arrays.fill(chunks, MemorySegment.NULL);
    }

    /** The datagram that {@code f} is the first fragment seen of. */
    void begin(Frame f, long deadline) {
        srcHigh = f.srcHigh();
        srcLow = f.srcLow();
        dstHigh = f.dstHigh();
        dstLow = f.dstLow();
        id = f.fragmentId();
        protocol = key(f);
        deadlineNs = deadline;
        total = UNKNOWN;
        furthest = received = 0;
        refused = Drop.NONE;
        Arrays.fill(there, 0);
        Arrays.fill(begins, 0);
    }

    /** RFC 791 §3.2 tells datagrams apart by their protocol too, RFC 8200 §4.5 does not. */
    private static int key(Frame f) {
        return f.etherType() == Ethernet.IP4 ? f.protocol() : 0;
    }

    boolean isOf(Frame f) {
        return id == f.fragmentId()
                && srcLow == f.srcLow()
                && dstLow == f.dstLow()
                && srcHigh == f.srcHigh()
                && dstHigh == f.dstHigh()
                && protocol == key(f);
    }

    /** Why this datagram takes no more fragments; {@link Drop#NONE}: it does. */
    Drop refused() {
        return refused;
    }

    boolean isComplete() {
        return refused == Drop.NONE && received == total;
    }

    /** Takes fragment {@code i} of {@code batch}, sound in itself: {@link Drop#FRAGMENT_HELD} if its bytes are here now. */
    Drop put(RxBatch batch, int i, FragmentMemory memory) {
        Frame f = batch.frame(i);
        int offset = f.fragmentOffset();
        int end = offset + f.fragmentLength();
        int first = offset >>> 3;
        int last = end - 1 >>> 3;
        if (next(there, first) <= last) {
            return isThere(first, last, end, f.moreFragments())
                    ? Drop.FRAGMENT_DUPLICATE
                    : refuse(Drop.FRAGMENT_OVERLAP, memory);
        }
        boolean contradicts =
                total == UNKNOWN ? !f.moreFragments() && furthest > end : !f.moreFragments() || end > total;
        if (contradicts) {
            return refuse(Drop.FRAGMENT_BAD, memory);
        }
        if (!makeRoom(HEADROOM + offset, HEADROOM + end, memory)) {
            return refuse(Drop.FRAGMENT_TABLE_FULL, memory);
        }
        mark(first, last);
        received += end - offset;
        furthest = Math.max(furthest, end);
        if (!f.moreFragments()) {
            total = end;
        }
        copy(batch, i, (int) (f.fragmentAt() - f.l2()), HEADROOM + offset, end - offset);
        if (offset == 0) {
            firstProtocol = f.protocol();
            int headers = headers();
            copy(batch, i, 0, HEADROOM - headers, headers);
        }
        return Drop.FRAGMENT_HELD;
    }

    /** Whether one fragment before had exactly these bounds; what it held stays. */
    private boolean isThere(int first, int last, int end, boolean more) {
        if (total != UNKNOWN && end > total || more == (end == total)) {
            return false;
        }
        boolean whole = nextAbsent(first) > last;
        boolean begun = isSet(begins, first) && next(begins, first + 1) > last;
        boolean ended = last + 1 == BYTES / 8 || !isSet(there, last + 1) || isSet(begins, last + 1);
        return whole && begun && ended;
    }

    private static boolean isSet(long[] bits, int at) {
        return (bits[at >>> 6] >>> at & 1) != 0;
    }

    /** The first bit that is set, from {@code from} on; past the last where there is none. */
    private static int next(long[] bits, int from) {
        int word = from >>> 6;
        if (word == bits.length) {
            return bits.length * Long.SIZE;
        }
        long left = bits[word] & -1L << from;
        while (left == 0) {
            if (++word == bits.length) {
                return bits.length * Long.SIZE;
            }
            left = bits[word];
        }
        return word * Long.SIZE + Long.numberOfTrailingZeros(left);
    }

    private int nextAbsent(int from) {
        int at = from;
        while (at < BYTES / 8 && isSet(there, at)) {
            at++;
        }
        return at;
    }

    private void mark(int first, int last) {
        begins[first >>> 6] |= 1L << first;
        for (int at = first; at <= last; at++) {
            there[at >>> 6] |= 1L << at;
        }
    }

    private boolean makeRoom(int from, int to, FragmentMemory memory) {
        for (int c = from / FragmentMemory.CHUNK; c <= (to - 1) / FragmentMemory.CHUNK; c++) {
            if (chunks[c].equals(MemorySegment.NULL)) {
                chunks[c] = memory.take();
                if (chunks[c].equals(MemorySegment.NULL)) {
                    return false;
                }
            }
        }
        return true;
    }

    private void copy(RxBatch batch, int i, int from, int to, int length) {
        for (int done = 0; done < length; ) {
            int at = (to + done) % FragmentMemory.CHUNK;
            int n = Math.min(length - done, FragmentMemory.CHUNK - at);
            batch.copy(i, from + done, n, chunks[(to + done) / FragmentMemory.CHUNK], at);
            done += n;
        }
    }

    /** Ethernet's and IP's, without options. */
    private int headers() {
        return FrameComposer.ipHeaders(srcHigh, srcLow);
    }

    private Drop refuse(Drop why, FragmentMemory memory) {
        refused = why;
        free(memory);
        return why;
    }

    /** Gives the memory back. */
    void free(FragmentMemory memory) {
        for (int c = 0; c < chunks.length; c++) {
            if (!chunks[c].equals(MemorySegment.NULL)) {
                memory.give(chunks[c]);
                chunks[c] = MemorySegment.NULL;
            }
        }
    }

    /** Makes the one frame of {@code out} of a complete datagram, in the memory that it has. */
    void finish(RxBatch out) {
        int headers = headers();
        int start = HEADROOM - headers;
        long ip = (long) start + Ethernet.LENGTH;
        if (headers == FrameComposer.ETHERNET_IP4) {
            Ip4.whole(chunks[0], ip, Ip4.LENGTH + total);
        } else {
            Ip6.whole(chunks[0], ip, firstProtocol, total);
        }
        out.clear();
        int left = headers + total;
        int n = Math.min(left, FragmentMemory.CHUNK - start);
        int frame = out.add(chunks[0], start, n);
        left -= n;
        for (int c = 1; left > 0; c++) {
            n = Math.min(left, FragmentMemory.CHUNK);
            boolean added = out.addPiece(frame, chunks[c], 0, n);
            assert added;
            left -= n;
        }
    }
}
