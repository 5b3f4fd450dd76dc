package io.passatelli.lab;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** A Linux stack pings through a plane on real sockets. */
@Tag("netns")
class PingNetnsTest {
    private static final Duration LIMIT = Duration.ofSeconds(20);

    @Test
    void guestWithAnAddressSetByHandPingsGatewayAndPeer() throws Exception {
        try (Lab lab = Lab.withVm();
                PlaneProcess plane = lab.startPlane()) {
            setByHand(lab, 1500);
            ping(lab, 3, Lab.GATEWAY).succeeded();
            ping(lab, 3, Lab.PEER).succeeded();
            var stats = plane.stats();
            assertThat(stats).containsEntry("invariantViolations", 0L).containsEntry("flows", 2L);
            assertThat(stats).doesNotContainKeys("ICMP_BAD_CHECKSUM", "IP4_BAD_CHECKSUM", "ICMP_REPLY_UNEXPECTED");
            assertThat(plane.log()).contains("the guest's MAC is");
            assertThat(plane.stop()).isZero();
        }
    }

    @Test
    void pingOfTheGatewayGoesToTheLoopbackAndNotToThePeer() throws Exception {
        try (Lab lab = Lab.withVm();
                PlaneProcess plane = lab.startPlane()) {
            setByHand(lab, 1500);
            lab.in(lab.peer(), LIMIT, "ip", "link", "set", "eth0", "down").succeeded();
            ping(lab, 2, Lab.GATEWAY).succeeded();
            assertThat(plane.stop()).isZero();
        }
    }

    @Test
    void guestSeesTheHostsNeighbourByItsOwnMacAndTheMappedGatewayByOurs() throws Exception {
        try (Lab lab = Lab.withVm();
                PlaneProcess plane = lab.startPlane()) {
            setByHand(lab, 1500);
            ping(lab, 1, Lab.PEER).succeeded(); // now the pod knows its neighbour
            plane.stats();
            lab.in(lab.vm(), LIMIT, "ip", "neighbour", "flush", "all").succeeded();
            ping(lab, 1, Lab.PEER).succeeded();
            ping(lab, 1, Lab.GATEWAY).succeeded();
            String peerMac = lab.in(lab.peer(), LIMIT, "cat", "/sys/class/net/eth0/address")
                    .succeeded()
                    .out()
                    .strip();
            String seen = lab.in(lab.vm(), LIMIT, "ip", "neighbour", "show")
                    .succeeded()
                    .out();
            assertThat(seen.lines().filter(line -> line.startsWith(Lab.PEER + " ")))
                    .singleElement()
                    .asString()
                    .contains(peerMac);
            assertThat(seen.lines().filter(line -> line.startsWith(Lab.GATEWAY + " ")))
                    .singleElement()
                    .asString()
                    .contains("9a:55:9a:55:9a:55");
            assertThat(plane.stop()).isZero();
        }
    }

    @Test
    void largePingsGoThereAndBack() throws Exception {
        try (Lab lab = Lab.withVm();
                PlaneProcess plane = lab.startPlane()) {
            setByHand(lab, 65_520);
            ping(lab, 2, "-s", "1472", Lab.PEER).succeeded();
            ping(lab, 2, "-s", "30001", Lab.PEER).succeeded(); // in fragments between pod and peer
            ping(lab, 2, "-s", "65492", Lab.GATEWAY).succeeded(); // all that the link carries
            assertThat(plane.stats()).containsEntry("invariantViolations", 0L);
            assertThat(plane.stop()).isZero();
        }
    }

    @Test
    void unboundAddressIsSilentAndTheNextOneIsNot() throws Exception {
        try (Lab lab = Lab.withVm();
                PlaneProcess plane = lab.startPlane()) {
            setByHand(lab, 1500);
            assertThat(unanswered(lab, 1, "10.77.0.77").exitCode()).isNotZero();
            ping(lab, 2, Lab.PEER).succeeded();
            assertThat(plane.stop()).isZero();
        }
    }

