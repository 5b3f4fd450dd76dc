package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.config.HostSide;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.PortForward;
import io.passatelli.config.Service;
import io.passatelli.host.HostNetwork.Address;
import io.passatelli.host.HostNetwork.Interface;
import io.passatelli.host.HostNetwork.Route;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;

import static io.passatelli.host.GuestNetworksTest.options;
import static io.passatelli.host.RtNetlinkTest.cidr;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Planning with IPv6, and with both families. */
class GuestNetworks6Test {
    private static final Interface LO = new Interface(1, "lo", true, true, 65536, null);
    private static final Interface ETH0 = new Interface(2, "eth0", true, false, 1500, null);
    private static final Interface ETH1 = new Interface(3, "eth1", true, false, 1500, null);
    private static final Interface BARE0 = new Interface(4, "bare0", true, false, 1500, null);
    private static final List<Interface> LINKS = List.of(LO, ETH0, ETH1, BARE0);

    private static final Address LOOPBACK6 = address(1, "::1/128");
    private static final Address LINK_LOCAL = new Address(2, cidr("fe80::2/64"), false, false, false, false);
    private static final Address HOST4 = address(2, "10.77.0.2/24");
    private static final Address HOST6 = address(2, "fd77::2/64");
    private static final Route DEFAULT4 = new Route(cidr("0.0.0.0/0"), 2, Ip.parse("10.77.0.1"), 0);
    private static final Route DEFAULT6 = new Route(cidr("::/0"), 2, Ip.parse("fe80::99"), 1024);
    private static final Route ON_LINK6 = new Route(cidr("fe80::/64"), 2, null, 256);

    /** eth0 has both families; eth1 has IPv6 only, behind a gateway with a global address; bare0 has nothing. */
    private static final HostNetwork BOTH = new HostNetwork(
            LINKS,
            List.of(LOOPBACK6, HOST4, HOST6, LINK_LOCAL, address(3, "fd78::2/56")),
            List.of(DEFAULT4, DEFAULT6, ON_LINK6, new Route(cidr("::/0"), 3, Ip.parse("fd78::1"), 2048)));

    private static final ResolvConf RESOLV_CONF =
            new ResolvConf(List.of(Ip.parse("192.0.2.53")), List.of(Ip.parse("2001:db8::53")), List.of("example.test"));

    private static Address address(int index, String cidr) {
        return new Address(index, cidr(cidr), true, false, false, false);
    }

    private static HostNetwork host(List<Address> addresses, Route... routes) {
        return new HostNetwork(LINKS, addresses, List.of(routes));
    }

    private static NetworkPlan plan(String line) {
        return plan(line, BOTH);
    }

    private static NetworkPlan plan(String line, HostNetwork host) {
        return GuestNetworks.plan(options(line), host, RESOLV_CONF);
    }

    private static NetworkPlan plan(String line, String... resolvers) {
        List<Ip> all = Stream.of(resolvers).map(Ip::parse).toList();
        var conf = new ResolvConf(
                all.stream().filter(Ip::isV4).toList(),
                all.stream().filter(ip -> !ip.isV4()).toList(),
                List.of());
        return GuestNetworks.plan(options(line), BOTH, conf);
    }

    private static Ip6Network ip6(NetworkPlan plan) {
        return Objects.requireNonNull(plan.plane().guest().ip6());
    }

    private static @Nullable Ip ip(@Nullable String text) {
        return text == null ? null : Ip.parse(text);
    }

