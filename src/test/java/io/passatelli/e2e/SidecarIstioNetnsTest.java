package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.lab.TapCable;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.net.ConnectException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * A pod with Istio's rules, as its istio-init makes them with iptables: what leaves the pod by TCP ends at Envoy, unless it is Envoy's own. The test
 * plays Envoy, and has its user.
 */
@Tag("netns")
class SidecarIstioNetnsTest {
    /** Where Envoy takes what leaves the pod, and what comes in. */
    private static final int OUTBOUND = 15_001;

    private static final int INBOUND = 15_006;

    private static final List<Integer> ISTIO =
            List.of(15_000, 15_001, 15_004, 15_006, 15_008, 15_009, 15_020, 15_021, 15_053, 15_090);

    private static final String RULES = """
            nft -f - <<'end'
            table ip istio {
                chain output {
                    type nat hook output priority -100; policy accept;
                    oifname "lo" return
                    meta skuid 0 return
                    ip daddr 127.0.0.1 return
                    meta l4proto tcp redirect to :15001
                }
                chain prerouting {
                    type nat hook prerouting priority -100; policy accept;
                    tcp dport { 80, 2222 } redirect to :15006
                }
            }
            end
            """;

    private static final String CONFIGURE = """
            ip link set tap0 up
            ip address add 10.77.0.2/24 dev tap0
            ip route add default via 10.77.0.1
            """;

    private static String istio(String forward) {
        return "\"sidecar.istio.io/inject\": \"true\", \"passatelli.io/forward\": \"" + forward + "\"";
    }

    @Test
    void guestsTrafficGoesByEnvoyAsSoonAsThatIsThere() throws Exception {
        byte[] hello = "hello".getBytes(StandardCharsets.US_ASCII);
        try (SidecarPod pod = SidecarPod.start()) {
            pod.pod(RULES);
            pod.define(SidecarPod.vmi(istio("tcp:2222:22"), "{\"port\": 80}"));
            Lab lab = pod.lab();
            try (TapCable cable = TapCable.connect(lab, pod.socket());
                    TcpService elsewhere = TcpService.at(lab.peer(), Lab.PEER, 8000)) {
                assertThat(cable.longestToGuest()).isNotNegative();
                pod.guest(CONFIGURE);

                // Envoy is not up yet: the guest is told so at once, and tries again
                assertThatThrownBy(() -> TcpEnd.connect(lab.vm(), Lab.PEER, 8000))
                        .isInstanceOf(ConnectException.class)
                        .hasMessageContaining("refused");
                assertThatThrownBy(() -> TcpEnd.connect(lab.peer(), Lab.POD, 80))
                        .isInstanceOf(ConnectException.class);

                try (TcpService out = TcpService.at(lab.pod(), "0.0.0.0", OUTBOUND);
                        TcpService in = TcpService.at(lab.pod(), "0.0.0.0", INBOUND)) {
                    // out: to Envoy, which goes on by itself
                    try (TcpEnd asking = TcpEnd.connect(lab.vm(), Lab.PEER, 8000);
                            TcpEnd taken = out.accept();
                            TcpEnd going = TcpEnd.connect(lab.pod(), Lab.PEER, 8000);
                            TcpEnd asked = elsewhere.accept()) {
                        asking.send(hello);
                        going.send(taken.receive(hello.length));
                        assertThat(asked.receive(hello.length)).isEqualTo(hello);
                        taken.send(hello);
                        assertThat(asking.receive(hello.length)).isEqualTo(hello);
                    }
                    // in: by Envoy, which speaks to the pod from an address of its own
                    try (TcpEnd asking = TcpEnd.connect(lab.peer(), Lab.PEER, Lab.POD, 80);
                            TcpEnd taken = in.accept()) {
                        assertThat(SidecarPod.address(taken)).isEqualTo(Lab.PEER);
                        assertThat(pod.converse(lab.pod(), "127.0.0.6", Lab.POD, 80, 80))
                                .isEqualTo(Lab.GATEWAY);
                        assertThat(pod.converse(lab.pod(), "127.0.0.6", Lab.POD, 2222, 22))
                                .isEqualTo(Lab.GATEWAY);
                        assertThat(asking.port()).isPositive();
                    }
                }
            }
        }
    }

    /** Also where it starts last, and the guest has servers at the same ports. */
    @Test
    void istiosPortsAreItsOwnWhateverTheVmiAsksFor() throws Exception {
        try (SidecarPod pod = SidecarPod.start()) {
            pod.define(SidecarPod.vmi(istio("all, tcp:15006:80, tcp:15020, tcp:2222:22"), ""));
            pod.awaitLine(message -> message.equals("TCP port 15006 is reserved, so it is not forwarded"));
            pod.awaitLine(message -> message.equals("TCP port 15020 is reserved, so it is not forwarded"));
            Lab lab = pod.lab();
            List<TcpService> ends = new ArrayList<>();
            try (TapCable cable = TapCable.connect(lab, pod.socket())) {
                assertThat(cable.longestToGuest()).isNotNegative();
                pod.guest(CONFIGURE);
                for (int port : ISTIO) {
                    ends.add(TcpService.at(lab.vm(), "0.0.0.0", port));
                }
                assertThat(pod.converse(lab.peer(), Lab.PEER, Lab.POD, 8080, 8080))
                        .as("all but those are the guest's")
                        .isEqualTo(Lab.PEER);
                for (int port : ISTIO) {
                    assertThatThrownBy(() -> TcpEnd.connect(lab.peer(), Lab.POD, port))
                            .isInstanceOf(ConnectException.class);
                    TcpService envoy = TcpService.at(lab.pod(), "0.0.0.0", port);
                    ends.add(envoy);
                    try (TcpEnd asking = TcpEnd.connect(lab.peer(), Lab.POD, port);
                            TcpEnd asked = envoy.accept()) {
                        assertThat(asked.peer().getPort()).isEqualTo(asking.port());
                    }
                }
            } finally {
                for (TcpService end : ends) {
                    end.close();
                }
            }
        }
    }
}
