package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;

import static io.passatelli.wire.Packets.BROADCAST;
import static io.passatelli.wire.Packets.GUEST_MAC;
import static io.passatelli.wire.Packets.OUR_MAC;
import static io.passatelli.wire.Packets.arp;
import static io.passatelli.wire.Packets.ethernet;
import static io.passatelli.wire.Packets.frame;
import static io.passatelli.wire.Packets.icmp4;
import static io.passatelli.wire.Packets.ip4;
import static io.passatelli.wire.Packets.padded;
import static io.passatelli.wire.Packets.udp;
import static io.passatelli.wire.Packets.withIp4Checksum;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

class FrameTest {
    private static final String GUEST = "10.0.2.15";
    private static final String PEER = "192.0.2.1";
    private static final byte[] HELLO = "hello".getBytes(US_ASCII);

    /** Where a checksum repair looks for the IPv4 header. */
    private static final int IP = 14;

    private static byte[] toUs(int type, byte[] payload) {
        return ethernet(OUR_MAC, GUEST_MAC, type, payload);
    }

    private static byte[] udpFrame() {
        return toUs(0x0800, ip4(17, GUEST, PEER, udp(GUEST, 5000, PEER, 53, HELLO)));
    }

    private static byte[] icmpFrame() {
        return toUs(0x0800, ip4(1, GUEST, PEER, icmp4(8, 0x1234, 7, HELLO)));
    }

    private static byte[] ip4Frame(int protocol, String src, String dst) {
        return toUs(0x0800, ip4(protocol, src, dst, udp(src, 5000, dst, 53, HELLO)));
    }

    private static Drop parse(byte[] bytes) {
        return frame(bytes).parse();
    }

    /** Sets the 16-bit field at {@code at} of the IPv4 header and repairs the checksum. */
    private static byte[] withIp4Field(byte[] packet, int at, int value) {
        packet[IP + at] = (byte) (value >>> 8);
        packet[IP + at + 1] = (byte) value;
        return withIp4Checksum(packet, IP);
    }

