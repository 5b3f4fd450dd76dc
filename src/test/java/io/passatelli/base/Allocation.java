package io.passatelli.base;

import com.sun.management.ThreadMXBean;

import java.lang.management.ManagementFactory;
import java.util.concurrent.locks.LockSupport;

/**
 * Counts what a piece of work allocates once the JIT compiler has seen it, which works in the background: on a busy machine it may be many rounds
 * late. What allocates each time does so in every round, so the best one tells.
 */
public final class Allocation {
    private static final int ROUNDS_AT_LEAST = 60;
    private static final long PATIENCE_NS = 60_000_000_000L;
    /** Without this a thread that only measures takes the compiler's time. */
    private static final long COMPILER_NS = 10_000_000;

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private Allocation() {}

    /** Bytes of the best round of {@code calls}, beyond what asking costs; 0 as soon as a round went by without any. */
    public static long leastBytes(int calls, Runnable work) {
        long least = Long.MAX_VALUE;
        long endNs = System.nanoTime() + PATIENCE_NS;
        for (int round = 0; least > 0 && (round < ROUNDS_AT_LEAST || System.nanoTime() - endNs < 0); round++) {
            if (round > 0) {
                LockSupport.parkNanos(COMPILER_NS);
            }
            long asking = bytes(0, work);
            least = Math.min(least, Math.max(0, bytes(calls, work) - asking));
        }
        return least;
    }

    private static long bytes(int calls, Runnable work) {
        long before = THREADS.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < calls; i++) {
            work.run();
        }
        return THREADS.getCurrentThreadAllocatedBytes() - before;
    }
}
