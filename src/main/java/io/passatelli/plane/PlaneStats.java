package io.passatelli.plane;

import io.passatelli.base.Drop;

import java.util.Map;

/**
 * A plane's counters at one moment. Any thread.
 *
 * @param drops frames by what became of them: {@link Drop#NONE} were handled. Replies that did not reach the guest are counted here, too
 * @param flows conversations now
 * @param guestUp whether a guest's link is up
 * @param traffic what passed the link
 * @param invariantViolations throwables caught on behalf of a frame, an event, a timer or a command: each is a bug of ours
 * @param staleEvents events not delivered, because their descriptor had been reused
 */
public record PlaneStats(
        Map<Drop, Long> drops,
        int flows,
        boolean guestUp,
        Traffic traffic,
        long invariantViolations,
        long staleEvents) {
    public PlaneStats {
        drops = Map.copyOf(drops);
    }

    /** Frames and bytes since the start, Ethernet header included. */
    public record Traffic(long framesFromGuest, long bytesFromGuest, long framesToGuest, long bytesToGuest) {}
}
