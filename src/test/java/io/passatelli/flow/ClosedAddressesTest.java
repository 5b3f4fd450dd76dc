package io.passatelli.flow;

import io.passatelli.base.Allocation;
import io.passatelli.base.Ip;
import io.passatelli.config.Cidr;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

class ClosedAddressesTest {
    private static ClosedAddresses of(List<Cidr> closed) {
        ClosedAddresses made = new ClosedAddresses();
        made.adopt(closed);
        return made;
    }

    @Test
    void nothingIsClosedThatNobodyNamed() {
        assertThat(of(List.of()).has(0, 0)).isFalse();
        assertThat(of(List.of()).has(-1, -1)).isFalse();
    }

    @Test
    void theWholeOfBothFamiliesCanBe() {
        ClosedAddresses all = of(List.of(new Cidr(Ip.UNSPECIFIED6, 0)));
        assertThat(all.has(0, 0)).isTrue();
        assertThat(all.has(-1, -1)).isTrue();
        assertThat(all.has(Long.MIN_VALUE, Long.MAX_VALUE)).isTrue();
        ClosedAddresses four = of(List.of(new Cidr(Ip.UNSPECIFIED4, 0)));
        assertThat(four.has(0, Ip.BROADCAST4.low())).isTrue();
        assertThat(four.has(0, Ip.BROADCAST4.low() + 1)).isFalse();
        assertThat(four.has(0, 1)).isFalse();
    }

    /** Few bits differ, so networks lie within, beside and far from each other, and addresses on their edges. */
    @Provide
    Arbitrary<Ip> ips() {
        Arbitrary<Long> ends = Arbitraries.of(0L, 1L, 2L, 3L, -1L, -2L, Long.MIN_VALUE, Long.MAX_VALUE);
        Arbitrary<Ip> six = Combinators.combine(ends, ends).as(Ip::new);
        Arbitrary<Ip> four = Arbitraries.of(0, 1, 2, 3, -1, -2, 0x7f000001, 0x7fffffff, 0x0a4d0002)
                .map(Ip::v4);
        return Arbitraries.oneOf(six, four);
    }

    @Provide
    Arbitrary<Cidr> cidrs() {
        return ips().flatMap(ip ->
                Arbitraries.integers().between(0, ip.isV4() ? 32 : 128).map(length -> new Cidr(ip, length)));
    }

    /** IPv4 lies within IPv6's ::/0 here, as the kernel takes v4-mapped addresses for IPv4. */
    private static boolean contains(Cidr cidr, Ip ip) {
        return cidr.first().compareTo(ip) <= 0 && cidr.last().compareTo(ip) >= 0;
    }

    @Property
    void aLookUpSaysWhatEachNetworkSays(@ForAll("cidrLists") List<Cidr> closed, @ForAll("ips") Ip ip) {
        assertThat(of(closed).has(ip.high(), ip.low()))
                .isEqualTo(closed.stream().anyMatch(cidr -> contains(cidr, ip)));
    }

    @Provide
    Arbitrary<List<Cidr>> cidrLists() {
        return cidrs().list().ofMaxSize(12);
    }

    @Property
    void theEndsOfANetworkAreItsOwn(@ForAll("cidrs") Cidr cidr, @ForAll("ips") Ip ip) {
        for (Ip end : List.of(cidr.first(), cidr.last())) {
            // the last address of ::/80 looks like one of IPv4, and no network has both families
            assertThat(cidr.contains(end))
                    .isEqualTo(end.isV4() == cidr.address().isV4());
        }
        if (ip.isV4() == cidr.address().isV4()) {
            assertThat(contains(cidr, ip)).isEqualTo(cidr.contains(ip));
        }
    }

    @Test
    void aLookUpMakesNothing() {
        ClosedAddresses closed = of(List.of(
                new Cidr(Ip.LOOPBACK4, 8), new Cidr(Ip.parse("10.77.0.2"), 32), new Cidr(Ip.parse("fd77::2"), 128)));
        Ip ip = Ip.parse("192.0.2.1");
        long[] hits = new long[1];
        assertThat(Allocation.leastBytes(10_000, () -> hits[0] += closed.has(ip.high(), ip.low()) ? 1 : 0))
                .isZero();
    }
}
