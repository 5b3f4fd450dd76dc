package io.passatelli.control.api;

import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * How a role goes.
 *
 * @param version of the program
 * @param pid in the process namespace of the role
 * @param uptimeMs since the control socket was opened
 * @param guestUp whether a guest's link is up
 * @param guestMac null if it is not known
 * @param guestAddresses that it has, or is to have
 * @param listeners sockets that listen for forwards; null if it is not known
 * @param fromGuest since the start
 * @param toGuest since the start
 * @param invariantViolations each is a bug of ours
 */
public record StatusAnswer(
        String version,
        long pid,
        long uptimeMs,
        boolean guestUp,
        @Nullable String guestMac,
        List<String> guestAddresses,
        FlowCounts flows,
        @Nullable Integer listeners,
        Traffic fromGuest,
        Traffic toGuest,
        long invariantViolations,
        Memory memory) {

    /** Conversations now; null: not counted apart. */
    public record FlowCounts(
            int all,
            @Nullable Integer tcp,
            @Nullable Integer udp,
            @Nullable Integer icmp) {}

    /** What passed the link, Ethernet headers included. */
    public record Traffic(long frames, long bytes) {}

    /**
     * Memory of the process.
     *
     * @param privateDirtyBytes what nobody shares with it, proc(5) smaps_rollup; null if the kernel does not tell
     */
    public record Memory(
            long heapUsedBytes, long heapMaxBytes, @Nullable Long privateDirtyBytes) {}
}
