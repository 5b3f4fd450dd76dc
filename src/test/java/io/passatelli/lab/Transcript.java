package io.passatelli.lab;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.function.Predicate;

import static org.assertj.core.api.Assertions.fail;

/** A text file that another process writes to. */
public record Transcript(Path file) {
    private static final long PAUSE_MS = 50;

    /** The whole lines that are there by now. */
    public List<String> lines() throws IOException {
        if (!Files.exists(file)) {
            return List.of();
        }
        String text = new String(Files.readAllBytes(file), StandardCharsets.ISO_8859_1);
        return text.substring(0, text.lastIndexOf('\n') + 1)
                .lines()
                .map(line -> line.replace("\r", ""))
                .toList();
    }

    /** What follows {@code start} in the line that begins with it: in the {@code count}th of them, which has to come in time. */
    public String await(String start, int count, Duration limit) throws IOException, InterruptedException {
        Predicate<String> wanted = line -> line.startsWith(start);
        long end = System.nanoTime() + limit.toNanos();
        while (true) {
            List<String> found = lines().stream().filter(wanted).toList();
            if (found.size() >= count) {
                return found.get(count - 1).substring(start.length());
            }
            if (System.nanoTime() > end) {
                return fail(
                        "no %s. line '%s' within %s in %s: %s", count, start, limit, file, String.join("\n", lines()));
            }
            Thread.sleep(PAUSE_MS);
        }
    }
}
