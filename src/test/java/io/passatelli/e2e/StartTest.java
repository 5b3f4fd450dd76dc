package io.passatelli.e2e;

import io.passatelli.lab.Command;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.DatagramSocket;
import java.net.ServerSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** The assembled program (make build), as scripts start it. */
@Tag("netns")
class StartTest {
    private static final Duration TRAIN_LIMIT = Duration.ofSeconds(90);
    private static final Path TREE = Command.ROOT.resolve("target/passatelli");
    private static final Path PASST = TREE.resolve("bin/passt");

    @Test
    void everyClassOfOursComesFromTheAheadOfTimeCache(@TempDir Path directory) throws Exception {
        Path classes = directory.resolve("classes");
        train("-Xlog:class+load:file=" + classes, "scripts/Train.java", directory.toString(), PASST.toString());
        List<String> all = Files.readAllLines(classes);
        assertThat(all)
                .noneMatch(line -> line.contains(" io.quarkus.")
                        || line.contains(" io.netty.")
                        || line.contains(" org.jboss.")
                        || line.contains(" com.fasterxml."));
        List<String> ours =
                all.stream().filter(line -> line.contains("io.passatelli.")).toList();
        assertThat(ours)
                .hasSizeGreaterThan(100)
                .anyMatch(line -> line.contains(".ArpResponder "))
                .anyMatch(line -> line.contains(".DhcpMessage "))
                .anyMatch(line -> line.contains(".EchoReplies "))
                .anyMatch(line -> line.contains(".Dhcp6Message "))
                .anyMatch(line -> line.contains(".UdpErrors "))
                .anyMatch(line -> line.contains(".Assembly "))
                .anyMatch(line -> line.contains(".ListenerSet "))
                .anyMatch(line -> line.contains(".HostWatch "))
                .allMatch(line -> line.contains("shared objects file"));
    }

    /** Of its first stage: the second begins when nobody waits. */
    @Test
    void everyClassOfTheSidecarComesFromItsCache(@TempDir Path directory) throws Exception {
        Path classes = directory.resolve("classes");
        Path jars = TREE.resolve("lib/sidecar");
        train(
                "-Xlog:class+load:file=" + classes,
                "-cp",
                jars.resolve("passatelli.jar") + ":" + jars.resolve("lib/*"),
                "scripts/TrainSidecar.java",
                directory.toString(),
                TREE.resolve("bin/passatelli").toString());
        List<String> all = Files.readAllLines(classes);
        assertThat(all)
                .anyMatch(line -> line.contains(" io.grpc.netty.NettyServer "))
                .noneMatch(line -> line.contains(" io.quarkus.runtime."));
        assertThat(all.stream().filter(line -> line.contains(" io.passatelli.")).toList())
                .hasSizeGreaterThan(300)
                .anyMatch(line -> line.contains(".SidecarHooks "))
                .anyMatch(line -> line.contains(".HookServer "))
                .anyMatch(line -> line.contains(".DomainXml "))
                .anyMatch(line -> line.contains(".VmiReader "))
                .anyMatch(line -> line.contains(".DhcpMessage "))
                .allMatch(line -> line.contains("shared objects file"));
        // what libraries load depends on how bytes arrive, but not for more than a few classes
        assertThat(all.stream()
                        .filter(line -> line.contains(" io.netty.") || line.contains(" io.grpc."))
                        .filter(line -> !line.contains("shared objects file")))
                .hasSizeLessThan(20);
    }

    @Test
    void optionsOfOtherProgramsInTheEnvironmentAreIgnored() throws Exception {
        ProcessBuilder builder = new ProcessBuilder(PASST.toString(), "--version").redirectErrorStream(true);
        builder.environment().put("JAVA_TOOL_OPTIONS", "-Xmx7m");
        Process passt = builder.start();
        String said = new String(passt.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(passt.waitFor()).isZero();
        assertThat(said).startsWith("passatelli ").hasLineCount(1);
    }

    @Test
    void aPortThatSomebodyHasEndsTheStartWithOneSentenceEach(@TempDir Path directory) throws Exception {
        try (DatagramSocket taken = new DatagramSocket(0)) {
            String port = String.valueOf(taken.getLocalPort());
            Process passt = new ProcessBuilder(PASST.toString(), "-f", "-s", directory + "/socket", "-u", port).start();
            String said = new String(passt.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(passt.waitFor()).isEqualTo(1);
            assertThat(said)
                    .contains("error: -u, --udp-ports: UDP port " + port + ": cannot listen: Address already in use; ");
            assertThat(said).doesNotContain("listening on");
            assertThat(directory.resolve("socket")).doesNotExist();
        }
    }

    @Test
    void aTcpPortThatSomebodyHasEndsTheStartAsWell(@TempDir Path directory) throws Exception {
        try (ServerSocket taken = new ServerSocket(0)) {
            String port = String.valueOf(taken.getLocalPort());
            Process passt = new ProcessBuilder(PASST.toString(), "-f", "-s", directory + "/socket", "-t", port).start();
            String said = new String(passt.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(passt.waitFor()).isEqualTo(1);
            assertThat(said)
                    .contains("error: -t, --tcp-ports: TCP port " + port + ": cannot listen: Address already in use; ");
            assertThat(directory.resolve("socket")).doesNotExist();
        }
    }

    /** A training run of the build again: java's arguments. */
    private static void train(String jvmOptions, String... arguments) throws IOException, InterruptedException {
        String java = Path.of(System.getProperty("java.home"), "bin/java").toString();
        List<String> command = new ArrayList<>(List.of("env", "PASSATELLI_JVM_OPTIONS=" + jvmOptions, java));
        command.addAll(List.of(arguments));
        Command.run(TRAIN_LIMIT, command).succeeded();
    }
}
