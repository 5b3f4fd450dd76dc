package io.passatelli.wire;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The Internet checksum, RFC 1071. A <em>sum</em> is the folded ones' complement sum, 16 bits; a <em>checksum</em> is its complement, as it
 * stands in headers. Data may lie in pieces of any length: {@link #add} knows where in the whole a piece begins.
 */
@HotPath
public final class Checksum {
    /** The sum over data with its right checksum in it. */
    public static final int GOOD = 0xffff;

    // RFC 1071 §2 (B): the sum does not depend on the byte order in which words are read, but for a swap at the end
    private static final ValueLayout.OfLong WORD64 = ValueLayout.JAVA_LONG_UNALIGNED;
    private static final ValueLayout.OfInt WORD32 = ValueLayout.JAVA_INT_UNALIGNED;
    private static final ValueLayout.OfShort WORD16 = ValueLayout.JAVA_SHORT_UNALIGNED;
    private static final boolean LITTLE_ENDIAN = ByteOrder.nativeOrder() == ByteOrder.LITTLE_ENDIAN;
    private static final long LOW32 = 0xffff_ffffL;

    /** From so many bytes on, vectors pay for their set-up. */
    private static final int VECTOR_BYTES = 512;

    private Checksum() {}

    /** Sum of {@code length} bytes at {@code at}; a last odd one is followed by a zero. */
    public static int sum(MemorySegment s, long at, int length) {
        int even = length & ~7;
        long sum = even < VECTOR_BYTES ? sum64(s, at, even) : sum32(s, at, even);
        long end = at + even;
        if ((length & 4) != 0) {
            sum += s.get(WORD32, end) & LOW32;
            end += 4;
        }
        if ((length & 2) != 0) {
            sum += s.get(WORD16, end) & 0xffff;
            end += 2;
        }
        if ((length & 1) != 0) {
            int last = s.get(ValueLayout.JAVA_BYTE, end) & 0xff;
            sum += LITTLE_ENDIAN ? last : last << 8;
        }
        int folded = fold(sum);
        return LITTLE_ENDIAN ? swap(folded) : folded;
    }

    /** Both halves of each word go into one long: less than 2^33 in each of at most 2^28 turns, so it never overflows. */
    private static long sum64(MemorySegment s, long at, int length) {
        long sum = 0;
        for (int i = 0; i < length; i += 8) {
            long word = s.get(WORD64, at + i);
            sum += (word & LOW32) + (word >>> 32);
        }
        return sum;
    }

    /** The same, in the form that the JIT makes vectors of: twice as fast on long data, slower on headers. */
    private static long sum32(MemorySegment s, long at, int length) {
        long sum = 0;
        for (int i = 0; i < length; i += 4) {
            sum += s.get(WORD32, at + i) & LOW32;
        }
        return sum;
    }

    /** Adds to {@code sum} the {@code length} bytes at {@code at}, which in the whole come behind {@code before} others. */
    public static int add(int sum, int before, MemorySegment s, long at, int length) {
        int piece = sum(s, at, length);
        return fold((long) sum + ((before & 1) == 0 ? piece : swap(piece)));
    }

    /** Adds a 32-bit field at an even offset to {@code sum}. */
    public static int with32(int sum, int value) {
        return fold(sum + (value & LOW32));
    }

    /** Takes a 32-bit field at an even offset off {@code sum}, of which it is a part, RFC 1624 §3. */
    public static int without32(int sum, int value) {
        return fold(sum + (~value & LOW32));
    }

    /** Sum of the pseudo-header of UDP and TCP over IPv4, RFC 768 and RFC 9293 §3.1. */
    public static int pseudo4(int src, int dst, int protocol, int length) {
        return fold((src & LOW32) + (dst & LOW32) + protocol + length);
    }

    /** Sum of the pseudo-header of upper layers over IPv6, RFC 8200 §8.1; {@code length} of header and data of the upper layer. */
    public static int pseudo6(long srcHigh, long srcLow, long dstHigh, long dstLow, int protocol, int length) {
        return fold((srcHigh & LOW32)
                + (srcHigh >>> 32)
                + (srcLow & LOW32)
                + (srcLow >>> 32)
                + (dstHigh & LOW32)
                + (dstHigh >>> 32)
                + (dstLow & LOW32)
                + (dstLow >>> 32)
                + protocol
                + length);
    }

    /** The sum of the pseudo-header of {@code protocol} in the family of the addresses, which are v4-mapped for IPv4. */
    public static int pseudo(long srcHigh, long srcLow, long dstHigh, long dstLow, int protocol, int length) {
        return Ip.isV4(srcHigh, srcLow)
                ? pseudo4((int) srcLow, (int) dstLow, protocol, length)
                : pseudo6(srcHigh, srcLow, dstHigh, dstLow, protocol, length);
    }

    /** The checksum that belongs to {@code sum}. */
    public static int of(int sum) {
        return ~sum & 0xffff;
    }

    /** The checksum after a 16-bit field changed, RFC 1624 eqn. 3. Not for a UDP checksum that is absent. */
    public static int update16(int checksum, int from, int to) {
        return of(fold((long) of(checksum) + of(from) + to));
    }

    /** The checksum after a 32-bit field at an even offset changed, RFC 1624 eqn. 3. Not for a UDP checksum that is absent. */
    public static int update32(int checksum, int from, int to) {
        return of(fold(of(checksum) + (~from & LOW32) + (to & LOW32)));
    }

    private static int swap(int sum) {
        return (sum & 0xff) << 8 | sum >>> 8;
    }

    static int fold(long sum) {
        assert sum >= 0 : sum;
        long folded = (sum >>> 32) + (sum & LOW32); // < 2^33
        folded = (folded >>> 16) + (folded & 0xffff); // < 2^18
        folded = (folded >>> 16) + (folded & 0xffff); // ≤ 2^16 + 1
        folded = (folded >>> 16) + (folded & 0xffff);
        return (int) folded;
    }
}
