package io.passatelli.base;

import com.sun.management.ThreadMXBean;

import java.lang.management.ManagementFactory;

/** Counts what a piece of work allocates once the JIT compiler, which works in the background, has seen it. */
public final class Allocation {
    private static final int ROUNDS_AT_MOST = 60;
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    private Allocation() {}

    /** Bytes of the best round of {@code calls}, beyond what asking costs; 0 as soon as a round went by without any. */
    public static long leastBytes(int calls, Runnable work) {
        long least = Long.MAX_VALUE;
        for (int round = 0; round < ROUNDS_AT_MOST && least > 0; round++) {
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
