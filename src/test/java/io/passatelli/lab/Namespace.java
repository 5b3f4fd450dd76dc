package io.passatelli.lab;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

/** A network namespace of a test's own, with loopback up. Goes away with the JVM at the latest. */
public final class Namespace implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    private static final AtomicInteger COUNT = new AtomicInteger();

    private final String name;
    private final Thread atExit = new Thread(this::remove);

    private Namespace(String name) {
        this.name = name;
    }

    /** Makes one whose name begins with {@code prefix}; what an earlier process left behind under that name is taken away. */
    public static Namespace make(String prefix) throws IOException, InterruptedException {
        Namespace made = new Namespace(unique(prefix));
        made.remove();
        Runtime.getRuntime().addShutdownHook(made.atExit);
        boolean isMade = false;
        try {
            Command.run(LIMIT, List.of("ip", "netns", "add", made.name)).succeeded();
            made.run("ip", "link", "set", "lo", "up");
            isMade = true;
        } finally {
            if (!isMade) {
                made.close();
            }
        }
        return made;
    }

    /** A name that nobody on this machine has now. */
    static String unique(String prefix) {
        return prefix + ProcessHandle.current().pid() + "x" + COUNT.incrementAndGet();
    }

    public String name() {
        return name;
    }

    /** The path by which it is entered. */
    public String path() {
        return pathOf(name).toString();
    }

    static Path pathOf(String name) {
        return Path.of("/run/netns", name);
    }

    /** The words that make a command run in a namespace. */
    static List<String> inside(String name, List<String> words) {
        List<String> all = new ArrayList<>(List.of("ip", "netns", "exec", name));
        all.addAll(words);
        return all;
    }

    /** Runs a command in here, which has to end well; what it printed. */
    public String run(String... words) throws IOException, InterruptedException {
        return Command.run(LIMIT, inside(name, List.of(words))).succeeded().out();
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

    /** Whoever still runs in there was started by us: nobody else knows the name. */
    private void remove() {
        if (!Files.exists(pathOf(name))) {
            return;
        }
        try {
            Command.run(LIMIT, List.of("ip", "netns", "pids", name))
                    .out()
                    .lines()
                    .map(String::strip)
                    .filter(line -> !line.isEmpty())
                    .flatMap(pid -> ProcessHandle.of(Long.parseLong(pid)).stream())
                    .forEach(ProcessHandle::destroyForcibly);
            Command.run(LIMIT, List.of("ip", "netns", "delete", name)).succeeded();
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
