package io.passatelli.wire;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static io.passatelli.wire.Packets.BROADCAST;
import static io.passatelli.wire.Packets.GUEST_MAC;
import static io.passatelli.wire.Packets.OUR_MAC;
import static org.assertj.core.api.Assertions.assertThat;

class DissectTest {
    private static final String GUEST = "10.0.2.15";
    private static final String PEER = "192.0.2.1";

    private static String line(byte[] bytes) {
        return Dissect.toString(Packets.frame(bytes));
    }

    @Test
    void arpReadsAsTcpdumpSaysIt() {
        assertThat(line(Packets.ethernet(
                        BROADCAST, GUEST_MAC, 0x0806, Packets.arp(1, GUEST_MAC, GUEST, BROADCAST, "10.0.2.2"))))
                .isEqualTo("52:54:00:12:34:56 > ff:ff:ff:ff:ff:ff, ARP who-has 10.0.2.2 tell 10.0.2.15");
        assertThat(line(Packets.ethernet(
                        GUEST_MAC, OUR_MAC, 0x0806, Packets.arp(2, OUR_MAC, "10.0.2.2", GUEST_MAC, GUEST))))
                .isEqualTo("9a:55:9a:55:9a:55 > 52:54:00:12:34:56, ARP 10.0.2.2 is-at 9a:55:9a:55:9a:55");
        assertThat(line(Packets.ethernet(
                        GUEST_MAC, OUR_MAC, 0x0806, Packets.arp(9, OUR_MAC, "10.0.2.2", GUEST_MAC, GUEST))))
                .endsWith("ARP operation 9");
        assertThat(line(Packets.ethernet(GUEST_MAC, OUR_MAC, 0x0806, new byte[27])))
                .endsWith("ARP, ARP_TRUNCATED");
    }

    @Test
    void datagramAndEchoShowTheirEnds() {
        assertThat(line(Packets.ethernet(
                        OUR_MAC,
                        GUEST_MAC,
                        0x0800,
                        Packets.ip4(17, GUEST, PEER, Packets.udp(GUEST, 5000, PEER, 53, new byte[4])))))
                .isEqualTo("52:54:00:12:34:56 > 9a:55:9a:55:9a:55, UDP 10.0.2.15:5000 > 192.0.2.1:53, 4 bytes");
        assertThat(line(Packets.ethernet(
                        OUR_MAC,
                        GUEST_MAC,
                        0x0800,
                        Packets.ip4(1, GUEST, PEER, Packets.icmp4(8, 513, 7, new byte[56])))))
                .isEqualTo(
                        "52:54:00:12:34:56 > 9a:55:9a:55:9a:55, ICMP 10.0.2.15 > 192.0.2.1, type 8 code 0 id 513 seq 7, 56 bytes");
    }

    @Test
    void datagramAndEchoOfIp6ShowTheirEnds() {
        assertThat(line(Packets6.frame(Packets6.ip6(
                        17, "fd77::2", "2001:db8::1", Packets6.udp("fd77::2", 5000, "2001:db8::1", 53, new byte[4])))))
                .isEqualTo("52:54:00:12:34:56 > 9a:55:9a:55:9a:55, UDP [fd77::2]:5000 > [2001:db8::1]:53, 4 bytes");
        assertThat(line(Packets6.frame(Packets6.ip6(
                        58, "fd77::2", "fe80::1", Packets6.echoRequest("fd77::2", "fe80::1", 513, 7, new byte[56])))))
                .isEqualTo(
                        "52:54:00:12:34:56 > 9a:55:9a:55:9a:55, ICMPv6 fd77::2 > fe80::1, type 128 code 0 id 513 seq 7, 56 bytes");
    }

    private static String tcp(TcpSegment segment) {
        String line = line(segment.fromGuest());
        assertThat(line).startsWith("52:54:00:12:34:56 > 9a:55:9a:55:9a:55, TCP ");
        return line.substring(line.indexOf("TCP"));
    }

    @Test
    void segmentShowsItsEndsNumbersAndOptions() {
        TcpSegment segment = TcpSegment.between(GUEST, 40_000, PEER, 443);
        assertThat(tcp(segment.seq(-1).with(TcpSegment.SYN).mss(1460).windowScale(7)))
                .isEqualTo(
                        "TCP 10.0.2.15:40000 > 192.0.2.1:443, [S] seq 4294967295 win 65535 <mss 1460,nop,wscale 7>, 0 bytes");
        assertThat(tcp(segment.seq(7)
                        .ack(-2)
                        .with(TcpSegment.PSH)
                        .window(502)
                        .options("0101080a0000000100000002")
                        .payload("hello")))
                .isEqualTo(
                        "TCP 10.0.2.15:40000 > 192.0.2.1:443, [P.] seq 7 ack 4294967294 win 502 <nop,nop,kind 8>, 5 bytes");
        assertThat(tcp(TcpSegment.between("fd77::2", 1, "2001:db8::1", 2)
                        .flags(0xff)
                        .window(0)))
                .isEqualTo("TCP [fd77::2]:1 > [2001:db8::1]:2, [FSRP.UEW] seq 0 ack 0 win 0, 0 bytes");
        assertThat(tcp(segment)).endsWith(", [] seq 0 win 65535, 0 bytes");
    }

    @ParameterizedTest
    @CsvSource({
        "01, 'nop,end'",
        "00020405b4, end",
        "01010102, 'nop,nop,nop,bad'",
        "01010200, 'nop,nop,bad'",
        "01010201, 'nop,nop,bad'",
        "01010203, 'nop,nop,bad'",
        "01010202, 'nop,nop,kind 2'",
        "020305, 'kind 2,end'",
        "03040707, kind 3",
        "fe04f989, kind 254",
        "020400000303ff, 'mss 0,wscale 255,end'"
    })
    void optionsAreShownAsFarAsTheyCanBeRead(String hex, String text) {
        assertThat(tcp(TcpSegment.between(GUEST, 1, PEER, 2).options(hex)))
                .isEqualTo("TCP 10.0.2.15:1 > 192.0.2.1:2, [] seq 0 win 65535 <%s>, 0 bytes", text);
    }

    @Test
    void refusedFramesSayWhy() {
        assertThat(line(new byte[13])).isEqualTo("13 bytes, ETHERNET_TRUNCATED");
        assertThat(line(Packets.ethernet(OUR_MAC, GUEST_MAC, 0x86dd, new byte[40])))
                .isEqualTo("52:54:00:12:34:56 > 9a:55:9a:55:9a:55, type 0x86dd, 54 bytes, IP6_BAD_VERSION");
    }
}
