package io.passatelli.os;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Objects;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

/**
 * An array of {@code struct mmsghdr} for recvmmsg(2) and sendmmsg(2): each datagram has ranges of native segments, a peer and control data.
 * The caller lays it out with {@link #add} and {@link #range} before each call; a call to receive fills lengths, peers and local addresses.
 * As in {@link IoVec}, each range is checked against its segment once, and segments must stay alive until the call.
 */
@HotPath
public final class Datagrams {
    /** {@code struct mmsghdr}: a {@code struct msghdr}, and the length. */
    static final int SIZE = 64;

    static final int MSG_LEN = 56;

    private static final int IOVEC = 16;
    private static final int IOV_LEN = 8;

    /** Room for one control message of each kind that we ask for: in6_pktinfo, and something over. */
    static final int CONTROL = 64;

    /** {@code struct cmsghdr}, cmsg(3). */
    static final int CMSG_LEN = 0;

    static final int CMSG_LEVEL = 8;
    static final int CMSG_TYPE = 12;
    static final int CMSG_DATA = 16;

    private static final ValueLayout.OfInt ADDRESS4 = JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfLong ADDRESS6 = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private final int capacity;
    private final MemorySegment headers;
    private final MemorySegment ranges;
    private final MemorySegment names;
    private final MemorySegment controls;
    private final MemorySegment[] rangeSegments;
    private final long[] rangeOffsets;
    private final int rangesEach;
    private final int[] rangeCounts;
    private int count;

    /** At most {@code capacity} datagrams of {@code rangesEach} ranges, together no more than {@link Limits#IOVECS}. */
    public Datagrams(int capacity, int rangesEach) {
        assert capacity > 0 && rangesEach > 0 && capacity * rangesEach <= Limits.IOVECS;
        this.capacity = capacity;
        this.rangesEach = rangesEach;
        headers = Arena.ofAuto().allocate((long) capacity * SIZE, 8);
        ranges = Arena.ofAuto().allocate((long) capacity * rangesEach * IOVEC, 8);
        names = Arena.ofAuto().allocate((long) capacity * SockAddr.CAPACITY_IN6, 8);
        controls = Arena.ofAuto().allocate((long) capacity * CONTROL, 8);
        rangeSegments = new MemorySegment[capacity * rangesEach];
        rangeOffsets = new long[capacity * rangesEach];
        rangeCounts = new int[capacity];
        for (int i = 0; i < capacity; i++) {
            headers.set(JAVA_LONG, at(i) + Msg.MSG_IOV, ranges.address() + (long) i * rangesEach * IOVEC);
        }
    }

    private static long at(int i) {
        return (long) i * SIZE;
    }

    private static long nameAt(int i) {
        return (long) i * SockAddr.CAPACITY_IN6;
    }

    private static long controlAt(int i) {
        return (long) i * CONTROL;
    }

    public int capacity() {
        return capacity;
    }

    public int count() {
        return count;
    }

    public boolean isFull() {
        return count == capacity;
    }

    /** The next call is for the first {@code datagrams} of those laid out; the others stay as they are, for a later one. */
    public void use(int datagrams) {
        assert datagrams > 0 && datagrams <= capacity : datagrams;
        count = datagrams;
    }

    /** Forgets all datagrams. */
    public void clear() {
        count = 0;
    }

    /** Appends a datagram without ranges, peer or control data; returns its index. */
    public int add() {
        int i = count++;
        rangeCounts[i] = 0;
        headers.set(JAVA_LONG, at(i) + Msg.MSG_NAME, 0);
        headers.set(JAVA_INT, at(i) + Msg.MSG_NAMELEN, 0);
        headers.set(JAVA_LONG, at(i) + Msg.MSG_IOVLEN, 0);
        headers.set(JAVA_LONG, at(i) + Msg.MSG_CONTROL, 0);
        headers.set(JAVA_LONG, at(i) + Msg.MSG_CONTROLLEN, 0);
        headers.set(JAVA_INT, at(i) + Msg.MSG_FLAGS, 0);
        headers.set(JAVA_INT, at(i) + MSG_LEN, 0);
        return i;
    }

    /** Appends {@code length} bytes at {@code offset} to datagram {@code i}. Throws if they are out of bounds. */
    public void range(int i, MemorySegment segment, long offset, long length) {
        assert segment.isNative() : segment;
        Objects.checkFromIndexSize(offset, length, segment.byteSize());
        int n = rangeCounts[i]++;
        assert n < rangesEach : n;
        int slot = i * rangesEach + n;
        rangeSegments[slot] = segment;
        rangeOffsets[slot] = offset;
        ranges.set(JAVA_LONG, (long) slot * IOVEC, segment.address() + offset);
        ranges.set(JAVA_LONG, (long) slot * IOVEC + IOV_LEN, length);
        headers.set(JAVA_LONG, at(i) + Msg.MSG_IOVLEN, rangeCounts[i]);
    }

