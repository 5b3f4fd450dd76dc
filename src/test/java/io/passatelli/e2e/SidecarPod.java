package io.passatelli.e2e;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.passatelli.app.Main;
import io.passatelli.base.Ip;
import io.passatelli.hook.LauncherDouble;
import io.passatelli.hook.RecordedBoot;
import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import io.passatelli.lab.SaidLines;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;

import java.io.File;
import java.io.IOException;
import java.net.ConnectException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

/**
 * The pod of a VM: a lab's, in which a sidecar runs as KubeVirt starts it, without rights, and virt-launcher's calls. Who connects to {@link #socket} is
 * QEMU. Ends with {@link #close}, and its lab too.
 */
final class SidecarPod implements AutoCloseable {
    /** KubeVirt's user for all that is not root. */
    private static final int USER = 107;

    private static final String CONTAINER = "hook-sidecar-0";
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final Duration OPEN_LIMIT = Duration.ofSeconds(90);
    private static final long PAUSE_MS = 50;
    private static final byte[] PING = "ping".getBytes(StandardCharsets.US_ASCII);
    private static final byte[] PONG = "pong".getBytes(StandardCharsets.US_ASCII);
    private static final String HEAP = "48m";
    private static final Path TREE = Command.ROOT.resolve("target/passatelli");

    private final Lab lab;
    private final Path directory;
    private final Path hooks;
    private final List<String> command;
    private final LauncherDouble launcher;
    private Process process;
    private SaidLines said;

    private SidecarPod(Lab lab, Path directory, List<String> command) throws IOException {
        this.lab = lab;
        this.directory = directory;
        this.command = command;
        hooks = directory.resolve("hooks");
        launcher = new LauncherDouble(hooks, 1);
        process = launch();
        said = SaidLines.of(process.getInputStream(), "output of the sidecar");
    }

    /** In a pod of its own, with a namespace for a guest. virt-launcher has found it. */
    static SidecarPod start() throws Exception {
        return in(Lab.withVm());
    }

    /** The same in a lab that was prepared. */
    static SidecarPod in(Lab lab) throws Exception {
        return in(lab, List.of());
    }

    /** The same, started by {@code starter}, the words of a command that takes a command; with the machine's resolv.conf. */
    static SidecarPod in(Lab lab, List<String> starter) throws Exception {
        return found(launched(lab, starter, HEAP));
    }

    private static SidecarPod found(SidecarPod pod) throws Exception {
        try {
            pod.launcher.collect(LIMIT);
            return pod;
        } catch (Exception | Error e) {
            pod.close();
            throw e;
        }
    }

    /** The same with another heap, such as {@code 16m}. */
    static SidecarPod withHeap(String heap) throws Exception {
        return found(launched(Lab.withVm(), List.of(), heap));
    }

    /** One that virt-launcher does not look for. */
    static SidecarPod launched(Lab lab) throws IOException {
        return launched(lab, List.of(), HEAP);
    }

    private static SidecarPod launched(Lab lab, List<String> starter, String heap) throws IOException {
        try {
            Path directory = Files.createTempDirectory("pod");
            return new SidecarPod(lab, directory, command(lab, directory, starter, heap));
        } catch (IOException | RuntimeException | Error e) {
            lab.close();
            throw e;
        }
    }

    /** The pod's volume for hook sockets, as the kubelet makes it, and in it the sidecar's part. */
    private static Path volume(Path directory) throws IOException {
        Path hooks = Files.createDirectories(directory.resolve("hooks").resolve(CONTAINER));
        Files.setAttribute(hooks, "unix:uid", USER);
        Files.setAttribute(directory, "unix:mode", 0755);
        return hooks;
    }

    private static List<String> command(Lab lab, Path directory, List<String> starter, String heap) throws IOException {
        Path hooks = volume(directory);
        List<String> words = new ArrayList<>(List.of("scripts/unprivileged.sh"));
        Path java = Path.of(System.getProperty("java.home"));
        words.addAll(List.of("-r", java.toString(), String.valueOf(USER), "env", "CONTAINER_NAME=" + CONTAINER));
        words.addAll(List.of(
                java.resolve("bin/java").toString(),
                "-ea",
                "-Xmx" + heap,
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "--sun-misc-unsafe-memory-access=allow",
                "-cp",
                classPath(directory.resolve("lib")),
                Main.class.getName()));
        words.addAll(sidecar(hooks));
        List<String> all = new ArrayList<>(starter);
        if (starter.isEmpty()) {
            all.addAll(lab.inPod(words));
        } else { // ip(8) would hide the control groups
            all.addAll(List.of("nsenter", "--net=" + Lab.pathOf(lab.pod())));
            all.addAll(words);
        }
        return all;
    }

