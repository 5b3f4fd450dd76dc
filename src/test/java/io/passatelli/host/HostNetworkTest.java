package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.host.HostNetwork.Address;
import io.passatelli.host.HostNetwork.Interface;
import io.passatelli.host.HostNetwork.Route;
import io.passatelli.host.HostNetwork.Template;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.Objects;

import static io.passatelli.host.RtNetlinkTest.cidr;
import static org.assertj.core.api.Assertions.assertThat;

class HostNetworkTest {
    private static final Interface LO = new Interface(1, "lo", true, true, 65536, null);
    private static final Interface ETH0 = new Interface(2, "eth0", true, false, 1500, null);
    private static final Interface ETH1 = new Interface(3, "eth1", true, false, 1500, null);

    private static Route route(String destination, int index, @Nullable String gateway, long metric) {
        return new Route(cidr(destination), index, gateway == null ? null : Ip.parse(gateway), metric);
    }

    private static Address address(int index, String cidr) {
        return new Address(index, cidr(cidr), true, false, false, false);
    }

    private static HostNetwork host(List<Address> addresses, Route... routes) {
        return new HostNetwork(List.of(LO, ETH0, ETH1), addresses, List.of(routes));
    }

    private static @Nullable String templateOf(Route... routes) {
        Template template = host(List.of(), routes).template4();
        return template == null ? null : template.link().name() + " " + template.gateway();
    }

    @Test
    void theDefaultRouteOfLeastMetricLeads() {
        assertThat(templateOf(
                        route("10.0.0.0/8", 3, null, 0),
                        route("0.0.0.0/0", 3, "10.0.0.1", 200),
                        route("0.0.0.0/0", 2, "10.1.0.1", 100)))
                .isEqualTo("eth0 10.1.0.1");
    }

    @Test
    void ofEqualMetricsTheFirstLeads() {
        assertThat(templateOf(route("0.0.0.0/0", 3, "10.0.0.1", 0), route("0.0.0.0/0", 2, "10.1.0.1", 0)))
                .isEqualTo("eth1 10.0.0.1");
    }

    @Test
    void withoutDefaultRouteAnyOtherLeadsAndHasNoGateway() {
        assertThat(templateOf(
                        route("127.0.0.0/8", 1, null, 0),
                        route("169.254.0.0/16", 2, null, 0),
                        route("10.0.0.0/8", 3, "10.1.1.1", 0)))
                .isEqualTo("eth1 null");
    }

    @Test
    void loopbackLinkLocalAndIpv6DoNotLead() {
        assertThat(templateOf()).isNull();
        assertThat(templateOf(
                        route("0.0.0.0/0", 1, null, 0),
                        route("169.254.0.0/16", 2, null, 0),
                        route("::/0", 2, "fe80::1", 0),
                        route("10.0.0.0/8", 99, null, 0)))
                .isNull();
    }

    @Test
    void aPointToPointLinkHasNoGateway() {
        assertThat(templateOf(route("0.0.0.0/0", 2, null, 0))).isEqualTo("eth0 null");
    }

    @Test
    void aChosenInterfaceHasItsOwnDefaultRoute() {
        HostNetwork host = host(
                List.of(address(3, "10.3.0.2/16")),
                route("0.0.0.0/0", 2, "10.2.0.1", 0),
                route("0.0.0.0/0", 3, "10.3.0.1", 50));

        assertThat(host.template(Family.IP4, ETH1))
                .isEqualTo(new Template(ETH1, cidr("10.3.0.2/16"), Ip.parse("10.3.0.1")));
        assertThat(host.named("eth1")).isEqualTo(ETH1);
        assertThat(host.named("eth2")).isNull();
    }

    @Test
    void theBestAddressIsGlobalThenNotDeprecatedThenNotSecondary() {
        var linkLocal = new Address(2, cidr("169.254.1.1/16"), false, false, false, false);
        var deprecated = new Address(2, cidr("10.0.0.2/24"), true, false, true, false);
        var secondary = new Address(2, cidr("10.0.0.3/24"), true, true, false, false);
        var best = address(2, "10.0.0.4/24");
        var elsewhere = address(3, "10.9.9.9/24");

        assertThat(chosen(linkLocal, deprecated, secondary, elsewhere, best, address(2, "10.0.0.5/24")))
                .isEqualTo("10.0.0.4/24");
        assertThat(chosen(linkLocal, deprecated, secondary)).isEqualTo("10.0.0.3/24");
        assertThat(chosen(linkLocal, deprecated)).isEqualTo("10.0.0.2/24");
        assertThat(chosen(linkLocal)).isEqualTo("169.254.1.1/16");
        assertThat(chosen(elsewhere, address(2, "127.0.0.2/8"), address(2, "fd00::1/64")))
                .isEqualTo("null");
    }

    private static String chosen(Address... addresses) {
        return String.valueOf(
                host(List.of(addresses)).template(Family.IP4, ETH0).address());
    }

    @Test
    void theRecordedNamespaceHasItsTemplate() {
        Template template = Objects.requireNonNull(RtNetlinkTest.recorded().template4());

        assertThat(template.link().name()).isEqualTo("up0");
        assertThat(template.address()).isEqualTo(cidr("10.77.0.2/24"));
        assertThat(template.gateway()).isEqualTo(Ip.parse("10.77.0.1"));
    }

    @Test
    void ownAreItsAddressesWhateverTheirStandingAndWhatItTakesForItsOwn() {
        HostNetwork host = new HostNetwork(
                List.of(LO, ETH0),
                List.of(
                        new Address(1, cidr("127.0.0.1/8"), false, false, false, false),
                        new Address(2, cidr("10.77.0.2/24"), true, false, true, false),
                        new Address(2, cidr("fe80::2/64"), false, false, false, true)),
                List.of(),
                List.of(cidr("10.89.0.0/16"), cidr("10.77.0.2/32")));
        assertThat(host.own())
                .containsExactlyInAnyOrder(
                        cidr("0.0.0.0/8"),
                        cidr("127.0.0.0/8"),
                        cidr("127.0.0.1/32"),
                        cidr("255.255.255.255/32"),
                        cidr("::/128"),
                        cidr("::1/128"),
                        cidr("10.77.0.2/32"),
                        cidr("fe80::2/128"),
                        cidr("10.89.0.0/16"));
        assertThat(HostNetwork.EMPTY.own()).hasSize(5);
    }
}
