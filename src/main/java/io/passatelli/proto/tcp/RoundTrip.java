package io.passatelli.proto.tcp;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;

/** The guest's round-trip time and the retransmission time-out that follows from it, RFC 6298, ns. The floor is Linux's, not the RFC's second. */
@HotPath
final class RoundTrip {
    private static final long NS_PER_MS = 1_000_000;
    private static final long FIRST_NS = Limits.TCP_RTO_FIRST_MS * NS_PER_MS;
    private static final long LEAST_NS = Limits.TCP_RTO_LEAST_MS * NS_PER_MS;
    private static final long MOST_NS = Limits.TCP_RTO_MOST_MS * NS_PER_MS;

    private static final long PROBE_LEAST_NS = Limits.TCP_TAIL_PROBE_LEAST_MS * NS_PER_MS;

    private long smoothedNs;
    private long variationNs;
    private long timeoutNs = FIRST_NS;
    private boolean known;

    void reset() {
        known = false;
        timeoutNs = FIRST_NS;
    }

    boolean isKnown() {
        return known;
    }

    /** The round-trip time; only where {@link #isKnown}. */
    long smoothedNs() {
        return smoothedNs;
    }

    /** RFC 6298 §2. */
    void sample(long ns) {
        if (known) {
            variationNs += (Math.abs(smoothedNs - ns) - variationNs) / 4;
            smoothedNs += (ns - smoothedNs) / 8;
        } else {
            smoothedNs = ns;
            variationNs = ns / 2;
            known = true;
        }
        timeoutNs = Math.clamp(smoothedNs + 4 * variationNs, LEAST_NS, MOST_NS);
    }

    /** After {@code retries} times without an answer, doubled each time, RFC 6298 §5.5. */
    long timeoutNs(int retries) {
        return Math.min(timeoutNs << Math.min(retries, Limits.TCP_RETRIES), MOST_NS);
    }

    /** When the last segment is sent once more, in case that it was lost, RFC 8985 §7.2. */
    long tailProbeNs() {
        return Math.max(2 * smoothedNs, PROBE_LEAST_NS);
    }
}
