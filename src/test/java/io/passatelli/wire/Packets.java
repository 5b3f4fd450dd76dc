package io.passatelli.wire;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.HexFormat;

/** Builds frames octet by octet, with nothing of the code under test, so that a mistake there does not cancel out here. */
public final class Packets {
    public static final String GUEST_MAC = "52:54:00:12:34:56";
    public static final String OUR_MAC = "9a:55:9a:55:9a:55";
    public static final String BROADCAST = "ff:ff:ff:ff:ff:ff";

    private Packets() {}

    /** A parsed-to-be frame over exactly these bytes: one byte too far is an exception. */
    public static Frame frame(byte[] bytes) {
        return frame(bytes, bytes.length);
    }

    /** The same, of which the first {@code head} bytes are contiguous and the others out of reach. */
    public static Frame frame(byte[] bytes, int head) {
        // an odd start, and room before it that must not matter
        MemorySegment memory = Arena.ofAuto().allocate(head + 3L);
        memory.asSlice(0, 3).fill((byte) 0xee);
        MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 3, head);
        Frame frame = new Frame();
        frame.set(memory, 3, head);
        frame.extend(bytes.length - head);
        return frame;
    }

    public static MemorySegment memory(byte[] bytes) {
        MemorySegment memory = Arena.ofAuto().allocate(Math.max(1, bytes.length));
        MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.length);
        return memory.asSlice(0, bytes.length);
    }

    public static byte[] bytes(MemorySegment segment, long at, int length) {
        return segment.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE);
    }

    public static byte[] ethernet(String dst, String src, int type, byte[] payload) {
        return ByteBuffer.allocate(14 + payload.length)
                .put(mac(dst))
                .put(mac(src))
                .putShort((short) type)
                .put(payload)
                .array();
    }

    public static byte[] arp(int operation, String senderMac, String sender, String targetMac, String target) {
        return ByteBuffer.allocate(28)
                .putShort((short) 1)
                .putShort((short) 0x0800)
                .put((byte) 6)
                .put((byte) 4)
                .putShort((short) operation)
                .put(mac(senderMac))
                .put(ip(sender))
                .put(mac(targetMac))
                .put(ip(target))
                .array();
    }

    public static byte[] ip4(int protocol, String src, String dst, byte[] payload) {
        return ip4(protocol, src, dst, new byte[0], payload);
    }

    /** {@code options}: a multiple of four bytes. */
    public static byte[] ip4(int protocol, String src, String dst, byte[] options, byte[] payload) {
        int headerLength = 20 + options.length;
        byte[] whole = ByteBuffer.allocate(headerLength + payload.length)
                .put((byte) (0x40 | headerLength / 4))
                .put((byte) 0)
                .putShort((short) (headerLength + payload.length))
                .putShort((short) 0x1234)
                .putShort((short) 0x4000)
                .put((byte) 64)
                .put((byte) protocol)
                .putShort((short) 0)
                .put(ip(src))
                .put(ip(dst))
                .put(options)
                .put(payload)
                .array();
        return withIp4Checksum(whole, 0);
    }

    /** Puts the right checksum into the IPv4 header at {@code at}, as far as there is one; changes {@code packet}. */
    public static byte[] withIp4Checksum(byte[] packet, int at) {
        int headerLength = packet.length > at ? (packet[at] & 0xf) * 4 : 0;
        if (headerLength < 20 || packet.length < at + headerLength) {
            return packet;
        }
        packet[at + 10] = 0;
        packet[at + 11] = 0;
        int sum = naiveSum(packet, at, headerLength);
        packet[at + 10] = (byte) (~sum >>> 8);
        packet[at + 11] = (byte) ~sum;
        return packet;
    }

    /** With its checksum, for these addresses. */
    public static byte[] udp(String src, int srcPort, String dst, int dstPort, byte[] payload) {
        int length = 8 + payload.length;
        byte[] pseudo = ByteBuffer.allocate(12 + length)
                .put(ip(src))
                .put(ip(dst))
                .putShort((short) 17)
                .putShort((short) length)
                .putShort((short) srcPort)
                .putShort((short) dstPort)
                .putShort((short) length)
                .putShort((short) 0)
                .put(payload)
                .array();
        int checksum = ~naiveSum(pseudo, 0, pseudo.length) & 0xffff;
        return ByteBuffer.allocate(length)
                .putShort((short) srcPort)
                .putShort((short) dstPort)
                .putShort((short) length)
                .putShort((short) (checksum == 0 ? 0xffff : checksum))
                .put(payload)
                .array();
    }

    public static byte[] icmp4(int type, int id, int sequence, byte[] payload) {
        byte[] message = ByteBuffer.allocate(8 + payload.length)
                .put((byte) type)
                .put((byte) 0)
                .putShort((short) 0)
                .putShort((short) id)
                .putShort((short) sequence)
                .put(payload)
                .array();
        int sum = naiveSum(message, 0, message.length);
        message[2] = (byte) (~sum >>> 8);
        message[3] = (byte) ~sum;
        return message;
    }

    /** RFC 1071 §4.1, word by word with the end-around carry at once. */
    public static int naiveSum(byte[] bytes, int at, int length) {
        int sum = 0;
        for (int i = 0; i < length; i += 2) {
            int low = i + 1 < length ? bytes[at + i + 1] & 0xff : 0;
            sum += (bytes[at + i] & 0xff) << 8 | low;
            if (sum > 0xffff) {
                sum -= 0xffff;
            }
        }
        return sum;
    }

    public static byte[] mac(String text) {
        return HexFormat.ofDelimiter(":").parseHex(text);
    }

    public static byte[] ip(String text) {
        byte[] octets = new byte[4];
        String[] parts = text.split("\\.", -1);
        for (int i = 0; i < 4; i++) {
            octets[i] = (byte) Integer.parseInt(parts[i]);
        }
        return octets;
    }

    public static byte[] padded(byte[] frame, int length) {
        return java.util.Arrays.copyOf(frame, Math.max(frame.length, length));
    }
}
