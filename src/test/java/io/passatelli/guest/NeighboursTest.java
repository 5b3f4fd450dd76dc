package io.passatelli.guest;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.HostSide;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;

class NeighboursTest {
    private static final int GATEWAY = Ip.parse("10.0.2.2").v4();
    private static final int HOST = Ip.parse("10.0.2.7").v4();
    private static final long MAC = 0x02_0000_0000_07L;
    private static final long OTHER_MAC = 0x02_0000_0000_08L;
    private static final long OURS = GuestNetwork.DEFAULT_MAC.bits();
    private static final GuestNetwork NETWORK =
            PlainNetwork.of(new Cidr(Ip.parse("10.0.2.15"), 24), Ip.v4(GATEWAY), 0, null);

    @Test
    void knownNeighbourHasItsOwnMacAndOnlyAChangeIsNews() {
        var neighbours = new Neighbours(PlaneConfig.of(NETWORK).host4(HostSide.mapping(Ip.v4(GATEWAY))));
        assertThat(neighbours.macOf(0, Ip.low(HOST))).isEqualTo(OURS);
        assertThat(neighbours.put(0, Ip.low(HOST), MAC)).isTrue();
        assertThat(neighbours.put(0, Ip.low(HOST), MAC)).isFalse();
        assertThat(neighbours.macOf(0, Ip.low(HOST))).isEqualTo(MAC);
        assertThat(neighbours.put(0, Ip.low(HOST), OTHER_MAC)).isTrue();
        assertThat(neighbours.macOf(0, Ip.low(HOST))).isEqualTo(OTHER_MAC);
        neighbours.remove(0, Ip.low(HOST));
        assertThat(neighbours.macOf(0, Ip.low(HOST))).isEqualTo(OURS);
        assertThat(neighbours.count()).isZero();
    }

    @Test
    void whatIsMappedToTheHostKeepsOurMacAndIsNeverAnnounced() {
        var neighbours = new Neighbours(PlaneConfig.of(NETWORK).host4(HostSide.mapping(Ip.v4(GATEWAY))));
        assertThat(neighbours.put(0, Ip.low(GATEWAY), MAC)).isFalse();
        assertThat(neighbours.macOf(0, Ip.low(GATEWAY))).isEqualTo(OURS);
        assertThat(neighbours.macOf(0, Ip.low(Ip.parse("8.8.8.8").v4()))).isEqualTo(OURS);
    }

    @Test
    void whatStandsForTheGuestsOwnAddressAtTheHostKeepsOurMacToo() {
        HostSide side4 = HostSide.PLAIN.mapGuest(Ip.v4(HOST));
        HostSide side6 = HostSide.PLAIN.mapGuest(Ip.parse("fe80::7"));
        var neighbours = new Neighbours(PlaneConfig.of(NETWORK6).host4(side4).host6(side6));
        assertThat(neighbours.put(0, Ip.low(GATEWAY), OTHER_MAC)).isTrue();
        assertThat(neighbours.put(0, Ip.low(HOST), MAC)).isFalse();
        assertThat(neighbours.macOf(0, Ip.low(HOST))).isEqualTo(OURS);
        Ip six = Ip.parse("fe80::7");
        assertThat(neighbours.put(six.high(), six.low(), MAC)).isFalse();
        assertThat(neighbours.macOf(six.high(), six.low())).isEqualTo(OURS);
    }

    @Test
    void withoutMappingTheGatewaysMacStandsForAllThatIsUnknown() {
        var neighbours = new Neighbours(PlaneConfig.of(NETWORK));
        assertThat(neighbours.put(0, Ip.low(GATEWAY), MAC)).isTrue();
        assertThat(neighbours.macOf(0, Ip.low(GATEWAY))).isEqualTo(MAC);
        assertThat(neighbours.macOf(0, Ip.low(Ip.parse("8.8.8.8").v4()))).isEqualTo(MAC);
    }

    private static final GuestNetwork NETWORK6 = new GuestNetwork(
            NETWORK.address(),
            false,
            NETWORK.gateway(),
            0,
            List.of(),
            List.of(),
            null,
            null,
            GuestNetwork.DEFAULT_MAC,
            new Ip6Network(new Cidr(Ip.parse("fd77::2"), 64), false, Ip.parse("fe80::1"), List.of()));

    private static boolean put(Neighbours neighbours, String address, long mac) {
        Ip ip = Ip.parse(address);
        return neighbours.put(ip.high(), ip.low(), mac);
    }

