package io.passatelli.app;

import io.passatelli.app.monitor.Setbacks;
import io.passatelli.base.Clock;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

class LoopGuardTest {
    private static final long S = 1_000_000_000L;

    private long nowNs = Long.MAX_VALUE - 20 * S;
    private final Clock clock = () -> nowNs;
    private final List<String> lines = new ArrayList<>();
    private final List<Long> rests = new ArrayList<>();
    private final Setbacks setbacks = new Setbacks();
    private final LoopGuard guard =
            new LoopGuard(clock, setbacks, new Log(Log.Level.INFO, (level, line) -> lines.add(line)), rests::add);

    private void breaks(int times, long everyNs) {
        for (int i = 0; i < times; i++) {
            nowNs += everyNs;
            assertThat(guard.test(new OutOfMemoryError("heap"))).isTrue();
        }
    }

    private long said() {
        return lines.stream().filter(line -> line.startsWith("bug: ")).count();
    }

    @Test
    void aLoopThatBreaksNowAndThenBeginsAgainAtOnceAndItIsSaid() {
        breaks(3 * Limits.LOOP_RESTARTS, 61 * S);
        assertThat(rests).isEmpty();
        assertThat(setbacks.loopRestarts()).isEqualTo(3 * Limits.LOOP_RESTARTS);
        assertThat(said()).isEqualTo(3 * Limits.LOOP_RESTARTS);
        assertThat(lines.getFirst()).contains("java.lang.OutOfMemoryError: heap broke the loop: it begins again");
    }

    @Test
    void oneThatBreaksAllTheTimeRestsAndIsSaidRarely() {
        breaks(10 * Limits.LOOP_RESTARTS, S);
        assertThat(rests).hasSize(9 * Limits.LOOP_RESTARTS).containsOnly(Limits.LOOP_REST_MS * 1_000_000L);
        assertThat(said()).isEqualTo(Limits.LOOP_RESTARTS + 9);
        breaks(1, 61 * S);
        assertThat(rests).as("it was well in between").hasSize(9 * Limits.LOOP_RESTARTS);
    }

    @Test
    void itGoesOnWhereNotEvenALineIsPossible() {
        LoopGuard mute = new LoopGuard(
                clock,
                setbacks,
                new Log(Log.Level.INFO, (level, line) -> {
                    throw new OutOfMemoryError("heap");
                }),
                rests::add);
        assertThat(mute.test(new OutOfMemoryError("heap"))).isTrue();
        assertThat(setbacks.loopRestarts()).isEqualTo(1);
        assertThat(setbacks.threadFailures()).isEqualTo(1);
    }
}
