package io.passatelli.plane;

import io.passatelli.base.Ip;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.config.Service;
import io.passatelli.os.Errno;
import io.passatelli.os.sim.FarUdp;
import org.junit.jupiter.api.Test;

import java.util.List;

import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.MS;
import static org.assertj.core.api.Assertions.assertThat;

/** Which forwards a plane listens for. */
class ForwardScenarioTest {
    private static final PortForward TCP = new PortForward(Protocol.TCP, null, null, 8053, 8053, 53);
    private static final PortForward UDP = new PortForward(Protocol.UDP, null, null, 8053, 8053, 53);

    private static PlaneScenario without(Service service) {
        return PlaneScenario.setup()
                .change(config -> config.without(service).forwards(List.of(TCP, UDP)))
                .start();
    }

    private static boolean listensForTcp(PlaneScenario t) {
        var peer = t.os.connectTcp(Ip.parse("127.0.0.1"), 8053);
        t.clock.advance(MS);
        return peer.peek() != -Errno.ECONNREFUSED;
    }

    private static boolean listensForUdp(PlaneScenario t) {
        FarUdp peer = t.host("198.51.100.7").udp(999);
        peer.send(Ip.parse(GUEST), 8053, new byte[1]);
        t.clock.advance(MS);
        return peer.refused() == 0;
    }

    @Test
    void rulesOfBothProtocolsForOnePortListenBoth() {
        try (var t = PlaneScenario.setup()
                .change(config -> config.forwards(List.of(TCP, UDP)))
                .start()) {
            assertThat(t.plane.refusedForwards()).isEmpty();
            assertThat(listensForTcp(t)).isTrue();
            assertThat(listensForUdp(t)).isTrue();
        }
    }

    @Test
    void withoutTcpNobodyListensForIt() {
        try (var t = without(Service.TCP)) {
            assertThat(listensForTcp(t)).isFalse();
            assertThat(listensForUdp(t)).isTrue();
        }
    }

    @Test
    void withoutUdpNobodyListensForIt() {
        try (var t = without(Service.UDP)) {
            assertThat(listensForTcp(t)).isTrue();
            assertThat(listensForUdp(t)).isFalse();
        }
    }
}