    @Test
    void withoutPingSocketsThePlaneSaysWhyAndGoesOn() throws Exception {
        try (Lab lab = Lab.withVm()) {
            lab.in(lab.pod(), LIMIT, "sysctl", "-qw", "net.ipv4.ping_group_range=1 0")
                    .succeeded();
            try (PlaneProcess plane = lab.startPlane()) {
                setByHand(lab, 1500);
                assertThat(unanswered(lab, 3, Lab.PEER).exitCode()).isNotZero();
                assertThat(plane.log().lines().filter(line -> line.contains("net.ipv4.ping_group_range")))
                        .hasSize(1);
                assertThat(plane.stats()).containsEntry("ICMP_SOCKET_REFUSED", 3L);
                lab.in(lab.pod(), LIMIT, "sysctl", "-qw", "net.ipv4.ping_group_range=0 0")
                        .succeeded();
                ping(lab, 1, Lab.PEER).succeeded();
                assertThat(plane.stop()).isZero();
            }
        }
    }

    @Test
    void processOfFewDescriptorsLivesThroughAGuestThatTakesThemAll() throws Exception {
        try (Lab lab = Lab.withVm();
                PlaneProcess plane = lab.startPlane(64)) {
            // Here classes come from files of their own: those of IPv6 could not be opened once all descriptors are
            // taken.
            lab.in(lab.vm(), LIMIT, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
                    .succeeded();
            setByHand(lab, 1500);
            ping(lab, 1, "-e", "100", Lab.PEER).succeeded();
            lab.in(
                            lab.vm(),
                            LIMIT,
                            "sh",
                            "-c",
                            "for i in $(seq 101 180); do ping -c 1 -W 1 -n -e $i " + Lab.PEER + " & done; wait")
                    .succeeded();
            var stats = plane.stats();
            long flows = stats.getOrDefault("flows", 0L);
            assertThat(flows).isBetween(1L, 63L);
            assertThat(flows + stats.getOrDefault("DESCRIPTORS_EXHAUSTED", 0L)).isEqualTo(81);
            assertThat(stats).as("%s", plane.log()).containsEntry("invariantViolations", 0L);
            ping(lab, 2, "-e", "100", Lab.PEER).succeeded(); // it has its descriptor
            assertThat(plane.stop()).isZero();
        }
    }

    /** The kernel gives the replies of one identifier to the youngest ping socket that has it, if it lets two have it. */
    @Test
    void oneIdentifierToTwoDestinationsMixesNoReplies() throws Exception {
        String other = "10.77.0.4";
        try (Lab lab = Lab.withVm();
                PlaneProcess plane = lab.startPlane()) {
            setByHand(lab, 1500);
            lab.in(lab.peer(), LIMIT, "ip", "address", "add", other + "/24", "dev", "eth0")
                    .succeeded();
            for (int round = 0; round < 2; round++) {
                ping(lab, 2, "-e", "4242", Lab.PEER).succeeded();
                ping(lab, 2, "-e", "4242", other).succeeded();
            }
            assertThat(plane.stats()).containsEntry("flows", 2L);
            assertThat(plane.stop()).isZero();
        }
    }

    private static void setByHand(Lab lab, int mtu) throws Exception {
        lab.in(lab.vm(), LIMIT, "ip", "address", "add", Lab.POD + "/24", "dev", TapPlane.TAP)
                .succeeded();
        lab.in(lab.vm(), LIMIT, "ip", "link", "set", TapPlane.TAP, "up", "mtu", Integer.toString(mtu))
                .succeeded();
        lab.in(lab.vm(), LIMIT, "ip", "route", "add", "default", "via", Lab.GATEWAY)
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

    /** The same where no answer is expected, nor waited for longer than a second. */
    private static Command unanswered(Lab lab, int count, String... arguments) throws Exception {
        return echoes(lab, count, "1", arguments);
    }

    private static Command echoes(Lab lab, int count, String waitS, String... arguments) throws Exception {
        List<String> command = new ArrayList<>();
        command.addAll(List.of("ping", "-c", Integer.toString(count), "-i", "0.05", "-W", waitS, "-n"));
        command.addAll(List.of(arguments));
        return lab.in(lab.vm(), LIMIT, command.toArray(String[]::new));
    }
}
