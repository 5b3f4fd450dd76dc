package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

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
                    .contains("fd77::4", "other.example"); // beside the old ones, withdrawn with lifetime 0
        }
    }

    private static String lease(NetnsGuest world) throws Exception {
        return world.guest(LEASE.replace("DIR", world.lab().directory().toString()));
    }
}
