package io.passatelli.e2e;

import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import io.passatelli.lab.UdpEnd;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.InetAddress;
import java.net.PortUnreachableException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.SplittableRandom;

import static io.passatelli.e2e.NetnsGuest.GUEST6;
import static io.passatelli.e2e.NetnsGuest.PEER6;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Datagrams between a Linux stack behind passt and the pod's peer, on real sockets. */
@Tag("netns")
class UdpNetnsTest {
    private static final int PORT = 7_101;
    private static final int SERVICE = 7_777;
    /** The largest payload that UDP has over IPv4. */
    private static final int LARGEST = 65_507;

    private static final int DATAGRAM = 1_024;
    private static final int BURST = 16;
    private static final int NUMBERED = 1_000;
    private static final Duration SHORT = Duration.ofMillis(300);

    /** Who speaks to whom, in either family. */
    private enum Family {
        IP4(Lab.POD, Lab.PEER),
        IP6(GUEST6, PEER6);

        final String guest;
        final String peer;

        Family(String guest, String peer) {
            this.guest = guest;
            this.peer = peer;
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1_500, 65_520})
    void datagramsArriveWholeBothWays(int mtu) throws Exception {
        try (NetnsGuest world = world(mtu)) {
            for (Family family : Family.values()) {
                for (int size : new int[] {2 << 10, 5 << 10, 1 << 20}) {
                    outbound(world, family, size);
                    inbound(world, family, size);
                }
                emptyOnes(world, family);
                for (int size : new int[] {1_452, 1_453, 1_472, 1_473, 30_001, LARGEST - 1, LARGEST}) {
                    large(world, family, size, mtu);
                }
            }
            assertThat(world.passt().terminate()).isZero();
        }
    }

    private static void outbound(NetnsGuest world, Family family, int size) throws IOException {
        try (UdpEnd guest = UdpEnd.bound(world.lab().vm(), family.guest, 0);
                UdpEnd peer = UdpEnd.bound(world.lab().peer(), family.peer, SERVICE)) {
            guest.connect(family.peer, SERVICE);
            byte[] sent = bytes(size);
            assertThat(digest(carried(sent, guest::send, peer))).isEqualTo(digest(sent));
            assertThat(peer.from().getPort()).isEqualTo(guest.port());
            assertThat(peer.from().getAddress()).isEqualTo(InetAddress.getByName(family.guest));
            peer.answer(sent.length > DATAGRAM ? Arrays.copyOf(sent, DATAGRAM) : sent);
            assertThat(guest.receive()).isEqualTo(Arrays.copyOf(sent, DATAGRAM));
        }
    }

    private static void inbound(NetnsGuest world, Family family, int size) throws IOException {
        try (UdpEnd guest = UdpEnd.bound(world.lab().vm(), family.guest, PORT);
                UdpEnd peer = UdpEnd.bound(world.lab().peer(), family.peer, 0)) {
            peer.connect(family.guest, PORT);
            byte[] sent = bytes(size);
            assertThat(digest(carried(sent, peer::send, guest))).isEqualTo(digest(sent));
            assertThat(guest.from().getPort()).isEqualTo(peer.port());
            assertThat(guest.from().getAddress()).isEqualTo(InetAddress.getByName(family.peer));
            guest.answer(Arrays.copyOf(sent, DATAGRAM));
            assertThat(peer.receive()).isEqualTo(Arrays.copyOf(sent, DATAGRAM));
        }
    }

    /** Datagrams in bursts, each of which has arrived before the next leaves. */
    private static byte[] carried(byte[] sent, Sender sender, UdpEnd receiver) throws IOException {
        ByteArrayOutputStream received = new ByteArrayOutputStream();
        for (int at = 0; at < sent.length; at += BURST * DATAGRAM) {
            int end = Math.min(at + BURST * DATAGRAM, sent.length);
            for (int from = at; from < end; from += DATAGRAM) {
                sender.send(Arrays.copyOfRange(sent, from, Math.min(from + DATAGRAM, end)));
            }
            while (received.size() < end) {
                received.write(receiver.receive());
            }
        }
        return received.toByteArray();
    }

    private interface Sender {
        void send(byte[] payload) throws IOException;
    }

    private static void emptyOnes(NetnsGuest world, Family family) throws IOException {
        try (UdpEnd guest = UdpEnd.bound(world.lab().vm(), family.guest, PORT);
                UdpEnd peer = UdpEnd.bound(world.lab().peer(), family.peer, 0)) {
            peer.send(new byte[0], family.guest, PORT);
            assertThat(guest.receive()).isEmpty();
            guest.answer(new byte[0]);
            assertThat(peer.receive()).isEmpty();
        }
    }

