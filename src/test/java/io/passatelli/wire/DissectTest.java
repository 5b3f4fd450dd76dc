package io.passatelli.wire;

import org.junit.jupiter.api.Test;

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

    @Test
    void refusedFramesSayWhy() {
        assertThat(line(new byte[13])).isEqualTo("13 bytes, ETHERNET_TRUNCATED");
        assertThat(line(Packets.ethernet(OUR_MAC, GUEST_MAC, 0x86dd, new byte[40])))
                .isEqualTo("52:54:00:12:34:56 > 9a:55:9a:55:9a:55, type 0x86dd, 54 bytes, IP6_BAD_VERSION");
    }
}
