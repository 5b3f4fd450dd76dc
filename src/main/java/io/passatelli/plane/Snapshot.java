package io.passatelli.plane;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.base.PoolUse;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.guest.GuestState;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.proto.tcp.TcpCounts;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;

/** Puts into words and numbers what a plane has at a moment. Loop thread only. */
final class Snapshot {
    private Snapshot() {}

    static Map<Drop, Long> drops(Counters counters) {
        Map<Drop, Long> drops = new EnumMap<>(Drop.class);
        for (Drop reason : Drop.values()) {
            drops.put(reason, counters.of(reason));
        }
        return drops;
    }

    static PlaneStats.Traffic traffic(MeteredLink link) {
        return new PlaneStats.Traffic(
                link.framesFromGuest(), link.bytesFromGuest(), link.framesToGuest(), link.bytesToGuest());
    }

    static PlaneStats.Connections connections(TcpCounts counts, Counters counters) {
        return new PlaneStats.Connections(
                counts.begunByGuest(),
                counts.begunByHost(),
                counts.established(),
                counters.of(Drop.TCP_CONNECT_FAILED) + counters.of(Drop.TCP_NO_ROUTE),
                counters.of(Drop.TCP_RESET_BY_GUEST),
                counters.of(Drop.TCP_RESET_BY_HOST));
    }

    static List<PoolUse> pools(TcpCounts tcp, PoolUse fragments) {
        List<PoolUse> pools = new ArrayList<>(tcp.memory());
        pools.add(fragments);
        return pools;
    }

    static PlaneStats.LinkState link(Link link, GuestState guest) {
        Caps caps = link.caps();
        return new PlaneStats.LinkState(link.kind(), guest.network().mtu(), caps.queues(), caps.maxFrameBytes());
    }

    /** The addresses of families that are on. */
    static PlaneStats.Guest guest(GuestState guest, PlaneConfig config) {
        List<Ip> assigned = new ArrayList<>();
        List<Ip> seen = new ArrayList<>();
        if (config.has(Service.IP4)) {
            assigned.add(Ip.v4(guest.assigned4()));
            seen.add(Ip.v4(guest.seen4()));
        }
        if (config.has(Service.IP6) && guest.has6()) {
            addIfAny(assigned, guest.assigned6());
            addIfAny(seen, new Ip(guest.seen6High(), guest.seen6Low()));
            addIfAny(seen, new Ip(guest.linkLocal6High(), guest.linkLocal6Low()));
        }
        boolean silent = guest.guestMac() == Mac.BROADCAST.bits();
        return new PlaneStats.Guest(silent ? null : new Mac(guest.guestMac()), assigned, seen);
    }

    private static void addIfAny(List<Ip> list, Ip ip) {
        if (!ip.isUnspecified()) {
            list.add(ip);
        }
    }
}
