package io.passatelli.e2e;

import io.passatelli.lab.Command;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.DatagramSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.assertThat;

/** The assembled program (make build), as scripts start it. */
@Tag("netns")
class StartTest {
    private static final Duration TRAIN_LIMIT = Duration.ofSeconds(60);
    private static final Path PASST = Command.ROOT.resolve("target/passatelli/bin/passt");

    @Test
    void everyClassOfOursComesFromTheAheadOfTimeCache(@TempDir Path directory) throws Exception {
        Path classes = directory.resolve("classes");
        List<String> options = new ArrayList<>(List.of("-f", "--one-off", "-s", directory + "/socket"));
        options.addAll(List.of("-a", "192.0.2.2/24", "-g", "192.0.2.1", "-D", "none", "-S", "none"));
        Process passt = start("-Xlog:class+load:file=" + classes, options.toArray(String[]::new));
        try (BufferedReader said =
                new BufferedReader(new InputStreamReader(passt.getErrorStream(), StandardCharsets.UTF_8))) {
            awaitListening(said);
            train(directory);
            assertThat(passt.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(passt.exitValue()).isZero();
        } finally {
            passt.destroyForcibly();
        }
        List<String> ours = Files.readAllLines(classes).stream()
                .filter(line -> line.contains("io.passatelli."))
                .toList();
        assertThat(ours)
                .hasSizeGreaterThan(100)
                .anyMatch(line -> line.contains(".ArpResponder "))
                .anyMatch(line -> line.contains(".DhcpMessage "))
                .anyMatch(line -> line.contains(".EchoReplies "))
                .allMatch(line -> line.contains("shared objects file"));
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
            Process passt = start("", "-f", "-s", directory + "/socket", "-u", port);
            String said = new String(passt.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(passt.waitFor()).isEqualTo(1);
            assertThat(said).contains(port + ": cannot listen: ").contains("error: -u, --udp-ports: ");
            assertThat(said).doesNotContain("listening on");
            assertThat(directory.resolve("socket")).doesNotExist();
        }
    }

    private static Process start(String jvmOptions, String... options) throws IOException {
        ProcessBuilder builder = new ProcessBuilder(PASST.toString());
        builder.command().addAll(List.of(options));
        builder.environment().put("PASSATELLI_JVM_OPTIONS", jvmOptions);
        return builder.redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    }

    private static void awaitListening(BufferedReader said) throws IOException {
        String line = said.readLine();
        while (line != null && !line.startsWith("listening on ")) {
            line = said.readLine();
        }
        assertThat(line).isNotNull();
    }

    /** The guest of the training run: it resolves, leases, pings and leaves. */
    private static void train(Path directory) throws IOException, InterruptedException {
        String java = Path.of(System.getProperty("java.home"), "bin/java").toString();
        Command.run(TRAIN_LIMIT, List.of(java, "scripts/Train.java", directory + "/socket"))
                .succeeded();
    }
}
