package io.passatelli.base;

/** Lets {@link Limits#LOG_LINES_PER_SECOND} lines of one place through in a second, and counts the others. One thread. */
public final class RateLimit {
    private static final long WINDOW_NS = 1_000_000_000L;

    private long windowStartNs;
    private int used;
    private long suppressed;
    private boolean started;

    /** Whether one more line may be said now. */
    @HotPath
    public boolean allows(long nowNs) {
        if (!started || nowNs - windowStartNs >= WINDOW_NS) {
            started = true;
            windowStartNs = nowNs;
            used = 0;
        }
        if (used == Limits.LOG_LINES_PER_SECOND) {
            suppressed++;
            return false;
        }
        used++;
        return true;
    }

    /** What a line says at its end of those held back since the last one that did; empty if none was. */
    public String leftOut() {
        long count = takeSuppressed();
        return count == 0 ? "" : " (" + count + " such lines left out)";
    }

    /** How many lines were held back since the last time this was asked. */
    public long takeSuppressed() {
        long taken = suppressed;
        suppressed = 0;
        return taken;
    }
}
