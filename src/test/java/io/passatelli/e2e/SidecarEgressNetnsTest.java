package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.lab.TcpService;
import io.passatelli.lab.UdpEnd;
import io.passatelli.plane.UdpFrames;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** A guest that tries every name which Linux has for the pod itself, with frames of its own making: nobody in the pod hears of it. */
@Tag("netns")
class SidecarEgressNetnsTest {
    private static final byte[] KNOCK = "knock".getBytes(StandardCharsets.US_ASCII);
    private static final int PORT = 15_555;
    /** Another guest's address than the pod's: it was told the pod's, and chose this. */
    private static final String OTHER = "10.77.0.50";

    private static final String OTHER6 = "fd77::50";
    private static final Duration NEVER = Duration.ofMillis(1);

    private static SidecarPod pod;
    private static StreamGuest guest;
    private static int nextPort = 40_000;

    private TcpService tcp4;
    private TcpService tcp6;
    private UdpEnd udp4;
    private UdpEnd udp6;

    @BeforeAll
    static void up() throws Exception {
        pod = SidecarPod.start();
        pod.pod("""
                ip address add 10.88.0.8/32 dev lo
                ip address add fd88::8/128 dev lo
                ip address add 169.254.7.7/16 dev eth0
                ip address add fe80::7/64 dev eth0 nodad
                ip route add local 10.89.0.0/16 dev lo
                ip -6 route add local fd89::/64 dev lo
                """);
        pod.define(SidecarPod.vmi("", "{\"port\": 80}"));
        guest = StreamGuest.connect(pod.socket());
        guest.resolve();
    }

    @AfterAll
    static void down() throws IOException {
        if (guest != null) {
            guest.close();
        }
        if (pod != null) {
            pod.close();
        }
    }

    @BeforeEach
    void listen() throws IOException {
        tcp4 = TcpService.at(pod.lab().pod(), "0.0.0.0", PORT);
        tcp6 = TcpService.at(pod.lab().pod(), "::", PORT + 1);
        udp4 = UdpEnd.bound(pod.lab().pod(), "0.0.0.0", PORT);
        udp6 = UdpEnd.bound(pod.lab().pod(), "::", PORT + 1);
    }

    @AfterEach
    void close() throws IOException {
        tcp4.close();
        tcp6.close();
        udp4.close();
        udp6.close();
    }

    private static boolean isIp6(String to) {
        return to.indexOf(':') >= 0;
    }

    /** Sends all three kinds, at both ports; what comes back. */
    private static List<byte[]> knock(String to) throws IOException {
        String from = isIp6(to) ? OTHER6 : OTHER;
        for (int port : new int[] {PORT, PORT + 1}) {
            guest.send(TcpSegment.between(from, nextPort++, to, port)
                    .flags(TcpSegment.SYN)
                    .window(65_535)
                    .mss(1460)
                    .fromGuest());
            guest.send(UdpFrames.frame(from, nextPort++, to, port, KNOCK));
        }
        guest.send(
                isIp6(to)
                        ? Packets6.echoRequest(from, to, nextPort++, 1, KNOCK)
                        : Packets.ethernet(
                                Packets.OUR_MAC,
                                Packets.GUEST_MAC,
                                0x0800,
                                Packets.ip4(1, from, to, Packets.icmp4(8, nextPort++, 1, KNOCK))));
        return new ArrayList<>(guest.resolve());
    }

    private void assertNobodyHeard() throws IOException {
        for (TcpService service : List.of(tcp4, tcp6)) {
            assertThat(service.hasConnection()).isFalse();
        }
        for (UdpEnd end : List.of(udp4, udp6)) {
            assertThat(end.receive(NEVER)).isNull();
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "10.77.0.2",
                "10.88.0.8",
                "169.254.7.7",
                "10.89.1.2",
                "10.77.0.255",
                "fd77::2",
                "fd88::8",
                "fe80::7",
                "fd89::1:2"
            })
    void addressesOfThePodAreRefused(String to) throws Exception {
        List<byte[]> answers = knock(to);
        assertNobodyHeard();
        List<TcpSegment> segments =
                answers.stream().filter(TcpSegment::isIn).map(TcpSegment::parse).toList();
        assertThat(segments).hasSize(2).allMatch(segment -> segment.has(TcpSegment.RST));
        boolean broadcast = to.endsWith(".255"); // no ICMP errors are about these
        assertThat(answers.stream().filter(SidecarEgressNetnsTest::isProhibition))
                .hasSize(broadcast ? 0 : 2);
        assertThat(answers.stream().filter(SidecarEgressNetnsTest::isEchoReply)).isEmpty();
    }

    /** RFC 1812 §5.2.7.1, RFC 4443 §3.1. */
    private static boolean isProhibition(byte[] frame) {
        return isIcmp(frame, 3, 1) && frame[icmp(frame) + 1] == (byte) (frame[12] == 8 ? 13 : 1);
    }

    private static boolean isEchoReply(byte[] frame) {
        return isIcmp(frame, 0, 129);
    }

    private static boolean isIcmp(byte[] frame, int type4, int type6) {
        boolean v4 = frame[12] == 8 && frame[13] == 0;
        boolean v6 = frame[12] == (byte) 0x86;
        return v4 && frame[23] == 1 && frame[34] == (byte) type4 || v6 && frame[20] == 58 && frame[54] == (byte) type6;
    }

    private static int icmp(byte[] frame) {
        return frame[12] == 8 ? 34 : 54;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "127.0.0.1",
                "127.1.2.3",
                "0.0.0.0",
                "0.0.0.1",
                "255.255.255.255",
                "::1",
                "::",
                "::ffff:127.0.0.1",
                "::ffff:10.77.0.2",
                "::ffff:0.0.0.0",
                "224.0.0.1",
                "ff02::1",
                "ff01::1",
                "ff02::2"
            })
    void otherNamesOfThePodLeadNowhere(String to) throws Exception {
        knock(to);
        assertNobodyHeard();
    }

    /** Without this the others would prove nothing. */
    @Test
    void peerIsReachedByTheSameFrames() throws Exception {
        try (TcpService tcp = TcpService.at(pod.lab().peer(), "0.0.0.0", PORT);
                UdpEnd udp = UdpEnd.bound(pod.lab().peer(), "0.0.0.0", PORT)) {
            knock(Lab.PEER);
            try (var connection = tcp.accept()) {
                assertThat(connection.peer().getAddress().getHostAddress()).isEqualTo(Lab.POD);
            }
            assertThat(udp.receive()).isEqualTo(KNOCK);
        }
        guest.forget();
    }

    /** Somebody of the pod's own does reach them. */
    @Test
    void listenersListen() throws Exception {
        try (UdpEnd asking = UdpEnd.bound(pod.lab().pod(), "127.0.0.1", 0)) {
            asking.send(KNOCK, "127.0.0.1", PORT);
            assertThat(udp4.receive()).isEqualTo(KNOCK);
        }
    }

    @Test
    void addressThatThePodGetsLaterIsClosedToo() throws Exception {
        String to = "10.77.0.99";
        knock(to); // nobody's: there is no answer
        pod.pod("ip address add 10.77.0.99/24 dev eth0");
        try {
            pod.awaitLine(message -> message.equals("the host has another address"));
            addressesOfThePodAreRefused(to);
        } finally {
            pod.pod("ip address delete 10.77.0.99/24 dev eth0");
        }
    }
}
