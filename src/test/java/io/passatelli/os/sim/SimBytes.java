package io.passatelli.os.sim;

import io.passatelli.os.Datagrams;
import io.passatelli.os.IoVec;

import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/** Bytes in a socket's queue, in the pieces in which they were sent. */
final class SimBytes {
    /** Most that sk_buff and its page fragments cost beyond twice the payload, bytes: {@code truesize} of a small piece is 768 on x86-64. */
    private static final long OVERHEAD = 1_024;

    private final ArrayDeque<byte[]> pieces = new ArrayDeque<>();
    private int taken; // of the first piece
    private long total;
    private long highCharge;

    long total() {
        return total;
    }

    /** The most that the kernel may charge the sender for what is not wholly read, bytes. */
    long highCharge() {
        return highCharge;
    }

    void add(byte[] data) {
        if (data.length == 0) {
            return;
        }
        pieces.add(data);
        total += data.length;
        highCharge += charge(data);
    }

    /** Copies the first {@code into.length} bytes, or all, without taking them. */
    int peek(byte[] into) {
        int copied = 0;
        int skip = taken;
        for (byte[] piece : pieces) {
            int n = Math.min(piece.length - skip, into.length - copied);
            System.arraycopy(piece, skip, into, copied, n);
            copied += n;
            skip = 0;
            if (copied == into.length) {
                break;
            }
        }
        return copied;
    }

    /** Takes {@code n} bytes off the front; true if a whole piece went. */
    boolean drop(long n) {
        assert n <= total : n + " of " + total;
        total -= n;
        boolean whole = false;
        for (long left = n; left > 0; ) {
            byte[] first = pieces.getFirst();
            int here = (int) Math.min(left, first.length - taken);
            left -= here;
            taken += here;
            if (taken == first.length) {
                pieces.removeFirst();
                highCharge -= charge(first);
                taken = 0;
                whole = true;
            }
        }
        return whole;
    }

    /** Moves {@code n} bytes to the end of {@code to}. */
    void move(long n, SimBytes to) {
        byte[] bytes = new byte[Math.toIntExact(n)];
        peek(bytes);
        drop(n);
        to.add(bytes);
    }

    void clear() {
        drop(total);
    }

    private static long charge(byte[] piece) {
        return 2L * piece.length + OVERHEAD;
    }

    /** The bytes that {@code from} names, in order. */
    static byte[] gather(IoVec from) {
        byte[] all = new byte[Math.toIntExact(from.total())];
        int at = 0;
        for (int i = 0; i < from.count(); i++) {
            int length = Math.toIntExact(from.length(i));
            MemorySegment.copy(from.segment(i), JAVA_BYTE, from.offset(i), all, at, length);
            at += length;
        }
        return all;
    }

    /** The bytes of datagram {@code i}. */
    static byte[] gather(Datagrams from, int i) {
        long total = 0;
        for (int r = 0; r < from.rangeCount(i); r++) {
            total += from.rangeLength(i, r);
        }
        byte[] all = new byte[Math.toIntExact(total)];
        int at = 0;
        for (int r = 0; r < from.rangeCount(i); r++) {
            int length = (int) from.rangeLength(i, r);
            MemorySegment.copy(from.rangeSegment(i, r), JAVA_BYTE, from.rangeOffset(i, r), all, at, length);
            at += length;
        }
        return all;
    }

    /** Puts {@code bytes} into the ranges of datagram {@code i}; returns how many had room. */
    static int scatter(byte[] bytes, Datagrams into, int i) {
        int at = 0;
        for (int r = 0; r < into.rangeCount(i); r++) {
            int length = (int) Math.min(into.rangeLength(i, r), bytes.length - at);
            MemorySegment.copy(bytes, at, into.rangeSegment(i, r), JAVA_BYTE, into.rangeOffset(i, r), length);
            at += length;
        }
        return at;
    }

    /** Puts the first {@code n} of {@code bytes} where {@code into} says. */
    static void scatter(byte[] bytes, long n, IoVec into) {
        int at = 0;
        for (int i = 0; at < n; i++) {
            int length = (int) Math.min(into.length(i), n - at);
            MemorySegment.copy(bytes, at, into.segment(i), JAVA_BYTE, into.offset(i), length);
            at += length;
        }
    }
}
