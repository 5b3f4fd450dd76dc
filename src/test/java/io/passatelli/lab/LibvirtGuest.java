package io.passatelli.lab;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

/** A guest in QEMU that libvirt started. */
public final class LibvirtGuest {
    private static final Pattern CONSOLE = Pattern.compile("<log file='/var/(run/[^']+)'");
    private static final Duration BOOT = Duration.ofSeconds(90);
    private static final Duration END = Duration.ofSeconds(30);
    private static final long PAUSE_MS = 100;

    private final LibvirtLab lab;
    private final String name;
    private final Transcript console;

    LibvirtGuest(LibvirtLab lab, String name) throws IOException, InterruptedException {
        this.lab = lab;
        this.name = name;
        Matcher file = CONSOLE.matcher(lab.virsh("dumpxml", name));
        assertThat(file.find()).as("the serial line has a log").isTrue();
        Path directory = lab.network().directory();
        this.console = new Transcript(directory.resolve(file.group(1)));
    }

    public String name() {
        return name;
    }

    /** What the guest printed as {@code NAME=VALUE}; it has to come. */
    public String said(String name) throws IOException, InterruptedException {
        return said(name, 1);
    }

    /** The same, for the {@code count}th time. */
    public String said(String name, int count) throws IOException, InterruptedException {
        return console.await(name + "=", count, BOOT);
    }

    /** All it has printed. */
    public List<String> console() throws IOException {
        return console.lines();
    }

    /** The connections between QEMU and a listening socket of a sidecar, each as the kernel's numbers of its ends. */
    public List<String> connections(String socket) throws IOException, InterruptedException {
        Command ss = lab.network().in(lab.network().pod(), END, "ss", "-xnH", "state", "established");
        return ss.succeeded()
                .out()
                .lines()
                .map(line -> line.strip().replaceAll(" +", " "))
                .filter(line -> line.contains(" " + socket + " "))
                .map(line -> line.substring(line.indexOf(socket)))
                .toList();
    }

    /** Sends a shell in the guest, which listens at a port of the pod, a line; what it answers until it ends. */
    public String tell(int port, String line) throws IOException {
        try (TcpEnd shell =
                TcpEnd.connect(lab.network().peer(), Lab.PEER, lab.network().address(), port)) {
            shell.send((line + "\nexit\n").getBytes(StandardCharsets.ISO_8859_1));
            return new String(shell.receiveAll(), StandardCharsets.ISO_8859_1);
        }
    }

    /** The same, when it will not live to answer. */
    public void order(int port, String line) throws IOException {
        try (TcpEnd shell =
                TcpEnd.connect(lab.network().peer(), Lab.PEER, lab.network().address(), port)) {
            shell.send((line + "\n").getBytes(StandardCharsets.ISO_8859_1));
            shell.finish();
        }
    }

    /** Waits until libvirt says that the guest is off. */
    public void awaitOff() throws IOException, InterruptedException {
        long end = System.nanoTime() + END.toNanos();
        while (!lab.virsh("domstate", name).strip().equals("shut off")) {
            if (System.nanoTime() > end) {
                fail("the guest does not go off; it said %s", console.lines());
            }
            Thread.sleep(PAUSE_MS);
        }
    }
}