    @Test
    void udpDatagramIsFoundWithAddressesPortsAndPayload() {
        Frame f = frame(udpFrame());
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.etherType()).isEqualTo(Ethernet.IP4);
        assertThat(f.l3() - f.l2()).isEqualTo(14);
        assertThat(f.protocol()).isEqualTo(Ip4.UDP);
        assertThat(f.l4() - f.l2()).isEqualTo(34);
        assertThat(f.l4Length()).isEqualTo(13);
        assertThat(f.payload() - f.l2()).isEqualTo(42);
        assertThat(f.payloadLength()).isEqualTo(5);
        assertThat(new Ip(f.srcHigh(), f.srcLow())).isEqualTo(Ip.parse(GUEST));
        assertThat(new Ip(f.dstHigh(), f.dstLow())).isEqualTo(Ip.parse(PEER));
        assertThat(Udp.srcPort(f.bytes(), f.l4())).isEqualTo(5000);
        assertThat(Udp.dstPort(f.bytes(), f.l4())).isEqualTo(53);
        assertThat(Packets.bytes(f.bytes(), f.payload(), f.payloadLength())).isEqualTo(HELLO);
    }

    @Test
    void echoRequestIsFoundWithItsIdentifier() {
        Frame f = frame(icmpFrame());
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.protocol()).isEqualTo(Ip4.ICMP);
        assertThat(Icmp4.type(f.bytes(), f.l4())).isEqualTo(Icmp4.ECHO_REQUEST);
        assertThat(Icmp4.id(f.bytes(), f.l4())).isEqualTo(0x1234);
        assertThat(Icmp4.sequence(f.bytes(), f.l4())).isEqualTo(7);
        assertThat(f.l4Length()).isEqualTo(13);
        assertThat(Packets.bytes(f.bytes(), f.payload(), f.payloadLength())).isEqualTo(HELLO);
    }

    private static TcpSegment segment() {
        return TcpSegment.between(GUEST, 40_000, PEER, 443).seq(7).ack(9).payload("hello");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "020405b4", "020405b401030307", "0101080a0000000100000002"})
    void tcpSegmentIsFoundBehindItsOptions(String options) {
        Frame f = frame(segment().options(options).fromGuest());
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.protocol()).isEqualTo(Ip4.TCP);
        assertThat(f.l4() - f.l2()).isEqualTo(34);
        int header = 20 + options.length() / 2;
        assertThat(f.l4Length()).isEqualTo(header + 5);
        assertThat(f.payload() - f.l4()).isEqualTo(header);
        assertThat(Packets.bytes(f.bytes(), f.payload(), f.payloadLength())).isEqualTo(HELLO);
        int pseudo = Checksum.pseudo(f.srcHigh(), f.srcLow(), f.dstHigh(), f.dstLow(), f.protocol(), f.l4Length());
        assertThat(Checksum.add(pseudo, 0, f.bytes(), f.l4(), f.l4Length())).isEqualTo(Checksum.GOOD);
    }

    @Test
    void everyDataOffsetIsJudged() {
        for (int octet = 0; octet < 256; octet++) {
            byte[] bytes = segment().options("0204ffff01030307").fromGuest(); // 28 bytes of header and 5 of data
            bytes[46] = (byte) octet;
            int header = (octet >>> 4) * 4;
            Frame f = frame(bytes);
            assertThat(f.parse())
                    .as("octet %02x", octet)
                    .isEqualTo(header < 20 || header > 33 ? Drop.TCP_BAD_LENGTH : Drop.NONE);
            if (f.parse() == Drop.NONE) {
                assertThat(f.payloadLength()).isEqualTo(33 - header);
            }
        }
    }

    @Test
    void tcpHeaderHasToLieInTheHead() {
        byte[] bytes = segment().options("0204ffff01030307").fromGuest();
        for (int head = 34; head <= bytes.length; head++) {
            assertThat(frame(bytes, head).parse())
                    .as("head of %s bytes", head)
                    .isEqualTo(head < 62 ? Drop.TCP_TRUNCATED : Drop.NONE);
        }
    }

    @Test
    void tcpSegmentShorterThanItsHeaderIsRefused() {
        byte[] whole = segment().options("0204ffff01030307").bytes();
        for (int n = 0; n < 28; n++) {
            byte[] bytes = toUs(0x0800, ip4(6, GUEST, PEER, Arrays.copyOf(whole, n)));
            Drop expected = n < 20 ? Drop.TCP_TRUNCATED : Drop.TCP_BAD_LENGTH;
            assertThat(parse(bytes)).as("%s bytes", n).isEqualTo(expected);
            assertThat(parse(padded(bytes, 80))).as("%s bytes, padded", n).isEqualTo(expected);
        }
    }

    @Test
    void arpIsFoundWithoutAddresses() {
        Frame f = frame(
                ethernet(BROADCAST, GUEST_MAC, 0x0806, arp(1, GUEST_MAC, GUEST, "00:00:00:00:00:00", "10.0.2.2")));
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.etherType()).isEqualTo(Ethernet.ARP);
        assertThat(f.l3() - f.l2()).isEqualTo(14);
        assertThat(f.protocol()).isZero();
        assertThat(f.srcHigh() | f.srcLow() | f.dstHigh() | f.dstLow()).isZero();
    }

    @Test
    void paddingOfEthernetIsNotPayload() {
        Frame f = frame(padded(udpFrame(), 60));
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.length()).isEqualTo(60);
        assertThat(f.l4Length()).isEqualTo(13);
        assertThat(f.payloadLength()).isEqualTo(5);

        f = frame(padded(icmpFrame(), 60));
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.l4Length()).isEqualTo(13);
        assertThat(f.payloadLength()).isEqualTo(5);
    }

    @Test
    void datagramShorterThanItsPacketIsTrimmed() {
        byte[] datagram = udp(GUEST, 5000, PEER, 53, HELLO);
        Frame f = frame(toUs(0x0800, ip4(17, GUEST, PEER, Arrays.copyOf(datagram, datagram.length + 9))));
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.l4Length()).isEqualTo(13);
        assertThat(f.payloadLength()).isEqualTo(5);
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 8, 20, 36, 40})
    void optionsAreSkipped(int optionBytes) {
        byte[] options = new byte[optionBytes];
        Arrays.fill(options, (byte) 1); // no operation, RFC 791
        Frame f = frame(toUs(0x0800, ip4(17, GUEST, PEER, options, udp(GUEST, 5000, PEER, 53, HELLO))));
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.l4() - f.l3()).isEqualTo(20 + optionBytes);
        assertThat(Udp.dstPort(f.bytes(), f.l4())).isEqualTo(53);
        assertThat(f.payloadLength()).isEqualTo(5);
    }

    @Test
    void payloadBehindTheHeadIsCountedButNotTouched() {
        byte[] large = new byte[60_000];
        Frame f = frame(toUs(0x0800, ip4(17, GUEST, PEER, udp(GUEST, 5000, PEER, 53, large))), 160);
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.payloadLength()).isEqualTo(60_000);
        assertThat(f.payload() - f.l2()).isEqualTo(42);
        assertThat(f.contiguous()).isEqualTo(160);
    }

    @Test
    void headerBehindTheHeadIsNotTouched() {
        for (int head = 0; head < 42; head++) {
            Frame f = frame(udpFrame(), head);
            assertThat(f.parse())
                    .as("head of %s bytes", head)
                    .isEqualTo(
                            head < 14 ? Drop.ETHERNET_TRUNCATED : head < 34 ? Drop.IP4_TRUNCATED : Drop.UDP_TRUNCATED);
        }
        assertThat(frame(udpFrame(), 42).parse()).isEqualTo(Drop.NONE);
    }

    @Test
    void groupSourceIsRefused() {
        assertThat(parse(ethernet(OUR_MAC, "01:00:5e:00:00:01", 0x0806, new byte[28])))
                .isEqualTo(Drop.ETHERNET_GROUP_SOURCE);
        assertThat(parse(ethernet(OUR_MAC, BROADCAST, 0x0800, new byte[28]))).isEqualTo(Drop.ETHERNET_GROUP_SOURCE);
    }

    @ParameterizedTest
    @CsvSource({
        "0x86dd, IP6_BAD_VERSION",
        "0x8100, ETHERNET_TYPE_UNKNOWN",
        "0x88cc, ETHERNET_TYPE_UNKNOWN",
        "38, ETHERNET_TYPE_UNKNOWN",
        "0, ETHERNET_TYPE_UNKNOWN"
    })
    void otherEtherTypesAreNamed(String type, Drop drop) {
        assertThat(parse(toUs(Integer.decode(type), new byte[46]))).isEqualTo(drop);
    }

    @Test
    void everyVersionAndHeaderLengthIsJudged() {
        for (int octet = 0; octet < 256; octet++) {
            byte[] bytes = udpFrame();
            bytes[IP] = (byte) octet;
            withIp4Checksum(bytes, IP);
            int headerBytes = (octet & 0xf) * 4;
            Drop expected;
            if (octet >>> 4 != 4) {
                expected = Drop.IP4_BAD_VERSION;
            } else if (headerBytes < 20) {
                expected = Drop.IP4_BAD_HEADER_LENGTH;
            } else if (headerBytes > 33) {
                expected = Drop.IP4_TRUNCATED; // the packet has 33 bytes
            } else if (headerBytes > 20) {
                // what was UDP is options now: 9, 5 or 1 bytes are left for UDP, or its length is nonsense
                expected = headerBytes <= 24 ? Drop.UDP_BAD_LENGTH : Drop.UDP_TRUNCATED;
            } else {
                expected = Drop.NONE;
            }
            assertThat(parse(bytes)).as("first octet %02x", octet).isEqualTo(expected);
        }
    }

    @Test
    void everyTotalLengthIsJudged() {
        for (int total = 0; total <= 0xffff; total++) {
            Drop expected;
            if (total < 20 || total > 33) {
                expected = Drop.IP4_BAD_TOTAL_LENGTH;
            } else if (total < 28) {
                expected = Drop.UDP_TRUNCATED;
            } else {
                expected = total < 33 ? Drop.UDP_BAD_LENGTH : Drop.NONE;
            }
            byte[] bytes = withIp4Field(udpFrame(), 2, total);
            assertThat(parse(bytes)).as("total length %s", total).isEqualTo(expected);
        }
    }

    @Test
    void everyUdpLengthIsJudged() {
        for (int total = 0; total <= 0xffff; total++) {
            byte[] bytes = udpFrame();
            bytes[38] = (byte) (total >>> 8);
            bytes[39] = (byte) total;
            Frame f = frame(bytes);
            assertThat(f.parse())
                    .as("length %s", total)
                    .isEqualTo(total < 8 || total > 13 ? Drop.UDP_BAD_LENGTH : Drop.NONE);
        }
    }

    @Test
    void truncatedUdpFrameIsRefusedAtEveryLength() {
        byte[] whole = udpFrame();
        for (int n = 0; n < whole.length; n++) {
            Drop expected = n < 14 ? Drop.ETHERNET_TRUNCATED : n < 34 ? Drop.IP4_TRUNCATED : Drop.IP4_BAD_TOTAL_LENGTH;
            assertThat(parse(Arrays.copyOf(whole, n))).as("%s bytes", n).isEqualTo(expected);
        }
    }

    @Test
    void truncatedIcmpFrameIsRefusedAtEveryLength() {
        byte[] whole = icmpFrame();
        for (int n = 0; n < whole.length; n++) {
            Drop expected = n < 14 ? Drop.ETHERNET_TRUNCATED : n < 34 ? Drop.IP4_TRUNCATED : Drop.IP4_BAD_TOTAL_LENGTH;
            assertThat(parse(Arrays.copyOf(whole, n))).as("%s bytes", n).isEqualTo(expected);
        }
    }

    @Test
    void icmpMessageShorterThanItsHeaderIsRefused() {
        for (int n = 0; n < 8; n++) {
            byte[] message = Arrays.copyOf(icmp4(8, 1, 1, HELLO), n);
            assertThat(parse(padded(toUs(0x0800, ip4(1, GUEST, PEER, message)), 60)))
                    .as("%s bytes", n)
                    .isEqualTo(Drop.ICMP_TRUNCATED);
        }
        assertThat(parse(toUs(0x0800, ip4(1, GUEST, PEER, icmp4(8, 1, 1, new byte[0])))))
                .isEqualTo(Drop.NONE);
    }

    @Test
    void everyFlippedBitOfTheHeaderIsNoticed() {
        for (int bit = 0; bit < 160; bit++) {
            byte[] bytes = udpFrame();
            bytes[IP + bit / 8] ^= (byte) (0x80 >>> bit % 8);
            Drop expected = bit < 4
                    ? Drop.IP4_BAD_VERSION
                    : bit == 5 || bit == 7
                            ? Drop.IP4_BAD_HEADER_LENGTH
                            : bit == 4 ? Drop.IP4_TRUNCATED : Drop.IP4_BAD_CHECKSUM;
            assertThat(parse(bytes)).as("bit %s", bit).isEqualTo(expected);
        }
    }

    @Test
    void fragmentsAreRefusedAndOtherFlagsAreNot() {
        for (int offset = 1; offset <= 0x1fff; offset++) {
            assertThat(parse(withIp4Field(udpFrame(), 6, offset)))
                    .as("offset %s", offset)
                    .isEqualTo(Drop.IP4_FRAGMENT);
        }
        assertThat(parse(withIp4Field(udpFrame(), 6, 0x2000)))
                .as("more fragments")
                .isEqualTo(Drop.IP4_FRAGMENT);
        assertThat(parse(withIp4Field(udpFrame(), 6, 0x6000)))
                .as("more fragments")
                .isEqualTo(Drop.IP4_FRAGMENT);
        assertThat(parse(withIp4Field(udpFrame(), 6, 0x0000)))
                .as("may fragment")
                .isEqualTo(Drop.NONE);
        assertThat(parse(withIp4Field(udpFrame(), 6, 0x4000)))
                .as("don't fragment")
                .isEqualTo(Drop.NONE);
    }

    @ParameterizedTest
    @CsvSource({
        "127.0.0.1, 192.0.2.1, IP4_LOOPBACK",
        "127.255.255.255, 192.0.2.1, IP4_LOOPBACK",
        "10.0.2.15, 127.0.0.1, IP4_LOOPBACK",
        "0.0.0.0, 127.0.0.1, IP4_LOOPBACK",
        "126.255.255.255, 128.0.0.0, NONE",
        "128.0.0.0, 126.255.255.255, NONE",
        "224.0.0.1, 192.0.2.1, IP4_BAD_SOURCE",
        "239.255.255.255, 192.0.2.1, IP4_BAD_SOURCE",
        "255.255.255.255, 192.0.2.1, IP4_BAD_SOURCE",
        "0.0.0.0, 192.0.2.1, IP4_BAD_SOURCE",
        "0.0.0.1, 192.0.2.1, IP4_BAD_SOURCE",
        "0.255.255.255, 192.0.2.1, IP4_BAD_SOURCE",
        "1.0.0.0, 192.0.2.1, NONE",
        "223.255.255.255, 192.0.2.1, NONE",
        "240.0.0.1, 192.0.2.1, NONE",
        "10.0.2.15, 224.0.0.251, NONE",
        "10.0.2.15, 255.255.255.255, NONE"
    })
    void addressesAreJudged(String src, String dst, Drop drop) {
        assertThat(parse(ip4Frame(17, src, dst))).isEqualTo(drop);
    }

    @ParameterizedTest
    @CsvSource({"68, 67, NONE", "67, 68, IP4_BAD_SOURCE", "68, 53, IP4_BAD_SOURCE", "5000, 67, IP4_BAD_SOURCE"})
    void onlyDhcpMayHaveNoSource(int srcPort, int dstPort, Drop drop) {
        byte[] datagram = udp("0.0.0.0", srcPort, "255.255.255.255", dstPort, new byte[300]);
        assertThat(parse(toUs(0x0800, ip4(17, "0.0.0.0", "255.255.255.255", datagram))))
                .isEqualTo(drop);
    }

    @ParameterizedTest
    @CsvSource({
        "1, NONE",
        "6, TCP_TRUNCATED",
        "17, NONE",
        "0, IP4_PROTOCOL_UNKNOWN",
        "2, IP4_PROTOCOL_UNKNOWN",
        "47, IP4_PROTOCOL_UNKNOWN",
        "58, IP4_PROTOCOL_UNKNOWN",
        "132, IP4_PROTOCOL_UNKNOWN",
        "255, IP4_PROTOCOL_UNKNOWN"
    })
    void protocolsAreNamed(int protocol, Drop drop) {
        assertThat(parse(ip4Frame(protocol, GUEST, PEER))).isEqualTo(drop);
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 6})
    void noOtherProtocolMayHaveNoSource(int protocol) {
        assertThat(parse(ip4Frame(protocol, "0.0.0.0", PEER))).isEqualTo(Drop.IP4_BAD_SOURCE);
    }

    @Test
    void secondParseForgetsTheFirst() {
        Frame f = frame(udpFrame());
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        byte[] arp = ethernet(BROADCAST, GUEST_MAC, 0x0806, new byte[28]);
        f.set(Packets.memory(arp), 0, arp.length);
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.protocol()).isZero();
        assertThat(f.l4Length()).isZero();
        assertThat(f.payloadLength()).isZero();
        assertThat(f.srcLow() | f.dstLow()).isZero();
    }

    @Test
    void segmentsThatTheReceiverIsToCutAreOneFrameOfUpToWhatIpCounts() {
        byte[] segment = new byte[65_535 - 20];
        segment[12] = 0x50; // 20 bytes of header
        Frame f = frame(toUs(0x0800, ip4(6, GUEST, PEER, segment)));
        f.offload().flags = Offload.NEEDS_CSUM;
        f.offload().gsoType = Offload.GSO_TCPV4;
        f.offload().gsoSize = 1_448;
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.payloadLength()).isEqualTo(65_535 - 40);
        assertThat(f.offload().gsoSize).isEqualTo(1_448); // parsing leaves it
    }
}
