package io.passatelli.base;

/**
 * Timers of one loop, intrusive: a {@link Timer} is part of its owner, so scheduling allocates nothing. Fires never early, and at most one
 * tick late. Loop thread only.
 *
 * <p>Hierarchical: {@value #LEVELS} levels of {@value #SLOTS} lists. Time is counted in ticks since the wheel was made, and a deadline is
 * rounded up to a tick. A timer lives on the level of the highest digit (to base {@value #SLOTS}) in which its tick differs from the wheel's,
 * in the slot that this digit names. So all timers of a level are due before those of the levels above, a slot is never passed without being
 * opened, and the next work is the lowest bit of the lowest level's bit map. Opening a slot above level 0 moves its timers down, at most
 * {@value #LEVELS} times in a timer's life. The levels cover all of a long: no deadline is too far.
 *
 * <p>Only differences of nanoseconds are used, so {@code nowNs} may be negative and may wrap, as {@link System#nanoTime} may. Timers of one
 * tick fire in the order in which they reached its slot.
 */
@HotPath
public final class TimerWheel {
    public static final long NEVER = Long.MAX_VALUE;

    /** Length of a tick, 2^20 ns: a little over a millisecond. */
    public static final long TICK_NS = 1L << 20;

    private static final int TICK_SHIFT = 20;
    private static final int DIGIT = 6;
    private static final int SLOTS = 1 << DIGIT;
    private static final int LEVELS = 8;
    private static final long LAST_TICK = Long.MAX_VALUE >>> TICK_SHIFT;

    private static final int UNSCHEDULED = -1;

    /** List of the timers whose tick had passed when they were scheduled. */
    private static final int OVERDUE = LEVELS * SLOTS;

    /** List of the timers that the current {@link #advance} runs. */
    private static final int DUE = OVERDUE + 1;

    static {
        assert Long.MAX_VALUE >>> TICK_SHIFT >>> LEVELS * DIGIT == 0;
        assert TICK_NS == 1L << TICK_SHIFT;
    }

    /** One thing that is due once. Owners extend it; {@link #due} may schedule it, or any other, again. */
    public abstract static class Timer {
        Timer next = this;
        Timer previous = this;
        int slot = UNSCHEDULED;
        long deadlineNs = NEVER;

        public final boolean isScheduled() {
            return slot != UNSCHEDULED;
        }

        /** When it is due; {@link TimerWheel#NEVER} if it is not scheduled. */
        public final long deadlineNs() {
            return deadlineNs;
        }

        /** Its time has come; it is no longer scheduled. */
        protected abstract void due(long nowNs);

        /** {@link #due} threw: the owner brings what the timer served back into order. The fault is logged and counted already. */
        public void onFault(Throwable thrown) {}
    }

    /** Hears of what came out of a {@link Timer#due}. */
    @FunctionalInterface
    public interface Faults {
        void onFault(Timer timer, Throwable thrown);
    }

    private static final class Head extends Timer {
        @Override
        protected void due(long nowNs) {
            throw new AssertionError("the head of a list is no timer");
        }
    }

    private final long startNs;
    private final Timer[] heads = new Timer[DUE + 1];
    private final long[] occupied = new long[LEVELS];
    private int levels; // a bit for each level with an occupied slot
    private long tick;
    private int count;

    public TimerWheel(long nowNs) {
        startNs = nowNs;
        for (int i = 0; i < heads.length; i++) {
            heads[i] = new Head();
        }
    }

    /** Sets or moves {@code timer}; a deadline in the past is due at the next {@link #advance}, {@link #NEVER} cancels. */
    public void schedule(Timer timer, long deadlineNs) {
        cancel(timer);
        if (deadlineNs == NEVER) {
            return;
        }
        timer.deadlineNs = deadlineNs;
        count++;
        place(timer, OVERDUE);
    }

    /** Takes {@code timer} out; nothing happens if it is not scheduled. */
    public void cancel(Timer timer) {
        if (timer.slot == UNSCHEDULED) {
            return;
        }
        unlink(timer);
        timer.deadlineNs = NEVER;
        count--;
    }

