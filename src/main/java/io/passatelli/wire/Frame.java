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
    private int ttl;

    private final Ip6Chain chain = new Ip6Chain();
    private long fragmentAt;
    private int fragmentLength;
    private int fragmentOffset;
    private boolean moreFragments;
    private int fragmentId;

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

    /**
     * Checks every length and finds every header. {@link Drop#NONE}: all that the ether type and protocol promise is there. {@link
     * Drop#IP4_FRAGMENT}, {@link Drop#IP6_FRAGMENT}: a good fragment, of which addresses, protocol and the fragment's accessors tell.
     */
    public Drop parse() {
        etherType = 0;
        protocol = 0;
        l3 = l4 = payload = l2;
        l4Length = payloadLength = 0;
        srcHigh = srcLow = dstHigh = dstLow = 0;
        ttl = 0;
        fragmentAt = l2;
        fragmentLength = fragmentOffset = fragmentId = 0;
        moreFragments = false;
        Drop drop = Ethernet.check(bytes, l2, contiguous);
        if (drop != Drop.NONE) {
            return drop;
        }
        etherType = Ethernet.type(bytes, l2);
        l3 = l2 + Ethernet.LENGTH;
        return switch (etherType) {
            case Ethernet.ARP -> Drop.NONE;
            case Ethernet.IP4 -> parseIp4();
            case Ethernet.IP6 -> parseIp6();
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
        ttl = Ip4.ttl(bytes, l3);
        int fragment = Ip4.fragment(bytes, l3) & (Ip4.MF | Ip4.OFFSET);
        if (fragment != 0) {
            return parseFragment4(fragment);
        }
        if (protocol != Ip4.UDP && Ip.isUnspecified(srcHigh, srcLow)) {
            return Drop.IP4_BAD_SOURCE;
        }
        return parseTransport(Math.min(head - headerLength, l4Length));
    }

    /** Who has no address yet sends nothing so long. */
    private Drop parseFragment4(int fragment) {
        fragmentAt = l4;
        fragmentLength = l4Length;
        fragmentOffset = (fragment & Ip4.OFFSET) << 3;
        moreFragments = (fragment & Ip4.MF) != 0;
        fragmentId = Ip4.id(bytes, l3);
        return Ip.isUnspecified(srcHigh, srcLow) ? Drop.IP4_BAD_SOURCE : Drop.IP4_FRAGMENT;
    }

    private Drop parseIp6() {
        int head = contiguous - Ethernet.LENGTH;
        Drop drop = Ip6.check(bytes, l3, head, length - Ethernet.LENGTH);
        if (drop != Drop.NONE) {
            return drop;
        }
        drop = chain.walk(bytes, l3, head);
        if (chain.isFragment) {
            return parseFragment6(drop);
        }
        if (drop != Drop.NONE) {
            return drop;
        }
        addresses6();
        protocol = chain.protocol;
        l4 = payload = chain.at;
        l4Length = chain.left;
        if (protocol != Ip6.ICMP && Ip.isUnspecified(srcHigh, srcLow)) {
            return Drop.IP6_BAD_SOURCE; // ICMPv6 has those who look for an address of their own, RFC 4862 §5.4
        }
        return switch (protocol) {
            case Ip6.ICMP -> parseIcmp6(chain.near());
            case Ip4.UDP -> parseUdp6(chain.near());
            case Ip4.TCP -> parseTcp(chain.near());
            default -> Drop.IP6_PROTOCOL_UNKNOWN;
        };
    }

    private void addresses6() {
        srcHigh = Ip6.srcHigh(bytes, l3);
        srcLow = Ip6.srcLow(bytes, l3);
        dstHigh = Ip6.dstHigh(bytes, l3);
        dstLow = Ip6.dstLow(bytes, l3);
        ttl = Ip6.hopLimit(bytes, l3);
    }

    /** {@code walked}: what came of the walk through the first fragment. */
    private Drop parseFragment6(Drop walked) {
        boolean first = chain.fragmentOffset == 0;
        if (walked == Drop.IP6_EXTENSION_TRUNCATED) {
            return Drop.FRAGMENT_CHAIN_SPLIT;
        }
        if (walked != Drop.NONE) {
            return walked;
        }
        if (first && chain.near() < upperHeader(chain.protocol)) {
            return chain.left < upperHeader(chain.protocol) ? Drop.FRAGMENT_CHAIN_SPLIT : Drop.IP6_CHAIN_TOO_LONG;
        }
        if (first && isNeighborDiscovery()) {
            return Drop.FRAGMENT_NEIGHBOR_DISCOVERY;
        }
        addresses6();
        protocol = chain.fragmentProtocol;
        fragmentAt = l4 = payload = chain.fragmentAt;
        fragmentLength = l4Length = chain.fragmentLength;
        fragmentOffset = chain.fragmentOffset;
        moreFragments = chain.moreFragments;
        fragmentId = chain.fragmentId;
        return Ip.isUnspecified(srcHigh, srcLow) ? Drop.IP6_BAD_SOURCE : Drop.IP6_FRAGMENT;
    }

    /** RFC 7112 §5: what of the upper layer has to stand in the first fragment. */
    private static int upperHeader(int protocol) {
        return switch (protocol) {
            case Ip6.ICMP -> Icmp6.LENGTH;
            case Ip4.UDP -> Udp.LENGTH;
            case Ip4.TCP -> Tcp.LENGTH;
            default -> 0;
        };
    }

    private boolean isNeighborDiscovery() {
        return chain.protocol == Ip6.ICMP && Icmp6.isNeighborDiscovery(Icmp6.type(bytes, chain.at));
    }

    private Drop parseIcmp6(int head) {
        Drop drop = Icmp6.check(head);
        if (drop != Drop.NONE) {
            return drop;
        }
        if (chain.hasFragmentHeader && isNeighborDiscovery()) {
            return Drop.FRAGMENT_NEIGHBOR_DISCOVERY; // RFC 6980 §5: not even in an atomic one
        }
        payload = l4 + Icmp6.LENGTH;
        payloadLength = l4Length - Icmp6.LENGTH;
        return Drop.NONE;
    }

    /** RFC 8200 §8.1: there is no UDP without checksum. */
    private Drop parseUdp6(int head) {
        Drop drop = parseUdp(head);
        if (drop != Drop.NONE) {
            return drop;
        }
        boolean without = Udp.checksum(bytes, l4) == 0 && !offload.vouchesForChecksum();
        return without ? Drop.UDP_BAD_CHECKSUM : Drop.NONE;
    }

    private Drop parseTransport(int head) {
        return switch (protocol) {
            case Ip4.ICMP -> parseIcmp4(head);
            case Ip4.UDP -> parseUdp4(head);
            case Ip4.TCP -> parseTcp(head);
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

    private Drop parseTcp(int head) {
        Drop drop = Tcp.check(bytes, l4, head, l4Length);
        if (drop == Drop.NONE) {
            int header = Tcp.headerLength(bytes, l4);
            payload = l4 + header;
            payloadLength = l4Length - header;
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
        return Drop.NONE;
    }

    private Drop parseUdp4(int head) {
        Drop drop = parseUdp(head);
        if (drop != Drop.NONE) {
            return drop;
        }
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

    /** IANA protocol number of what lies behind all extension headers, of a fragment of what it is a part of; 0 when not IP. */
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

    /** Time to live of IPv4, hop limit of IPv6. */
    public int ttl() {
        return ttl;
    }

    /** Of a fragment: where its part of the datagram lies. */
    public long fragmentAt() {
        return fragmentAt;
    }

    /** Of that part, bytes. */
    public int fragmentLength() {
        return fragmentLength;
    }

    /** Where that part belongs in what was fragmented, bytes. */
    public int fragmentOffset() {
        return fragmentOffset;
    }

    /** Whether this is not the last part. */
    public boolean moreFragments() {
        return moreFragments;
    }

    /** 16 bits in IPv4, 32 in IPv6. */
    public int fragmentId() {
        return fragmentId;
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
