package io.passatelli.e2e;

import io.passatelli.wire.ControlPackets6;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;

import java.nio.ByteBuffer;
import java.util.HexFormat;

/** {@link Frames} of IPv6: what a guest says of itself and asks for on its link. Nothing of the code under test is in them. */
final class Frames6 {
    static final String GUEST = "fd77::2";
    static final String GATEWAY = "fd77::1";
    static final String PEER = "fd77::3";
    static final String LINK_LOCAL = "fe80::5054:ff:fe12:3456";
    static final String ROUTER = "fe80::1";
    static final String SERVERS = "ff02::1:2";
    static final int NEIGHBOR_ADVERTISEMENT = 136;
    static final int ROUTER_ADVERTISEMENT = 134;
    /** Of the guest's card, as a source link-layer address. */
    static final String CARD = "0101 525400123456";
    /** Six octets, by which Linux tells its own probes from others' (RFC 7527). */
    static final String NONCE = "0e01 a1b2c3d4e5f6";

    private static final int ETHERNET = 14;
    private static final int ICMP = 58;
    private static final int TYPE = ETHERNET + 40;

    private Frames6() {}

    static byte[] hex(String... parts) {
        return HexFormat.of().parseHex(String.join("", parts).replace(" ", ""));
    }

    /** An ICMPv6 message with its checksum, hop limit 255. */
    static byte[] icmp6(String from, String to, byte[] message) {
        return Packets.ethernet(groupMac(to), Packets.GUEST_MAC, 0x86dd, ControlPackets6.icmp6(from, to, message));
    }

    /** RFC 2464 §7. */
    private static String groupMac(String to) {
        byte[] address = ControlPackets6.ip(to);
        return address[0] != -1
                ? Packets.OUR_MAC
                : "33:33:" + HexFormat.ofDelimiter(":").formatHex(address, 12, 16);
    }

    /** {@code options} in hexadecimal. */
    static byte[] neighborSolicitation(String from, String to, String target, String options) {
        return icmp6(from, to, solicitation(target, options));
    }

    static byte[] solicitation(String target, String options) {
        return hex("87000000 00000000", HexFormat.of().formatHex(ControlPackets6.ip(target)), options);
    }

    static byte[] routerSolicitation() {
        return icmp6(LINK_LOCAL, "ff02::2", hex("85000000 00000000", CARD));
    }

    /** The group in which whoever has {@code address} listens, RFC 4291 §2.7.1. */
    static String solicitedNode(String address) {
        byte[] octets = ControlPackets6.ip(address);
        return "ff02::1:ff%02x:%02x%02x".formatted(octets[13], octets[14], octets[15]);
    }

    /** SOLICIT with the options that clients send, RFC 8415. */
    static byte[] solicit() {
        return hex(
                "01 a1b2c3",
                "0001 000e 0001 0001 2b3c4d5e 525400123456",
                "0008 0002 0000",
                "0006 0006 0017 0018 0027",
                "0027 0009 00 06 677565737437 00",
                "0003 0028 00123456 00000000 00000000 0005 0018 fd77000000000000000000000000002a 00000000 00000000");
    }

    static byte[] dhcp6(byte[] message) {
        byte[] packet = ControlPackets6.udp6(LINK_LOCAL, 546, SERVERS, 547, message);
        return Packets.ethernet(groupMac(SERVERS), Packets.GUEST_MAC, 0x86dd, packet);
    }

    static byte[] echoRequest(String from, String to, int identifier, int sequence) {
        return Packets6.fromGuest(ICMP, from, to, Packets6.echoRequest(from, to, identifier, sequence, new byte[56]));
    }

    static boolean isIcmp6(byte[] frame, int type) {
        return frame.length > TYPE
                && ByteBuffer.wrap(frame).getShort(12) == (short) 0x86dd
                && frame[ETHERNET + 6] == ICMP
                && (frame[TYPE] & 0xff) == type;
    }

    /** Of a neighbor advertisement: its flags and its target. */
    static String advertised(byte[] frame) {
        return HexFormat.of().formatHex(frame, TYPE + 4, TYPE + 5) + " "
                + HexFormat.of().formatHex(frame, TYPE + 8, TYPE + 24);
    }
}
