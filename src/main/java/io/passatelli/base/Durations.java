package io.passatelli.base;

import java.util.Arrays;

/** How long something took, as counts between powers of two. One writer; other threads see it through a {@link Snapshot} only. */
public final class Durations {
    /** [b]: those of less than 2^b ns that are not of less than 2^(b-1). */
    private final long[] counts = new long[Long.SIZE];

    private long sumNs;

    /** Something took {@code ns}; a clock that went back counts as nothing. */
    @HotPath
    public void add(long ns) {
        long took = Math.max(ns, 0);
        counts[Long.SIZE - Long.numberOfLeadingZeros(took)]++;
        sumNs += took;
    }

    public Snapshot snapshot() {
        return new Snapshot(counts, sumNs);
    }

    /** What was counted up to a moment. */
    public static final class Snapshot {
        private final long[] counts;
        private final long sumNs;

        private Snapshot(long[] counts, long sumNs) {
            this.counts = counts.clone();
            this.sumNs = sumNs;
        }

        public long count() {
            return Arrays.stream(counts).sum();
        }

        public long sumNs() {
            return sumNs;
        }

        /** How many took less than 2^{@code power} ns. */
        public long below(int power) {
            return Arrays.stream(counts, 0, power + 1).sum();
        }
    }
}
