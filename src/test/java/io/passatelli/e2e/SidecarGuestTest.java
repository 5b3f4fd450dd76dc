package io.passatelli.e2e;

import io.passatelli.hook.LauncherDouble;
import io.passatelli.hook.RecordedBoot;
import io.passatelli.lab.Command;
import io.passatelli.lab.ControlGroup;
import io.passatelli.lab.Lab;
import io.passatelli.lab.LibvirtGuest;
import io.passatelli.lab.LibvirtLab;
import io.passatelli.lab.TcpEnd;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import static io.passatelli.e2e.LauncherWorld.CONTAINER;
import static io.passatelli.e2e.LauncherWorld.GUESTS_PAGE;
import static io.passatelli.e2e.LauncherWorld.LIMIT;
import static io.passatelli.e2e.LauncherWorld.SHELL;
import static io.passatelli.e2e.LauncherWorld.SOCKET;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** The sidecar from its start to its end: virt-launcher's calls as recorded, a real libvirt, and a real guest. */
@Tag("guest")
class SidecarGuestTest {
    private static final int BOOTS = 5;
    /** What KubeVirt gives the sidecar of a VM with processors of its own. */
    private static final int MILLICORES = 200;

    /** Neither declared nor annotated. */
    private static final int OTHER_PORT = 8081;

    @ParameterizedTest
    @EnumSource
    void vmBootsRebootsAndGoesOff(LibvirtLab.Mode mode) throws Exception {
        try (LibvirtLab lab = LibvirtLab.up(mode);
                LauncherDouble launcher = new LauncherDouble(lab.hooks(), 1)) {
            LauncherWorld.servePage(lab.network());
            Process sidecar = startSidecar(lab, List.of());
            launcher.collect(LIMIT);
            hasNoRights(sidecar, mode);

            LibvirtGuest guest = lab.start(launcher.sync(boot(LauncherWorld.vmi())), LauncherWorld.GUEST);
            String first = guest.said("ready");
            assertThat(guest.console()).contains(LauncherWorld.SEEN_BY_THE_GUEST);
            String mac = guest.said("mac");
            List<String> connection = guest.connections(SOCKET);
            assertThat(connection).hasSize(1);
            isReached(lab, guest);
            outlivesAPause(lab, guest);

            try (TcpEnd held = TcpEnd.connect(lab.network().peer(), Lab.PEER, Lab.POD, SHELL)) {
                held.send("echo $((6 * 7))\n".getBytes(StandardCharsets.US_ASCII));
                assertThat(held.receive(3)).isEqualTo("42\n".getBytes(StandardCharsets.US_ASCII));
                guest.order(SHELL, "reboot -f");
                assertThat(guest.said("ready", 2)).isNotEqualTo(first);
                held.send(new byte[1]);
                assertThatThrownBy(() -> held.receive(1))
                        .as("the guest has forgotten it")
                        .isInstanceOf(IOException.class)
                        .hasMessageContaining("reset");
            }
            assertThat(guest.said("mac", 2)).isEqualTo(mac);
            assertThat(guest.connections(SOCKET)).isEqualTo(connection);
            isReached(lab, guest);

            guest.order(SHELL, "poweroff -f");
            guest.awaitOff();
            launcher.shutdown();
            endsWell(lab, sidecar);
        }
    }

    /** libvirt knows the one's NIC, and nothing of the other's. */
    @ParameterizedTest
    @CsvSource({"stream-tcp, true", "stream-argv, false"})
    void vmBootsByTheOtherTransports(String transport, boolean known) throws Exception {
        try (LibvirtLab lab = LibvirtLab.up(LibvirtLab.Mode.SESSION);
                LauncherDouble launcher = new LauncherDouble(lab.hooks(), 1)) {
            LauncherWorld.servePage(lab.network());
            Process sidecar = startSidecar(lab, List.of());
            launcher.collect(LIMIT);
            byte[] domain = launcher.sync(boot(LauncherWorld.vmi(transport)));
            assertThat(LauncherWorld.atDoor(lab, "listening")).hasSize(known ? 1 : 0);

            LibvirtGuest guest = lab.start(domain, LauncherWorld.GUEST);
            guest.said("ready");
            assertThat(guest.console())
                    .contains(Stream.of(LauncherWorld.SEEN_BY_THE_GUEST)
                            .filter(line -> known || !line.startsWith("card=")) // QEMU chose the slot
                            .toArray(String[]::new));
            assertThat(lab.virsh("domiflist", guest.name()).contains(guest.said("mac")))
                    .isEqualTo(known);
            assertThat(LauncherWorld.atDoor(lab, "established")).hasSize(known ? 2 : 0); // both ends
            assertThat(guest.connections(SOCKET)).hasSize(known ? 0 : 1);
            isReached(lab, guest);

            guest.order(SHELL, "poweroff -f");
            guest.awaitOff();
            launcher.shutdown();
            endsWell(lab, sidecar);
        }
    }

