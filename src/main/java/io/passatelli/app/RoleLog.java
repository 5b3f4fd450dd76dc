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

    private void say(Log.Level level, String text) {
        String line = StderrLog.line(level, text);
        LogFile intoFile = file;
        Syslog away = syslog;
        if (intoFile != null) {
            intoFile.write(line);
        } else if (away != null) {
            away.send(level, StderrLog.printable(text));
        }
        boolean elsewhere = intoFile != null || away != null;
        if (!elsewhere || starting && level.compareTo(Log.Level.WARNING) <= 0) {
            err.println(line);
        }
    }
}
