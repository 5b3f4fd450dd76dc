package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;

/**
 * TCP header, RFC 9293 §3.1. {@code at} is the offset of its first octet; lengths in bytes, sequence numbers as {@link Seq} has them.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |          source port          |       destination port        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                        sequence number                        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                     acknowledgment number                     |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | offset|  rsrvd|C|E|U|A|P|R|S|F|            window             |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |           checksum            |        urgent pointer         |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                            options …                          |
 * </pre>
 */
@HotPath
public final class Tcp {
    /** Without options. */
    public static final int LENGTH = 20;

    /** With the most options. */
    public static final int LENGTH_MAX = 60;

    public static final int FIN = 0x01;
    public static final int SYN = 0x02;
    public static final int RST = 0x04;
    public static final int PSH = 0x08;
    public static final int ACK = 0x10;
    public static final int URG = 0x20;
    public static final int ECE = 0x40;
    public static final int CWR = 0x80;

    /** The most that the window field says, before scaling. */
    public static final int WINDOW_MAX = 65_535;

    /** Where the checksum stands, from the first octet on. */
    public static final int CHECKSUM = 16;

    private static final long SRC_PORT = 0;
    private static final long DST_PORT = 2;
    private static final long SEQ = 4;
    private static final long ACKNOWLEDGMENT = 8;
    private static final long DATA_OFFSET = 12;
    private static final long FLAGS = 13;
    private static final long WINDOW = 14;
    private static final long URGENT = 18;

    private Tcp() {}

    /**
     * Whether every accessor is safe and all options are there.
     *
     * @param head bytes that lie at {@code at}
     * @param available bytes that IP delivers, no fewer than {@code head}
     */
    static Drop check(MemorySegment s, long at, int head, int available) {
        assert head <= available;
        if (head < LENGTH) {
            return Drop.TCP_TRUNCATED;
        }
        int header = headerLength(s, at);
        if (header < LENGTH || header > available) {
            return Drop.TCP_BAD_LENGTH;
        }
        return header > head ? Drop.TCP_TRUNCATED : Drop.NONE;
    }

    public static int srcPort(MemorySegment s, long at) {
        return Octets.u16(s, at + SRC_PORT);
    }

    public static int dstPort(MemorySegment s, long at) {
        return Octets.u16(s, at + DST_PORT);
    }

    public static int seq(MemorySegment s, long at) {
        return Octets.u32(s, at + SEQ);
    }

    public static int ack(MemorySegment s, long at) {
        return Octets.u32(s, at + ACKNOWLEDGMENT);
    }

    /** With options. */
    public static int headerLength(MemorySegment s, long at) {
        return Octets.u8(s, at + DATA_OFFSET) >>> 4 << 2;
    }

    public static void headerLength(MemorySegment s, long at, int length) {
        assert length >= LENGTH && length <= LENGTH_MAX && length % 4 == 0 : length;
        Octets.u8(s, at + DATA_OFFSET, length >>> 2 << 4);
    }

    public static int flags(MemorySegment s, long at) {
        return Octets.u8(s, at + FLAGS);
    }

    /** As it stands there: not scaled. */
    public static int window(MemorySegment s, long at) {
        return Octets.u16(s, at + WINDOW);
    }

    public static int checksum(MemorySegment s, long at) {
        return Octets.u16(s, at + CHECKSUM);
    }

    public static void checksum(MemorySegment s, long at, int checksum) {
        Octets.u16(s, at + CHECKSUM, checksum);
    }

    /** Ports, reserved bits, checksum and urgent pointer, the latter zero, of a header of {@code headerLength} bytes. */
    public static void start(MemorySegment s, long at, int srcPort, int dstPort, int headerLength) {
        Octets.u16(s, at + SRC_PORT, srcPort);
        Octets.u16(s, at + DST_PORT, dstPort);
        headerLength(s, at, headerLength);
        Octets.u16(s, at + CHECKSUM, 0);
        Octets.u16(s, at + URGENT, 0);
    }

    public static void seq(MemorySegment s, long at, int seq) {
        Octets.u32(s, at + SEQ, seq);
    }

    public static void ack(MemorySegment s, long at, int ack) {
        Octets.u32(s, at + ACKNOWLEDGMENT, ack);
    }

    public static void flags(MemorySegment s, long at, int flags) {
        Octets.u8(s, at + FLAGS, flags);
    }

    public static void window(MemorySegment s, long at, int window) {
        Octets.u16(s, at + WINDOW, window);
    }
}
