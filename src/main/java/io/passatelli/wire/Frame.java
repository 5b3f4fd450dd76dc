package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;

import java.lang.foreign.MemorySegment;

/**
 * One received frame: where it lies, and after {@link #parse} where its headers are. The only mutable view; every length was checked once by
 * {@code parse}, so no accessor on {@link #l3} or {@link #l4} fails afterwards. Offsets count from the start of {@link #bytes}.
 */
@HotPath
public final class Frame {
    private static final int DHCP_GUEST_PORT = 68;
    private static final int DHCP_OUR_PORT = 67;

    private MemorySegment bytes = MemorySegment.NULL;
    private long l2;
    private int contiguous;
    private int length;
    private final Offload offload = new Offload();

    private int etherType;
    private long l3;
    private int protocol;
    private long l4;
    private int l4Length;
    private long payload;
    private int payloadLength;
    private long srcHigh;
    private long srcLow;
    private long dstHigh;
    private long dstLow;

    /** For the link: a frame of {@code length} contiguous bytes at {@code at}. */
    public void set(MemorySegment segment, long at, int length) {
        bytes = segment;
        l2 = at;
        contiguous = length;
        this.length = length;
        offload.clear();
    }

    /** For the link: {@code more} bytes lie elsewhere. */
    public void extend(int more) {
        length += more;
    }

    /** Checks every length and finds every header. {@link Drop#NONE}: all that the ether type and protocol promise is there. */
    public Drop parse() {
        etherType = 0;
        protocol = 0;
        l3 = l4 = payload = l2;
        l4Length = payloadLength = 0;
        srcHigh = srcLow = dstHigh = dstLow = 0;
        Drop drop = Ethernet.check(bytes, l2, contiguous);
        if (drop != Drop.NONE) {
            return drop;
        }
        etherType = Ethernet.type(bytes, l2);
        l3 = l2 + Ethernet.LENGTH;
        return switch (etherType) {
            case Ethernet.ARP -> Drop.NONE;
            case Ethernet.IP4 -> parseIp4();
            case Ethernet.IP6 -> Drop.IP6_UNSUPPORTED;
            default -> Drop.ETHERNET_TYPE_UNKNOWN;
        };
    }

    private Drop parseIp4() {
        int head = contiguous - Ethernet.LENGTH;
        Drop drop = Ip4.check(bytes, l3, head, length - Ethernet.LENGTH);
        if (drop != Drop.NONE) {
            return drop;
        }
        int headerLength = Ip4.headerLength(bytes, l3);
        protocol = Ip4.protocol(bytes, l3);
        l4 = payload = l3 + headerLength;
        l4Length = Ip4.totalLength(bytes, l3) - headerLength;
        srcLow = Ip.low(Ip4.src(bytes, l3));
        dstLow = Ip.low(Ip4.dst(bytes, l3));
        if (protocol != Ip4.UDP && Ip.isUnspecified(srcHigh, srcLow)) {
            return Drop.IP4_BAD_SOURCE;
        }
        return parseTransport(Math.min(head - headerLength, l4Length));
    }

    private Drop parseTransport(int head) {
        return switch (protocol) {
            case Ip4.ICMP -> parseIcmp4(head);
            case Ip4.UDP -> parseUdp(head);
            case Ip4.TCP -> Drop.TCP_UNSUPPORTED;
            default -> Drop.IP4_PROTOCOL_UNKNOWN;
        };
    }

    private Drop parseIcmp4(int head) {
        Drop drop = Icmp4.check(head);
        if (drop == Drop.NONE) {
            payload = l4 + Icmp4.LENGTH;
            payloadLength = l4Length - Icmp4.LENGTH;
        }
        return drop;
    }

    private Drop parseUdp(int head) {
        Drop drop = Udp.check(bytes, l4, head, l4Length);
        if (drop != Drop.NONE) {
            return drop;
        }
        l4Length = Udp.totalLength(bytes, l4);
        payload = l4 + Udp.LENGTH;
        payloadLength = l4Length - Udp.LENGTH;
        return Ip.isUnspecified(srcHigh, srcLow) && !isDhcp() ? Drop.IP4_BAD_SOURCE : Drop.NONE;
    }

    /** Only who asks for an address by DHCP may have none, RFC 2131 §4.1. */
    private boolean isDhcp() {
        return Udp.srcPort(bytes, l4) == DHCP_GUEST_PORT && Udp.dstPort(bytes, l4) == DHCP_OUR_PORT;
    }

    /** Memory of the contiguous head. */
    public MemorySegment bytes() {
        return bytes;
    }

    /** Of the Ethernet header. */
    public long l2() {
        return l2;
    }

    /** Bytes of the head that lie at {@link #l2}. */
    public int contiguous() {
        return contiguous;
    }

    /** Bytes of the whole frame. */
    public int length() {
        return length;
    }

    public Offload offload() {
        return offload;
    }

    public int etherType() {
        return etherType;
    }

    /** Of the ARP, IPv4 or IPv6 header. */
    public long l3() {
        return l3;
    }

    /** IANA protocol number; 0 when not IP. */
    public int protocol() {
        return protocol;
    }

    /** Of the transport header; only where {@link #protocol} is not 0. */
    public long l4() {
        return l4;
    }

    /** Bytes from {@link #l4} to the end of the datagram (UDP's own, if UDP says less than IP); padding of Ethernet is not counted. Some may lie behind the contiguous head. */
    public int l4Length() {
        return l4Length;
    }

    /** Of the transport's payload. */
    public long payload() {
        return payload;
    }

    public int payloadLength() {
        return payloadLength;
    }

    /** Source address, v4-mapped for IPv4; for ARP both are zero. */
    public long srcHigh() {
        return srcHigh;
    }

    public long srcLow() {
        return srcLow;
    }

    public long dstHigh() {
        return dstHigh;
    }

    public long dstLow() {
        return dstLow;
    }
}
