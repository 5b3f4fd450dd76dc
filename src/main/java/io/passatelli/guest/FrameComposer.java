package io.passatelli.guest;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.wire.Arp;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Ip6;
import io.passatelli.wire.Udp;

import java.lang.foreign.MemorySegment;

/** Writes the headers of every frame we make, each octet of them: the memory may hold an older frame. Padding is the link's. Loop thread only. */
@HotPath
public final class FrameComposer {
    /** Bytes of an Ethernet and an IPv4 header. */
    public static final int ETHERNET_IP4 = Ethernet.LENGTH + Ip4.LENGTH;

    /** Bytes of an Ethernet, an IPv4 and a UDP header. */
    public static final int ETHERNET_IP4_UDP = ETHERNET_IP4 + Udp.LENGTH;

    /** Bytes of an Ethernet and an IPv6 header. */
    public static final int ETHERNET_IP6 = Ethernet.LENGTH + Ip6.LENGTH;

    /** Bytes of an Ethernet, an IPv6 and a fragment header. */
    public static final int ETHERNET_IP6_FRAGMENT = ETHERNET_IP6 + Ip6.FRAGMENT_LENGTH;

    /** Bytes of an Ethernet, an IPv6 and a UDP header. */
    public static final int ETHERNET_IP6_UDP = ETHERNET_IP6 + Udp.LENGTH;

    /** Bytes of an Ethernet header and an ARP packet. */
    public static final int ETHERNET_ARP = Ethernet.LENGTH + Arp.LENGTH;

    private static final int TTL = 255;
    private static final long IP6_GROUP = 0x3333L << 32;

    private final GuestState guest;
    private final Neighbours neighbours;

    public FrameComposer(GuestState guest, Neighbours neighbours) {
        this.guest = guest;
        this.neighbours = neighbours;
    }

    /** Ethernet header from us to the guest. */
    public void ethernet(MemorySegment out, long at, int etherType) {
        ethernet(out, at, etherType, guest.ourMac(), guest.guestMac());
    }

    private static void ethernet(MemorySegment out, long at, int etherType, long src, long dst) {
        Ethernet.dst(out, at, dst);
        Ethernet.src(out, at, src);
        Ethernet.type(out, at, etherType);
    }

    /** A whole frame that asks whoever has {@code target} for its MAC, RFC 826. */
    public void arpRequest(MemorySegment out, long at, int target) {
        arpRequest(out, at, guest.ourMac(), target);
        Arp.senderIp(out, at + Ethernet.LENGTH, guest.our4());
    }

    /** A whole frame that announces {@code address} at the MAC that {@link Neighbours} has for it, as the neighbour itself would, RFC 5227 §3. */
    public void arpAnnouncement(MemorySegment out, long at, int address) {
        arpRequest(out, at, neighbours.macOf(0, Ip.low(address)), address);
        Arp.senderIp(out, at + Ethernet.LENGTH, address);
    }

    private static void arpRequest(MemorySegment out, long at, long sender, int target) {
        ethernet(out, at, Ethernet.ARP, sender, Mac.BROADCAST.bits());
        long arp = at + Ethernet.LENGTH;
        Arp.start(out, arp, Arp.REQUEST);
        Arp.senderMac(out, arp, sender);
        Arp.targetMac(out, arp, 0);
        Arp.targetIp(out, arp, target);
    }

    /** A whole frame that answers {@code request}, an ARP request: the address it asks for is at the MAC that {@link Neighbours} has
     * for it. It comes from us and goes to the request's sender. */
    public void arpReply(MemorySegment out, long at, Frame request) {
        MemorySegment in = request.bytes();
        long asked = request.l3();
        ethernet(out, at, Ethernet.ARP, guest.ourMac(), Ethernet.src(in, request.l2()));
        long arp = at + Ethernet.LENGTH;
        Arp.start(out, arp, Arp.REPLY);
        Arp.senderMac(out, arp, neighbours.macOf(0, Ip.low(Arp.targetIp(in, asked))));
        Arp.senderIp(out, arp, Arp.targetIp(in, asked));
        Arp.targetMac(out, arp, Arp.senderMac(in, asked));
        Arp.targetIp(out, arp, Arp.senderIp(in, asked));
    }

    /** Ethernet and IPv4 headers for {@code payloadLength} bytes behind them: TTL 255, DF, id 0, checksum done. */
    public void ip4(MemorySegment out, long at, int protocol, int payloadLength, int src, int dst) {
        ethernet(out, at, Ethernet.IP4, neighbours.macOf(0, Ip.low(src)), guest.macOf4(dst));
        long ip = at + Ethernet.LENGTH;
        Ip4.start(out, ip, Ip4.LENGTH + payloadLength);
        Ip4.ttl(out, ip, TTL);
        Ip4.protocol(out, ip, protocol);
        Ip4.checksum(out, ip, 0);
        Ip4.src(out, ip, src);
        Ip4.dst(out, ip, dst);
        Ip4.checksum(out, ip, Checksum.of(Checksum.sum(out, ip, Ip4.LENGTH)));
    }

