package io.passatelli.app;

import io.passatelli.base.Log;

/** How a message looks as one line of standard error, or of a file. */
final class StderrLog {
    private StderrLog() {}

    static String line(Log.Level level, String text) {
        return prefix(level) + printable(text);
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
