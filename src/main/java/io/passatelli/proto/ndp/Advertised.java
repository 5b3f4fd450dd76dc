package io.passatelli.proto.ndp;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.wire.Ip6;
import io.passatelli.wire.message.DomainNames;
import io.passatelli.wire.message.NdpOption;
import io.passatelli.wire.message.RouterAdvertisement;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/**
 * What our router advertisements say: of the network as it is, and of the one that was, as long as a guest may still believe in it.
 *
 * <p>Prefixes have infinite lifetimes: an address that the guest made stays good however long it sleeps, and is withdrawn by word, not by time.
 * The router has not: {@value #ROUTER_S} s are the most that RFC 4861 §6.2.1 allows. RFC 8319 raised that to 65535 for links where
 * advertisements are dear; here they cost nothing, and every guest takes this value. A network without a global address has no
 * router: it would only lead the guest to try what cannot work.
 *
 * <p>When the host moves to another network, its old prefix, resolvers and domains are advertised with lifetime 0 for {@code
 * Limits.NDP_WITHDRAWN_S}, so that a guest turns away from them at once (RFC 4861 §6.2.8, and what RFC 9096 asks of such routers).
 */
final class Advertised {
    static final int ROUTER_S = 9_000;

    /** Resolvers and domains: three times the longest interval between advertisements, RFC 8106 §5.1. */
    static final int NAMES_S = 1_800;

    /** IANA, "IP Option Numbers", default TTL. */
    private static final int HOP_LIMIT = 64;

    /** We never make a packet longer than an ordinary Ethernet frame carries. */
    private static final int PACKET_MAX = 1_500;

    private static final int DNSSL_HEADER = 8;

    /** Something that is no more, and until when we say so. */
    private record Gone<T>(T what, long untilNs) {}

    private @Nullable Ip6Network network;
    private long ourMac;
    private int mtu;
    private boolean dhcp;
    private List<String> search = List.of();
    private final List<Gone<Long>> oldPrefixes = new ArrayList<>();
    private final List<Gone<Ip>> oldResolvers = new ArrayList<>();
    private final List<Gone<String>> oldSearch = new ArrayList<>();

    Advertised(PlaneConfig config) {
        adopt(config, 0);
    }

    void adopt(PlaneConfig config, long nowNs) {
        GuestNetwork guest = config.guest();
        Ip6Network before = network;
        List<String> searchBefore = before == null ? List.of() : search;
        network = guest.ip6();
        ourMac = guest.ourMac().bits();
        mtu = guest.mtu();
        dhcp = config.has(Service.DHCPV6);
        search = guest.search();
        long untilNs = nowNs + Limits.NDP_WITHDRAWN_S * 1_000_000_000L;
        withdraw(prefixes(before), prefixes(network), oldPrefixes, untilNs);
        withdraw(resolvers(before), resolvers(network), oldResolvers, untilNs);
        withdraw(searchBefore, network == null ? List.of() : search, oldSearch, untilNs);
    }

    private static List<Long> prefixes(@Nullable Ip6Network network) {
        Cidr address = network == null ? null : network.address();
        return address == null ? List.of() : List.of(address.address().high());
    }

    private static List<Ip> resolvers(@Nullable Ip6Network network) {
        return network == null ? List.of() : network.resolvers();
    }

    private static <T> void withdraw(List<T> before, List<T> now, List<Gone<T>> gone, long untilNs) {
        gone.removeIf(old -> now.contains(old.what) || before.contains(old.what));
        for (T what : before) {
            if (!now.contains(what)) {
                gone.add(new Gone<>(what, untilNs));
            }
        }
        while (gone.size() > Limits.NDP_WITHDRAWN) {
            gone.removeFirst();
        }
    }

    /** The network told of; null: there is no IPv6. */
    @Nullable
    Ip6Network network() {
        return network;
    }

    /** The advertisement that is right now. */
    RouterAdvertisement at(long nowNs) {
        boolean hasAddress = !prefixes(network).isEmpty();
        return advertisement(hasAddress ? ROUTER_S : 0, dhcp && hasAddress, nowNs);
    }

    /** The last one of a router that is none any more. */
    RouterAdvertisement farewell(long nowNs) {
        return advertisement(0, false, nowNs);
    }

    /** What is most needed stands first; of the rest there is as much as fits. */
    private RouterAdvertisement advertisement(int lifetimeS, boolean managed, long nowNs) {
        List<NdpOption> options = new ArrayList<>();
        options.add(NdpOption.mac(NdpOption.SOURCE_LINK_LAYER_ADDRESS, ourMac));
        if (mtu >= Ip6.MTU_MIN) {
            options.add(NdpOption.mtu(mtu));
        }
        for (long prefix : prefixes(network)) {
            options.add(NdpOption.prefix64(prefix, NdpOption.INFINITE, NdpOption.INFINITE));
        }
        for (long prefix : still(oldPrefixes, nowNs)) {
            options.add(NdpOption.prefix64(prefix, 0, 0));
        }
        addResolvers(options, NAMES_S, resolvers(network));
        addResolvers(options, 0, still(oldResolvers, nowNs));
        addSearch(options, NAMES_S, network == null ? List.of() : search);
        addSearch(options, 0, still(oldSearch, nowNs));
        return new RouterAdvertisement(HOP_LIMIT, managed, managed, lifetimeS, 0, 0, options);
    }

    private static <T> List<T> still(List<Gone<T>> gone, long nowNs) {
        gone.removeIf(old -> old.untilNs - nowNs <= 0);
        return gone.stream().map(Gone::what).toList();
    }

    private static void addResolvers(List<NdpOption> options, int lifetimeS, List<Ip> resolvers) {
        if (!resolvers.isEmpty()) {
            options.add(NdpOption.resolvers(lifetimeS, resolvers));
        }
    }

    /** Six names of the longest are more than a packet: the last ones are left out. */
    private void addSearch(List<NdpOption> options, int lifetimeS, List<String> domains) {
        int room = (packetMost() - Ip6.LENGTH - RouterAdvertisement.FIXED - lengthOf(options)) / 8 * 8 - DNSSL_HEADER;
        List<String> fitting = new ArrayList<>();
        for (String domain : domains) {
            room -= DomainNames.canonical(domain).length;
            if (room < 0) {
                break;
            }
            fitting.add(domain);
        }
        if (!fitting.isEmpty()) {
            options.add(NdpOption.search(lifetimeS, fitting));
        }
    }

    private int packetMost() {
        return mtu == 0 ? PACKET_MAX : Math.clamp(mtu, Ip6.MTU_MIN, PACKET_MAX);
    }

    private static int lengthOf(List<NdpOption> options) {
        int length = 0;
        for (NdpOption option : options) {
            length += option.wireLength();
        }
        return length;
    }
}
