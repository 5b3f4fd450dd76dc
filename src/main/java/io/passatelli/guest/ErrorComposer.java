package io.passatelli.guest;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Icmp4;
import io.passatelli.wire.Icmp6;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Ip6;
import io.passatelli.wire.Udp;

import java.lang.foreign.MemorySegment;

/**
 * Writes ICMP and ICMPv6 errors about datagrams of the guest, RFC 792 and RFC 4443 §3. The host's kernel tells of an error without the headers
 * of the packet that it is about, and that packet had our addresses and ports in any case: the guest finds its socket by its own, so the packet
 * that is quoted is written anew as the guest sent it. Loop thread only.
 */
@HotPath
public final class ErrorComposer {
    /** IPv4 errors are at most this long, bytes: RFC 1812 §4.3.2.3. */
    static final int LONGEST4 = 576;

    /** IPv6 errors are at most this long, bytes: RFC 4443 §2.4 (c). */
    static final int LONGEST6 = Ip6.MTU_MIN;

    /** What of an IPv4 error is no quoted payload: two IP headers, one of ICMP, one of UDP. */
    private static final int HEADERS4 = 2 * Ip4.LENGTH + Icmp4.LENGTH + Udp.LENGTH;

    private static final int HEADERS6 = 2 * Ip6.LENGTH + Icmp6.LENGTH + Udp.LENGTH;

    /** What most systems send with; nobody compares. */
    private static final int USUAL_HOPS = 64;

    /** Of a packet whose time was exceeded: as the router saw it that dropped it. */
    private static final int LAST_HOP = 1;

    private static final int MTU_FIELD_MAX = 0xffff;

    static {
        assert Ethernet.LENGTH + LONGEST6 <= Limits.CONTROL_FRAME_BYTES;
    }

    private final GuestState guest;
    private final FrameComposer composer;

    public ErrorComposer(GuestState guest, FrameComposer composer) {
        this.guest = guest;
        this.composer = composer;
    }

    /** The datagram that an error is about, in the guest's view; used again for each. Addresses are of one family, v4-mapped for IPv4. */
    public static final class Subject {
        public long guestHigh;
        public long guestLow;
        public int guestPort;
        /** Where the guest sent it. */
        public long farHigh;

        public long farLow;
        public int farPort;
        /** Bytes of its payload, as far as we know: more may be, never fewer than are quoted. */
        public int payloadLength;
    }

    /**
     * A whole frame with the error of {@code type} and {@code code}, numbers of the family of {@code s}, about {@code s}. Returns its length.
     *
     * @param fromHigh who complains, in the guest's view; we do, if it is unspecified or not of the family
     * @param info the MTU, or the pointer of a parameter problem; of no matter for others
     * @param payload the beginning of what {@code s} carried, {@code payloadLength} bytes of it at offset 0
     */
    public int udp(
            MemorySegment out,
            long at,
            Subject s,
            long fromHigh,
            long fromLow,
            int type,
            int code,
            int info,
            MemorySegment payload,
            int payloadLength) {
        boolean v4 = Ip.isV4(s.guestHigh, s.guestLow);
        assert v4 == Ip.isV4(s.farHigh, s.farLow);
        boolean named = v4 == Ip.isV4(fromHigh, fromLow) && !Ip.isUnspecified(fromHigh, fromLow);
        int whole = Math.max(s.payloadLength, payloadLength);
        if (v4) {
            int from = named ? (int) fromLow : guest.our4();
            int quoted = Math.min(payloadLength, longest4() - HEADERS4);
            quote4(out, at + FrameComposer.ETHERNET_IP4 + Icmp4.LENGTH, s, hops(type == Icmp4.TIME_EXCEEDED), whole);
            quoteUdp(out, at + Ethernet.LENGTH + HEADERS4 - Udp.LENGTH, s, whole, payload, quoted);
            error4(out, at, type, code, info, HEADERS4 - Ip4.LENGTH + quoted, from, (int) s.guestLow);
            return Ethernet.LENGTH + HEADERS4 + quoted;
        }
        long sourceHigh = named ? fromHigh : guest.our6().high();
        long sourceLow = named ? fromLow : guest.our6().low();
        int quoted = Math.min(payloadLength, LONGEST6 - HEADERS6);
        quote6(out, at + FrameComposer.ETHERNET_IP6 + Icmp6.LENGTH, s, hops(type == Icmp6.TIME_EXCEEDED), whole);
        quoteUdp(out, at + Ethernet.LENGTH + HEADERS6 - Udp.LENGTH, s, whole, payload, quoted);
        int length = HEADERS6 - Ip6.LENGTH + quoted;
        composer.ip6(out, at, Ip6.ICMP, length, sourceHigh, sourceLow, s.guestHigh, s.guestLow);
        error6(out, at + FrameComposer.ETHERNET_IP6, type, code, info);
        int sum = Checksum.pseudo6(sourceHigh, sourceLow, s.guestHigh, s.guestLow, Ip6.ICMP, length);
        seal6(out, at + FrameComposer.ETHERNET_IP6, sum, length);
        return Ethernet.LENGTH + HEADERS6 + quoted;
    }

