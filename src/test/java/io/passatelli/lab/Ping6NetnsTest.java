package io.passatelli.lab;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** A Linux stack pings through a plane by IPv6, on real sockets. It knows the router's MAC and asks nobody for others. */
@Tag("netns")
class Ping6NetnsTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final String POD = "fd77::2";
    private static final String GATEWAY = "fd77::1";
    private static final String PEER = "fd77::3";
    private static final String ROUTER = "fe80::1";

    @Test
    void guestPingsPeerAndTheGatewayThatStandsForTheLoopback() throws Exception {
        try (Lab lab = Lab.withVm();
                PlaneProcess plane = lab.startPlane()) {
            setByHand(lab, 1500);
            ping(lab, 3, PEER).succeeded();
            lab.in(lab.peer(), LIMIT, "ip", "link", "set", "eth0", "down").succeeded();
            ping(lab, 3, GATEWAY).succeeded();
            var stats = plane.stats();
            assertThat(stats).containsEntry("invariantViolations", 0L).containsEntry("flows", 2L);
            assertThat(stats).doesNotContainKeys("ICMP_BAD_CHECKSUM", "ICMP_REPLY_UNEXPECTED");
            assertThat(plane.stop()).isZero();
        }
    }

    @Test
    void largePingsGoThereAndBack() throws Exception {
        try (Lab lab = Lab.withVm();
                PlaneProcess plane = lab.startPlane()) {
            setByHand(lab, 65_520);
            ping(lab, 2, "-s", "1452", PEER).succeeded();
            ping(lab, 2, "-s", "30001", PEER).succeeded(); // in fragments between pod and peer
            ping(lab, 2, "-s", "65472", GATEWAY).succeeded(); // all that the link carries
            assertThat(plane.stats()).containsEntry("invariantViolations", 0L);
            assertThat(plane.stop()).isZero();
        }
    }

    @Test
    void neighbourOfThePodIsPingedByItsLinkLocalAddress() throws Exception {
        try (Lab lab = Lab.withVm()) {
            lab.in(lab.peer(), LIMIT, "ip", "address", "add", "fe80::77/64", "dev", "eth0", "nodad")
                    .succeeded();
            try (PlaneProcess plane = lab.startPlane()) {
                setByHand(lab, 1500);
                lab.in(
                                lab.vm(),
                                LIMIT,
                                "ip",
                                "neighbour",
                                "replace",
                                "fe80::77",
                                "lladdr",
                                "9a:55:9a:55:9a:55",
                                "dev",
                                TapPlane.TAP)
                        .succeeded();
                ping(lab, 2, "fe80::77%" + TapPlane.TAP).succeeded();
                assertThat(plane.stop()).isZero();
            }
        }
    }

    private static void setByHand(Lab lab, int mtu) throws Exception {
        lab.in(lab.vm(), LIMIT, "ip", "link", "set", TapPlane.TAP, "up", "mtu", Integer.toString(mtu))
                .succeeded();
        lab.in(lab.vm(), LIMIT, "ip", "address", "add", POD + "/128", "dev", TapPlane.TAP, "nodad")
                .succeeded();
        lab.in(
                        lab.vm(),
                        LIMIT,
                        "ip",
                        "neighbour",
                        "replace",
                        ROUTER,
                        "lladdr",
                        "9a:55:9a:55:9a:55",
                        "dev",
                        TapPlane.TAP)
                .succeeded();
        lab.in(lab.vm(), LIMIT, "ip", "-6", "route", "add", "default", "via", ROUTER, "dev", TapPlane.TAP)
                .succeeded();
    }

    /** {@code count} echoes, 50 ms apart, each with ten seconds to come back; all must. */
    private static Command ping(Lab lab, int count, String... arguments) throws Exception {
        Command outcome = echoes(lab, count, "10", arguments);
        if (outcome.exitCode() == 0) {
            assertThat(outcome.out()).contains(" 0% packet loss").doesNotContain("DIFFERENT ADDRESS");
        }
        return outcome;
    }

    private static Command echoes(Lab lab, int count, String waitS, String... arguments) throws Exception {
        List<String> command = new ArrayList<>();
        command.addAll(List.of("ping", "-6", "-c", Integer.toString(count), "-i", "0.05", "-W", waitS, "-n"));
        command.addAll(List.of(arguments));
        return lab.in(lab.vm(), LIMIT, command.toArray(String[]::new));
    }
}
