package io.passatelli.link;

import io.passatelli.base.HotPath;
import io.passatelli.os.VnetHeader;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Ip6;
import io.passatelli.wire.Octets;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Tcp;
import io.passatelli.wire.Udp;

import java.lang.foreign.MemorySegment;

/** The header before each frame of a tap with offloads. What the guest's stack left to us is checked here, once. */
@HotPath
final class TapOffload {
    private static final int NONE = -1;

    private TapOffload() {}

    static void write(MemorySegment s, long at, Offload o) {
        VnetHeader.segments(s, at, o.gsoType, o.hdrLen, o.gsoSize);
        VnetHeader.checksum(s, at, o.flags, o.csumStart, o.csumOffset);
    }

    /** Sets the offload of {@code frame}, contiguous and with the header before it. False if it asks for what cannot be. */
    static boolean read(Frame frame) {
        long at = frame.l2() - VnetHeader.LENGTH;
        Offload o = frame.offload();
        o.flags = VnetHeader.flags(frame.bytes(), at);
        o.gsoType = VnetHeader.gsoType(frame.bytes(), at);
        o.hdrLen = VnetHeader.hdrLen(frame.bytes(), at);
        o.gsoSize = VnetHeader.gsoSize(frame.bytes(), at);
        o.csumStart = VnetHeader.csumStart(frame.bytes(), at);
        o.csumOffset = VnetHeader.csumOffset(frame.bytes(), at);
        if (!isSound(o, frame.length())) {
            return false;
        }
        if ((o.flags & Offload.NEEDS_CSUM) != 0 && o.gsoType == Offload.GSO_NONE && !isOfTransport(frame)) {
            finish(frame);
        }
        return true;
    }

    /** ECN with segments, and segments of UDP, were not agreed upon. */
    private static boolean isSound(Offload o, int length) {
        if ((o.flags & Offload.NEEDS_CSUM) != 0
                && (o.csumStart < Ethernet.LENGTH || o.csumStart + o.csumOffset + 2 > length)) {
            return false;
        }
        return switch (o.gsoType) {
            case Offload.GSO_NONE -> true;
            case Offload.GSO_TCPV4, Offload.GSO_TCPV6 -> o.gsoSize > 0 && o.vouchesForChecksum();
            default -> false;
        };
    }

    /** Whether the checksum is that of UDP or TCP right behind IP's header, which translators know not to look at. */
    private static boolean isOfTransport(Frame frame) {
        MemorySegment s = frame.bytes();
        long l3 = frame.l2() + Ethernet.LENGTH;
        int l3Length = frame.offload().csumStart - Ethernet.LENGTH;
        int offset = frame.offload().csumOffset;
        if (l3Length < Ip4.LENGTH) {
            return false;
        }
        return switch (Ethernet.type(s, frame.l2())) {
            case Ethernet.IP4 -> l3Length == Ip4.headerLength(s, l3) && offset == checksumOf(Ip4.protocol(s, l3));
            case Ethernet.IP6 -> l3Length == Ip6.LENGTH && offset == checksumOf(Ip6.nextHeader(s, l3));
            default -> false;
        };
    }

    private static int checksumOf(int protocol) {
        return switch (protocol) {
            case Ip4.UDP -> Udp.CHECKSUM;
            case Ip4.TCP -> Tcp.CHECKSUM;
            default -> NONE;
        };
    }

    /**
     * Does what was left to us. A tunnel's datagram (VXLAN) has the checksum of the packet inside left open, which the far end of the tunnel looks at;
     * its own, if it has one, holds for the finished packet.
     */
    private static void finish(Frame frame) {
        Offload o = frame.offload();
        long from = frame.l2() + o.csumStart;
        int checksum = Checksum.of(Checksum.sum(frame.bytes(), from, frame.length() - o.csumStart));
        Octets.u16(
                frame.bytes(),
                from + o.csumOffset,
                checksum == 0 ? 0xffff : checksum); // 0 would say "none" in UDP, RFC 768
        o.flags &= ~Offload.NEEDS_CSUM;
    }
}
