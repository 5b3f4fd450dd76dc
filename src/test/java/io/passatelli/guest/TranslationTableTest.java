package io.passatelli.guest;

import io.passatelli.base.Ip;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.HostSide;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import io.passatelli.flow.AddressMap;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Which address stands for which, with every option that has to do with it. The guest was told 10.0.0.2 behind 10.0.0.1 and fd00::2 behind fe80::1,
 * and uses 10.0.0.22, fd00::22 and fe80::22. Options:
 * <pre>
 * none      --no-map-gw
 * gateway   as by default: the gateways stand for the host's loopback
 * guest     --no-map-gw --map-guest-addr 10.0.0.9 --map-guest-addr fd00::9
 * both      --map-host-loopback 10.0.0.8 and fd00::8, --map-guest-addr 10.0.0.9 and fd00::9
 * same      the gateways by default, and --map-guest-addr says them too
 * only4     --no-map-gw --map-host-loopback 10.0.0.8 --map-guest-addr 10.0.0.9
 * only6     the same of fd00::8 and fd00::9
 * dns       both, and --dns-forward 10.0.0.53 and fd00::53, --dns-host 192.0.2.53 and 2001:db8::53
 * shared    one address of each family for all three: 10.0.0.8 and fd00::8; --dns-host 127.0.0.53 and ::1
 * </pre>
 */
class TranslationTableTest {
    private static final String GUEST4 = "10.0.0.22";
    private static final String GUEST6 = "fd00::22";
    private static final String LINK_LOCAL6 = "fe80::22";

    private static PlaneConfig config(String options) {
        var guest = PlainNetwork.of(
                new Cidr(Ip.parse("10.0.0.2"), 24),
                Ip.parse("10.0.0.1"),
                GuestNetwork.MTU_MAX,
                new Ip6Network(new Cidr(Ip.parse("fd00::2"), 64), false, Ip.parse("fe80::1"), List.of()));
        PlaneConfig config = PlaneConfig.of(guest);
        return switch (options) {
            case "none" -> config;
            case "gateway" -> with(config, side("10.0.0.1", null), side("fe80::1", null));
            case "guest" -> with(config, side(null, "10.0.0.9"), side(null, "fd00::9"));
            case "both" -> with(config, side("10.0.0.8", "10.0.0.9"), side("fd00::8", "fd00::9"));
            case "same" -> with(config, side("10.0.0.1", "10.0.0.1"), side("fe80::1", "fe80::1"));
            case "only4" -> with(config, side("10.0.0.8", "10.0.0.9"), HostSide.PLAIN);
            case "only6" -> with(config, HostSide.PLAIN, side("fd00::8", "fd00::9"));
            case "dns" ->
                with(
                        config,
                        side("10.0.0.8", "10.0.0.9", "10.0.0.53", "192.0.2.53"),
                        side("fd00::8", "fd00::9", "fd00::53", "2001:db8::53"));
            case "shared" ->
                with(
                        config,
                        side("10.0.0.8", "10.0.0.8", "10.0.0.8", "127.0.0.53"),
                        side("fd00::8", "fd00::8", "fd00::8", "::1"));
            default -> throw new IllegalArgumentException(options);
        };
    }

    private static PlaneConfig with(PlaneConfig config, HostSide host4, HostSide host6) {
        return config.host4(host4).host6(host6);
    }

    private static HostSide side(@Nullable String loopback, @Nullable String guest) {
        return HostSide.mapping(ip(loopback)).mapGuest(ip(guest));
    }

    private static HostSide side(String loopback, String guest, String forward, String host) {
        return new HostSide(ip(loopback), null, null, 0, ip(forward), ip(host)).mapGuest(ip(guest));
    }

    private static @Nullable Ip ip(@Nullable String text) {
        return text == null ? null : Ip.parse(text);
    }

    private static GuestState guest(PlaneConfig config) {
        GuestState guest = new GuestState(config.guest());
        byte[] udp = Packets.udp(GUEST4, 5000, "192.0.2.1", 53, new byte[1]);
        learn(
                guest,
                Packets.ethernet(
                        Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, Packets.ip4(17, GUEST4, "192.0.2.1", udp)));
        for (String address : List.of(GUEST6, LINK_LOCAL6)) {
            byte[] echo = Packets6.icmp6(128, address, "2001:db8::1", 1, 1, new byte[1]);
            learn(guest, Packets6.fromGuest(58, address, "2001:db8::1", echo));
        }
        return guest;
    }

