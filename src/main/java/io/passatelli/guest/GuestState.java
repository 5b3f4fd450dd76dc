package io.passatelli.guest;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.Ip6Network;
import io.passatelli.wire.Arp;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;

/**
 * What we know of the guest: what it was told, and what its traffic shows. Loop thread only.
 *
 * <p>More than one card may speak on the link: a bridge in the guest speaks for itself now and then, from an address of its own. So each address
 * that the guest uses has the MAC at which it was last seen; who only took the last MAC of all would send to the bridge what a machine behind it
 * waits for.
 *
 * <p>As long as no packet has shown the guest's IPv4 address, ARP does: a guest that was migrated to us announces, by that alone, an address which
 * we did not tell it. Later ARP counts for nothing, since a bridge in the guest asks from its own address.
 */
@HotPath
public final class GuestState {
    /** Ours where the guest has no gateway: link-local, RFC 3927. */
    private static final int LINK_LOCAL_OUR4 = 0xa9fe_0202;

    private GuestNetwork network;
    private long ourMac;
    private int assigned4;
    private int our4;
    private int broadcast4;
    private long guestMac = Mac.BROADCAST.bits();
    /** Of {@link #seen4}; broadcast: as {@link #guestMac}, and so for those of IPv6. */
    private long seen4Mac = Mac.BROADCAST.bits();

    private long seen6Mac = Mac.BROADCAST.bits();
    private long linkLocal6Mac = Mac.BROADCAST.bits();
    private int seen4;
    private boolean learnt4;
    /** Something came from an IPv4 address that the guest used then; {@link #seen4Mac} is that of a guest that asks for one, too. */
    private boolean heard4;

    // what #expect said stays, whatever the guest is told, until it is learnt
    private boolean expected4;
    private boolean expected6;

    private boolean has6;
    private Ip assigned6 = Ip.UNSPECIFIED6;
    private Ip our6 = Ip.UNSPECIFIED6;
    private long seen6High;
    private long seen6Low;
    private boolean learnt6;
    private long linkLocal6High;
    private long linkLocal6Low;

    public GuestState(GuestNetwork network) {
        this.network = network;
        adopt(network);
    }

    /** The guest is told {@code network} from now on. What its traffic showed stays: it uses what it has until it asks again. */
    public void adopt(GuestNetwork told) {
        network = told;
        Cidr address = told.address();
        Ip gateway = told.gateway();
        ourMac = told.ourMac().bits();
        assigned4 = address.address().v4();
        our4 = gateway == null ? LINK_LOCAL_OUR4 : gateway.v4();
        broadcast4 = address.prefixLength() < 31 ? assigned4 | ~address.mask4() : -1; // RFC 3021: /31 has none
        if (!learnt4 && !expected4 || told.addressFixed() || seen4 == our4) {
            seen4 = assigned4;
        }
        Ip6Network ip6 = told.ip6();
        has6 = ip6 != null;
        Cidr address6 = ip6 == null ? null : ip6.address();
        assigned6 = address6 == null ? Ip.UNSPECIFIED6 : address6.address();
        our6 = ip6 == null ? Ip.UNSPECIFIED6 : ip6.router();
        if (!learnt6 && !expected6 || ip6 != null && ip6.addressFixed()) {
            seen6High = assigned6.high();
            seen6Low = assigned6.low();
        }
    }

    /** The guest comes from elsewhere, perhaps with {@code address}: it is looked for, and spoken to, there until its traffic shows another. */
    public void expect(Ip address) {
        if (network.addressFixed() || !address.isUnicast()) {
            return;
        }
        if (address.isV4()) {
            if (!learnt4 && mayBeGuest(address.v4())) {
                seen4 = address.v4();
                expected4 = true;
            }
        } else if (has6 && !learnt6 && !address.isLinkLocal() && !address.isLoopback()) {
            seen6High = address.high();
            seen6Low = address.low();
            expected6 = true;
        }
    }

    public GuestNetwork network() {
        return network;
    }

    /** Learns the MAC and the address from a frame after {@link Frame#parse}, as far as that found them good. Returns whether either changed. */
    public boolean learn(Frame frame) {
        if (frame.contiguous() < Ethernet.LENGTH) {
            return false;
        }
        long mac = Ethernet.src(frame.bytes(), frame.l2());
        if (Mac.isGroup(mac) || mac == 0 || mac == ourMac) {
            return false;
        }
        boolean moved = mac != guestMac;
        guestMac = mac;
        boolean renumbered = learnAddress(frame);
        if (frame.etherType() == Ethernet.ARP && frame.contiguous() >= FrameComposer.ETHERNET_ARP) {
            int sender = Arp.senderIp(frame.bytes(), frame.l3());
            renumbered |= !learnt4 && learn4(sender);
            learnPlace(0, Ip.low(sender), mac);
        } else {
            learnPlace(frame.srcHigh(), frame.srcLow(), mac);
        }
        return moved || renumbered;
    }

