package io.passatelli.os;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

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
    public final MemorySegment payload = Arena.ofAuto().allocate(Limits.SOCKET_ERROR_BYTES, 8);

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

    /** {@code struct sock_extended_err}, linux/errqueue.h; the offender's address follows. */
    static final int EE_SIZE = 16;

    static final int EE_ERRNO = 0;
    static final int EE_ORIGIN = 4;
    static final int EE_TYPE = 5;
    static final int EE_CODE = 6;
    static final int EE_INFO = 8;

    /** The error, a sockaddr_in6, and what else the socket asked to be told, which comes first. */
    private static final int CONTROL_BYTES = 256;

    private static final int IOVEC_AT = 64;
    private static final int NAME_AT = 80;
    private static final int CONTROL_AT = NAME_AT + SockAddr.CAPACITY_IN6;

    private static final ValueLayout.OfShort PORT = JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt ADDRESS4 = JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfLong ADDRESS6 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    /** A {@code struct msghdr} with all that it points to but the payload. */
    private final MemorySegment call = Arena.ofAuto().allocate(CONTROL_AT + CONTROL_BYTES, 8);

    /** Lays out the call; the address of its {@code struct msghdr}. */
    long prepare() {
        call.set(JAVA_LONG, IOVEC_AT, payload.address());
        call.set(JAVA_LONG, IOVEC_AT + 8, payload.byteSize());
        call.set(JAVA_LONG, Msg.MSG_NAME, call.address() + NAME_AT);
        call.set(JAVA_LONG, Msg.MSG_NAMELEN, SockAddr.CAPACITY_IN6); // and the padding behind it
        call.set(JAVA_LONG, Msg.MSG_IOV, call.address() + IOVEC_AT);
        call.set(JAVA_LONG, Msg.MSG_IOVLEN, 1);
        call.set(JAVA_LONG, Msg.MSG_CONTROL, call.address() + CONTROL_AT);
        call.set(JAVA_LONG, Msg.MSG_CONTROLLEN, CONTROL_BYTES);
        call.set(JAVA_LONG, Msg.MSG_FLAGS, 0);
        call.set(JAVA_SHORT, NAME_AT, (short) 0);
        return call.address();
    }

    /** Reads what the call left; {@code payloadBytes} of payload came. */
    void take(int payloadBytes) {
        length = payloadBytes;
        errno = 0;
        origin = 0;
        type = 0;
        code = 0;
        info = 0;
        offenderHigh = 0;
        offenderLow = 0;
        destinationHigh = high(NAME_AT);
        destinationLow = low(NAME_AT);
        destinationPort = call.get(JAVA_SHORT, NAME_AT) == 0 ? 0 : call.get(PORT, NAME_AT + 2) & 0xffff;
        long end = CONTROL_AT + call.get(JAVA_LONG, Msg.MSG_CONTROLLEN);
        long at = CONTROL_AT;
        while (at + Datagrams.CMSG_DATA <= end) {
            long cmsgLength = call.get(JAVA_LONG, at + Datagrams.CMSG_LEN);
            if (cmsgLength < Datagrams.CMSG_DATA || at + cmsgLength > end) {
                return;
            }
            if (isError(at) && cmsgLength >= Datagrams.CMSG_DATA + EE_SIZE) {
                takeError(at + Datagrams.CMSG_DATA, cmsgLength - Datagrams.CMSG_DATA);
            }
            at += cmsgLength + 7 & ~7L;
        }
    }

    private boolean isError(long cmsg) {
        int level = call.get(JAVA_INT, cmsg + Datagrams.CMSG_LEVEL);
        int kind = call.get(JAVA_INT, cmsg + Datagrams.CMSG_TYPE);
        return level == Socket.IPPROTO_IP && kind == Socket.IP_RECVERR
                || level == Socket.IPPROTO_IPV6 && kind == Socket.IPV6_RECVERR;
    }

    private void takeError(long at, long bytes) {
        errno = call.get(JAVA_INT, at + EE_ERRNO);
        origin = call.get(JAVA_BYTE, at + EE_ORIGIN);
        type = call.get(JAVA_BYTE, at + EE_TYPE) & 0xff;
        code = call.get(JAVA_BYTE, at + EE_CODE) & 0xff;
        info = call.get(JAVA_INT, at + EE_INFO);
        if (bytes >= EE_SIZE + 16) {
            offenderHigh = high(at + EE_SIZE);
            offenderLow = low(at + EE_SIZE);
        }
    }

    private long high(long sockaddr) {
        return call.get(JAVA_SHORT, sockaddr) == Socket.AF_INET6 ? call.get(ADDRESS6, sockaddr + 8) : 0;
    }

    private long low(long sockaddr) {
        return switch (call.get(JAVA_SHORT, sockaddr)) {
            case Socket.AF_INET6 -> call.get(ADDRESS6, sockaddr + 16);
            case Socket.AF_INET -> Ip.low(call.get(ADDRESS4, sockaddr + 4));
            default -> 0;
        };
    }
}
