package io.passatelli.e2e;

import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import io.passatelli.lab.SaidLines;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.fail;

/**
 * A passt in the pod of a lab, as a user without rights: {@code target/passatelli/bin/passt}, or the program that $PASSATELLI_BIN names (Debian's
 * passt shows that a test asks for what passt does). Ends with {@link #close}.
 */
final class Passt implements AutoCloseable {
    private static final int USER = 65_534;
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final Path TREE = Command.ROOT.resolve("target/passatelli");
    private static final @Nullable String OTHER = System.getenv("PASSATELLI_BIN");
    private static final Pattern PRIVATE_DIRTY = Pattern.compile("Private_Dirty: +(\\d+) kB");

    private final Path directory;
    private final Process process;
    private final SaidLines said;

    private Passt(Path directory, Process process) {
        this.directory = directory;
        this.process = process;
        said = SaidLines.of(process.getErrorStream(), "stderr of passt");
    }

    /** Starts passt with {@code -f -s SOCKET} and these options, and waits until it listens. */
    static Passt start(Lab lab, String... options) throws IOException, InterruptedException {
        return start(lab, List.of(), options);
    }

    /** The same, started by {@code starter}: the words of a command that takes a command. */
    static Passt start(Lab lab, List<String> starter, String... options) throws IOException, InterruptedException {
        Path directory = directory();
        Path socket = directory.resolve("socket");
        List<String> words = new ArrayList<>(starter);
        words.addAll(List.of(program(), "-f", "-s", socket.toString()));
        Arrays.stream(options).map(o -> o.replace("@", directory + "/")).forEach(words::add);
        Set<String> listening = Set.of("listening on " + socket, "UNIX domain socket bound at " + socket);
        return launch(directory, lab.inPod(unprivileged(words)), listening::contains);
    }

    /** Starts passt with {@code -f -F 0} once somebody connects to the socket: socat(1) stands between. */
    static Passt startConnected(Lab lab) throws IOException, InterruptedException {
        Path directory = directory();
        String passt = String.join(" ", unprivileged(List.of(program(), "-f", "-F", "0")));
        String door = "UNIX-LISTEN:" + directory.resolve("socket");
        List<String> words = List.of("socat", "-d", "-d", door, "EXEC:" + passt);
        return launch(directory, lab.inPod(words), line -> line.contains("listening on AF=1"));
    }

    private static Passt launch(Path directory, List<String> words, Predicate<String> listening)
            throws IOException, InterruptedException {
        Process process = new ProcessBuilder(words)
                .directory(Command.ROOT.toFile())
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        Passt passt = new Passt(directory, process);
        boolean listens = false;
        try {
            passt.awaitLine(listening);
            listens = true;
        } finally {
            if (!listens) {
                passt.close();
            }
        }
        return passt;
    }

    /** The one directory where passt may write. */
    private static Path directory() throws IOException {
        Path directory = Files.createTempDirectory("passatelli");
        Files.setAttribute(directory, "unix:uid", USER);
        return directory;
    }

    private static String program() {
        String program = OTHER == null ? TREE.resolve("bin/passt").toString() : OTHER;
        if (!Files.isExecutable(Path.of(program))) {
            fail("there is no program %s: make build", program);
        }
        return program;
    }

    private static List<String> unprivileged(List<String> command) throws IOException {
        List<String> words = new ArrayList<>(List.of("scripts/unprivileged.sh"));
        if (OTHER == null) {
            String javaHome = Files.readString(TREE.resolve("lib/java-home")).strip();
            words.addAll(List.of("-r", TREE.toString(), "-r", javaHome));
        }
        words.add(String.valueOf(USER));
        words.addAll(command);
        return words;
    }

    Path socket() {
        return directory.resolve("socket");
    }

    /** A file in passt's directory; an option says {@code @NAME} for it. */
    Path file(String name) {
        return directory.resolve(name);
    }

    boolean isAlive() {
        return process.isAlive();
    }

    /** All it has said by now. */
    List<String> lines() {
        return said.all();
    }

    /** The first line, of those that were said and those to come, that is wanted. */
    String awaitLine(Predicate<String> wanted) throws InterruptedException {
        String line = said.find(wanted, LIMIT);
        return line == null ? fail("passt did not say what was waited for, but %s", lines()) : line;
    }

    /** Memory that is this process' alone, KiB. */
    long privateKib() throws IOException {
        String map = Files.readString(Path.of("/proc/" + process.pid() + "/smaps_rollup"));
        Matcher found = PRIVATE_DIRTY.matcher(map);
        return found.find() ? Long.parseLong(found.group(1)) : fail("no Private_Dirty in %s", map);
    }

    /** How many descriptors it has open. */
    int descriptors() throws IOException {
        try (Stream<Path> open = Files.list(Path.of("/proc/" + process.pid() + "/fd"))) {
            return (int) open.count();
        }
    }

    /** SIGTERM; the exit code. */
    int terminate() throws InterruptedException {
        Command.terminate(process);
        return awaitExit();
    }

    int awaitExit() throws InterruptedException {
        if (!process.waitFor(LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
            fail("passt does not end; it said %s", lines());
        }
        said.join();
        return process.exitValue();
    }

    @Override
    public void close() throws IOException {
        Command.end(process);
        List<Path> left;
        try (Stream<Path> files = Files.list(directory)) {
            left = files.toList();
        }
        for (Path file : left) {
            Files.delete(file);
        }
        Files.delete(directory);
    }
}