    /** There and back; no packet is longer than the guest's MTU, though datagrams are. */
    private static void large(NetnsGuest world, Family family, int size, int mtu) throws IOException {
        world.cable().longestToGuest();
        world.cable().fragmentsToGuest();
        world.cable().fragmentsFromGuest();
        try (UdpEnd guest = UdpEnd.bound(world.lab().vm(), family.guest, 0);
                UdpEnd peer = UdpEnd.bound(world.lab().peer(), family.peer, SERVICE)) {
            guest.connect(family.peer, SERVICE);
            byte[] sent = bytes(size);
            guest.send(sent);
            assertThat(digest(peer.receive())).as("%s, out", family).isEqualTo(digest(sent));
            peer.answer(sent);
            assertThat(digest(guest.receive())).as("%s, in", family).isEqualTo(digest(sent));
        }
        assertThat(world.cable().longestToGuest()).isLessThanOrEqualTo(mtu);
        int packet = size + (family == Family.IP4 ? 20 : 40) + 8;
        if (packet <= mtu) {
            assertThat(world.cable().fragmentsToGuest()).isZero();
            assertThat(world.cable().fragmentsFromGuest()).isZero();
        } else {
            assertThat(world.cable().fragmentsToGuest()).isEqualTo(world.cable().fragmentsFromGuest());
        }
    }

    /** The first one reaches the listener, the last ones the flow's own socket. */
    @Test
    void burstIntoANewFlowArrivesInOrderAndWhole() throws Exception {
        try (NetnsGuest world = world(65_520)) {
            for (Family family : Family.values()) {
                for (int flow = 0; flow < 4; flow++) {
                    try (UdpEnd guest = UdpEnd.bound(world.lab().vm(), family.guest, PORT);
                            UdpEnd peer = UdpEnd.bound(world.lab().peer(), family.peer, 0)) {
                        peer.connect(family.guest, PORT);
                        for (int i = 0; i < NUMBERED; i++) {
                            peer.send(ByteBuffer.allocate(8)
                                    .putInt(flow)
                                    .putInt(i)
                                    .array());
                        }
                        List<Integer> numbers = new ArrayList<>();
                        for (byte[] next = guest.receive(); next != null; next = guest.receive(SHORT)) {
                            assertThat(ByteBuffer.wrap(next).getInt()).isEqualTo(flow);
                            numbers.add(ByteBuffer.wrap(next).getInt(4));
                            if (numbers.size() == NUMBERED) {
                                break;
                            }
                        }
                        assertThat(whatIsOdd(numbers))
                                .as("%s, flow %d; the pod's counters: %s", family, flow, counters(world))
                                .isEmpty();
                    }
                }
            }
        }
    }

    /** In few words: a list of a thousand numbers says little. */
    private static String whatIsOdd(List<Integer> numbers) {
        for (int i = 0; i < numbers.size(); i++) {
            if (numbers.get(i) != i) {
                return "number %d came at place %d; %d came in all".formatted(numbers.get(i), i, numbers.size());
            }
        }
        return numbers.size() == NUMBERED ? "" : "only %d came".formatted(numbers.size());
    }

    private static String counters(NetnsGuest world) throws IOException, InterruptedException {
        return world.pod("grep Udp: /proc/net/snmp; grep Udp6 /proc/net/snmp6");
    }

    @Test
    void closedPortIsReportedToTheGuestsSocket() throws Exception {
        try (NetnsGuest world = world(1_500)) {
            for (Family family : Family.values()) {
                try (UdpEnd guest = UdpEnd.bound(world.lab().vm(), family.guest, 0)) {
                    guest.connect(family.peer, SERVICE);
                    guest.send(new byte[] {1});
                    assertThatThrownBy(guest::receive).as("%s", family).isInstanceOf(PortUnreachableException.class);
                    // the flow lives on
                    try (UdpEnd peer = UdpEnd.bound(world.lab().peer(), family.peer, SERVICE)) {
                        guest.send(new byte[] {2});
                        assertThat(peer.receive()).containsExactly(2);
                        peer.answer(new byte[] {3});
                        assertThat(guest.receive()).containsExactly(3);
                    }
                }
            }
        }
    }

