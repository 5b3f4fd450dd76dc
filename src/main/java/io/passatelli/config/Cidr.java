package io.passatelli.config;

import io.passatelli.base.Ip;

/** An address and the length of its network's prefix, RFC 4632 §3.1; {@code prefixLength} counts from the family's own first bit. */
public record Cidr(Ip address, int prefixLength) {
    public Cidr {
        int most = address.isV4() ? 32 : 128;
        if (prefixLength < 0 || prefixLength > most) {
            throw new IllegalArgumentException("prefix length " + prefixLength + " is not 0 to " + most);
        }
    }

    /** IPv4 only: the netmask's 32 bits. */
    public int mask4() {
        return prefixLength == 0 ? 0 : -1 << (32 - prefixLength);
    }

    /** Whether {@code ip} is of the same family and network. */
    public boolean contains(Ip ip) {
        if (ip.isV4() != address.isV4()) {
            return false;
        }
        int bits = mappedLength();
        return same(ip.high(), address.high(), bits) && same(ip.low(), address.low(), bits - 64);
    }

    /** The first address of the network; of IPv4, the v4-mapped form, as of {@link #last}. */
    public Ip first() {
        int bits = mappedLength();
        return new Ip(address.high() & ones(bits), address.low() & ones(bits - 64));
    }

    /** The last one. */
    public Ip last() {
        int bits = mappedLength();
        return new Ip(address.high() | ~ones(bits), address.low() | ~ones(bits - 64));
    }

    private int mappedLength() {
        return address.isV4() ? prefixLength + 96 : prefixLength;
    }

    /** So many ones in front, then zeroes. */
    private static long ones(int count) {
        return count <= 0 ? 0 : count >= 64 ? -1 : -1L << (64 - count);
    }

    private static boolean same(long a, long b, int bits) {
        return bits <= 0 || (bits >= 64 ? a == b : (a ^ b) >>> (64 - bits) == 0);
    }

    @Override
    public String toString() {
        return address + "/" + prefixLength;
    }
}
