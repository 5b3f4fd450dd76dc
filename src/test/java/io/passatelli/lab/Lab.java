package io.passatelli.lab;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Stream;

/**
 * A small network in three namespaces, gone with them:
 *
 * <pre>
 *  peer                           pod                               vm
 *  eth0 10.77.0.1, .3 /24  ----  eth0 10.77.0.2/24, via .1
 *                                our plane  ------------------  tap0
 * </pre>
 *
 * Names are unique to this JVM. Every command has a time limit; files go to a directory that is deleted at the end.
 */
public final class Lab implements AutoCloseable {
    /** The pod's address, which a guest gets too. */
    public static final String POD = "10.77.0.2";
    /** The pod's gateway: to the guest it stands for the pod's loopback. */
    public static final String GATEWAY = "10.77.0.1";
    /** Another machine on the pod's network. */
    public static final String PEER = "10.77.0.3";

    private static final int OPEN_FILES = 4_096;
    private static final AtomicInteger COUNT = new AtomicInteger();
    private static final Duration SOON = Duration.ofSeconds(20);

    private final String prefix = "lab" + ProcessHandle.current().pid() + "x" + COUNT.incrementAndGet();
    private final String peer = prefix + "-peer";
    private final String pod = prefix + "-pod";
    private final String vm = prefix + "-vm";
    private final Path directory;
    private final Thread atExit = new Thread(this::remove);

    private Lab() throws IOException {
        directory = Files.createTempDirectory(prefix);
    }

    /** What a command did. */
    public record Outcome(List<String> command, int code, String output) {
        /** The output, if the command ended well. */
        public String orThrow() {
            if (code != 0) {
                throw new AssertionError(String.join(" ", command) + " ended with " + code + ":\n" + output);
            }
            return output;
        }
    }

    /** Makes the network. Throws if this machine does not let us. */
    public static Lab make() throws IOException {
        Lab lab = new Lab();
        Runtime.getRuntime().addShutdownHook(lab.atExit);
        try {
            lab.build();
        } catch (IOException | RuntimeException | Error e) {
            lab.close();
            throw e;
        }
        return lab;
    }

    private void build() throws IOException {
        for (String namespace : List.of(peer, pod, vm)) {
            here("ip", "netns", "add", namespace).orThrow();
            here("ip", "-n", namespace, "link", "set", "lo", "up").orThrow();
        }
        here("ip", "-n", pod, "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", peer)
                .orThrow();
        here("ip", "-n", peer, "address", "add", GATEWAY + "/24", "dev", "eth0").orThrow();
        here("ip", "-n", peer, "address", "add", PEER + "/24", "dev", "eth0").orThrow();
        here("ip", "-n", pod, "address", "add", POD + "/24", "dev", "eth0").orThrow();
        here("ip", "-n", peer, "link", "set", "eth0", "up").orThrow();
        here("ip", "-n", pod, "link", "set", "eth0", "up").orThrow();
        here("ip", "-n", pod, "route", "add", "default", "via", GATEWAY).orThrow();
        in(pod, SOON, "sysctl", "-qw", "net.ipv4.ping_group_range=0 2147483647").orThrow();
    }

    public String peer() {
        return peer;
    }

    public String pod() {
        return pod;
    }

    public String vm() {
        return vm;
    }

    /** Of the test's own, deleted at the end. */
    public Path directory() {
        return directory;
    }

    /** The path by which a namespace is entered. */
    public static Path pathOf(String namespace) {
        return Path.of("/run/netns", namespace);
    }

    /** Runs a command of the machine's own namespace to its end. */
    private Outcome here(String... command) throws IOException {
        return run(SOON, List.of(command));
    }

    /** Runs a command in a namespace to its end, output and errors together; an exit code of -1 says that it took longer than {@code limit}. */
    public Outcome in(String namespace, Duration limit, String... command) throws IOException {
        List<String> whole = new ArrayList<>(List.of("ip", "netns", "exec", namespace));
        whole.addAll(List.of(command));
        return run(limit, whole);
    }

    private Outcome run(Duration limit, List<String> command) throws IOException {
        Path output = Files.createTempFile(directory, "output", ".txt");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectInput(Redirect.from(new File("/dev/null")))
                .redirectOutput(output.toFile())
                .start();
        int code = -1;
        try {
            if (process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                code = process.exitValue();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } finally {
            kill(process);
        }
        return new Outcome(command, code, Files.readString(output, StandardCharsets.UTF_8));
    }

    static void kill(Process process) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }

    /** Starts a plane in the pod, for a TAP {@code tap0} in {@code vm}; waits until it is ready. See {@link TapPlane} for its arguments. */
    public PlaneProcess startPlane(String... arguments) throws IOException {
        return startPlane(OPEN_FILES, arguments);
    }

    /** The same, of a process that may have only so many descriptors (RLIMIT_NOFILE). */
    public PlaneProcess startPlane(int openFiles, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of("ip", "netns", "exec", pod));
        command.addAll(List.of(
                "prlimit",
                "--nofile=" + openFiles + ":" + openFiles,
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-ea",
                "-Xmx64m",
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                System.getProperty("surefire.test.class.path", System.getProperty("java.class.path")),
                TapPlane.class.getName(),
                "namespace=" + pathOf(vm)));
        command.addAll(List.of(arguments));
        return PlaneProcess.start(command, directory);
    }

    @Override
    public void close() {
        remove();
        try {
            Runtime.getRuntime().removeShutdownHook(atExit);
        } catch (IllegalStateException e) {
            return; // the machine is going down already
        }
    }

    private void remove() {
        for (String namespace : List.of(vm, pod, peer)) {
            if (Files.exists(pathOf(namespace))) {
                removeNamespace(namespace);
            }
        }
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Whoever still runs in there was started by us: nobody else knows the name. */
    private void removeNamespace(String namespace) {
        try {
            here("ip", "netns", "pids", namespace)
                    .output()
                    .lines()
                    .map(String::strip)
                    .filter(line -> !line.isEmpty())
                    .flatMap(pid -> ProcessHandle.of(Long.parseLong(pid)).stream())
                    .forEach(ProcessHandle::destroyForcibly);
            here("ip", "netns", "delete", namespace);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
