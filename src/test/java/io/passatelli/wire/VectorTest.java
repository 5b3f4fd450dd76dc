package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.wire.VectorFile.Vector;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;

/** Each frame of the vector files shows exactly the fields written behind it. */
class VectorTest {
    static List<Vector> arp() {
        return VectorFile.read("arp");
    }

    static List<Vector> ip4() {
        return VectorFile.read("ip4");
    }

    static List<Vector> udp() {
        return VectorFile.read("udp");
    }

    static List<Vector> icmp4() {
        return VectorFile.read("icmp4");
    }

    private static Drop parse(Frame frame) {
        Drop drop = frame.parse();
        return drop == Drop.NONE && frame.etherType() == Ethernet.ARP
                ? Arp.check(frame.bytes(), frame.l3(), frame.length() - Ethernet.LENGTH)
                : drop;
    }

    private static String hex16(int value) {
        return "0x%04x".formatted(value);
    }

    private static void assertShows(Vector vector, Map<String, Object> seen) {
        Map<String, String> text = new LinkedHashMap<>();
        seen.forEach((name, value) -> text.put(name, value.toString()));
        text.put("drop", "NONE");
        assertThat(text).isEqualTo(vector.fields());
    }

    private static boolean isRefused(Vector vector, Frame frame) {
        Drop drop = parse(frame);
        assertThat(drop).isEqualTo(Drop.valueOf(vector.field("drop")));
        return drop != Drop.NONE;
    }

    @ParameterizedTest
    @MethodSource("arp")
    void arpShowsItsFields(Vector vector) {
        Frame f = Packets.frame(vector.bytes());
        if (isRefused(vector, f)) {
            return;
        }
        MemorySegment s = f.bytes();
        Map<String, Object> seen = new LinkedHashMap<>();
        seen.put("dst", new Mac(Ethernet.dst(s, f.l2())));
        seen.put("src", new Mac(Ethernet.src(s, f.l2())));
        seen.put("operation", Arp.operation(s, f.l3()));
        seen.put("senderMac", new Mac(Arp.senderMac(s, f.l3())));
        seen.put("senderIp", Ip.v4(Arp.senderIp(s, f.l3())));
        seen.put("targetMac", new Mac(Arp.targetMac(s, f.l3())));
        seen.put("targetIp", Ip.v4(Arp.targetIp(s, f.l3())));
        assertShows(vector, seen);
    }

    @ParameterizedTest
    @MethodSource("ip4")
    void ip4ShowsItsFields(Vector vector) {
        Frame f = Packets.frame(vector.bytes());
        if (isRefused(vector, f)) {
            return;
        }
        MemorySegment s = f.bytes();
        Map<String, Object> seen = new LinkedHashMap<>();
        seen.put("headerLength", Ip4.headerLength(s, f.l3()));
        seen.put("tos", Ip4.tos(s, f.l3()));
        seen.put("totalLength", Ip4.totalLength(s, f.l3()));
        seen.put("id", hex16(Ip4.id(s, f.l3())));
        seen.put("fragment", hex16(Ip4.fragment(s, f.l3())));
        seen.put("ttl", Ip4.ttl(s, f.l3()));
        seen.put("protocol", Ip4.protocol(s, f.l3()));
        seen.put("checksum", hex16(Ip4.checksum(s, f.l3())));
        seen.put("src", Ip.v4(Ip4.src(s, f.l3())));
        seen.put("dst", Ip.v4(Ip4.dst(s, f.l3())));
        assertShows(vector, seen);
        assertThat(Ip.v4(Ip4.src(s, f.l3()))).isEqualTo(new Ip(f.srcHigh(), f.srcLow()));
        assertThat(Ip.v4(Ip4.dst(s, f.l3()))).isEqualTo(new Ip(f.dstHigh(), f.dstLow()));
    }

    @ParameterizedTest
    @MethodSource("udp")
    void udpShowsItsFields(Vector vector) {
        Frame f = Packets.frame(vector.bytes());
        if (isRefused(vector, f)) {
            return;
        }
        MemorySegment s = f.bytes();
        Map<String, Object> seen = new LinkedHashMap<>();
        seen.put("srcPort", Udp.srcPort(s, f.l4()));
        seen.put("dstPort", Udp.dstPort(s, f.l4()));
        seen.put("totalLength", Udp.totalLength(s, f.l4()));
        seen.put("checksum", hex16(Udp.checksum(s, f.l4())));
        seen.put("payloadLength", f.payloadLength());
        assertShows(vector, seen);
        int pseudo = Checksum.pseudo4((int) f.srcLow(), (int) f.dstLow(), Ip4.UDP, f.l4Length());
        assertThat(Udp.isGood(s, f.l4(), Checksum.add(pseudo, 0, s, f.l4(), f.l4Length())))
                .isTrue();
    }

    @ParameterizedTest
    @MethodSource("icmp4")
    void icmpShowsItsFields(Vector vector) {
        Frame f = Packets.frame(vector.bytes());
        if (isRefused(vector, f)) {
            return;
        }
        MemorySegment s = f.bytes();
        Map<String, Object> seen = new LinkedHashMap<>();
        seen.put("type", Icmp4.type(s, f.l4()));
        seen.put("code", Icmp4.code(s, f.l4()));
        seen.put("checksum", hex16(Icmp4.checksum(s, f.l4())));
        seen.put("id", Icmp4.id(s, f.l4()));
        seen.put("sequence", Icmp4.sequence(s, f.l4()));
        seen.put("payloadLength", f.payloadLength());
        assertShows(vector, seen);
        assertThat(Checksum.sum(s, f.l4(), f.l4Length())).isEqualTo(Checksum.GOOD);
    }