    /** As a node's probes come, and as others do. */
    private static void isReached(LibvirtLab lab, LibvirtGuest guest) throws Exception {
        for (String from : List.of(Lab.PEER, Lab.GATEWAY)) {
            assertThat(LauncherWorld.page(lab, from, 80).succeeded().out()).isEqualTo(GUESTS_PAGE);
        }
        assertThat(guest.tell(SHELL, "echo $((6 * 7))")).isEqualTo("42\n");
        assertThat(LauncherWorld.page(lab, Lab.PEER, OTHER_PORT).err()).contains("Failed to connect");
    }

    /** Who comes meanwhile waits for the guest, and who was there goes on. */
    private static void outlivesAPause(LibvirtLab lab, LibvirtGuest guest) throws Exception {
        try (TcpEnd before = TcpEnd.connect(lab.network().peer(), Lab.PEER, Lab.POD, SHELL)) {
            before.send("echo before\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(before.receive(7)).isEqualTo("before\n".getBytes(StandardCharsets.US_ASCII));
            lab.virsh("suspend", guest.name());
            before.send("echo behind\n".getBytes(StandardCharsets.US_ASCII));
            try (TcpEnd meanwhile = TcpEnd.connect(lab.network().peer(), Lab.PEER, Lab.POD, SHELL)) {
                meanwhile.send("echo while\n".getBytes(StandardCharsets.US_ASCII));
                assertThat(lab.virsh("domstate", guest.name()).strip()).isEqualTo("paused");
                lab.virsh("resume", guest.name());
                assertThat(before.receive(7)).isEqualTo("behind\n".getBytes(StandardCharsets.US_ASCII));
                assertThat(meanwhile.receive(6)).isEqualTo("while\n".getBytes(StandardCharsets.US_ASCII));
            }
        }
    }

    @Test
    void vmsBootInARowOn200MillicoresAndNoInfoIsLate() throws Exception {
        try (LibvirtLab lab = LibvirtLab.up(LibvirtLab.Mode.SESSION)) {
            for (int boot = 1; boot <= BOOTS; boot++) {
                Lab.delete(lab.hooks().resolve(CONTAINER));
                try (ControlGroup quota = ControlGroup.ofProcessor(MILLICORES);
                        LauncherDouble launcher = new LauncherDouble(lab.hooks(), 1)) {
                    Process sidecar = startSidecar(lab, quota.starter());
                    launcher.collect(LIMIT); // which panics if Info is late
                    LibvirtGuest guest =
                            lab.start(launcher.sync(boot(LauncherWorld.vmi())), "lease && ping -c 1 10.77.0.3");
                    assertThat(guest.said("lease.ip", boot)).isEqualTo(Lab.POD);
                    assertThat(guest.said("exit", boot)).isEqualTo("0");
                    guest.awaitOff();
                    launcher.shutdown();
                    endsWell(lab, sidecar);
                }
            }
        }
    }

    private static Process startSidecar(LibvirtLab lab, List<String> starter) throws IOException {
        String program =
                Command.ROOT.resolve("target/passatelli/bin/passatelli").toString();
        return lab.startSidecar(starter, CONTAINER, program, "sidecar");
    }

    private static RecordedBoot boot(byte[] vmi) {
        return RecordedBoot.of(LauncherWorld.RECORDED).with(vmi);
    }

    private static void hasNoRights(Process container, LibvirtLab.Mode mode) throws Exception {
        long pid = container
                .descendants()
                .filter(process -> process.info().command().orElse("").endsWith("/java"))
                .findFirst()
                .orElseThrow()
                .pid();
        int user = mode == LibvirtLab.Mode.SESSION ? 107 : 0;
        assertThat(Files.readString(Path.of("/proc/" + pid + "/status")))
                .containsPattern("Uid:\t" + user + "\t" + user + "\t" + user + "\t" + user + "\n")
                .containsPattern("CapInh:\t0+\nCapPrm:\t0+\nCapEff:\t0+\nCapBnd:\t0+\nCapAmb:\t0+\nNoNewPrivs:\t1\n");
        for (String place : List.of("/", "/run", "/tmp", "/var/tmp", "/dev/shm")) {
            Path file = Path.of(place, "passatelli.touched");
            Command touch = Command.run(
                    LIMIT, List.of("nsenter", "-t", String.valueOf(pid), "-m", "--", "touch", file.toString()));
            assertThat(touch.err()).contains("Read-only file system");
        }
    }

    private static void endsWell(LibvirtLab lab, Process sidecar) throws IOException, InterruptedException {
        assertThat(sidecar.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
        assertThat(lab.transcript(CONTAINER).lines()).noneMatch(line -> line.contains("bug:"));
        assertThat(sidecar.exitValue()).isZero();
    }
}
