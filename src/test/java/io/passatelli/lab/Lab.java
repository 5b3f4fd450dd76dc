package io.passatelli.lab;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

/**
 * The network of scripts/lab.sh in two namespaces, and on demand a third, for a guest:
 *
 * <pre>
 *  peer                           pod                               vm
 *  eth0 10.77.0.1, .3 /24  ----  eth0 10.77.0.2/24, via .1
 *                                our plane  ------------------  tap0
 * </pre>
 *
 * Names are unique to this JVM, and go away with it at the latest. Every command has a time limit; files go to a directory that is deleted at
 * the end.
 */
public final class Lab implements AutoCloseable {
    /** The pod's address, which a guest gets too. */
    public static final String POD = "10.77.0.2";
    /** The pod's gateway: to the guest it stands for the pod's loopback. */
    public static final String GATEWAY = "10.77.0.1";
    /** Of the pod that {@link #beside} makes. */
    public static final String POD_BESIDE = "10.78.0.2";
    /** Another machine on the pod's network. */
    public static final String PEER = "10.77.0.3";

    private static final int OPEN_FILES = 4_096;
    private static final Duration LIMIT = Duration.ofSeconds(30);

    private final String name = Namespace.unique("lab");
    private final String peer;
    private final String address;
    private final Path directory;
    private final Thread atExit = new Thread(this::down);
    private @Nullable Namespace vm;
    private final List<Namespace> others = new ArrayList<>();

    private Lab(@Nullable Lab other) throws IOException {
        peer = other == null ? name + "-peer" : other.peer;
        address = other == null ? POD : POD_BESIDE;
        directory = Files.createTempDirectory(name);
    }

    /** Makes the pod and its peer. Fails if this machine does not let us. */
    public static Lab up() throws IOException, InterruptedException {
        return up(false, null);
    }

    /** The same, with a namespace for a guest. */
    public static Lab withVm() throws IOException, InterruptedException {
        return up(true, null);
    }

    /** One more pod, on another node, with the same peer; to be closed before this. {@link #POD_BESIDE}, fd78::2, behind 10.78.0.1, fd78::1. */
    public Lab beside() throws IOException, InterruptedException {
        return up(false, this);
    }

    private static Lab up(boolean withVm, @Nullable Lab other) throws IOException, InterruptedException {
        Lab lab = new Lab(other);
        lab.down(); // what an earlier process of this id left behind
        Runtime.getRuntime().addShutdownHook(lab.atExit);
        boolean isUp = false;
        try {
            List<String> up = other == null ? List.of("up", lab.name) : List.of("beside", lab.name, other.name);
            List<String> words = new ArrayList<>(List.of("scripts/lab.sh"));
            words.addAll(up);
            Command.run(LIMIT, words).succeeded();
            if (withVm) {
                lab.vm = Namespace.make(lab.name + "-vm");
            }
            isUp = true;
        } finally {
            if (!isUp) {
                lab.close();
            }
        }
        return lab;
    }

    public String peer() {
        return peer;
    }

    public String pod() {
        return name + "-pod";
    }

    /** The pod's address. */
    public String address() {
        return address;
    }

    public String vm() {
        return Objects.requireNonNull(vm, "a lab without guest").name();
    }

    /** Of the test's own, deleted at the end. */
    public Path directory() {
        return directory;
    }

    /** The path by which a namespace is entered. */
    public static Path pathOf(String namespace) {
        return Namespace.pathOf(namespace);
    }

    /** The words that make a command run in the pod. */
    public List<String> inPod(List<String> words) {
        return Namespace.inside(pod(), words);
    }

    /** Runs a command in a namespace to its end. */
    public Command in(String namespace, Duration limit, String... words) throws IOException, InterruptedException {
        return Command.run(limit, Namespace.inside(namespace, List.of(words)));
    }

    /** Which groups may open ping sockets in the pod, icmp(7). */
    public void pingGroups(String range) throws IOException, InterruptedException {
        in(pod(), LIMIT, "sysctl", "-qw", "net.ipv4.ping_group_range=" + range).succeeded();
    }

    /** Makes one more namespace, with nothing but its loopback; its name. */
    public String anotherNamespace(String role) throws IOException, InterruptedException {
        Namespace made = Namespace.make(name + "-" + role);
        others.add(made);
        return made.name();
    }

    /** Replaces what a program that starts in the pod, or runs there, reads as /etc/resolv.conf: the file stays the same. */
    public void resolvConf(String text) throws IOException {
        Files.writeString(Path.of("/etc/netns", pod(), "resolv.conf"), text);
    }

    /** Starts a plane in the pod, for a TAP {@code tap0} in {@code vm}; waits until it is ready. See {@link TapPlane} for its arguments. */
    public PlaneProcess startPlane(String... arguments) throws IOException {
        return startPlane(OPEN_FILES, arguments);
    }

    /** The same, of a process that may have only so many descriptors (RLIMIT_NOFILE). */
    public PlaneProcess startPlane(int openFiles, String... arguments) throws IOException {
        List<String> command = new ArrayList<>(List.of(
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
                "namespace=" + pathOf(vm())));
        command.addAll(List.of(arguments));
        return PlaneProcess.start(inPod(command), directory);
    }

    /** {@code directory} and all below it; nothing if it is not there. */
    public static void delete(Path directory) throws IOException {
        if (Files.notExists(directory)) {
            return;
        }
        try (Stream<Path> files = Files.walk(directory)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.deleteIfExists(file);
            }
        }
    }

    @Override
    public void close() {
        if (vm != null) {
            vm.close();
        }
        others.forEach(Namespace::close);
        down();
        try {
            delete(directory);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        try {
            Runtime.getRuntime().removeShutdownHook(atExit);
        } catch (IllegalStateException e) {
            return; // the machine is going down already
        }
    }

    private void down() {
        if (!Files.exists(pathOf(pod())) && !Files.exists(pathOf(name + "-peer"))) {
            return;
        }
        try {
            Command.run(LIMIT, List.of("scripts/lab.sh", "down", name)).succeeded();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
