package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;

/**
 * ICMP header, RFC 792; identifier and sequence number stand there in echo messages only. {@code at} is the offset of its first octet.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |     type      |     code      |           checksum            |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |          identifier           |        sequence number        |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
@HotPath
public final class Icmp4 {
    public static final int LENGTH = 8;

    public static final int ECHO_REPLY = 0;
    public static final int DESTINATION_UNREACHABLE = 3;
    public static final int ECHO_REQUEST = 8;
    public static final int TIME_EXCEEDED = 11;
    public static final int PARAMETER_PROBLEM = 12;

    /** Of {@link #DESTINATION_UNREACHABLE}: fragmentation needed and DF set; the MTU of the next hop stands in the second word, RFC 1191 §4. */
    public static final int FRAGMENTATION_NEEDED = 4;

    /** Of {@link #DESTINATION_UNREACHABLE}: communication administratively prohibited, RFC 1812 §5.2.7.1. */
    public static final int PROHIBITED = 13;

    private static final long TYPE = 0;
    private static final long CODE = 1;
    private static final long CHECKSUM = 2;
    private static final long ID = 4;
    private static final long SEQUENCE = 6;

    private Icmp4() {}

    /** Whether every accessor is safe on {@code available} bytes. */
    static Drop check(int available) {
        return available < LENGTH ? Drop.ICMP_TRUNCATED : Drop.NONE;
    }

    public static int type(MemorySegment s, long at) {
        return Octets.u8(s, at + TYPE);
    }

    public static void type(MemorySegment s, long at, int type) {
        Octets.u8(s, at + TYPE, type);
    }

    public static int code(MemorySegment s, long at) {
        return Octets.u8(s, at + CODE);
    }

    public static void code(MemorySegment s, long at, int code) {
        Octets.u8(s, at + CODE, code);
    }

    public static int checksum(MemorySegment s, long at) {
        return Octets.u16(s, at + CHECKSUM);
    }

    public static void checksum(MemorySegment s, long at, int checksum) {
        Octets.u16(s, at + CHECKSUM, checksum);
    }

    public static int id(MemorySegment s, long at) {
        return Octets.u16(s, at + ID);
    }

    public static void id(MemorySegment s, long at, int id) {
        Octets.u16(s, at + ID, id);
    }

    public static int sequence(MemorySegment s, long at) {
        return Octets.u16(s, at + SEQUENCE);
    }

    public static void sequence(MemorySegment s, long at, int sequence) {
        Octets.u16(s, at + SEQUENCE, sequence);
    }

    /** The second word as a whole, which means in each kind of error something else. */
    public static void word(MemorySegment s, long at, int word) {
        Octets.u32(s, at + ID, word);
    }
}
