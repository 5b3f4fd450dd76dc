package io.passatelli.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

import static org.assertj.core.api.Assertions.fail;

/**
 * A virt-launcher pod without Kubernetes: in the pod of a {@link Lab} a compute container with a real libvirtd, and containers of sidecars as
 * KubeVirt runs them, which share the volume of the hook sockets. See src/test/launcher/README.md. All of it ends with {@link #close}, and with
 * this JVM at the latest.
 */
public final class LibvirtLab implements AutoCloseable {
    /** Which libvirtd: of user 107 without capabilities, as KubeVirt runs it, or of root, as with its feature gate Root. */
    public enum Mode {
        SESSION,
        SYSTEM
    }

    private static final Path POD = Command.ROOT.resolve("src/test/launcher/pod");
    private static final Duration START = Duration.ofSeconds(40);
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final long PAUSE_MS = 50;

    private final Lab lab;
    private final Mode mode;
    private final List<Process> processes = new ArrayList<>();

    private LibvirtLab(Lab lab, Mode mode) {
        this.lab = lab;
        this.mode = mode;
    }

    /** Makes the pod and waits until its libvirt answers. */
    public static LibvirtLab up(Mode mode) throws IOException, InterruptedException {
        return up(Lab.up(), mode);
    }

    /** One more pod, on another node, where VMs can be migrated to; to be closed before this. */
    public LibvirtLab beside() throws IOException, InterruptedException {
        return up(lab.beside(), mode);
    }

    private static LibvirtLab up(Lab lab, Mode mode) throws IOException, InterruptedException {
        LibvirtLab made = new LibvirtLab(lab, mode);
        boolean isUp = false;
        try {
            made.startCompute();
            isUp = true;
        } finally {
            if (!isUp) {
                made.close();
            }
        }
        return made;
    }

    private void startCompute() throws IOException, InterruptedException {
        Process compute = start(List.of(), "compute", "compute", mode.name().toLowerCase(Locale.ROOT), directory());
        long end = System.nanoTime() + START.toNanos();
        while (!Files.exists(lab.directory().resolve("run/libvirt/libvirt-sock"))
                || pod("virsh", directory(), "version").exitCode() != 0) {
            if (!compute.isAlive() || System.nanoTime() > end) {
                fail(
                        "libvirtd does not answer; it said %s",
                        transcript("compute").lines());
            }
            Thread.sleep(PAUSE_MS);
        }
    }

    /** The network that the pod is in: its peer is the node, and whoever else is there. */
    public Lab network() {
        return lab;
    }

    public Mode mode() {
        return mode;
    }

    /** The volume of the hook sockets, with one directory for each sidecar, as the compute container sees it. */
    public Path hooks() {
        return lab.directory().resolve("hooks");
    }

    /** Runs a command in the container of a sidecar, as a user without rights; what it prints is in {@link #transcript}{@code (name)}. */
    public Process startSidecar(String name, String... command) throws IOException {
        return startSidecar(List.of(), name, command);
    }

    /** The same; the container is started by {@code starter}, the words of a command that takes a command. */
    public Process startSidecar(List<String> starter, String name, String... command) throws IOException {
        List<String> words = new ArrayList<>(List.of("sidecar"));
        if (mode == Mode.SYSTEM) {
            words.addAll(List.of("-u", "0"));
        }
        words.addAll(List.of(directory(), name));
        words.addAll(List.of(command));
        return start(starter, name, words.toArray(String[]::new));
    }

    /** What a container has printed. */
    public Transcript transcript(String name) {
        return new Transcript(lab.directory().resolve(name + ".log"));
    }

    /** Defines a domain in libvirt, with a kernel and a script of ours in it, and starts it. */
    public LibvirtGuest start(byte[] domainXml, String script) throws IOException, InterruptedException {
        String name = give("define", domainXml, script);
        virsh("start", name);
        return new LibvirtGuest(this, name);
    }

    /** Makes what a domain refers to, which is to come by migration; {@code script} is the same as where it comes from. */
    public void expect(byte[] domainXml, String script) throws IOException, InterruptedException {
        give("expect", domainXml, script);
    }

    /** The domain's name. */
    private String give(String command, byte[] domainXml, String script) throws IOException, InterruptedException {
        Path xml = Files.write(lab.directory().resolve("given.xml"), domainXml);
        Path file = Files.writeString(lab.directory().resolve("script"), script);
        return pod(command, directory(), xml.toString(), file.toString())
                .succeeded()
                .out()
                .strip();
    }

    /** Has a guest of this pod go on in {@code target}, which expects it. */
    public LibvirtGuest migrate(LibvirtGuest guest, LibvirtLab target) throws IOException, InterruptedException {
        tryMigrate(guest, target).succeeded();
        return new LibvirtGuest(target, guest.name());
    }

    /** The same, with options of virsh; what came of it. Memory goes by a UNIX socket, as in KubeVirt. */
    public Command tryMigrate(LibvirtGuest guest, LibvirtLab target, String... options)
            throws IOException, InterruptedException {
        Path between = Files.createTempDirectory("migration");
        Path socket = between.resolve("memory");
        Files.setAttribute(between, "unix:mode", 0777);
        List<String> words = new ArrayList<>(List.of("virsh", directory(), "migrate", "--live", "--unsafe"));
        words.addAll(List.of("--persistent", "--undefinesource", "--migrateuri", "unix://" + socket));
        words.addAll(List.of(options));
        String other = "qemu+unix:///" + (mode == Mode.SESSION ? "session" : "system");
        words.addAll(List.of(guest.name(), other + "?socket=" + target.lab.directory() + "/run/libvirt/libvirt-sock"));
        try {
            return pod(words.toArray(String[]::new));
        } finally {
            Files.deleteIfExists(socket);
            Files.delete(between);
        }
    }

    /** Ends QEMU as the kernel does when there is no memory left. */
    public void killQemu() {
        processes
                .getFirst()
                .descendants()
                .filter(its -> its.info().command().orElse("").contains("/qemu-system-"))
                .forEach(ProcessHandle::destroyForcibly);
    }

    /** What virsh prints, which has to end well. */
    public String virsh(String... words) throws IOException, InterruptedException {
        List<String> all = new ArrayList<>(List.of("virsh", directory()));
        all.addAll(List.of(words));
        return pod(all.toArray(String[]::new)).succeeded().out();
    }

    private Command pod(String... words) throws IOException, InterruptedException {
        return Command.run(LIMIT, words(words));
    }

    private Process start(List<String> starter, String name, String... words) throws IOException {
        Path log = transcript(name).file();
        List<String> all = new ArrayList<>(starter);
        all.addAll(lab.inPod(words(words)));
        Process process = new ProcessBuilder(all)
                .directory(Command.ROOT.toFile())
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                .start();
        processes.add(process);
        return process;
    }

    private static List<String> words(String... words) {
        List<String> all = new ArrayList<>(List.of(POD.toString()));
        all.addAll(List.of(words));
        return all;
    }

    private String directory() {
        return lab.directory().toString();
    }

    @Override
    public void close() {
        processes.forEach(Command::kill);
        for (Process process : processes) {
            try {
                process.waitFor();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
        lab.close();
    }
}
