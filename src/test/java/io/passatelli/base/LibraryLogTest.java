package io.passatelli.base;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.logging.Level;
import java.util.logging.LogManager;
import java.util.logging.Logger;

import static org.assertj.core.api.Assertions.assertThat;

class LibraryLogTest {
    private static final Logger LIBRARY = Logger.getLogger("org.example.library");

    private final List<String> lines = new ArrayList<>();

    @BeforeEach
    void install() {
        LibraryLog.into(new Log(Log.Level.INFO, (level, line) -> lines.add(level + " " + line)));
    }

    @AfterEach
    void leaveTheProcessAsItWas() throws IOException {
        LogManager.getLogManager().readConfiguration();
    }

    @Test
    void warningsAndWorseBecomeOneLineEach() {
        LIBRARY.log(Level.WARNING, "no {0} left", "memory");
        LIBRARY.log(Level.SEVERE, "gave up", new IllegalStateException("outer", new IOException("inner")));
        assertThat(lines)
                .containsExactly(
                        "WARNING org.example.library: no memory left",
                        "ERROR org.example.library: gave up: java.lang.IllegalStateException: outer: java.io.IOException: inner");
    }

    @Test
    void libraryThatNeverStopsIsHeardSoManyTimesASecond() {
        for (int i = 0; i < 10_000; i++) {
            LIBRARY.warning("again");
        }
        assertThat(lines).hasSizeBetween(Limits.LOG_LINES_PER_SECOND, 20 * Limits.LOG_LINES_PER_SECOND);
    }

    @Test
    void theRestIsNotSaid() {
        LIBRARY.info("started");
        LIBRARY.fine("thinking");
        LIBRARY.severe("The LogManager accessed before the \"java.util.logging.manager\" system property was set to …");
        assertThat(lines).isEmpty();
    }
}
