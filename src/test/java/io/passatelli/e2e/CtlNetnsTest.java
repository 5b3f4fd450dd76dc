package io.passatelli.e2e;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.passatelli.e2e.TcpWorld.Family;
import io.passatelli.e2e.TcpWorld.Pair;
import io.passatelli.e2e.TcpWorld.Way;
import io.passatelli.lab.Command;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.UdpEnd;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

import static org.assertj.core.api.Assertions.assertThat;

/** What ctl says of a running passt, beside what tshark sees at the guest's card. */
@Tag("netns")
@Timeout(180)
class CtlNetnsTest {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final int MTU = 1_500;
    private static final int UDP_PORT = 7_400;
    private static final int STRANGE_FRAMES = 7;
    private static final String STRANGE_TYPE = "0x88b5"; // IEEE 802: for local experiments
    private static final List<String> FIELDS = List.of(
            "eth.src",
            "eth.type",
            "ip.src",
            "ipv6.src",
            "tcp.srcport",
            "tcp.dstport",
            "tcp.seq",
            "tcp.len",
            "udp.srcport",
            "udp.dstport",
            "udp.length");
    private static final int UDP_HEADER = 8;

    /** One frame, field by field. */
    private record Seen(Map<String, String> fields) {
        String text(String field) {
            return fields.getOrDefault(field, "");
        }

        long number(String field) {
            return Long.parseLong(text(field));
        }

        /** Such as {@code 10.77.0.3:7101}. */
        String source(String protocol) {
            String six = text("ipv6.src");
            return (six.isEmpty() ? text("ip.src") : "[" + six + "]") + ":" + text(protocol + ".srcport");
        }

        boolean isBetween(String protocol, String from, String toPort) {
            return source(protocol).equals(from) && text(protocol + ".dstport").equals(toPort);
        }
    }

    /** What one end of a connection sent: payload without repetitions, and segments that were, in part at least, there before. */
    private record Sent(long bytes, long repeated) {}

    @TempDir
    private Path directory = Path.of("");

    private static String port(String end) {
        return end.substring(end.lastIndexOf(':') + 1);
    }

    @Test
    void flowsDropsAndStatusAreWhatTsharkSees() throws Exception {
        Path file = directory.resolve("card.pcap");
        List<Pair> pairs = new ArrayList<>();
        try (NetnsGuest world = NetnsGuest.start(
                                "-m", String.valueOf(MTU), "-t", TcpWorld.PORTS, "--control", "@control")
                        .configured(MTU);
                UdpEnd guest = UdpEnd.bound(world.guest(), Family.IP4.guest, 0);
                UdpEnd peer = UdpEnd.bound(world.lab().peer(), Family.IP4.peer, UDP_PORT)) {
            // behind the place where tshark listens: what is lost is sent again before its eyes
            world.guest("""
                    nft add table netdev loss
                    nft "add chain netdev loss to { type filter hook ingress device tap0 priority 0; }"
                    nft add rule netdev loss to tcp sport != 0 tcp flags != syn numgen inc mod 40 == 20 counter drop
                    """);
            JsonNode before = ctl(world, "status");
            Process tshark = capture(world, file);
            try {
                int size = 100_000;
                for (Family family : Family.values()) {
                    for (Way way : Way.values()) {
                        Pair pair = world.connection(way, family);
                        pairs.add(pair);
                        carry(pair.guest(), pair.peer(), size += 1_111);
                        carry(pair.peer(), pair.guest(), size += 1_111);
                    }
                }
                guest.connect(Family.IP4.peer, UDP_PORT);
                guest.send(new byte[333]);
                assertThat(peer.receive()).hasSize(333);
                peer.answer(new byte[44]);
                assertThat(guest.receive()).hasSize(44);
                strangeFrames(world);
                awaitAcknowledged(world);
            } finally {
                Command.terminate(tshark);
                tshark.waitFor();
            }
            JsonNode flows = ctl(world, "flows");
            JsonNode after = ctl(world, "status");
            List<Seen> seen = read(file);

            compareFlows(flows, seen);
            compareTable(world, flows);
            compareDrops(ctl(world, "drops"), seen);
            compareFrames(before, after, seen, world);
        } finally {
            for (Pair pair : pairs) {
                pair.close();
            }
        }
    }

