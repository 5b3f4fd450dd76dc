package io.passatelli.app.monitor;

import io.passatelli.base.Clock;
import io.passatelli.plane.PlaneStats;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import org.jspecify.annotations.Nullable;

import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;

/**
 * Asks the plane's loop for its counters, at most once in {@link #FRESH_NS}, however many ask here: whoever can reach the port cannot keep the loop busy.
 * Any thread but the loop's.
 */
@Singleton
class Pulse {
    /** As long as an answer holds, or that there was none. */
    static final long FRESH_NS = TimeUnit.MILLISECONDS.toNanos(500);

    /** A loop that does not answer for so long is stuck: its turns take milliseconds. */
    static final long PATIENCE_NS = TimeUnit.SECONDS.toNanos(2);

    private final Supplier<CompletableFuture<PlaneStats>> plane;
    private final Clock clock;
    private boolean asked;
    private long askedNs;
    private @Nullable PlaneStats last;

    @Inject
    Pulse() {
        this(Objects.requireNonNull(Monitored.current()));
    }

    private Pulse(Monitored monitored) {
        this(
                () -> monitored.plane().isOver()
                        ? CompletableFuture.failedFuture(new IllegalStateException("the plane has ended"))
                        : monitored.plane().stats(),
                monitored.clock());
    }

    Pulse(Supplier<CompletableFuture<PlaneStats>> plane, Clock clock) {
        this.plane = plane;
        this.clock = clock;
    }

    /** The plane's counters, or null: its loop does not answer in time, or has ended. */
    synchronized @Nullable PlaneStats stats() {
        if (!asked || clock.nowNs() - askedNs >= FRESH_NS) {
            last = ask();
            asked = true;
            askedNs = clock.nowNs();
        }
        return last;
    }

    private @Nullable PlaneStats ask() {
        try {
            return plane.get().get(PATIENCE_NS, TimeUnit.NANOSECONDS);
        } catch (ExecutionException | TimeoutException e) {
            return null;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return null;
        }
    }
}
