package io.passatelli.link;

import io.passatelli.base.Ip;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class CaptureFilterTest {
    private static final String A4 = "10.0.0.1";
    private static final String B4 = "10.0.0.2";
    private static final String A6 = "fd00::1";
    private static final String B6 = "fd00::2";
    private static final byte[] DATA = new byte[100];

    private static final int UDP = 17;
    private static final int TCP = 6;
    private static final int FRAGMENT = 44;

    /** Everything goes from A's port 1000 to B's port 80. */
    private static final Map<String, byte[]> FRAMES = frames();

    private static Map<String, byte[]> frames() {
        byte[] udp4 = Packets.udp(A4, 1000, B4, 80, DATA);
        byte[] udp6 = Packets6.udp(A6, 1000, B6, 80, DATA);
        byte[] ports = {0x03, (byte) 0xe8, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0, 0, 0, 0, 0, 0, 0}; // of a TCP header
        byte[] options = Packets6.options(60, 8, Packets6.options(UDP, 24, udp6));
        List<byte[]> fragments4 = Packets6.fragments4(UDP, A4, B4, 7, udp4, 64);
        List<byte[]> fragments6 = Packets6.fragments(UDP, A6, B6, 7, udp6, 64);
        Map<String, byte[]> all = new LinkedHashMap<>();
        all.put("udp4", ip4(UDP, udp4));
        all.put("tcp4", ip4(TCP, ports));
        all.put("tcp4 with IP options", eth4(Packets.ip4(TCP, A4, B4, new byte[] {1, 1, 1, 0}, ports)));
        all.put("icmp4", ip4(1, Packets.icmp4(8, 1000, 80, DATA)));
        all.put("sctp4", ip4(132, ports));
        all.put("first fragment4", fragments4.getFirst());
        all.put("last fragment4", fragments4.getLast());
        all.put("udp6", Packets6.fromGuest(UDP, A6, B6, udp6));
        all.put("tcp6", Packets6.fromGuest(TCP, A6, B6, ports));
        all.put("udp6 behind options", Packets6.fromGuest(0, A6, B6, options));
        all.put("udp6 behind a route", Packets6.fromGuest(43, A6, B6, Packets6.routing(UDP, 4, 0, udp6)));
        all.put("udp6 behind authentication", Packets6.fromGuest(51, A6, B6, Packets6.authentication(UDP, 24, udp6)));
        all.put("atomic fragment6", Packets6.fromGuest(FRAGMENT, A6, B6, Packets6.fragment(UDP, 0, false, 7, udp6)));
        all.put("first fragment6", fragments6.getFirst());
        all.put("last fragment6", fragments6.getLast());
        all.put("fragment6 of icmp", Packets6.fromGuest(FRAGMENT, A6, B6, Packets6.fragment(58, 64, false, 7, DATA)));
        all.put("icmp6", Packets6.fromGuest(58, A6, B6, Packets6.icmp6(128, A6, B6, 1000, 80, DATA)));
        all.put(
                "arp",
                Packets.ethernet(
                        Packets.BROADCAST,
                        Packets.GUEST_MAC,
                        0x0806,
                        Packets.arp(1, Packets.GUEST_MAC, A4, "00:00:00:00:00:00", B4)));
        all.put("lldp", Packets.ethernet(Packets.BROADCAST, Packets.GUEST_MAC, 0x88cc, DATA));
        return all;
    }

    private static byte[] ip4(int protocol, byte[] payload) {
        return eth4(Packets.ip4(protocol, A4, B4, payload));
    }

    private static byte[] eth4(byte[] packet) {
        return Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, packet);
    }

    private static boolean admits(String filter, byte[] frame, int reach) {
        return CaptureFilter.parse(filter).admits(Packets.memory(frame), 0, reach);
    }

    private static void assertAdmitted(String filter, String... names) {
        for (Map.Entry<String, byte[]> frame : FRAMES.entrySet()) {
            assertThat(admits(filter, frame.getValue(), frame.getValue().length))
                    .as("%s of '%s'", frame.getKey(), filter)
                    .isEqualTo(Arrays.asList(names).contains(frame.getKey()));
        }
    }

    @Test
    void withoutWordsEveryFrameIsTaken() {
        assertAdmitted("", FRAMES.keySet().toArray(String[]::new));
        assertThat(admits("", new byte[0], 0)).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {A4, B4})
    void hostIsEitherSideOfAnyProtocolAndOfArp(String host) {
        assertAdmitted(
                "host " + host,
                "udp4",
                "tcp4",
                "tcp4 with IP options",
                "icmp4",
                "sctp4",
                "first fragment4",
                "last fragment4",
                "arp");
    }

    @ParameterizedTest
    @ValueSource(strings = {A6, B6})
    void hostIsEitherSideOfIp6(String host) {
        assertAdmitted(
                "host " + host,
                "udp6",
                "tcp6",
                "udp6 behind options",
                "udp6 behind a route",
                "udp6 behind authentication",
                "atomic fragment6",
                "first fragment6",
                "last fragment6",
                "fragment6 of icmp",
                "icmp6");
    }

    @ParameterizedTest
    @ValueSource(ints = {80, 1000})
    void portIsEitherSideOfTcpAndUdpBehindAllThatMayStandBeforeIt(int port) {
        assertAdmitted(
                "port " + port,
                "udp4",
                "tcp4",
                "tcp4 with IP options",
                "first fragment4",
                "last fragment4",
                "udp6",
                "tcp6",
                "udp6 behind options",
                "udp6 behind a route",
                "udp6 behind authentication",
                "atomic fragment6",
                "first fragment6",
                "last fragment6");
    }

    @Test
    void ofOtherPortsOnlyFragmentsAreTaken() {
        assertAdmitted("port 81", "first fragment4", "last fragment4", "first fragment6", "last fragment6");
    }

    @Test
    void bothWordsHaveToFit() {
        assertAdmitted(
                "port 80 host 10.0.0.2", "udp4", "tcp4", "tcp4 with IP options", "first fragment4", "last fragment4");
        assertAdmitted("host 10.0.0.3");
        assertAdmitted("host 10.0.0.3 port 80");
        assertAdmitted("host ::ffff:10.0.0.99");
    }

    /** Whatever a guest sends: nothing is read behind the end, and what is cut off before it says its port is nobody's. */
    @Test
    void framesThatAreCutOffAreReadNoFurther() {
        for (Map.Entry<String, byte[]> frame : FRAMES.entrySet()) {
            byte[] whole = frame.getValue();
            for (int length = 0; length <= whole.length; length++) {
                byte[] cut = Arrays.copyOf(whole, length);
                boolean host = admits("host 10.0.0.1", cut, length) || admits("host fd00::1", cut, length);
                boolean port = admits("port 80", cut, length);
                assertThat(host && length < 34)
                        .as("host of %s cut at %s", frame.getKey(), length)
                        .isFalse();
                assertThat(port && length < 34)
                        .as("port of %s cut at %s", frame.getKey(), length)
                        .isFalse();
            }
        }
    }

    /** The head of a frame to the guest is all that is looked at. */
    @Test
    void onlyTheHeadIsLookedAt() {
        byte[] frame = FRAMES.get("udp4");
        assertThat(frame).isNotNull();
        assertThat(admits("port 80", frame, 42)).isTrue();
        assertThat(admits("port 80", frame, 37)).isFalse();
        assertThat(admits("host 10.0.0.1", frame, 34)).isTrue();
    }

    @Test
    void endlessExtensionsEnd() {
        byte[] chain = Packets6.udp(A6, 1000, B6, 80, DATA);
        for (int i = 0; i < 9; i++) {
            chain = Packets6.options(i == 0 ? UDP : 60, 8, chain);
        }
        byte[] frame = Packets6.fromGuest(60, A6, B6, chain);
        assertThat(admits("port 80", frame, frame.length)).isFalse();
    }

    @ParameterizedTest
    @CsvSource({
        "'', 0, ",
        "'  ', 0, ",
        "port 80, 80, ",
        "' port  65535 ', 65535, ",
        "host 10.0.0.1, 0, 10.0.0.1",
        "port 80 host ::1, 80, ::1",
        "host ::1 port 80, 80, ::1"
    })
    void wordsAreRead(String text, int port, String host) {
        CaptureFilter filter = CaptureFilter.parse(text);
        assertThat(filter).isEqualTo(new CaptureFilter(port, host == null ? null : Ip.parse(host)));
        assertThat(CaptureFilter.parse(filter.toString())).isEqualTo(filter);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "prot 80 | 'prot' is no word of a filter: a filter is 'port NUMBER', 'host ADDRESS', both, or nothing",
                "port | nothing stands behind 'port': a filter is",
                "port 80 host | nothing stands behind 'host': a filter is",
                "port 80 port 81 | 'port' stands twice: a filter is",
                "host ::1 host ::1 | 'host' stands twice: a filter is",
                "port 0 | '0' is not a port: 1 to 65535",
                "port 65536 | '65536' is not a port: 1 to 65535",
                "port http | 'http' is not a port: 1 to 65535",
                "port -1 | '-1' is not a port: 1 to 65535",
                "host example.org | 'example.org' is not an IP address: an IPv4 address has four octets"
            })
    void whatIsWrongIsSaid(String text, String message) {
        assertThatThrownBy(() -> CaptureFilter.parse(text))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(message);
    }
}
