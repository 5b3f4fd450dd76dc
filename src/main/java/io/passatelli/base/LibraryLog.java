package io.passatelli.base;

import java.util.List;
import java.util.logging.Formatter;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;

/**
 * What libraries say by java.util.logging, warnings and worse, as lines of a role's own log. Quarkus and what belongs to it do so because {@link #into} says
 * so: its own log manager would have to be there before anybody else has logged, and would keep what is said until Quarkus starts.
 */
public final class LibraryLog extends Handler {
    /** jboss-logging, which Quarkus uses, would look for a log manager of its own otherwise. */
    private static final String PROVIDER = "org.jboss.logging.provider";

    /** jboss-logmanager complains here, once, that it is not the JVM's log manager. It is not meant to be. */
    private static final String OF_LOG_MANAGER = "The LogManager accessed before the";

    private static final Formatter TEXTS = new SimpleFormatter();

    private final Clock clock = Clock.system();
    private final RateLimit lines = new RateLimit();
    private final Log log;

    private LibraryLog(Log log) {
        this.log = log;
    }

    /** From now on, for the whole process; whoever called last has it. */
    public static void into(Log log) {
        System.setProperty(PROVIDER, "jdk");
        Logger root = Logger.getLogger("");
        List.of(root.getHandlers()).forEach(root::removeHandler);
        root.setLevel(Level.WARNING);
        root.addHandler(new LibraryLog(log));
    }

    /** The JVM takes all handlers away when it is asked to end, and whoever goes on for a while has none then: it is put back. */
    public static void putBack(Log log) {
        if (Logger.getLogger("").getHandlers().length == 0) {
            into(log);
        }
    }

    /** jboss-logmanager complains when it is first asked for a logger, which is any time otherwise: from now on it has. */
    public static void haveItComplain() {
        System.getLogger(LibraryLog.class.getName());
    }

    @Override
    public synchronized void publish(LogRecord record) {
        String text = TEXTS.formatMessage(record);
        if (record.getLevel().intValue() < Level.WARNING.intValue()
                || text.startsWith(OF_LOG_MANAGER)
                || !lines.allows(clock.nowNs())) {
            return;
        }
        StringBuilder line =
                new StringBuilder().append(record.getLoggerName()).append(": ").append(text);
        for (Throwable t = record.getThrown(); t != null; t = t.getCause()) {
            line.append(": ").append(t);
        }
        line.append(lines.leftOut());
        if (record.getLevel().intValue() >= Level.SEVERE.intValue()) {
            log.error(line.toString());
        } else {
            log.warn(line.toString());
        }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {}
}
