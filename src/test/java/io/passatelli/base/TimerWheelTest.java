package io.passatelli.base;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import static io.passatelli.base.TimerWheel.NEVER;
import static io.passatelli.base.TimerWheel.TICK_NS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class TimerWheelTest {
    private static final long HOUR_NS = 3_600_000_000_000L;

    private final List<Probe> fired = new ArrayList<>();

    private class Probe extends TimerWheel.Timer {
        Runnable then = () -> {};
        long firedAtNs;
        int times;

        @Override
        protected void due(long nowNs) {
            fired.add(this);
            firedAtNs = nowNs;
            times++;
            then.run();
        }
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 12_345_678_901L, -1, -(1L << 62), Long.MAX_VALUE - 5, Long.MIN_VALUE})
    void timerFiresAtItsTickWhereverTheClockStarts(long startNs) {
        var wheel = new TimerWheel(startNs);
        var timer = new Probe();
        wheel.schedule(timer, startNs + 10 * TICK_NS - 1);

        assertThat(wheel.untilNextNs(startNs)).isEqualTo(10 * TICK_NS);
        assertThat(wheel.advance(startNs + 10 * TICK_NS - 2)).isZero();
        assertThat(timer.isScheduled()).isTrue();
        assertThat(wheel.advance(startNs + 10 * TICK_NS)).isEqualTo(1);
        assertThat(timer.firedAtNs).isEqualTo(startNs + 10 * TICK_NS);
        assertThat(timer.isScheduled()).isFalse();
        assertThat(timer.deadlineNs()).isEqualTo(NEVER);
        assertThat(wheel.count()).isZero();
    }

    @Test
    void timersSurviveTheWrapOfTheClock() {
        long startNs = Long.MAX_VALUE - 3 * TICK_NS;
        var wheel = new TimerWheel(startNs);
        var timer = new Probe();
        long deadlineNs = startNs + HOUR_NS; // wrapped: negative
        wheel.schedule(timer, deadlineNs);

        assertThat(deadlineNs).isNegative();
        assertThat(wheel.advance(deadlineNs - TICK_NS)).isZero();
        assertThat(wheel.advance(deadlineNs + TICK_NS)).isEqualTo(1);
    }

    @Test
    void pastDeadlinesAreDueAtTheNextAdvanceEvenWithinTheSameTick() {
        var wheel = new TimerWheel(0);
        wheel.advance(100 * TICK_NS + 5);
        var timer = new Probe();
        wheel.schedule(timer, 3);

        assertThat(wheel.untilNextNs(100 * TICK_NS + 5)).isZero();
        assertThat(wheel.advance(100 * TICK_NS + 5)).isEqualTo(1);
    }

    @Test
    void timerRescheduledInThePastRunsOncePerAdvance() {
        var wheel = new TimerWheel(0);
        var timer = new Probe();
        timer.then = () -> wheel.schedule(timer, 1);
        wheel.schedule(timer, 1);

        assertThat(wheel.advance(5 * TICK_NS)).isEqualTo(1);
        assertThat(wheel.untilNextNs(5 * TICK_NS)).isZero();
        assertThat(wheel.advance(5 * TICK_NS)).isEqualTo(1);
        assertThat(wheel.count()).isEqualTo(1);
    }

    @Test
    void dueTimerMayCancelAndMoveOthersThatAreDue() {
        var wheel = new TimerWheel(0);
        var first = new Probe();
        var cancelled = new Probe();
        var moved = new Probe();
        var last = new Probe();
        first.then = () -> {
            wheel.cancel(cancelled);
            wheel.schedule(moved, 20 * TICK_NS);
        };
        for (Probe each : List.of(first, cancelled, moved, last)) {
            wheel.schedule(each, TICK_NS);
        }

        assertThat(wheel.advance(2 * TICK_NS)).isEqualTo(2);
        assertThat(fired).containsExactly(first, last);
        assertThat(wheel.count()).isEqualTo(1);
        assertThat(wheel.advance(20 * TICK_NS)).isEqualTo(1);
        assertThat(fired).containsExactly(first, last, moved);
    }

    @Test
    void throwingTimerLosesNoOther() {
        var wheel = new TimerWheel(0);
        var bad = new Probe();
        bad.then = () -> {
            wheel.schedule(bad, 0); // and wants to be first again
            throw new IllegalStateException("bad");
        };
        var good = new Probe();
        wheel.schedule(bad, TICK_NS);
        wheel.schedule(good, TICK_NS);

        assertThatThrownBy(() -> wheel.advance(TICK_NS)).hasMessage("bad");
        assertThat(good.times).isZero();
        assertThat(wheel.untilNextNs(TICK_NS)).isZero();
        bad.then = () -> {};
        assertThat(wheel.advance(TICK_NS)).isEqualTo(2);
        assertThat(good.times).isEqualTo(1);
        assertThat(wheel.count()).isZero();
    }

    @Test
    void faultsGoToTheListenerAndTheOthersRunAtOnce() {
        var wheel = new TimerWheel(0);
        var bad = new Probe();
        bad.then = () -> {
            throw new IllegalStateException("bad");
        };
        var good = new Probe();
        wheel.schedule(bad, TICK_NS);
        wheel.schedule(good, TICK_NS);
        List<TimerWheel.Timer> faulty = new ArrayList<>();

        assertThat(wheel.advance(TICK_NS, (timer, thrown) -> faulty.add(timer))).isEqualTo(2);
        assertThat(faulty).containsExactly(bad);
        assertThat(good.times).isEqualTo(1);
    }

    @Test
    void deadlinesOfHoursAndCenturiesAreKept() {
        var wheel = new TimerWheel(0);
        var hours = new Probe();
        var centuries = new Probe();
        wheel.schedule(hours, 5 * HOUR_NS);
        wheel.schedule(centuries, Long.MAX_VALUE - 1);

        for (long now = 0; now < 5 * HOUR_NS; now += HOUR_NS / 7) {
            assertThat(wheel.advance(now)).isZero();
            assertThat(wheel.untilNextNs(now)).isBetween(1L, 5 * HOUR_NS - now + TICK_NS);
        }
        assertThat(wheel.advance(5 * HOUR_NS + TICK_NS)).isEqualTo(1);
        assertThat(hours.times).isEqualTo(1);
        assertThat(wheel.advance(Long.MAX_VALUE)).isEqualTo(1);
        assertThat(centuries.times).isEqualTo(1);
    }

    @Test
    void sleepingUntilNextTakesFewWakeUps() {
        var wheel = new TimerWheel(0);
        var timer = new Probe();
        long deadlineNs = 3 * HOUR_NS + 12_345;
        wheel.schedule(timer, deadlineNs);

        long now = 0;
        int wakeUps = 0;
        while (timer.times == 0) {
            now += wheel.untilNextNs(now);
            wheel.advance(now);
            wakeUps++;
        }
        assertThat(wakeUps).isLessThanOrEqualTo(8); // one for each level at most
        assertThat(now).isBetween(deadlineNs, deadlineNs + TICK_NS);
    }

    @Test
    void schedulingNeverCancels() {
        var wheel = new TimerWheel(0);
        var timer = new Probe();
        wheel.schedule(timer, TICK_NS);
        wheel.schedule(timer, NEVER);

        assertThat(timer.isScheduled()).isFalse();
        assertThat(wheel.count()).isZero();
        assertThat(wheel.untilNextNs(0)).isEqualTo(NEVER);
    }

    @Test
    void movingATimerLeavesOneOfIt() {
        var wheel = new TimerWheel(0);
        var timer = new Probe();
        for (int i = 1; i <= 100; i++) {
            wheel.schedule(timer, i * 97L * TICK_NS);
        }
        assertThat(wheel.count()).isEqualTo(1);
        assertThat(timer.deadlineNs()).isEqualTo(9_700 * TICK_NS);
        wheel.advance(20_000 * TICK_NS);
        assertThat(timer.times).isEqualTo(1);
    }

    @Test
    void timersOfOneTickFireInTheOrderOfTheirScheduling() {
        var wheel = new TimerWheel(0);
        List<Probe> timers = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            var timer = new Probe();
            timers.add(timer);
            wheel.schedule(timer, 3 * TICK_NS - i);
        }
        wheel.advance(3 * TICK_NS);
        assertThat(fired).containsExactlyElementsOf(timers);
    }

    @Test
    void aClockThatStepsBackChangesNothing() {
        var wheel = new TimerWheel(0);
        wheel.advance(10 * TICK_NS);
        var timer = new Probe();
        wheel.schedule(timer, 12 * TICK_NS);

        assertThat(wheel.advance(-HOUR_NS)).isZero();
        assertThat(wheel.advance(11 * TICK_NS)).isZero();
        assertThat(wheel.advance(12 * TICK_NS)).isEqualTo(1);
    }

    @Test
    void schedulingAndFiringAllocateNothing() {
        var wheel = new TimerWheel(0);
        var timers = new Silent[64];
        for (int i = 0; i < timers.length; i++) {
            timers[i] = new Silent();
        }
        var turn = new Runnable() {
            long nowNs;
            int step;

            @Override
            public void run() {
                step++;
                nowNs += TICK_NS / 3;
                wheel.schedule(timers[step % 64], nowNs + (step * 7919L % 97) * TICK_NS);
                wheel.cancel(timers[(step & 0xffffff) * 31 % 64]);
                wheel.untilNextNs(nowNs);
                wheel.advance(nowNs);
            }
        };
        assertThat(Allocation.leastBytes(100_000, turn)).isZero();
        assertThat(Arrays.stream(timers).mapToInt(timer -> timer.times)).anyMatch(times -> times > 0);
    }

    private static final class Silent extends TimerWheel.Timer {
        int times;

        @Override
        protected void due(long nowNs) {
            times++;
        }
    }
}
