package io.passatelli.app;

import io.passatelli.lab.Command;
import io.passatelli.lab.SaidLines;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.OutputStream;
import java.net.ServerSocket;
import java.net.StandardProtocolFamily;
import java.net.URI;
import java.net.UnixDomainSocketAddress;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.fail;

/**
 * A {@link MonitoredPlane} in a process of its own, with the sidecar's jars (make build), the sidecar's heap, and an environment that means ill. Ends
 * with {@link #close}.
 */
final class MonitoredProcess implements AutoCloseable {
    static final Duration PATIENCE = Duration.ofSeconds(40);
    private static final Path JAR = Command.ROOT.resolve("target/passatelli/lib/sidecar/passatelli.jar");
    private static final Pattern PRIVATE_DIRTY = Pattern.compile("Private_Dirty: +(\\d+) kB");

    final int port;
    private final Path directory;
    private final Process process;
    private final SaidLines said;

    private MonitoredProcess(int port, Path directory, Process process) {
        this.port = port;
        this.directory = directory;
        this.process = process;
        said = SaidLines.of(process.getInputStream(), "output of the plane");
    }

    /** Waits until the plane listens for its guest. */
    static MonitoredProcess start(int port, int limitMib, String... jvmOptions)
            throws IOException, InterruptedException {
        if (!Files.exists(JAR)) {
            fail("there is no %s: make build", JAR);
        }
        Path directory = Files.createTempDirectory("passatelli");
        List<String> words = new ArrayList<>(List.of(
                Path.of(System.getProperty("java.home"), "bin/java").toString(),
                "-XX:+UseSerialGC",
                "-XX:+UseCompactObjectHeaders",
                "-Xms16m",
                "-Xmx48m",
                "-Xss512k",
                "-XX:-UsePerfData",
                "-XX:+DisableAttachMechanism",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-ea:io.passatelli..."));
        words.addAll(List.of(jvmOptions));
        words.addAll(List.of(
                "-cp",
                JAR + ":" + JAR.resolveSibling("lib") + "/*:" + Command.ROOT.resolve("target/test-classes"),
                MonitoredPlane.class.getName(),
                directory.resolve("link").toString(),
                String.valueOf(port),
                String.valueOf(limitMib)));
        ProcessBuilder builder =
                new ProcessBuilder(words).redirectErrorStream(true).directory(directory.toFile());
        builder.environment().put("MALLOC_ARENA_MAX", "1");
        builder.environment().put("QUARKUS_HTTP_PORT", "tcp://10.96.0.7:80");
        builder.environment().put("QUARKUS_HTTP_HOST", "no.such.host.invalid");
        builder.environment().put("QUARKUS_LOG_LEVEL", "NONSENSE");
        builder.environment().put("QUARKUS_PROFILE", "dev");
        builder.environment().put("QUARKUS_CONFIG_LOCATIONS", "/nowhere");
        builder.environment().put("SMALLRYE_CONFIG_LOCATIONS", "/nowhere");
        builder.environment().put("QUARKUS_MICROMETER_EXPORT_PROMETHEUS_PATH", "/elsewhere");
        builder.environment().put("QUARKUS_THREAD_POOL_MAX_THREADS", "many");
        MonitoredProcess started = new MonitoredProcess(port, directory, builder.start());
        started.awaitLine("listening"::equals);
        return started;
    }

    static int freePort() throws IOException {
        try (ServerSocket probe = new ServerSocket(0)) {
            return probe.getLocalPort();
        }
    }

    /** All it has said by now, on standard output and standard error. */
    List<String> lines() {
        return said.all();
    }

    /** The first line, of those that were said and those to come, that is wanted. */
    String awaitLine(Predicate<String> wanted) throws InterruptedException {
        String line = findLine(wanted, PATIENCE);
        return line == null ? fail("the plane did not say what was waited for, but %s", lines()) : line;
    }

    /** The same; null if it is not said within so long. */
    @Nullable
    String findLine(Predicate<String> wanted, Duration patience) throws InterruptedException {
        return said.find(wanted, patience);
    }

    void awaitMonitor() throws InterruptedException {
        awaitLine(("INFO health and metrics are served on TCP port " + port)::equals);
    }

    /** QEMU's end of the link. */
    SocketChannel connectGuest() throws IOException {
        SocketChannel guest = SocketChannel.open(StandardProtocolFamily.UNIX);
        guest.connect(UnixDomainSocketAddress.of(directory.resolve("link")));
        return guest;
    }

    /** A frame as QEMU sends it. */
    static void send(SocketChannel guest, byte... frame) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocate(4 + frame.length)
                .putInt(frame.length)
                .put(frame)
                .flip();
        while (bytes.hasRemaining()) {
            guest.write(bytes);
        }
    }

    void command(String line) throws IOException {
        OutputStream in = process.getOutputStream();
        in.write((line + "\n").getBytes(StandardCharsets.UTF_8));
        in.flush();
    }

    void terminate() {
        Command.terminate(process);
    }

    /** The exit code, once all it said was read. */
    int awaitExit() throws InterruptedException {
        if (!process.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)) {
            fail("the plane does not end; it said %s", lines());
        }
        said.join();
        return process.exitValue();
    }

    boolean isAlive() {
        return process.isAlive();
    }

    HttpResponse<String> get(String path) throws IOException, InterruptedException {
        return send("GET", path);
    }

    HttpResponse<String> send(String method, String path) throws IOException, InterruptedException {
        HttpRequest.BodyPublisher body = method.equals("GET") || method.equals("HEAD")
                ? HttpRequest.BodyPublishers.noBody()
                : HttpRequest.BodyPublishers.ofString("{\"port\": 1}");
        try (HttpClient client = HttpClient.newBuilder()
                .version(HttpClient.Version.HTTP_1_1)
                .connectTimeout(PATIENCE)
                .build()) {
            return client.send(
                    HttpRequest.newBuilder(URI.create("http://127.0.0.1:" + port + path))
                            .method(method, body)
                            .timeout(PATIENCE)
                            .header("Accept", "text/plain")
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
        }
    }

    /** Memory that is the process' alone, KiB. */
    long privateKib() throws IOException {
        String map = Files.readString(Path.of("/proc/" + process.pid() + "/smaps_rollup"));
        Matcher found = PRIVATE_DIRTY.matcher(map);
        return found.find() ? Long.parseLong(found.group(1)) : fail("no Private_Dirty in %s", map);
    }

    List<String> threads() throws IOException {
        List<String> names = new ArrayList<>();
        try (Stream<Path> tasks = Files.list(Path.of("/proc/" + process.pid() + "/task"))) {
            for (Path task : tasks.toList()) {
                names.add(Files.readString(task.resolve("comm")).strip());
            }
        }
        return names;
    }

    @Override
    public void close() throws IOException {
        Command.kill(process);
        Files.deleteIfExists(directory.resolve("link"));
        Files.delete(directory);
    }
}
