package io.passatelli.e2e;

import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import static org.assertj.core.api.Assertions.assertThat;

/** A real Linux guest in QEMU whose only network is passt. */
@Tag("guest")
class GuestTest {
    private static final Duration BOOT_LIMIT = Duration.ofMinutes(2);
    private static final Duration TSHARK_LIMIT = Duration.ofMinutes(1);
    private static final String AS_ROOT = "Running as user \"root\" and group \"root\". This could be dangerous.";

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
    void guestGetsThePodsNetworkAndPingsAndSoDoesTheNext() throws Exception {
        try (Passt passt = Passt.start(lab, "-p", "@pcap")) {
            List<String> said = boot(passt, """
                    lease || exit 1
                    echo "mtu=$(cat /sys/class/net/eth0/mtu)"
                    ip -4 address show dev eth0 | sed -n 's/.*inet \\([^ ]*\\) .*/address=\\1/p'
                    ip -4 route | sed -n 's/^default via \\([^ ]*\\) .*/router=\\1/p'
                    sed 's/^/resolv.conf=/' /etc/resolv.conf
                    for address in 10.77.0.1 10.77.0.3; do
                        echo "answers.$address=$(ping -c 2 -i 0.2 $address | grep -c 'bytes from')"
                    done
                    """);
            assertThat(said)
                    .contains(
                            "lease.ip=10.77.0.2",
                            "lease.subnet=255.255.255.0",
                            "lease.router=10.77.0.1",
                            "lease.mtu=65520",
                            "lease.dns=10.77.0.3",
                            "lease.search=lab.example sub.lab.example",
                            "mtu=65520",
                            "address=10.77.0.2/24",
                            "router=10.77.0.1",
                            "resolv.conf=search lab.example sub.lab.example",
                            "resolv.conf=nameserver 10.77.0.3",
                            "answers.10.77.0.1=2",
                            "answers.10.77.0.3=2")
                    .noneMatch(line -> line.startsWith("lease.staticroutes=") || line.startsWith("lease.hostname="));

            assertThat(boot(passt, "lease && ping -c 1 10.77.0.3"))
                    .contains("lease.ip=10.77.0.2")
                    .anyMatch(line -> line.startsWith("64 bytes from 10.77.0.3:"));
            assertThat(passt.terminate()).isZero();

            Path capture = passt.file("pcap");
            assertThat(tshark(
                            capture,
                            "-Y",
                            "_ws.malformed || eth.src == 9a:55:9a:55:9a:55 && _ws.expert.severity >= \"Warning\""))
                    .isEmpty();
            assertTwoLeases(tshark(capture, "-Y", "dhcp", "-T", "fields", "-e", "dhcp.id", "-e", "dhcp.option.dhcp"));
            assertFiveEchoes(tshark(
                    capture, "-Y", "icmp", "-T", "fields", "-e", "icmp.type", "-e", "icmp.ident", "-e", "icmp.seq"));
        }
    }

    /** Lines are {@code XID TYPE}. A guest that was kept waiting may have repeated a message, or begun anew with another xid. */
    private static void assertTwoLeases(List<String> messages) {
        Map<String, Set<String>> typesByXid = new LinkedHashMap<>();
        for (String message : messages) {
            String[] fields = message.split("\t", -1);
            typesByXid.computeIfAbsent(fields[0], xid -> new LinkedHashSet<>()).add(fields[1]);
        }
        List<List<String>> leases = typesByXid.values().stream()
                .filter(types -> types.contains("5"))
                .map(List::copyOf)
                .toList();
        assertThat(leases).as("%s", messages).hasSizeGreaterThanOrEqualTo(2).containsOnly(List.of("1", "2", "3", "5"));
        assertThat(messages).noneMatch(message -> message.endsWith("\t6"));
    }

    /** Lines are {@code TYPE IDENTIFIER SEQUENCE}: each request has its reply, and there is nothing else. */
    private static void assertFiveEchoes(List<String> messages) {
        List<String> requests = thoseOfType("8", messages);
        List<String> replies = thoseOfType("0", messages);
        assertThat(requests).as("%s", messages).hasSizeGreaterThanOrEqualTo(5);
        assertThat(replies).as("%s", messages).containsExactlyInAnyOrderElementsOf(requests);
        assertThat(messages).hasSize(requests.size() + replies.size());
    }

    private static List<String> thoseOfType(String type, List<String> messages) {
        String start = type + "\t";
        return messages.stream()
                .filter(message -> message.startsWith(start))
                .map(message -> message.substring(start.length()))
                .toList();
    }

    @Test
    void guestGetsExactlyWhatTheOptionsSay() throws Exception {
        String options =
                "-a 192.0.2.10/24 -g 192.0.2.1 -m 1400 -D 198.51.100.53 -D 203.0.113.53 -S one.example -S two.example"
                        + " -H guest7 --fqdn guest7.one.example";
        try (Passt passt = Passt.start(lab, options.split(" "))) {
            List<String> said = boot(passt, """
                    lease -O 81 || exit 1
                    echo "mtu=$(cat /sys/class/net/eth0/mtu)"
                    echo "answers=$(ping -c 1 192.0.2.1 | grep -c 'bytes from')"
                    """);
            assertThat(said)
                    .filteredOn(line -> line.startsWith("lease.") && !line.startsWith("lease.serverid="))
                    .containsExactlyInAnyOrder(
                            "lease.ip=192.0.2.10",
                            "lease.subnet=255.255.255.0",
                            "lease.mask=24",
                            "lease.router=192.0.2.1",
                            "lease.dns=198.51.100.53 203.0.113.53",
                            "lease.search=one.example two.example",
                            "lease.hostname=guest7",
                            "lease.mtu=1400",
                            "lease.lease=4294967295",
                            // flags E and N and S as RFC 4702 §2.1 has them, RCODE1, RCODE2, then the name in wire
                            // format
                            "lease.opt81=0cffff" + hex("\6guest7\3one\7example\0"));
            assertThat(said).contains("mtu=1400", "answers=1");
        }
    }

