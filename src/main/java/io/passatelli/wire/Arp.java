package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;

/**
 * ARP for IPv4 over Ethernet, RFC 826; field names of RFC 5227 §1.1. {@code at} is the offset of its first octet.
 *
 * <pre>
 *  0                   1                   2                   3
 *  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |      hardware type (1)        |     protocol type (0x0800)    |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * | hw length (6) | pr length (4) |           operation           |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                    sender hardware address                    |
 * +                               +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                               |    sender IP address (high)   |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |    sender IP address (low)    |                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+    target hardware address    +
 * |                                                               |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * |                       target IP address                       |
 * +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
 * </pre>
 */
@HotPath
public final class Arp {
    public static final int LENGTH = 28;

    public static final int REQUEST = 1;
    public static final int REPLY = 2;

    /** Hardware type, protocol type and both address lengths, as one number: RFC 826 for Ethernet and IPv4. */
    private static final long ETHERNET_IP4 = 0x0001_0800_0604L;

    private static final long KIND = 0;
    private static final long OPERATION = 6;
    private static final long SENDER_MAC = 8;
    private static final long SENDER_IP = 14;
    private static final long TARGET_MAC = 18;
    private static final long TARGET_IP = 24;

    private Arp() {}

    /** Whether every accessor is safe on the {@code available} bytes at {@code at}, and they speak of Ethernet and IPv4. */
    public static Drop check(MemorySegment s, long at, int available) {
        if (available < LENGTH) {
            return Drop.ARP_TRUNCATED;
        }
        return Octets.u48(s, at + KIND) == ETHERNET_IP4 ? Drop.NONE : Drop.ARP_NOT_ETHERNET_IP4;
    }

    /** Writes what every ARP packet of ours begins with, up to and with the operation. */
    public static void start(MemorySegment s, long at, int operation) {
        Octets.u48(s, at + KIND, ETHERNET_IP4);
        Octets.u16(s, at + OPERATION, operation);
    }

    public static int operation(MemorySegment s, long at) {
        return Octets.u16(s, at + OPERATION);
    }

    public static long senderMac(MemorySegment s, long at) {
        return Octets.u48(s, at + SENDER_MAC);
    }

    public static void senderMac(MemorySegment s, long at, long mac) {
        Octets.u48(s, at + SENDER_MAC, mac);
    }

    public static int senderIp(MemorySegment s, long at) {
        return Octets.u32(s, at + SENDER_IP);
    }

    public static void senderIp(MemorySegment s, long at, int ip) {
        Octets.u32(s, at + SENDER_IP, ip);
    }

    public static long targetMac(MemorySegment s, long at) {
        return Octets.u48(s, at + TARGET_MAC);
    }

    public static void targetMac(MemorySegment s, long at, long mac) {
        Octets.u48(s, at + TARGET_MAC, mac);
    }

    public static int targetIp(MemorySegment s, long at) {
        return Octets.u32(s, at + TARGET_IP);
    }

    public static void targetIp(MemorySegment s, long at, int ip) {
        Octets.u32(s, at + TARGET_IP, ip);
    }
}