    private static int hops(boolean exceeded) {
        return exceeded ? LAST_HOP : USUAL_HOPS;
    }

    /** An error is never in need of fragments itself; a guest's MTU below that is one that IPv6 cannot have. */
    private int longest4() {
        int mtu = guest.network().mtu();
        return mtu == 0 ? LONGEST4 : Math.max(HEADERS4 + Udp.LENGTH, Math.min(LONGEST4, mtu));
    }

    private void error4(MemorySegment out, long at, int type, int code, int info, int length, int src, int dst) {
        composer.ip4(out, at, Ip4.ICMP, length, src, dst);
        long icmp = at + FrameComposer.ETHERNET_IP4;
        Icmp4.type(out, icmp, type);
        Icmp4.code(out, icmp, code);
        Icmp4.checksum(out, icmp, 0);
        Icmp4.word(out, icmp, word4(type, code, info));
        Icmp4.checksum(out, icmp, Checksum.of(Checksum.sum(out, icmp, length)));
    }

    /** RFC 1191 §4: the MTU in the low half. RFC 792: the pointer in the first octet. */
    private static int word4(int type, int code, int info) {
        return switch (type) {
            case Icmp4.DESTINATION_UNREACHABLE ->
                code == Icmp4.FRAGMENTATION_NEEDED ? Math.clamp(info, 0, MTU_FIELD_MAX) : 0;
            case Icmp4.PARAMETER_PROBLEM -> info << 24;
            default -> 0;
        };
    }

    private static void error6(MemorySegment out, long icmp, int type, int code, int info) {
        Icmp6.type(out, icmp, type);
        Icmp6.code(out, icmp, code);
        Icmp6.checksum(out, icmp, 0);
        Icmp6.word(out, icmp, type == Icmp6.PACKET_TOO_BIG || type == Icmp6.PARAMETER_PROBLEM ? info : 0);
    }

    private static void seal6(MemorySegment out, long icmp, int pseudo, int length) {
        Icmp6.checksum(out, icmp, Checksum.of(Checksum.add(pseudo, 0, out, icmp, length)));
    }

    private static void quote4(MemorySegment out, long ip, Subject s, int hops, int payloadLength) {
        Ip4.start(out, ip, Math.min(Ip4.LENGTH + Udp.LENGTH + payloadLength, 0xffff));
        Ip4.ttl(out, ip, hops);
        Ip4.protocol(out, ip, Ip4.UDP);
        Ip4.checksum(out, ip, 0);
        Ip4.src(out, ip, (int) s.guestLow);
        Ip4.dst(out, ip, (int) s.farLow);
        Ip4.checksum(out, ip, Checksum.of(Checksum.sum(out, ip, Ip4.LENGTH)));
    }

    private static void quote6(MemorySegment out, long ip, Subject s, int hops, int payloadLength) {
        Ip6.start(out, ip, Math.min(Udp.LENGTH + payloadLength, 0xffff));
        Ip6.nextHeader(out, ip, Ip4.UDP);
        Ip6.hopLimit(out, ip, hops);
        Ip6.src(out, ip, s.guestHigh, s.guestLow);
        Ip6.dst(out, ip, s.farHigh, s.farLow);
    }

    /** With its checksum where all that it covers is quoted, the same that the guest wrote; else with none: nobody could verify another. */
    private static void quoteUdp(
            MemorySegment out, long udp, Subject s, int payloadLength, MemorySegment payload, int quoted) {
        int length = Math.min(Udp.LENGTH + payloadLength, 0xffff);
        Udp.srcPort(out, udp, s.guestPort);
        Udp.dstPort(out, udp, s.farPort);
        Udp.totalLength(out, udp, length);
        Udp.noChecksum(out, udp);
        MemorySegment.copy(payload, 0, out, udp + Udp.LENGTH, quoted);
        if (quoted == payloadLength) {
            int sum = Checksum.pseudo(s.guestHigh, s.guestLow, s.farHigh, s.farLow, Ip4.UDP, length);
            Udp.checksum(out, udp, Checksum.of(Checksum.add(sum, 0, out, udp, length)));
        }
    }
}
