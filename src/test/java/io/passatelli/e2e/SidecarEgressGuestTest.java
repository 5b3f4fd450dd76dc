package io.passatelli.e2e;

import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import io.passatelli.lab.TcpService;
import io.passatelli.lab.UdpEnd;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

import static io.passatelli.e2e.EgressWorld.KNOCK;
import static io.passatelli.e2e.EgressWorld.OF_THE_POD;
import static io.passatelli.e2e.EgressWorld.OTHER;
import static io.passatelli.e2e.EgressWorld.OTHER6;
import static io.passatelli.e2e.EgressWorld.PORT;
import static io.passatelli.e2e.EgressWorld.isIp6;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * A Linux guest in QEMU that looks for its own pod: by the sockets of its kernel, at every address of the pod, and by frames of its own making, at
 * those names too that no kernel sends to.
 */
@Tag("guest")
class SidecarEgressGuestTest {
    private static final Duration BOOT = Duration.ofMinutes(2);
    private static final String PEER6 = "fd77::3";

    /** Another address than the guest was told, so that the pod's is not its own; and everything by way of the gateway. */
    private static final String CONFIGURE = """
            for setting in accept_ra accept_dad dad_transmits; do
                echo 0 > /proc/sys/net/ipv6/conf/eth0/$setting
            done
            ip link set eth0 up
            ip address add %s/32 dev eth0
            ip route add 10.77.0.1 dev eth0
            ip route add default via 10.77.0.1
            ip -6 address add %s/128 dev eth0
            ip -6 route add default via fe80::1 dev eth0
            ip -6 route add fe80::7 via fe80::1 dev eth0
            """.formatted(OTHER, OTHER6);

    /** Does what the lines {@code tcp NAME ADDRESS}, {@code udp NAME ADDRESS} and {@code frame FRAME} say; the last word in hex. */
    private static final String PROGRAM = """
            $| = 1;
            open(my $card, "<", "/sys/class/net/eth0/ifindex") or die "no card: $!";
            my $index = 0 + <$card>;
            socket(my $wire, 17, 3, 0) or die "no packet socket: $!";
            sub limited {
                my $work = shift;
                my $answer = eval {
                    local $SIG{ALRM} = sub { die "silence\\n" };
                    alarm 10;
                    my $said = $work->();
                    alarm 0;
                    $said;
                };
                return defined $answer ? $answer : "silence";
            }
            while (my $line = <STDIN>) {
                my ($word, $name, $hex) = split(/\\s+/, $line);
                if ($word eq "frame") {
                    my $to = pack("S n i S C C a8", 17, 0, $index, 0, 0, 6, "");
                    send($wire, pack("H*", $name), 0, $to) or die "cannot send a frame: $!";
                    next;
                }
                my $family = length($hex) == 8 ? 2 : 10;
                my $address = pack("H*", $hex);
                my $to = $family == 2 ? pack("S n a4 x8", 2, %1$d, $address)
                                      : pack("S n N a16 L", 10, %1$d, 0, $address, $index);
                socket(my $socket, $family, $word eq "tcp" ? 1 : 2, 0) or die "no socket: $!";
                print "$word.$name=", limited(sub {
                    connect($socket, $to) or return "$!";
                    $word eq "tcp" and return "connected";
                    send($socket, "knock", 0) or return "$!";
                    defined recv($socket, my $answer, 16, 0) ? $answer : "$!";
                }), "\\n";
            }
            """.formatted(PORT);

    /** All pings at once; the last one is answered behind all frames. */
    private static final String SCRIPT = CONFIGURE + """
            perl /run/knock.pl < /run/knocks || exit 1
            for address in %s; do
                {
                    answer=silence limit=3
                    case $address in 10.77.0.3 | fd77::3) limit=20 ;; esac # who does answer, and may be slow to
                    ! ping -c 1 -W $limit $address > /dev/null 2>&1 || answer=answered
                    echo "ping.$address=$answer"
                } &
            done
            wait
            perl /run/knock.pl < /run/frames || exit 1
            ping -c 1 -W 20 10.77.0.3 > /dev/null && echo end=answered
            """;

    @Test
    void guestReachesNothingOfItsPod() throws Exception {
        try (SidecarPod pod = SidecarPod.in(Lab.up())) {
            pod.pod(EgressWorld.ADDRESSES);
            pod.define(SidecarPod.vmi("", "{\"port\": 80}"));
            try (EgressWorld within = EgressWorld.in(pod.lab());
                    TcpService tcp = TcpService.at(pod.lab().peer(), "::", PORT);
                    UdpEnd udp = UdpEnd.bound(pod.lab().peer(), Lab.PEER, PORT)) {
                List<String> said = boot(pod);
                within.assertNobodyHeard();
                for (String address : OF_THE_POD) {
                    assertThat(said).contains("tcp." + address + "=Connection refused", "ping." + address + "=silence");
                    if (!isBroadcast(address)) { // no ICMP errors are about these
                        String told = isIp6(address) ? "Permission denied" : "No route to host";
                        assertThat(said).contains("udp." + address + "=" + told);
                    }
                }

                // without this the others would prove nothing
                within.assertTheyListen(pod.lab().pod());
                assertThat(said)
                        .contains("tcp." + Lab.PEER + "=connected", "tcp." + PEER6 + "=connected")
                        .contains("ping." + Lab.PEER + "=answered", "ping." + PEER6 + "=answered", "end=answered");
                assertThat(tcp.hasConnection()).isTrue();
                assertThat(udp.receive()).isEqualTo(KNOCK);
            }
        }
    }

    /** What the guest says. */
    private static List<String> boot(SidecarPod pod) throws IOException, InterruptedException {
        Path directory = pod.lab().directory();
        List<String> asked =
                Stream.concat(OF_THE_POD.stream(), Stream.of(Lab.PEER, PEER6)).toList();
        List<String> knocks = new ArrayList<>();
        for (String address : asked) {
            String words =
                    " " + address + " " + hex(InetAddress.getByName(address).getAddress());
            knocks.add("tcp" + words);
            if (OF_THE_POD.contains(address) && !isBroadcast(address)) {
                knocks.add("udp" + words);
            }
        }
        List<String> frames = new ArrayList<>();
        for (List<String> names : List.of(OF_THE_POD, EgressWorld.OTHER_NAMES, List.of(Lab.PEER))) {
            for (String name : names) {
                EgressWorld.knocks(name).forEach(frame -> frames.add("frame " + hex(frame)));
            }
        }
        List<String> boot = new ArrayList<>(List.of("src/test/guest/boot", "-a", "/usr/bin/perl"));
        boot.addAll(List.of("-a", Files.writeString(directory.resolve("knock.pl"), PROGRAM) + ":run/knock.pl"));
        boot.addAll(List.of("-a", Files.write(directory.resolve("knocks"), knocks) + ":run/knocks"));
        boot.addAll(List.of("-a", Files.write(directory.resolve("frames"), frames) + ":run/frames"));
        boot.add(pod.socket().toString());
        String pinged = String.join(" ", asked).replace("fe80::7", "fe80::7%eth0");
        boot.add(Files.writeString(directory.resolve("script"), SCRIPT.formatted(pinged))
                .toString());
        Command done = Command.run(BOOT, boot);
        assertThat(done.exitCode())
                .as("%s%s%s", done.out(), done.err(), pod.messages())
                .isZero();
        return done.out().lines().map(line -> line.replace("%eth0", "")).toList();
    }

    private static boolean isBroadcast(String address) {
        return address.endsWith(".255");
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }
}
