package io.passatelli.base;

import org.jspecify.annotations.Nullable;

/**
 * Timers of one loop, intrusive: a {@link Timer} is part of its owner, so scheduling allocates nothing. Fires never early, and at most one
 * tick late. Loop thread only.
 */
@HotPath
public final class TimerWheel {
    public static final long NEVER = Long.MAX_VALUE;

    /** One thing that is due once. Owners extend it; {@link #due} may schedule it, or any other, again. */
    public abstract static class Timer {
        @Nullable
        Timer next;

        @Nullable
        Timer previous;

        long deadlineNs = NEVER;

        public final boolean isScheduled() {
            return deadlineNs != NEVER;
        }

        public final long deadlineNs() {
            return deadlineNs;
        }

        /** Its time has come; it is no longer scheduled. */
        protected abstract void due(long nowNs);
    }

    public TimerWheel(long nowNs) {}

    /** Sets or moves {@code timer}; a deadline in the past is due at the next {@link #advance}. */
    public void schedule(Timer timer, long deadlineNs) {
        throw new AssertionError("skeleton");
    }

    public void cancel(Timer timer) {
        throw new AssertionError("skeleton");
    }

    /** Nanoseconds until {@link #advance} has work, at least 0; {@link #NEVER} without timers. May be early by a rotation, never late. */
    public long untilNextNs(long nowNs) {
        throw new AssertionError("skeleton");
    }

    /** Runs what is due. Returns how many. */
    public int advance(long nowNs) {
        throw new AssertionError("skeleton");
    }

    public int count() {
        throw new AssertionError("skeleton");
    }
}
