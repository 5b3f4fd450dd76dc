package io.passatelli.lab;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.OutputStreamWriter;
import java.io.Writer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

/** A {@link TapPlane} in a process of its own. Ends with {@link #close}, at the latest. */
public final class PlaneProcess implements AutoCloseable {
    private static final long START_S = 30;
    private static final long END_S = 10;

    private final Process process;
    private final BufferedReader answers;
    private final Writer questions;
    private final Path log;
    private volatile boolean isReady;

    private PlaneProcess(Process process, Path log) {
        this.process = process;
        this.log = log;
        answers = process.inputReader(StandardCharsets.UTF_8);
        questions = new OutputStreamWriter(process.getOutputStream(), StandardCharsets.UTF_8);
    }

    static PlaneProcess start(List<String> command, Path directory) throws IOException {
        Path log = Files.createTempFile(directory, "plane", ".log");
        Process process =
                new ProcessBuilder(command).redirectError(log.toFile()).start();
        PlaneProcess plane = new PlaneProcess(process, log);
        Thread.ofPlatform().daemon().start(plane::watchStart);
        plane.expect("ready");
        plane.isReady = true;
        return plane;
    }

    /** Ends a process that does not get ready: then its output ends, and with it the wait for it. */
    private void watchStart() {
        try {
            if (!process.waitFor(START_S, TimeUnit.SECONDS) && !isReady) {
                Command.kill(process);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void expect(String line) throws IOException {
        String said = answers.readLine();
        if (!line.equals(said)) {
            Command.kill(process);
            throw new AssertionError("the plane said " + said + ", not " + line + ":\n" + log());
        }
    }

    /** What it logged. */
    public String log() throws IOException {
        return Files.readString(log, StandardCharsets.UTF_8);
    }

    public long pid() {
        return process.pid();
    }

    public boolean isAlive() {
        return process.isAlive();
    }

    /** Its counters by name: those of {@code Drop} that are not 0, and {@code flows}, {@code invariantViolations}, {@code staleEvents}. */
    public Map<String, Long> stats() throws IOException {
        Map<String, Long> counters = new TreeMap<>();
        words(ask("stats")).forEach((name, value) -> counters.put(name, Long.parseLong(value)));
        return counters;
    }

    /** What can be seen of its flows, each by name. */
    public List<Map<String, String>> flows() throws IOException {
        String flows = ask("flows");
        return flows.isEmpty()
                ? List.of()
                : Arrays.stream(flows.split("\t", -1)).map(PlaneProcess::words).toList();
    }

    /** Begins to record what {@code filter} says. */
    public void capture(Path file, String filter) throws IOException {
        String said = ask("capture " + file + " " + filter);
        if (!file.toString().equals(said)) {
            throw new AssertionError("the plane said " + said + ":\n" + log());
        }
    }

    /** Ends that; how many frames there were. */
    public long stopCapture() throws IOException {
        return Long.parseLong(ask("stop-capture"));
    }

    private String ask(String question) throws IOException {
        questions.write(question + "\n");
        questions.flush();
        String line = answers.readLine();
        if (line == null) {
            throw new AssertionError("the plane is gone:\n" + log());
        }
        return line;
    }

    private static Map<String, String> words(String line) {
        Map<String, String> words = new TreeMap<>();
        for (String word : line.split(" ", -1)) {
            int equals = word.indexOf('=');
            words.put(word.substring(0, equals), word.substring(equals + 1));
        }
        return words;
    }

    /** Ends it, and gives its exit code. */
    public int stop() throws IOException {
        questions.close();
        try {
            if (process.waitFor(END_S, TimeUnit.SECONDS)) {
                return process.exitValue();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Command.kill(process);
        throw new AssertionError("the plane does not end:\n" + log());
    }

    @Override
    public void close() throws IOException {
        Command.kill(process);
        answers.close();
    }
}
