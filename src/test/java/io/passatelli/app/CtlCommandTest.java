package io.passatelli.app;

import io.passatelli.base.Clock;
import io.passatelli.base.Log;
import io.passatelli.control.api.CaptureAnswer;
import io.passatelli.control.api.DropsAnswer;
import io.passatelli.control.api.FlowsAnswer;
import io.passatelli.control.api.ForwardsAnswer;
import io.passatelli.control.server.ControlServer;
import io.passatelli.control.server.ControlTarget;
import io.passatelli.control.server.KnownTarget;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

import static org.assertj.core.api.Assertions.assertThat;

/** The ctl role in this process, before a real server whose answers are known. */
@Timeout(30)
class CtlCommandTest {
    @TempDir
    private Path directory = Path.of("");

    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();
    private ControlTarget target = new KnownTarget();

    private Path socket() {
        return directory.resolve("control");
    }

    /** The exit code; what was said before is forgotten. */
    private int ctl(String... words) throws IOException {
        try (ControlServer _ = ControlServer.start(socket(), Clock.system(), Log.silent(), here -> target)) {
            return alone(Map.of("PASSATELLI_CONTROL", socket().toString()), words);
        }
    }

    private int alone(Map<String, String> environment, String... words) {
        out.reset();
        err.reset();
        return new CtlCommand(
                        environment,
                        new PrintStream(out, true, StandardCharsets.UTF_8),
                        new PrintStream(err, true, StandardCharsets.UTF_8))
                .execute(words);
    }

    private String said() {
        return out.toString(StandardCharsets.UTF_8);
    }

    private String complaint() {
        return err.toString(StandardCharsets.UTF_8);
    }

    @Test
    void statusIsATable() throws Exception {
        assertThat(ctl("status")).isZero();
        assertThat(said()).isEqualTo("""
                version     passatelli 0.1.0
                process     4711, up 2h03m
                guest       up, 52:54:00:12:34:56, 192.0.2.10, fd00::10
                flows       12: tcp 9, udp 2, icmp 1
                listeners   4
                from guest  123,456 frames, 94.2 MiB
                to guest    234,567 frames, 329.7 MiB
                bugs seen   0
                memory      heap 9.4 MiB of 48.0 MiB, private 39.1 MiB
                """);
        assertThat(complaint()).isEmpty();
    }

    @Test
    void flowsAreATable() throws Exception {
        assertThat(ctl("flows", "--most", "2")).isZero();
        assertThat(said()).isEqualTo("""
                PROTOCOL  FROM   STATE        GUEST             FAR            HOST             AGE  IDLE   TO HOST  TO GUEST      RTT  IN FLIGHT  STASHED  RESENT
                tcp       guest  established  192.0.2.10:40000  192.0.2.1:443  127.0.0.1:443  1m23s  1.5s  68.4 KiB   4.8 MiB  0.35 ms   14.3 KiB      0 B       3
                icmp      guest  -            fd00::10          2001:db8::1    -               0.9s  0.1s         -         -        -          -        -       -
                1232 more
                """);
    }

    @Test
    void dropsAreATableOfThoseThatWere() throws Exception {
        assertThat(ctl("drops")).isZero();
        assertThat(said()).isEqualTo("""
                REASON            COUNT  MEANING
                ARP_ANNOUNCEMENT      2  the guest announced its own address
                TCP_NO_FLOW       1,234  segment of no connection; answered with a reset
                """);
    }

    @Test
    void forwardsAreATable() throws Exception {
        target.replaceForwards(List.of("tcp:8080:80", "tcp:22")).join();
        assertThat(ctl("forwards")).isZero();
        assertThat(said()).isEqualTo("""
                RULE         LISTENERS
                tcp:8080:80     2 of 2
                tcp:22          0 of 2  TCP port 22: cannot listen: Permission denied
                """);
    }

    @Test
    void ofForwardsThatAreSetEachIsSaid() throws Exception {
        assertThat(ctl("forwards", "set", "tcp:8080:80", "udp:53")).isZero();
        assertThat(said()).isEqualTo("""
                applied  tcp:8080:80
                applied  udp:53
                """);
        assertThat(ctl("forwards", "set", "tcp:8080:80", "tcp:22")).isEqualTo(1);
        assertThat(said()).isEqualTo("""
                applied  tcp:8080:80
                refused  tcp:22       TCP port 22: cannot listen: Permission denied
                """);
        assertThat(complaint()).isEmpty();
        assertThat(ctl("--json", "forwards", "set", "tcp:22")).isEqualTo(1);
        assertThat(said())
                .startsWith("{\"answer\":{\"forwards\":[{\"rule\":\"tcp:22\",\"applied\":false,\"listeners\":0");
    }

    @Test
    void noneAloneSetsNoForwards() throws Exception {
        assertThat(ctl("forwards", "set", "none")).isZero();
        assertThat(said()).isEqualTo("no forwards\n");
        assertThat(target.forwards().join().forwards()).isEmpty();
    }

