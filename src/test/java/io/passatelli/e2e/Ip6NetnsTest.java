package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

import static io.passatelli.e2e.NetnsGuest.GATEWAY6;
import static io.passatelli.e2e.NetnsGuest.GUEST6;
import static io.passatelli.e2e.NetnsGuest.PEER6;
import static org.assertj.core.api.Assertions.assertThat;

/** What Linux and Debian's programs make of router advertisements, neighbour advertisements and DHCPv6. */
@Tag("netns")
class Ip6NetnsTest {
    private static final String RESOLV_CONF = "nameserver fd77::3\nsearch lab.example sub.lab.example\n";

    /** Addresses are probed for duplicates first, as everywhere. */
    @Test
    void kernelConfiguresItselfAndPings() throws Exception {
        try (NetnsGuest world = NetnsGuest.start("-m", "1400")) {
            world.guest("ip link set tap0 up; ip address add %s/64 dev tap0".formatted(GUEST6));
            // each is probed after a delay of its own, so either may be first
            world.awaitGuest("inet6 " + GUEST6 + "/64", "ip -6 address show dev tap0 -tentative");
            String address = world.awaitGuest("dynamic", "ip -6 address show dev tap0 -tentative");
            assertThat(address)
                    .contains("inet6 " + GUEST6 + "/64 scope global")
                    .containsPattern("inet6 fd77::[0-9a-f]+:[0-9a-f]+ff:fe[0-9a-f]+:[0-9a-f]+/64 scope global dynamic")
                    .contains("valid_lft forever")
                    .doesNotContain("dadfailed");
            String route = world.guest("ip -6 route show default");
            assertThat(route).startsWith("default via fe80::").contains("dev tap0 proto ra");
            assertThat(world.guest("ip -6 route show fd77::/64")).contains("dev tap0 proto");
            assertThat(world.guest("cat /proc/sys/net/ipv6/conf/tap0/mtu")).isEqualTo("1400\n");

            String router = route.split(" ", -1)[2];
            for (String target : new String[] {PEER6, GATEWAY6}) {
                world.guest("ping -6 -n -c 2 -i 0.1 -W 5 " + target);
            }
            // the pod's gateway, fd77::1, is the name of its loopback, so this one is our own
            assertThat(router).isEqualTo("fe80::1");
            world.guest("ping -6 -n -c 2 -i 0.1 -W 5 fe80::1%tap0");
            world.guest("ping -6 -n -c 2 -i 0.1 -W 5 -s 30001 fe80::1%tap0");
            world.guest("ping -6 -n -c 2 -i 0.1 -W 5 -s 30001 " + PEER6); // in fragments, for the MTU is 1,400
            assertThat(world.guest("ip -6 neighbour show dev tap0"))
                    .containsPattern(router + " lladdr [0-9a-f:]+ router ")
                    .contains(PEER6 + " lladdr ");
        }
    }

    @Test
    void advertisementSaysAllThereIs() throws Exception {
        Lab lab = Lab.withVm();
        lab.resolvConf(RESOLV_CONF);
        try (NetnsGuest world = NetnsGuest.in(lab, "-m", "9000")) {
            world.guest("ip link set tap0 up");
            world.awaitGuest("fe80::", "ip -6 address show dev tap0 -tentative");
            String said = world.guest("rdisc6 -1 -n -r 5 -w 2000 tap0");
            assertThat(said.replaceAll(" +", " "))
                    .contains("Hop limit : 64", "Stateful address conf. : Yes")
                    .contains("Prefix : fd77::/64", "On-link : Yes", "Autonomous address conf.: Yes")
                    .contains("Valid time : infinite", "Pref. time : infinite")
                    .contains("MTU : 9000 bytes", "Source link-layer address: 9A:55:9A:55:9A:55")
                    .contains("Recursive DNS server : fd77::3", "DNS search list : lab.example sub.lab.example")
                    .containsPattern("from fe80::");
        }
    }

