package io.passatelli.config;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * What the guest is told about its IPv6 network.
 *
 * @param address the guest's global address and prefix; null: none, so there are link-local addresses only, and no DHCPv6
 * @param addressFixed the address was given by the user, so traffic never changes it
 * @param router our link-local address, which the guest sees as its router
 * @param resolvers to offer by RDNSS and DHCPv6, at most {@link Limits#RESOLVERS}
 */
public record Ip6Network(@Nullable Cidr address, boolean addressFixed, Ip router, List<Ip> resolvers) {
    public Ip6Network {
        resolvers = List.copyOf(resolvers);
        assert address == null || !address.address().isV4() : address;
        assert !router.isV4() && router.isLinkLocal() : router;
        assert resolvers.size() <= Limits.RESOLVERS;
    }
}
