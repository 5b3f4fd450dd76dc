package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.link.GuestFrame;
import io.passatelli.wire.ControlPackets6;
import io.passatelli.wire.Packets;
import io.passatelli.wire.message.HexDump;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

import static io.passatelli.plane.PlaneScenario.S;
import static org.assertj.core.api.Assertions.assertThat;

/** The guest's Neighbor Discovery and DHCPv6 through a whole plane. Guest fd77::2, router fe80::1, link-local fe80::5054:ff:fe12:3456. */
class NdpScenarioTest {
    private static final String LINK_LOCAL = "fe80::5054:ff:fe12:3456";
    private static final String ROUTER = "fe80::1";
    private static final int ICMP = 54;

    private static byte[] hex(String... parts) {
        return HexFormat.of().parseHex(String.join("", parts).replace(" ", ""));
    }

    private static byte[] frame(String src, String dst, byte[] message) {
        return Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x86dd, ControlPackets6.icmp6(src, dst, message));
    }

    private static byte[] toGuest(String dstMac, String src, String dst, byte[] message) {
        byte[] frame = Packets.ethernet(dstMac, Packets.OUR_MAC, 0x86dd, ControlPackets6.icmp6(src, dst, message));
        return Arrays.copyOf(frame, Math.max(60, frame.length));
    }

    private static final byte[] ROUTER_SOLICITATION = hex("85000000 00000000 0101 525400123456");

    private static final byte[] ROUTER_ADVERTISEMENT = hex(
            "86000000 40c02328 00000000 00000000",
            "0101 9a559a559a55",
            "0501 0000 000005dc",
            "0304 40c0 ffffffff ffffffff 00000000 fd770000000000000000000000000000");

    private static byte[] neighborSolicitation(String target) {
        return hex("87000000 00000000", HexFormat.of().formatHex(ControlPackets6.ip(target)), "0101 525400123456");
    }

    private static byte[] neighborAdvertisement(String flags, String target) {
        return hex("88000000", flags, HexFormat.of().formatHex(ControlPackets6.ip(target)), "0201 9a559a559a55");
    }

    /** Types of the ICMPv6 messages that the guest got since, with their destinations. */
    private static List<String> got(PlaneScenario plane) {
        List<String> got = new ArrayList<>();
        for (GuestFrame seen : plane.link.seen()) {
            if (seen.bytes[12] == (byte) 0x86 && seen.bytes[20] == 58) {
                byte[] to = Arrays.copyOfRange(seen.bytes, 38, 54);
                got.add((seen.bytes[ICMP] & 0xff) + " to " + HexFormat.of().formatHex(to, 0, 2)
                        + HexFormat.of().formatHex(to, 12, 16));
            }
        }
        plane.link.forgetSeen();
        return got;
    }

    private static PlaneScenario reconnected() {
        PlaneScenario plane = PlaneScenario.setup().advertisedIp6().start();
        plane.link.guestLeaves(0);
        plane.runs(0);
        plane.link.forgetSeen();
        plane.link.guestComes();
        return plane.runs(0);
    }

    @Test
    void routerSolicitationIsAnsweredWithPrefixAndMtu() {
        try (PlaneScenario plane = PlaneScenario.setup().advertisedIp6().start()) {
            plane.guestSends(frame(LINK_LOCAL, "ff02::2", ROUTER_SOLICITATION)).runs(0);
            assertThat(plane.link.next().bytes)
                    .isEqualTo(toGuest(Packets.GUEST_MAC, ROUTER, LINK_LOCAL, ROUTER_ADVERTISEMENT));
            plane.guestGetsNothing().dropped();
        }
    }

    @Test
    void guestWithoutAddressGetsItsAdvertisementWithAllOthersButNotTooSoon() {
        try (PlaneScenario plane = PlaneScenario.setup().advertisedIp6().start()) {
            plane.guestSends(frame("::", "ff02::2", hex("85000000 00000000"))).runs(2 * S);
            plane.guestGetsNothing(); // one came with the link
            plane.guestSends(frame("::", "ff02::2", hex("85000000 00000000"))).runs(S + S / 10);
            assertThat(plane.link.next().bytes)
                    .isEqualTo(toGuest("33:33:00:00:00:01", ROUTER, "ff02::1", ROUTER_ADVERTISEMENT));
            plane.guestGetsNothing().dropped();
        }
    }

    @Test
    void neighborSolicitationIsAnsweredForRouterAndNeighbours() {
        try (PlaneScenario plane = PlaneScenario.setup().ip6().start()) {
            plane.guestSends(frame(LINK_LOCAL, "ff02::1:ff00:1", neighborSolicitation(ROUTER)))
                    .runs(0);
            assertThat(plane.link.next().bytes)
                    .isEqualTo(
                            toGuest(Packets.GUEST_MAC, ROUTER, LINK_LOCAL, neighborAdvertisement("e0000000", ROUTER)));
            plane.guestSends(frame("fd77::2", "ff02::1:ff00:99", neighborSolicitation("fd77::99")))
                    .runs(0);
            assertThat(plane.link.next().bytes)
                    .isEqualTo(toGuest(
                            Packets.GUEST_MAC, ROUTER, "fd77::2", neighborAdvertisement("60000000", "fd77::99")));
            plane.guestGetsNothing().dropped();
        }
    }

    /** A guest that was migrated to us goes on with the router that it had. */
    @Test
    void everyLinkLocalAddressMayBeARouters() {
        try (PlaneScenario plane = PlaneScenario.setup().ip6().start()) {
            plane.guestSends(frame(LINK_LOCAL, "ff02::1:ff00:99", neighborSolicitation("fe80::99")))
                    .runs(0);
            assertThat(plane.link.next().bytes)
                    .isEqualTo(toGuest(
                            Packets.GUEST_MAC, ROUTER, LINK_LOCAL, neighborAdvertisement("e0000000", "fe80::99")));
            plane.guestGetsNothing().dropped();
        }
    }

    @Test
    void addressesOfTheGuestAreNotAnsweredFor() {
        try (PlaneScenario plane = PlaneScenario.setup().ip6().start()) {
            plane.guestSends(frame(LINK_LOCAL, "ff02::1:ff00:2", neighborSolicitation("fd77::2")))
                    .runs(0);
            plane.guestSends(frame(LINK_LOCAL, "ff02::1:ff12:3456", neighborSolicitation(LINK_LOCAL)))
                    .runs(0);
            // an address that it made itself, as its traffic shows
            plane.guestSends(frame("fd77::77", "ff02::1:ff00:77", neighborSolicitation("fd77::77")))
                    .runs(0);
            plane.guestGetsNothing();
            assertThat(plane.count(Drop.NDP_OWN_ADDRESS)).isEqualTo(3);
        }
    }

    @Test
    void atLinkUpTheGuestIsAskedForAndTheRouterAdvertisedThriceThenNowAndThen() {
        try (PlaneScenario plane = reconnected()) {
            assertThat(plane.link.seen().stream().map(seen -> seen.bytes).toList())
                    .contains(
                            toGuest("33:33:ff:00:00:02", ROUTER, "ff02::1:ff00:2", neighborSolicitationOfOurs()),
                            toGuest("33:33:00:00:00:01", ROUTER, "ff02::1", ROUTER_ADVERTISEMENT));
            plane.link.forgetSeen();
            plane.runs(15 * S);
            assertThat(got(plane)).isEmpty();
            plane.runs(2 * S);
            assertThat(got(plane)).containsExactly("134 to ff0200000001");
            plane.runs(16 * S);
            assertThat(got(plane)).containsExactly("134 to ff0200000001");
            for (int i = 0; i < 20; i++) {
                plane.runs(199 * S);
                assertThat(got(plane)).isEmpty();
                int waited = 199;
                while (plane.link.seen().isEmpty()) {
                    plane.runs(S);
                    waited++;
                    assertThat(waited).isLessThanOrEqualTo(601);
                }
                assertThat(got(plane)).containsExactly("134 to ff0200000001");
            }
        }
    }

    private static byte[] neighborSolicitationOfOurs() {
        return hex("87000000 00000000 fd770000000000000000000000000002 0101 9a559a559a55");
    }

    @Test
    void nothingIsAdvertisedToAGuestThatLeft() {
        try (PlaneScenario plane = reconnected()) {
            plane.link.guestLeaves(0);
            plane.runs(0);
            plane.link.forgetSeen();
            plane.runs(1_000 * S).guestGetsNothing();
            assertThat(plane.count(Drop.LINK_DOWN)).isZero();
        }
    }

    @Test
    void anotherNetworkIsAdvertisedAtOnceAndTheOldOneWithdrawn() {
        try (PlaneScenario plane = PlaneScenario.setup().advertisedIp6().start()) {
            plane.runs(20 * S);
            plane.link.forgetSeen();
            plane.plane.adopt(network("2001:db8:1::2", ROUTER));
            plane.runs(0);
            assertThat(plane.link.next().bytes)
                    .isEqualTo(toGuest(
                            "33:33:00:00:00:01",
                            ROUTER,
                            "ff02::1",
                            hex(
                                    "86000000 40c02328 00000000 00000000",
                                    "0101 9a559a559a55",
                                    "0501 0000 000005dc",
                                    "0304 40c0 ffffffff ffffffff 00000000 20010db8000100000000000000000000",
                                    "0304 40c0 00000000 00000000 00000000 fd770000000000000000000000000000")));
            plane.runs(40 * S);
            assertThat(got(plane)).containsExactly("134 to ff0200000001", "134 to ff0200000001");
            plane.runs(7_300 * S);
            plane.link.forgetSeen();
            plane.guestSends(frame(LINK_LOCAL, "ff02::2", ROUTER_SOLICITATION)).runs(0);
            assertThat(HexFormat.of().formatHex(plane.link.next().bytes)).doesNotContain("fd77");
        }
    }

    @Test
    void oldRouterSaysFarewellFromItsOwnAddress() {
        try (PlaneScenario plane = PlaneScenario.setup().advertisedIp6().start()) {
            plane.runs(20 * S);
            plane.link.forgetSeen();
            plane.plane.adopt(network("fd77::2", "fe80::9"));
            plane.runs(0);
            byte[] farewell = plane.link.next().bytes;
            assertThat(Arrays.copyOfRange(farewell, 22, 38)).isEqualTo(ControlPackets6.ip(ROUTER));
            assertThat(Arrays.copyOfRange(farewell, ICMP + 4, ICMP + 8)).isEqualTo(hex("40000000"));
            byte[] next = plane.link.next().bytes;
            assertThat(Arrays.copyOfRange(next, 22, 38)).isEqualTo(ControlPackets6.ip("fe80::9"));
            assertThat(Arrays.copyOfRange(next, ICMP + 4, ICMP + 8)).isEqualTo(hex("40c02328"));
            plane.guestGetsNothing();
        }
    }

    private static PlaneConfig network(String address, String router) {
        GuestNetwork guest = PlainNetwork.of(
                new Cidr(Ip.parse(PlaneScenario.GUEST), 24),
                Ip.parse(PlaneScenario.GATEWAY),
                1500,
                new Ip6Network(new Cidr(Ip.parse(address), 64), false, Ip.parse(router), List.of()));
        return PlaneConfig.of(guest);
    }

    @Test
    void whatIsOffIsNotAnswered() {
        byte[] neighbor = frame(LINK_LOCAL, "ff02::1:ff00:1", neighborSolicitation(ROUTER));
        byte[] router = frame(LINK_LOCAL, "ff02::2", ROUTER_SOLICITATION);
        try (PlaneScenario plane = PlaneScenario.setup()
                .advertisedIp6()
                .change(c -> c.without(Service.NDP))
                .start()) {
            plane.guestSends(neighbor).guestSends(router).runs(1_000 * S).guestGetsNothing();
            plane.dropped(Drop.NDP_OFF, Drop.NDP_OFF);
        }
        try (PlaneScenario plane = PlaneScenario.setup().ip6().start()) {
            plane.guestSends(router).runs(1_000 * S).guestGetsNothing().dropped(Drop.NDP_ROUTERS_OFF);
        }
        try (PlaneScenario plane = PlaneScenario.standard()) { // no IPv6 at all
            plane.guestSends(neighbor).guestSends(router).runs(1_000 * S).guestGetsNothing();
            plane.dropped(Drop.IP6_OFF, Drop.IP6_OFF);
        }
    }

    @Test
    void recordedMessagesOfGuestsAreTakenForWhatTheyAre() {
        try (PlaneScenario plane = PlaneScenario.setup().ip6().start()) {
            plane.guestSends(HexDump.one("/ndp/linux-address-probe.txt"))
                    .guestSends(HexDump.one("/ndp/linux-listener-report.txt"))
                    .guestSends(HexDump.one("/ndp/dhcpcd-neighbor-advertisement.txt"))
                    .runs(0)
                    .guestGetsNothing()
                    .dropped(Drop.NDP_ADDRESS_PROBE, Drop.MLD_NOT_NEEDED, Drop.NDP_NEIGHBOR_ADVERTISEMENT);
        }
    }

    @Test
    void dhcpv6LeaseFollowsTheNetwork() {
        try (PlaneScenario plane = PlaneScenario.setup().ip6().start()) {
            plane.guestSends(HexDump.one("/dhcp6/dhclient-renew.txt")).runs(0);
            assertThat(HexFormat.of().formatHex(plane.link.next().bytes))
                    .contains("00050018" + "fd770000000000000000000000000002" + "0001518000015180");
            plane.plane.adopt(network("2001:db8:1::2", ROUTER).without(Service.RA));
            plane.guestSends(HexDump.one("/dhcp6/dhclient-renew.txt")).runs(0);
            assertThat(HexFormat.of().formatHex(plane.link.next().bytes))
                    .contains("00050018" + "20010db8000100000000000000000002" + "0001518000015180")
                    .contains("00050018" + "fd770000000000000000000000000002" + "0000000000000000");
            plane.dropped();
        }
    }

    @Test
    void relayInTheGuestMayReachServersElsewhere() {
        byte[] relayed = ControlPackets6.udp6("fd77::2", 547, "2001:db8::547", 547, hex("0c000000"));
        try (PlaneScenario plane = PlaneScenario.setup().ip6().start()) {
            plane.guestSends(Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x86dd, relayed))
                    .runs(0);
            for (Drop drop : Drop.values()) {
                if (drop.name().startsWith("DHCP6")) {
                    assertThat(plane.count(drop)).as("%s", drop).isZero();
                }
            }
        }
    }
}
