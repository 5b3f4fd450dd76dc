package io.passatelli.e2e;

import io.passatelli.hook.LauncherDouble.SyncFailed;
import io.passatelli.hook.RecordedBoot;
import io.passatelli.lab.Lab;
import io.passatelli.lab.TapCable;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.time.Duration;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.fail;

/** The sidecar's process when it is killed, ended early, or has no memory left. */
@Tag("netns")
@Timeout(120)
class SidecarLifeNetnsTest {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final long AGAIN_MS = 100;
    private static final String FORWARD = "\"passatelli.io/forward\": \"tcp:2222:22\"";

    private static final String CONFIGURE = """
            ip link set tap0 up
            ip address add %s/24 dev tap0
            ip route add default via 10.77.0.1
            """.formatted(Lab.POD);

    /** Of a virt-launcher whose QEMU connects again. */
    private static String vmi() {
        return SidecarPod.vmi(FORWARD, "")
                .replace(
                        "\"status\": {",
                        "\"status\": {\"launcherContainerImageVersion\": \"quay.io/kubevirt/virt-launcher:v1.9.0\", ");
    }

    /** As QEMU does that is told to. */
    private static void connectAgain(TapCable cable) throws Exception {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (true) {
            try {
                cable.plugIn();
                return;
            } catch (IOException e) {
                if (System.nanoTime() > end) {
                    fail("nobody listens again", e);
                }
                Thread.sleep(AGAIN_MS);
            }
        }
    }

    private static void awaitSecondMonitor(SidecarPod pod) throws Exception {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (pod.messages().stream()
                .dropWhile(message -> !message.startsWith("a process before this one was killed: "))
                .noneMatch(message -> message.equals("health and metrics are served on TCP port 15988"))) {
            assertThat(System.nanoTime()).as("no second stage").isLessThan(end);
            Thread.sleep(AGAIN_MS);
        }
    }

    private static void awaitListening(SidecarPod pod) throws Exception {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (pod.pod("ss -Hltn 'sport = :2222'").isEmpty()) {
            assertThat(System.nanoTime()).as("nothing is forwarded again").isLessThan(end);
            Thread.sleep(AGAIN_MS);
        }
    }

    @Test
    void whoTakesAKilledOnesPlaceForwardsAndIsCalledByTheSameName() throws Exception {
        try (SidecarPod pod = SidecarPod.start()) {
            assertThat(pod.define(vmi())).contains("&quot;reconnect-ms&quot;:500");
            String peer = pod.lab().peer();
            TapCable cable = TapCable.connect(pod.lab(), pod.socket());
            pod.guest(CONFIGURE);
            try (TcpService web = TcpService.at(peer, Lab.PEER, 80);
                    TcpEnd guests = TcpEnd.connect(pod.lab().vm(), Lab.PEER, 80);
                    TcpEnd peers = web.accept()) {
                SidecarNetnsTest.assertReaches(pod, peer, Lab.PEER, Lab.POD, 2222, 22, Lab.PEER);

                pod.kill();
                assertThat(pod.isAlive()).isFalse();
                cable.pull();
                pod.startAgain();
                pod.awaitLine(message -> message.equals("a process before this one was killed: its connections are"
                        + " gone, and the VM is connected again when its QEMU tries"));
                connectAgain(cable);
                awaitListening(pod);

                SidecarNetnsTest.assertReaches(pod, peer, Lab.PEER, Lab.POD, 2222, 22, Lab.PEER);
                pod.guest("ping -n -c 1 -W 5 " + Lab.PEER);
                peers.awaitEnd(); // the kernel ended it with the process
                assertThatThrownBy(() -> {
                            guests.send(new byte[1]);
                            guests.receive(1);
                        })
                        .as("a connection that nobody knows")
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("reset");
            }
            pod.awaitLine(message -> message.startsWith("ready: "));
            cable.close();
            pod.launcher().shutdown();
            assertThat(pod.awaitExit(LIMIT)).isZero();
            assertThat(pod.messages()).contains("ends: virt-launcher says that QEMU has ended");
            assertThat(pod.socket().resolveSibling("state.json")).doesNotExist();
        }
    }

