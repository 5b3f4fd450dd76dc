package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Mac;

import java.lang.foreign.MemorySegment;
import java.util.StringJoiner;

/** One line of text about a frame, for logs and tests. Off the hot path; total: any bytes have a line. */
public final class Dissect {
    /** Of TCP, from the lowest bit on, as tcpdump(1) writes them. */
    private static final String FLAGS = "FSRP.UEW";

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
        String src = new Ip(frame.srcHigh(), frame.srcLow()).toString();
        String dst = new Ip(frame.dstHigh(), frame.dstLow()).toString();
        String what =
                switch (frame.protocol()) {
                    case Ip4.UDP -> "UDP " + ends(frame, src, dst);
                    case Ip4.TCP -> "TCP " + ends(frame, src, dst) + ", " + tcp(frame.bytes(), frame.l4());
                    case Ip6.ICMP -> "ICMPv6 " + src + " > " + dst + ", " + icmp(frame.bytes(), frame.l4());
                    default -> "ICMP " + src + " > " + dst + ", " + icmp(frame.bytes(), frame.l4());
                };
        return what + ", " + frame.payloadLength() + " bytes";
    }

    /** Ports stand in the same place in UDP and TCP. */
    private static String ends(Frame frame, String src, String dst) {
        return (frame.etherType() == Ethernet.IP6 ? "[%s]:%d > [%s]:%d" : "%s:%d > %s:%d")
                .formatted(src, Udp.srcPort(frame.bytes(), frame.l4()), dst, Udp.dstPort(frame.bytes(), frame.l4()));
    }

    private static String icmp(MemorySegment s, long at) {
        return "type %d code %d id %d seq %d"
                .formatted(Icmp4.type(s, at), Icmp4.code(s, at), Icmp4.id(s, at), Icmp4.sequence(s, at));
    }

    private static String tcp(MemorySegment s, long at) {
        StringBuilder text = new StringBuilder("[");
        int flags = Tcp.flags(s, at);
        for (int bit = 0; bit < FLAGS.length(); bit++) {
            if ((flags >>> bit & 1) != 0) {
                text.append(FLAGS.charAt(bit));
            }
        }
        text.append("] seq ").append(Integer.toUnsignedString(Tcp.seq(s, at)));
        if ((flags & Tcp.ACK) != 0) {
            text.append(" ack ").append(Integer.toUnsignedString(Tcp.ack(s, at)));
        }
        text.append(" win ").append(Tcp.window(s, at));
        String options = options(s, at + Tcp.LENGTH, at + Tcp.headerLength(s, at));
        return options.isEmpty() ? text.toString() : text + " <" + options + ">";
    }

    /** Each with its name, or the number of its kind; "bad" where they can not be read on. */
    private static String options(MemorySegment s, long from, long end) {
        StringJoiner text = new StringJoiner(",");
        for (long at = from; at < end; ) {
            int kind = Octets.u8(s, at);
            if (kind == TcpOptions.NO_OPERATION) {
                text.add("nop");
                at++;
                continue;
            }
            if (kind == TcpOptions.END) {
                return text.add("end").toString();
            }
            int length = at + 1 < end ? Octets.u8(s, at + 1) : 0;
            if (length < 2 || length > end - at) {
                return text.add("bad").toString();
            }
            text.add(option(s, at, kind, length));
            at += length;
        }
        return text.toString();
    }

    private static String option(MemorySegment s, long at, int kind, int length) {
        if (kind == TcpOptions.MSS && length == TcpOptions.MSS_LENGTH) {
            return "mss " + Octets.u16(s, at + 2);
        }
        if (kind == TcpOptions.WINDOW_SCALE && length == TcpOptions.WINDOW_SCALE_LENGTH) {
            return "wscale " + Octets.u8(s, at + 2);
        }
        return "kind " + kind;
    }
}
