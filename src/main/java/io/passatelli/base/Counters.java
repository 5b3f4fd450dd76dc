package io.passatelli.base;

/** Frames by {@link Drop} reason. One writer, the loop thread; other threads see it through a snapshot only. */
@SuppressWarnings("EnumOrdinal") // an array by reason, in one process: no order is stored
public final class Counters {
    private static final int REASONS = Drop.values().length;

    private final long[] drops = new long[REASONS];

    @HotPath
    public void count(Drop reason) {
        drops[reason.ordinal()]++;
    }

    public long of(Drop reason) {
        return drops[reason.ordinal()];
    }

    /** A copy, indexed by ordinal, for another thread to read. */
    public long[] snapshot() {
        return drops.clone();
    }
}
