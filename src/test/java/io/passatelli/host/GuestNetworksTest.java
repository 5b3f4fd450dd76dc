package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.config.EphemeralPorts;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.GuestOptions;
import io.passatelli.config.PortForward;
import io.passatelli.config.Service;
import io.passatelli.host.HostNetwork.Address;
import io.passatelli.host.HostNetwork.Interface;
import io.passatelli.host.HostNetwork.Route;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.List;
import java.util.stream.Stream;

import static io.passatelli.host.RtNetlinkTest.cidr;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class GuestNetworksTest {
    /** eth0 is 10.77.0.2/24 behind 10.77.0.1; ppp0 is 10.88.1.2/32 behind nobody; bare0 has nothing. */
    private static final HostNetwork HOST = new HostNetwork(
            List.of(
                    new Interface(1, "lo", true, true, 65536, null),
                    new Interface(2, "eth0", true, false, 1500, null),
                    new Interface(3, "ppp0", true, false, 1400, null),
                    new Interface(4, "bare0", true, false, 1500, null)),
            List.of(
                    new Address(2, cidr("10.77.0.2/24"), true, false, false, false),
                    new Address(3, cidr("10.88.1.2/32"), true, false, false, false)),
            List.of(
                    new Route(cidr("0.0.0.0/0"), 2, Ip.parse("10.77.0.1"), 0),
                    new Route(cidr("0.0.0.0/0"), 3, null, 50)));

    private static final ResolvConf RESOLV_CONF = new ResolvConf(
            List.of(Ip.parse("192.0.2.53"), Ip.parse("192.0.2.54")),
            List.of(Ip.parse("2001:db8::53")),
            List.of("example.test"));

    /** Options as on a command line: pairs of option and value. */
    static GuestOptions options(String line) {
        var builder = GuestOptions.builder();
        if (line.isBlank()) {
            return builder.build();
        }
        String[] words = line.strip().split(" +");
        for (int i = 0; i < words.length; i += 2) {
            String value = words[i + 1];
            switch (words[i]) {
                case "-n" -> builder.netmask(value);
                case "-i" -> builder.templateInterface(value);
                case "-m" -> builder.mtu(value);
                case "-M" -> builder.ourMac(value);
                case "-H" -> builder.hostname(value);
                case "--fqdn" -> builder.fqdn(value);
                case "--outbound-if4" -> builder.outboundInterface4(value);
                case "--outbound-if6" -> builder.outboundInterface6(value);
                case "--without" -> builder.with(Service.valueOf(value), false);
                case "--dhcp-dns" -> builder.dhcpDns(Boolean.parseBoolean(value));
                case "--dhcp-search" -> builder.dhcpSearch(Boolean.parseBoolean(value));
                case "-a",
                        "-g",
                        "-D",
                        "-S",
                        "-o",
                        "-t",
                        "-u",
                        "--dns-forward",
                        "--dns-host",
                        "--map-host-loopback",
                        "--map-guest-addr" -> {}
                default -> throw new IllegalStateException(words[i]);
            }
        }
        return builder.addresses(all("-a", words))
                .gateways(all("-g", words))
                .dns(all("-D", words))
                .search(all("-S", words))
                .outbound(all("-o", words))
                .dnsForward(all("--dns-forward", words))
                .dnsHost(all("--dns-host", words))
                .mapHostLoopback(all("--map-host-loopback", words))
                .mapGuest(all("--map-guest-addr", words))
                .tcpPorts(all("-t", words))
                .udpPorts(all("-u", words))
                .build();
    }

    private static List<String> all(String option, String[] words) {
        return Stream.iterate(0, i -> i < words.length, i -> i + 2)
                .filter(i -> words[i].equals(option))
                .map(i -> words[i + 1])
                .toList();
    }

    private static NetworkPlan plan(String line) {
        return GuestNetworks.plan(options(line), HOST, RESOLV_CONF);
    }

    private static NetworkPlan local(String line) {
        return GuestNetworks.plan(options(line), HostNetwork.EMPTY, RESOLV_CONF);
    }

    private static GuestNetwork guest(String line) {
        return plan(line).plane().guest();
    }

    @Test
    void theGuestHasTheHostsNetwork() {
        NetworkPlan plan = plan("");

        assertThat(plan.interface4()).isEqualTo("eth0");
        assertThat(plan.remarks()).isEmpty();
        assertThat(plan.interface6()).isNull();
        assertThat(plan.plane().host4().dnsForward()).isNull();
        assertThat(plan.plane().has(Service.IP6)).isFalse();
        assertThat(plan.plane().host4().mapHostLoopback()).isEqualTo(Ip.parse("10.77.0.1"));
        assertThat(plan.plane().host4().outbound()).isNull();
        assertThat(plan.plane().host4().outboundInterface()).isNull();
        assertThat(plan.plane().has(Service.DHCP)).isTrue();
        assertThat(plan.plane().has(Service.ICMP)).isTrue();
        assertThat(plan.plane().guest())
                .isEqualTo(new GuestNetwork(
                        cidr("10.77.0.2/24"),
                        false,
                        Ip.parse("10.77.0.1"),
                        65520,
                        List.of(Ip.parse("192.0.2.53"), Ip.parse("192.0.2.54")),
                        List.of("example.test"),
                        null,
                        null,
                        GuestNetwork.DEFAULT_MAC,
                        null));
    }

    @ParameterizedTest
    @CsvSource({
        "'-n 16', 10.77.0.2/16, 10.77.0.1",
        "'-n 255.255.128.0', 10.77.0.2/17, 10.77.0.1",
        "'-n 0.0.0.0', 10.77.0.2/0, 10.77.0.1",
        "'-n 255.255.255.255', 10.77.0.2/32, 10.77.0.1",
        "'-a 10.1.2.3', 10.1.2.3/8, 10.77.0.1",
        "'-a 126.1.2.3', 126.1.2.3/8, 10.77.0.1",
        "'-a 128.1.2.3', 128.1.2.3/16, 10.77.0.1",
        "'-a 191.1.2.3', 191.1.2.3/16, 10.77.0.1",
        "'-a 192.168.7.8', 192.168.7.8/24, 10.77.0.1",
        "'-a 240.0.0.1', 240.0.0.1/32, 10.77.0.1",
        "'-a 192.168.7.8/28', 192.168.7.8/28, 10.77.0.1",
        "'-a 192.168.7.8/0', 192.168.7.8/0, 10.77.0.1",
        "'-a 192.168.7.8 -n 20', 192.168.7.8/20, 10.77.0.1",
        "'-a 192.168.7.8 -g 192.168.7.1', 192.168.7.8/24, 192.168.7.1",
        "'-g 198.51.100.1', 10.77.0.2/24, 198.51.100.1",
        "'-i ppp0', 10.88.1.2/32, ",
        "'-i ppp0 -g 10.88.1.1', 10.88.1.2/32, 10.88.1.1",
        "'--outbound-if4 ppp0', 10.88.1.2/32, ",
        "'--outbound-if4 ppp0 -i eth0', 10.77.0.2/24, 10.77.0.1",
        "'-i bare0', 169.254.2.1/16, 169.254.2.2",
        "'-i bare0 -a 10.5.5.5/24', 10.5.5.5/24, ",
    })
    void addressAndGatewayFollowTheOptions(String line, String address, String gateway) {
        assertThat(guest(line).address()).isEqualTo(cidr(address));
        assertThat(guest(line).gateway()).isEqualTo(gateway == null ? null : Ip.parse(gateway));
        assertThat(guest(line).addressFixed()).isEqualTo(line.contains("-a "));
    }

    @ParameterizedTest
    @CsvSource({
        "'', 169.254.2.1/16, 169.254.2.2",
        "'-a 10.0.0.5/24', 10.0.0.5/24, 169.254.2.2",
        "'-a 10.0.0.5/24 -g 10.0.0.1', 10.0.0.5/24, 10.0.0.1",
        "'-n 24', 169.254.2.1/24, 169.254.2.2",
    })
    void withoutUsableInterfaceTheNetworkIsLinkLocal(String line, String address, String gateway) {
        NetworkPlan plan = local(line);

        assertThat(plan.interface4()).isNull();
        assertThat(plan.plane().guest().address()).isEqualTo(cidr(address));
        assertThat(plan.plane().guest().gateway()).isEqualTo(Ip.parse(gateway));
        assertThat(plan.plane().has(Service.DHCP)).isTrue();
        if (line.contains("-a ")) {
            assertThat(plan.remarks()).isEmpty();
        } else {
            assertThat(plan.remarks()).singleElement().asString().contains("link-local");
        }
    }

    @Test
    void withoutGatewayThereIsNoDhcp() {
        NetworkPlan plan = plan("-i ppp0");

        assertThat(plan.plane().guest().gateway()).isNull();
        assertThat(plan.plane().host4().mapHostLoopback()).isNull();
        assertThat(plan.remarks()).containsExactly("No IPv4 gateway, so DHCP is off");
        assertThat(plan("-i ppp0 --without DHCP").remarks()).isEmpty();
        assertThat(plan("-i ppp0 -g 10.88.1.1").remarks()).isEmpty();
    }

    @Test
    void switchesArePassedOn() {
        assertThat(plan("--without DHCP").plane().has(Service.DHCP)).isFalse();
        assertThat(plan("--without ICMP").plane().has(Service.ICMP)).isFalse();
        assertThat(plan("-o 10.77.0.2").plane().host4().outbound()).isEqualTo(Ip.parse("10.77.0.2"));
        assertThat(plan("-o 127.0.0.1").plane().host4().outbound()).isEqualTo(Ip.LOOPBACK4);
        assertThat(plan("--outbound-if4 ppp0").plane().host4().outboundInterface())
                .isEqualTo("ppp0");
        assertThat(guest("-M 02:00:00:00:00:01").ourMac()).hasToString("02:00:00:00:00:01");
        assertThat(guest("-H vm1").hostname()).isEqualTo("vm1");
        assertThat(guest("--fqdn vm1.example.test.").fqdn()).isEqualTo("vm1.example.test");
    }

    @ParameterizedTest
    @CsvSource({"0, 0, 0", "67, 67, 1", "68, 68, 0", "1500, 1500, 0", "65520, 65520, 0"})
    void mtuIsTold(String said, int mtu, int remarks) {
        assertThat(guest("-m " + said).mtu()).isEqualTo(mtu);
        assertThat(plan("-m " + said).remarks()).hasSize(remarks);
    }

    @ParameterizedTest
    @CsvSource({
        "'', 10.77.0.1",
        "'-g 10.77.0.9', 10.77.0.9",
        "'--map-host-loopback 203.0.113.1', 203.0.113.1",
        "'--map-host-loopback none', "
    })
    void theGatewayIsMappedToTheHostsLoopbackUnlessSaidOtherwise(String line, String mapped) {
        assertThat(plan(line).plane().host4().mapHostLoopback()).isEqualTo(mapped == null ? null : Ip.parse(mapped));
    }

    @ParameterizedTest
    @CsvSource({
        "'', , 0",
        "'--map-guest-addr none', , 0",
        "'--map-guest-addr 10.77.0.9', 10.77.0.9, 0",
        "'--map-guest-addr 203.0.113.1', 203.0.113.1, 0",
        "'--map-guest-addr 10.77.0.9 --map-guest-addr none', , 0",
        "'--map-guest-addr 10.77.0.9 --map-guest-addr none --map-guest-addr 10.77.0.8', 10.77.0.8, 0",
        "'--map-guest-addr fd77::9', , 0",
        "'--map-guest-addr 10.77.0.1', 10.77.0.1, 1", // the host's loopback comes first
        "'--map-guest-addr 10.77.0.1 --map-host-loopback none', 10.77.0.1, 0",
    })
    void anAddressMayStandForTheGuestsOwnAtTheHost(String line, String mapped, int remarks) {
        assertThat(plan(line).plane().host4().mapGuest()).isEqualTo(mapped == null ? null : Ip.parse(mapped));
        assertThat(plan(line).remarks()).hasSize(remarks);
    }

    @Test
    void ephemeralPortsAreTheHosts() {
        NetworkPlan plan = GuestNetworks.plan(options("-t all"), HOST, RESOLV_CONF, new EphemeralPorts(2, 65_534));
        assertThat(plan.plane().forwards())
                .containsExactly(
                        new PortForward(PortForward.Protocol.TCP, null, null, 1, 1, null, 1, true),
                        new PortForward(PortForward.Protocol.TCP, null, null, 65_535, 65_535, null, 65_535, true));
    }

    @ParameterizedTest
    @CsvSource({
        "'', 192.0.2.53 192.0.2.54",
        "'-D 192.0.2.1', 192.0.2.1",
        "'-D 192.0.2.1 -D 127.0.0.1', 192.0.2.1 127.0.0.1",
        "'-D none', ''",
        "'-D 192.0.2.1 -D none', ''",
        "'-D none -D 192.0.2.2', 192.0.2.2",
        "'-D 192.0.2.1 --dhcp-dns false', ''",
        "'--dhcp-dns false', ''",
    })
    void resolversFollowTheOptions(String line, String resolvers) {
        assertThat(guest(line).resolvers())
                .isEqualTo(Stream.of(resolvers.split(" "))
                        .filter(r -> !r.isEmpty())
                        .map(Ip::parse)
                        .toList());
    }

    @ParameterizedTest
    @CsvSource({
        "'', example.test",
        "'-S a.test -S b.test.', a.test b.test",
        "'-S none', ''",
        "'-S a.test -S none -S c.test', c.test",
        "'--dhcp-search false', ''",
        "'-S a.test --dhcp-search false', ''",
    })
    void searchDomainsFollowTheOptions(String line, String search) {
        assertThat(String.join(" ", guest(line).search())).isEqualTo(search);
    }

    private static NetworkPlan withResolvers(String line, String... resolvers) {
        var conf = new ResolvConf(Stream.of(resolvers).map(Ip::parse).toList(), List.of(), List.of());
        return GuestNetworks.plan(options(line), HOST, conf);
    }

    @Test
    void aLoopbackResolverIsReachedByTheMappedAddress() {
        NetworkPlan plan = withResolvers("", "127.0.0.53", "192.0.2.1");

        assertThat(plan.plane().guest().resolvers()).containsExactly(Ip.parse("10.77.0.1"), Ip.parse("192.0.2.1"));
        assertThat(plan.plane().host4().dnsForward()).isEqualTo(Ip.parse("10.77.0.1"));
        assertThat(plan.plane().host4().dnsHost()).isEqualTo(Ip.parse("127.0.0.53"));
        assertThat(plan.remarks()).isEmpty();
    }

    @Test
    void ofSeveralLoopbackResolversTheFirstIsReached() {
        NetworkPlan plan = withResolvers("--map-host-loopback 203.0.113.1", "0.0.0.0", "127.0.0.53");

        assertThat(plan.plane().guest().resolvers()).containsExactly(Ip.parse("203.0.113.1"));
        assertThat(plan.plane().host4().dnsHost()).isEqualTo(Ip.LOOPBACK4);
    }

    @Test
    void aLoopbackResolverIsLeftOutWhereNothingIsMapped() {
        NetworkPlan plan = withResolvers("--map-host-loopback none", "127.0.0.53", "192.0.2.1");

        assertThat(plan.plane().guest().resolvers()).containsExactly(Ip.parse("192.0.2.1"));
        assertThat(plan.plane().host4().dnsForward()).isNull();
        assertThat(plan.remarks())
                .containsExactly("Resolver 127.0.0.53 is left out: no address is mapped to the host's loopback");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "-a 127.0.0.1",
                "-a 0.0.0.0",
                "-a 224.0.0.1",
                "-a 255.255.255.255",
                "-a 10.0.0",
                "-a 10.0.0.1/33",
                "-a 10.0.0.1/",
                "-a 10.0.0.1/x",
                "-a 10.0.0.1/-1",
                "-a /24",
                "-a 10.0.0.1 -a 10.0.0.2",
                "-a 10.77.0.1",
                "-n 33",
                "-n 255.0.255.0",
                "-n 255.255",
                "-n x",
                "-a 10.0.0.1/8 -n 8",
                "-a 10.0.0.1/8 -n 255.0.0.0",
                "-g 127.0.0.1",
                "-g 239.1.1.1",
                "-g 10.77.0.2",
                "-g 10.77.0.1 -g 10.77.0.9",
                "-i eth9",
                "-m 65521",
                "-m -1",
                "-m 1e3",
                "-m 99999999999",
                "-M 52:54:00",
                "-M 01:00:5e:00:00:01",
                "-M ff:ff:ff:ff:ff:ff",
                "-M 00:00:00:00:00:00",
                "-D 0.0.0.0",
                "-D 224.0.0.251",
                "-D resolver.test",
                "-D x --dhcp-dns false",
                "-D 192.0.2.1 -D 192.0.2.2 -D 192.0.2.3 -D 192.0.2.4",
                "-S a..b",
                "-S -x.test",
                "-S a.test -S b.test -S c.test -S d.test -S e.test -S f.test -S g.test",
                "-H a_b!",
                "-H aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                "--fqdn .test",
                "--map-host-loopback 127.0.0.1",
                "--map-host-loopback 10.77.0.2",
                "--map-host-loopback all",
                "--map-guest-addr 127.0.0.1",
                "--map-guest-addr 224.0.0.1",
                "--map-guest-addr 10.77.0.2",
                "--map-guest-addr 10.77.0.8 --map-guest-addr 10.77.0.9",
                "--map-guest-addr 10.77.0.9 --map-host-loopback 10.77.0.9",
                "--map-guest-addr all",
                "-o 0.0.0.0",
                "-o 255.255.255.255",
                "-o 10.0.0.1 -o 10.0.0.2",
                "--outbound-if4 eth9",
                "--outbound-if4 sixteencharacters",
            })
    void wrongOptionsAreOneSentenceThatBeginsWithTheOption(String line) {
        String option =
                line.contains("-n 8") || line.contains("-n 255.0.0.0") ? "-n" : line.substring(0, line.indexOf(' '));

        assertThatThrownBy(() -> plan(line))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith(option)
                .hasMessageMatching("-[-a-zA-Z0-9, ]+: .{10,140}")
                .hasMessageNotContaining("\n");
    }

    @Test
    void hostIsOpenUnlessItIsToBeClosed() {
        assertThat(GuestNetworks.plan(options(""), HOST, ResolvConf.EMPTY)
                        .plane()
                        .closed())
                .isEmpty();
        GuestOptions closing = GuestOptions.builder().hostClosed(true).build();
        assertThat(GuestNetworks.plan(closing, HOST, ResolvConf.EMPTY).plane().closed())
                .isEqualTo(HOST.own());
    }
}
