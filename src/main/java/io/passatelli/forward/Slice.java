package io.passatelli.forward;

import io.passatelli.base.Clock;
import io.passatelli.base.Limits;

/**
 * How much of a long work is done before others have their turn. Work is counted in steps; the clock is asked only every few of them, as it is
 * not free, and time alone does not count, as a clock may be coarse.
 */
final class Slice {
    /** What a look at the tables counts. */
    static final int LOOK = 1;

    /** What a socket counts that is opened or closed. */
    static final int SOCKET = 64;

    private static final int STEPS_BETWEEN_LOOKS = 4 * SOCKET;

    private final Clock clock;
    private final boolean endless;
    private long endNs;
    private int steps;
    private int looked;

    private Slice(Clock clock, boolean endless) {
        this.clock = clock;
        this.endless = endless;
    }

    static Slice of(Clock clock) {
        return new Slice(clock, false);
    }

    /** One that is never over. */
    static Slice endless(Clock clock) {
        return new Slice(clock, true);
    }

    void begin() {
        endNs = clock.nowNs() + Limits.FORWARD_SLICE_NS;
        steps = 0;
        looked = 0;
    }

    void spend(int cost) {
        steps += cost;
    }

    boolean isOver() {
        if (endless || steps - looked < STEPS_BETWEEN_LOOKS) {
            return false;
        }
        looked = steps;
        return steps >= Limits.FORWARD_SLICE_STEPS || clock.nowNs() - endNs >= 0;
    }
}
