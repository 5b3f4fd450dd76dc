package io.passatelli.plane;

import io.passatelli.base.Clock;
import io.passatelli.base.Log;
import io.passatelli.os.Os;

import java.util.function.LongSupplier;

/**
 * What a plane stands in.
 *
 * @param os the kernel; stays its owner's
 * @param seeds unpredictable numbers, for the keys of hashes
 * @param openFiles how many descriptors the process may have
 * @param freebind whether forwards may listen at addresses that the host does not have, or not yet
 */
public record Surroundings(Os os, Clock clock, Log log, LongSupplier seeds, long openFiles, boolean freebind) {
    /** Forwards listen at the host's addresses only. */
    public Surroundings(Os os, Clock clock, Log log, LongSupplier seeds, long openFiles) {
        this(os, clock, log, seeds, openFiles, false);
    }

    /** With as many descriptors as a plane can want. */
    public Surroundings(Os os, Clock clock, Log log, LongSupplier seeds) {
        this(os, clock, log, seeds, Long.MAX_VALUE);
    }
}
