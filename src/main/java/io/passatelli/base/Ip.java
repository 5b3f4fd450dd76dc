package io.passatelli.base;

import org.jspecify.annotations.Nullable;

/**
 * An IP address, the one address type: 128 bits as two longs, IPv4 as v4-mapped ({@code ::ffff:a.b.c.d}, RFC 4291 §2.5.5.2).
 * The hot path passes the two longs; the record is for configuration, logs and tests.
 */
public record Ip(long high, long low) implements Comparable<Ip> {
    private static final long V4_PREFIX = 0xffffL << 32;
    private static final long LINK_LOCAL_PREFIX = 0xfe80L << 48;

    public static final Ip UNSPECIFIED4 = v4(0);
    public static final Ip UNSPECIFIED6 = new Ip(0, 0);
    public static final Ip LOOPBACK4 = v4(0x7f000001);
    public static final Ip LOOPBACK6 = new Ip(0, 1);
    public static final Ip BROADCAST4 = v4(0xffffffff);

    /** From the 32 bits of an IPv4 address, most significant octet first. */
    public static Ip v4(int bits) {
        return new Ip(0, low(bits));
    }

    /** The low half of the v4-mapped form of {@code bits}; the high half is zero. */
    public static long low(int bits) {
        return V4_PREFIX | bits & 0xffffffffL;
    }

    public static boolean isV4(long high, long low) {
        return high == 0 && low >>> 32 == 0xffff;
    }

    public boolean isV4() {
        return isV4(high, low);
    }

    /** The 32 bits of an IPv4 address. */
    public int v4() {
        assert isV4() : this;
        return (int) low;
    }

    /** 127/8 or ::1. */
    public static boolean isLoopback(long high, long low) {
        return isV4(high, low) ? (low >>> 24 & 0xff) == 127 : high == 0 && low == 1;
    }

    public boolean isLoopback() {
        return isLoopback(high, low);
    }

    /** 224/4 or ff00::/8. */
    public static boolean isMulticast(long high, long low) {
        return isV4(high, low) ? (low >>> 28 & 0xf) == 0xe : high >>> 56 == 0xff;
    }

    public boolean isMulticast() {
        return isMulticast(high, low);
    }

    public static boolean isUnspecified(long high, long low) {
        return high == 0 && (low == 0 || low == V4_PREFIX);
    }

    public boolean isUnspecified() {
        return isUnspecified(high, low);
    }

    /** 169.254/16 or fe80::/10. */
    public static boolean isLinkLocal(long high, long low) {
        return isV4(high, low) ? (low >>> 16 & 0xffff) == 0xa9fe : (high & 0xffc0L << 48) == LINK_LOCAL_PREFIX;
    }

    public boolean isLinkLocal() {
        return isLinkLocal(high, low);
    }

    /** 255.255.255.255. */
    public static boolean isBroadcast(long high, long low) {
        return high == 0 && low == (V4_PREFIX | 0xffffffffL);
    }

    /** 0/8, RFC 1122 §3.2.1.3: nobody, or who does not know its address yet. */
    public static boolean isThisNetwork(long high, long low) {
        return isV4(high, low) && (low >>> 24 & 0xff) == 0;
    }

    /** Neither unspecified, nor multicast, nor broadcast: can be one host's own. */
    public static boolean isUnicast(long high, long low) {
        return !isUnspecified(high, low) && !isMulticast(high, low) && !isBroadcast(high, low);
    }

    public boolean isUnicast() {
        return isUnicast(high, low);
    }

    /** Reads dotted IPv4 or RFC 4291 IPv6 text; throws {@link IllegalArgumentException} that says what is wrong. */
    public static Ip parse(String text) {
        return IpText.parse(text);
    }

    /** Dotted for IPv4, RFC 5952 for IPv6. */
    @Override
    public String toString() {
        return IpText.format(this);
    }

    @Override
    public int compareTo(Ip other) {
        int order = Long.compareUnsigned(high, other.high);
        return order != 0 ? order : Long.compareUnsigned(low, other.low);
    }

    // a record's own are linked by method handles when first called, which takes a sidecar's start longer than all its
    // addresses

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof Ip(long its, long rest) && its == high && rest == low;
    }

    @Override
    public int hashCode() {
        return 31 * Long.hashCode(high) + Long.hashCode(low);
    }
}
