package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.lab.TcpService;
import io.passatelli.lab.UdpEnd;
import io.passatelli.plane.UdpFrames;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import io.passatelli.wire.TcpSegment;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** What guests try that look for their own pod: every name that Linux has for it, by TCP, UDP and ping; and who would hear it there. */
final class EgressWorld implements AutoCloseable {
    static final byte[] KNOCK = "knock".getBytes(StandardCharsets.US_ASCII);
    static final int PORT = 15_555;
    /** Another guest's address than the pod's: it was told the pod's, and chose this. */
    static final String OTHER = "10.77.0.50";

    static final String OTHER6 = "fd77::50";

    /** More addresses and local routes for the pod, of every kind. */
    static final String ADDRESSES = """
            ip address add 10.88.0.8/32 dev lo
            ip address add fd88::8/128 dev lo
            ip address add 169.254.7.7/16 dev eth0
            ip address add fe80::7/64 dev eth0 nodad
            ip route add local 10.89.0.0/16 dev lo
            ip -6 route add local fd89::/64 dev lo
            """;

    /** Addresses of the pod by which others could reach it. */
    static final List<String> OF_THE_POD = List.of(
            "10.77.0.2",
            "10.88.0.8",
            "169.254.7.7",
            "10.89.1.2",
            "10.77.0.255",
            "fd77::2",
            "fd88::8",
            "fe80::7",
            "fd89::1:2");

    /** What means the pod only within it, or among others. */
    static final List<String> OTHER_NAMES = List.of(
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
            "ff02::2");

    private static final Duration NEVER = Duration.ofMillis(1);
    private static int nextPort = 40_000;

    private final TcpService tcp4;
    private final TcpService tcp6;
    private final UdpEnd udp4;
    private final UdpEnd udp6;

    private EgressWorld(String namespace) throws IOException {
        tcp4 = TcpService.at(namespace, "0.0.0.0", PORT);
        tcp6 = TcpService.at(namespace, "::", PORT + 1);
        udp4 = UdpEnd.bound(namespace, "0.0.0.0", PORT);
        udp6 = UdpEnd.bound(namespace, "::", PORT + 1);
    }

    /** Listens in the pod, at all its addresses. */
    static EgressWorld in(Lab lab) throws IOException {
        return new EgressWorld(lab.pod());
    }

    static boolean isIp6(String address) {
        return address.indexOf(':') >= 0;
    }

    /** The guest's frames that try one name: all three kinds, at both ports. */
    static List<byte[]> knocks(String to) {
        String from = isIp6(to) ? OTHER6 : OTHER;
        List<byte[]> frames = new ArrayList<>();
        for (int port : new int[] {PORT, PORT + 1}) {
            frames.add(TcpSegment.between(from, nextPort++, to, port)
                    .flags(TcpSegment.SYN)
                    .window(65_535)
                    .mss(1460)
                    .fromGuest());
            frames.add(UdpFrames.frame(from, nextPort++, to, port, KNOCK));
        }
        frames.add(
                isIp6(to)
                        ? Packets6.fromGuest(58, from, to, Packets6.echoRequest(from, to, nextPort++, 1, KNOCK))
                        : Packets.ethernet(
                                Packets.OUR_MAC,
                                Packets.GUEST_MAC,
                                0x0800,
                                Packets.ip4(1, from, to, Packets.icmp4(8, nextPort++, 1, KNOCK))));
        return frames;
    }

    void assertNobodyHeard() throws IOException {
        for (TcpService service : List.of(tcp4, tcp6)) {
            assertThat(service.hasConnection()).isFalse();
        }
        for (UdpEnd end : List.of(udp4, udp6)) {
            assertThat(end.receive(NEVER)).isNull();
        }
    }

    /** Somebody of the pod's own does reach them. */
    void assertTheyListen(String pod) throws IOException {
        try (UdpEnd asking = UdpEnd.bound(pod, "127.0.0.1", 0)) {
            asking.send(KNOCK, "127.0.0.1", PORT);
            assertThat(udp4.receive()).isEqualTo(KNOCK);
        }
    }

    @Override
    public void close() throws IOException {
        tcp4.close();
        tcp6.close();
        udp4.close();
        udp6.close();
    }
}
