package io.passatelli.e2e;

import com.fasterxml.jackson.databind.JsonNode;
import io.passatelli.hook.LauncherDouble.SyncFailed;
import io.passatelli.lab.ControlGroup;
import io.passatelli.lab.Lab;
import io.passatelli.lab.TapCable;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;
import io.passatelli.lab.UdpEnd;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** The sidecar as a process in a pod, with virt-launcher's calls, and a Linux stack where QEMU's guest would be. */
@Tag("netns")
class SidecarNetnsTest {
    private static final String WEB = "{\"name\": \"http\", \"port\": 80}";
    private static final String GUEST = Lab.POD;
    private static final Duration SOON = Duration.ofSeconds(2);
    /** Any port of the guest's is found within a minute; a busy machine may take longer. */
    private static final Duration OPEN_LIMIT = Duration.ofSeconds(90);

    private static final long LOOK_MS = 100;

    private static final String CONFIGURE = """
            ip link set tap0 up
            ip address add %s/24 dev tap0
            ip route add default via 10.77.0.1
            """;

    private static String forward(String rules) {
        return "\"passatelli.io/forward\": \"" + rules + "\"";
    }

    /** Whoever connects from {@code namespace}, {@code from}, speaks to the guest, and is {@code seen} there. */
    static void assertReaches(
            SidecarPod pod, String namespace, String from, String to, int port, int guestPort, String seen)
            throws IOException, InterruptedException {
        assertThat(pod.converse(namespace, from, to, port, guestPort)).isEqualTo(seen);
    }

    private static void awaitRefused(SidecarPod pod, int port) throws Exception {
        long end = System.nanoTime() + OPEN_LIMIT.toNanos();
        while (true) {
            try (TcpEnd open = TcpEnd.connect(pod.lab().peer(), Lab.POD, port)) {
                assertThat(System.nanoTime())
                        .as("%s is still open", open.peer())
                        .isLessThan(end);
                Thread.sleep(LOOK_MS);
            } catch (ConnectException e) {
                return;
            } catch (SocketException e) { // it listened, and ended before we had what we asked of it
                assertThat(System.nanoTime()).isLessThan(end);
            }
        }
    }

    private static void assertSpeak(TcpEnd asking, TcpEnd asked) throws IOException {
        asking.send("ping".getBytes(StandardCharsets.US_ASCII));
        assertThat(asked.receive(4)).isEqualTo("ping".getBytes(StandardCharsets.US_ASCII));
        asked.send("pong".getBytes(StandardCharsets.US_ASCII));
        assertThat(asking.receive(4)).isEqualTo("pong".getBytes(StandardCharsets.US_ASCII));
    }

    private static void assertRefused(SidecarPod pod, String to, int port) {
        assertThatThrownBy(() -> TcpEnd.connect(pod.lab().peer(), to, port)).isInstanceOf(ConnectException.class);
    }

