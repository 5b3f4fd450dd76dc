package io.passatelli.hook;

import io.netty.util.internal.logging.InternalLoggerFactory;
import io.netty.util.internal.logging.JdkLoggerFactory;
import io.passatelli.base.Clock;
import io.passatelli.base.Log;
import io.passatelli.base.RateLimit;

import java.util.List;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;

/** Makes lines of ours of what gRPC and Netty have to say; any thread. Nothing of it is expected. */
final class WireLog extends Handler {
    /** Kept here: a logger that nobody keeps is forgotten, with its settings. */
    private static final List<Logger> SOURCES = List.of(Logger.getLogger("io.grpc"), Logger.getLogger("io.netty"));

    private final Clock clock = Clock.system();
    private final RateLimit lines = new RateLimit();
    private final Log log;

    private WireLog(Log log) {
        this.log = log;
    }

    /** Instead of to where these lines went before. */
    static void into(Log log) {
        InternalLoggerFactory.setDefaultFactory(JdkLoggerFactory.INSTANCE);
        Handler handler = new WireLog(log);
        for (Logger source : SOURCES) {
            List.of(source.getHandlers()).forEach(source::removeHandler);
            source.setUseParentHandlers(false);
            source.setLevel(Level.WARNING);
            source.addHandler(handler);
        }
    }

    @Override
    public synchronized void publish(LogRecord line) {
        if (lines.allows(clock.nowNs())) {
            Throwable cause = line.getThrown();
            log.warn(line.getLoggerName() + ": " + line.getMessage() + (cause == null ? "" : ": " + cause)
                    + lines.leftOut());
        }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
}
