package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import static io.passatelli.e2e.NetnsGuest.GUEST6;
import static io.passatelli.e2e.NetnsGuest.PEER6;
import static org.assertj.core.api.Assertions.assertThat;

/** The host's network changes while passt runs, and the guest hears of it. */
@Tag("netns")
class FollowHostNetnsTest {
    private static final String LEASE = """
            cat > DIR/script <<'EOF'
            #!/bin/sh
            [ "$1" != bound ] || echo "$ip $router | $dns | $search" > DIR/lease
            EOF
            chmod +x DIR/script
            udhcpc -i tap0 -f -q -n -t 5 -T 1 -O search -s DIR/script > DIR/udhcpc 2>&1
            cat DIR/lease
            """;

    private static final String OUR_MAC = "9a:55:9a:55:9a:55";

    @Test
    void nextLeaseAndAnAdvertisementAtOnceHaveTheNewAddress() throws Exception {
        try (NetnsGuest world = NetnsGuest.start()) {
            world.guest("ip link set tap0 up");
            world.awaitGuest("fd77::", "ip -6 address show dev tap0 scope global -tentative");
            assertThat(lease(world)).startsWith("10.77.0.2 10.77.0.1 ");

            world.pod("""
                    ip address delete 10.77.0.2/24 dev eth0
                    ip address add 10.77.0.9/24 dev eth0
                    ip route replace default via 10.77.0.1
                    ip address add fd79::9/64 dev eth0 nodad
                    ip address delete fd77::2/64 dev eth0
                    """);
            // no solicitation asks for it: the guest's own ended long ago
            world.awaitGuest("fd79::", "ip -6 address show dev tap0 scope global");
            assertThat(world.awaitGuest(
                            "10.77.0.9",
                            LEASE.replace("DIR", world.lab().directory().toString())))
                    .startsWith("10.77.0.9 10.77.0.1 ");
            world.guest("ip address add 10.77.0.9/24 dev tap0; ping -n -c 1 -W 5 " + Lab.PEER);
        }
    }

    @Test
    void newResolversAreToldByLeaseAndAdvertisement() throws Exception {
        Lab lab = Lab.withVm();
        lab.resolvConf("nameserver 10.77.0.3\nnameserver fd77::3\nsearch lab.example\n");
        try (NetnsGuest world = NetnsGuest.in(lab)) {
            world.guest("ip link set tap0 up");
            world.awaitGuest("fd77::", "ip -6 address show dev tap0 scope global -tentative");
            assertThat(lease(world)).isEqualTo("10.77.0.2 10.77.0.1 | 10.77.0.3 | lab.example\n");
            assertThat(world.guest("rdisc6 -1 -n -r 5 -w 2000 tap0")).contains(PEER6, "lab.example");

            lab.resolvConf("nameserver 10.77.0.4\nnameserver fd77::4\nsearch other.example\n");
            assertThat(world.awaitGuest(
                            "10.77.0.4", LEASE.replace("DIR", lab.directory().toString())))
                    .isEqualTo("10.77.0.2 10.77.0.1 | 10.77.0.4 | other.example\n");
            assertThat(world.guest("rdisc6 -1 -n -r 5 -w 2000 tap0"))
                    .containsPattern("DNS server +: fd77::4\n +DNS server lifetime *: +[1-9]")
                    .containsPattern("DNS server +: fd77::3\n +DNS server lifetime *: +0 ")
                    .containsPattern("search list +: other.example *\n +DNS search list lifetime *: +[1-9]")
                    .containsPattern("search list +: lab.example *\n +DNS search list lifetime *: +0 ");
        }
    }

    @Test
    void oldPrefixIsWithdrawnAndTheNewAddressIsTheGuestsToNeighbourDiscovery() throws Exception {
        try (NetnsGuest world = NetnsGuest.start()) {
            world.guest("ip link set tap0 up");
            world.awaitGuest("fd77::", "ip -6 address show dev tap0 scope global -tentative");
            assertThat(resolved(world, GUEST6)).doesNotContain(OUR_MAC);
            assertThat(resolved(world, "fd79::9")).contains(OUR_MAC);

            world.pod("""
                    ip address add fd79::9/64 dev eth0 nodad
                    ip address delete fd77::2/64 dev eth0
                    """);
            world.awaitGuest("fd79::", "ip -6 address show dev tap0 scope global -tentative");
            assertThat(world.awaitGuest("deprecated", "ip -6 address show dev tap0 scope global to fd77::/64"))
                    .contains("preferred_lft 0sec");
            assertThat(world.guest("ip -6 address show dev tap0 scope global to fd79::/64"))
                    .doesNotContain("deprecated");
            assertThat(resolved(world, "fd79::9")).doesNotContain(OUR_MAC);
            assertThat(resolved(world, GUEST6)).contains(OUR_MAC);
            assertThat(world.guest("rdisc6 -1 -n -r 5 -w 2000 tap0"))
                    .containsPattern("Prefix +: fd79::/64[^P]*\n +Valid time +: +infinite")
                    .containsPattern("(?s)Prefix +: fd77::/64.*Pref. time +: +0 ");
        }
    }

    /** Whoever had learnt the old MAC is told, without asking. */
    @Test
    void neighbourOfTheHostThatChangesItsMacIsAnnounced() throws Exception {
        try (NetnsGuest world = NetnsGuest.start().configured(1_500)) {
            world.awaitGuest("default", "ip -6 route show default");
            String old = world.peer("cat /sys/class/net/eth0/address").strip();
            String pings = "ping -n -c 1 -W 5 10.77.0.3; ping -n -c 1 -W 5 fd77::3\n";
            world.guest(pings);
            world.awaitGuest(old, "ip -4 neighbour show 10.77.0.3 dev tap0");
            world.awaitGuest(old, "ip -6 neighbour show fd77::3 dev tap0");

            String moved = "02:00:00:00:77:03";
            world.peer("ip link set eth0 address " + moved);
            world.pod("ip neighbour flush dev eth0; ip -6 neighbour flush dev eth0; " + pings);
            assertThat(world.awaitGuest(moved, "ip -4 neighbour show 10.77.0.3 dev tap0"))
                    .doesNotContain(old);
            assertThat(world.awaitGuest(moved, "ip -6 neighbour show fd77::3 dev tap0"))
                    .doesNotContain(old);
            world.guest(pings);
        }
    }

    /** What the guest's kernel knows of an address that it has just been made to ask for. */
    private static String resolved(NetnsGuest world, String address) throws Exception {
        return world.tryGuest("""
                        ip -6 route replace %1$s/128 dev tap0
                        ip -6 neighbour delete %1$s dev tap0
                        ping -6 -n -c 1 -W 1 %1$s
                        ip -6 neighbour show %1$s dev tap0
                        """.formatted(address)).out();
    }

    private static String lease(NetnsGuest world) throws Exception {
        return world.guest(LEASE.replace("DIR", world.lab().directory().toString()));
    }
}
