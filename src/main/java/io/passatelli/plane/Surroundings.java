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
 * @param sweptListeners TCP ports are listened at once the guest is there, and of "all" only those that it answers on, as long as no more than so
 *     many sockets listen; 0: what the guest does makes no difference
 */
public record Surroundings(
        Os os, Clock clock, Log log, LongSupplier seeds, long openFiles, boolean freebind, int sweptListeners) {
    /** Forwards listen whatever the guest does. */
    public Surroundings(Os os, Clock clock, Log log, LongSupplier seeds, long openFiles, boolean freebind) {
        this(os, clock, log, seeds, openFiles, freebind, 0);
    }

    /** The same, at the host's addresses only. */
    public Surroundings(Os os, Clock clock, Log log, LongSupplier seeds, long openFiles) {
        this(os, clock, log, seeds, openFiles, false);
    }

    /** With as many descriptors as a plane can want. */
    public Surroundings(Os os, Clock clock, Log log, LongSupplier seeds) {
        this(os, clock, log, seeds, Long.MAX_VALUE);
    }
}
