package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;

/**
 * ICMPv6 header, RFC 4443 §2.1; identifier and sequence number stand there in echo messages only, in others a message body of their own. {@code
 * at} is the offset of its first octet. The checksum covers a pseudo-header, {@link Checksum#pseudo6}.
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
public final class Icmp6 {
    public static final int LENGTH = 8;

    public static final int DESTINATION_UNREACHABLE = 1;
    public static final int PACKET_TOO_BIG = 2;
    public static final int TIME_EXCEEDED = 3;
    public static final int PARAMETER_PROBLEM = 4;
    /** Code of {@link #DESTINATION_UNREACHABLE}: communication administratively prohibited, RFC 4443 §3.1. */
    public static final int PROHIBITED = 1;

    public static final int ECHO_REQUEST = 128;
    public static final int ECHO_REPLY = 129;
    /** RFC 2710 §3.1. */
    public static final int MLD_QUERY = 130;

    public static final int MLD_DONE = 132;
    /** RFC 4861 §4. */
    public static final int ROUTER_SOLICITATION = 133;

    public static final int ROUTER_ADVERTISEMENT = 134;
    public static final int NEIGHBOR_SOLICITATION = 135;
    public static final int NEIGHBOR_ADVERTISEMENT = 136;
    public static final int REDIRECT = 137;
    /** RFC 3810 §5.2. */
    public static final int MLD2_REPORT = 143;

    private static final long TYPE = 0;
    private static final long CODE = 1;
    private static final long CHECKSUM = 2;
    private static final long ID = 4;
    private static final long SEQUENCE = 6;

    private Icmp6() {}

    /** Whether every accessor is safe on {@code available} bytes. No message that anybody defined is shorter. */
    static Drop check(int available) {
        return available < LENGTH ? Drop.ICMP_TRUNCATED : Drop.NONE;
    }

    /** Whether messages of {@code type} are neighbour discovery, RFC 4861. */
    public static boolean isNeighborDiscovery(int type) {
        return type >= ROUTER_SOLICITATION && type <= REDIRECT;
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
