package io.passatelli.app;

import io.passatelli.base.Log;

import java.io.PrintStream;

/** Messages of a role in the foreground: one line each, on standard error. */
final class StderrLog {
    private StderrLog() {}

    static Log of(boolean debug, boolean quiet) {
        Log.Level threshold = debug ? Log.Level.DEBUG : quiet ? Log.Level.WARNING : Log.Level.INFO;
        PrintStream out = System.err;
        return new Log(threshold, (level, line) -> out.println(prefix(level) + printable(line)));
    }

    private static String prefix(Log.Level level) {
        return switch (level) {
            case ERROR -> "error: ";
            case WARNING -> "warning: ";
            case INFO, DEBUG, TRACE -> "";
        };
    }

    /** A line may quote what a guest sent: nothing in it may steer a terminal or forge a second line. */
    static String printable(String line) {
        StringBuilder clean = new StringBuilder(line.length());
        line.codePoints().map(c -> Character.isISOControl(c) ? '?' : c).forEach(clean::appendCodePoint);
        return clean.toString();
    }
}
