package io.passatelli.app;

import io.passatelli.base.Log;
import org.jspecify.annotations.Nullable;

import java.io.PrintStream;

/**
 * Where a role's messages go, one line each: to its log file if it has one, else to standard error, and to syslog once it is in the background. While it
 * starts, warnings and errors go to standard error in any case: whoever started it is there to read them. Any thread.
 */
final class RoleLog {
    private final Log.Level threshold;
    private final PrintStream err = System.err;
    private volatile @Nullable LogFile file;
    private volatile @Nullable Syslog syslog;
    private volatile boolean starting = true;

    RoleLog(Log.Level threshold) {
        this.threshold = threshold;
    }

    Log log() {
        return new Log(threshold, this::say);
    }

    void into(LogFile made) {
        file = made;
    }

    /** The role is ready. Without a syslog it stays in the foreground. */
    void started(@Nullable Syslog inBackground) {
        syslog = inBackground;
        starting = false;
    }

    private void say(Log.Level level, String line) {
        String clean = printable(line);
        LogFile intoFile = file;
        Syslog away = syslog;
        if (intoFile != null) {
            intoFile.write(prefix(level) + clean);
        } else if (away != null) {
            away.send(level, clean);
        }
        if (starting ? intoFile == null || level.compareTo(Log.Level.WARNING) <= 0 : intoFile == null && away == null) {
            err.println(prefix(level) + clean);
        }
    }

    private static String prefix(Log.Level level) {
        return switch (level) {
            case ERROR -> "error: ";
            case WARNING -> "warning: ";
            case INFO, DEBUG, TRACE -> "";
        };
    }

    /** A line may quote what a guest sent: nothing in it may steer a terminal or forge a second line. */
    private static String printable(String line) {
        StringBuilder clean = new StringBuilder(line.length());
        line.codePoints().map(c -> Character.isISOControl(c) ? '?' : c).forEach(clean::appendCodePoint);
        return clean.toString();
    }
}