    static List<Vector> ip6() {
        return VectorFile.read("ip6");
    }

    static List<Vector> icmp6() {
        return VectorFile.read("icmp6");
    }

    static List<Vector> tcp() {
        return VectorFile.read("tcp");
    }

    static List<Vector> fragments() {
        return VectorFile.read("fragments");
    }

    private static void assertChecksumIsGood(Frame f) {
        int pseudo = Checksum.pseudo(f.srcHigh(), f.srcLow(), f.dstHigh(), f.dstLow(), f.protocol(), f.l4Length());
        assertThat(Checksum.add(pseudo, 0, f.bytes(), f.l4(), f.l4Length())).isEqualTo(Checksum.GOOD);
    }

    @ParameterizedTest
    @MethodSource("ip6")
    void ip6ShowsItsFields(Vector vector) {
        Frame f = Packets.frame(vector.bytes());
        if (isRefused(vector, f)) {
            return;
        }
        MemorySegment s = f.bytes();
        Map<String, Object> seen = new LinkedHashMap<>();
        seen.put("payloadLength", Ip6.payloadLength(s, f.l3()));
        seen.put("nextHeader", Ip6.nextHeader(s, f.l3()));
        seen.put("hopLimit", f.ttl());
        seen.put("protocol", f.protocol());
        seen.put("l4", f.l4() - f.l3());
        seen.put("src", new Ip(f.srcHigh(), f.srcLow()));
        seen.put("dst", new Ip(f.dstHigh(), f.dstLow()));
        assertShows(vector, seen);
        assertChecksumIsGood(f);
    }

    @ParameterizedTest
    @MethodSource("icmp6")
    void icmp6ShowsItsFields(Vector vector) {
        Frame f = Packets.frame(vector.bytes());
        if (isRefused(vector, f)) {
            return;
        }
        MemorySegment s = f.bytes();
        Map<String, Object> seen = new LinkedHashMap<>();
        seen.put("type", Icmp6.type(s, f.l4()));
        seen.put("code", Icmp6.code(s, f.l4()));
        seen.put("checksum", hex16(Icmp6.checksum(s, f.l4())));
        seen.put("id", Icmp6.id(s, f.l4()));
        seen.put("sequence", Icmp6.sequence(s, f.l4()));
        seen.put("payloadLength", f.payloadLength());
        assertShows(vector, seen);
        assertChecksumIsGood(f);
    }

    @ParameterizedTest
    @MethodSource("tcp")
    void tcpShowsItsFields(Vector vector) {
        byte[] bytes = vector.bytes();
        String head = vector.fields().get("head");
        Frame f = Packets.frame(bytes, head == null ? bytes.length : Integer.parseInt(head));
        if (isRefused(vector, f)) {
            return;
        }
        MemorySegment s = f.bytes();
        TcpOptions options = new TcpOptions();
        options.read(s, f.l4());
        Map<String, Object> seen = new LinkedHashMap<>();
        if (head != null) {
            seen.put("head", f.contiguous());
        }
        seen.put("srcPort", Tcp.srcPort(s, f.l4()));
        seen.put("dstPort", Tcp.dstPort(s, f.l4()));
        seen.put("seq", Integer.toUnsignedString(Tcp.seq(s, f.l4())));
        seen.put("ack", Integer.toUnsignedString(Tcp.ack(s, f.l4())));
        seen.put("headerLength", Tcp.headerLength(s, f.l4()));
        seen.put("flags", hex16(Tcp.flags(s, f.l4())));
        seen.put("window", Tcp.window(s, f.l4()));
        seen.put("checksum", hex16(Tcp.checksum(s, f.l4())));
        seen.put("payloadLength", f.payloadLength());
        seen.put("mss", options.mss);
        seen.put("windowScale", options.windowScale == TcpOptions.NONE ? "none" : options.windowScale);
        assertShows(vector, seen);
        if (head == null) {
            assertChecksumIsGood(f);
        }
    }

    @ParameterizedTest
    @MethodSource("fragments")
    void fragmentShowsItsFields(Vector vector) {
        Frame f = Packets.frame(vector.bytes());
        Drop drop = f.parse();
        assertThat(drop).isEqualTo(Drop.valueOf(vector.field("drop")));
        if (drop != Drop.IP4_FRAGMENT && drop != Drop.IP6_FRAGMENT) {
            return;
        }
        Map<String, String> seen = new LinkedHashMap<>();
        seen.put("protocol", Integer.toString(f.protocol()));
        seen.put("offset", Integer.toString(f.fragmentOffset()));
        seen.put("more", Boolean.toString(f.moreFragments()));
        seen.put("id", "0x%08x".formatted(f.fragmentId()));
        seen.put("length", Integer.toString(f.fragmentLength()));
        seen.put("drop", drop.toString());
        assertThat(seen).isEqualTo(vector.fields());
    }
}
