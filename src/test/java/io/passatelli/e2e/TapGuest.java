package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.lab.PlaneProcess;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

/** A Linux stack whose TAP our plane serves itself, with no cable in between. */
final class TapGuest implements TcpWorld {
    private static final Duration QUIET_LIMIT = Duration.ofSeconds(20);
    private static final long LOOK_MS = 50;

    private final Lab lab;
    private final PlaneProcess plane;
    private final String guest;

    private TapGuest(Lab lab, PlaneProcess plane, String guest) {
        this.lab = lab;
        this.plane = plane;
        this.guest = guest;
    }

    /** All of it, with the guest's card up. */
    static TapGuest start(int mtu, String... arguments) throws IOException, InterruptedException {
        Lab lab = Lab.withVm();
        try {
            PlaneProcess plane = startPlane(lab, mtu, arguments);
            lab.in(lab.vm(), NetnsGuest.LIMIT, "sh", "-ec", NetnsGuest.configuration(mtu))
                    .succeeded();
            return new TapGuest(lab, plane, lab.vm());
        } catch (IOException | InterruptedException | RuntimeException | Error e) {
            lab.close();
            throw e;
        }
    }

    /** The same, but the TAP is a port of a bridge, and the guest is behind another: {@code lan} in the vm's namespace. What is lost there, neither end knows of. */
    static TapGuest behindBridge(int mtu, String... arguments) throws IOException, InterruptedException {
        Lab lab = Lab.withVm();
        try {
            PlaneProcess plane = startPlane(lab, mtu, arguments);
            String guest = lab.anotherNamespace("guest");
            lab.in(lab.vm(), NetnsGuest.LIMIT, "sh", "-ec", """
                    ip link add bridge type bridge
                    ip link set bridge type bridge mcast_snooping 0
                    ip link add lan mtu %1$d type veth peer name tap0 mtu %1$d netns %2$s
                    for port in tap0 lan; do ip link set $port mtu %1$d master bridge up; done
                    ip link set bridge mtu %1$d up
                    """.formatted(mtu, guest))
                    .succeeded();
            lab.in(guest, NetnsGuest.LIMIT, "sh", "-ec", NetnsGuest.configuration(mtu))
                    .succeeded();
            return new TapGuest(lab, plane, guest);
        } catch (IOException | InterruptedException | RuntimeException | Error e) {
            lab.close();
            throw e;
        }
    }

    private static PlaneProcess startPlane(Lab lab, int mtu, String... more) throws IOException {
        List<String> arguments = new ArrayList<>(List.of("mtu=" + mtu, "tcp=" + PORTS));
        arguments.addAll(List.of(more));
        return lab.startPlane(arguments.toArray(String[]::new));
    }

    PlaneProcess plane() {
        return plane;
    }

    @Override
    public Lab lab() {
        return lab;
    }

    @Override
    public String guest() {
        return guest;
    }

    @Override
    public void awaitQuiet() throws Exception {
        long end = System.nanoTime() + QUIET_LIMIT.toNanos();
        Map<String, Long> stats = plane.stats();
        while (stats.getOrDefault("flows", 0L) > 0) {
            if (System.nanoTime() > end) {
                String guest = sh(guest(), "ss -tinom");
                String pod = sh(lab.pod(), "ss -tinom");
                fail("flows are left: %s\n%s\nguest:\n%s\npod:\n%s", stats, plane.flows(), guest, pod);
            }
            Thread.sleep(LOOK_MS);
            stats = plane.stats();
        }
        assertThat(stats).as("%s", plane.log()).containsEntry("invariantViolations", 0L);
    }

    @Override
    public String complaint() throws IOException {
        return plane.isAlive() ? plane.stats() + "\n" + plane.log() : "the plane is gone: " + plane.log();
    }

    @Override
    public void close() throws IOException {
        try (lab) {
            plane.close();
        }
    }
}