    private static List<String> sidecar(Path hooks) {
        return List.of(
                "sidecar",
                "--hook-directory",
                hooks.toString(),
                "--compute-directory",
                hooks.toString().toLowerCase(Locale.ROOT));
    }

    /** The assembled program (make build), which its launcher looks after; virt-launcher has found it. */
    static SidecarPod assembled(Lab lab) throws Exception {
        Path directory = Files.createTempDirectory("pod");
        List<String> words = new ArrayList<>(List.of("scripts/unprivileged.sh", "-r", TREE.toString(), "-r"));
        words.add(Files.readString(TREE.resolve("lib/java-home")).strip());
        words.addAll(List.of(String.valueOf(USER), "env", "CONTAINER_NAME=" + CONTAINER));
        words.add(TREE.resolve("bin/passatelli").toString());
        words.addAll(sidecar(volume(directory)));
        return found(new SidecarPod(lab, directory, lab.inPod(words)));
    }

    private Process launch() throws IOException {
        return new ProcessBuilder(command)
                .directory(Command.ROOT.toFile())
                .redirectInput(ProcessBuilder.Redirect.from(new File("/dev/null")))
                .redirectError(directory.resolve("stderr").toFile())
                .start();
    }

    /** As the kernel does with a process that is too large, or broken. */
    void kill() throws InterruptedException {
        Command.kill(process);
        process.waitFor();
        said.join();
    }

    /** The same with what does the work, but not with its launcher. */
    void killJvm() {
        process.descendants()
                .filter(its -> its.info().command().orElse("").endsWith("/java"))
                .forEach(ProcessHandle::destroyForcibly);
    }

    /** What was said past the log. */
    String strayLines() throws IOException {
        return Files.readString(directory.resolve("stderr"));
    }

    /** Another process in the place of the one that was killed; what it says is what is said from now on. */
    void startAgain() throws IOException {
        process = launch();
        said = SaidLines.of(process.getInputStream(), "output of the next sidecar");
    }

    /** Copies of the program and its libraries, where everybody may read them. */
    private static String classPath(Path into) throws IOException {
        String all = System.getProperty("surefire.test.class.path", System.getProperty("java.class.path"));
        Path program = Path.of(
                Main.class.getProtectionDomain().getCodeSource().getLocation().getPath());
        Files.createDirectory(into);
        copy(program, into.resolve("classes"));
        Stream<Path> libraries = Stream.of(all.split(File.pathSeparator, -1))
                .map(Path::of)
                .filter(path -> path.toString().endsWith(".jar") && isWanted(path));
        for (Path library : libraries.toList()) {
            copy(library, into.resolve(library.getFileName()));
        }
        return into.resolve("classes") + ":" + into + "/*";
    }

    private static boolean isWanted(Path jar) {
        return Stream.of(
                        "/io/grpc/", "/io/netty/", "/com/google/", "/com/fasterxml/", "/org/jspecify/", "/io/perfmark/")
                .anyMatch(part -> jar.toString().contains(part));
    }

    private static void copy(Path from, Path to) throws IOException {
        try (Stream<Path> files = Files.walk(from)) {
            for (Path file : files.toList()) {
                Path copy = to.resolve(from.relativize(file).toString());
                Files.copy(file, copy);
                Files.setAttribute(copy, "unix:mode", Files.isDirectory(copy) ? 0755 : 0644);
            }
        }
    }

    /** Whatever the sidecar says is an event in JSON. */
    private static JsonNode event(String line) {
        try {
            return new JsonMapper().readTree(line);
        } catch (IOException e) {
            throw new AssertionError("no line of JSON: " + line, e);
        }
    }

    private static String message(String line) {
        return event(line).path("message").asText();
    }

    /** A VMI with one interface, whose ports are {@code ports}: JSON objects between commas. {@code annotations} likewise, {@code "key": "value"}. */
    static String vmi(String annotations, String ports) {
        return """
                {"metadata": {"name": "web", "namespace": "tenant-a", "uid": "bf2f058f-c65e-46f1-b433-65c8452e0fd7",
                  "annotations": {%s}},
                 "spec": {"architecture": "amd64", "terminationGracePeriodSeconds": 30,
                  "domain": {"cpu": {"cores": 1}, "devices": {"interfaces": [
                    {"name": "default", "binding": {"name": "passatelli"}, "ports": [%s]}]}, "machine": {"type": "q35"}},
                  "networks": [{"name": "default", "pod": {}}]},
                 "status": {"interfaces": [{"name": "default", "podInterfaceName": "eth0"}]}}
                """.formatted(annotations, ports);
    }

