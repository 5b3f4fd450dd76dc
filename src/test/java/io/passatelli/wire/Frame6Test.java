package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;

import static io.passatelli.wire.Packets.frame;
import static io.passatelli.wire.Packets.padded;
import static io.passatelli.wire.Packets6.authentication;
import static io.passatelli.wire.Packets6.echoRequest;
import static io.passatelli.wire.Packets6.fragment;
import static io.passatelli.wire.Packets6.generic;
import static io.passatelli.wire.Packets6.ip6;
import static io.passatelli.wire.Packets6.options;
import static io.passatelli.wire.Packets6.routing;
import static io.passatelli.wire.Packets6.udp;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

/** IPv6 in {@link Frame#parse}. */
class Frame6Test {
    private static final String GUEST = "fd77::2";
    private static final String PEER = "2001:db8::1";
    private static final byte[] HELLO = "hello".getBytes(US_ASCII);
    private static final int IP = 14;

    private static byte[] datagram() {
        return udp(GUEST, 5000, PEER, 53, HELLO);
    }

    private static byte[] udpFrame() {
        return Packets6.frame(ip6(17, GUEST, PEER, datagram()));
    }

    private static byte[] from(int next, byte[] payload) {
        return Packets6.frame(ip6(next, GUEST, PEER, payload));
    }

    private static Drop parse(byte[] bytes) {
        return frame(bytes).parse();
    }

