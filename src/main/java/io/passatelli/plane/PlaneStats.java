package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Durations;
import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.base.PoolUse;
import io.passatelli.forward.SweepCounts;
import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.Map;

/**
 * A plane's counters at one moment, and what it has. Any thread.
 *
 * @param drops frames by what became of them: {@link Drop#NONE} were handled. Replies that did not reach the guest are counted here, too
 * @param flows conversations now
 * @param guestUp whether a guest's link is up
 * @param traffic what passed the link
 * @param invariantViolations throwables caught on behalf of a frame, an event, a timer or a command: each is a bug of ours
 * @param staleEvents events not delivered, because their descriptor had been reused
 * @param uptimeNs since the plane was made
 * @param listeners sockets that listen for forwards
 * @param portsRefused ports of forwards that could not be had when the rules were last applied
 * @param sweep what finding out about the guest's ports has done, and costs
 * @param turns how long the loop's turns took, without their waits
 * @param pools use of the memory for payload
 */
public record PlaneStats(
        Map<Drop, Long> drops,
        int flows,
        boolean guestUp,
        Traffic traffic,
        long invariantViolations,
        long staleEvents,
        long uptimeNs,
        FlowCounts flowCounts,
        Connections connections,
        Retransmissions retransmissions,
        int listeners,
        int portsRefused,
        SweepCounts sweep,
        Durations.Snapshot turns,
        List<PoolUse> pools,
        LinkState link,
        Guest guest) {
    public PlaneStats {
        drops = Map.copyOf(drops);
        pools = List.copyOf(pools);
    }

    /** Frames and bytes since the start, Ethernet header included. */
    public record Traffic(long framesFromGuest, long bytesFromGuest, long framesToGuest, long bytesToGuest) {}

    /** Conversations now, of each protocol; ICMP is echo of both families. */
    public record FlowCounts(int tcp, int udp, int icmp) {}

    /**
     * TCP connections since the start.
     *
     * @param begunByGuest SYNs of the guest that began one
     * @param begunByHost connections accepted at forwarded ports, and begun with the guest
     * @param established whose handshake with the guest came to its end
     * @param refused of the guest's, those that the host side refused, or that there was no way for
     * @param resetByGuest ended by a reset of the guest
     * @param resetByHost ended by a reset of the peer
     */
    public record Connections(
            long begunByGuest, long begunByHost, long established, long refused, long resetByGuest, long resetByHost) {}

    /** Segments that went to the guest again, whatever the reason, and how often because nothing was heard in time. */
    public record Retransmissions(long segments, long timeOuts) {}

    /**
     * The way to the guest.
     *
     * @param kind such as {@code stream} or {@code tap}
     * @param mtu that the guest is told, bytes; 0: none
     * @param maxFrameBytes longest frame that the link takes, Ethernet header included
     */
    public record LinkState(String kind, int mtu, int queues, int maxFrameBytes) {}

    /**
     * The guest.
     *
     * @param mac that its last frame came from; null before the first
     * @param assigned the addresses that it is told
     * @param seen the addresses that it uses, as far as its traffic has shown; before that, and where they are fixed, those that it is told
     */
    public record Guest(@Nullable Mac mac, List<Ip> assigned, List<Ip> seen) {
        public Guest {
            assigned = List.copyOf(assigned);
            seen = List.copyOf(seen);
        }
    }
}