    /** virt-launcher defines the VM; the domain's XML then. */
    String define(String vmi) throws Exception {
        return define(RecordedBoot.of("default").with(vmi.getBytes(StandardCharsets.UTF_8)));
    }

    String define(RecordedBoot boot) throws Exception {
        return new String(launcher.sync(boot), StandardCharsets.UTF_8);
    }

    /** virt-launcher gets ready for the VM, which is to come by migration. */
    void expect(String vmi) throws Exception {
        String migrating = vmi.replace("\"status\": {", "\"status\": {\"migrationState\": {\"targetNode\": \"b\"}, ");
        launcher.prepareMigrationTarget(
                RecordedBoot.of("migration-target").with(migrating.getBytes(StandardCharsets.UTF_8)));
    }

    LauncherDouble launcher() {
        return launcher;
    }

    Lab lab() {
        return lab;
    }

    /** Where QEMU connects. */
    Path socket() {
        return hooks.resolve(CONTAINER).resolve("net").resolve("0.sock");
    }

    Path hookDirectory() {
        return hooks.resolve(CONTAINER);
    }

    String pod(String script) throws IOException, InterruptedException {
        return lab.in(lab.pod(), LIMIT, "sh", "-ec", script).succeeded().out();
    }

    String guest(String script) throws IOException, InterruptedException {
        return lab.in(lab.vm(), LIMIT, "sh", "-ec", script).succeeded().out();
    }

    /**
     * Somebody in {@code namespace}, at {@code from}, connects to a port of the pod, behind which the guest serves, and both speak. How the guest sees
     * who asks. The port need not be open yet.
     */
    String converse(String namespace, String from, String to, int port, int guestPort)
            throws IOException, InterruptedException {
        String any = to.indexOf(':') < 0 ? "0.0.0.0" : "::";
        try (TcpService service = TcpService.at(lab.vm(), any, guestPort);
                TcpEnd asking = connect(namespace, from, to, port);
                TcpEnd asked = service.accept()) {
            asking.send(PING);
            assertThat(asked.receive(PING.length)).isEqualTo(PING);
            asked.send(PONG);
            assertThat(asking.receive(PONG.length)).isEqualTo(PONG);
            return address(asked);
        }
    }

    /** Of who is at the other end, without its interface. */
    static String address(TcpEnd end) throws IOException {
        return Ip.parse(end.peer().getAddress().getHostAddress().replaceFirst("%.*", ""))
                .toString();
    }

    /** As soon as somebody listens there: of all ports, once it is found that the guest does. */
    TcpEnd connect(String namespace, String from, String to, int port) throws IOException, InterruptedException {
        long end = System.nanoTime() + OPEN_LIMIT.toNanos();
        while (true) {
            try {
                return TcpEnd.connect(namespace, from, to, port);
            } catch (ConnectException e) {
                if (System.nanoTime() > end) {
                    throw new IOException(complaint(), e);
                }
                Thread.sleep(PAUSE_MS);
            }
        }
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** What it has said by now. */
    List<String> messages() {
        return said.all().stream().map(SidecarPod::message).toList();
    }

    /** The first line, of those that were said and those to come, whose message is wanted. */
    JsonNode awaitLine(Predicate<String> wanted) throws InterruptedException {
        String line = said.find(its -> wanted.test(message(its)), LIMIT);
        return line == null ? fail("the sidecar did not say what was waited for, but:%n%s", complaint()) : event(line);
    }

    private String complaint() {
        try {
            return String.join("\n", said.all()) + Files.readString(directory.resolve("stderr"));
        } catch (IOException e) {
            return e.toString();
        }
    }

    /** As the kubelet does when the pod is deleted. */
    void sigterm() {
        Command.terminate(process);
    }

    /** The exit code, which has to come within {@code limit}. */
    int awaitExit(Duration limit) throws InterruptedException {
        if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
            fail("the sidecar did not end within %s:%n%s", limit, complaint());
        }
        said.join();
        return process.exitValue();
    }

    @Override
    public void close() throws IOException {
        launcher.close();
        Command.kill(process);
        lab.close();
        Lab.delete(directory);
    }
}