    private static void learn(GuestState guest, byte[] bytes) {
        Frame frame = Packets.frame(bytes);
        frame.parse();
        boolean ignored = guest.learn(frame);
    }

    /** Columns: options, the guest's destination and its port, where the host side sends it to. */
    @ParameterizedTest
    @CsvSource({
        // resolvers, at their ports only
        "dns, 10.0.0.53, 53, 192.0.2.53",
        "dns, 10.0.0.53, 853, 192.0.2.53",
        "dns, 10.0.0.53, 80, 10.0.0.53",
        "dns, fd00::53, 53, 2001:db8::53",
        "dns, fd00::53, 853, 2001:db8::53",
        "dns, fd00::53, 54, fd00::53",
        "dns, 10.0.0.54, 53, 10.0.0.54",
        "both, 10.0.0.53, 53, 10.0.0.53",
        "both, fd00::53, 853, fd00::53",
        // before the other mappings
        "shared, 10.0.0.8, 53, 127.0.0.53",
        "shared, 10.0.0.8, 853, 127.0.0.53",
        "shared, 10.0.0.8, 80, 127.0.0.1",
        "shared, fd00::8, 53, ::1",
        "shared, fd00::8, 80, ::1",
        // the host's loopback
        "gateway, 10.0.0.1, 80, 127.0.0.1",
        "gateway, 10.0.0.1, 53, 127.0.0.1",
        "gateway, fe80::1, 80, ::1",
        "both, 10.0.0.8, 80, 127.0.0.1",
        "both, fd00::8, 80, ::1",
        "both, 10.0.0.1, 80, 10.0.0.1",
        "both, fe80::1, 80, fe80::1",
        "none, 10.0.0.1, 80, 10.0.0.1",
        "none, fe80::1, 80, fe80::1",
        "guest, 10.0.0.1, 80, 10.0.0.1",
        "only4, 10.0.0.8, 80, 127.0.0.1",
        "only4, fd00::8, 80, fd00::8",
        "only6, fd00::8, 80, ::1",
        "only6, 10.0.0.8, 80, 10.0.0.8",
        // the host at the address that was assigned to the guest, whatever the guest uses
        "guest, 10.0.0.9, 80, 10.0.0.2",
        "guest, 10.0.0.9, 53, 10.0.0.2",
        "guest, fd00::9, 80, fd00::2",
        "both, 10.0.0.9, 80, 10.0.0.2",
        "both, fd00::9, 853, fd00::2",
        "none, 10.0.0.9, 80, 10.0.0.9",
        "gateway, fd00::9, 80, fd00::9",
        "only4, 10.0.0.9, 80, 10.0.0.2",
        "only4, fd00::9, 80, fd00::9",
        "only6, fd00::9, 80, fd00::2",
        // behind the loopback
        "same, 10.0.0.1, 80, 127.0.0.1",
        "same, fe80::1, 80, ::1",
        // all else
        "both, 192.0.2.1, 80, 192.0.2.1",
        "both, 2001:db8::1, 53, 2001:db8::1",
        "both, 10.0.0.2, 80, 10.0.0.2",
        "both, 224.0.0.1, 80, 224.0.0.1",
        "both, ff02::1, 80, ff02::1",
        "none, 0.0.0.0, 80, 0.0.0.0",
        "none, '::', 53, '::'",
    })
    void guestReachesTheHostSide(String options, String destination, int port, String hostSide) {
        AddressMap map = new AddressMap(config(options));
        Ip ip = Ip.parse(destination);
        map.toHost(ip.high(), ip.low(), port);
        assertThat(new Ip(map.high(), map.low())).isEqualTo(Ip.parse(hostSide));
        if (port != 53 && port != 853) {
            map.toHost(ip.high(), ip.low()); // echo
            assertThat(new Ip(map.high(), map.low())).isEqualTo(Ip.parse(hostSide));
        }
    }

