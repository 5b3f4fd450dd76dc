package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** TCP of a real Linux guest in QEMU whose only network is passt. */
@Tag("guest")
class TcpGuestTest {
    private static final List<String> PROGRAMS = List.of("-t", "115", "-a", "/usr/bin/socat");
    private static final String NETWORK = """
            lease > /dev/null && ra > /dev/null || exit 1
            echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad
            ip address add fd77::2/64 dev eth0
            """;
    private static Lab lab;

    @BeforeAll
    static void up() throws Exception {
        lab = Lab.up();
    }

    @AfterAll
    static void down() {
        if (lab != null) { // null where up() failed
            lab.close();
        }
    }

    /** 2 KB, 5 KB and 10 MB, there and back, as client and as server, in both families. */
    @Test
    void filesArriveAsTheyWereSent() throws Exception {
        try (Passt passt = Passt.start(lab, "-t", "7101");
                TcpGuestsPeer peer = new TcpGuestsPeer(lab)) {
            List<String> said = GuestTest.boot(passt, NETWORK + TcpGuestsPeer.SCRIPT, PROGRAMS);
            assertThat(said)
                    .filteredOn(line -> !line.startsWith("{"))
                    .hasSize(24)
                    .containsExactlyInAnyOrderElementsOf(peer.lines());
            assertThat(passt.terminate()).isZero();
        }
    }
}
