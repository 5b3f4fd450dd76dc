package io.passatelli.control.api;

import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * Conversations.
 *
 * @param total how many there are; {@code flows} may be fewer, as many as were asked for
 */
public record FlowsAnswer(int total, List<Flow> flows) {
    /**
     * One of them. What a protocol does not have is null.
     *
     * @param protocol tcp, udp or icmp
     * @param from who began: guest or host
     * @param guest the guest's own end
     * @param far the other end, as the guest sees it
     * @param host whom our socket speaks to: the far end behind the translation of addresses
     * @param state of a connection
     * @param ageMs since it began
     * @param idleMs since something was sent
     * @param bytesToHost payload
     * @param bytesToGuest payload
     * @param rttUs the guest's round-trip time, smoothed
     * @param guestWindow what the guest still takes, bytes
     * @param ourWindow what we still take from it, bytes
     * @param inFlight sent to the guest and not acknowledged, bytes
     * @param stashed from the guest and not taken by the socket yet, bytes
     * @param retransmissions to the guest
     * @param timeouts of retransmission
     */
    public record Flow(
            String protocol,
            String from,
            String guest,
            String far,
            @Nullable String host,
            @Nullable String state,
            @Nullable Long ageMs,
            @Nullable Long idleMs,
            @Nullable Long bytesToHost,
            @Nullable Long bytesToGuest,
            @Nullable Long rttUs,
            @Nullable Long guestWindow,
            @Nullable Long ourWindow,
            @Nullable Long inFlight,
            @Nullable Long stashed,
            @Nullable Long retransmissions,
            @Nullable Long timeouts) {}
}
