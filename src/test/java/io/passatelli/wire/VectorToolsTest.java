package io.passatelli.wire;

import io.passatelli.wire.VectorFile.Vector;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;

/** Wireshark as a second opinion: it opens the vector files, and reads good frames as we say they read. Needs text2pcap(1) and tshark(1). */
@Tag("netns")
class VectorToolsTest {
    /** Our name of a field, and tshark's. */
    private static final Map<String, Map<String, String>> NAMES = Map.of(
            "arp",
            Map.of(
                    "dst", "eth.dst",
                    "src", "eth.src",
                    "operation", "arp.opcode",
                    "senderMac", "arp.src.hw_mac",
                    "senderIp", "arp.src.proto_ipv4",
                    "targetMac", "arp.dst.hw_mac",
                    "targetIp", "arp.dst.proto_ipv4"),
            "ip4",
            Map.of(
                    "headerLength", "ip.hdr_len",
                    "totalLength", "ip.len",
                    "id", "ip.id",
                    "ttl", "ip.ttl",
                    "protocol", "ip.proto",
                    "checksum", "ip.checksum",
                    "src", "ip.src",
                    "dst", "ip.dst"),
            "udp",
            Map.of(
                    "srcPort", "udp.srcport",
                    "dstPort", "udp.dstport",
                    "totalLength", "udp.length",
                    "checksum", "udp.checksum"),
            "icmp4",
            Map.of(
                    "type", "icmp.type",
                    "code", "icmp.code",
                    "checksum", "icmp.checksum",
                    "id", "icmp.ident",
                    "sequence", "icmp.seq"),
            "ip6",
            Map.of(
                    "payloadLength", "ipv6.plen",
                    "nextHeader", "ipv6.nxt",
                    "hopLimit", "ipv6.hlim",
                    "src", "ipv6.src",
                    "dst", "ipv6.dst"),
            "icmp6",
            Map.of(
                    "type", "icmpv6.type",
                    "code", "icmpv6.code",
                    "checksum", "icmpv6.checksum"),
            "tcp",
            Map.of(
                    "srcPort", "tcp.srcport",
                    "dstPort", "tcp.dstport",
                    "seq", "tcp.seq_raw",
                    "ack", "tcp.ack_raw",
                    "headerLength", "tcp.hdr_len",
                    "flags", "tcp.flags",
                    "window", "tcp.window_size_value",
                    "checksum", "tcp.checksum",
                    "payloadLength", "tcp.len"));

    @TempDir
    Path dir = Path.of("");

    static Stream<String> files() {
        return VectorFile.NAMES.stream();
    }

    private List<String> run(String... command) throws IOException, InterruptedException {
        Path out = dir.resolve("out");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(false)
                .redirectOutput(out.toFile())
                .redirectError(dir.resolve("err").toFile())
                .start();
        try {
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).as(command[0]).isTrue();
        } finally {
            process.destroyForcibly();
        }
        assertThat(process.exitValue())
                .as("%s: %s", Arrays.toString(command), Files.readString(dir.resolve("err")))
                .isZero();
        return Files.readAllLines(out, StandardCharsets.UTF_8);
    }

    private Path capture(String text) throws IOException, InterruptedException {
        Path hex = dir.resolve("frames.txt");
        Path pcap = dir.resolve("frames.pcap");
        Files.writeString(hex, text);
        run("text2pcap", "-q", hex.toString(), pcap.toString());
        return pcap;
    }

    @ParameterizedTest
    @MethodSource("files")
    void everyFrameOfTheFileIsOpened(String name) throws Exception {
        Path pcap = capture(VectorFile.text(name));
        List<String> lengths = run("tshark", "-n", "-r", pcap.toString(), "-T", "fields", "-e", "frame.len");
        assertThat(lengths)
                .isEqualTo(VectorFile.read(name).stream()
                        .map(v -> Integer.toString(v.bytes().length))
                        .toList());
    }

    static Stream<String> filesOfWholeDatagrams() {
        return NAMES.keySet().stream();
    }

    @ParameterizedTest
    @MethodSource("filesOfWholeDatagrams")
    void goodFramesReadTheSameAndAreNotMalformed(String name) throws Exception {
        List<Vector> good = VectorFile.read(name).stream()
                .filter(v -> v.field("drop").equals("NONE"))
                .toList();
        StringBuilder hex = new StringBuilder();
        for (Vector vector : good) {
            hex.append("0000 ");
            for (byte b : vector.bytes()) {
                hex.append(" %02x".formatted(b));
            }
            hex.append('\n');
        }
        String pcap = capture(hex.toString()).toString();
        assertThat(
                        run(
                                "tshark",
                                "-n",
                                "-r",
                                pcap,
                                "-o",
                                "ip.check_checksum:TRUE",
                                "-o",
                                "udp.check_checksum:TRUE",
                                "-o",
                                "tcp.check_checksum:TRUE",
                                "-Y",
                                "_ws.malformed || ip.checksum.status == \"Bad\" || udp.checksum.status == \"Bad\" || tcp.checksum.status == \"Bad\" || icmp.checksum.status == \"Bad\" || icmpv6.checksum.status == \"Bad\""))
                .isEmpty();

        Map<String, String> names = NAMES.getOrDefault(name, Map.of());
        List<String> fields = names.keySet().stream().sorted().toList();
        List<String> command = new ArrayList<>(
                List.of("tshark", "-n", "-r", pcap, "-T", "fields", "-E", "occurrence=f", "-E", "separator=/s"));
        for (String field : fields) {
            command.add("-e");
            command.add(names.getOrDefault(field, field));
        }
        List<String> seen = run(command.toArray(String[]::new));
        assertThat(seen)
                .isEqualTo(good.stream()
                        .map(v -> String.join(" ", fields.stream().map(v::field).toList()))
                        .toList());
    }
}
