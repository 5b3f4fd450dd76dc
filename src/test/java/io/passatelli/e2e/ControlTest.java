package io.passatelli.e2e;

import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

/** The assembled program (make build) with a control socket, and ctl as another process. */
@Tag("netns")
@Timeout(120)
class ControlTest {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final String PASSATELLI =
            Command.ROOT.resolve("target/passatelli/bin/passatelli").toString();

    @TempDir
    private Path directory = Path.of("");

    private Path control() {
        return directory.resolve("control");
    }

    private Process passt(String... options) throws IOException {
        List<String> words = new ArrayList<>(List.of(PASSATELLI, "passt", "-f", "-s", directory + "/socket"));
        words.addAll(List.of(options));
        Process passt = new ProcessBuilder(words)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        BufferedReader err = new BufferedReader(new InputStreamReader(passt.getErrorStream(), StandardCharsets.UTF_8));
        for (String line = err.readLine(); line != null; line = err.readLine()) {
            if (line.startsWith("listening on ")) {
                return passt;
            }
        }
        Command.end(passt);
        return fail("passt did not start");
    }

    private Command ctl(String... words) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of("env", "PASSATELLI_CONTROL=" + control(), PASSATELLI, "ctl"));
        command.addAll(List.of(words));
        return Command.run(LIMIT, command);
    }

    @Test
    void ctlAsksARunningPasst() throws Exception {
        Process passt = passt("--runas", "0", "--control", control().toString());
        try {
            Command status = ctl("status");
            assertThat(status.succeeded().out())
                    .contains("passatelli ", "process     " + passt.pid() + ", up ", "guest       down");
            assertThat(ctl("drops").out()).contains("nothing was dropped");
            assertThat(ctl("--json", "drops").out()).isEqualTo("{\"answer\":{\"handled\":0,\"drops\":[]}}\n");
            assertThat(ctl("nonsense").exitCode()).isEqualTo(2);
            assertThat(ctl("--socket", control() + "2", "status").exitCode()).isEqualTo(1);
        } finally {
            Command.terminate(passt);
            assertThat(passt.waitFor()).isZero();
        }
        assertThat(control()).doesNotExist();
    }

    @Test
    void rootMayAskAProcessOfAnotherUser() throws Exception {
        try (Lab lab = Lab.up();
                Passt passt = Passt.start(lab, "--control", "@control")) {
            Command status = ctl("--socket", passt.file("control").toString(), "status");
            assertThat(status.succeeded().out()).contains("guest       down");
            assertThat(passt.terminate()).isZero();
            assertThat(passt.file("control")).doesNotExist();
        }
    }

    @Test
    void processOfAnotherUserIsSentAwayEvenIfTheModeLetsItIn() throws Exception {
        Process passt = passt("--control", control().toString());
        try {
            Files.setPosixFilePermissions(control(), PosixFilePermissions.fromString("rw-rw-rw-"));
            Files.setPosixFilePermissions(directory, PosixFilePermissions.fromString("rwxr-xr-x"));
            String nobody = "65534";
            Command heard = Command.run(
                    LIMIT,
                    List.of(
                            "setpriv",
                            "--reuid=" + nobody,
                            "--regid=" + nobody,
                            "--clear-groups",
                            "socat",
                            "-u",
                            "UNIX-CONNECT:" + control(),
                            "-"));
            assertThat(heard.out())
                    .startsWith("{\"error\":{\"code\":\"forbidden\"")
                    .hasLineCount(1);
            assertThat(ctl("status").exitCode()).isZero();
        } finally {
            Command.terminate(passt);
            assertThat(passt.waitFor()).isZero();
        }
    }

    @Test
    void withoutTheOptionNothingOfItIsLoaded() throws Exception {
        Path classes = directory.resolve("classes");
        Process passt = new ProcessBuilder(
                        "env",
                        "PASSATELLI_JVM_OPTIONS=-Xlog:class+load:file=" + classes,
                        PASSATELLI,
                        "passt",
                        "-f",
                        "-s",
                        directory + "/socket")
                .redirectErrorStream(true)
                .start();
        try (BufferedReader out =
                new BufferedReader(new InputStreamReader(passt.getInputStream(), StandardCharsets.UTF_8))) {
            String line = out.readLine();
            while (line != null && !line.startsWith("listening on ")) {
                line = out.readLine();
            }
            assertThat(line).isNotNull();
            assertThat(Files.readString(classes))
                    .contains("io.passatelli.plane.DataPlane ")
                    .doesNotContain("com.fasterxml", "io.passatelli.control");
            try (var descriptors = Files.list(Path.of("/proc/" + passt.pid() + "/fd"))) {
                assertThat(descriptors.map(ControlTest::target)).noneMatch(file -> file.contains("jackson"));
            }
        } finally {
            Command.terminate(passt);
            assertThat(passt.waitFor()).isZero();
        }
    }

    private static String target(Path link) {
        try {
            return Files.readSymbolicLink(link).toString();
        } catch (IOException e) {
            return ""; // closed meanwhile
        }
    }
}
