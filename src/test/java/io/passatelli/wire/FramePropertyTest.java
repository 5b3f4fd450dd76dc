package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

import java.util.Arrays;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** Whatever the guest sends, a parsed frame keeps the promises that the accessors live on. */
class FramePropertyTest {
    private static final int IP = 14;

    /** What lies where after {@link Frame#parse}; each access beyond the memory would throw. */
    static void assertPromises(Frame f) {
        Drop drop = f.parse();
        assertThat(f.l3()).isBetween(f.l2(), f.l2() + f.length());
        assertThat(f.l4()).isBetween(f.l2(), f.l2() + f.length());
        assertThat(f.l4Length()).isNotNegative();
        assertThat(f.payloadLength()).isNotNegative();
        assertThat(f.l4() + f.l4Length()).isLessThanOrEqualTo(f.l2() + f.length());
        assertThat(f.payload() + f.payloadLength()).isLessThanOrEqualTo(f.l2() + f.length());
        assertThat(Dissect.toString(f)).isNotEmpty();
        if (f.fragmentLength() > 0) {
            assertThat(f.fragmentAt()).isBetween(f.l3(), f.l2() + f.contiguous());
            assertThat(f.fragmentAt() + f.fragmentLength()).isLessThanOrEqualTo(f.l2() + f.length());
            assertThat(f.fragmentOffset() % 8).isZero();
        }
        if (drop == Drop.IP4_FRAGMENT || drop == Drop.IP6_FRAGMENT) {
            assertThat(f.fragmentOffset() != 0 || f.moreFragments()).isTrue();
        }
        if (drop != Drop.NONE) {
            return;
        }
        assertThat(f.length()).isGreaterThanOrEqualTo(Ethernet.LENGTH);
        assertThat(Ethernet.src(f.bytes(), f.l2()) >>> 40 & 1).isZero();
        assertThat(f.l3()).isEqualTo(f.l2() + Ethernet.LENGTH);
        if (f.etherType() == Ethernet.ARP) {
            assertThat(f.protocol()).isZero();
            assertThat(f.l4Length()).isZero();
            return;
        }
        if (f.etherType() == Ethernet.IP6) {
            assertIp6Promises(f);
            return;
        }
        assertThat(f.etherType()).isEqualTo(Ethernet.IP4);
        assertIp4Promises(f);
    }

    private static void assertIp6Promises(Frame f) {
        assertThat(Ip.isV4(f.srcHigh(), f.srcLow())).isFalse();
        assertThat(Ip.isV4(f.dstHigh(), f.dstLow())).isFalse();
        assertThat(Ip.isLoopback(f.srcHigh(), f.srcLow())).isFalse();
        assertThat(Ip.isLoopback(f.dstHigh(), f.dstLow())).isFalse();
        assertThat(Ip.isMulticast(f.srcHigh(), f.srcLow())).isFalse();
        assertThat(f.l4() - f.l3()).isGreaterThanOrEqualTo(40);
        assertPayloadPromises(f);
        assertThat(f.l4() - f.l3() - 40 + f.l4Length()).isLessThanOrEqualTo(Ip6.payloadLength(f.bytes(), f.l3()));
        switch (f.protocol()) {
            case Ip4.UDP -> assertThat(Udp.totalLength(f.bytes(), f.l4())).isEqualTo(f.l4Length());
            case Ip4.TCP -> assertTcpPromises(f);
            case Ip6.ICMP -> assertThat(Icmp6.sequence(f.bytes(), f.l4())).isBetween(0, 0xffff);
            default -> throw new AssertionError("protocol " + f.protocol());
        }
    }

    private static void assertPayloadPromises(Frame f) {
        int header = f.protocol() == Ip4.TCP ? Tcp.headerLength(f.bytes(), f.l4()) : 8;
        assertThat(f.payload()).isEqualTo(f.l4() + header).isLessThanOrEqualTo(f.l2() + f.contiguous());
        assertThat(f.payloadLength()).isEqualTo(f.l4Length() - header);
    }

    private static void assertTcpPromises(Frame f) {
        assertThat(Tcp.headerLength(f.bytes(), f.l4())).isBetween(20, 60);
        assertThat(Tcp.seq(f.bytes(), f.l4())).isEqualTo(Octets.u32(f.bytes(), f.l4() + 4));
        TcpOptions options = new TcpOptions();
        options.read(f.bytes(), f.l4());
        assertThat(options.mss).isBetween(1, 0xffff);
        assertThat(options.windowScale).isBetween(-1, 14);
    }

