package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;

/**
 * UDP header, RFC 768. {@code at} is the offset of its first octet; lengths in bytes.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |          source port          |       destination port        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |            length             |           checksum            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
@HotPath
public final class Udp {
    public static final int LENGTH = 8;

    /** Where the checksum stands, from the first octet on. */
    public static final int CHECKSUM = 6;

    private static final long SRC_PORT = 0;
    private static final long DST_PORT = 2;
    private static final long TOTAL_LENGTH = 4;

    private Udp() {}

    /**
     * Whether every accessor is safe and the datagram whole.
     *
     * @param head bytes that lie at {@code at}
     * @param available bytes that IP delivers, no fewer than {@code head}; the datagram may be shorter
     */
    static Drop check(MemorySegment s, long at, int head, int available) {
        assert head <= available;
        if (head < LENGTH) {
            return Drop.UDP_TRUNCATED;
        }
        int total = totalLength(s, at);
        return total < LENGTH || total > available ? Drop.UDP_BAD_LENGTH : Drop.NONE;
    }

    public static int srcPort(MemorySegment s, long at) {
        return Octets.u16(s, at + SRC_PORT);
    }

    public static void srcPort(MemorySegment s, long at, int port) {
        Octets.u16(s, at + SRC_PORT, port);
    }

    public static int dstPort(MemorySegment s, long at) {
        return Octets.u16(s, at + DST_PORT);
    }

    public static void dstPort(MemorySegment s, long at, int port) {
        Octets.u16(s, at + DST_PORT, port);
    }

    /** Of header and payload. */
    public static int totalLength(MemorySegment s, long at) {
        return Octets.u16(s, at + TOTAL_LENGTH);
    }

    public static void totalLength(MemorySegment s, long at, int length) {
        Octets.u16(s, at + TOTAL_LENGTH, length);
    }

    public static int checksum(MemorySegment s, long at) {
        return Octets.u16(s, at + CHECKSUM);
    }

    /** Stores {@code checksum}; a computed zero travels as all ones, since zero means "none". */
    public static void checksum(MemorySegment s, long at, int checksum) {
        Octets.u16(s, at + CHECKSUM, checksum == 0 ? 0xffff : checksum);
    }

    /** Says that there is no checksum: before it is computed over this field, or for good. */
    public static void noChecksum(MemorySegment s, long at) {
        Octets.u16(s, at + CHECKSUM, 0);
    }

    /** Whether the header at {@code at} has no checksum, or {@code sum}, over pseudo-header, header and payload, shows it good. */
    public static boolean isGood(MemorySegment s, long at, int sum) {
        return sum == Checksum.GOOD || checksum(s, at) == 0;
    }
}
