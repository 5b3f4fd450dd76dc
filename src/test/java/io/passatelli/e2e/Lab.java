package io.passatelli.e2e;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** The network of scripts/lab.sh: a pod, 10.77.0.2, and its peer, 10.77.0.1 and 10.77.0.3. Goes away with the JVM at the latest. */
final class Lab implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final AtomicInteger COUNT = new AtomicInteger();

    private final String name = "e2e" + ProcessHandle.current().pid() + "x" + COUNT.incrementAndGet();
    private final Thread atEnd = new Thread(this::down);

    private Lab() {}

    static Lab up() throws IOException, InterruptedException {
        Lab lab = new Lab();
        Runtime.getRuntime().addShutdownHook(lab.atEnd);
        boolean isUp = false;
        try {
            Command.run(LIMIT, List.of("scripts/lab.sh", "up", lab.name)).succeeded();
            isUp = true;
        } finally {
            if (!isUp) {
                lab.close();
            }
        }
        return lab;
    }

    /** The words that make a command run in the pod. */
    List<String> inPod(List<String> words) {
        List<String> all = new ArrayList<>(List.of("ip", "netns", "exec", name + "-pod"));
        all.addAll(words);
        return all;
    }

    /** Which groups may open ping sockets in the pod, icmp(7). */
    void pingGroups(String range) throws IOException, InterruptedException {
        Command.run(LIMIT, inPod(List.of("sysctl", "-qw", "net.ipv4.ping_group_range=" + range)))
                .succeeded();
    }

    @Override
    public void close() {
        Runtime.getRuntime().removeShutdownHook(atEnd);
        down();
    }

    private void down() {
        try {
            Command.run(LIMIT, List.of("scripts/lab.sh", "down", name)).succeeded();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
