package io.passatelli.e2e;

import io.passatelli.e2e.TcpWorld.Family;
import io.passatelli.e2e.TcpWorld.Pair;
import io.passatelli.e2e.TcpWorld.Way;
import io.passatelli.lab.Command;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;

/** What can be seen inside a plane whose guest is a Linux stack: of flows, against what was sent; of frames, as tshark reads them. */
@Tag("netns")
class ViewNetnsTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final long BYTES = 16 << 20;

    private static long number(Map<String, String> flow, String name) {
        return Long.parseLong(flow.getOrDefault(name, "-1"));
    }

    /** The only flow, once its guest has acknowledged all and the FIN: a reader has bytes before, and the first acknowledgement may be lost. */
    private static Map<String, String> acknowledged(TapGuest world) throws Exception {
        for (long end = System.nanoTime() + LIMIT.toNanos(); ; Thread.sleep(5)) {
            List<Map<String, String>> flows = world.plane().flows();
            assertThat(flows).hasSize(1);
            Map<String, String> flow = flows.getFirst();
            if ("FIN-WAIT-2".equals(flow.get("state"))) {
                return flow;
            }
            assertThat(System.nanoTime()).as("still %s", flow).isLessThan(end);
        }
    }

    @ParameterizedTest
    @EnumSource(Way.class)
    void flowShowsWhatWasSentAndWhatWasSentAgain(Way way) throws Exception {
        try (TapGuest world = TapGuest.start(1500, "loss=0.02")) {
            try (Pair pair = world.connection(way, Family.IP4);
                    TcpBulk bulk = new TcpBulk()) {
                bulk.add(pair.peer(), pair.guest(), BYTES);
                bulk.await(LIMIT);
                Map<String, String> flow = acknowledged(world);
                assertThat(flow)
                        .containsEntry("protocol", "TCP")
                        .containsEntry("origin", way == Way.FROM_GUEST ? "GUEST" : "HOST")
                        .containsEntry("bytesToHost", "0");
                String service = ":" + TcpWorld.FIRST_PORT;
                assertThat(flow.get(way == Way.FROM_GUEST ? "far" : "guest")).endsWith(service);
                assertThat(number(flow, "bytesToGuest")).isEqualTo(BYTES);
                assertThat(number(flow, "resent")).isPositive();
                assertThat(number(flow, "rttUs")).isBetween(1L, 1_000_000L);
            }
            world.awaitQuiet();
            assertThat(world.plane().flows()).isEmpty();
        }
    }

    /** Both directions of one conversation, and nothing of the ping beside it. */
    @Test
    void captureOfARunningPlaneHasTheFramesOfItsFilter(@TempDir Path directory) throws Exception {
        Path file = directory.resolve("capture.pcap");
        try (TapGuest world = TapGuest.start(1500)) {
            long frames;
            try (Pair pair = world.connection(Way.FROM_GUEST, Family.IP4);
                    TcpBulk bulk = new TcpBulk()) {
                world.plane().capture(file, "port " + TcpWorld.FIRST_PORT + " host " + Family.IP4.peer);
                world.sh(world.guest(), "ping -qc 3 -i 0.2 " + Family.IP4.peer);
                bulk.add(pair.peer(), pair.guest(), 100_000);
                bulk.await(LIMIT);
                frames = world.plane().stopCapture();
                world.sh(world.guest(), "ping -qc 1 " + Family.IP4.peer);
            }
            List<String> read = tshark(file);
            assertThat(read).hasSize((int) frames);
            long bytes = 0;
            for (String line : read) {
                String[] fields = line.split("\t", -1);
                assertThat(List.of(fields[1], fields[2])).contains(Integer.toString(TcpWorld.FIRST_PORT));
                bytes += fields[0].equals(Family.IP4.peer) ? Long.parseLong(fields[3]) : 0;
            }
            assertThat(bytes).isEqualTo(100_000);
            assertThat(read).anyMatch(line -> !line.startsWith(Family.IP4.peer));
        }
    }

    private static List<String> tshark(Path capture) throws Exception {
        String[] fields = {"ip.src", "tcp.srcport", "tcp.dstport", "tcp.len"};
        Command tshark = Command.run(
                        LIMIT,
                        List.of(
                                "tshark",
                                "-n",
                                "-r",
                                capture.toString(),
                                "-T",
                                "fields",
                                "-e",
                                fields[0],
                                "-e",
                                fields[1],
                                "-e",
                                fields[2],
                                "-e",
                                fields[3]))
                .succeeded();
        return tshark.out().lines().toList();
    }
}
