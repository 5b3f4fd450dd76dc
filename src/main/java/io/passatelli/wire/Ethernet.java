package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Mac;

import java.lang.foreign.MemorySegment;

/**
 * Ethernet II header, IEEE 802.3 §3.1.1 without preamble and FCS. {@code at} is the offset of its first octet; addresses are 48 bits in a long,
 * as in {@link Mac}. Tagged frames (802.1Q) and 802.3 length frames are other types, which nobody here speaks.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                          destination                          |
 * +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                               |                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+            source             +
 * |                                                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |             type              |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
@HotPath
public final class Ethernet {
    public static final int LENGTH = 14;

    /** Ether types, IANA "IEEE 802 numbers". */
    public static final int IP4 = 0x0800;

    public static final int ARP = 0x0806;
    public static final int IP6 = 0x86dd;

    private static final long DST = 0;
    private static final long SRC = 6;
    private static final long TYPE = 12;

    private Ethernet() {}

    /** Whether every accessor is safe on the {@code available} bytes at {@code at}, and the source can be a sender's. */
    static Drop check(MemorySegment s, long at, int available) {
        if (available < LENGTH) {
            return Drop.ETHERNET_TRUNCATED;
        }
        return Mac.isGroup(src(s, at)) ? Drop.ETHERNET_GROUP_SOURCE : Drop.NONE;
    }

    public static long dst(MemorySegment s, long at) {
        return Octets.u48(s, at + DST);
    }

    public static void dst(MemorySegment s, long at, long mac) {
        Octets.u48(s, at + DST, mac);
    }

    public static long src(MemorySegment s, long at) {
        return Octets.u48(s, at + SRC);
    }

    public static void src(MemorySegment s, long at, long mac) {
        Octets.u48(s, at + SRC, mac);
    }

    public static int type(MemorySegment s, long at) {
        return Octets.u16(s, at + TYPE);
    }

    public static void type(MemorySegment s, long at, int etherType) {
        Octets.u16(s, at + TYPE, etherType);
    }
}
