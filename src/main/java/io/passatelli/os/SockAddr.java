package io.passatelli.os;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

/**
 * A {@code struct sockaddr_storage}: {@code sockaddr_in}, {@code sockaddr_in6} (ip(7), ipv6(7)), {@code sockaddr_un} (unix(7)) or
 * {@code sockaddr_nl} (netlink(7)). v4-mapped addresses travel as {@code sockaddr_in}.
 */
@HotPath
public final class SockAddr {
    static final int CAPACITY = 128;
    /** Of the longest Internet address, rounded up to a multiple of eight. */
    static final int CAPACITY_IN6 = 32;

    private static final int PATH = 2;
    private static final int PATH_MAX = 108;
    private static final int IN_LENGTH = 16;
    private static final int IN6_LENGTH = 28;
    private static final int NL_LENGTH = 12;

    private static final ValueLayout.OfShort PORT = JAVA_SHORT.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt IN_ADDR = JAVA_INT.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfLong IN6_HALF = ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    final MemorySegment segment = Arena.ofAuto().allocate(CAPACITY, 8);
    private int length;

    /** Sets an endpoint; {@code port} 0 to 65535, {@code scopeId} an interface index or 0 (IPv6 only). */
    public void set(long high, long low, int port, int scopeId) {
        assert port >>> 16 == 0 : port;
        segment.set(PORT, 2, (short) port);
        if (Ip.isV4(high, low)) {
            segment.set(JAVA_SHORT, 0, (short) Socket.AF_INET);
            segment.set(IN_ADDR, 4, (int) low);
            segment.set(IN6_HALF, 8, 0);
            length = IN_LENGTH;
            return;
        }
        segment.set(JAVA_SHORT, 0, (short) Socket.AF_INET6);
        segment.set(JAVA_INT, 4, 0);
        segment.set(IN6_HALF, 8, high);
        segment.set(IN6_HALF, 16, low);
        segment.set(JAVA_INT, 24, scopeId);
        length = IN6_LENGTH;
    }

    /** A file system path. Throws {@link IllegalArgumentException} if it does not fit {@code sun_path}. */
    public void setPath(String path) {
        byte[] bytes = path.getBytes(StandardCharsets.UTF_8);
        if (bytes.length == 0 || bytes.length >= PATH_MAX) {
            throw new IllegalArgumentException("'" + path + "' is no socket path: 1 to " + (PATH_MAX - 1) + " bytes");
        }
        segment.set(JAVA_SHORT, 0, (short) Socket.AF_UNIX);
        MemorySegment.copy(bytes, 0, segment, JAVA_BYTE, PATH, bytes.length);
        segment.set(JAVA_BYTE, PATH + bytes.length, (byte) 0);
        length = PATH + bytes.length + 1;
    }

    /** The kernel's netlink end, or ours with {@code groups} joined. */
    public void setNetlink(int groups) {
        segment.set(JAVA_SHORT, 0, (short) Socket.AF_NETLINK);
        segment.set(JAVA_SHORT, 2, (short) 0);
        segment.set(JAVA_INT, 4, 0);
        segment.set(JAVA_INT, 8, groups);
        length = NL_LENGTH;
    }

    public int family() {
        return segment.get(JAVA_SHORT, 0);
    }

    public int port() {
        return segment.get(PORT, 2) & 0xffff;
    }

    /** The first eight bytes of the address; 0 for IPv4. */
    public long high() {
        return family() == Socket.AF_INET6 ? segment.get(IN6_HALF, 8) : 0;
    }

    /** The last eight bytes of the address, v4-mapped for IPv4. */
    public long low() {
        return family() == Socket.AF_INET6 ? segment.get(IN6_HALF, 16) : Ip.low(segment.get(IN_ADDR, 4));
    }

    /** The path of an AF_UNIX address; empty where the peer has none. */
    public String path() {
        return length <= PATH ? "" : segment.getString(PATH);
    }

    /** Bytes in use. */
    public int length() {
        return length;
    }

    /** The kernel filled {@code bytes}. It ends the path of a UNIX address only where there is room (unix(7), BUGS): we always do. */
    void length(int bytes) {
        length = Math.min(bytes, CAPACITY);
        if (length < CAPACITY) {
            segment.set(JAVA_BYTE, length, (byte) 0);
        }
    }
}