    @Test
    void hopsAreSeenAndSoIsANarrowPath() throws Exception {
        try (NetnsGuest world = world(1_500)) {
            String far = world.lab().anotherNamespace("far");
            world.peer("""
                    sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0
                    ip link add far type veth peer name eth0 netns %1$s
                    ip address add 10.78.0.1/24 dev far
                    ip address add fd78::1/64 dev far nodad
                    ip link set far mtu 1300 up
                    ip -n %1$s address add 10.78.0.2/24 dev eth0
                    ip -n %1$s address add fd78::2/64 dev eth0 nodad
                    ip -n %1$s link set eth0 mtu 1300 up
                    ip -n %1$s route add default via 10.78.0.1
                    ip -n %1$s -6 route add default via fd78::1
                    """.formatted(far));
            world.awaitGuest("default", "ip -6 route show default");

            assertThat(hops(world.guest("traceroute -4 -n -q 1 -N 1 -w 3 -m 5 10.78.0.2")))
                    .containsExactly(Lab.GATEWAY, "10.78.0.2");
            assertThat(hops(world.guest("traceroute -6 -n -q 1 -N 1 -w 3 -m 5 fd78::2")))
                    .hasSize(2)
                    .endsWith("fd78::2")
                    .first()
                    .isIn(NetnsGuest.GATEWAY6, PEER6); // whichever of its addresses the router chose

            narrow(world, far, Lab.POD, "10.78.0.2");
            narrow(world, far, GUEST6, "fd78::2");
        }
    }

    private static List<String> hops(String traceroute) {
        return traceroute
                .lines()
                .skip(1)
                .map(line -> line.strip().split(" +", -1)[1])
                .toList();
    }

    /** What does not fit is lost; but it is said why, and from then on it is sent in pieces. */
    private static void narrow(NetnsGuest world, String far, String from, String to) throws Exception {
        try (UdpEnd guest = UdpEnd.bound(world.lab().vm(), from, 0);
                UdpEnd service = UdpEnd.bound(far, to, SERVICE)) {
            byte[] sent = bytes(1_400);
            guest.send(sent, to, SERVICE);
            world.awaitGuest("mtu 1300", "ip route get " + to);
            guest.send(sent, to, SERVICE);
            assertThat(service.receive()).isEqualTo(sent);
            service.answer(sent);
            assertThat(guest.receive()).isEqualTo(sent);
        }
    }

    @Test
    void namesAreResolvedThroughTheRedirection() throws Exception {
        Lab lab = Lab.withVm();
        lab.resolvConf("nameserver 127.0.0.1\nnameserver ::1\n");
        try (NetnsGuest world = NetnsGuest.in(lab, "--dns-forward", "10.77.0.53", "--dns-forward", "fd77::53")
                .configured(1_500)) {
            String text = "0123456789".repeat(20);
            List<String> resolver = new ArrayList<>(List.of(
                    "dnsmasq",
                    "--keep-in-foreground",
                    "--conf-file=/dev/null",
                    "--pid-file=",
                    "--user=nobody",
                    "--no-resolv",
                    "--no-hosts",
                    "--bind-interfaces",
                    "--listen-address=127.0.0.1,::1",
                    "--edns-packet-max=4096",
                    "--host-record=web.lab.example,10.77.0.3,fd77::3"));
            for (int i = 0; i < 15; i++) {
                resolver.add("--txt-record=large.lab.example," + i + text);
            }
            world.background(lab.pod(), resolver.toArray(String[]::new));
            world.pod("until ss -Hlun | grep -q '127.0.0.1:53 ' && ss -Hlun | grep -q '::1.:53 '; do sleep 0.05; done");
            String dig = "dig +tries=1 +timeout=5 +ignore ";
            assertThat(world.guest(dig + "+short @10.77.0.53 web.lab.example A"))
                    .isEqualTo("10.77.0.3\n");
            assertThat(world.guest(dig + "+short @fd77::53 web.lab.example AAAA"))
                    .isEqualTo("fd77::3\n");
            for (String server : List.of("10.77.0.53", "fd77::53")) {
                Path answer = Files.writeString(
                        lab.directory().resolve("answer"),
                        world.guest(dig + "+bufsize=4096 @" + server + " large.lab.example TXT"));
                assertThat(answer).content().contains("ANSWER: 15", "SERVER: " + server + "#53", "(UDP)", text);
            }
            // what is not for port 53 is not redirected: nobody is at this address
            Command refused = world.tryGuest(dig + "-p 5353 @10.77.0.53 web.lab.example A");
            assertThat(refused.exitCode()).isNotZero();
        }
    }

    /** They are seen at the gateway; a server that binds to no address answers from whichever its stack likes best. */
    @Test
    void programsOfTheHostItselfAreAnswered() throws Exception {
        try (NetnsGuest world = world(1_500)) {
            world.awaitGuest("default via fe80", "ip -6 route show default");
            world.background(world.lab().vm(), "python3", "-c", """
                    import socket
                    s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                    s.bind(("::", %d))
                    while True:
                        data, peer = s.recvfrom(100)
                        s.sendto(data, peer)
                    """.formatted(PORT));
            world.guest("until ss -Hlun | grep -q ':%d '; do sleep 0.05; done".formatted(PORT));
            for (String address : List.of("127.0.0.1", "::1", Lab.POD, GUEST6)) {
                assertThat(world.pod("""
                        python3 -c '
                        import socket
                        family = socket.AF_INET6 if ":" in "%1$s" else socket.AF_INET
                        s = socket.socket(family, socket.SOCK_DGRAM)
                        s.settimeout(5)
                        s.sendto(b"hello", ("%1$s", %2$d))
                        data, peer = s.recvfrom(100)
                        print(data.decode(), peer[0], peer[1])'
                        """.formatted(address, PORT))).isEqualTo("hello " + address + " " + PORT + "\n");
            }
        }
    }

