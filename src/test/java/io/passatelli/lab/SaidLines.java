package io.passatelli.lab;

import org.jspecify.annotations.Nullable;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** What a process says, line by line, as it says it; read by a thread of its own until it says no more. Any thread. */
public final class SaidLines {
    private final InputStream from;
    private final Thread reader;
    private final List<String> lines = new ArrayList<>();
    private boolean ended;

    private SaidLines(InputStream from, String name) {
        this.from = from;
        reader = new Thread(this::read, name);
        reader.setDaemon(true);
    }

    /** {@code name}: of the thread. */
    public static SaidLines of(InputStream from, String name) {
        SaidLines made = new SaidLines(from, name);
        made.reader.start();
        return made;
    }

    private void read() {
        try (BufferedReader in = new BufferedReader(new InputStreamReader(from, StandardCharsets.UTF_8))) {
            for (String line = in.readLine(); line != null; line = in.readLine()) {
                synchronized (lines) {
                    lines.add(line);
                    lines.notifyAll();
                }
            }
        } catch (IOException e) {
            // its end too
        } finally {
            synchronized (lines) {
                ended = true;
                lines.notifyAll();
            }
        }
    }

    /** All by now. */
    public List<String> all() {
        synchronized (lines) {
            return List.copyOf(lines);
        }
    }

    /** The first line, of those that were said and those to come, that is wanted; null if it is not said within so long. */
    public @Nullable String find(Predicate<String> wanted, Duration patience) throws InterruptedException {
        long end = System.nanoTime() + patience.toNanos();
        synchronized (lines) {
            for (int at = 0; ; at++) {
                while (at == lines.size()) {
                    long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
                    if (ended || left <= 0) {
                        return null;
                    }
                    lines.wait(left);
                }
                if (wanted.test(lines.get(at))) {
                    return lines.get(at);
                }
            }
        }
    }

    /** Waits until all is read. */
    public void join() throws InterruptedException {
        reader.join();
    }
}