    private static long macOf(Neighbours neighbours, String address) {
        Ip ip = Ip.parse(address);
        return neighbours.macOf(ip.high(), ip.low());
    }

    @Test
    void inIpv6NeighboursAreLinkLocalOrOfTheGuestsPrefix() {
        var neighbours = new Neighbours(PlaneConfig.of(NETWORK6));
        assertThat(put(neighbours, "fd77::7", MAC)).isTrue();
        assertThat(put(neighbours, "fe80::7", OTHER_MAC)).isTrue();
        assertThat(put(neighbours, "fd77:0:0:1::7", MAC)).isFalse();
        assertThat(macOf(neighbours, "fd77::7")).isEqualTo(MAC);
        assertThat(macOf(neighbours, "fe80::7")).isEqualTo(OTHER_MAC);
        assertThat(macOf(neighbours, "fd77:0:0:1::7")).isEqualTo(OURS);
        assertThat(macOf(neighbours, "fd77::8")).isEqualTo(OURS);
    }

    @Test
    void theGuestsIpv6RouterHasOurMacThoughTheHostHasOneOfThatAddress() {
        var neighbours = new Neighbours(PlaneConfig.of(NETWORK6));
        assertThat(put(neighbours, "fe80::1", MAC)).isFalse();
        assertThat(macOf(neighbours, "fe80::1")).isEqualTo(OURS);
        assertThat(macOf(neighbours, "2001:db8::1")).isEqualTo(OURS);
    }

    @Test
    void whatIsMappedToTheHostInIpv6KeepsOurMac() {
        var neighbours = new Neighbours(PlaneConfig.of(NETWORK6).host6(HostSide.mapping(Ip.parse("fe80::7"))));
        assertThat(put(neighbours, "fe80::7", MAC)).isFalse();
        assertThat(macOf(neighbours, "fe80::7")).isEqualTo(OURS);
    }

    @Test
    void anotherPrefixHasOtherNeighbours() {
        var neighbours = new Neighbours(PlaneConfig.of(NETWORK));
        put(neighbours, "fd77::7", MAC);
        assertThat(macOf(neighbours, "fd77::7")).isEqualTo(OURS);
        neighbours.adopt(PlaneConfig.of(NETWORK6));
        assertThat(macOf(neighbours, "fd77::7")).isEqualTo(MAC);
    }

    @Test
    void clearedTableIsEmptyAndTakesNeighboursAnew() {
        var neighbours = new Neighbours(PlaneConfig.of(NETWORK6));
        put(neighbours, "fe80::7", MAC);
        neighbours.put(0, Ip.low(HOST), MAC);
        neighbours.clear();
        assertThat(neighbours.count()).isZero();
        assertThat(macOf(neighbours, "fe80::7")).isEqualTo(OURS);
        assertThat(put(neighbours, "fe80::7", MAC)).isTrue();
    }

    @Test
    void fullTableTakesNoMoreAndKeepsWhatItHas() {
        var neighbours = new Neighbours(PlaneConfig.of(NETWORK));
        for (int i = 0; i < Limits.NEIGHBOURS; i++) {
            assertThat(neighbours.put(0, Ip.low(HOST + i), MAC + i)).isTrue();
        }
        assertThat(neighbours.put(0, Ip.low(HOST - 1), MAC)).isFalse();
        assertThat(neighbours.count()).isEqualTo(Limits.NEIGHBOURS);
        assertThat(neighbours.macOf(0, Ip.low(HOST + 100))).isEqualTo(MAC + 100);
        assertThat(neighbours.put(0, Ip.low(HOST + 100), OTHER_MAC << 1)).isTrue();
    }

    @Property(tries = 200)
    void tableAgreesWithAMap(@ForAll @Size(max = 400) List<@IntRange(min = -300, max = 300) Integer> steps) {
        var neighbours = new Neighbours(PlaneConfig.of(NETWORK));
        Map<Integer, Long> model = new HashMap<>();
        for (int step : steps) {
            int address = 0xc0a8_0000 + Math.abs(step) * 64; // many share a home slot
            if (step < 0) {
                neighbours.remove(0, Ip.low(address));
                model.remove(address);
            } else {
                neighbours.put(0, Ip.low(address), MAC + step);
                model.put(address, MAC + step);
            }
        }
        assertThat(neighbours.count()).isEqualTo(model.size());
        for (int i = 0; i <= 300; i++) {
            int address = 0xc0a8_0000 + i * 64;
            assertThat(neighbours.macOf(0, Ip.low(address))).isEqualTo(model.getOrDefault(address, OURS));
        }
    }
}
