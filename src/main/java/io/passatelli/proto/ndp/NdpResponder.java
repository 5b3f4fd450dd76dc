package io.passatelli.proto.ndp;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.TimerWheel;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.guest.FrameComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.guest.Neighbours;
import io.passatelli.link.Link;
import io.passatelli.link.RxBatch;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Icmp6;
import io.passatelli.wire.Ip6;
import io.passatelli.wire.message.NdpMessage;
import io.passatelli.wire.message.NdpOption;
import io.passatelli.wire.message.NeighborAdvertisement;
import io.passatelli.wire.message.NeighborSolicitation;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.LongSupplier;

/**
 * Answers the guest's Neighbor Discovery, RFC 4861. A neighbor solicitation for any address but the guest's own is answered, so that all it sends
 * comes to us, whatever its idea of on-link; the MAC is the one that {@link Neighbours} has, else ours. A solicitation from the unspecified
 * address is duplicate address detection (RFC 4862 §5.4) and is left alone, so that the guest keeps what it chose. Router solicitations are
 * {@link RouterAdvertiser}'s.
 *
 * <p>An advertisement comes from our link-local address. It overrides, for we alone speak on this link, and the MAC of a host's neighbour may
 * change. It says "router" of our own address, which is the one in the guest's list of default routers (§7.2.5 strikes one off without the
 * flag), and of every link-local one that is no known neighbour's: it may be the router's where the guest was migrated from. Of the host's
 * neighbours nobody knows. Allocates: a guest asks a few times in a minute. Loop thread only.
 */
public final class NdpResponder {
    private static final int HOP_LIMIT = 255;

    private final GuestState guest;
    private final Neighbours neighbours;
    private final NdpSender sender;
    private final RouterAdvertiser advertiser;
    private final MemorySegment in = Arena.ofAuto().allocate(Limits.NDP_MESSAGE_BYTES, 8);
    private boolean on;

    /** What the responder works with; {@code random} spreads the times of router advertisements. */
    public record Parts(
            TimerWheel timers,
            GuestState guest,
            Neighbours neighbours,
            FrameComposer composer,
            Link link,
            Counters counters,
            LongSupplier random) {}

    public NdpResponder(PlaneConfig config, Parts parts) {
        guest = parts.guest();
        neighbours = parts.neighbours();
        sender = new NdpSender(parts.composer(), parts.link());
        advertiser = new RouterAdvertiser(config, sender, parts);
        on = isOn(config);
    }

    static boolean isOn(PlaneConfig config) {
        return config.has(Service.IP6)
                && config.has(Service.NDP)
                && config.guest().ip6() != null;
    }

    /** Whether an ICMPv6 message of {@code type} belongs here: Neighbor Discovery, and multicast listeners (RFC 2710, RFC 3810), of whom we need not know. */
    public static boolean handles(int type) {
        return Icmp6.isNeighborDiscovery(type) || isMld(type);
    }

    private static boolean isMld(int type) {
        return type >= Icmp6.MLD_QUERY && type <= Icmp6.MLD_DONE || type == Icmp6.MLD2_REPORT;
    }

    /** After {@link GuestState#adopt} and {@link Neighbours#adopt}. A network that is no more is withdrawn from the guest, the new one advertised. */
    public void adopt(PlaneConfig config, long nowNs) {
        on = isOn(config);
        advertiser.adopt(config, nowNs);
    }

    /** Asks the guest for its MAC, and advertises. */
    public Drop onLinkUp(long nowNs) {
        advertiser.onUp(nowNs);
        return requestGuest();
    }

    /** Asks for the address that the guest is to have, and the one that it was seen to have, if any: the answer shows that the guest is there. */
    public Drop requestGuest() {
        Ip seen = new Ip(guest.seen6High(), guest.seen6Low());
        Drop drop = request(seen);
        return seen.equals(guest.assigned6()) ? drop : request(guest.assigned6());
    }

    private Drop request(Ip address) {
        return on && !address.isUnspecified() ? solicit(address) : Drop.NONE;
    }

    /** The answer shows the MAC of a guest that has said nothing yet. */
    private Drop solicit(Ip target) {
        var options = List.of(NdpOption.mac(NdpOption.SOURCE_LINK_LAYER_ADDRESS, guest.ourMac()));
        return sender.send(guest.our6(), NdpSender.solicitedNode(target), new NeighborSolicitation(target, options), 0);
    }

    public void onLinkDown() {
        advertiser.onDown();
    }