    private static void carry(TcpEnd from, TcpEnd to, int bytes) throws Exception {
        CompletableFuture<Void> sent = CompletableFuture.runAsync(() -> {
            try {
                from.send(new byte[bytes]);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        assertThat(to.receive(bytes)).hasSize(bytes);
        sent.get();
    }

    private static void strangeFrames(NetnsGuest world) throws Exception {
        world.guest("""
                python3 - <<'END'
                import socket
                card = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
                card.bind(("tap0", 0))
                own = card.getsockname()[4]
                for _ in range(%d):
                    card.send(b"\\xff" * 6 + own + (%s).to_bytes(2) + bytes(46))
                END
                """.formatted(STRANGE_FRAMES, STRANGE_TYPE));
    }

    private static void awaitAcknowledged(NetnsGuest world) throws Exception {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (System.nanoTime() < end) {
            boolean quiet = true;
            for (JsonNode flow : ctl(world, "flows").get("flows")) {
                quiet &= flow.path("inFlight").asLong() == 0;
            }
            if (quiet) {
                return;
            }
        }
    }

    private static Process capture(NetnsGuest world, Path file) throws Exception {
        Process tshark = new ProcessBuilder(
                        "ip",
                        "netns",
                        "exec",
                        world.guest(),
                        "tshark",
                        "-n",
                        "-q",
                        "-B",
                        "32",
                        "-i",
                        NetnsGuest.CARD,
                        "-w",
                        file.toString())
                .redirectErrorStream(true)
                .redirectOutput(file.resolveSibling("tshark.log").toFile())
                .start();
        // it has begun once it sees what it is looked for
        world.awaitGuest(
                "1", "ping -qc 1 -W 1 " + Family.IP4.gateway + " > /dev/null; [ ! -s " + file + " ] || echo 1");
        return tshark;
    }

    private static List<Seen> read(Path file) throws Exception {
        List<String> words = new ArrayList<>(List.of("tshark", "-n", "-r", file.toString(), "-T", "fields"));
        FIELDS.forEach(field -> words.addAll(List.of("-e", field)));
        List<Seen> seen = new ArrayList<>();
        for (String line : Command.run(LIMIT, words).succeeded().out().lines().toList()) {
            Map<String, String> fields = new HashMap<>();
            String[] values = line.split("\t", -1);
            for (int i = 0; i < values.length; i++) {
                fields.put(FIELDS.get(i), values[i]);
            }
            seen.add(new Seen(fields));
        }
        return seen;
    }

    /** tshark's numbers begin at 0 with the SYN. */
    private static Sent sent(List<Seen> seen, String from, String toPort) {
        long next = 1;
        long repeated = 0;
        for (Seen one : seen) {
            if (one.isBetween("tcp", from, toPort) && one.number("tcp.len") > 0) {
                repeated += one.number("tcp.seq") < next ? 1 : 0;
                next = Math.max(next, one.number("tcp.seq") + one.number("tcp.len"));
            }
        }
        return new Sent(next - 1, repeated);
    }

    private static void compareFlows(JsonNode flows, List<Seen> seen) {
        int tcp = 0;
        int udp = 0;
        long repeated = 0;
        for (JsonNode flow : flows.get("flows")) {
            String guest = flow.get("guest").asText();
            String far = flow.get("far").asText();
            if (flow.get("protocol").asText().equals("tcp")) {
                tcp++;
                Sent toGuest = sent(seen, far, port(guest));
                assertThat(flow.get("bytesToGuest").asLong()).as("%s", flow).isEqualTo(toGuest.bytes);
                assertThat(flow.get("retransmissions").asLong()).as("%s", flow).isEqualTo(toGuest.repeated);
                Sent toHost = sent(seen, guest, port(far));
                assertThat(flow.get("bytesToHost").asLong()).as("%s", flow).isEqualTo(toHost.bytes);
                assertThat(flow.get("state").asText()).isEqualTo("ESTABLISHED");
                repeated += toGuest.repeated;
            } else if (flow.get("protocol").asText().equals("udp")) {
                udp++;
                assertThat(flow.get("bytesToGuest").asLong())
                        .as("%s", flow)
                        .isEqualTo(datagrams(seen, far, port(guest)));
                assertThat(flow.get("bytesToHost").asLong())
                        .as("%s", flow)
                        .isEqualTo(datagrams(seen, guest, port(far)));
            }
        }
        assertThat(tcp).isEqualTo(4);
        assertThat(udp).isEqualTo(1);
        assertThat(repeated).as("segments were lost").isPositive();
    }

    private static long datagrams(List<Seen> seen, String from, String toPort) {
        return seen.stream()
                .filter(one -> one.isBetween("udp", from, toPort))
                .mapToLong(one -> one.number("udp.length") - UDP_HEADER)
                .sum();
    }

    private static void compareTable(NetnsGuest world, JsonNode flows) throws Exception {
        List<String> table =
                run(world, "flows").succeeded().out().lines().skip(1).toList();
        for (JsonNode flow : flows.get("flows")) {
            if (flow.get("protocol").asText().equals("tcp")) {
                assertThat(table)
                        .anySatisfy(line -> assertThat(Arrays.asList(line.trim().split(" +")))
                                .contains(
                                        "tcp",
                                        flow.get("guest").asText(),
                                        flow.get("far").asText()));
            }
        }
    }

    private static void compareDrops(JsonNode drops, List<Seen> seen) {
        long strange = seen.stream()
                .filter(one -> one.text("eth.type").equals(STRANGE_TYPE))
                .count();
        assertThat(strange).isEqualTo(STRANGE_FRAMES);
        Map<String, Long> counts = new HashMap<>();
        drops.get("drops")
                .forEach(drop -> counts.put(
                        drop.get("reason").asText(), drop.get("count").asLong()));
        assertThat(counts).containsEntry("ETHERNET_TYPE_UNKNOWN", strange);
    }

    /** tshark began later than the first look and ended before the second; beside them there was next to nothing. */
    private static void compareFrames(JsonNode before, JsonNode after, List<Seen> seen, NetnsGuest world)
            throws Exception {
        String own = world.guest("cat /sys/class/net/tap0/address").strip();
        for (String direction : List.of("fromGuest", "toGuest")) {
            long frames = seen.stream()
                    .filter(one -> one.text("eth.src").equals(own) == direction.equals("fromGuest"))
                    .count();
            long ours = after.get(direction).get("frames").asLong()
                    - before.get(direction).get("frames").asLong();
            assertThat(ours).as(direction).isBetween(frames, frames + 40);
        }
    }

    private static Command run(NetnsGuest world, String... words) throws Exception {
        List<String> command = new ArrayList<>(List.of(
                Command.ROOT.resolve("target/passatelli/bin/passatelli").toString(),
                "ctl",
                "--socket",
                world.passt().file("control").toString()));
        command.addAll(List.of(words));
        return Command.run(LIMIT, command);
    }

    private static JsonNode ctl(NetnsGuest world, String verb) throws Exception {
        return new ObjectMapper()
                .readTree(run(world, "--json", verb).succeeded().out())
                .get("answer");
    }
}