    @Test
    void guestReachesAGatewayOutsideItsSubnetAndOneOffEndsWithIt() throws Exception {
        try (Passt passt = Passt.start(lab, "--one-off", "-a", "192.0.2.10/24", "-g", "198.51.100.1")) {
            List<String> said = boot(passt, """
                    lease || exit 1
                    for address in 198.51.100.1 10.77.0.3; do
                        echo "answers.$address=$(ping -c 1 $address | grep -c 'bytes from')"
                    done
                    """);
            assertThat(said)
                    .contains(
                            "lease.ip=192.0.2.10",
                            "lease.staticroutes=198.51.100.1/32 0.0.0.0 0.0.0.0/0 198.51.100.1",
                            "answers.198.51.100.1=1",
                            "answers.10.77.0.3=1");
            assertThat(passt.awaitExit()).isZero();
        }
    }

    /** As every program of Debian in a guest does it; the MTU makes fragments of most datagrams. */
    @Test
    void guestConfiguresItselfInBothFamiliesAndDatagramsArriveWhole() throws Exception {
        try (Passt passt = Passt.start(
                        lab, "-m", "1500", "-D", Lab.PEER, "-D", NetnsGuest.PEER6, "-S", "lab.example", "-u", "7101");
                GuestsPeer peer = new GuestsPeer(lab)) {
            List<String> programs =
                    List.of("-a", "/usr/bin/rdisc6", "-a", "/usr/sbin/dhclient", "-a", "/usr/bin/socat");
            List<String> said = boot(passt, """
                    ra || exit 1
                    lease > /dev/null || exit 1
                    lease6 || exit 1
                    ip -6 route | sed 's/^/route6=/'
                    rdisc6 -1 -n -r 5 -w 2000 eth0 | sed 's/^ *//; s/ *$//; s/  *:/:/; s/^/advertised=/'
                    router=$(ip -6 route show default | sed -n 's/^default via \\([^ ]*\\) .*/\\1/p')
                    for address in "$router%eth0" fd77::1 fd77::3; do
                        echo "answers.$address=$(ping -6 -c 2 -i 0.2 $address | grep -c 'bytes from')"
                    done
                    """ + GuestsPeer.SCRIPT, programs);
            assertThat(said)
                    .anyMatch(line -> line.matches("ra\\.ip=fd77::5054:ff:fe12:3456/64"))
                    .contains(
                            "ra.router=fe80::1",
                            "ra.mtu=1500",
                            "lease6.ip=fd77::2",
                            "lease6.dns=fd77::3",
                            "advertised=Recursive DNS server: fd77::3",
                            "advertised=DNS search list: lab.example",
                            "answers.fe80::1%eth0=2",
                            "answers.fd77::1=2",
                            "answers.fd77::3=2")
                    .anyMatch(line -> line.startsWith("route6=fd77::/64 dev eth0 "))
                    .anyMatch(line -> line.startsWith("route6=default via fe80::1 dev eth0 "));
            assertThat(said)
                    .filteredOn(line -> line.startsWith("sent."))
                    .hasSize(6)
                    .containsExactlyInAnyOrderElementsOf(peer.received());
            assertThat(said)
                    .filteredOn(line -> line.startsWith("received."))
                    .hasSize(6)
                    .containsExactlyInAnyOrderElementsOf(peer.sent());
            assertThat(passt.terminate()).isZero();
        }
    }

    private static List<String> boot(Passt passt, String script) throws IOException, InterruptedException {
        return boot(passt, script, List.of());
    }

    /** Runs a script in a guest at passt's socket; the lines that it printed. */
    static List<String> boot(Passt passt, String script, List<String> options)
            throws IOException, InterruptedException {
        Path file = Files.createTempFile("passatelli", ".guest");
        try {
            Files.writeString(file, script);
            List<String> words = new ArrayList<>(List.of("src/test/guest/boot"));
            words.addAll(options);
            words.addAll(List.of(passt.socket().toString(), file.toString()));
            Command boot = Command.run(BOOT_LIMIT, words);
            assertThat(boot.exitCode())
                    .describedAs("the guest said: %s%s; passt said: %s", boot.out(), boot.err(), passt.lines())
                    .isZero();
            return boot.out().lines().toList();
        } finally {
            Files.delete(file);
        }
    }

    /** The lines tshark prints of a capture, with all checksums checked. It must have nothing to say about the file. */
    static List<String> tshark(Path capture, String... options) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of("tshark", "-r", capture.toString()));
        words.addAll(List.of("-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"));
        words.addAll(List.of(options));
        Command tshark = Command.run(TSHARK_LIMIT, words).succeeded();
        assertThat(tshark.err().lines().filter(line -> !line.equals(AS_ROOT))).isEmpty();
        return tshark.out().lines().toList();
    }

    private static String hex(String text) {
        return HexFormat.of().formatHex(text.getBytes(StandardCharsets.ISO_8859_1));
    }
}
