package io.passatelli.e2e;

import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

/**
 * passt as programs start it that know passt(1) only: libvirt ("Domain XML format", Userspace connection using passt), whose lines name a
 * socket, a process file and ports; and tools without root that pass a connected socket (passt(1), {@code --fd}).
 */
@Tag("netns")
class OptionLinesTest {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final String PASST =
            Command.ROOT.resolve("target/passatelli/bin/passt").toString();

    private static Lab lab;
    private final List<Path> pidFiles = new ArrayList<>();

    @BeforeAll
    static void up() throws Exception {
        lab = Lab.up();
    }

    @AfterAll
    static void down() {
        if (lab != null) { // null where up() failed
            lab.close();
        }
    }

    @AfterEach
    void end() throws IOException {
        for (Path file : pidFiles) {
            if (Files.exists(file) && Files.size(file) > 0) {
                ProcessHandle.of(pid(file)).ifPresent(ProcessHandle::destroyForcibly);
            }
        }
    }

    private static long pid(Path file) throws IOException {
        return Long.parseLong(Files.readString(file).strip());
    }

    private static Command inPod(String... words) throws IOException, InterruptedException {
        return Command.run(LIMIT, lab.inPod(List.of(words)));
    }

    private static String listeners() throws IOException, InterruptedException {
        return inPod("ss", "-Hlntu").succeeded().out();
    }

    private static void awaitEnd(Path pidFile) throws Exception {
        Path status = Path.of("/proc/" + pid(pidFile) + "/stat");
        long end = System.nanoTime() + LIMIT.toNanos();
        while (Files.exists(status) && !Files.readString(status).contains(") Z ")) {
            if (System.nanoTime() > end) {
                fail("passt does not end");
            }
            TimeUnit.MILLISECONDS.sleep(10);
        }
    }

    @Test
    void libvirtStartsItAndItEndsWithTheMachine() throws Exception {
        Path socket = lab.directory().resolve("1-vm-net0.socket");
        Path pidFile = lab.directory().resolve("1-vm-net0-passt.pid");
        Path log = lab.directory().resolve("passt.log");
        pidFiles.add(pidFile);
        Command command = inPod(
                PASST,
                "--one-off",
                "--socket",
                socket.toString(),
                "--mac-addr",
                "52:55:0a:00:02:02",
                "--pid",
                pidFile.toString(),
                "--log-file",
                log.toString(),
                "--interface",
                "eth0",
                "--address",
                "172.17.2.0",
                "--netmask",
                "16",
                "--address",
                "2001:db8:ac10:fd01::1:11",
                "--tcp-ports",
                "2022:22,3000-3002",
                "--tcp-ports",
                "3080:80",
                "--udp-ports",
                "5000:6000");
        assertThat(command.exitCode()).as(command.err()).isZero();
        assertThat(Files.readString(log)).startsWith("passt: passatelli ").contains("listening on " + socket);
        assertThat(listeners()).contains(":2022 ", ":3000 ", ":3002 ", ":3080 ", ":5000 ");
        try (SocketChannel qemu = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            qemu.connect(UnixDomainSocketAddress.of(socket));
        }
        awaitEnd(pidFile);
        assertThat(listeners()).doesNotContain(":2022 ");
    }

    @Test
    void libvirtEndsItByItsPidFile() throws Exception {
        Path pidFile = lab.directory().resolve("pid");
        pidFiles.add(pidFile);
        Path socket = lab.directory().resolve("socket");
        assertThat(inPod(PASST, "--one-off", "--socket", socket.toString(), "--pid", pidFile.toString())
                        .exitCode())
                .isZero();
        assertThat(inPod("kill", String.valueOf(pid(pidFile))).exitCode()).isZero();
        awaitEnd(pidFile);
    }

    @Test
    void libvirtReadsWhyItDidNotStart() throws Exception {
        Path pidFile = lab.directory().resolve("pid-of-none");
        Command command = inPod(
                PASST,
                "--one-off",
                "--socket",
                lab.directory().resolve("none").toString(),
                "--pid",
                pidFile.toString(),
                "--log-file",
                lab.directory().resolve("none.log").toString(),
                "--interface",
                "no-such-card");
        assertThat(command.exitCode()).isEqualTo(1);
        assertThat(command.err()).contains("--interface").contains("no-such-card");
        assertThat(pidFile).isEmptyFile();
    }

    /** The shell holds both ends: what it wrote to is passt's at descriptor 3. */
    @Test
    void toolWithoutRootPassesAConnectedSocket() throws Exception {
        Path server = lab.directory().resolve("passed");
        Process socat = new ProcessBuilder(lab.inPod(List.of(
                        "socat",
                        "UNIX-LISTEN:" + server,
                        "EXEC:'%s -q -f --fd 3 -t 8088\\:80',fdin=3,fdout=3,nofork".formatted(PASST))))
                .redirectErrorStream(true)
                .start();
        try {
            long end = System.nanoTime() + LIMIT.toNanos();
            while (!Files.exists(server) && System.nanoTime() < end) {
                TimeUnit.MILLISECONDS.sleep(10);
            }
            try (SocketChannel guest = SocketChannel.open(StandardProtocolFamily.UNIX)) {
                guest.connect(UnixDomainSocketAddress.of(server));
                while (!listeners().contains(":8088 ") && socat.isAlive() && System.nanoTime() < end) {
                    TimeUnit.MILLISECONDS.sleep(50);
                }
                assertThat(listeners()).contains(":8088 ");
            }
            assertThat(socat.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(socat.exitValue()).isZero();
        } finally {
            Command.end(socat);
        }
    }

    /** As KubeVirt's first passt binding did: an identity, and the option that has no effect any more. */
    @Test
    void identityAndDeprecatedOptionAreTaken() throws Exception {
        Path pidFile = lab.directory().resolve("pid-107");
        pidFiles.add(pidFile);
        Path socket = lab.directory().resolve("socket-107");
        Command command = inPod(
                PASST, "--runas", "107", "-e", "-t", "8089:80", "-s", socket.toString(), "-P", pidFile.toString());
        assertThat(command.exitCode()).as(command.err()).isZero();
        assertThat(Files.readString(Path.of("/proc/" + pid(pidFile) + "/status")))
                .contains("\nUid:\t107\t107\t107\t107\n");
        inPod("kill", String.valueOf(pid(pidFile))).succeeded();
        awaitEnd(pidFile);
    }
}