    @Test
    void theGuestHasBothNetworksOfTheHost() {
        NetworkPlan plan = plan("");

        assertThat(plan.interface4()).isEqualTo("eth0");
        assertThat(plan.interface6()).isEqualTo("eth0");
        assertThat(plan.remarks()).isEmpty();
        assertThat(plan.plane().services()).containsExactlyInAnyOrder(Service.values());
        assertThat(plan.plane().guest().address()).isEqualTo(cidr("10.77.0.2/24"));
        assertThat(ip6(plan))
                .isEqualTo(new Ip6Network(
                        cidr("fd77::2/64"), false, Ip.parse("fe80::99"), List.of(Ip.parse("2001:db8::53"))));
        assertThat(plan.plane().host6())
                .isEqualTo(new HostSide(Ip.parse("fe80::99"), null, null, 2, null, null, Ip.parse("fd77::2")));
        assertThat(plan.plane().host4())
                .isEqualTo(new HostSide(Ip.parse("10.77.0.1"), null, null, 2, null, null, Ip.parse("10.77.0.2")));
        assertThat(plan.summary()).isEqualTo("10.77.0.2/24, gateway 10.77.0.1; fd77::2/64, router fe80::99");
    }

    @ParameterizedTest
    @CsvSource({
        "'', fd77::2/64, fe80::99, fe80::99, 2",
        "'-a fd00::5', fd00::5/64, fe80::99, fe80::99, 2",
        "'-a fd00::5/48', fd00::5/48, fe80::99, fe80::99, 2",
        "'-a fd00::5/128 -a 10.1.1.1/24', fd00::5/128, fe80::99, fe80::99, 2",
        "'-g fe80::7', fd77::2/64, fe80::7, fe80::7, 2",
        "'-g fd77::7', fd77::2/64, fe80::1, fd77::7, 2",
        "'-g fd77::7 -g 10.77.0.7', fd77::2/64, fe80::1, fd77::7, 2",
        "'-i eth1', fd78::2/56, fe80::1, fd78::1, 3",
        "'--outbound-if6 eth1', fd78::2/56, fe80::1, fd78::1, 3",
        "'--outbound-if6 eth1 -i eth0', fd77::2/64, fe80::99, fe80::99, 2",
        "'--outbound-if4 eth1', fd77::2/64, fe80::99, fe80::99, 2",
        "'-i bare0 -a fd00::5', fd00::5/64, fe80::1, fe80::1, 0",
        "'--map-host-loopback none', fd77::2/64, fe80::99, , 2",
        "'--map-host-loopback 10.77.0.9', fd77::2/64, fe80::99, fe80::99, 2",
        "'--map-host-loopback fd77::9', fd77::2/64, fe80::99, fd77::9, 2",
        "'--map-host-loopback none --map-host-loopback 10.77.0.9', fd77::2/64, fe80::99, , 2",
        "'--map-host-loopback fd77::9 --map-host-loopback none', fd77::2/64, fe80::99, , 2",
        "'--map-host-loopback fd77::9 --map-host-loopback none --map-host-loopback fd77::8', fd77::2/64, fe80::99, fd77::8, 2",
    })
    void addressRouterAndMappingFollowTheOptions(
            String line, String address, String router, String mapped, int interfaceIndex) {
        NetworkPlan plan = plan(line);

        assertThat(ip6(plan).address()).isEqualTo(cidr(address));
        assertThat(ip6(plan).addressFixed()).isEqualTo(line.contains("-a "));
        assertThat(ip6(plan).router()).isEqualTo(Ip.parse(router));
        assertThat(plan.plane().host6().mapHostLoopback()).isEqualTo(ip(mapped));
        assertThat(plan.plane().host6().interfaceIndex()).isEqualTo(interfaceIndex);
    }

    @Test
    void theOtherFamiliesOptionsLeaveThisOneAlone() {
        PlaneConfig plane = plan("-a 10.5.5.5/24 -g 10.5.5.1 -o 10.77.0.2 -o fd77::2 --outbound-if6 eth1")
                .plane();

        assertThat(plane.guest().address()).isEqualTo(cidr("10.5.5.5/24"));
        assertThat(plane.host4().outbound()).isEqualTo(Ip.parse("10.77.0.2"));
        assertThat(plane.host4().outboundInterface()).isNull();
        assertThat(plane.host6().outbound()).isEqualTo(Ip.parse("fd77::2"));
        assertThat(plane.host6().outboundInterface()).isEqualTo("eth1");
    }