    /** All of it, with health and metrics: nothing but our log's lines is said, to the end. */
    @Test
    void theLauncherPutsAnotherInAKilledOnesPlace() throws Exception {
        try (SidecarPod pod = SidecarPod.assembled(Lab.withVm())) {
            pod.define(vmi());
            String peer = pod.lab().peer();
            TapCable cable = TapCable.connect(pod.lab(), pod.socket());
            pod.guest(CONFIGURE);
            SidecarNetnsTest.assertReaches(pod, peer, Lab.PEER, Lab.POD, 2222, 22, Lab.PEER);
            pod.killJvm();
            cable.pull();
            pod.awaitLine(message -> message.startsWith("a process before this one was killed: "));
            connectAgain(cable);
            awaitListening(pod);
            SidecarNetnsTest.assertReaches(pod, peer, Lab.PEER, Lab.POD, 2222, 22, Lab.PEER);
            awaitSecondMonitor(pod);
            pod.sigterm();
            SidecarNetnsTest.assertReaches(pod, peer, Lab.PEER, Lab.POD, 2222, 22, Lab.PEER);
            cable.close();
            pod.launcher().shutdown();
            assertThat(pod.awaitExit(LIMIT)).isZero();
            assertThat(pod.messages()).contains("ends: virt-launcher says that QEMU has ended");
            assertThat(pod.strayLines()).isEmpty();
        }
    }

    /** Who wants too much is told so, and all others have what they want. */
    @Test
    void aCallThatWantsAllMemoryDoesNotGetIt() throws Exception {
        try (SidecarPod pod = SidecarPod.withHeap("16m")) {
            pod.define(vmi());
            try (StreamGuest guest = StreamGuest.connect(pod.socket())) {
                guest.resolve();
                RecordedBoot large =
                        RecordedBoot.of("default").swollen(38_000).with(vmi().getBytes(StandardCharsets.UTF_8));
                assertThatThrownBy(() -> pod.define(large))
                        .isInstanceOf(SyncFailed.class)
                        .hasMessageContaining("the domain XML is too large for the sidecar's memory");
                guest.resolve();
            }
            pod.define(vmi());
            pod.launcher().shutdown();
            assertThat(pod.awaitExit(LIMIT)).isZero();
            assertThat(pod.messages()).noneMatch(message -> message.startsWith("bug: "));
        }
    }

    @Test
    void sigtermBeforeItCanBeCalledEndsItWell() throws Exception {
        try (SidecarPod pod = SidecarPod.launched(Lab.withVm())) {
            long end = System.nanoTime() + LIMIT.toNanos();
            while (Files.notExists(pod.hookDirectory().resolve("boot"))) { // where it rehearses
                assertThat(System.nanoTime()).isLessThan(end);
                Thread.sleep(1);
            }
            pod.sigterm();
            assertThat(pod.awaitExit(LIMIT)).isZero();
            assertThat(pod.messages()).contains("ends: SIGTERM came, and there is no QEMU");
        }
    }

    /** QEMU lives, and has no way back: the pod goes on, so that the VM can be migrated, until it is deleted. */
    @Test
    void whoTakesAKilledOnesPlaceStaysForAQemuThatDoesNotComeBack() throws Exception {
        try (SidecarPod pod = SidecarPod.start()) {
            pod.define(SidecarPod.vmi(FORWARD, ""));
            try (StreamGuest qemu = StreamGuest.connect(pod.socket())) {
                qemu.resolve();
                awaitState(pod, "\"qemuCame\":true");
                pod.kill();
            }
            pod.startAgain();
            pod.awaitLine(message -> message.endsWith("the VM has no network until it is migrated or started again"));
            pod.awaitLine(message -> message.startsWith("ready: "));
            awaitState(pod, "\"qemuCame\":true"); // so who takes its place knows it too
            pod.sigterm();
            assertThat(pod.awaitExit(LIMIT)).isZero();
            assertThat(pod.messages()).contains("ends: SIGTERM came, and there is no QEMU");
        }
    }

    private static void awaitState(SidecarPod pod, String part) throws Exception {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (!Files.readString(pod.socket().resolveSibling("state.json")).contains(part)) {
            assertThat(System.nanoTime()).as("the state does not say %s", part).isLessThan(end);
            Thread.sleep(AGAIN_MS);
        }
    }
}