    @Test
    void dhclientIsGivenThePodsAddress() throws Exception {
        Lab lab = Lab.withVm();
        lab.resolvConf(RESOLV_CONF);
        try (NetnsGuest world = NetnsGuest.in(lab)) {
            script(lab, """
                    #!/bin/sh
                    case "$reason" in
                    BOUND6)
                        ip -6 address add "$new_ip6_address/128" dev "$interface" nodad
                        {
                            echo "address=$new_ip6_address"
                            echo "dns=$new_dhcp6_name_servers"
                            echo "search=$(echo "$new_dhcp6_domain_search" | sed 's/\\. / /g; s/\\.$//')"
                            echo "lifetimes=$new_preferred_life $new_max_life"
                            echo "server=$new_dhcp6_server_id"
                        } > DIR/lease
                        ;;
                    esac
                    """);
            world.guest("ip link set tap0 up");
            world.awaitGuest("fe80::", "ip -6 address show dev tap0 -tentative");
            // a copy, for AppArmor's profile goes by the path and forbids other files
            world.guest("""
                    cd DIR
                    echo 'request dhcp6.name-servers, dhcp6.domain-search; timeout 20;' > conf
                    : > leases
                    cp "$(command -v dhclient)" dhclient
                    ./dhclient -6 -1 -cf DIR/conf -lf DIR/leases -pf DIR/pid -sf DIR/script tap0
                    """.replace("DIR", lab.directory().toString()));
            assertThat(lease(lab))
                    .containsEntry("address", GUEST6)
                    .containsEntry("dns", PEER6)
                    .containsEntry("search", "lab.example sub.lab.example")
                    .containsEntry("lifetimes", "86400 86400")
                    .hasEntrySatisfying("server", id -> assertThat(id).isNotEmpty());
            world.guest("ping -6 -n -c 1 -W 5 -I %s %s".formatted(GUEST6, PEER6));
        }
    }

    /** Runs from the advertisement, which says that DHCPv6 has more, to the address by DHCPv6. */
    @Test
    void dhcpcdIsGivenThePodsAddress() throws Exception {
        Lab lab = Lab.withVm();
        lab.resolvConf(RESOLV_CONF);
        try (NetnsGuest world = NetnsGuest.in(lab)) {
            script(lab, """
                    #!/bin/sh
                    {
                        echo "== $reason"
                        env | grep '^n[de]' | sort
                    } >> DIR/all
                    case "$reason" in
                    ROUTERADVERT) # at its end it says that there is none any more
                        [ -z "$nd1_prefix_information1_prefix" ] || {
                            echo "ra.prefix=$nd1_prefix_information1_prefix/$nd1_prefix_information1_length"
                            echo "ra.dns=$nd1_rdnss1_servers"
                            echo "ra.search=$nd1_dnssl1_search"
                        } >> DIR/lease
                        ;;
                    BOUND6)
                        {
                            echo "address=$new_dhcp6_ia_na1_ia_addr1"
                            echo "dns=$new_dhcp6_name_servers"
                            echo "search=$new_dhcp6_domain_search"
                        } >> DIR/lease
                        ;;
                    esac
                    """);
            world.guest("""
                    mount -t tmpfs none /var/lib
                    mount -t tmpfs none /run
                    cat > DIR/conf <<EOF
                    ipv6only
                    slaac hwaddr
                    option dhcp6_name_servers, dhcp6_domain_search
                    interface tap0
                    ia_na 1
                    EOF
                    ip link set tap0 up
                    dhcpcd -B -f DIR/conf -c DIR/script tap0 > DIR/said 2>&1 &
                    for try in $(seq 200); do
                        ! grep -q ^address DIR/lease || break
                        sleep 0.1
                    done
                    ping -6 -n -c 1 -W 5 fd77::3 > DIR/ping 2>&1 || cat DIR/ping >> DIR/said
                    kill $! # and with it goes what it configured
                    """.replace("DIR", lab.directory().toString()));
            assertThat(lease(lab))
                    .as(() -> text(lab, "said") + text(lab, "all"))
                    .containsEntry("ra.prefix", "fd77::/64")
                    .containsEntry("ra.dns", PEER6)
                    .containsEntry("ra.search", "lab.example sub.lab.example")
                    .containsEntry("address", GUEST6)
                    .containsEntry("dns", PEER6)
                    .containsEntry("search", "lab.example sub.lab.example");
            assertThat(text(lab, "ping")).contains(" 0% packet loss");
        }
    }

    /** {@code DIR} in the text is the lab's directory. */
    private static void script(Lab lab, String text) throws Exception {
        Path file = Files.writeString(
                lab.directory().resolve("script"),
                text.replace("DIR", lab.directory().toString()));
        assertThat(file.toFile().setExecutable(true)).isTrue();
    }

    private static String text(Lab lab, String name) {
        try {
            return Files.readString(lab.directory().resolve(name));
        } catch (IOException e) {
            return e.toString();
        }
    }

    private static Map<String, String> lease(Lab lab) throws Exception {
        Path file = lab.directory().resolve("lease");
        assertThat(file).as(() -> text(lab, "said") + text(lab, "all")).exists();
        Map<String, String> lease = new HashMap<>();
        for (String line : Files.readAllLines(file)) {
            int equals = line.indexOf('=');
            lease.put(line.substring(0, equals), line.substring(equals + 1));
        }
        return lease;
    }
}