    @Test
    void ofSeveralAddressesTheBestIsTaken() {
        Address tentative = new Address(2, cidr("fd77::a/64"), true, false, false, true);
        Address deprecated = new Address(2, cidr("fd77::b/64"), true, false, true, false);
        Address temporary = new Address(2, cidr("fd77::c/64"), true, true, false, false);

        assertThat(chosen(LINK_LOCAL, tentative, deprecated, temporary, HOST6)).isEqualTo(cidr("fd77::2/64"));
        assertThat(chosen(LINK_LOCAL, tentative, deprecated, temporary)).isEqualTo(cidr("fd77::c/64"));
        assertThat(chosen(LINK_LOCAL, tentative, deprecated)).isEqualTo(cidr("fd77::b/64"));
        assertThat(chosen(LINK_LOCAL, tentative)).isNull();
    }

    private static @Nullable Object chosen(Address... addresses) {
        return ip6(plan("", host(List.of(addresses), DEFAULT6))).address();
    }

    @Test
    void anInterfaceWithoutGlobalAddressGivesALinkLocalNetwork() {
        NetworkPlan plan = plan("", host(List.of(HOST4, LINK_LOCAL), DEFAULT4, DEFAULT6));

        assertThat(ip6(plan).address()).isNull();
        assertThat(ip6(plan).router()).isEqualTo(Ip.parse("fe80::99"));
        assertThat(plan.interface6()).isNull();
        assertThat(plan.plane().has(Service.IP6)).isTrue();
        assertThat(plan.remarks())
                .containsExactly(
                        "Interface eth0 has no global IPv6 address, so the guest gets none, and DHCPv6 is off");
    }

    /** Such as a pod of a cluster without IPv6: every interface has a link-local address. */
    @Test
    void aHostWithoutRouteOfOneFamilyLeavesItOutWhileThatIsSo() {
        NetworkPlan only4 = plan("", host(List.of(LOOPBACK6, HOST4, LINK_LOCAL), DEFAULT4, ON_LINK6));
        assertThat(only4.plane().guest().ip6()).isNull();
        assertThat(only4.plane().has(Service.IP6)).isTrue();
        assertThat(only4.plane().host6().mapHostLoopback()).isNull();
        assertThat(only4.remarks()).isEmpty();

        NetworkPlan only6 = plan("", host(List.of(LOOPBACK6, HOST6, LINK_LOCAL), DEFAULT6));
        assertThat(only6.plane().guest().gateway()).isNull();
        assertThat(only6.plane().guest().resolvers()).isEmpty();
        assertThat(only6.plane().host4().mapHostLoopback()).isNull();
        assertThat(only6.plane().has(Service.IP4)).isTrue();
        assertThat(ip6(only6).address()).isEqualTo(cidr("fd77::2/64"));
        assertThat(only6.remarks())
                .containsExactly("The host has no IPv4 network, so the guest has none while that is so");
        assertThat(only6.summary()).isEqualTo("fd77::2/64, router fe80::99");
    }

    @ParameterizedTest
    @CsvSource({
        "'--map-guest-addr fd77::9', , fd77::9, 0",
        "'--map-guest-addr fd77::9 --map-guest-addr 10.77.0.9', 10.77.0.9, fd77::9, 0",
        "'--map-guest-addr fd77::9 --map-guest-addr none --map-guest-addr 10.77.0.9', 10.77.0.9, , 0",
        "'--map-guest-addr fe80::99', , fe80::99, 1", // the host's loopback comes first
        "'--map-guest-addr fe80::99 --map-host-loopback fd77::8', , fe80::99, 0",
    })
    void anAddressOfEachFamilyMayStandForTheGuestsOwn(String line, String four, String six, int remarks) {
        NetworkPlan plan = plan(line);
        assertThat(plan.plane().host4().mapGuest()).isEqualTo(ip(four));
        assertThat(plan.plane().host6().mapGuest()).isEqualTo(ip(six));
        assertThat(plan.remarks()).hasSize(remarks);
    }