    /** A guest that asks for an IPv4 address has none yet, and will have it at that MAC. */
    private void learnPlace(long high, long low, long mac) {
        if (Ip.isV4(high, low)) {
            if ((int) low == seen4 || (int) low == 0) {
                seen4Mac = mac;
                heard4 |= (int) low != 0;
            }
        } else if (high == seen6High && low == seen6Low) {
            seen6Mac = mac;
        } else if (high == linkLocal6High && low == linkLocal6Low) {
            linkLocal6Mac = mac;
        }
    }

    private boolean learnAddress(Frame frame) {
        long high = frame.srcHigh();
        long low = frame.srcLow();
        return Ip.isV4(high, low) ? learn4((int) low) : has6 && learn6(high, low);
    }

    private boolean learn4(int address) {
        if (network.addressFixed() || !mayBeGuest(address)) {
            return false;
        }
        learnt4 = true;
        boolean news = address != seen4;
        seen4 = address;
        return news;
    }

    /** A link-local source shows the guest's link-local address, every other unicast one the address that it uses. */
    private boolean learn6(long high, long low) {
        if (Ip.isUnspecified(high, low) || Ip.isMulticast(high, low) || Ip.isLoopback(high, low) || isOur6(high, low)) {
            return false;
        }
        if (Ip.isLinkLocal(high, low)) {
            boolean news = high != linkLocal6High || low != linkLocal6Low;
            linkLocal6High = high;
            linkLocal6Low = low;
            return news;
        }
        Ip6Network ip6 = network.ip6();
        if (ip6 == null || ip6.addressFixed()) {
            return false;
        }
        learnt6 = true;
        boolean news = high != seen6High || low != seen6Low;
        seen6High = high;
        seen6Low = low;
        return news;
    }

    private boolean isOur6(long high, long low) {
        return high == our6.high() && low == our6.low();
    }

    /** Our own address stays ours: a guest that took it would be sent what it sends to us. */
    private boolean mayBeGuest(int address) {
        int first = address >>> 24;
        return first != 0
                && first != 127
                && first >>> 4 != 0xe
                && address != -1
                && address != broadcast4
                && address != our4;
    }

    public long ourMac() {
        return ourMac;
    }

    /** The last source MAC seen; broadcast before the first. */
    public long guestMac() {
        return guestMac;
    }

    /** Where an IPv4 address of the guest was last seen; of one that it does not use now, where anything was. */
    public long macOf4(int address) {
        return address == seen4 && seen4Mac != Mac.BROADCAST.bits() ? seen4Mac : guestMac;
    }

    /** The same of an IPv6 address. */
    public long macOf6(long high, long low) {
        long mac = high == seen6High && low == seen6Low
                ? seen6Mac
                : high == linkLocal6High && low == linkLocal6Low ? linkLocal6Mac : guestMac;
        return mac == Mac.BROADCAST.bits() ? guestMac : mac;
    }

    /** Whether the guest has spoken from an IPv4 address of its own: so it answers there. */
    public boolean isHeard4() {
        return heard4;
    }

    /** The same of an IPv6 address that is not link-local: peers reach it by no other. */
    public boolean isHeard6() {
        return has6 && seen6Mac != Mac.BROADCAST.bits();
    }

    /** Whether an address of either family is that of many: a group's, or of everybody on the guest's network. */
    public boolean isOfMany(long high, long low) {
        return Ip.isMulticast(high, low) || Ip.isBroadcast(high, low) || Ip.isV4(high, low) && (int) low == broadcast4;
    }

    /** The address that was assigned to the guest, IPv4, 32 bits. */
    public int assigned4() {
        return assigned4;
    }

    /** The address that the guest uses, IPv4, 32 bits; the assigned one until its traffic shows another. */
    public int seen4() {
        return seen4;
    }

    /** The address we speak from, IPv4, 32 bits: the guest's gateway; in its absence link-local 169.254.2.2. */
    public int our4() {
        return our4;
    }

    /** Whether the guest has an IPv6 network at all. */
    public boolean has6() {
        return has6;
    }

    /** The global address that was assigned to the guest; unspecified if none was. */
    public Ip assigned6() {
        return assigned6;
    }

    /** The link-local address we speak from; the guest's router. Unspecified without IPv6. */
    public Ip our6() {
        return our6;
    }

    /** The global address that the guest uses, the assigned one until its traffic shows another; unspecified while there is none. */
    public long seen6High() {
        return seen6High;
    }

    public long seen6Low() {
        return seen6Low;
    }

    /** The link-local address that the guest uses; unspecified until its traffic shows one. */
    public long linkLocal6High() {
        return linkLocal6High;
    }

    public long linkLocal6Low() {
        return linkLocal6Low;
    }

    /** Whether an address of either family is assigned to the guest, or was seen to be its own. */
    public boolean isGuests(long high, long low) {
        if (Ip.isV4(high, low)) {
            return (int) low == assigned4 || (int) low == seen4;
        }
        return has6
                && !Ip.isUnspecified(high, low)
                && (high == seen6High && low == seen6Low
                        || high == linkLocal6High && low == linkLocal6Low
                        || high == assigned6.high() && low == assigned6.low());
    }
}