    /** As {@link #ip4}, for the fragment of {@code payloadLength} bytes that belongs at {@code offset} in the datagram {@code id}; DF is not set. */
    public void ip4Fragment(
            MemorySegment out,
            long at,
            int protocol,
            int payloadLength,
            int id,
            int offset,
            boolean more,
            int src,
            int dst) {
        assert !more || payloadLength % 8 == 0 : payloadLength;
        ip4(out, at, protocol, payloadLength, src, dst);
        long ip = at + Ethernet.LENGTH;
        Ip4.fragment(out, ip, offset, more, id);
        Ip4.checksum(out, ip, 0);
        Ip4.checksum(out, ip, Checksum.of(Checksum.sum(out, ip, Ip4.LENGTH)));
    }

    /** Ethernet, IPv4 and UDP headers for a payload that is already in place behind them; checksums done. */
    public void udp4(MemorySegment out, long at, int payloadLength, int src, int srcPort, int dst, int dstPort) {
        int length = Udp.LENGTH + payloadLength;
        ip4(out, at, Ip4.UDP, length, src, dst);
        long udp = at + ETHERNET_IP4;
        Udp.srcPort(out, udp, srcPort);
        Udp.dstPort(out, udp, dstPort);
        Udp.totalLength(out, udp, length);
        Udp.noChecksum(out, udp);
        int sum = Checksum.pseudo4(src, dst, Ip4.UDP, length);
        Udp.checksum(out, udp, Checksum.of(Checksum.add(sum, 0, out, udp, length)));
    }

    /** Bytes of the headers that {@link #ip} writes for addresses of the family of the given one. */
    public static int ipHeaders(long high, long low) {
        return Ip.isV4(high, low) ? ETHERNET_IP4 : ETHERNET_IP6;
    }

    /** Ethernet and IP headers, as {@link #ip4} or {@link #ip6}, in the family of the addresses; v4-mapped ones are IPv4. */
    public void ip(
            MemorySegment out,
            long at,
            int protocol,
            int payloadLength,
            long srcHigh,
            long srcLow,
            long dstHigh,
            long dstLow) {
        assert Ip.isV4(srcHigh, srcLow) == Ip.isV4(dstHigh, dstLow);
        if (Ip.isV4(dstHigh, dstLow)) {
            ip4(out, at, protocol, payloadLength, (int) srcLow, (int) dstLow);
        } else {
            ip6(out, at, protocol, payloadLength, srcHigh, srcLow, dstHigh, dstLow);
        }
    }

    /** Ethernet and IPv6 headers for {@code payloadLength} bytes behind them: hop limit 255, traffic class and flow label 0. */
    public void ip6(
            MemorySegment out,
            long at,
            int protocol,
            int payloadLength,
            long srcHigh,
            long srcLow,
            long dstHigh,
            long dstLow) {
        ethernet(out, at, Ethernet.IP6, neighbours.macOf(srcHigh, srcLow), macFor(dstHigh, dstLow));
        long ip = at + Ethernet.LENGTH;
        Ip6.start(out, ip, payloadLength);
        Ip6.nextHeader(out, ip, protocol);
        Ip6.hopLimit(out, ip, TTL);
        Ip6.src(out, ip, srcHigh, srcLow);
        Ip6.dst(out, ip, dstHigh, dstLow);
    }

    /**
     * As {@link #ip6}, with a fragment header behind it, for the fragment of {@code payloadLength} bytes that belongs at {@code offset} in the
     * datagram {@code id}.
     */
    public void ip6Fragment(
            MemorySegment out,
            long at,
            int protocol,
            int payloadLength,
            int id,
            int offset,
            boolean more,
            long srcHigh,
            long srcLow,
            long dstHigh,
            long dstLow) {
        assert !more || payloadLength % 8 == 0 : payloadLength;
        ip6(out, at, Ip6.FRAGMENT, Ip6.FRAGMENT_LENGTH + payloadLength, srcHigh, srcLow, dstHigh, dstLow);
        Ip6.fragment(out, at + ETHERNET_IP6, protocol, offset, more, id);
    }

    /** Ethernet, IPv6 and UDP headers for a payload that is already in place behind them; checksum done. */
    public void udp6(MemorySegment out, long at, int payloadLength, Ip src, int srcPort, Ip dst, int dstPort) {
        int length = Udp.LENGTH + payloadLength;
        ip6(out, at, Ip4.UDP, length, src.high(), src.low(), dst.high(), dst.low());
        long udp = at + ETHERNET_IP6;
        Udp.srcPort(out, udp, srcPort);
        Udp.dstPort(out, udp, dstPort);
        Udp.totalLength(out, udp, length);
        Udp.noChecksum(out, udp);
        int sum = Checksum.pseudo6(src.high(), src.low(), dst.high(), dst.low(), Ip4.UDP, length);
        Udp.checksum(out, udp, Checksum.of(Checksum.add(sum, 0, out, udp, length)));
    }

    /** RFC 2464 §7: a multicast address has a group MAC of its own; the guest has all others. */
    private long macFor(long high, long low) {
        return Ip.isMulticast(high, low) ? IP6_GROUP | low & 0xffff_ffffL : guest.macOf6(high, low);
    }
}
