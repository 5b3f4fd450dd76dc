package io.passatelli.e2e;

import java.nio.ByteBuffer;
import java.util.HexFormat;

/** Frames of a scripted guest, made octet by octet with nothing of the code under test. Addresses are IPv4, as an int. */
final class Frames {
    static final int GUEST = ip(10, 77, 0, 2);
    static final int GATEWAY = ip(10, 77, 0, 1);
    static final int PEER = ip(10, 77, 0, 3);

    private static final byte[] GUEST_MAC = HexFormat.of().parseHex("525400123456");
    private static final byte[] OUR_MAC = HexFormat.of().parseHex("9a559a559a55");
    private static final byte[] BROADCAST = HexFormat.of().parseHex("ffffffffffff");
    private static final int ETHERNET = 14;
    private static final int ARP_LENGTH = ETHERNET + 28;
    private static final int ARP = 0x0806;
    private static final int ARP_REPLY = 2;
    private static final int IP4 = 0x0800;
    private static final int ICMP = 1;
    private static final int UDP = 17;

    private Frames() {}

    static int ip(int a, int b, int c, int d) {
        return a << 24 | b << 16 | c << 8 | d;
    }

    /** Who has {@code target}? RFC 826. */
    static byte[] arpRequest(int target) {
        return ethernet(BROADCAST, ARP, 28)
                .put(HexFormat.of().parseHex("0001080006040001"))
                .put(GUEST_MAC)
                .putInt(GUEST)
                .put(new byte[6])
                .putInt(target)
                .array();
    }

    static boolean isArpReply(byte[] frame) {
        ByteBuffer bytes = ByteBuffer.wrap(frame);
        return frame.length >= ARP_LENGTH
                && bytes.getShort(12) == ARP
                && bytes.getLong(ETHERNET) == (0x0001_0800_0604_0000L | ARP_REPLY);
    }

    /** Whose MAC address the ARP reply tells. */
    static int resolved(byte[] arpReply) {
        return ByteBuffer.wrap(arpReply).getInt(ETHERNET + 14);
    }

    /** Echo request with 56 bytes of data, RFC 792. */
    static byte[] echoRequest(int to, int identifier, int sequence) {
        ByteBuffer icmp = ByteBuffer.allocate(64)
                .putShort((short) 0x0800)
                .putShort((short) 0)
                .putShort((short) identifier)
                .putShort((short) sequence);
        icmp.putShort(2, checksum(icmp.array()));
        return ip4(OUR_MAC, ICMP, GUEST, to, icmp.array());
    }

    static boolean isEchoReply(byte[] frame) {
        ByteBuffer bytes = ByteBuffer.wrap(frame);
        return frame.length >= ETHERNET + 28
                && bytes.getShort(12) == IP4
                && bytes.get(ETHERNET + 9) == ICMP
                && bytes.getShort(ETHERNET + 20) == 0;
    }

    static int identifier(byte[] echo) {
        return ByteBuffer.wrap(echo).getShort(ETHERNET + 24) & 0xffff;
    }

    static int sequence(byte[] echo) {
        return ByteBuffer.wrap(echo).getShort(ETHERNET + 26) & 0xffff;
    }

    /** DHCPDISCOVER with a parameter request list, RFC 2131. */
    static byte[] dhcpDiscover() {
        ByteBuffer udp = ByteBuffer.allocate(308)
                .putShort((short) 68)
                .putShort((short) 67)
                .putShort((short) 308)
                .putShort((short) 0)
                .put(HexFormat.of().parseHex("0101060012345678"))
                .position(8 + 28)
                .put(GUEST_MAC)
                .position(8 + 236)
                .putInt(0x6382_5363)
                .put(new byte[] {53, 1, 1, 55, 7, 1, 3, 6, 12, 26, 119, 121, (byte) 255});
        return ip4(BROADCAST, UDP, 0, ip(255, 255, 255, 255), udp.array());
    }

    private static byte[] ip4(byte[] mac, int protocol, int from, int to, byte[] payload) {
        ByteBuffer header = ByteBuffer.allocate(20)
                .putShort((short) 0x4500)
                .putShort((short) (20 + payload.length))
                .putInt(0)
                .put((byte) 64)
                .put((byte) protocol)
                .putShort((short) 0)
                .putInt(from)
                .putInt(to);
        header.putShort(10, checksum(header.array()));
        return ethernet(mac, IP4, 20 + payload.length)
                .put(header.array())
                .put(payload)
                .array();
    }

    private static ByteBuffer ethernet(byte[] to, int type, int payloadLength) {
        return ByteBuffer.allocate(ETHERNET + payloadLength)
                .put(to)
                .put(GUEST_MAC)
                .putShort((short) type);
    }

    /** RFC 1071, of an even number of bytes. */
    private static short checksum(byte[] bytes) {
        int sum = 0;
        for (ByteBuffer rest = ByteBuffer.wrap(bytes); rest.hasRemaining(); ) {
            sum += rest.getShort() & 0xffff;
        }
        while (sum >>> 16 != 0) {
            sum = (sum & 0xffff) + (sum >>> 16);
        }
        return (short) ~sum;
    }
}
