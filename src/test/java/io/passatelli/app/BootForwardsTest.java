package io.passatelli.app;

import io.passatelli.base.Clock;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.config.Cidr;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.PortForward;
import io.passatelli.forward.RuleState;
import io.passatelli.link.SimLink;
import io.passatelli.os.LinuxOs;
import io.passatelli.plane.DataPlane;
import io.passatelli.plane.PlaneEvents;
import io.passatelli.plane.Surroundings;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.assertThat;

/** A plane that the test turns, on the real kernel. */
@Timeout(30)
class BootForwardsTest {
    private static final long LATER_NS = TimeUnit.SECONDS.toNanos(2);

    private final List<String> lines = new ArrayList<>();
    private final Log log = new Log(Log.Level.INFO, (level, line) -> lines.add(line));
    private final Clock clock = Clock.system();
    private final LinuxOs os = new LinuxOs();
    private final DataPlane plane = new DataPlane(
            PlaneConfig.of(PlainNetwork.of(new Cidr(Ip.parse("10.77.0.2"), 24), Ip.parse("10.77.0.1"), 1_500, null)),
            new Surroundings(os, clock, log, () -> 7),
            (its, counters, out) -> SimLink.plain(),
            PlaneEvents.NOBODY);
    private final BootForwards forwards = new BootForwards(plane.handle(), clock, log, Long.MAX_VALUE);

    @AfterEach
    void close() {
        plane.close();
        os.close();
    }

    private static PortForward rule() throws Exception {
        try (var probe = new DatagramSocket(new InetSocketAddress("::", 0))) {
            return PortForward.parse("udp:" + probe.getLocalPort());
        }
    }

    private void keepBusy() {
        while (!plane.handle().stats().isCompletedExceptionally()) {
            assertThat(plane.handle().isOver()).isFalse();
        }
    }

    private List<PortForward> inForce() throws Exception {
        for (int i = 0; i < 300; i++) {
            plane.turn(0);
        }
        var answer = plane.handle().forwards();
        plane.turn(0);
        return answer.get(1, TimeUnit.SECONDS).stream()
                .filter(state -> state.listeners() > 0)
                .map(RuleState::rule)
                .toList();
    }

    @Test
    void setThatABusyPlaneDidNotTakeIsGivenAgain() throws Exception {
        PortForward wanted = rule();
        keepBusy();
        forwards.set(List.of(wanted));
        assertThat(lines)
                .anyMatch(line -> line.startsWith("the forwards are not in force, and are tried again in 1000 ms"));
        assertThat(inForce()).isEmpty();
        forwards.retry(clock.nowNs());
        assertThat(inForce()).as("it is not time").isEmpty();
        forwards.retry(clock.nowNs() + LATER_NS);
        assertThat(inForce()).containsExactly(wanted);
    }

    @Test
    void setThatCameLastIsTheOneThatIsGivenAgain() throws Exception {
        keepBusy();
        forwards.set(List.of(rule()));
        inForce();
        PortForward last = rule();
        forwards.set(List.of(last));
        forwards.retry(clock.nowNs() + LATER_NS);
        assertThat(inForce()).containsExactly(last);
        assertThat(lines.stream().filter(line -> line.startsWith("the forwards are not")))
                .hasSize(1);
    }
}
