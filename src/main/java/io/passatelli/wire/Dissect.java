package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Mac;

import java.lang.foreign.MemorySegment;

/** One line of text about a frame, for logs and tests. Off the hot path; total: any bytes have a line. */
public final class Dissect {
    private Dissect() {}

    /** Parses {@code frame} anew, which changes none of its bytes. */
    public static String toString(Frame frame) {
        Drop drop = frame.parse();
        if (frame.contiguous() < Ethernet.LENGTH) {
            return frame.length() + " bytes, " + drop;
        }
        MemorySegment s = frame.bytes();
        String ends = new Mac(Ethernet.src(s, frame.l2())) + " > " + new Mac(Ethernet.dst(s, frame.l2())) + ", ";
        if (drop != Drop.NONE) {
            return ends + "type 0x%04x, %d bytes, %s".formatted(Ethernet.type(s, frame.l2()), frame.length(), drop);
        }
        return ends + (frame.etherType() == Ethernet.ARP ? arp(frame) : ip(frame));
    }

    private static String arp(Frame frame) {
        MemorySegment s = frame.bytes();
        long at = frame.l3();
        Drop drop = Arp.check(s, at, frame.contiguous() - Ethernet.LENGTH);
        if (drop != Drop.NONE) {
            return "ARP, " + drop;
        }
        Ip sender = Ip.v4(Arp.senderIp(s, at));
        return switch (Arp.operation(s, at)) {
            case Arp.REQUEST -> "ARP who-has " + Ip.v4(Arp.targetIp(s, at)) + " tell " + sender;
            case Arp.REPLY -> "ARP " + sender + " is-at " + new Mac(Arp.senderMac(s, at));
            default -> "ARP operation " + Arp.operation(s, at);
        };
    }

    private static String ip(Frame frame) {
        MemorySegment s = frame.bytes();
        long at = frame.l4();
        Ip src = new Ip(frame.srcHigh(), frame.srcLow());
        Ip dst = new Ip(frame.dstHigh(), frame.dstLow());
        if (frame.protocol() == Ip4.UDP) {
            return (src.isV4() ? "UDP %s:%d > %s:%d" : "UDP [%s]:%d > [%s]:%d")
                    .concat(", %d bytes")
                    .formatted(src, Udp.srcPort(s, at), dst, Udp.dstPort(s, at), frame.payloadLength());
        }
        return (frame.etherType() == Ethernet.IP6 ? "ICMPv6" : "ICMP")
                + " %s > %s, type %d code %d id %d seq %d, %d bytes"
                        .formatted(
                                src,
                                dst,
                                Icmp4.type(s, at),
                                Icmp4.code(s, at),
                                Icmp4.id(s, at),
                                Icmp4.sequence(s, at),
                                frame.payloadLength());
    }
}
