package io.passatelli.e2e;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.assertThat;

/** The assembled program (make build), as scripts start it. */
@Tag("netns")
class StartTest {
    private static final Path PASST = Command.ROOT.resolve("target/passatelli/bin/passt");

    @Test
    void everyClassOfOursComesFromTheAheadOfTimeCache(@TempDir Path directory) throws Exception {
        Path classes = directory.resolve("classes");
        Process passt = start("-Xlog:class+load:file=" + classes, "-f", "--one-off", "-s", directory + "/socket");
        try (BufferedReader said =
                new BufferedReader(new InputStreamReader(passt.getErrorStream(), StandardCharsets.UTF_8))) {
            awaitListening(said);
            connectAndLeave(directory);
            assertThat(passt.waitFor(30, TimeUnit.SECONDS)).isTrue();
            assertThat(passt.exitValue()).isZero();
        } finally {
            passt.destroyForcibly();
        }
        List<String> ours = Files.readAllLines(classes).stream()
                .filter(line -> line.contains("io.passatelli."))
                .toList();
        assertThat(ours).hasSizeGreaterThan(100).allMatch(line -> line.contains("shared objects file"));
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

    private static void connectAndLeave(Path directory) throws IOException {
        try (SocketChannel guest = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            guest.connect(UnixDomainSocketAddress.of(directory + "/socket"));
        }
    }
}