    /** Columns: options, who speaks, the target address of the rule (- for none), whom the guest sees, and at which address of its own. */
    @ParameterizedTest
    @CsvSource({
        // the host's loopback, exactly
        "gateway, 127.0.0.1, -, 10.0.0.1, 10.0.0.22",
        "gateway, ::1, -, fe80::1, fe80::22",
        "both, 127.0.0.1, -, 10.0.0.8, 10.0.0.22",
        "both, ::1, -, fd00::8, fd00::22",
        "only4, 127.0.0.1, -, 10.0.0.8, 10.0.0.22",
        "only6, ::1, -, fd00::8, fd00::22",
        "same, 127.0.0.1, -, 10.0.0.1, 10.0.0.22",
        // the address that was assigned to the guest
        "guest, 10.0.0.2, -, 10.0.0.9, 10.0.0.22",
        "guest, fd00::2, -, fd00::9, fd00::22",
        "both, 10.0.0.2, -, 10.0.0.9, 10.0.0.22",
        "both, fd00::2, -, fd00::9, fd00::22",
        "only4, 10.0.0.2, -, 10.0.0.9, 10.0.0.22",
        "only6, fd00::2, -, fd00::9, fd00::22",
        "same, 10.0.0.2, -, 10.0.0.1, 10.0.0.22",
        "same, fd00::2, -, fe80::1, fe80::22",
        // whom the guest cannot answer: us
        "none, 127.0.0.1, -, 10.0.0.1, 10.0.0.22",
        "none, ::1, -, fe80::1, fe80::22",
        "both, 127.0.0.2, -, 10.0.0.1, 10.0.0.22",
        "both, 127.9.8.7, -, 10.0.0.1, 10.0.0.22",
        "none, 0.0.0.0, -, 10.0.0.1, 10.0.0.22",
        "none, '::', -, fe80::1, fe80::22",
        "none, 10.0.0.2, -, 10.0.0.1, 10.0.0.22",
        "none, fd00::2, -, fe80::1, fe80::22",
        "none, 10.0.0.22, -, 10.0.0.1, 10.0.0.22",
        "guest, 10.0.0.22, -, 10.0.0.1, 10.0.0.22",
        "guest, fd00::22, -, fe80::1, fe80::22",
        "both, fe80::22, -, fe80::1, fe80::22",
        "only4, ::1, -, fe80::1, fe80::22",
        "only6, 10.0.0.2, -, 10.0.0.1, 10.0.0.22",
        // all others: themselves
        "both, 192.0.2.1, -, 192.0.2.1, 10.0.0.22",
        "both, 2001:db8::1, -, 2001:db8::1, fd00::22",
        "both, fe80::77, -, fe80::77, fe80::22",
        "both, 10.0.0.8, -, 10.0.0.8, 10.0.0.22",
        "dns, 192.0.2.53, -, 192.0.2.53, 10.0.0.22",
        "dns, 10.0.0.53, -, 10.0.0.53, 10.0.0.22",
        // a rule's target address, whoever speaks
        "gateway, 192.0.2.1, 10.0.0.3, 192.0.2.1, 10.0.0.3",
        "gateway, 127.0.0.1, 10.0.0.3, 10.0.0.1, 10.0.0.3",
        "guest, 10.0.0.2, 10.0.0.3, 10.0.0.9, 10.0.0.3",
        "none, 10.0.0.3, 10.0.0.3, 10.0.0.1, 10.0.0.3",
        "gateway, 2001:db8::1, fd00::3, 2001:db8::1, fd00::3",
        "gateway, ::1, fd00::3, fe80::1, fd00::3",
        "gateway, fe80::77, fd00::3, fe80::77, fd00::3",
        "none, fd00::3, fd00::3, fe80::1, fd00::3",
    })
    void guestSeesWhoSpeaks(String options, String peer, String target, String far, String own) {
        PlaneConfig config = config(options);
        var inbound = new InboundAddresses(guest(config), new AddressMap(config));
        Ip ip = Ip.parse(peer);
        assertThat(inbound.see(ip.high(), ip.low(), target.equals("-") ? null : Ip.parse(target)))
                .isTrue();
        assertThat(new Ip(inbound.farHigh(), inbound.farLow())).isEqualTo(Ip.parse(far));
        assertThat(new Ip(inbound.guestHigh(), inbound.guestLow())).isEqualTo(Ip.parse(own));
    }

    /** Whom the guest saw it can answer: unless it was seen as us, the answer goes back to it. */
    @ParameterizedTest
    @CsvSource({
        "gateway, 127.0.0.1",
        "gateway, ::1",
        "both, 127.0.0.1",
        "both, ::1",
        "both, 10.0.0.2",
        "both, fd00::2",
        "guest, 10.0.0.2",
        "both, 192.0.2.1",
        "dns, fd00::2",
        "dns, 2001:db8::1",
    })
    void whoIsSeenCanBeReached(String options, String peer) {
        AddressMap map = new AddressMap(config(options));
        Ip ip = Ip.parse(peer);
        map.toGuest(ip.high(), ip.low());
        map.toHost(map.high(), map.low(), 80);
        assertThat(new Ip(map.high(), map.low())).isEqualTo(ip);
    }
}