    private static void assertIp4Promises(Frame f) {
        assertThat(Ip.isV4(f.srcHigh(), f.srcLow())).isTrue();
        assertThat(Ip.isV4(f.dstHigh(), f.dstLow())).isTrue();
        assertThat(Ip.isLoopback(f.srcHigh(), f.srcLow())).isFalse();
        assertThat(Ip.isLoopback(f.dstHigh(), f.dstLow())).isFalse();
        assertThat(Ip.isMulticast(f.srcHigh(), f.srcLow())).isFalse();
        assertThat(Ip.isBroadcast(f.srcHigh(), f.srcLow())).isFalse();
        assertThat(f.l4() - f.l3()).isBetween(20L, 60L);
        assertPayloadPromises(f);
        assertThat(f.l4() - f.l3() + f.l4Length()).isLessThanOrEqualTo(Ip4.totalLength(f.bytes(), f.l3()));
        assertThat(Packets.naiveSum(
                        Packets.bytes(f.bytes(), f.l3(), (int) (f.l4() - f.l3())), 0, (int) (f.l4() - f.l3())))
                .isEqualTo(0xffff);
        switch (f.protocol()) {
            case Ip4.UDP -> assertThat(Udp.totalLength(f.bytes(), f.l4())).isEqualTo(f.l4Length());
            case Ip4.TCP -> assertTcpPromises(f);
            case Ip4.ICMP -> assertThat(Icmp4.sequence(f.bytes(), f.l4())).isBetween(0, 0xffff);
            default -> throw new AssertionError("protocol " + f.protocol());
        }
    }

    @Property
    void randomBytesKeepThePromises(@ForAll @Size(max = 200) byte[] bytes, @ForAll @IntRange(max = 200) int head) {
        assertPromises(Packets.frame(bytes, Math.min(head, bytes.length)));
    }

    @Property(tries = 5_000)
    void mutatedFramesKeepThePromises(@ForAll("mutated") byte[] bytes, @ForAll @IntRange(max = 300) int head) {
        assertPromises(Packets.frame(bytes));
        assertPromises(Packets.frame(bytes, Math.min(head, bytes.length)));
        assertPromises(Packets.frame(Packets.withIp4Checksum(bytes, IP)));
    }

    private record Mutation(int at, int value) {}

    @Provide
    Arbitrary<byte[]> mutated() {
        Arbitrary<List<Mutation>> mutations = Combinators.combine(
                        Arbitraries.integers()
                                .between(0, 69)
                                .withDistribution(net.jqwik.api.RandomDistribution.uniform()),
                        Arbitraries.integers().between(0, 255))
                .as(Mutation::new)
                .list()
                .ofMaxSize(3);
        Arbitrary<Integer> length = Arbitraries.integers().between(-30, 30);
        return Combinators.combine(valid(), mutations, length).as((frame, changes, longer) -> {
            byte[] bytes = Arrays.copyOf(frame, Math.max(0, frame.length + (longer % 3 == 0 ? longer : 0)));
            for (Mutation change : changes) {
                if (change.at < bytes.length) {
                    bytes[change.at] = (byte) change.value;
                }
            }
            return bytes;
        });
    }

    private static Arbitrary<byte[]> valid() {
        Arbitrary<byte[]> payload = Arbitraries.bytes().array(byte[].class).ofMaxSize(64);
        Arbitrary<Integer> optionWords = Arbitraries.integers().between(0, 10);
        Arbitrary<Integer> kind = Arbitraries.integers().between(0, 3);
        return Combinators.combine(payload, optionWords, kind).as(FramePropertyTest::valid);
    }

    private static byte[] valid(byte[] payload, int optionWords, int kind) {
        String src = "10.0.2.15";
        String dst = "192.0.2.1";
        byte[] options = new byte[optionWords * 4];
        Arrays.fill(options, (byte) 1);
        return switch (kind) {
            case 0 ->
                Packets.ethernet(
                        Packets.BROADCAST,
                        Packets.GUEST_MAC,
                        0x0806,
                        Packets.arp(1, Packets.GUEST_MAC, src, Packets.BROADCAST, dst));
            case 1 ->
                Packets.ethernet(
                        Packets.OUR_MAC,
                        Packets.GUEST_MAC,
                        0x0800,
                        Packets.ip4(17, src, dst, options, Packets.udp(src, 68, dst, 67, payload)));
            case 2 ->
                Packets.ethernet(
                        Packets.OUR_MAC,
                        Packets.GUEST_MAC,
                        0x0800,
                        Packets.ip4(6, src, dst, options, segment(src, dst, payload)));
            default ->
                Packets.ethernet(
                        Packets.OUR_MAC,
                        Packets.GUEST_MAC,
                        0x0800,
                        Packets.ip4(1, src, dst, options, Packets.icmp4(8, 1, 2, payload)));
        };
    }

