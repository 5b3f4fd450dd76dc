package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;

/**
 * IPv4 header, RFC 791 §3.1. {@code at} is the offset of its first octet; lengths in bytes; addresses are 32 bits in an int.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |version|  IHL  |type of service|         total length          |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |        identification         |0 D M     fragment offset      |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | time to live  |   protocol    |        header checksum        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                        source address                         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                      destination address                      |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                 options, to a multiple of 4                   |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
@HotPath
public final class Ip4 {
    /** Of the header without options. */
    public static final int LENGTH = 20;

    /** Protocol numbers, IANA. */
    public static final int ICMP = 1;

    public static final int TCP = 6;
    public static final int UDP = 17;

    /** Bits of {@link #fragment}: don't fragment, more fragments, offset in units of 8 bytes. */
    public static final int DF = 0x4000;

    public static final int MF = 0x2000;
    public static final int OFFSET = 0x1fff;

    private static final long VERSION_IHL = 0;
    private static final long TOS = 1;
    private static final long TOTAL_LENGTH = 2;
    private static final long ID = 4;
    private static final long FRAGMENT = 6;
    private static final long TTL = 8;
    private static final long PROTOCOL = 9;
    private static final long CHECKSUM = 10;
    private static final long SRC = 12;
    private static final long DST = 16;

    private Ip4() {}

    /**
     * Whether every accessor is safe, the datagram whole and its addresses fit for a link.
     *
     * @param head bytes that lie at {@code at}
     * @param available bytes from {@code at} to the end of the frame, no fewer than {@code head}; what is beyond the datagram is padding
     */
    static Drop check(MemorySegment s, long at, int head, int available) {
        assert head <= available;
        if (head < LENGTH) {
            return Drop.IP4_TRUNCATED;
        }
        if (Octets.u8(s, at + VERSION_IHL) >>> 4 != 4) {
            return Drop.IP4_BAD_VERSION;
        }
        int headerLength = headerLength(s, at);
        if (headerLength < LENGTH) {
            return Drop.IP4_BAD_HEADER_LENGTH;
        }
        if (headerLength > head) {
            return Drop.IP4_TRUNCATED;
        }
        if (Checksum.sum(s, at, headerLength) != Checksum.GOOD) {
            return Drop.IP4_BAD_CHECKSUM;
        }
        int totalLength = totalLength(s, at);
        if (totalLength < headerLength || totalLength > available) {
            return Drop.IP4_BAD_TOTAL_LENGTH;
        }
        return checkAddresses(src(s, at), dst(s, at));
    }

    /** RFC 1122 §3.2.1.3: what may stand in a header on a link. The unspecified source passes; only the transport knows whether it may stand. */
    private static Drop checkAddresses(int src, int dst) {
        if (src >>> 24 == 127 || dst >>> 24 == 127) {
            return Drop.IP4_LOOPBACK;
        }
        boolean group = src >>> 28 == 0xe || src == -1;
        boolean thisNetwork = src >>> 24 == 0 && src != 0;
        return group || thisNetwork ? Drop.IP4_BAD_SOURCE : Drop.NONE;
    }

    /** Writes version, a header length of {@link #LENGTH}, service 0, id 0 and don't-fragment; the rest is the caller's. */
    public static void start(MemorySegment s, long at, int totalLength) {
        Octets.u16(s, at + VERSION_IHL, 0x4500);
        Octets.u16(s, at + TOTAL_LENGTH, totalLength);
        Octets.u16(s, at + ID, 0); // never fragmented, so never compared: RFC 6864 §4.1
        Octets.u16(s, at + FRAGMENT, DF);
    }

    public static int headerLength(MemorySegment s, long at) {
        return (Octets.u8(s, at + VERSION_IHL) & 0xf) << 2;
    }

    public static int tos(MemorySegment s, long at) {
        return Octets.u8(s, at + TOS);
    }

    public static int totalLength(MemorySegment s, long at) {
        return Octets.u16(s, at + TOTAL_LENGTH);
    }

    public static int id(MemorySegment s, long at) {
        return Octets.u16(s, at + ID);
    }

    /** Flags and fragment offset: {@link #DF}, {@link #MF}, {@link #OFFSET}. */
    public static int fragment(MemorySegment s, long at) {
        return Octets.u16(s, at + FRAGMENT);
    }

    /** Marks the datagram as a part: {@code offset} in bytes, a multiple of 8; it may be fragmented further. */
    public static void fragment(MemorySegment s, long at, int offset, boolean more, int id) {
        assert (offset & ~(OFFSET << 3)) == 0 : offset;
        Octets.u16(s, at + ID, id);
        Octets.u16(s, at + FRAGMENT, offset >>> 3 | (more ? MF : 0));
    }

    /** Makes of a fragment's header, options cut off, that of a whole datagram; checksum done. */
    public static void whole(MemorySegment s, long at, int totalLength) {
        Octets.u8(s, at + VERSION_IHL, 0x45);
        Octets.u16(s, at + TOTAL_LENGTH, totalLength);
        Octets.u16(s, at + FRAGMENT, 0);
        Octets.u16(s, at + CHECKSUM, 0);
        Octets.u16(s, at + CHECKSUM, Checksum.of(Checksum.sum(s, at, LENGTH)));
    }

    public static int ttl(MemorySegment s, long at) {
        return Octets.u8(s, at + TTL);
    }

    public static void ttl(MemorySegment s, long at, int hops) {
        Octets.u8(s, at + TTL, hops);
    }

    public static int protocol(MemorySegment s, long at) {
        return Octets.u8(s, at + PROTOCOL);
    }

    public static void protocol(MemorySegment s, long at, int number) {
        Octets.u8(s, at + PROTOCOL, number);
    }

    public static int checksum(MemorySegment s, long at) {
        return Octets.u16(s, at + CHECKSUM);
    }

    public static void checksum(MemorySegment s, long at, int checksum) {
        Octets.u16(s, at + CHECKSUM, checksum);
    }

    public static int src(MemorySegment s, long at) {
        return Octets.u32(s, at + SRC);
    }

    public static void src(MemorySegment s, long at, int ip) {
        Octets.u32(s, at + SRC, ip);
    }

    public static int dst(MemorySegment s, long at) {
        return Octets.u32(s, at + DST);
    }

    public static void dst(MemorySegment s, long at, int ip) {
        Octets.u32(s, at + DST, ip);
    }
}
