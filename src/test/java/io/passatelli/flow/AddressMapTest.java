package io.passatelli.flow;

import io.passatelli.base.Allocation;
import io.passatelli.base.Ip;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.HostSide;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import static org.assertj.core.api.Assertions.assertThat;

/** Columns: the guest's name of the host's loopback (- for none), an address, what it stands for on the other side. */
class AddressMapTest {
    @ParameterizedTest
    @CsvSource({
        "10.0.0.1, 10.0.0.1, 127.0.0.1",
        "10.0.0.1, 10.0.0.2, 10.0.0.2",
        "10.0.0.1, 127.0.0.1, 127.0.0.1",
        "10.0.0.1, 0.0.0.0, 0.0.0.0",
        "10.0.0.1, ::a00:1, ::a00:1",
        "10.0.0.1, fe80::1, fe80::1",
        "fe80::1, fe80::1, ::1",
        "fe80::1, fe80::2, fe80::2",
        "fe80::1, 127.0.0.1, 127.0.0.1",
        "-, 10.0.0.1, 10.0.0.1",
        "-, 127.0.0.1, 127.0.0.1",
        "-, ::1, ::1",
        "-, 192.0.2.1, 192.0.2.1",
    })
    void guestReachesTheHost(String mapped, String guestView, String hostView) {
        AddressMap map = map(mapped);
        Ip ip = Ip.parse(guestView);
        map.toHost(ip.high(), ip.low());
        assertThat(new Ip(map.high(), map.low())).isEqualTo(Ip.parse(hostView));
    }

    @ParameterizedTest
    @CsvSource({
        "10.0.0.1, 127.0.0.1, 10.0.0.1",
        "10.0.0.1, 127.9.8.7, 127.9.8.7",
        "10.0.0.1, 128.0.0.1, 128.0.0.1",
        "10.0.0.1, 10.0.0.1, 10.0.0.1",
        "10.0.0.1, 192.0.2.1, 192.0.2.1",
        "10.0.0.1, ::1, ::1",
        "fe80::1, ::1, fe80::1",
        "fe80::1, 127.0.0.1, 127.0.0.1",
        "fe80::1, 2001:db8::1, 2001:db8::1",
        "-, 127.0.0.1, 127.0.0.1",
        "-, ::1, ::1",
    })
    void guestSeesTheHost(String mapped, String hostView, String guestView) {
        AddressMap map = map(mapped);
        Ip ip = Ip.parse(hostView);
        map.toGuest(ip.high(), ip.low());
        assertThat(new Ip(map.high(), map.low())).isEqualTo(Ip.parse(guestView));
    }

    @Test
    void translationAllocatesNothing() {
        AddressMap map = map("10.0.0.1");
        long low = Ip.parse("10.0.0.1").low();
        assertThat(Allocation.leastBytes(100_000, () -> {
                    map.toHost(0, low);
                    map.toGuest(map.high(), map.low());
                }))
                .isZero();
        assertThat(map.low()).isEqualTo(low);
    }

    private static AddressMap map(String mapped) {
        return map(mapped.equals("-") ? null : Ip.parse(mapped));
    }

    private static AddressMap map(@Nullable Ip mapped) {
        var guest =
                PlainNetwork.of(new Cidr(Ip.parse("10.0.0.2"), 24), Ip.parse("10.0.0.1"), GuestNetwork.MTU_MAX, null);
        PlaneConfig config = PlaneConfig.of(guest);
        HostSide side = HostSide.mapping(mapped);
        return new AddressMap(mapped == null || mapped.isV4() ? config.host4(side) : config.host6(side));
    }
}