    @Test
    void withoutAGlobalAddressNothingCanStandForIt() {
        NetworkPlan plan = plan("--map-guest-addr fd77::9", host(List.of(LOOPBACK6, LINK_LOCAL), ON_LINK6));
        assertThat(plan.plane().host6().mapGuest()).isNull();
        assertThat(plan.remarks())
                .contains("--map-guest-addr: the guest has no IPv6 address that fd77::9 could stand for");
    }

    @Test
    void aHostWithoutAnyRouteGivesALocalNetworkOfBothFamilies() {
        NetworkPlan plan = plan("", host(List.of(LOOPBACK6, LINK_LOCAL), ON_LINK6));

        assertThat(plan.plane().guest().address()).isEqualTo(cidr("169.254.2.1/16"));
        assertThat(plan.plane().guest().gateway()).isEqualTo(Ip.parse("169.254.2.2"));
        assertThat(ip6(plan).address()).isNull();
        assertThat(ip6(plan).router()).isEqualTo(Ip.parse("fe80::1"));
        assertThat(plan.plane().host6().mapHostLoopback()).isEqualTo(Ip.parse("fe80::1"));
        assertThat(plan.remarks()).singleElement().asString().contains("link-local");
        assertThat(plan.summary())
                .isEqualTo("169.254.2.1/16, gateway 169.254.2.2; IPv6 link-local only, router fe80::1");
    }

    @Test
    void aKernelWithoutIpv6HasItOff() {
        HostNetwork none = host(List.of(HOST4), DEFAULT4);

        assertThat(plan("", none).plane().has(Service.IP6)).isFalse();
        assertThat(plan("", none).plane().guest().ip6()).isNull();
        assertThat(plan("", none).remarks()).isEmpty();
        assertThat(plan("-a fd00::5", none).plane().guest().ip6()).isNull();
        assertThat(plan("-a fd00::5", none).remarks())
                .containsExactly("This host has no IPv6, so the guest has none either, whatever is said of it");
        assertThatThrownBy(() -> plan("--without IP4", none)).hasMessage("-6, --ipv6-only: this host has no IPv6");
    }

    @Test
    void oneFamilyCanBeOff() {
        NetworkPlan only4 = plan("--without IP6");
        assertThat(only4.plane().guest().ip6()).isNull();
        assertThat(only4.plane().has(Service.IP6)).isFalse();
        assertThat(only4.plane().guest().address()).isEqualTo(cidr("10.77.0.2/24"));

        NetworkPlan only6 = plan("--without IP4");
        assertThat(only6.plane().has(Service.IP4)).isFalse();
        assertThat(only6.plane().guest().gateway()).isNull();
        assertThat(only6.plane().guest().resolvers()).isEmpty();
        assertThat(ip6(only6).address()).isEqualTo(cidr("fd77::2/64"));
        assertThat(only6.remarks()).isEmpty();
    }

    @Test
    void withoutNdpThereAreNoAdvertisements() {
        assertThat(plan("--without NDP").plane().has(Service.RA)).isFalse();
        assertThat(plan("--without NDP").plane().has(Service.NDP)).isFalse();
        assertThat(plan("--without RA").plane().has(Service.NDP)).isTrue();
        assertThat(plan("--without RA").plane().has(Service.RA)).isFalse();
        assertThat(plan("--without ICMP").plane().has(Service.NDP)).isTrue();
        assertThat(plan("--without DHCPV6").plane().has(Service.DHCPV6)).isFalse();
    }

    @ParameterizedTest
    @CsvSource({"1279, 1", "1280, 0", "0, 0", "67, 1"})
    void anMtuThatIpv6CannotUseIsRemarked(String mtu, int remarks) {
        assertThat(plan("-m " + mtu).remarks()).hasSize(remarks);
        assertThat(plan("-m " + mtu + " --without IP6").remarks()).hasSize(mtu.equals("67") ? 1 : 0);
    }

