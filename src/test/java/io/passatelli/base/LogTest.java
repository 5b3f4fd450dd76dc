package io.passatelli.base;

import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

class LogTest {
    private final List<String> lines = new ArrayList<>();

    @Test
    void linesBelowTheThresholdAreNotSaid() {
        Log log = new Log(Log.Level.WARNING, (level, line) -> lines.add(level + " " + line));
        log.error("a");
        log.warn("b");
        log.info("c");
        assertThat(lines).containsExactly("ERROR a", "WARNING b");
    }

    @Test
    void debugLinesAreMadeOnlyForAListener() {
        Log quiet = new Log(Log.Level.INFO, (level, line) -> lines.add(line));
        quiet.debug(() -> {
            throw new AssertionError("nobody listens");
        });
        Log loud = new Log(Log.Level.DEBUG, (level, line) -> lines.add(line));
        loud.debug(() -> "made");
        assertThat(lines).containsExactly("made");
    }

    @Test
    void silentLogTakesErrorsToo() {
        Log.silent().error("nothing happens");
        assertThat(Log.silent().at(Log.Level.WARNING)).isFalse();
    }
}
