package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.concurrent.Future;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * Two real Linux guests in QEMU, each with a passt of its own in the same pod: they reach each other by ports of the pod's loopback, which their gateways'
 * addresses stand for. The names are those of passt's own tests.
 */
@Tag("guest")
class TwoGuestsTest {
    private static final List<String> PROGRAMS =
            List.of("-t", "110", "-a", "/usr/bin/socat", "-a", "/usr/sbin/dhclient");

    /** OWN and OTHER are the ports of the one and the other, two for TCP: the second says that the other needs us no more. */
    private static final String NETWORK = """
            lease > /tmp/lease && ra > /dev/null && lease6 > /tmp/lease6 || exit 1
            echo "interfaces=$(ls /sys/class/net | tr '\\n' ' ')"
            grep lease.ip= /tmp/lease
            grep lease6.ip= /tmp/lease6
            head -c 10000000 /dev/urandom > /tmp/big
            head -c 3000 /dev/urandom | od -An -tx1 | tr -d ' \\n' | head -c 5119 > /tmp/medium
            echo >> /tmp/medium
            for family in 4 6,ipv6only; do
                socat TCP${family%,*}-LISTEN:$OWN,fork,reuseaddr$(echo $family | sed 's/^[46]//') SYSTEM:sha256sum &
                socat UDP${family%,*}-RECVFROM:$OWN,fork$(echo $family | sed 's/^[46]//') SYSTEM:'read -r line; echo $line | sha256sum' &
            done
            socat TCP4-LISTEN:$((OWN + 2)),fork,reuseaddr SYSTEM:'touch /tmp/alone; echo seen' &
            # tells the file that is sent, the way, and the end of the test's line
            until_right() {
                wanted=$(sha256sum < $1)
                for try in $(seq 60); do
                    answer=$(socat -t 10 -T 10 - $2 < $1 2> /dev/null)
                    if [ "$answer" = "$wanted" ]; then echo "$3=same"; return; fi
                    sleep 0.5
                done
                echo "$3=different after $try tries: $answer"
                exit 1
            }
            finish() {
                for try in $(seq 80); do
                    [ "$(socat -t 5 - TCP4:10.77.0.1:$((OTHER + 2)) < /dev/null 2> /dev/null)" = seen ] && break
                    sleep 0.5
                done
                for try in $(seq 120); do [ -e /tmp/alone ] && return; sleep 0.5; done
                echo "the other did not finish"
                exit 1
            }
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

    @Test
    void basic() throws Exception {
        try (Passt one = Passt.start(lab, "-t", "10001,10003", "-u", "10001");
                Passt two = Passt.start(lab, "-t", "10002,10004", "-u", "10002");
                Background guests =
                        new Background(() -> String.join("\n", one.lines()) + String.join("\n", two.lines()))) {
            Future<List<String>> first =
                    guests.run(() -> GuestTest.boot(one, "OWN=10001 OTHER=10002\n" + NETWORK + """
                    until_right /tmp/big TCP4:10.77.0.1:10002 'TCP/IPv4: guest 1 > guest 2'
                    until_right /tmp/medium UDP4:10.77.0.1:10002 'UDP/IPv4: guest 1 > guest 2'
                    finish
                    """, PROGRAMS));
            Future<List<String>> second =
                    guests.run(() -> GuestTest.boot(two, "OWN=10002 OTHER=10001\n" + NETWORK + """
                    until_right /tmp/big TCP6:[fd77::1]:10001 'TCP/IPv6: guest 2 > guest 1'
                    until_right /tmp/medium UDP6:[fd77::1]:10001 'UDP/IPv6: guest 2 > guest 1'
                    finish
                    """, PROGRAMS));
            List<String> ofFirst = first.get();
            List<String> ofSecond = second.get();
            for (List<String> said : List.of(ofFirst, ofSecond)) {
                assertThat(said).contains("interfaces=eth0 lo ", "lease.ip=10.77.0.2", "lease6.ip=fd77::2");
            }
            assertThat(ofFirst).contains("TCP/IPv4: guest 1 > guest 2=same", "UDP/IPv4: guest 1 > guest 2=same");
            assertThat(ofSecond).contains("TCP/IPv6: guest 2 > guest 1=same", "UDP/IPv6: guest 2 > guest 1=same");
            assertThat(one.terminate()).isZero();
            assertThat(two.terminate()).isZero();
        }
    }

    /** passt's own test of the name "shutdown: exit code": the guest switches itself off. */
    @Test
    void shutdownExitCode() throws Exception {
        try (Passt passt = Passt.start(lab, "--one-off")) {
            GuestTest.boot(passt, "lease > /dev/null", List.of());
            assertThat(passt.awaitExit()).isZero();
        }
    }
}