    @ParameterizedTest
    @CsvSource({
        // line, resolvers of the host; told, forward and host of IPv4, the same of IPv6
        "'', '192.0.2.1 2001:db8::1', 192.0.2.1, , , 2001:db8::1, , ",
        "'', '127.0.0.53 ::1', 10.77.0.1, 10.77.0.1, 127.0.0.53, fe80::99, fe80::99, ::1",
        "'', '127.0.0.53 ::', 10.77.0.1, 10.77.0.1, 127.0.0.53, fe80::99, fe80::99, ::1",
        "'', '10.77.0.1 127.0.0.53 fe80::99', 10.77.0.1, 10.77.0.1, 10.77.0.1, fe80::99, fe80::99, fe80::99",
        "'-D 10.77.0.1', '10.77.0.1', 10.77.0.1, , , '', , ",
        "'--map-host-loopback none', '10.77.0.1', 10.77.0.1, , , '', , ",
        "'', '2001:db8::1 ::1', '', , , '2001:db8::1 fe80::99', fe80::99, ::1",
        "'-D 192.0.2.9 -D 2001:db8::9', '127.0.0.53 ::1', 192.0.2.9, , , 2001:db8::9, , ",
        "'-D none', '127.0.0.53 ::1', '', , , '', , ",
        "'--dns-forward 192.0.2.9', '192.0.2.1 192.0.2.2', '192.0.2.1 192.0.2.2', 192.0.2.9, 192.0.2.1, '', , ",
        "'--dns-forward 192.0.2.9', '127.0.0.53', 192.0.2.9, 192.0.2.9, 127.0.0.53, '', , ",
        "'--dns-forward fd77::53', '::1', '', , , fd77::53, fd77::53, ::1",
        "'--dns-forward fd77::53 --dns-host ::1', '', '', , , '', fd77::53, ::1",
        "'--dns-forward fd77::53 --dns-host 2001:db8::7 --dns-forward 192.0.2.9', '192.0.2.1', 192.0.2.1, 192.0.2.9, 192.0.2.1, '', fd77::53, 2001:db8::7",
        "'--dns-host 127.0.0.1', '127.0.0.53', 10.77.0.1, 10.77.0.1, 127.0.0.1, '', , ",
        "'-D none --dns-forward 192.0.2.9', '192.0.2.1', '', 192.0.2.9, 192.0.2.1, '', , ",
        "'--dns-dhcp no --dns-forward 192.0.2.9', '192.0.2.1', '', 192.0.2.9, 192.0.2.1, '', , ",
    })
    void queriesAreRedirected(
            String line,
            String resolvers,
            String told4,
            @Nullable String forward4,
            @Nullable String host4,
            String told6,
            @Nullable String forward6,
            @Nullable String host6) {
        String[] ofHost = resolvers.isEmpty() ? new String[0] : resolvers.split(" ");
        NetworkPlan plan = plan(line.replace("--dns-dhcp no", "--dhcp-dns false"), ofHost);

        assertThat(text(plan.plane().guest().resolvers())).isEqualTo(told4);
        assertThat(text(ip6(plan).resolvers())).isEqualTo(told6);
        assertThat(plan.plane().host4().dnsForward()).isEqualTo(ip(forward4));
        assertThat(plan.plane().host4().dnsHost()).isEqualTo(ip(host4));
        assertThat(plan.plane().host6().dnsForward()).isEqualTo(ip(forward6));
        assertThat(plan.plane().host6().dnsHost()).isEqualTo(ip(host6));
        assertThat(plan.remarks()).isEmpty();
    }

    private static String text(List<Ip> resolvers) {
        return String.join(" ", resolvers.stream().map(Ip::toString).toList());
    }