    @Test
    void aVmHasItsNetworkFromItsFirstMomentToItsLast() throws Exception {
        try (SidecarPod pod = SidecarPod.start()) {
            String xml = pod.define(SidecarPod.vmi(forward("tcp:2222:22, udp:5353:53"), WEB));
            assertThat(xml).contains("<interface type=\"client\">", pod.socket().toString(), "65520");
            String guest = pod.lab().vm();
            String peer = pod.lab().peer();
            TapCable cable = TapCable.connect(pod.lab(), pod.socket());

            // lease, ping, out
            assertThat(pod.guest("""
                    ip link set tap0 up
                    printf '#!/bin/sh\\n[ "$1" != bound ] || echo "$ip/$mask $router $dns $search" > %1$s/lease\\n' > %1$s/script
                    chmod +x %1$s/script
                    udhcpc -i tap0 -f -q -n -t 5 -T 1 -O search -s %1$s/script > /dev/null 2>&1
                    cat %1$s/lease
                    """.formatted(pod.lab().directory())))
                    .isEqualTo("10.77.0.2/24 10.77.0.1 10.77.0.3 lab.example sub.lab.example\n");
            pod.guest(CONFIGURE.formatted(GUEST));
            pod.guest("ping -n -c 2 -i 0.1 -W 5 " + Lab.PEER);
            pod.guest("ping -n -c 2 -i 0.1 -W 5 " + Lab.GATEWAY); // the pod's gateway, and not the pod's loopback
            try (TcpService web = TcpService.at(peer, Lab.PEER, 80);
                    TcpEnd asking = TcpEnd.connect(guest, Lab.PEER, 80);
                    TcpEnd asked = web.accept()) {
                assertThat(asked.peer().getAddress().getHostAddress()).isEqualTo(Lab.POD);
                asking.send("GET / HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
                assertThat(asked.receive(18)).startsWith('G', 'E', 'T');
            }

            // in: declared, annotated, of another machine, of the node, of the pod's own
            assertReaches(pod, peer, Lab.PEER, Lab.POD, 80, 80, Lab.PEER);
            assertReaches(pod, peer, Lab.PEER, Lab.POD, 2222, 22, Lab.PEER);
            assertReaches(pod, peer, Lab.GATEWAY, Lab.POD, 80, 80, Lab.GATEWAY);
            assertReaches(pod, pod.lab().pod(), "127.0.0.1", "127.0.0.1", 80, 80, Lab.GATEWAY);
            assertReaches(pod, pod.lab().pod(), "127.0.0.6", Lab.POD, 2222, 22, Lab.GATEWAY);
            assertReaches(pod, pod.lab().pod(), Lab.POD, Lab.POD, 80, 80, Lab.GATEWAY);
            assertRefused(pod, Lab.POD, 22);
            assertRefused(pod, Lab.POD, 8080);
            try (UdpEnd service = UdpEnd.bound(guest, "0.0.0.0", 53);
                    UdpEnd asking = UdpEnd.bound(peer, Lab.PEER, 0);
                    UdpEnd within = UdpEnd.bound(pod.lab().pod(), "127.0.0.1", 0)) {
                for (UdpEnd end : List.of(asking, within)) {
                    end.send(new byte[] {1, 2, 3}, end == asking ? Lab.POD : "127.0.0.1", 5353);
                    assertThat(service.receive()).containsExactly(1, 2, 3);
                    assertThat(service.fromAddress()).isEqualTo(end == asking ? Lab.PEER : Lab.GATEWAY);
                    service.answer(new byte[] {4, 5});
                    assertThat(end.receive()).containsExactly(4, 5);
                }
            }

            // the pod is deleted: the guest shuts down in its own time
            pod.sigterm();
            Thread.sleep(1_000);
            assertThat(pod.isAlive()).isTrue();
            assertReaches(pod, peer, Lab.PEER, Lab.POD, 80, 80, Lab.PEER);
            pod.guest("ping -n -c 1 -W 5 " + Lab.PEER);

            cable.close(); // QEMU ends
            pod.launcher().shutdown();
            assertThat(pod.awaitExit(SOON)).isZero();
            assertThat(pod.socket()).doesNotExist();
            assertThat(pod.messages()).contains("ends: virt-launcher says that QEMU has ended");
        }
    }

    @Test
    void logIsOneObjectEachLineAndNamesTheVm() throws Exception {
        try (SidecarPod pod = SidecarPod.start()) {
            pod.define(SidecarPod.vmi(forward("tcp:2222:22"), WEB));
            JsonNode line = pod.awaitLine(message -> message.equals("forwarding TCP 2222 to 22"));
            assertThat(line.path("vm").asText()).isEqualTo("tenant-a/web");
            assertThat(line.path("level").asText()).isEqualTo("info");
            assertThat(line.path("time").asText()).matches("\\d{4}-\\d\\d-\\d\\dT[0-9:.]+Z");
            assertThat(pod.messages()).noneMatch(message -> message.contains("no line of JSON"));
        }
    }

    @Test
    void socketsAreWhereAndHowOthersExpectThem() throws Exception {
        try (SidecarPod pod = SidecarPod.start()) {
            assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(pod.socket())))
                    .isEqualTo("rw-rw----");
            assertThat(PosixFilePermissions.toString(
                            Files.getPosixFilePermissions(pod.socket().getParent())))
                    .isEqualTo("rwxr-x---");
            try (var entries = Files.list(pod.hookDirectory())) {
                assertThat(entries.filter(entry -> !Files.isDirectory(entry)))
                        .containsExactly(pod.hookDirectory().resolve("passatelli-hook-sidecar-0.sock"));
            }
        }
    }

    /** QEMU does not come back by itself, so nobody takes its place, and nothing that is said later touches what lives. */
    @Test
    void aLiveConnectionIsKeptWhateverComes() throws Exception {
        try (SidecarPod pod = SidecarPod.start()) {
            pod.define(SidecarPod.vmi("", WEB));
            try (StreamGuest first = StreamGuest.connect(pod.socket())) {
                first.resolve();
                try (StreamGuest second = StreamGuest.connect(pod.socket())) {
                    second.awaitEnd();
                }
                pod.define(SidecarPod.vmi(forward("none, tcp:9999"), ""));
                pod.awaitLine(message -> message.contains("has no effect before the VM starts again"));
                first.resolve();
                assertThat(pod.messages()).noneMatch(message -> message.contains("9999"));
                pod.sigterm();
                Thread.sleep(500);
                first.resolve();
            }
            assertThat(pod.awaitExit(Duration.ofSeconds(8))).isZero(); // nobody says that QEMU is gone
        }
    }

    @Test
    void wrongAnnotationIsRefusedAndTheMendedOneHolds() throws Exception {
        try (SidecarPod pod = SidecarPod.start()) {
            assertThatThrownBy(() -> pod.define(SidecarPod.vmi(forward("tcp:99999"), "")))
                    .isInstanceOf(SyncFailed.class)
                    .hasMessageContaining("passatelli.io/forward")
                    .hasMessageContaining("column");
            assertThatThrownBy(() -> pod.define(SidecarPod.vmi("\"passatelli.io/outbound\": \"10.1.2.3\"", "")))
                    .hasMessageContaining("passatelli.io/outbound: '10.1.2.3' is neither an address nor an interface");
            pod.define(SidecarPod.vmi(forward("tcp:2222:22"), WEB));
            try (TapCable cable = TapCable.connect(pod.lab(), pod.socket())) {
                assertThat(cable.longestToGuest()).isNotNegative();
                pod.guest(CONFIGURE.formatted(GUEST));
                assertReaches(pod, pod.lab().peer(), Lab.PEER, Lab.POD, 2222, 22, Lab.PEER);
            }
        }
    }

    @Test
    void portThatIsTakenIsHadWhenItIsFree() throws Exception {
        try (SidecarPod pod = SidecarPod.start()) {
            TcpService taken = TcpService.at(pod.lab().pod(), "0.0.0.0", 8080);
            pod.define(SidecarPod.vmi(forward("tcp:8080:80, tcp:2222:22"), WEB));
            try (TapCable cable = TapCable.connect(pod.lab(), pod.socket())) {
                assertThat(cable.longestToGuest()).isNotNegative();
                pod.guest(CONFIGURE.formatted(GUEST));
                pod.awaitLine(message -> message.startsWith("TCP port 8080: cannot listen: Address already in use"));
                assertReaches(pod, pod.lab().peer(), Lab.PEER, Lab.POD, 2222, 22, Lab.PEER); // does not wait
                taken.close();
                pod.awaitLine(message -> message.startsWith("forwarding TCP 8080 to 80 now"));
                assertReaches(pod, pod.lab().peer(), Lab.PEER, Lab.POD, 8080, 80, Lab.PEER);
            }
            assertThat(pod.messages().stream().filter(message -> message.contains("Address already in use")))
                    .as("said once")
                    .hasSize(1);
        }
    }

    @Test
    void forbiddenPortIsSaidWithItsSysctlAndTheOthersHold() throws Exception {
        Lab lab = Lab.withVm();
        lab.in(lab.pod(), SOON, "sysctl", "-qw", "net.ipv4.ip_unprivileged_port_start=1024")
                .succeeded();
        try (SidecarPod pod = SidecarPod.in(lab)) {
            pod.define(SidecarPod.vmi(forward("tcp:2222:22"), WEB));
            try (TapCable cable = TapCable.connect(lab, pod.socket())) {
                assertThat(cable.longestToGuest()).isNotNegative();
                pod.guest(CONFIGURE.formatted(GUEST));
                JsonNode line = pod.awaitLine(message -> message.startsWith("TCP port 80: cannot listen"));
                assertThat(line.path("level").asText()).isEqualTo("warning");
                assertThat(line.path("message").asText())
                        .contains("net.ipv4.ip_unprivileged_port_start must be at most 80");
                assertReaches(pod, lab.peer(), Lab.PEER, Lab.POD, 2222, 22, Lab.PEER);
                assertRefused(pod, Lab.POD, 80);
            }
        }
    }

    @Test
    void withoutIp6OnTheNodeIp4Works() throws Exception {
        Lab lab = Lab.withVm();
        for (String which : List.of("all", "default", "lo", "eth0")) {
            lab.in(lab.pod(), SOON, "sysctl", "-qw", "net.ipv6.conf." + which + ".disable_ipv6=1")
                    .succeeded();
        }
        try (SidecarPod pod = SidecarPod.in(lab)) {
            pod.define(SidecarPod.vmi(forward("tcp:2222:22"), WEB));
            try (TapCable cable = TapCable.connect(lab, pod.socket())) {
                assertThat(cable.longestToGuest()).isNotNegative();
                pod.guest(CONFIGURE.formatted(GUEST));
                pod.guest("ping -n -c 1 -W 5 " + Lab.PEER);
                assertReaches(pod, lab.peer(), Lab.PEER, Lab.POD, 2222, 22, Lab.PEER);
                assertReaches(pod, lab.pod(), "127.0.0.1", "127.0.0.1", 80, 80, Lab.GATEWAY);
            }
        }
    }

    @Test
    void withoutPortsAllAreOpenOnWhichTheGuestAnswers() throws Exception {
        try (SidecarPod pod = SidecarPod.start()) {
            pod.define(SidecarPod.vmi(forward("!tcp:9100"), ""));
            String guest = pod.lab().vm();
            String peer = pod.lab().peer();
            TcpService early = TcpService.at(guest, "0.0.0.0", 9_101);
            TcpService excluded = TcpService.at(guest, "0.0.0.0", 9_100);
            try (TapCable cable = TapCable.connect(pod.lab(), pod.socket())) {
                assertThat(cable.longestToGuest()).isNotNegative();
                assertRefused(pod, Lab.POD, 9_101);
                pod.guest(CONFIGURE.formatted(GUEST));
                pod.connect(peer, Lab.PEER, Lab.POD, 9_101).close();
                assertRefused(pod, Lab.POD, 9_100);
                assertRefused(pod, Lab.POD, 8080);

                TcpService late = TcpService.at(guest, "0.0.0.0", 8080);
                try (TcpEnd asking = pod.connect(peer, Lab.PEER, Lab.POD, 8080);
                        TcpEnd asked = late.accept()) {
                    assertSpeak(asking, asked);
                    late.close();
                    awaitRefused(pod, 8080);
                    assertSpeak(asking, asked); // what was there goes on
                }
                assertThat(pod.messages()).contains("TCP port 9101 of IPv4 is open in the guest, so it is forwarded");
            } finally {
                early.close();
                excluded.close();
            }
        }
    }

    /** Each port costs memory of the kernel's that counts as ours, and who has too much is killed. */
    @Test
    void guestThatAnswersOnAllPortsDoesNotKillASmallSidecar() throws Exception {
        long limit = 90L << 20;
        try (ControlGroup box = ControlGroup.ofMemory(limit)) {
            try (SidecarPod pod = SidecarPod.in(Lab.withVm(), box.starter())) {
                pod.define(SidecarPod.vmi(forward("tcp:40000:22, udp:all"), ""));
                pod.awaitLine(message -> message.startsWith("all UDP ports are ")
                        && message.contains(" but a memory limit of 90 MiB leaves 30, so none of them is forwarded"));
                try (TapCable cable = TapCable.connect(pod.lab(), pod.socket());
                        TcpService everything = TcpService.at(pod.lab().vm(), "0.0.0.0", 7)) {
                    assertThat(cable.longestToGuest()).isNotNegative();
                    pod.guest("""
                            nft add table ip every
                            nft "add chain ip every in { type nat hook prerouting priority -100; }"
                            nft add rule ip every in tcp dport != 22 redirect to :7
                            """);
                    pod.guest(CONFIGURE.formatted(GUEST));
                    pod.awaitLine(message -> message.startsWith(
                            "the guest answers on more TCP ports than the 7680 that may be listened at"));
                    assertReaches(pod, pod.lab().peer(), Lab.PEER, Lab.POD, 40_000, 22, Lab.PEER);
                    try (TcpEnd asking = pod.connect(pod.lab().peer(), Lab.PEER, Lab.POD, 3_333);
                            TcpEnd asked = everything.accept()) {
                        assertSpeak(asking, asked);
                    }
                }
                assertThat(box.peakBytes()).isLessThan(limit);
                assertThat(pod.isAlive()).isTrue();
            }
        }
    }

    @Test
    void sigtermWithoutQemuIsTheEndSoon() throws Exception {
        try (SidecarPod pod = SidecarPod.start()) {
            pod.sigterm();
            assertThat(pod.awaitExit(Duration.ofSeconds(8))).isZero();
            assertThat(pod.messages()).contains("ends: SIGTERM came, and there is no QEMU");
        }
    }
}
