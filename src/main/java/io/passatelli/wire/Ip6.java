package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;

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
    public static final int AUTHENTICATION = 51;
    public static final int ICMP = 58;
    public static final int NO_NEXT_HEADER = 59;
    public static final int DESTINATION_OPTIONS = 60;

    /** Of a fragment header, §4.5. */
    public static final int FRAGMENT_LENGTH = 8;

    /** Bits of {@link #fragmentField}: offset in bytes, and whether more fragments follow. */
    static final int FRAGMENT_OFFSET = 0xfff8;

    static final int FRAGMENT_MORE = 1;

    /** Scopes of multicast groups up to this do not leave a node, RFC 4291 §2.7. */
    private static final int SCOPE_NODE = 1;

    private static final long VERSION_CLASS_LABEL = 0;
    private static final long PAYLOAD_LENGTH = 4;
    private static final long NEXT_HEADER = 6;
    private static final long HOP_LIMIT = 7;
    private static final long SRC = 8;
    private static final long DST = 24;

    private Ip6() {}

    /**
     * Whether every accessor is safe, the datagram whole and its addresses fit for a link. Extension headers are {@link Ip6Chain}'s.
     *
     * @param head bytes that lie at {@code at}
     * @param available bytes from {@code at} to the end of the frame, no fewer than {@code head}; what is beyond the datagram is padding
     */
    static Drop check(MemorySegment s, long at, int head, int available) {
        assert head <= available;
        if (head < LENGTH) {
            return Drop.IP6_TRUNCATED;
        }
        if (version(s, at) != 6) {
            return Drop.IP6_BAD_VERSION;
        }
        int payloadLength = payloadLength(s, at);
        if (payloadLength == 0 || payloadLength > available - LENGTH) { // 0: nothing, or a jumbogram, RFC 2675
            return Drop.IP6_BAD_PAYLOAD_LENGTH;
        }
        return checkAddresses(srcHigh(s, at), srcLow(s, at), dstHigh(s, at), dstLow(s, at));
    }

    /**
     * RFC 4291 §2.5 and §2.7: what may stand in a header on a link. The v4-mapped form stands for IPv4 in here, so it may not come from there. The
     * unspecified source passes; only the transport knows whether it may stand.
     */
    private static Drop checkAddresses(long srcHigh, long srcLow, long dstHigh, long dstLow) {
        if (Ip.isV4(srcHigh, srcLow) || Ip.isV4(dstHigh, dstLow)) {
            return Drop.IP6_MAPPED_ADDRESS;
        }
        if (Ip.isLoopback(srcHigh, srcLow) || Ip.isLoopback(dstHigh, dstLow)) {
            return Drop.IP6_LOOPBACK;
        }
        if (Ip.isMulticast(srcHigh, srcLow)) {
            return Drop.IP6_BAD_SOURCE;
        }
        boolean ownGroup = Ip.isMulticast(dstHigh, dstLow) && (dstHigh >>> 48 & 0xf) <= SCOPE_NODE;
        return ownGroup || Ip.isUnspecified(dstHigh, dstLow) ? Drop.IP6_BAD_DESTINATION : Drop.NONE;
    }

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

    /** Makes of a fragment's header, extension headers cut off, that of a whole datagram. */
    public static void whole(MemorySegment s, long at, int protocol, int payloadLength) {
        nextHeader(s, at, protocol);
        payloadLength(s, at, payloadLength);
    }

    /** Writes the fragment header at {@code at}; {@code offset} in bytes, a multiple of 8. */
    public static void fragment(MemorySegment s, long at, int protocol, int offset, boolean more, int id) {
        assert (offset & ~FRAGMENT_OFFSET) == 0 : offset;
        Octets.u8(s, at, protocol);
        Octets.u8(s, at + 1, 0);
        Octets.u16(s, at + 2, offset | (more ? FRAGMENT_MORE : 0));
        Octets.u32(s, at + 4, id);
    }

    /** Of the fragment header at {@code at}: {@link #FRAGMENT_OFFSET}, {@link #FRAGMENT_MORE}. */
    static int fragmentField(MemorySegment s, long at) {
        return Octets.u16(s, at + 2);
    }

    static int fragmentId(MemorySegment s, long at) {
        return Octets.u32(s, at + 4);
    }
}