    /** With the guest's own port and TTL; answers would come from other addresses than the group's, and are not heard. */
    @Test
    void whatTheGuestSendsToManyReachesThem() throws Exception {
        try (NetnsGuest world = world(1_500)) {
            world.awaitGuest("default via fe80", "ip -6 route show default");
            Path heard = world.lab().directory().resolve("heard");
            world.background(world.lab().peer(), "python3", "-c", """
                    import select, socket
                    heard = open("%1$s", "w", buffering=1)
                    four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    four.bind(("", %2$d))
                    four.setsockopt(socket.IPPROTO_IP, 12, 1)  # IP_RECVTTL
                    membership = socket.inet_aton("239.1.2.3") + socket.inet_aton("10.77.0.3")
                    four.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, membership)
                    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                    six.bind(("::", %2$d))
                    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
                    for group in ("ff02::1:3", "ff05::1:3"):
                        membership = socket.inet_pton(socket.AF_INET6, group) + socket.if_nametoindex("eth0").to_bytes(4, "little")
                        six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, membership)
                    print("ready", file=heard)
                    while True:
                        for s in select.select((four, six), (), ())[0]:
                            data, ancillary, flags, peer = s.recvmsg(100, 100)
                            print(data.decode(), int.from_bytes(ancillary[0][2], "little"), peer[1], file=heard)
                    """.formatted(heard, PORT));
            awaitLine(world, heard, "ready");
            // link-local groups are sent to from link-local addresses, which the kernel tries out for a second or two
            String settled = "until ! ip -6 address show tentative | grep -q inet6; do sleep 0.05; done";
            world.sh(world.lab().pod(), settled);
            world.guest(settled);
            world.guest("""
                    python3 -c '
                    import socket
                    four = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    four.bind(("10.77.0.2", 4123))
                    four.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 7)
                    four.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 8)
                    four.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                    for to in ("239.1.2.3", "10.77.0.255", "255.255.255.255"): four.sendto(to.encode(), (to, %1$d))
                    six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
                    six.bind(("::", 4124))
                    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 9)
                    six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("tap0"))
                    for to in ("ff02::1:3", "ff05::1:3"): six.sendto(to.encode(), (to, %1$d))'
                    """.formatted(PORT));
            awaitLine(world, heard, "239.1.2.3 7 4123");
            awaitLine(world, heard, "10.77.0.255 8 4123");
            awaitLine(world, heard, "255.255.255.255 8 4123");
            awaitLine(world, heard, "ff02::1:3 9 4124");
            awaitLine(world, heard, "ff05::1:3 9 4124");
            assertThat(Files.readAllLines(heard)).as("each once").hasSize(6);
        }
    }

    private static void awaitLine(NetnsGuest world, Path file, String line) throws IOException, InterruptedException {
        world.peer("until grep -sqx '" + line + "' " + file + "; do sleep 0.05; done");
    }

    /** RFC 1122 §4.1.3.3: the guest hears that nobody listens, though it asks from the very port. */
    @Test
    void guestThatAsksTheHostFromTheSamePortDoesNotHearItself() throws Exception {
        try (NetnsGuest world = world(1_500)) {
            Command asked = world.tryGuest("""
                    python3 -c '
                    import socket
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    s.settimeout(5)
                    s.bind(("10.77.0.2", 4123))
                    s.connect(("10.77.0.1", 4123))
                    s.send(b"hello")
                    try: print(s.recv(100))
                    except ConnectionRefusedError: print("refused")'
                    """);
            assertThat(asked.succeeded().out()).isEqualTo("refused\n");
        }
    }

    private static NetnsGuest world(int mtu) throws IOException, InterruptedException {
        return NetnsGuest.start("-m", String.valueOf(mtu), "-u", String.valueOf(PORT))
                .configured(mtu);
    }

    private static String digest(byte[] bytes) {
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest(bytes);
            return bytes.length + " bytes, " + HexFormat.of().formatHex(hash);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError(e); // every Java has it
        }
    }

    private static byte[] bytes(int size) {
        byte[] bytes = new byte[size];
        new SplittableRandom(size).nextBytes(bytes);
        return bytes;
    }
}
