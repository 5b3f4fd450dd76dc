package io.passatelli.loop;

import io.passatelli.base.Clock;
import io.passatelli.base.Log;
import io.passatelli.base.TimerWheel;
import io.passatelli.os.Os;

/**
 * One epoll(7) instance and the thread that runs it. A turn: wait, events, timers, ready list, mailbox, end-of-turn actions. Loop thread only,
 * but for {@link #mailbox} and {@link #stop}.
 */
public final class EventLoop implements AutoCloseable {
    /** Something to be done at the end of each turn, such as one doorbell for all that was queued in it. */
    @FunctionalInterface
    public interface TurnEnd {
        void onTurnEnd(long nowNs);
    }

    public EventLoop(Os os, Clock clock, Log log) {}

    public Os os() {
        throw new AssertionError("skeleton");
    }

    /** Makes {@code handler} known; returns its type for {@link #watch}. At most {@code Limits.HANDLERS}, else it throws. */
    public int register(Handler handler) {
        throw new AssertionError("skeleton");
    }

    /** epoll_ctl ADD: events of {@code fd} go to thing {@code index} of {@code type}, while its generation is {@code generation}. 0 or -errno. */
    public int watch(int fd, int events, int type, int generation, int index) {
        throw new AssertionError("skeleton");
    }

    /** epoll_ctl MOD. */
    public int rewatch(int fd, int events, int type, int generation, int index) {
        throw new AssertionError("skeleton");
    }

    /** epoll_ctl DEL; before the descriptor is closed. */
    public int unwatch(int fd) {
        throw new AssertionError("skeleton");
    }

    public void onTurnEnd(TurnEnd action) {
        throw new AssertionError("skeleton");
    }

    public TimerWheel timers() {
        throw new AssertionError("skeleton");
    }

    public ReadyList ready() {
        throw new AssertionError("skeleton");
    }

    public Mailbox mailbox() {
        throw new AssertionError("skeleton");
    }

    /** When the current turn began, ns. */
    public long nowNs() {
        throw new AssertionError("skeleton");
    }

    /** One turn; waits at most {@code mostNs} (negative: as long as timers allow). */
    public void turn(long mostNs) {
        throw new AssertionError("skeleton");
    }

    /** Turns until {@link #stop}. A throwable out of a handler is logged and counted; one out of the loop itself is thrown. */
    public void run() {
        throw new AssertionError("skeleton");
    }

    /** Any thread: the turn under way is the last. */
    public void stop() {
        throw new AssertionError("skeleton");
    }

    /** Throwables that came out of handlers, timers and commands. */
    public long invariantViolations() {
        throw new AssertionError("skeleton");
    }

    /** Events that were not delivered because their descriptor had been reused. */
    public long staleEvents() {
        throw new AssertionError("skeleton");
    }

    @Override
    public void close() {
        throw new AssertionError("skeleton");
    }
}
