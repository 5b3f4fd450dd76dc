package io.passatelli.e2e;

import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** The assembled qrap (make build). */
class QrapTest {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final Duration BOOT_LIMIT = Duration.ofMinutes(2);
    private static final String QRAP =
            Command.ROOT.resolve("target/passatelli/bin/qrap").toString();

    @TempDir
    private Path directory = Path.of("");

    private static Command qrap(Path socket, String... words) throws Exception {
        List<String> all = new ArrayList<>(List.of("env", "QRAP_SOCKET=" + socket, QRAP));
        all.addAll(List.of(words));
        return Command.run(LIMIT, all);
    }

    @Test
    @Tag("netns")
    void programGetsTheConnectionAndItsOwnArgumentsButNothingOfTheJvm() throws Exception {
        try (Lab lab = Lab.up();
                Passt passt = Passt.start(lab)) {
            Path qemu = Files.writeString(directory.resolve("qemu-system-x86_64"), """
                    #!/bin/sh
                    for word in "$@"; do echo "word $word"; done
                    for fd in /proc/$$/fd/*; do echo "${fd##*/} $(readlink $fd)"; done
                    grep -E '^(SigBlk|NoNewPrivs)' /proc/self/status
                    echo "arenas ${MALLOC_ARENA_MAX:-all}"
                    """);
            Files.setPosixFilePermissions(qemu, PosixFilePermissions.fromString("rwxr-xr-x"));
            Command command = qrap(passt.socket(), "5", qemu.toString(), "-m", "256", "-net", "none");
            assertThat(command.exitCode()).as(command.err()).isZero();
            assertThat(command.out().lines())
                    .containsSubsequence(
                            "word -m", "word 256", "word -netdev", "word socket,fd=5,id=passatelli0", "word -device")
                    .doesNotContain("word -net")
                    .contains("arenas all", "NoNewPrivs:\t0", "SigBlk:\t0000000000000000")
                    .anyMatch(line -> line.startsWith("5 socket:"))
                    .noneMatch(line -> line.endsWith(".jar") || line.endsWith("/modules"));
        }
    }

    @Test
    @Tag("netns")
    void passtThatIsTakenIsNotFree() throws Exception {
        try (Lab lab = Lab.up();
                Passt passt = Passt.start(lab);
                SocketChannel other = SocketChannel.open(java.net.UnixDomainSocketAddress.of(passt.socket()))) {
            assertThat(other.isConnected()).isTrue();
            Command command = qrap(passt.socket(), "5", "true");
            assertThat(command.exitCode()).isEqualTo(1);
            assertThat(command.err()).isEqualTo("qrap: no passt is free at " + passt.socket() + "\n");
        }
    }

    @Test
    @Tag("netns")
    void mistakesAreSaid() throws Exception {
        assertThat(qrap(directory, "5").err()).startsWith("Usage: qrap FD QEMU");
        assertThat(qrap(directory, "2", "true").err()).contains("'2' is no descriptor from 3");
        assertThat(qrap(directory, "--help").exitCode()).isZero();
        try (Lab lab = Lab.up();
                Passt passt = Passt.start(lab)) {
            Command command = qrap(passt.socket(), "5", "no-such-qemu");
            assertThat(command.exitCode()).isEqualTo(1);
            assertThat(command.err()).isEqualTo("qrap: cannot run 'no-such-qemu': No such file or directory\n");
        }
    }

    @Test
    @Tag("guest")
    void guestHasItsNetworkThroughIt() throws Exception {
        Path qemu = Files.writeString(directory.resolve("qemu-system-x86_64"), """
                #!/bin/sh
                exec "%s" 5 /usr/bin/qemu-system-x86_64 "$@"
                """.formatted(QRAP));
        Files.setPosixFilePermissions(qemu, PosixFilePermissions.fromString("rwxr-xr-x"));
        Path script = Files.writeString(directory.resolve("script"), "lease && ping -c 2 -i 0.2 10.77.0.3\n");
        try (Lab lab = Lab.up();
                Passt passt = Passt.start(lab)) {
            Command boot = Command.run(
                    BOOT_LIMIT,
                    List.of(
                            "env",
                            "PATH=" + directory + ":" + System.getenv("PATH"),
                            "QRAP_SOCKET=" + passt.socket(),
                            "src/test/guest/boot",
                            passt.socket().toString(),
                            script.toString()));
            assertThat(boot.exitCode()).as(boot.err()).isZero();
            assertThat(boot.out()).contains("lease.ip=10.77.0.2").contains("64 bytes from 10.77.0.3");
        }
    }
}
