package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.lab.TapCable;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;
import io.passatelli.lab.UdpEnd;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.net.ConnectException;
import java.time.Duration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Pods of one address family, or of both: the guest has what its pod has. */
@Tag("netns")
class SidecarFamiliesNetnsTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final String POD6 = "fd77::2";
    private static final String PEER6 = "fd77::3";
    private static final String ROUTER6 = "fe80::1";

    /** As clusters have them: each interface of an IPv4 pod has a link-local address of IPv6 all the same. */
    private enum Pod {
        IP4(
                "ip -6 route delete default; ip -6 address flush dev eth0 scope global",
                "guest network: 10.77.0.2/24, gateway 10.77.0.1; IPv6 link-local only"),
        IP6("ip -4 address flush dev eth0", "guest network: fd77::2/64, router fe80::1; "),
        BOTH("true", "guest network: 10.77.0.2/24, gateway 10.77.0.1; fd77::2/64, router fe80::1; ");

        private final String made;
        private final String said;

        Pod(String made, String said) {
            this.made = made;
            this.said = said;
        }

        boolean has4() {
            return this != IP6;
        }

        boolean has6() {
            return this != IP4;
        }
    }

    @ParameterizedTest
    @EnumSource
    void guestHasTheFamiliesOfItsPod(Pod kind) throws Exception {
        Lab lab = Lab.withVm();
        lab.in(lab.pod(), LIMIT, "sh", "-ec", kind.made).succeeded();
        try (SidecarPod pod = SidecarPod.in(lab)) {
            pod.define(SidecarPod.vmi("\"passatelli.io/forward\": \"tcp:2222:22, udp:5353:53\"", "{\"port\": 80}"));
            pod.awaitLine(message -> message.startsWith(kind.said));
            try (TapCable cable = TapCable.connect(lab, pod.socket())) {
                assertThat(cable.longestToGuest()).isNotNegative();
                pod.guest("""
                        sysctl -qw net.ipv6.conf.tap0.autoconf=0
                        ip link set tap0 up
                        """);
                if (kind.has4()) {
                    pod.guest("""
                            ip address add 10.77.0.2/24 dev tap0
                            ip route add default via 10.77.0.1
                            """);
                    speaks(pod, Lab.POD, Lab.PEER, "127.0.0.1", Lab.GATEWAY);
                } else {
                    assertThat(lab.in(lab.vm(), LIMIT, "sh", "-c", "udhcpc -i tap0 -f -q -n -t 2 -T 1 -s /bin/true")
                                    .exitCode())
                            .as("no lease is to be had")
                            .isNotZero();
                }
                if (kind.has6()) {
                    pod.guest("""
                            ip address add fd77::2/64 dev tap0 nodad
                            until ip -6 route show default | grep -q fe80::1; do sleep 0.05; done
                            """);
                    speaks(pod, POD6, PEER6, "::1", ROUTER6);
                    if (!kind.has4()) { // nor where the port listens
                        assertThatThrownBy(() -> TcpEnd.connect(lab.pod(), "127.0.0.1", 80))
                                .isInstanceOf(ConnectException.class);
                    }
                } else {
                    assertThat(pod.guest("ip -6 route show default")).isEmpty();
                }
            }
        }
    }

    /** Out and in, of every kind; who comes by the pod's own loopback is {@code gateway} to the guest. */
    private static void speaks(SidecarPod pod, String own, String peer, String loopback, String gateway)
            throws IOException, InterruptedException {
        Lab lab = pod.lab();
        pod.guest("ping -n -c 2 -i 0.1 -W 5 " + peer);
        try (TcpService web = TcpService.at(lab.peer(), peer, 8000);
                TcpEnd asking = TcpEnd.connect(lab.vm(), peer, 8000);
                TcpEnd asked = web.accept()) {
            assertThat(SidecarPod.address(asked)).isEqualTo(own);
            asking.send(new byte[] {1, 2, 3});
            assertThat(asked.receive(3)).containsExactly(1, 2, 3);
        }
        try (UdpEnd server = UdpEnd.bound(lab.peer(), peer, 5300);
                UdpEnd asking = UdpEnd.bound(lab.vm(), own, 0)) {
            asking.send(new byte[] {1}, peer, 5300);
            assertThat(server.receive()).containsExactly(1);
            server.answer(new byte[] {2});
            assertThat(asking.receive()).containsExactly(2);
        }
        assertThat(pod.converse(lab.peer(), peer, own, 80, 80)).isEqualTo(peer);
        assertThat(pod.converse(lab.peer(), peer, own, 2222, 22)).isEqualTo(peer);
        assertThat(pod.converse(lab.pod(), loopback, loopback, 2222, 22)).isEqualTo(gateway);
        try (UdpEnd service = UdpEnd.bound(lab.vm(), own, 53);
                UdpEnd asking = UdpEnd.bound(lab.peer(), peer, 0)) {
            asking.send(new byte[] {1}, own, 5353);
            assertThat(service.receive()).containsExactly(1);
            service.answer(new byte[] {2});
            assertThat(asking.receive()).containsExactly(2);
        }
    }
}
