package io.passatelli.proto.tcp;

import io.passatelli.base.PoolUse;

import java.util.List;

/**
 * What {@link TcpTranslator} has, and has had since the start.
 *
 * @param now connections
 * @param begunByGuest connections that a SYN of the guest began
 * @param begunByHost connections accepted at forwarded ports
 * @param established those whose handshake with the guest came to its end
 * @param resent segments that went to the guest again
 * @param timeOuts how often something went again for want of an answer
 * @param memory for payload
 */
public record TcpCounts(
        int now,
        long begunByGuest,
        long begunByHost,
        long established,
        long resent,
        long timeOuts,
        List<PoolUse> memory) {}
