package io.passatelli.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.fail;

/** A command that ran to its end, in the project's directory. */
public record Command(int exitCode, String out, String err) {
    /** The project's directory. */
    public static final Path ROOT = Path.of(System.getProperty("basedir", System.getProperty("user.dir")))
            .toAbsolutePath();

    private static final Duration END_LIMIT = Duration.ofSeconds(10);

    /** Runs a command; one that takes longer than {@code limit} is ended, and that is a failure. */
    public static Command run(Duration limit, List<String> words) throws IOException, InterruptedException {
        Path out = Files.createTempFile("passatelli", ".out");
        Path err = Files.createTempFile("passatelli", ".err");
        Process process = new ProcessBuilder(words)
                .directory(ROOT.toFile())
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectOutput(out.toFile())
                .redirectError(err.toFile())
                .start();
        try {
            if (!process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS)) {
                fail(
                        "%s did not end within %s; it said: %s%s",
                        words, limit, Files.readString(out), Files.readString(err));
            }
            return new Command(process.exitValue(), Files.readString(out), Files.readString(err));
        } finally {
            end(process);
            Files.delete(out);
            Files.delete(err);
        }
    }

    /** Asks a process to end, and insists when it does not; what it started ends with it. */
    public static void end(Process process) {
        List<ProcessHandle> descendants = process.descendants().toList();
        terminate(process);
        try {
            if (!process.waitFor(END_LIMIT.toMillis(), TimeUnit.MILLISECONDS)) {
                process.destroyForcibly();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            process.destroyForcibly();
        }
        descendants.forEach(ProcessHandle::destroyForcibly);
    }

    /** Ends a process and all that it started at once. */
    public static void kill(Process process) {
        process.descendants().forEach(ProcessHandle::destroyForcibly);
        process.destroyForcibly();
    }

    /** SIGTERM. Process.destroy would also close the streams that its last words come from. */
    public static void terminate(Process process) {
        process.toHandle().destroy();
    }

    /** This command, which must have ended well. */
    public Command succeeded() {
        if (exitCode != 0) {
            fail("exit code %d, it said: %s%s", exitCode, out, err);
        }
        return this;
    }
}
