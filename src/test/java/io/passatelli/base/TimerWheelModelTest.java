package io.passatelli.base;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;

import static io.passatelli.base.TimerWheel.NEVER;
import static io.passatelli.base.TimerWheel.TICK_NS;
import static org.assertj.core.api.Assertions.assertThat;

/** The wheel against a sorted map, through random programs. Times are in nanoseconds since the wheel's start, which may be anywhere. */
class TimerWheelModelTest {
    private static final int TIMERS = 24;

    enum Verb {
        SCHEDULE,
        CANCEL,
        ADVANCE,
        ADVANCE_TO_NEXT
    }

    /** {@code againNs}: how long after it fires the timer schedules itself once more; negative: not at all. */
    record Step(Verb verb, int timer, long deltaNs, long againNs) {}

    private static final class Probe extends TimerWheel.Timer {
        final int id;
        final List<Integer> fired;
        final TimerWheel wheel;
        long againNs = -1;

        Probe(int id, List<Integer> fired, TimerWheel wheel) {
            this.id = id;
            this.fired = fired;
            this.wheel = wheel;
        }

        @Override
        protected void due(long nowNs) {
            assertThat(isScheduled()).isFalse();
            fired.add(id);
            if (againNs >= 0) {
                wheel.schedule(this, nowNs + againNs);
                againNs = -1;
            }
        }
    }

    @Property(tries = 1_500)
    void wheelFiresWhatASortedMapWouldFire(@ForAll long startNs, @ForAll("programs") List<Step> program) {
        var wheel = new TimerWheel(startNs);
        var model = new TreeMap<Integer, Long>(); // timer → deadline since start
        var fired = new ArrayList<Integer>();
        var timers = new ArrayList<Probe>();
        for (int i = 0; i < TIMERS; i++) {
            timers.add(new Probe(i, fired, wheel));
        }
        long now = 0;
        for (Step step : program) {
            Probe timer = timers.get(step.timer());
            switch (step.verb()) {
                case SCHEDULE -> {
                    long deadline = now + step.deltaNs();
                    timer.againNs = step.againNs();
                    wheel.schedule(timer, startNs + deadline);
                    if (startNs + deadline == NEVER) {
                        model.remove(step.timer());
                    } else {
                        model.put(step.timer(), deadline);
                    }
                }
                case CANCEL -> {
                    wheel.cancel(timer);
                    model.remove(step.timer());
                }
                case ADVANCE -> {
                    now += Math.abs(step.deltaNs());
                    advance(wheel, startNs, now, model, timers, fired);
                }
                case ADVANCE_TO_NEXT -> {
                    long wait = wheel.untilNextNs(startNs + now);
                    if (wait != NEVER) {
                        now += wait;
                        advance(wheel, startNs, now, model, timers, fired);
                    }
                }
            }
            assertThat(wheel.count()).isEqualTo(model.size());
            for (Probe each : timers) {
                assertThat(each.isScheduled()).isEqualTo(model.containsKey(each.id));
            }
            long soonest = model.values().stream().mapToLong(d -> d).min().orElse(NEVER);
            if (soonest == NEVER) {
                assertThat(wheel.untilNextNs(startNs + now)).isEqualTo(NEVER);
            } else {
                assertThat(wheel.untilNextNs(startNs + now)).isBetween(0L, Math.max(0, soonest - now) + TICK_NS);
            }
        }
    }

    private static void advance(
            TimerWheel wheel,
            long startNs,
            long now,
            Map<Integer, Long> model,
            List<Probe> timers,
            List<Integer> fired) {
        fired.clear();
        Set<Integer> must = new HashSet<>(); // late by a tick or more, or due exactly
        Set<Integer> may = new HashSet<>();
        Set<Integer> again = new HashSet<>();
        model.forEach((id, deadline) -> {
            if (deadline <= now - TICK_NS) {
                must.add(id);
            }
            if (deadline <= now) {
                may.add(id);
            }
            if (timers.get(id).againNs >= 0) {
                again.add(id);
            }
        });
        long[] againNs = timers.stream().mapToLong(t -> t.againNs).toArray();
        int count = wheel.advance(startNs + now);

        assertThat(count).isEqualTo(fired.size());
        assertThat(fired).doesNotHaveDuplicates(); // not twice in one advance, however it was rescheduled
        assertThat(fired).containsAll(must);
        assertThat(may).containsAll(fired); // never early
        for (int id : fired) {
            model.remove(id);
            if (again.contains(id) && startNs + now + againNs[id] != NEVER) {
                model.put(id, now + againNs[id]);
            }
        }
    }

    @Provide
    Arbitrary<List<Step>> programs() {
        Arbitrary<Long> short_ = Arbitraries.longs().between(-2 * TICK_NS, 3 * TICK_NS);
        Arbitrary<Long> tens = Arbitraries.longs().between(0, 200 * TICK_NS);
        Arbitrary<Long> long_ = Arbitraries.longs().between(0, 20_000_000L * TICK_NS);
        Arbitrary<Long> huge = Arbitraries.longs().between(0, 1L << 55);
        Arbitrary<Long> exact = Arbitraries.longs().between(0, 5_000).map(t -> t * TICK_NS);
        Arbitrary<Long> deltas = Arbitraries.oneOf(short_, tens, exact, long_, huge);
        Arbitrary<Long> again = Arbitraries.oneOf(Arbitraries.just(-1L), short_.map(Math::abs), Arbitraries.just(0L));
        return Combinators.combine(
                        Arbitraries.of(Verb.class), Arbitraries.integers().between(0, TIMERS - 1), deltas, again)
                .as(Step::new)
                .list()
                .ofMinSize(1)
                .ofMaxSize(80)
                .withoutEdgeCases();
    }
}
