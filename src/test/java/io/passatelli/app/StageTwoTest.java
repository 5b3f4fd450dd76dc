package io.passatelli.app;

import io.passatelli.app.monitor.Exposition;
import io.passatelli.base.Drop;
import io.passatelli.lab.Command;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.http.HttpResponse;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

import static org.assertj.core.api.Assertions.assertThat;

/** Health and metrics of a plane, over HTTP, as the pod's neighbours see them. */
@Tag("netns")
@Timeout(120)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class StageTwoTest {
    /** What stage 2 may add to a plane, all threads of the process together. */
    private static final int MOST_THREADS = 32;

    private static final long MOST_PRIVATE_KIB = 128 << 10;
    private static final int MOST_SERIES = 400;
    private static final int LOOKS = 100;
    private static final long LOOK_MS = 50;
    private static final Pattern OF_STAGE_TWO =
            Pattern.compile(" (io\\.(quarkus|vertx|netty|smallrye|micrometer|prometheus)|jakarta|org\\.jboss)\\.");
    /** Of the table of metrics: names, and their type. */
    private static final Pattern ROW =
            Pattern.compile("(?m)^\\| (`[a-z_0-9]+`(?:, `[a-z_0-9]+`)*) \\| (counter|gauge|histogram|summary) \\|");

    private static final byte[] GROUP_SOURCE = new byte[60];

    static {
        Arrays.fill(GROUP_SOURCE, (byte) 0xff);
    }

    private MonitoredProcess process;
    private SocketChannel guest;

    @BeforeAll
    void start() throws Exception {
        process = MonitoredProcess.start(MonitoredProcess.freePort(), 256);
        guest = process.connectGuest();
        process.awaitMonitor();
    }

    @AfterAll
    void end() throws IOException {
        guest.close();
        process.close();
    }

    private Exposition scrape() throws Exception {
        HttpResponse<String> answer = process.get("/metrics");
        assertThat(answer.statusCode()).isEqualTo(200);
        assertThat(answer.headers().firstValue("Content-Type").orElse("")).startsWith("text/plain");
        return Exposition.parse(answer.body());
    }

    @Test
    void liveAndReadyWhileTheGuestIsConnected() throws Exception {
        HttpResponse<String> live = process.get("/q/health/live");
        assertThat(live.statusCode()).isEqualTo(200);
        assertThat(live.body())
                .contains("\"status\": \"UP\"", "\"name\": \"loop\"", "\"restarts\": 0", "\"threadFailures\": 0");
        HttpResponse<String> ready = process.get("/q/health/ready");
        assertThat(ready.statusCode()).isEqualTo(200);
        assertThat(ready.body()).contains("\"status\": \"UP\"", "\"name\": \"link\"");
        assertThat(process.get("/q/health").statusCode()).isEqualTo(200);
    }

    @Test
    void metricsAreWhatPrometheusTakes() throws Exception {
        Exposition metrics = scrape();
        assertThat(metrics.size()).isBetween(200, MOST_SERIES);
        assertThat(metrics.value("passatelli_up")).isEqualTo(1);
        assertThat(metrics.value("passatelli_link_up")).isEqualTo(1);
        assertThat(metrics.value("passatelli_link_mtu_bytes")).isEqualTo(1_500);
        assertThat(metrics.value("passatelli_build_info", "version=" + Version.line()))
                .isEqualTo(1);
        assertThat(metrics.value("passatelli_uptime_seconds")).isBetween(1.0, 600.0);
        assertThat(metrics.value("passatelli_loop_turn_seconds_count")).isPositive();
        assertThat(metrics.value("passatelli_pool_size_bytes", "pool=flight")).isEqualTo(32 << 20);
        assertThat(metrics.families()).containsKeys("jvm_memory_used_bytes", "process_cpu_usage");
    }

    @Test
    void theyCountWhatTheGuestSends() throws Exception {
        Exposition before = scrape();
        for (int i = 0; i < 10; i++) {
            MonitoredProcess.send(guest, GROUP_SOURCE);
        }
        double sent = before.value("passatelli_frames_total", "direction=from_guest") + 10;
        Exposition after = scrape();
        for (int i = 0; i < LOOKS && after.value("passatelli_frames_total", "direction=from_guest") < sent; i++) {
            Thread.sleep(LOOK_MS); // the plane is asked twice in a second at most
            after = scrape();
        }
        assertThat(after.value("passatelli_frames_total", "direction=from_guest"))
                .isEqualTo(sent);
        assertThat(after.value("passatelli_bytes_total", "direction=from_guest"))
                .isEqualTo(before.value("passatelli_bytes_total", "direction=from_guest") + 600);
        assertThat(after.value("passatelli_drops_total", "reason=" + Drop.ETHERNET_GROUP_SOURCE))
                .isEqualTo(before.value("passatelli_drops_total", "reason=" + Drop.ETHERNET_GROUP_SOURCE) + 10);
        assertThat(after.value("passatelli_loop_turn_seconds_count"))
                .isGreaterThan(before.value("passatelli_loop_turn_seconds_count"));
    }

    @Test
    void nobodyCanAddASeries() throws Exception {
        Set<String> before = scrape().series();
        for (int i = 0; i < 50; i++) {
            assertThat(process.get("/q/health/" + i).statusCode()).isGreaterThanOrEqualTo(400);
            assertThat(process.get("/metrics/" + i).statusCode()).isEqualTo(404);
            byte[] frame = GROUP_SOURCE.clone();
            frame[6] = (byte) (i << 1);
            frame[12] = (byte) i;
            MonitoredProcess.send(guest, frame);
        }
        assertThat(process.isAlive()).isTrue();
        Set<String> after = new TreeSet<>(scrape().series());
        after.removeAll(before);
        assertThat(after).allMatch(series -> series.startsWith("jvm_gc_")); // appear with the first collection
    }

    @ParameterizedTest
    @ValueSource(strings = {"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"})
    void nothingCanBeChanged(String method) throws Exception {
        for (String path : new String[] {"/metrics", "/q/health/live", "/q/health", "/anything"}) {
            HttpResponse<String> answer = process.send(method, path);
            assertThat(answer.statusCode()).as(path).isEqualTo(405);
            assertThat(answer.headers().firstValue("Allow")).as(path).contains("GET, HEAD");
            assertThat(answer.body()).as(path).isEmpty();
        }
    }

    @Test
    void otherPathsAreNotFound() throws Exception {
        for (String path : new String[] {
            "/",
            "/q",
            "/q/metrics",
            "/q/dev",
            "/q/dev-ui",
            "/q/health-ui",
            "/q/info",
            "/index.html",
            "/%2e%2e/etc/passwd"
        }) {
            assertThat(process.get(path).statusCode()).as(path).isEqualTo(404);
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "\u0000\u0001\u0002\u00ff\r\n\r\n",
                "GET /metrics\r\n\r\n",
                "GET /metrics HTTP/9.9\r\n\r\n",
                "GET /metrics HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
                "POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\nx",
                "POST /metrics HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
                "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                "GET /metrics HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n",
                "GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
            })
    void nonsenseHurtsNobody(String request) throws Exception {
        say(request.getBytes(StandardCharsets.ISO_8859_1));
        assertThat(process.get("/q/health/live").statusCode()).isEqualTo(200);
    }

    @Test
    void requestsHaveBounds() throws Exception {
        assertThat(say(("GET /" + "x".repeat(100_000) + " HTTP/1.1\r\nHost: x\r\n\r\n")
                        .getBytes(StandardCharsets.US_ASCII)))
                .doesNotContain(" 200 ");
        String headers = "X-%d: %s\r\n".formatted(1, "x".repeat(1_000)).repeat(100);
        assertThat(say(("GET /metrics HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n").getBytes(StandardCharsets.US_ASCII)))
                .doesNotContain(" 200 ");
        assertThat(process.get("/q/health/live").statusCode()).isEqualTo(200);
    }

    /** What is answered until the end of the connection, or for a while. */
    private String say(byte[] request) throws IOException {
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(InetAddress.getLoopbackAddress(), process.port), 5_000);
            socket.setSoTimeout(1_000);
            StringBuilder answer = new StringBuilder();
            try {
                socket.getOutputStream().write(request);
                byte[] part = new byte[65_536];
                for (int n = socket.getInputStream().read(part);
                        n >= 0;
                        n = socket.getInputStream().read(part)) {
                    answer.append(new String(part, 0, n, StandardCharsets.ISO_8859_1));
                }
            } catch (IOException e) {
                // it has hung up, or waits for more
            }
            return answer.toString();
        }
    }

    @Test
    void sigtermIsNotItsEnd() throws Exception {
        process.terminate();
        process.awaitLine("SIGTERM"::equals);
        Thread.sleep(1_000);
        assertThat(process.isAlive()).isTrue();
        assertThat(process.get("/q/health/live").statusCode()).isEqualTo(200);
    }

    @Test
    void whatIsSaidIsOurLogsAlone() {
        assertThat(process.lines())
                .allMatch(line -> line.matches("(INFO|WARNING) .*|listening|SIGTERM"))
                .noneMatch(line -> line.contains("quarkus"));
    }

    @Test
    void fewThreadsAndLittleMemory() throws Exception {
        scrape();
        assertThat(process.threads()).hasSizeLessThanOrEqualTo(MOST_THREADS);
        assertThat(process.privateKib()).isLessThan(MOST_PRIVATE_KIB);
    }

    @Test
    void theTableOfTheDocumentsIsWhatThereIs() throws Exception {
        String text = Files.readString(Command.ROOT.resolve("docs/OPERATIONS.md"));
        Set<String> told = ROW.matcher(text)
                .results()
                .flatMap(row ->
                        Arrays.stream(row.group(1).split(", ")).map(name -> name.replace("`", "") + " " + row.group(2)))
                .collect(Collectors.toCollection(TreeSet::new));
        Set<String> there = scrape().families().values().stream()
                .map(family -> family.name() + " " + family.type())
                .collect(Collectors.toCollection(TreeSet::new));
        told.removeIf(row -> row.startsWith("jvm_gc_") && !there.contains(row)); // appear with the first collection
        assertThat(told).isEqualTo(there);
    }

    @Test
    void notReadyWithoutAGuest() throws Exception {
        try (MonitoredProcess lonely = MonitoredProcess.start(MonitoredProcess.freePort(), 256)) {
            SocketChannel shortly = lonely.connectGuest();
            lonely.awaitMonitor();
            shortly.close();
            for (int i = 0; i < LOOKS && lonely.get("/q/health/ready").statusCode() == 200; i++) {
                Thread.sleep(LOOK_MS);
            }
            assertThat(lonely.get("/q/health/live").statusCode()).isEqualTo(200);
            assertThat(lonely.get("/q/health/ready").statusCode()).isEqualTo(503);
            assertThat(Exposition.parse(lonely.get("/metrics").body()).value("passatelli_link_up"))
                    .isZero();
        }
    }

    @Test
    void sigtermWhileItStartsDoesNotKeepItFromStarting() throws Exception {
        try (MonitoredProcess early = MonitoredProcess.start(MonitoredProcess.freePort(), 256);
                SocketChannel its = early.connectGuest()) {
            early.awaitLine("INFO health and metrics are being started"::equals);
            early.terminate();
            early.awaitLine("SIGTERM"::equals);
            early.awaitMonitor();
            assertThat(early.get("/q/health/ready").statusCode()).isEqualTo(200);
            assertThat(its.isConnected()).isTrue();
            early.command("end");
            assertThat(early.awaitExit()).isZero();
            assertThat(early.lines()).allMatch(line -> line.matches("INFO .*|listening|SIGTERM"));
        }
    }

    @Test
    void aPortThatSomebodyHasIsSaidAndThePlaneLivesOn() throws Exception {
        try (MonitoredProcess second = MonitoredProcess.start(process.port, 256);
                SocketChannel its = second.connectGuest()) {
            assertThat(second.awaitLine(line -> line.startsWith("ERROR")))
                    .isEqualTo("ERROR health and metrics are not served: something else in the pod has TCP port "
                            + process.port + ", free it there; the network goes on");
            MonitoredProcess.send(its, GROUP_SOURCE);
            second.command("define");
            second.awaitLine("defined"::equals);
            assertThat(second.isAlive()).isTrue();
        }
    }

    @Test
    void withLittleMemoryItIsLeftOutAndSaidAndNothingOfItLoaded(@TempDir Path directory) throws Exception {
        Path classes = directory.resolve("classes");
        try (MonitoredProcess small =
                        MonitoredProcess.start(MonitoredProcess.freePort(), 61, "-Xlog:class+load:file=" + classes);
                SocketChannel its = small.connectGuest()) {
            assertThat(small.lines())
                    .anyMatch(line -> line.startsWith("WARNING health and metrics are left out")
                            && line.contains("61 MiB is below 192 MiB"));
            assertThat(small.findLine(line -> line.contains("served on"), Duration.ofSeconds(10)))
                    .isNull();
            assertThat(its.isConnected()).isTrue();
            assertThat(Files.readAllLines(classes))
                    .anyMatch(line -> line.contains(" io.passatelli.plane.DataPlane "))
                    .noneMatch(line -> OF_STAGE_TWO.matcher(line).find());
        }
    }

    @Test
    void itWaitsWhileACallMayCome() throws Exception {
        try (MonitoredProcess busy = MonitoredProcess.start(MonitoredProcess.freePort(), 256);
                SocketChannel its = busy.connectGuest()) {
            for (int i = 0; i < 4; i++) {
                busy.command("define");
                assertThat(busy.findLine(line -> line.contains("served on"), Duration.ofSeconds(3)))
                        .isNull();
            }
            busy.awaitMonitor();
            Exposition metrics = Exposition.parse(busy.get("/metrics").body());
            assertThat(metrics.value("passatelli_hook_seconds_count", "call=OnDefineDomain"))
                    .isEqualTo(4);
            assertThat(metrics.value("passatelli_hook_seconds_sum", "call=OnDefineDomain"))
                    .isBetween(0.04, 4.0);
            assertThat(its.isConnected()).isTrue();
        }
    }
}