    public int rangeCount(int i) {
        return rangeCounts[i];
    }

    public MemorySegment rangeSegment(int i, int range) {
        return rangeSegments[i * rangesEach + range];
    }

    public long rangeOffset(int i, int range) {
        return rangeOffsets[i * rangesEach + range];
    }

    public long rangeLength(int i, int range) {
        return ranges.get(JAVA_LONG, (long) (i * rangesEach + range) * IOVEC + IOV_LEN);
    }

    /** To receive: asks for the sender of datagram {@code i}, which {@link #peerHigh}, {@link #peerLow} and {@link #peerPort} then tell. */
    public void wantPeer(int i) {
        headers.set(JAVA_LONG, at(i) + Msg.MSG_NAME, names.address() + nameAt(i));
        headers.set(JAVA_INT, at(i) + Msg.MSG_NAMELEN, SockAddr.CAPACITY_IN6);
        names.set(JAVA_SHORT, nameAt(i), (short) 0);
    }

    /** To receive: asks where datagram {@code i} was sent to (IP_PKTINFO, IPV6_RECVPKTINFO must be set), {@link #localHigh} and its kin. */
    public void wantLocal(int i) {
        headers.set(JAVA_LONG, at(i) + Msg.MSG_CONTROL, controls.address() + controlAt(i));
        headers.set(JAVA_LONG, at(i) + Msg.MSG_CONTROLLEN, CONTROL);
    }

    /** To receive: asks whether datagram {@code i} is several that came as one (UDP_GRO must be set), which {@link #mergedBytes} then tells. */
    public void wantMerged(int i) {
        wantLocal(i);
    }

    /** Bytes of each of the datagrams that were received as one at {@code i}, of which the last has what is left; 0: it is but one. */
    public int mergedBytes(int i) {
        return isControl(i, Socket.IPPROTO_UDP, Socket.UDP_GRO) ? controls.get(JAVA_INT, controlAt(i) + CMSG_DATA) : 0;
    }

    /**
     * To send: the ranges of datagram {@code i} are to leave as datagrams of {@code bytes} each, the last with what is left: UDP_SEGMENT, udp(7). At most
     * {@link Socket#UDP_MAX_SEGMENTS} of them, and together no more than one datagram can be long.
     */
    public void segmentSize(int i, int bytes) {
        long control = controlAt(i);
        controls.set(JAVA_LONG, control + CMSG_LEN, CMSG_DATA + 2);
        controls.set(JAVA_INT, control + CMSG_LEVEL, Socket.IPPROTO_UDP);
        controls.set(JAVA_INT, control + CMSG_TYPE, Socket.UDP_SEGMENT);
        controls.set(JAVA_SHORT, control + CMSG_DATA, (short) bytes);
        headers.set(JAVA_LONG, at(i) + Msg.MSG_CONTROL, controls.address() + control);
        headers.set(JAVA_LONG, at(i) + Msg.MSG_CONTROLLEN, CMSG_DATA + 8);
    }

    /** The segment size that {@link #segmentSize(int, int)} set, or 0. */
    public int segmentSize(int i) {
        return headers.get(JAVA_LONG, at(i) + Msg.MSG_CONTROLLEN) == CMSG_DATA + 8
                        && controls.get(JAVA_INT, controlAt(i) + CMSG_TYPE) == Socket.UDP_SEGMENT
                ? controls.get(JAVA_SHORT, controlAt(i) + CMSG_DATA) & 0xffff
                : 0;
    }

    /** Bytes received in datagram {@code i}, or sent of it. */
    public int length(int i) {
        return headers.get(JAVA_INT, at(i) + MSG_LEN);
    }

    /** Whether datagram {@code i} was longer than its ranges; the rest is lost. */
    public boolean isTruncated(int i) {
        return (headers.get(JAVA_INT, at(i) + Msg.MSG_FLAGS) & Socket.MSG_TRUNC) != 0;
    }

    public long peerHigh(int i) {
        return isPeer6(i) ? names.get(ADDRESS6, nameAt(i) + 8) : 0;
    }

    /** v4-mapped for IPv4. */
    public long peerLow(int i) {
        return isPeer6(i) ? names.get(ADDRESS6, nameAt(i) + 16) : Ip.low(names.get(ADDRESS4, nameAt(i) + 4));
    }

    public int peerPort(int i) {
        int high = names.get(ValueLayout.JAVA_BYTE, nameAt(i) + 2) & 0xff;
        return high << 8 | names.get(ValueLayout.JAVA_BYTE, nameAt(i) + 3) & 0xff;
    }

