package io.passatelli.plane;

import io.passatelli.base.Ip;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.HostSide;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.wire.Packets;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST6;
import static io.passatelli.plane.PlaneScenario.ROUTER6;
import static io.passatelli.plane.PlaneScenario.S;
import static org.assertj.core.api.Assertions.assertThat;

/** The host's network becomes another while the plane runs. */
@Tag("sim")
class AdoptScenarioTest {
    private static final String NEW_GATEWAY = "10.88.0.1";
    private static final Ip6Network OLD6 = ip6(GUEST6, ROUTER6);

    private static Ip6Network ip6(String address, String router) {
        return new Ip6Network(new Cidr(Ip.parse(address), 64), false, Ip.parse(router), List.of());
    }

    /** 10.88.0.2/24 behind 10.88.0.1, which stands for the host's loopback. */
    static PlaneConfig config(@Nullable Ip6Network ip6) {
        var guest = new GuestNetwork(
                new Cidr(Ip.parse("10.88.0.2"), 24),
                false,
                Ip.parse(NEW_GATEWAY),
                1500,
                List.of(Ip.parse("192.0.2.54")),
                List.of(),
                null,
                null,
                GuestNetwork.DEFAULT_MAC,
                ip6);
        return PlaneConfig.of(guest)
                .host4(HostSide.mapping(Ip.parse(NEW_GATEWAY)))
                .host6(HostSide.mapping(ip6 == null ? null : ip6.router()));
    }

    private static void adopt(PlaneScenario t, PlaneConfig config) {
        assertThat(t.plane.handle().adopt(config)).isTrue();
        t.runs(0);
    }

    @Test
    void theNextLeaseTellsTheNewNetwork() {
        try (var t = PlaneScenario.standard()) {
            adopt(t, config(null));
            t.guestGetsNothing();
            t.guestSends(RouterScenarioTest.discover()).runs(0);
            byte[] offer = t.link.next().bytes;
            String options = HexFormat.of().formatHex(offer, 42 + 240, offer.length);
            assertThat(Arrays.copyOfRange(offer, 26, 30)).isEqualTo(Packets.ip(NEW_GATEWAY));
            assertThat(Arrays.copyOfRange(offer, 42 + 16, 42 + 20)).isEqualTo(Packets.ip("10.88.0.2")); // yiaddr
            assertThat(options).contains("03040a580001").contains("0604c0000236"); // router, resolver
            t.guestGetsNothing().dropped();
        }
    }

    @Test
    void theNewGatewayStandsForTheHost() {
        try (var t = PlaneScenario.standard()) {
            t.guestPings(GATEWAY, 1, 1).guestGetsReply(GATEWAY, 1, 1);
            adopt(t, config(null));
            t.as("10.88.0.2").guestPings(NEW_GATEWAY, 2, 1).guestGetsReply(NEW_GATEWAY, 2, 1);
            t.guestPings(GATEWAY, 3, 1).guestGetsNothing(); // nobody in the simulated network has that address
        }
    }

    @Test
    void aNewPrefixIsAdvertisedAtOnce() {
        try (var t = PlaneScenario.setup().advertisedIp6().start()) {
            adopt(t, config(ip6("fd88::2", ROUTER6)));
            t.runs(5 * S);
            List<String> frames = t.link.seen().stream()
                    .map(seen -> HexFormat.of().formatHex(seen.bytes))
                    .toList();
            assertThat(frames).isNotEmpty();
            assertThat(frames.getFirst())
                    .contains("333300000001")
                    .contains("0304 40c0 ffffffff ffffffff 00000000 fd880000000000000000000000000000".replace(" ", ""));
            t.link.forgetSeen();
        }
    }

    @Test
    void aNetworkThatComesLaterWorks() {
        try (var t = PlaneScenario.standard()) {
            adopt(t, config(OLD6));
            t.runs(5 * S);
            assertThat(t.link.seen()).isNotEmpty();
            assertThat(HexFormat.of().formatHex(t.link.seen().getFirst().bytes)).contains("fd77000000000000");
            t.link.forgetSeen();
        }
    }

    @Test
    void whatIsFixedDoesNotChange() {
        try (var t = PlaneScenario.standard()) {
            adopt(t, config(null).without(Service.UDP));
            t.provoked(1);
            t.guestSends(RouterScenarioTest.discover()).runs(0);
            assertThat(Arrays.copyOfRange(t.link.next().bytes, 26, 30)).isEqualTo(Packets.ip(GATEWAY));
        }
    }

    @Test
    void aPlaneThatHasEndedSaysSo() {
        var t = PlaneScenario.standard();
        t.close();
        assertThat(t.plane.handle().adopt(config(null))).isFalse();
    }
}
