package io.passatelli.lab;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Debian's DHCP programs configure a guest from a plane that took everything from its own namespace. Their files, and resolv.conf, lie in the
 * test's directory: where a program has fixed paths, it sees empty file systems there, in a mount namespace of its own.
 */
@Tag("netns")
class DhcpGuestsNetnsTest {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final int MTU = 9_000;

    @Test
    void udhcpcConfiguresTheGuest() throws Exception {
        configures("""
                #!/bin/sh
                [ "$1" = bound ] || exit 0
                ip address add "$ip/$mask" dev "$interface"
                ip link set "$interface" mtu "$mtu"
                ip route add default via "$router"
                {
                    echo "mask=$subnet"
                    echo "router=$router"
                    echo "mtu=$mtu"
                    echo "dns=$dns"
                    echo "search=$search"
                    echo "hostname=$hostname"
                } > DIR/lease
                """, "udhcpc -i tap0 -f -q -n -t 5 -T 1 -O mtu -O search -O hostname -s DIR/script");
    }

    /** A copy runs, for AppArmor's profile of Debian's dhclient goes by its path and forbids it files in any directory but its own. */
    @Test
    void dhclientConfiguresTheGuest() throws Exception {
        configures(DHCLIENT_SCRIPT, """
                cat > DIR/conf <<EOF
                request subnet-mask, routers, interface-mtu, domain-name-servers, domain-search, host-name;
                timeout 10;
                EOF
                : > DIR/leases
                cp "$(command -v dhclient)" DIR/dhclient
                DIR/dhclient -4 -1 -cf DIR/conf -lf DIR/leases -pf DIR/pid -sf DIR/script tap0
                """);
    }

    @Test
    void dhcpcdConfiguresTheGuest() throws Exception {
        configures("""
                #!/bin/sh
                [ "$reason" = BOUND ] || exit 0
                {
                    echo "mask=$new_subnet_mask"
                    echo "router=$new_routers"
                    echo "mtu=$new_interface_mtu"
                    echo "dns=$new_domain_name_servers"
                    echo "search=$new_domain_search"
                    echo "hostname=$new_host_name"
                } > DIR/lease
                """, """
                cat > DIR/conf <<EOF
                ipv4only
                noipv4ll
                option subnet_mask, routers, interface_mtu, domain_name_servers, domain_search, host_name
                EOF
                dhcpcd -f DIR/conf -c DIR/script -1 -t 20 tap0
                """);
    }

    private static final String DHCLIENT_SCRIPT = """
            #!/bin/sh
            case "$reason" in
            PREINIT)
                ip link set "$interface" up
                ;;
            BOUND)
                ip address add "$new_ip_address/24" dev "$interface"
                ip link set "$interface" mtu "$new_interface_mtu"
                ip route add default via "$new_routers"
                {
                    echo "mask=$new_subnet_mask"
                    echo "router=$new_routers"
                    echo "mtu=$new_interface_mtu"
                    echo "dns=$new_domain_name_servers"
                    echo "search=$(echo "$new_domain_search" | sed 's/\\. / /g; s/\\.$//')"
                    echo "hostname=$new_host_name"
                } > DIR/lease
                ;;
            esac
            """;

    /** {@code DIR} in both texts is a directory of the test's own. */
    private static void configures(String script, String command) throws Exception {
        try (Lab lab = Lab.withVm()) {
            Path resolvConf = lab.directory().resolve("host-resolv.conf");
            Files.writeString(resolvConf, "nameserver " + Lab.PEER + "\nsearch lab.example sub.lab.example\n");
            try (PlaneProcess plane = lab.startPlane("resolv.conf=" + resolvConf, "mtu=" + MTU, "hostname=web")) {
                String directory = lab.directory().toString();
                Path file = Files.writeString(lab.directory().resolve("script"), script.replace("DIR", directory));
                assertThat(file.toFile().setExecutable(true)).isTrue();
                lab.in(lab.vm(), LIMIT, "ip", "link", "set", TapPlane.TAP, "up").succeeded();
                String said = lab.in(lab.vm(), LIMIT, "sh", "-ec", PRIVATE_FILES + command.replace("DIR", directory))
                        .succeeded()
                        .err();
                assertThat(lab.directory().resolve("lease")).as(said).exists();
                assertThat(lease(lab))
                        .containsEntry("mask", "255.255.255.0")
                        .containsEntry("router", Lab.GATEWAY)
                        .containsEntry("mtu", Integer.toString(MTU))
                        .containsEntry("dns", Lab.PEER)
                        .containsEntry("search", "lab.example sub.lab.example")
                        .containsEntry("hostname", "web");
                guestIsConfigured(lab);
                assertThat(plane.stats())
                        .containsEntry("invariantViolations", 0L)
                        .doesNotContainKeys("UDP_BAD_CHECKSUM", "DHCP_BAD_OPTION", "DHCP_TRUNCATED");
                assertThat(plane.stop()).isZero();
            }
        }
    }

    /** The directories and files that these programs write to by themselves. */
    private static final String PRIVATE_FILES = """
            mount -t tmpfs none /var/lib
            mount -t tmpfs none /run
            """;

    private static void guestIsConfigured(Lab lab) throws Exception {
        String address = lab.in(lab.vm(), LIMIT, "ip", "-4", "address", "show", "dev", TapPlane.TAP)
                .succeeded()
                .out();
        assertThat(address).contains("inet " + Lab.POD + "/24");
        String route = lab.in(lab.vm(), LIMIT, "ip", "route", "show", "default")
                .succeeded()
                .out();
        assertThat(route).contains("via " + Lab.GATEWAY);
        assertThat(address + route).contains("mtu " + MTU); // dhcpcd sets it on the route, the scripts on the interface
        lab.in(lab.vm(), LIMIT, "ping", "-c", "1", "-W", "10", "-n", Lab.PEER).succeeded();
    }

    private static Map<String, String> lease(Lab lab) throws Exception {
        Map<String, String> lease = new HashMap<>();
        for (String line : Files.readAllLines(lab.directory().resolve("lease"))) {
            int equals = line.indexOf('=');
            lease.put(line.substring(0, equals), line.substring(equals + 1));
        }
        return lease;
    }
}