    /** The interface of a link-local IPv6 peer; else 0. */
    public int peerScope(int i) {
        return isPeer6(i) ? names.get(JAVA_INT, nameAt(i) + 24) : 0;
    }

    private boolean isPeer6(int i) {
        return names.get(JAVA_SHORT, nameAt(i)) == Socket.AF_INET6;
    }

    /** Whether the kernel told where datagram {@code i} was sent to. */
    public boolean hasLocal(int i) {
        return isLocal4(i) || isLocal6(i);
    }

    private boolean isLocal4(int i) {
        return isControl(i, Socket.IPPROTO_IP, Socket.IP_PKTINFO);
    }

    private boolean isLocal6(int i) {
        return isControl(i, Socket.IPPROTO_IPV6, Socket.IPV6_PKTINFO);
    }

    /** The first control message is the only one, since one is asked for. */
    private boolean isControl(int i, int level, int type) {
        long control = controlAt(i);
        return headers.get(JAVA_LONG, at(i) + Msg.MSG_CONTROLLEN) > CMSG_DATA
                && controls.get(JAVA_INT, control + CMSG_LEVEL) == level
                && controls.get(JAVA_INT, control + CMSG_TYPE) == type;
    }

    /** The address that datagram {@code i} was sent to; only with {@link #hasLocal}. */
    public long localHigh(int i) {
        return isLocal6(i) ? controls.get(ADDRESS6, controlAt(i) + CMSG_DATA) : 0;
    }

    /** v4-mapped for IPv4: {@code ipi_addr} of struct in_pktinfo. */
    public long localLow(int i) {
        return isLocal6(i)
                ? controls.get(ADDRESS6, controlAt(i) + CMSG_DATA + 8)
                : Ip.low(controls.get(ADDRESS4, controlAt(i) + CMSG_DATA + 8));
    }

    /** The interface that datagram {@code i} came in by; only with {@link #hasLocal}. */
    public int localInterface(int i) {
        return controls.get(JAVA_INT, controlAt(i) + CMSG_DATA + (isLocal6(i) ? 16 : 0));
    }

    /** For a kernel made of Java: datagram {@code i} was received, {@code bytes} long, or sent. It has no control data, but for {@link #setLocal}. */
    public void set(int i, int bytes, boolean truncated) {
        headers.set(JAVA_LONG, at(i) + Msg.MSG_CONTROLLEN, 0);
        headers.set(JAVA_INT, at(i) + MSG_LEN, bytes);
        headers.set(JAVA_INT, at(i) + Msg.MSG_FLAGS, truncated ? Socket.MSG_TRUNC : 0);
    }

    /** For a kernel made of Java: who sent datagram {@code i}; nothing happens if nobody wants to know. */
    public void setPeer(int i, SockAddr peer) {
        if (headers.get(JAVA_LONG, at(i) + Msg.MSG_NAME) != 0) {
            MemorySegment.copy(peer.segment, 0, names, nameAt(i), SockAddr.CAPACITY_IN6);
        }
    }

    /** For a kernel made of Java: where datagram {@code i} was sent to; nothing happens if nobody wants to know. */
    public void setLocal(int i, long high, long low, int interfaceIndex) {
        if (headers.get(JAVA_LONG, at(i) + Msg.MSG_CONTROL) == 0) {
            return;
        }
        boolean v4 = Ip.isV4(high, low);
        long control = controlAt(i);
        controls.set(JAVA_LONG, control + CMSG_LEN, CMSG_DATA + (v4 ? 12 : 20));
        controls.set(JAVA_INT, control + CMSG_LEVEL, v4 ? Socket.IPPROTO_IP : Socket.IPPROTO_IPV6);
        controls.set(JAVA_INT, control + CMSG_TYPE, v4 ? Socket.IP_PKTINFO : Socket.IPV6_PKTINFO);
        if (v4) {
            controls.set(JAVA_INT, control + CMSG_DATA, interfaceIndex);
            controls.set(ADDRESS4, control + CMSG_DATA + 8, (int) low);
        } else {
            controls.set(ADDRESS6, control + CMSG_DATA, high);
            controls.set(ADDRESS6, control + CMSG_DATA + 8, low);
            controls.set(JAVA_INT, control + CMSG_DATA + 16, interfaceIndex);
        }
        headers.set(JAVA_LONG, at(i) + Msg.MSG_CONTROLLEN, CMSG_DATA + (v4 ? 16 : 24));
    }

    /** Of the {@code struct mmsghdr} of datagram {@code first}; for the call that follows at once. */
    long address(int first) {
        return headers.address() + at(first);
    }
}