    /** Nanoseconds until {@link #advance} has work, at least 0; {@link #NEVER} without timers. May be early by a rotation, never late. */
    public long untilNextNs(long nowNs) {
        if (!isEmpty(OVERDUE) || !isEmpty(DUE)) {
            return 0;
        }
        return levels == 0 ? NEVER : Math.max(0, (nextTick() << TICK_SHIFT) - (nowNs - startNs));
    }

    /**
     * Runs what is due. Returns how many. Timers that are scheduled meanwhile, however early, wait for the next call. A throwable of
     * {@link Timer#due} comes through: that timer is out, and the others that are due run at the next call.
     */
    public int advance(long nowNs) {
        expire(nowNs);
        int fired = 0;
        while (!isEmpty(DUE)) {
            takeDue().due(nowNs);
            fired++;
        }
        return fired;
    }

    /** As {@link #advance(long)}, but a throwable goes to {@code faults} and the others run at once. */
    public int advance(long nowNs, Faults faults) {
        expire(nowNs);
        int fired = 0;
        while (!isEmpty(DUE)) {
            Timer timer = takeDue();
            fired++;
            try {
                timer.due(nowNs);
            } catch (Throwable thrown) {
                faults.onFault(timer, thrown);
            }
        }
        return fired;
    }

    /** Timers that are scheduled. */
    public int count() {
        return count;
    }

    private Timer takeDue() {
        Timer timer = heads[DUE].next;
        cancel(timer);
        return timer;
    }

    /** Collects in {@link #DUE} what is due by {@code nowNs}. */
    private void expire(long nowNs) {
        reopen(OVERDUE);
        long nowTick = Math.max(tick, nowNs - startNs >> TICK_SHIFT); // a clock that stepped back changes nothing
        while (levels != 0) {
            long next = nextTick();
            if (next > nowTick) {
                break;
            }
            int level = Integer.numberOfTrailingZeros(levels);
            int slot = Long.numberOfTrailingZeros(occupied[level]);
            tick = next;
            reopen(level * SLOTS + slot);
        }
        tick = nowTick;
    }

    /** Empties a list: what is due goes to {@link #DUE}, the rest to lower levels. */
    private void reopen(int list) {
        Timer head = heads[list];
        while (head.next != head) {
            Timer timer = head.next;
            unlink(timer);
            place(timer, DUE);
        }
    }

    /** When the first slot of the lowest level opens. */
    private long nextTick() {
        int level = Integer.numberOfTrailingZeros(levels);
        int shift = level * DIGIT;
        long above = tick >>> shift + DIGIT << shift + DIGIT;
        return above | (long) Long.numberOfTrailingZeros(occupied[level]) << shift;
    }

    private void place(Timer timer, int listIfPast) {
        long at = tickOf(timer.deadlineNs);
        if (at <= tick) {
            link(timer, listIfPast);
            return;
        }
        int level = (63 - Long.numberOfLeadingZeros(at ^ tick)) / DIGIT;
        int slot = (int) (at >>> level * DIGIT) & SLOTS - 1;
        occupied[level] |= 1L << slot;
        levels |= 1 << level;
        link(timer, level * SLOTS + slot);
    }

    /** The first tick that does not begin before {@code deadlineNs}. */
    private long tickOf(long deadlineNs) {
        long sinceStartNs = deadlineNs - startNs;
        if (sinceStartNs <= 0) {
            return 0;
        }
        long roundUp = (sinceStartNs & TICK_NS - 1) == 0 ? 0 : 1;
        return Math.min(LAST_TICK, (sinceStartNs >>> TICK_SHIFT) + roundUp);
    }

    private void link(Timer timer, int list) {
        Timer head = heads[list];
        timer.slot = list;
        timer.next = head;
        timer.previous = head.previous;
        head.previous.next = timer;
        head.previous = timer;
    }

    private void unlink(Timer timer) {
        timer.previous.next = timer.next;
        timer.next.previous = timer.previous;
        timer.next = timer;
        timer.previous = timer;
        int list = timer.slot;
        timer.slot = UNSCHEDULED;
        if (list < OVERDUE && isEmpty(list)) {
            int level = list / SLOTS;
            occupied[level] &= ~(1L << list % SLOTS);
            if (occupied[level] == 0) {
                levels &= ~(1 << level);
            }
        }
    }

    private boolean isEmpty(int list) {
        return heads[list].next == heads[list];
    }
}
