package io.passatelli.config;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Mac;
import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * What the guest is told about its network.
 *
 * @param address the guest's IPv4 address and prefix
 * @param addressFixed the address was given by the user, so traffic never changes it
 * @param gateway the guest's IPv4 gateway; null: none, so no DHCP
 * @param mtu bytes, advertised by DHCP option 26 and in router advertisements; 0: not advertised
 * @param resolvers IPv4 resolvers to offer, at most {@link Limits#RESOLVERS}
 * @param search domains to offer, at most {@link Limits#SEARCH_DOMAINS}
 * @param hostname DHCP option 12
 * @param fqdn DHCP option 81
 * @param ourMac what the guest sees as its gateway's MAC
 * @param ip6 its IPv6 network; null: none
 */
public record GuestNetwork(
        Cidr address,
        boolean addressFixed,
        @Nullable Ip gateway,
        int mtu,
        List<Ip> resolvers,
        List<String> search,
        @Nullable String hostname,
        @Nullable String fqdn,
        Mac ourMac,
        @Nullable Ip6Network ip6) {
    /** 65535 less the Ethernet header, rounded down to a multiple of four. */
    public static final int MTU_MAX = 65_520;

    public static final Mac DEFAULT_MAC = Mac.parse("9a:55:9a:55:9a:55");

    public GuestNetwork {
        resolvers = List.copyOf(resolvers);
        search = List.copyOf(search);
        assert address.address().isV4() : address;
        assert gateway == null || gateway.isV4() : gateway;
        assert mtu >= 0 && mtu <= MTU_MAX : mtu;
        assert resolvers.size() <= Limits.RESOLVERS;
        assert search.size() <= Limits.SEARCH_DOMAINS;
    }
}
