package io.passatelli.wire;

import java.net.InetAddress;
import java.nio.ByteBuffer;

/** What {@link Packets6} is not for: packets whose hop limit matters, with checksums over the pseudo-header. Nothing of the code under test is in it. */
public final class ControlPackets6 {
    private ControlPackets6() {}

    /** An address by the JDK's own reading. */
    public static byte[] ip(String text) {
        try {
            return InetAddress.ofLiteral(text).getAddress();
        } catch (IllegalArgumentException e) {
            throw new AssertionError(text, e);
        }
    }

    public static byte[] ip6(int nextHeader, int hopLimit, String src, String dst, byte[] payload) {
        return ByteBuffer.allocate(40 + payload.length)
                .putInt(0x6000_0000)
                .putShort((short) payload.length)
                .put((byte) nextHeader)
                .put((byte) hopLimit)
                .put(ip(src))
                .put(ip(dst))
                .put(payload)
                .array();
    }

    /** The ones' complement of the sum over pseudo-header and {@code message}, RFC 8200 §8.1. */
    public static int checksum(int protocol, String src, String dst, byte[] message) {
        byte[] all = ByteBuffer.allocate(40 + message.length)
                .put(ip(src))
                .put(ip(dst))
                .putInt(message.length)
                .putInt(protocol)
                .put(message)
                .array();
        return ~Packets.naiveSum(all, 0, all.length) & 0xffff;
    }

    /** An ICMPv6 message from its type to its end with the right checksum, in a packet with hop limit 255. */
    public static byte[] icmp6(String src, String dst, byte[] message) {
        return ip6(58, 255, src, dst, summed(src, dst, message));
    }

    /** A copy of the ICMPv6 message with the right checksum. */
    public static byte[] summed(String src, String dst, byte[] message) {
        byte[] copy = message.clone();
        copy[2] = 0;
        copy[3] = 0;
        int checksum = checksum(58, src, dst, copy);
        copy[2] = (byte) (checksum >>> 8);
        copy[3] = (byte) checksum;
        return copy;
    }

    /** A whole UDP datagram. */
    public static byte[] udp6(String src, int srcPort, String dst, int dstPort, byte[] payload) {
        int length = 8 + payload.length;
        byte[] datagram = ByteBuffer.allocate(length)
                .putShort((short) srcPort)
                .putShort((short) dstPort)
                .putShort((short) length)
                .putShort((short) 0)
                .put(payload)
                .array();
        int checksum = checksum(17, src, dst, datagram);
        ByteBuffer.wrap(datagram).putShort(6, (short) (checksum == 0 ? 0xffff : checksum));
        return ip6(17, 64, src, dst, datagram);
    }
}
