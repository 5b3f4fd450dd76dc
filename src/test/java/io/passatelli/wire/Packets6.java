package io.passatelli.wire;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/** {@link Packets} of IPv6: octet by octet, with nothing of the code under test. */
public final class Packets6 {
    private Packets6() {}

    public static byte[] address(String text) {
        try {
            byte[] octets = InetAddress.getByName(text).getAddress();
            if (octets.length == 4) { // the JDK makes IPv4 of the v4-mapped form
                return ByteBuffer.allocate(16)
                        .putShort(10, (short) 0xffff)
                        .position(12)
                        .put(octets)
                        .array();
            }
            return octets;
        } catch (UnknownHostException e) {
            throw new IllegalArgumentException(text, e);
        }
    }

    /** From the guest to us. */
    public static byte[] frame(byte[] packet) {
        return Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x86dd, packet);
    }

    /** From the guest to us. */
    public static byte[] fromGuest(int nextHeader, String src, String dst, byte[] payload) {
        return frame(ip6(nextHeader, src, dst, payload));
    }

    /** From us to the guest, hop limit 255. */
    public static byte[] toGuest(int nextHeader, String src, String dst, byte[] payload) {
        byte[] packet = ip6(nextHeader, 255, payload.length, src, dst, payload);
        return Packets.ethernet(Packets.GUEST_MAC, Packets.OUR_MAC, 0x86dd, packet);
    }

    public static byte[] ip6(int nextHeader, String src, String dst, byte[] payload) {
        return ip6(nextHeader, 64, payload.length, src, dst, payload);
    }

    /** With a payload length of its own choice. */
    public static byte[] ip6(int nextHeader, int hops, int length, String src, String dst, byte[] payload) {
        return ByteBuffer.allocate(40 + payload.length)
                .putInt(0x6000_0000)
                .putShort((short) length)
                .put((byte) nextHeader)
                .put((byte) hops)
                .put(address(src))
                .put(address(dst))
                .put(payload)
                .array();
    }

    /** Hop-by-hop or destination options with nothing but padding; {@code length} a multiple of 8. */
    public static byte[] options(int nextHeader, int length, byte[] behind) {
        byte[] pad = new byte[length - 2];
        if (pad.length >= 2) {
            pad[0] = 1; // PadN
            pad[1] = (byte) Math.min(255, pad.length - 2);
        }
        return generic(nextHeader, pad, behind);
    }

    /** A header whose length counts units of 8 beyond the first. */
    public static byte[] generic(int nextHeader, byte[] content, byte[] behind) {
        return ByteBuffer.allocate(2 + content.length + behind.length)
                .put((byte) nextHeader)
                .put((byte) ((2 + content.length) / 8 - 1))
                .put(content)
                .put(behind)
                .array();
    }

    public static byte[] routing(int nextHeader, int type, int segmentsLeft, byte[] behind) {
        return generic(nextHeader, new byte[] {(byte) type, (byte) segmentsLeft, 0, 0, 0, 0}, behind);
    }

    /** {@code length} a multiple of 8, at least 16. */
    public static byte[] authentication(int nextHeader, int length, byte[] behind) {
        return ByteBuffer.allocate(length + behind.length)
                .put((byte) nextHeader)
                .put((byte) (length / 4 - 2))
                .position(length)
                .put(behind)
                .array();
    }

    public static byte[] fragment(int nextHeader, int offset, boolean more, int id, byte[] part) {
        return ByteBuffer.allocate(8 + part.length)
                .put((byte) nextHeader)
                .put((byte) 0)
                .putShort((short) (offset | (more ? 1 : 0)))
                .putInt(id)
                .put(part)
                .array();
    }

    /** With its checksum, for these addresses. */
    public static byte[] udp(String src, int srcPort, String dst, int dstPort, byte[] payload) {
        byte[] datagram = ByteBuffer.allocate(8 + payload.length)
                .putShort((short) srcPort)
                .putShort((short) dstPort)
                .putShort((short) (8 + payload.length))
                .putShort((short) 0)
                .put(payload)
                .array();
        return withChecksum(17, src, dst, datagram, 6);
    }

    public static byte[] echoRequest(String src, String dst, int id, int sequence, byte[] payload) {
        return icmp6(128, src, dst, id, sequence, payload);
    }

    /** An echo message, or what has its form. */
    public static byte[] icmp6(int type, String src, String dst, int id, int sequence, byte[] payload) {
        byte[] message = ByteBuffer.allocate(8 + payload.length)
                .put((byte) type)
                .put((byte) 0)
                .putShort((short) 0)
                .putShort((short) id)
                .putShort((short) sequence)
                .put(payload)
                .array();
        return withChecksum(58, src, dst, message, 2);
    }

    /** Puts the right checksum into {@code message} at {@code field}; changes it. */
    public static byte[] withChecksum(int protocol, String src, String dst, byte[] message, int field) {
        message[field] = 0;
        message[field + 1] = 0;
        byte[] pseudo = ByteBuffer.allocate(40 + message.length)
                .put(address(src))
                .put(address(dst))
                .putInt(message.length)
                .putInt(protocol)
                .put(message)
                .array();
        int checksum = ~Packets.naiveSum(pseudo, 0, pseudo.length) & 0xffff;
        checksum = checksum == 0 && protocol == 17 ? 0xffff : checksum; // only there it would say that there is none
        message[field] = (byte) (checksum >>> 8);
        message[field + 1] = (byte) checksum;
        return message;
    }

    /** Frames with the parts of {@code datagram}, {@code size} bytes each but the last; {@code size} a multiple of 8. */
    public static List<byte[]> fragments(int protocol, String src, String dst, int id, byte[] datagram, int size) {
        List<byte[]> frames = new ArrayList<>();
        for (int at = 0; at < datagram.length; at += size) {
            byte[] part = java.util.Arrays.copyOfRange(datagram, at, Math.min(datagram.length, at + size));
            boolean more = at + size < datagram.length;
            frames.add(frame(ip6(44, src, dst, fragment(protocol, at, more, id, part))));
        }
        return frames;
    }

    /** The same in IPv4. */
    public static List<byte[]> fragments4(int protocol, String src, String dst, int id, byte[] datagram, int size) {
        List<byte[]> frames = new ArrayList<>();
        for (int at = 0; at < datagram.length; at += size) {
            byte[] part = java.util.Arrays.copyOfRange(datagram, at, Math.min(datagram.length, at + size));
            frames.add(fragment4(protocol, src, dst, id, at, at + size < datagram.length, part));
        }
        return frames;
    }

    public static byte[] fragment4(
            int protocol, String src, String dst, int id, int offset, boolean more, byte[] part) {
        byte[] packet = Packets.ip4(protocol, src, dst, part);
        ByteBuffer.wrap(packet).putShort(4, (short) id).putShort(6, (short) (offset / 8 | (more ? 0x2000 : 0)));
        return Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, Packets.withIp4Checksum(packet, 0));
    }
}