    private static void assertIsTheDatagram(Frame f, int extensions) {
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.etherType()).isEqualTo(Ethernet.IP6);
        assertThat(f.l3() - f.l2()).isEqualTo(14);
        assertThat(f.protocol()).isEqualTo(Ip4.UDP);
        assertThat(f.l4() - f.l2()).isEqualTo(54 + extensions);
        assertThat(f.l4Length()).isEqualTo(13);
        assertThat(f.payload() - f.l4()).isEqualTo(8);
        assertThat(f.payloadLength()).isEqualTo(5);
        assertThat(f.ttl()).isEqualTo(64);
        assertThat(new Ip(f.srcHigh(), f.srcLow())).isEqualTo(Ip.parse(GUEST));
        assertThat(new Ip(f.dstHigh(), f.dstLow())).isEqualTo(Ip.parse(PEER));
        assertThat(Udp.dstPort(f.bytes(), f.l4())).isEqualTo(53);
        assertThat(Packets.bytes(f.bytes(), f.payload(), f.payloadLength())).isEqualTo(HELLO);
        int pseudo = Checksum.pseudo(f.srcHigh(), f.srcLow(), f.dstHigh(), f.dstLow(), f.protocol(), f.l4Length());
        assertThat(Checksum.add(pseudo, 0, f.bytes(), f.l4(), f.l4Length())).isEqualTo(Checksum.GOOD);
    }

    @Test
    void udpDatagramIsFound() {
        assertIsTheDatagram(frame(udpFrame()), 0);
    }

    @Test
    void echoRequestIsFound() {
        Frame f = frame(from(58, echoRequest(GUEST, PEER, 0x1234, 7, HELLO)));
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.protocol()).isEqualTo(Ip6.ICMP);
        assertThat(Icmp6.type(f.bytes(), f.l4())).isEqualTo(Icmp6.ECHO_REQUEST);
        assertThat(Icmp6.id(f.bytes(), f.l4())).isEqualTo(0x1234);
        assertThat(Icmp6.sequence(f.bytes(), f.l4())).isEqualTo(7);
        assertThat(Packets.bytes(f.bytes(), f.payload(), f.payloadLength())).isEqualTo(HELLO);
    }

    @Test
    void tcpSegmentIsFoundBehindItsOptions() {
        TcpSegment segment = TcpSegment.between(GUEST, 40_000, PEER, 443)
                .mss(1440)
                .windowScale(7)
                .payload(HELLO);
        byte[] bytes = Packets6.frame(ip6(60, GUEST, PEER, options(6, 16, segment.bytes())));
        Frame f = frame(padded(bytes, bytes.length + 3));
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.protocol()).isEqualTo(Ip4.TCP);
        assertThat(f.l4() - f.l2()).isEqualTo(70);
        assertThat(f.l4Length()).isEqualTo(33);
        assertThat(f.payload() - f.l4()).isEqualTo(28);
        assertThat(Packets.bytes(f.bytes(), f.payload(), f.payloadLength())).isEqualTo(HELLO);
        for (int head = 70; head <= bytes.length; head++) {
            assertThat(frame(bytes, head).parse())
                    .as("head of %s bytes", head)
                    .isEqualTo(head < 98 ? Drop.TCP_TRUNCATED : Drop.NONE);
        }
        bytes[82] = (byte) 0x90;
        assertThat(parse(bytes)).as("header of 36 bytes").isEqualTo(Drop.TCP_BAD_LENGTH);
        assertThat(frame(bytes, 98).parse()).as("header of 36 bytes").isEqualTo(Drop.TCP_BAD_LENGTH);
    }

    @Test
    void paddingOfEthernetIsNotPayload() {
        byte[] tiny = from(17, udp(GUEST, 1, PEER, 2, new byte[0]));
        for (int length = tiny.length; length < tiny.length + 50; length++) {
            Frame f = frame(padded(tiny, length));
            assertThat(f.parse()).isEqualTo(Drop.NONE);
            assertThat(f.l4Length()).isEqualTo(8);
            assertThat(f.payloadLength()).isZero();
        }
    }

    @Test
    void payloadBehindTheHeadIsCountedButNotTouched() {
        Frame f = frame(from(17, udp(GUEST, 5000, PEER, 53, new byte[60_000])), 160);
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.payloadLength()).isEqualTo(60_000);
    }

    @Test
    void longestPayloadIsTaken() {
        Frame f = frame(from(17, udp(GUEST, 5000, PEER, 53, new byte[65_527])), 160);
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.l4Length()).isEqualTo(65_535);
    }

    @Test
    void everyVersionIsJudged() {
        for (int octet = 0; octet < 256; octet++) {
            byte[] bytes = udpFrame();
            bytes[IP] = (byte) octet;
            assertThat(parse(bytes)).isEqualTo(octet >>> 4 == 6 ? Drop.NONE : Drop.IP6_BAD_VERSION);
        }
    }

    @Test
    void everyPayloadLengthIsJudged() {
        for (int length = 0; length <= 0xffff; length++) {
            byte[] bytes = udpFrame();
            bytes[IP + 4] = (byte) (length >>> 8);
            bytes[IP + 5] = (byte) length;
            Drop expected = length == 0 || length > 13
                    ? Drop.IP6_BAD_PAYLOAD_LENGTH
                    : length < 8 ? Drop.UDP_TRUNCATED : length < 13 ? Drop.UDP_BAD_LENGTH : Drop.NONE;
            assertThat(parse(bytes)).as("payload length %s", length).isEqualTo(expected);
        }
    }

    @Test
    void truncatedFrameIsRefusedAtEveryLength() {
        byte[] whole = udpFrame();
        for (int n = 0; n < whole.length; n++) {
            Drop expected =
                    n < 14 ? Drop.ETHERNET_TRUNCATED : n < 54 ? Drop.IP6_TRUNCATED : Drop.IP6_BAD_PAYLOAD_LENGTH;
            assertThat(parse(Arrays.copyOf(whole, n))).as("%s bytes", n).isEqualTo(expected);
        }
        for (int head = 54; head < 62; head++) {
            assertThat(frame(whole, head).parse()).isEqualTo(Drop.UDP_TRUNCATED);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "fd77::2, 2001:db8::1, NONE",
        "fe80::2, ff02::fb, NONE",
        "::1, 2001:db8::1, IP6_LOOPBACK",
        "fd77::2, ::1, IP6_LOOPBACK",
        "::2, 2001:db8::1, NONE",
        "ff02::1, 2001:db8::1, IP6_BAD_SOURCE",
        "fd77::2, ::, IP6_BAD_DESTINATION",
        "fd77::2, ff01::1, IP6_BAD_DESTINATION",
        "fd77::2, ff11::1, IP6_BAD_DESTINATION",
        "fd77::2, ff00::1, IP6_BAD_DESTINATION",
        "fd77::2, ff0e::1, NONE",
        "::, 2001:db8::1, IP6_BAD_SOURCE",
        "::ffff:10.0.2.15, 2001:db8::1, IP6_MAPPED_ADDRESS",
        "fd77::2, ::ffff:192.0.2.1, IP6_MAPPED_ADDRESS",
        "fd77::2, ::ffff:127.0.0.1, IP6_MAPPED_ADDRESS",
        "::ffff:0.0.0.0, 2001:db8::1, IP6_MAPPED_ADDRESS",
        "::ffff:10.0.2.15, ::ffff:192.0.2.1, IP6_MAPPED_ADDRESS"
    })
    void addressesAreJudged(String src, String dst, Drop drop) {
        Frame f = frame(Packets6.frame(ip6(17, src, dst, udp(src, 5000, dst, 53, HELLO))));
        assertThat(f.parse()).isEqualTo(drop);
        if (drop == Drop.IP6_MAPPED_ADDRESS) {
            assertThat(f.srcHigh() | f.srcLow() | f.dstHigh() | f.dstLow()).isZero();
        }
    }

    @Test
    void whoLooksForAnAddressMayHaveNone() {
        byte[] solicitation = new byte[24];
        solicitation[0] = (byte) 135;
        assertThat(parse(Packets6.frame(ip6(58, "::", "ff02::1:ff00:2", solicitation))))
                .isEqualTo(Drop.NONE);
        assertThat(parse(Packets6.frame(ip6(6, "::", PEER, new byte[20])))).isEqualTo(Drop.IP6_BAD_SOURCE);
    }

    @ParameterizedTest
    @CsvSource({
        "6, TCP_BAD_LENGTH",
        "1, IP6_PROTOCOL_UNKNOWN",
        "2, IP6_PROTOCOL_UNKNOWN",
        "50, IP6_PROTOCOL_UNKNOWN",
        "59, IP6_NO_NEXT_HEADER",
        "132, IP6_PROTOCOL_UNKNOWN",
        "135, IP6_PROTOCOL_UNKNOWN",
        "255, IP6_PROTOCOL_UNKNOWN"
    })
    void protocolsAreNamed(int protocol, Drop drop) {
        assertThat(parse(from(protocol, new byte[40]))).isEqualTo(drop);
        assertThat(parse(from(60, options(protocol, 8, new byte[40])))).isEqualTo(drop);
    }

    @Test
    void icmpMessageShorterThanItsHeaderIsRefused() {
        for (int n = 1; n < 8; n++) {
            assertThat(parse(padded(from(58, new byte[n]), 90)))
                    .as("%s bytes", n)
                    .isEqualTo(Drop.ICMP_TRUNCATED);
        }
        assertThat(parse(from(58, new byte[8]))).isEqualTo(Drop.NONE);
    }

    @Test
    void udpHasAChecksum() {
        byte[] bytes = udpFrame();
        bytes[60] = bytes[61] = 0;
        assertThat(parse(bytes)).isEqualTo(Drop.UDP_BAD_CHECKSUM);
        Frame f = frame(bytes);
        f.offload().flags = Offload.DATA_VALID;
        assertThat(f.parse()).isEqualTo(Drop.NONE);
    }

    @Test
    void extensionHeadersAreSteppedOver() {
        assertIsTheDatagram(frame(from(0, options(17, 8, datagram()))), 8);
        assertIsTheDatagram(frame(from(60, options(17, 24, datagram()))), 24);
        assertIsTheDatagram(frame(from(43, routing(17, 2, 0, datagram()))), 8);
        assertIsTheDatagram(frame(from(51, authentication(17, 24, datagram()))), 24);
        assertIsTheDatagram(frame(from(44, fragment(17, 0, false, 9, datagram()))), 8);
        byte[] all = options(
                60,
                8,
                options(
                        43,
                        8,
                        routing(
                                44,
                                2,
                                0,
                                fragment(51, 0, false, 1, authentication(60, 16, options(17, 8, datagram()))))));
        assertIsTheDatagram(frame(from(0, all)), 56);
    }

    @Test
    void routerAlertOfMulticastListenersIsNoObstacle() {
        byte[] report = new byte[28];
        report[0] = (byte) 143;
        byte[] alert = generic(58, new byte[] {5, 2, 0, 0, 1, 0}, report);
        Frame f = frame(Packets6.frame(ip6(0, "fe80::2", "ff02::16", alert)));
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(Icmp6.type(f.bytes(), f.l4())).isEqualTo(143);
    }

    @Test
    void hopByHopOptionsComeFirst() {
        assertThat(parse(from(60, options(0, 8, options(17, 8, datagram()))))).isEqualTo(Drop.IP6_BAD_HEADER_ORDER);
        assertThat(parse(from(0, options(0, 8, options(17, 8, datagram()))))).isEqualTo(Drop.IP6_BAD_HEADER_ORDER);
    }

    @Test
    void datagramIsFragmentedOnceOnly() {
        byte[] twice = fragment(44, 0, false, 1, fragment(17, 0, false, 2, datagram()));
        assertThat(parse(from(44, twice))).isEqualTo(Drop.IP6_BAD_HEADER_ORDER);
    }

    @ParameterizedTest
    @CsvSource({"0, 0, IP6_ROUTING", "0, 1, IP6_ROUTING", "2, 1, IP6_ROUTING", "4, 255, IP6_ROUTING", "4, 0, NONE"})
    void routesThatGoOnAreRefused(int type, int segmentsLeft, Drop drop) {
        assertThat(parse(from(43, routing(17, type, segmentsLeft, datagram())))).isEqualTo(drop);
    }

    @Test
    void everyOptionTypeIsJudged() {
        for (int type = 2; type < 256; type++) {
            byte[] header = generic(17, new byte[] {(byte) type, 4, 0, 0, 0, 0}, datagram());
            assertThat(parse(from(60, header)))
                    .as("type %s", type)
                    .isEqualTo(type < 0x40 ? Drop.NONE : Drop.IP6_BAD_OPTION);
        }
    }

    @Test
    void everyOptionLengthIsJudged() {
        for (int length = 0; length < 256; length++) {
            byte[] header = generic(17, new byte[] {1, (byte) length, 0, 0, 0, 0}, datagram());
            assertThat(parse(from(0, header)))
                    .as("length %s", length)
                    .isEqualTo(length <= 4 ? Drop.NONE : Drop.IP6_BAD_OPTION);
        }
        assertThat(parse(from(0, generic(17, new byte[] {0, 0, 0, 0, 0, 1}, datagram()))))
                .as("type without length")
                .isEqualTo(Drop.IP6_BAD_OPTION);
    }

    /** The packet has 13 bytes behind the header of 8, or of 16. */
    @Test
    void everyLengthOfEveryExtensionHeaderIsJudged() {
        for (int field = 0; field < 256; field++) {
            for (byte[] bytes : new byte[][] {
                from(0, options(17, 8, datagram())),
                from(60, options(17, 8, datagram())),
                from(43, routing(17, 2, 0, datagram())),
                from(51, authentication(17, 16, datagram())),
                from(44, fragment(17, 0, false, 9, datagram()))
            }) {
                int header = bytes[IP + 6];
                bytes[IP + 41] = (byte) field;
                for (int head = 54; head <= bytes.length; head++) {
                    Drop drop = frame(bytes, head).parse();
                    boolean good = head >= 70 && (header == 44 || field == (header == 51 ? 2 : 0));
                    boolean here = header == 51 ? head >= 78 : head >= 70;
                    assertThat(drop == Drop.NONE)
                            .as("header %s, length field %s, head %s: %s", header, field, head, drop)
                            .isEqualTo(good && here);
                }
                FramePropertyTest.assertPromises(frame(bytes));
            }
        }
    }

    @Test
    void truncatedChainIsRefusedAtEveryLength() {
        byte[] chain =
                options(60, 16, options(43, 8, routing(51, 2, 0, authentication(60, 16, options(17, 8, datagram())))));
        byte[] whole = from(0, chain);
        assertIsTheDatagram(frame(whole), 56);
        for (int n = 0; n < whole.length; n++) {
            assertThat(parse(Arrays.copyOf(whole, n))).isNotEqualTo(Drop.NONE);
            byte[] shorter = Arrays.copyOf(whole, n);
            if (n > 54) {
                shorter[IP + 5] = (byte) (n - 54); // the payload length as it is
                assertThat(parse(shorter)).as("%s bytes", n).isNotEqualTo(Drop.NONE);
                FramePropertyTest.assertPromises(frame(shorter));
            }
            Frame near = frame(whole, n);
            assertThat(near.parse() == Drop.NONE).as("head of %s bytes", n).isEqualTo(n >= whole.length - 5);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 60, 43, 51})
    void extensionHeadersWithoutEndAreRefused(int kind) {
        byte[] bomb = datagram();
        int next = 17;
        for (int headers = 1; headers <= 1_000; headers++) {
            bomb = switch (kind) {
                case 43 -> routing(next, 2, 0, bomb);
                case 51 -> authentication(next, 16, bomb);
                default -> options(next, 8, bomb);
            };
            next = kind == 0 ? 60 : kind;
            Drop drop = parse(from(kind == 0 ? 0 : next, bomb));
            assertThat(drop)
                    .as("%s headers", headers)
                    .isEqualTo(headers <= Limits.IP6_EXTENSION_HEADERS ? Drop.NONE : Drop.IP6_TOO_MANY_HEADERS);
        }
    }

    @Test
    void chainHasToLieInTheHead() {
        byte[] bytes = from(60, options(17, 104, datagram()));
        assertThat(frame(bytes, 160).parse()).isEqualTo(Drop.UDP_TRUNCATED);
        assertThat(frame(bytes, 166).parse()).isEqualTo(Drop.NONE);
        bytes = from(60, options(17, 112, datagram()));
        assertThat(frame(bytes, 160).parse()).isEqualTo(Drop.IP6_CHAIN_TOO_LONG);
        bytes = from(60, options(60, 104, options(17, 8, datagram())));
        assertThat(frame(bytes, 160).parse()).isEqualTo(Drop.IP6_CHAIN_TOO_LONG);
    }

    @Test
    void fragmentShowsWhereItBelongs() {
        byte[] part = new byte[64];
        for (int offset = 8; offset <= 65_528; offset += 8) {
            Frame f = frame(from(60, options(44, 8, fragment(17, offset, offset % 16 == 0, 0xcafe_f00d, part))));
            assertThat(f.parse()).isEqualTo(Drop.IP6_FRAGMENT);
            assertThat(f.protocol()).isEqualTo(17);
            assertThat(f.fragmentOffset()).isEqualTo(offset);
            assertThat(f.moreFragments()).isEqualTo(offset % 16 == 0);
            assertThat(f.fragmentId()).isEqualTo(0xcafe_f00d);
            assertThat(f.fragmentAt() - f.l2()).isEqualTo(70);
            assertThat(f.fragmentLength()).isEqualTo(64);
            assertThat(new Ip(f.srcHigh(), f.srcLow())).isEqualTo(Ip.parse(GUEST));
            assertThat(new Ip(f.dstHigh(), f.dstLow())).isEqualTo(Ip.parse(PEER));
        }
    }

    @Test
    void fragmentOfIp4ShowsWhereItBelongs() {
        Frame f = frame(padded(Packets6.fragment4(17, "10.0.2.15", "192.0.2.1", 0xbeef, 1480, true, new byte[16]), 60));
        assertThat(f.parse()).isEqualTo(Drop.IP4_FRAGMENT);
        assertThat(f.protocol()).isEqualTo(17);
        assertThat(f.fragmentOffset()).isEqualTo(1480);
        assertThat(f.moreFragments()).isTrue();
        assertThat(f.fragmentId()).isEqualTo(0xbeef);
        assertThat(f.fragmentAt() - f.l2()).isEqualTo(34);
        assertThat(f.fragmentLength()).isEqualTo(16);
        assertThat(new Ip(f.srcHigh(), f.srcLow())).isEqualTo(Ip.parse("10.0.2.15"));
        assertThat(parse(Packets6.fragment4(17, "0.0.0.0", "192.0.2.1", 1, 8, true, new byte[16])))
                .isEqualTo(Drop.IP4_BAD_SOURCE);
        assertThat(parse(Packets6.fragment4(17, "127.0.0.1", "192.0.2.1", 1, 8, true, new byte[16])))
                .isEqualTo(Drop.IP4_LOOPBACK);
    }

    @Test
    void firstFragmentHoldsTheWholeChain() {
        byte[] whole = options(17, 16, udp(GUEST, 5000, PEER, 53, new byte[200]));
        for (int n = 8; n <= 160; n += 8) {
            Drop expected = n < 24 ? Drop.FRAGMENT_CHAIN_SPLIT : Drop.IP6_FRAGMENT;
            assertThat(parse(from(44, fragment(60, 0, true, 7, Arrays.copyOf(whole, n)))))
                    .as("%s bytes", n)
                    .isEqualTo(expected);
        }
        assertThat(parse(from(44, fragment(6, 0, true, 7, new byte[16])))).isEqualTo(Drop.FRAGMENT_CHAIN_SPLIT);
        assertThat(parse(from(44, fragment(6, 0, true, 7, new byte[24])))).isEqualTo(Drop.IP6_FRAGMENT);
    }

    @Test
    void neighbourDiscoveryIsNeverFragmented() {
        byte[] message = new byte[32];
        for (int type = 0; type < 256; type++) {
            message[0] = (byte) type;
            boolean discovery = type >= 133 && type <= 137;
            assertThat(parse(from(44, fragment(58, 0, false, 7, message))))
                    .isEqualTo(discovery ? Drop.FRAGMENT_NEIGHBOR_DISCOVERY : Drop.NONE);
            assertThat(parse(from(44, fragment(58, 0, true, 7, message))))
                    .isEqualTo(discovery ? Drop.FRAGMENT_NEIGHBOR_DISCOVERY : Drop.IP6_FRAGMENT);
            assertThat(parse(from(58, message))).isEqualTo(Drop.NONE);
        }
    }

    @Test
    void secondParseForgetsTheFirst() {
        Frame f = frame(from(44, fragment(17, 8, true, 7, new byte[64])));
        assertThat(f.parse()).isEqualTo(Drop.IP6_FRAGMENT);
        byte[] udp = udpFrame();
        f.set(Packets.memory(udp), 0, udp.length);
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.fragmentLength()).isZero();
        assertThat(f.fragmentOffset()).isZero();
        assertThat(f.fragmentId()).isZero();
        assertThat(f.moreFragments()).isFalse();
        byte[] arp = Packets.ethernet(Packets.BROADCAST, Packets.GUEST_MAC, 0x0806, new byte[28]);
        f.set(Packets.memory(arp), 0, arp.length);
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        assertThat(f.ttl()).isZero();
        assertThat(f.srcHigh() | f.srcLow()).isZero();
    }
}
