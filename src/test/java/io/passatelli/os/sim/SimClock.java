package io.passatelli.os.sim;

import io.passatelli.base.Clock;

import java.util.Comparator;
import java.util.PriorityQueue;

/** Virtual time, and what is to happen in it. Moves when epoll_wait(2) waits or a test says so; never by itself. */
public final class SimClock implements Clock {
    private record Happening(long atNs, long order, Runnable what) {}

    private final PriorityQueue<Happening> agenda =
            new PriorityQueue<>(Comparator.comparingLong(Happening::atNs).thenComparingLong(Happening::order));
    private long nowNs = 1_000_000_000;
    private long order;

    @Override
    public long nowNs() {
        return nowNs;
    }

    /** Lets {@code what} happen {@code delayNs} from now; of one instant, in the order of the calls. */
    public void in(long delayNs, Runnable what) {
        assert delayNs >= 0 : delayNs;
        agenda.add(new Happening(nowNs + delayNs, order++, what));
    }

    /** Moves time on by {@code ns}, with everything that happens on the way. */
    public void advance(long ns) {
        long until = nowNs + ns;
        while (nextNs() <= until) {
            step();
        }
        nowNs = until;
    }

    /** When the next thing happens, {@link Long#MAX_VALUE} if nothing will. */
    public long nextNs() {
        Happening next = agenda.peek();
        return next == null ? Long.MAX_VALUE : next.atNs;
    }

    /** Jumps to the next happening, and lets it happen. */
    public void step() {
        Happening next = agenda.remove();
        nowNs = Math.max(nowNs, next.atNs);
        next.what.run();
    }
}
