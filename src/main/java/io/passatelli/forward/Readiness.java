package io.passatelli.forward;

import io.passatelli.base.Ip;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;

/**
 * Which TCP ports are listened at, as far as it depends on the guest.
 *
 * @param sweeps "all" is what the guest answers on, which {@link Sweep} finds out; otherwise every port
 * @param ip4 whether the guest was heard from by IPv4: before that nobody would answer
 * @param ip6 the same of IPv6
 */
public record Readiness(boolean sweeps, boolean ip4, boolean ip6) {
    /** Listens whatever the guest does. */
    public static final Readiness AT_ONCE = new Readiness(false, true, true);

    /** Whether {@link Sweep} opens the ports of {@code rule}: it names none, and each leads to the same port of the guest. */
    boolean isSwept(PortForward rule) {
        Ip address = rule.address();
        return sweeps
                && rule.protocol() == Protocol.TCP
                && rule.weak()
                && (address == null || address.isUnspecified())
                && rule.device() == null
                && rule.targetAddress() == null
                && rule.target() == rule.first();
    }

    /** Whether {@code rule} has no listeners yet. */
    boolean waits(PortForward rule) {
        if (rule.protocol() != Protocol.TCP || isSwept(rule)) {
            return false;
        }
        Ip address = rule.address();
        return !(address == null ? ip4 || ip6 : address.isV4() ? ip4 : ip6);
    }
}
