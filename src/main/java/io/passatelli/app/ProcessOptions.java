package io.passatelli.app;

import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** What the command line says about the process itself, not about the guest's network. */
final class ProcessOptions {
    private static final int MOST_SECONDS = 86_400;

    @Option(
            names = {"-f", "--foreground"},
            description = "stay in the foreground, with messages on standard error (default: return when it is ready)")
    boolean foreground;

    @Option(
            names = {"-d", "--debug"},
            description = "say more; cancels --quiet")
    void debug(boolean on) {
        debug = on;
        quiet = quiet && !on;
    }

    private boolean debug;

    @Option(names = "--trace", description = "the same as --debug, for now; --pcap shows the frames")
    void trace(boolean on) {
        trace = on;
        debug(on);
    }

    private boolean trace;

    @Option(
            names = {"-q", "--quiet"},
            description = "say only warnings and errors; cancels --debug")
    void quiet(boolean on) {
        quiet = on;
        debug = debug && !on;
        trace = trace && !on;
    }

    private boolean quiet;

    @Option(
            names = {"-e", "--stderr"},
            description = "deprecated, without effect")
    boolean stderr;

    @Option(
            names = {"-l", "--log-file"},
            paramLabel = "FILE",
            description = "messages go to this file instead (default: to standard error, in the background to syslog)")
    @Nullable
    String logFile;

    @Option(
            names = "--log-size",
            paramLabel = "BYTES",
            description = "the largest size of the log file, 40960 at least (default: 1048576)")
    @Nullable
    String logSize;

    @Option(
            names = {"-P", "--pid"},
            paramLabel = "FILE",
            description = "write the process's number to this file, before the command returns")
    @Nullable
    String pidFile;

    @Option(
            names = "--runas",
            paramLabel = "USER[:GROUP]",
            description = "go on as this user once all is opened, by name or number (default: nobody instead of root)")
    @Nullable
    String runas;

    @Option(
            names = "--stats",
            paramLabel = "SECONDS",
            description = "print what was counted, at most once in so many seconds; needs --foreground")
    @Nullable
    String stats;

    @Option(names = "--chroot-fallback", description = "accepted, without effect: the root directory stays as it is")
    boolean chrootFallback;

    Log.Level threshold() {
        return trace ? Log.Level.TRACE : debug ? Log.Level.DEBUG : quiet ? Log.Level.WARNING : Log.Level.INFO;
    }

    /** Throws {@link IllegalArgumentException} with one sentence. */
    long logBytes() {
        return logSize == null
                ? Limits.LOG_FILE_BYTES
                : number("--log-size", logSize, Limits.LOG_FILE_MIN_BYTES, Integer.MAX_VALUE);
    }

    /** Seconds between two tables; 0: none is wanted. Throws {@link IllegalArgumentException} with one sentence. */
    int statsSeconds() {
        if (stats == null) {
            return 0;
        }
        if (!foreground) {
            throw new IllegalArgumentException("--stats: needs -f, --foreground: its tables go to standard error");
        }
        return (int) number("--stats", stats, 1, MOST_SECONDS);
    }

    private static long number(String option, String text, long least, long most) {
        try {
            long number = Long.parseLong(text);
            if (number >= least && number <= most) {
                return number;
            }
        } catch (NumberFormatException e) {
            // said below
        }
        throw new IllegalArgumentException(option + ": '" + text + "' is no number from " + least + " to " + most);
    }
}
