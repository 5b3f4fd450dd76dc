package io.passatelli.wire;

import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;

/**
 * IPv6 header, RFC 8200 §3. {@code at} is the offset of its first octet; lengths in bytes; an address is two longs, as in {@code base.Ip}.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |version| traffic class |              flow label               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |        payload length         |  next header  |   hop limit   |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                    source address, 16 octets                  |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                 destination address, 16 octets                |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
@HotPath
public final class Ip6 {
    /** Of the header without extension headers. */
    public static final int LENGTH = 40;

    /** Every link carries packets of this many bytes, RFC 8200 §5. */
    public static final int MTU_MIN = 1_280;

    /** Next header values, IANA "Protocol Numbers". */
    public static final int HOP_BY_HOP = 0;

    public static final int ROUTING = 43;
    public static final int FRAGMENT = 44;
    public static final int ICMP = 58;
    public static final int NO_NEXT_HEADER = 59;
    public static final int DESTINATION_OPTIONS = 60;

    private static final long VERSION_CLASS_LABEL = 0;
    private static final long PAYLOAD_LENGTH = 4;
    private static final long NEXT_HEADER = 6;
    private static final long HOP_LIMIT = 7;
    private static final long SRC = 8;
    private static final long DST = 24;

    private Ip6() {}

    /** Writes version, traffic class 0, flow label 0 and the length of what follows the header; the rest is the caller's. */
    public static void start(MemorySegment s, long at, int payloadLength) {
        Octets.u32(s, at + VERSION_CLASS_LABEL, 0x6000_0000);
        Octets.u16(s, at + PAYLOAD_LENGTH, payloadLength);
    }

    public static int version(MemorySegment s, long at) {
        return Octets.u8(s, at + VERSION_CLASS_LABEL) >>> 4;
    }

    /** Of all that follows the fixed header, extension headers included. */
    public static int payloadLength(MemorySegment s, long at) {
        return Octets.u16(s, at + PAYLOAD_LENGTH);
    }

    public static void payloadLength(MemorySegment s, long at, int length) {
        Octets.u16(s, at + PAYLOAD_LENGTH, length);
    }

    public static int nextHeader(MemorySegment s, long at) {
        return Octets.u8(s, at + NEXT_HEADER);
    }

    public static void nextHeader(MemorySegment s, long at, int number) {
        Octets.u8(s, at + NEXT_HEADER, number);
    }

    public static int hopLimit(MemorySegment s, long at) {
        return Octets.u8(s, at + HOP_LIMIT);
    }

    public static void hopLimit(MemorySegment s, long at, int hops) {
        Octets.u8(s, at + HOP_LIMIT, hops);
    }

    public static long srcHigh(MemorySegment s, long at) {
        return Octets.u64(s, at + SRC);
    }

    public static long srcLow(MemorySegment s, long at) {
        return Octets.u64(s, at + SRC + 8);
    }

    public static void src(MemorySegment s, long at, long high, long low) {
        Octets.u64(s, at + SRC, high);
        Octets.u64(s, at + SRC + 8, low);
    }

    public static long dstHigh(MemorySegment s, long at) {
        return Octets.u64(s, at + DST);
    }

    public static long dstLow(MemorySegment s, long at) {
        return Octets.u64(s, at + DST + 8);
    }

    public static void dst(MemorySegment s, long at, long high, long low) {
        Octets.u64(s, at + DST, high);
        Octets.u64(s, at + DST + 8, low);
    }
}