    /** Sends a router advertisement to all, at once if the last one is not too near. */
    public void advertise(long nowNs) {
        advertiser.advertise(nowNs);
    }

    /** Tells the guest that the host has a new neighbour, or one with a new MAC; not solicited, RFC 4861 §7.2.6. */
    public Drop announce(long high, long low, int queue) {
        return on ? advertise(new Ip(high, low), NdpSender.ALL_NODES, false, queue) : Drop.NONE;
    }

    /** Frame {@code i} is an ICMPv6 message whose type {@link #handles} names, parsed well; {@link Drop#NONE} when it was answered. */
    public Drop onMessage(RxBatch batch, int i, int queue, long nowNs) {
        if (!on) {
            return Drop.NDP_OFF;
        }
        Frame frame = batch.frame(i);
        int length = frame.l4Length();
        if (length > in.byteSize()) {
            return Drop.NDP_TOO_LONG;
        }
        batch.copy(i, (int) (frame.l4() - frame.l2()), length, in, 0);
        if (!isGood(frame)) {
            return Drop.ICMP_BAD_CHECKSUM;
        }
        int type = Icmp6.type(in, 0);
        if (isMld(type)) {
            return Drop.MLD_NOT_NEEDED;
        }
        if (frame.ttl() != HOP_LIMIT) {
            return Drop.NDP_BAD_HOP_LIMIT;
        }
        return switch (type) {
            case Icmp6.ROUTER_ADVERTISEMENT -> Drop.NDP_ROUTER_ADVERTISEMENT;
            case Icmp6.NEIGHBOR_ADVERTISEMENT -> Drop.NDP_NEIGHBOR_ADVERTISEMENT;
            case Icmp6.REDIRECT -> Drop.NDP_REDIRECT;
            default -> solicited(frame, queue, nowNs);
        };
    }

    /** A guest that offloads leaves the sum of the pseudo-header, or vouches for the checksum. */
    private boolean isGood(Frame frame) {
        if (frame.offload().vouchesForChecksum()) {
            return true;
        }
        int length = frame.l4Length();
        int sum = Checksum.pseudo6(frame.srcHigh(), frame.srcLow(), frame.dstHigh(), frame.dstLow(), Ip6.ICMP, length);
        return Checksum.add(sum, 0, in, 0, length) == Checksum.GOOD;
    }

    private Drop solicited(Frame frame, int queue, long nowNs) {
        // no switch over types: the JVM links one at its first run, from code that no ahead-of-time cache holds
        NdpMessage.Parsed parsed =
                NdpMessage.parse(in.asSlice(0, frame.l4Length()).asByteBuffer());
        if (parsed instanceof NdpMessage.Malformed(Drop why)) {
            return why;
        }
        NdpMessage message = ((NdpMessage.Ok) parsed).message();
        Ip from = new Ip(frame.srcHigh(), frame.srcLow());
        if (from.isMulticast() || from.isUnspecified() && hasMac(message)) {
            return Drop.NDP_BAD_SOURCE;
        }
        if (message instanceof NeighborSolicitation solicitation) {
            return answer(solicitation, from, new Ip(frame.dstHigh(), frame.dstLow()), queue);
        }
        return advertiser.answer(from, queue, nowNs);
    }

    private static boolean hasMac(NdpMessage message) {
        return message.option(NdpOption.SOURCE_LINK_LAYER_ADDRESS) != null;
    }

    private Drop answer(NeighborSolicitation asked, Ip from, Ip to, int queue) {
        Ip target = asked.target();
        if (!target.isUnicast() || target.isV4() || target.isLoopback()) {
            return Drop.NDP_BAD_TARGET;
        }
        if (from.isUnspecified()) {
            return NdpSender.isSolicitedNode(to) ? Drop.NDP_ADDRESS_PROBE : Drop.NDP_BAD_DESTINATION;
        }
        if (guest.isGuests(target.high(), target.low())) {
            return Drop.NDP_OWN_ADDRESS;
        }
        return advertise(target, from, true, queue);
    }

    private Drop advertise(Ip target, Ip to, boolean solicited, int queue) {
        long mac = neighbours.macOf(target.high(), target.low());
        var options = List.of(NdpOption.mac(NdpOption.TARGET_LINK_LAYER_ADDRESS, mac));
        boolean router = target.equals(guest.our6()) || target.isLinkLocal() && mac == guest.ourMac();
        return sender.send(
                guest.our6(), to, new NeighborAdvertisement(router, solicited, true, target, options), queue);
    }
}
