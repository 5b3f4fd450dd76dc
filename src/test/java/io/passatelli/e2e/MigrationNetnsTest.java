package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.lab.TapCable;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * What a VM takes with it to another node, where all is different: two pods with their sidecars, and a Linux stack whose cable is pulled here and
 * put in there. Each node's router has an IPv6 address of its own.
 */
@Tag("netns")
class MigrationNetnsTest {
    private static final String VMI = SidecarPod.vmi("", "{\"port\": 80}");
    /** As it is told to the target: with what the guest had. */
    private static final String MOVING =
            VMI.replace("\"podInterfaceName\"", "\"ipAddresses\": [\"10.77.0.2\", \"fd77::2\"], \"podInterfaceName\"");

    /** Of the peer, on no network that a pod is in. */
    private static final String FAR6 = "fd99::9";

    private static final byte[] BYTE = "x".getBytes(StandardCharsets.US_ASCII);
    private static final Duration SOURCE_ENDS = Duration.ofSeconds(30);
    private static final Duration LIMIT = Duration.ofSeconds(20);

    /** One connection of the guest's. */
    private record Pair(TcpEnd guest, TcpEnd peer) implements AutoCloseable {
        /** The guest's end, as the peer sees it. */
        String guestAtPeer() throws IOException {
            return peer.peer().getAddress().getHostAddress();
        }

        /** Each is heard at the other end. */
        Pair speaks() throws IOException {
            guest.send(BYTE);
            assertThat(peer.receive(1)).isEqualTo(BYTE);
            peer.send(BYTE);
            assertThat(guest.receive(1)).isEqualTo(BYTE);
            return this;
        }

        @Override
        public void close() throws IOException {
            guest.close();
            peer.close();
        }
    }

    private static Pair out(Lab lab, String to) throws IOException {
        try (TcpService service = TcpService.at(lab.peer(), to, 8080)) {
            TcpEnd guest = TcpEnd.connect(lab.vm(), to, 8080);
            return new Pair(guest, service.accept()).speaks();
        }
    }

    private static Pair in(Lab lab, String from, String pod) throws IOException {
        try (TcpService service = TcpService.at(lab.vm(), "::", 80)) {
            TcpEnd peer = TcpEnd.connect(lab.peer(), from, pod, 80);
            return new Pair(service.accept(), peer).speaks();
        }
    }

    /** Of all kinds, by way of a pod that has these addresses. */
    private static List<Pair> connections(Lab lab, String pod4, String pod6) throws IOException {
        List<Pair> all = new ArrayList<>();
        all.add(out(lab, Lab.PEER));
        all.add(out(lab, FAR6));
        assertThat(all.get(0).guestAtPeer()).isEqualTo(pod4);
        assertThat(all.get(1).guestAtPeer()).isEqualTo(pod6);
        all.add(in(lab, Lab.PEER, pod4));
        all.add(in(lab, FAR6, pod6));
        return all;
    }

    /** Its node's router, at {@code router} of the peer's {@code card}. */
    private static void route(Lab pod, String card, String router) throws Exception {
        pod.in(pod.peer(), LIMIT, "ip", "address", "add", router + "/64", "dev", card, "nodad")
                .succeeded();
        pod.in(pod.pod(), LIMIT, "ip", "-6", "route", "replace", "default", "via", router, "dev", "eth0")
                .succeeded();
    }

    @Test
    void guestGoesOnWithWhatItHasAndItsOldConnectionsEndAtOnce() throws Exception {
        Lab here = Lab.withVm();
        here.in(here.peer(), LIMIT, "ip", "address", "add", FAR6 + "/128", "dev", "lo")
                .succeeded();
        route(here, "eth0", "fe80::a");
        try (SidecarPod source = SidecarPod.in(here)) {
            source.define(VMI);
            Lab there = here.beside();
            route(there, "eth1", "fe80::b");
            try (SidecarPod target = SidecarPod.in(there);
                    TapCable cable = TapCable.connect(here, source.socket())) {
                source.guest("""
                        sysctl -qw net.ipv6.conf.tap0.autoconf=0
                        ip link set tap0 up
                        ip address add 10.77.0.2/24 dev tap0
                        ip address add fd77::2/64 dev tap0 nodad
                        ip route add default via 10.77.0.1
                        """);
                awaitRouter(source, "fe80::a");
                List<Pair> old = connections(here, Lab.POD, "fd77:0:0:0:0:0:0:2");
                source.guest("ping -n -c 1 -W 10 10.77.0.1");
                String gateway = source.guest("ip neigh show 10.77.0.1 dev tap0 | cut -d ' ' -f 3");

                target.expect(MOVING);
                cable.pull();
                for (Pair pair : old) {
                    isReset(pair.peer());
                }
                cable.plugIn(target.socket());
                try (TcpService service = TcpService.at(here.vm(), "::", 80)) { // the guest has said nothing yet
                    TcpEnd peer = target.connect(here.peer(), Lab.PEER, Lab.POD_BESIDE, 80);
                    new Pair(service.accept(), peer).speaks().close();
                }
                source.guest("ping -n -c 1 -W 10 10.77.0.1"); // the first packet is answered
                for (Pair pair : old) {
                    pair.guest().send(BYTE);
                    isReset(pair.guest());
                    pair.close();
                }
                assertThat(source.guest("ip neigh show 10.77.0.1 dev tap0 | cut -d ' ' -f 3"))
                        .isEqualTo(gateway);
                assertThat(source.guest("""
                                ip -6 neigh flush dev tap0
                                ping -6 -n -c 1 -W 1 fe80::a%tap0 > /dev/null || true
                                ip -6 neigh show fe80::a dev tap0
                                """)).contains("9a:55:9a:55:9a:55 router");
                awaitRouter(source, "fe80::a");
                awaitRouter(source, "fe80::b");
                for (Pair pair : connections(here, Lab.POD_BESIDE, "fd78:0:0:0:0:0:0:2")) {
                    pair.close();
                }

                source.launcher().shutdown();
                assertThat(source.awaitExit(SOURCE_ENDS)).isZero();
                cable.pull();
                target.launcher().migrated();
                target.launcher().shutdown();
                assertThat(target.awaitExit(SOURCE_ENDS)).isZero();
            }
        }
    }

    private static void awaitRouter(SidecarPod pod, String router) throws Exception {
        pod.guest("""
                for try in $(seq 100); do
                    ! ip -6 route show default dev tap0 | grep -q 'via %s ' || exit 0
                    sleep 0.1
                done
                ip -6 route >&2
                exit 1
                """.formatted(router));
    }

    private static void isReset(TcpEnd end) {
        assertThatThrownBy(() -> end.receive(1)).isInstanceOf(IOException.class).hasMessageContaining("reset");
    }
}
