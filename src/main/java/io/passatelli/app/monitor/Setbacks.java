package io.passatelli.app.monitor;

import java.util.concurrent.atomic.AtomicLong;

/** How often a bug of ours, or want of memory, broke more than the work at hand, and was lived through. Any thread. */
public final class Setbacks {
    private final AtomicLong loopRestarts = new AtomicLong();
    private final AtomicLong threadFailures = new AtomicLong();

    /** The plane's loop broke, and begins again: its flows are gone. */
    public void onLoopRestart() {
        loopRestarts.incrementAndGet();
    }

    /** Another thread broke in its work, and goes on or is gone. */
    public void onThreadFailure() {
        threadFailures.incrementAndGet();
    }

    public long loopRestarts() {
        return loopRestarts.get();
    }

    public long threadFailures() {
        return threadFailures.get();
    }
}
