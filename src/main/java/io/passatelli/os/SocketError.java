package io.passatelli.os;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One entry of a socket's error queue (IP_RECVERR, ip(7); IPV6_RECVERR, ipv6(7)): {@code struct sock_extended_err}, who complained, where the
 * packet in question went, and the beginning of what it carried.
 */
@HotPath
public final class SocketError {
    /** {@link #origin}: an ICMP or ICMPv6 message came; {@link #type} and {@link #code} are its. */
    public static final int ORIGIN_ICMP = 2;

    public static final int ORIGIN_ICMP6 = 3;
    /** {@link #origin}: this host itself, such as when a datagram is too big for its interface. */
    public static final int ORIGIN_LOCAL = 1;

    /** Payload of the packet in question, as far as the queue has it. */
    public final MemorySegment payload = Arena.global().allocate(Limits.SOCKET_ERROR_BYTES, 8);

    /** Bytes in {@link #payload}. */
    public int length;
    /** {@code ee_errno}. */
    public int errno;

    public int origin;
    public int type;
    public int code;
    /** {@code ee_info}: the MTU, where it was too big. */
    public int info;
    /** Who complained, v4-mapped for IPv4; unspecified if nobody is named. */
    public long offenderHigh;

    public long offenderLow;
    /** Where the packet in question was sent to. */
    public long destinationHigh;

    public long destinationLow;
    public int destinationPort;
}