    @Test
    void whatCannotBeReachedIsRemarked() {
        assertThat(plan("--map-host-loopback none", "::1").remarks())
                .containsExactly("Resolver ::1 is left out: no address is mapped to the host's loopback");
        assertThat(plan("--dns-host 192.0.2.1", "192.0.2.53").remarks())
                .containsExactly("--dns-host: 192.0.2.1 is asked nothing without --dns-forward");
    }

    @Test
    void aForwardNeedsAResolverOfItsFamily() {
        assertThatThrownBy(() -> plan("--dns-forward fd77::53", "192.0.2.1"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("--dns-forward: resolv.conf has no IPv6 resolver, so --dns-host has to say one");
    }

    @Test
    void tcpPortsAreForwardedUnlessTcpIsOff() {
        PortForward tcp = new PortForward(PortForward.Protocol.TCP, null, null, 53, 53, 80);
        PortForward udp = new PortForward(PortForward.Protocol.UDP, null, null, 53, 53, 5353);
        assertThat(plan("-t 53:80 -u 53:5353").plane().forwards()).containsExactly(tcp, udp);
        NetworkPlan without = plan("-t 53:80 -u 53:5353 --without TCP");
        assertThat(without.plane().forwards()).containsExactly(udp);
        assertThat(without.remarks())
                .containsExactly("-t, --tcp-ports: nothing is forwarded, for --no-tcp is said, too");
        assertThat(plan("-t none").plane().forwards()).isEmpty();
    }

    @Test
    void portsAreForwardedUnlessUdpIsOff() {
        assertThat(plan("-u 53:5353").plane().forwards())
                .containsExactly(new PortForward(PortForward.Protocol.UDP, null, null, 53, 53, 5353));
        assertThat(plan("-u 53 --without UDP").plane().forwards()).isEmpty();
        assertThat(plan("-u 53 --without UDP").remarks()).hasSize(1);
        assertThat(plan("").plane().forwards()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-a ::",
                "-a ::1",
                "-a ff02::1",
                "-a fe80::5",
                "-a fd00::1/129",
                "-a fd00::1/",
                "-a fd00::1 -a fd00::2",
                "-a 10.0.0.1 -a fd00::1 -a 10.0.0.2",
                "-a fe80::99",
                "-g ::",
                "-g ff02::2",
                "-g fd77::2",
                "-g fe80::1 -g fe80::2",
                "-n ::1.2.3.4",
                "-o ff02::1",
                "-o fd00::1 -o fd00::2",
                "--outbound-if6 eth9",
                "--outbound-if6 sixteencharacters",
                "--map-host-loopback ::1",
                "--map-host-loopback fd77::2",
                "--map-guest-addr ::1",
                "--map-guest-addr fd77::2",
                "--map-guest-addr fd77::5 --map-guest-addr fd77::6",
                "--map-guest-addr fd77::5 --map-host-loopback fd77::5",
                "--map-host-loopback fd77::5 --map-host-loopback fd77::6",
                "--dns-forward ::1",
                "--dns-forward fd77::2 --dns-host ::1",
                "--dns-forward fd77::5 --dns-forward fd77::6",
                "--dns-host ::",
                "--dns-host ::1 --dns-host 2001:db8::1",
                "-D ::",
                "-D fd00::1 -D fd00::2 -D fd00::3 -D fd00::4",
                "-a fd00::1 --without IP6",
                "-g fe80::1 --without IP6",
                "-a 10.0.0.1 --without IP4",
                "-u 53,",
                "-t 53,",
                "-t 22,22",
            })
    void wrongOptionsAreOneSentenceThatBeginsWithTheOption(String line) {
        assertThatThrownBy(() -> plan(line))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(line.substring(0, line.indexOf(' ')))
                .hasMessageMatching("-[-a-zA-Z0-9, ]+: .{10,140}")
                .hasMessageNotContaining("\n");
    }

    @Test
    void bothFamiliesOffIsRefused() {
        assertThatThrownBy(() -> plan("--without IP4 --without IP6"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("-4, --ipv4-only: with -6, --ipv6-only no family is left");
    }
}