    private static byte[] segment(String src, String dst, byte[] payload) {
        return TcpSegment.between(src, 40_000, dst, 443)
                .with(TcpSegment.SYN)
                .mss(1460)
                .windowScale(7)
                .payload(payload)
                .bytes();
    }

    @Property
    void unchangedFramesAreTaken(@ForAll("validFrames") byte[] bytes) {
        assertThat(Packets.frame(bytes).parse()).isEqualTo(Drop.NONE);
    }

    @Provide
    Arbitrary<byte[]> validFrames() {
        return valid();
    }

    private static final String GUEST6 = "fd77::2";
    private static final String PEER6 = "2001:db8::1";

    /** A chain of extension headers in front of a datagram, outermost first. */
    private record Chain(List<Integer> kinds, List<Integer> sizes, int protocol, int payloadLength) {
        private byte[] payload() {
            byte[] bytes = new byte[payloadLength];
            Arrays.fill(bytes, (byte) 0xa5);
            return bytes;
        }

        private byte[] upper() {
            return switch (protocol) {
                case 6 -> segment(GUEST6, PEER6, payload());
                case 17 -> Packets6.udp(GUEST6, 5000, PEER6, 53, payload());
                default -> Packets6.echoRequest(GUEST6, PEER6, 1, 2, payload());
            };
        }

        /** The packet; hop-by-hop options stand first or not at all, a fragment header once. */
        private byte[] packet() {
            byte[] bytes = upper();
            int next = protocol;
            int fragmentAt = kinds.indexOf(44);
            for (int i = kinds.size() - 1; i >= 0; i--) {
                int size = sizes.get(i) * 8;
                int kind = kinds.get(i) == 0 && i > 0 || kinds.get(i) == 44 && i != fragmentAt ? 60 : kinds.get(i);
                bytes = switch (kind) {
                    case 44 -> Packets6.fragment(next, 0, false, i, bytes);
                    case 43 -> Packets6.routing(next, 253, 0, bytes);
                    case 51 -> Packets6.authentication(next, 8 + size, bytes);
                    default -> Packets6.options(next, size, bytes);
                };
                next = kind;
            }
            return Packets6.frame(Packets6.ip6(next, GUEST6, PEER6, bytes));
        }
    }

    @Provide
    Arbitrary<Chain> chains() {
        return Combinators.combine(
                        Arbitraries.of(0, 43, 44, 51, 60).list().ofMaxSize(8),
                        Arbitraries.integers().between(1, 3).list().ofSize(8),
                        Arbitraries.of(6, 17, 58),
                        Arbitraries.integers().between(0, 100))
                .as(Chain::new);
    }

    @Property
    void anyChainLeadsToTheDatagram(@ForAll("chains") Chain chain, @ForAll @IntRange(max = 60) int padding) {
        byte[] bytes = chain.packet();
        Frame f = Packets.frame(Packets.padded(bytes, bytes.length + padding));
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        byte[] upper = chain.upper();
        assertThat(f.protocol()).isEqualTo(chain.protocol);
        assertThat(Packets.bytes(f.bytes(), f.l4(), f.l4Length())).isEqualTo(upper);
        assertThat(Packets.bytes(f.bytes(), f.payload(), f.payloadLength())).isEqualTo(chain.payload());
        assertThat(new Ip(f.srcHigh(), f.srcLow())).isEqualTo(Ip.parse(GUEST6));
    }

    @Property(tries = 5_000)
    void mutatedChainsKeepThePromises(
            @ForAll("chains") Chain chain,
            @ForAll @IntRange(max = 200) int at,
            @ForAll byte value,
            @ForAll @IntRange(max = 300) int head) {
        byte[] bytes = chain.packet();
        if (at < bytes.length) {
            bytes[at] = value;
        }
        assertPromises(Packets.frame(bytes));
        assertPromises(Packets.frame(bytes, Math.min(head, bytes.length)));
        assertPromises(Packets.frame(Arrays.copyOf(bytes, Math.min(head, bytes.length))));
    }
}