    @Test
    void captureTakesFilterAndBoundAndAnAbsoluteFile() throws Exception {
        assertThat(ctl("capture", "start", "/tmp/f.pcap", "port", "53", "host", "192.0.2.1", "--bytes", "1000"))
                .isZero();
        assertThat(said()).isEqualTo("capturing to /tmp/f.pcap port 53 host 192.0.2.1 1000: 0 frames, 24 B\n");
        assertThat(ctl("capture", "start", "f.pcap")).isZero();
        assertThat(said()).startsWith("capturing to " + Path.of("f.pcap").toAbsolutePath());
        assertThat(ctl("capture", "stop")).isEqualTo(1);
        assertThat(complaint()).isEqualTo("passatelli ctl: there is no capture to stop\n");
        assertThat(said()).isEmpty();
    }

    @Test
    void jsonIsTheServersLineAlsoOfAnError() throws Exception {
        for (String[] words : new String[][] {{"--json", "drops"}, {"drops", "--json"}}) {
            assertThat(ctl(words)).isZero();
            assertThat(said()).isEqualTo("""
                    {"answer":{"handled":1000,"drops":[{"reason":"ARP_ANNOUNCEMENT","count":2},{"reason":"TCP_NO_FLOW","count":1234}]}}
                    """);
        }
        assertThat(ctl("--json", "capture", "stop")).isEqualTo(1);
        assertThat(said()).startsWith("{\"error\":{\"code\":\"refused\"").hasLineCount(1);
        assertThat(complaint()).hasLineCount(1);
    }

    @Test
    void nothingThatTheServerSaysSteersATerminal() throws Exception {
        String evil = "a\u001b[2J\u009b1m\r\nb\u0007";
        target = new KnownTarget() {
            @Override
            public CompletableFuture<ForwardsAnswer> forwards() {
                return CompletableFuture.completedFuture(
                        new ForwardsAnswer(List.of(new ForwardsAnswer.Forward(evil, true, 0, 1, evil))));
            }

            @Override
            public CompletableFuture<DropsAnswer> drops() {
                return CompletableFuture.completedFuture(new DropsAnswer(1, List.of(new DropsAnswer.Count(evil, 1))));
            }

            @Override
            public CompletableFuture<FlowsAnswer> flows(int most) {
                return CompletableFuture.completedFuture(new FlowsAnswer(
                        1,
                        List.of(new FlowsAnswer.Flow(
                                evil, evil, evil, evil, evil, evil, null, null, null, null, null, null, null, null,
                                null, null, null))));
            }

            @Override
            public CompletableFuture<CaptureAnswer> stopCapture() {
                return CompletableFuture.failedFuture(new IllegalStateException(evil));
            }
        };
        for (String[] words : new String[][] {
            {"forwards"},
            {"drops"},
            {"flows"},
            {"capture", "stop"},
            {"forwards", "--json"},
            {"forwards", "set", "tcp:1"}
        }) {
            ctl(words);
            assertThat(said() + complaint()).isNotEmpty().doesNotContainPattern("[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f]");
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "nonsense",
                "capture",
                "capture start",
                "capture start /f --bytes x",
                "capture start /f --bytes 0",
                "capture stop /f",
                "forwards set",
                "forwards get",
                "flows --most 0",
                "flows --most x",
                "flows 3",
                "status --nonsense",
                "--socket",
                "--json",
            })
    void wrongUsageIsOneSentenceAndAHint(String words) throws Exception {
        assertThat(ctl(words.isEmpty() ? new String[0] : words.split(" "))).isEqualTo(2);
        assertThat(complaint().lines().toList())
                .hasSize(2)
                .satisfies(lines -> assertThat(lines.get(0)).startsWith("passatelli ctl: "))
                .satisfies(lines -> assertThat(lines.get(1)).matches("Try 'passatelli ctl.* --help'\\."));
        assertThat(said()).isEmpty();
    }

    @Test
    void socketIsNamedByTheOptionOrTheEnvironment() throws Exception {
        assertThat(alone(Map.of(), "status")).isEqualTo(2);
        assertThat(complaint()).contains("--socket").contains("$PASSATELLI_CONTROL");
        String nowhere = directory.resolve("nowhere").toString();
        assertThat(alone(Map.of("PASSATELLI_CONTROL", nowhere), "status")).isEqualTo(1);
        assertThat(complaint())
                .startsWith("passatelli ctl: no passatelli answers at '" + nowhere)
                .hasLineCount(1);
        try (ControlServer _ = ControlServer.start(socket(), Clock.system(), Log.silent(), here -> target)) {
            Map<String, String> environment = Map.of("PASSATELLI_CONTROL", nowhere);
            assertThat(alone(environment, "--socket", socket().toString(), "status"))
                    .isZero();
            assertThat(alone(environment, "status", "--socket=" + socket())).isZero();
            assertThat(alone(environment, "forwards", "set", "tcp:1", "--socket", socket().toString()))
                    .isZero();
        }
    }

    @Test
    void helpListsCommandsAndIsNoFailure() {
        assertThat(alone(Map.of(), "--help")).isZero();
        assertThat(said()).contains("status", "flows", "drops", "forwards", "capture", "--socket", "--json");
        assertThat(alone(Map.of(), "forwards", "set", "--help")).isZero();
        assertThat(said()).contains("RULE");
    }
}
