package io.passatelli.plane;

import io.passatelli.base.Clock;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.config.Cidr;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.PortForward;
import io.passatelli.link.SimLink;
import io.passatelli.os.LinuxOs;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** Forwards at addresses of documentation, which no host has, on the real kernel. */
class FreebindTest {
    @ParameterizedTest
    @CsvSource({"TCP, 192.0.2.77", "UDP, 192.0.2.77", "TCP, 2001:db8::77", "UDP, 2001:db8::77"})
    void addressThatIsNotThereIsListenedAtOnDemand(PortForward.Protocol protocol, String address) {
        List<PortForward> rules = List.of(new PortForward(protocol, Ip.parse(address), null, 47_123, 47_123, 80));
        try (LinuxOs os = new LinuxOs()) {
            try (DataPlane plane = plane(os, rules, false)) {
                assertThat(plane.refusedForwards()).hasSize(1);
            }
            try (DataPlane plane = plane(os, rules, true)) {
                assertThat(plane.refusedForwards()).isEmpty();
            }
        }
    }

    private static DataPlane plane(LinuxOs os, List<PortForward> rules, boolean freebind) {
        var network = PlainNetwork.of(
                new Cidr(Ip.parse(PlaneScenario.GUEST), 24),
                Ip.parse(PlaneScenario.GATEWAY),
                1500,
                new Ip6Network(new Cidr(Ip.parse("2001:db8::2"), 64), false, Ip.parse("fe80::1"), List.of()));
        return new DataPlane(
                PlaneConfig.of(network).forwards(rules),
                new Surroundings(os, Clock.system(), Log.silent(), () -> 7, Long.MAX_VALUE, freebind),
                (its, counters, log) -> SimLink.plain(),
                PlaneEvents.NOBODY);
    }
}
