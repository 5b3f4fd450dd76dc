package io.passatelli.wire;

import io.passatelli.base.Ip;

import java.nio.ByteBuffer;

/** {@link Packets} of IPv6. */
public final class Packets6 {
    private Packets6() {}

    /** Ethernet from the guest to us, and IPv6 with hop limit 64. */
    public static byte[] fromGuest(int next, String src, String dst, byte[] payload) {
        return Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x86dd, ip6(next, 64, src, dst, payload));
    }

    /** Ethernet from us to the guest, and IPv6 with hop limit 255. */
    public static byte[] toGuest(int next, String src, String dst, byte[] payload) {
        return Packets.ethernet(Packets.GUEST_MAC, Packets.OUR_MAC, 0x86dd, ip6(next, 255, src, dst, payload));
    }

    public static byte[] ip6(int next, int hops, String src, String dst, byte[] payload) {
        return ip6(next, hops, payload.length, src, dst, payload);
    }

    /** With a length of its own choice. */
    public static byte[] ip6(int next, int hops, int length, String src, String dst, byte[] payload) {
        return ByteBuffer.allocate(40 + payload.length)
                .putInt(0x6000_0000)
                .putShort((short) length)
                .put((byte) next)
                .put((byte) hops)
                .put(octets(src))
                .put(octets(dst))
                .put(payload)
                .array();
    }

    /** A fragment header and what it is before. */
    public static byte[] fragment(int next, int offset, boolean more, int id, byte[] payload) {
        return ByteBuffer.allocate(8 + payload.length)
                .put((byte) next)
                .put((byte) 0)
                .putShort((short) (offset | (more ? 1 : 0)))
                .putInt(id)
                .put(payload)
                .array();
    }

    /** An echo message, or what has its form, with its checksum for these addresses. */
    public static byte[] icmp6(int type, String src, String dst, int id, int sequence, byte[] payload) {
        byte[] message = ByteBuffer.allocate(8 + payload.length)
                .put((byte) type)
                .put((byte) 0)
                .putShort((short) 0)
                .putShort((short) id)
                .putShort((short) sequence)
                .put(payload)
                .array();
        return summed(58, src, dst, message, 2);
    }

    /** A datagram with its checksum. */
    public static byte[] udp(String src, int srcPort, String dst, int dstPort, byte[] payload) {
        byte[] datagram = ByteBuffer.allocate(8 + payload.length)
                .putShort((short) srcPort)
                .putShort((short) dstPort)
                .putShort((short) (8 + payload.length))
                .putShort((short) 0)
                .put(payload)
                .array();
        summed(17, src, dst, datagram, 6);
        if (datagram[6] == 0 && datagram[7] == 0) {
            datagram[6] = datagram[7] = (byte) 0xff;
        }
        return datagram;
    }

    /** Puts the checksum at {@code at}, where zeros are, over the pseudo-header of RFC 8200 §8.1 and all of {@code message}. */
    public static byte[] summed(int protocol, String src, String dst, byte[] message, int at) {
        byte[] pseudo = ByteBuffer.allocate(40)
                .put(octets(src))
                .put(octets(dst))
                .putInt(message.length)
                .putInt(protocol)
                .array();
        int sum = Packets.naiveSum(pseudo, 0, pseudo.length) + Packets.naiveSum(message, 0, message.length);
        sum = ~((sum & 0xffff) + (sum >>> 16));
        message[at] = (byte) (sum >>> 8);
        message[at + 1] = (byte) sum;
        return message;
    }

    public static byte[] octets(String text) {
        Ip ip = Ip.parse(text);
        return ByteBuffer.allocate(16).putLong(ip.high()).putLong(ip.low()).array();
    }
}
