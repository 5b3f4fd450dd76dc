package io.passatelli.base;

import java.util.function.BiConsumer;
import java.util.function.Supplier;

/** Where a plane says what happened. Lines are one sentence; callers on the guest's behalf go through a {@link RateLimit}. Any thread. */
public final class Log {
    /** Severity, most severe first. */
    public enum Level {
        ERROR,
        WARNING,
        INFO,
        DEBUG,
        TRACE
    }

    private final Level threshold;
    private final BiConsumer<Level, String> sink;

    /** Passes lines at {@code threshold} or above to {@code sink}, which any thread may call. */
    public Log(Level threshold, BiConsumer<Level, String> sink) {
        this.threshold = threshold;
        this.sink = sink;
    }

    /** Says nothing. */
    public static Log silent() {
        return new Log(Level.ERROR, (level, line) -> {});
    }

    public boolean at(Level level) {
        return level.compareTo(threshold) <= 0;
    }

    public void error(String line) {
        say(Level.ERROR, line);
    }

    /** A line, and where {@code thrown} came from. */
    public void error(String line, Throwable thrown) {
        error(line);
        for (StackTraceElement frame : thrown.getStackTrace()) {
            error("  at " + frame);
        }
    }

    public void warn(String line) {
        say(Level.WARNING, line);
    }

    public void info(String line) {
        say(Level.INFO, line);
    }

    /** The line is made only when somebody listens. */
    public void debug(Supplier<String> line) {
        if (at(Level.DEBUG)) {
            say(Level.DEBUG, line.get());
        }
    }

    private void say(Level level, String line) {
        if (at(level)) {
            sink.accept(level, line);
        }
    }
}
