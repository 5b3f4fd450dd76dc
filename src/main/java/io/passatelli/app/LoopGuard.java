package io.passatelli.app;

import io.passatelli.app.monitor.Setbacks;
import io.passatelli.base.Clock;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;

import java.util.concurrent.TimeUnit;
import java.util.function.LongConsumer;
import java.util.function.Predicate;

/**
 * What becomes of a sidecar's plane whose loop broke, which is a bug of ours, or want of memory: it goes on in any case. Its guest has no other network,
 * KubeVirt starts no second sidecar, and a QEMU that loses its connection may not come back. One that breaks all the time rests in between. Loop thread.
 */
final class LoopGuard implements Predicate<Throwable> {
    /** A loop that broke longer ago than this was well in the meantime. */
    private static final long WELL_NS = TimeUnit.MINUTES.toNanos(1);

    private static final long REST_NS = TimeUnit.MILLISECONDS.toNanos(Limits.LOOP_REST_MS);

    private final Clock clock;
    private final Setbacks setbacks;
    private final Log log;
    private final LongConsumer rest;
    private long inARow;
    private long brokenNs;

    /** {@code rest} waits for so long, ns. */
    LoopGuard(Clock clock, Setbacks setbacks, Log log, LongConsumer rest) {
        this.clock = clock;
        this.setbacks = setbacks;
        this.log = log;
        this.rest = rest;
    }

    @Override
    public boolean test(Throwable thrown) {
        setbacks.onLoopRestart();
        long nowNs = clock.nowNs();
        inARow = nowNs - brokenNs > WELL_NS ? 1 : inARow + 1;
        brokenNs = nowNs;
        if (inARow <= Limits.LOOP_RESTARTS) {
            say("bug: " + thrown + " broke the loop: it begins again, without the flows that there were", thrown);
        } else {
            if (inARow % Limits.LOOP_RESTARTS == 1) {
                say("bug: " + thrown + " broke the loop, and not for the first time: it rests each time now", thrown);
            }
            rest.accept(REST_NS);
        }
        return true;
    }

    /** Without memory even a line may fail. */
    private void say(String line, Throwable thrown) {
        try {
            log.error(line, thrown);
        } catch (Throwable again) {
            setbacks.onThreadFailure();
        }
    }
}
