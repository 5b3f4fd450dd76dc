package io.passatelli.e2e;

import io.passatelli.e2e.TcpWorld.Family;
import io.passatelli.e2e.TcpWorld.Pair;
import io.passatelli.e2e.TcpWorld.Way;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

/** Bulk never stands still: looked at ten times a second, every flow has moved within each second. */
@Tag("netns")
class TcpSteadyNetnsTest {
    private static final int RUNS = 10;
    private static final int FLOWS = 4;
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final Duration PAUSE = Duration.ofSeconds(1);

    @ParameterizedTest
    @CsvSource({"cubic, 65520, 48", "cubic, 1500, 24", "bbr, 65520, 48", "bbr, 1500, 24"})
    void noFlowOnATapStandsStillForASecond(String control, int mtu, int mib) throws Exception {
        try (TapGuest world = TapGuest.start(mtu)) {
            runs(world, control, (long) mib << 20);
        }
    }

    @ParameterizedTest
    @CsvSource({"cubic, 65520, 24", "cubic, 1500, 12"})
    void noFlowOnAStreamSocketStandsStillForASecond(String control, int mtu, int mib) throws Exception {
        try (NetnsGuest world = NetnsGuest.start("-m", String.valueOf(mtu), "-t", TcpWorld.PORTS)
                .configured(mtu)) {
            runs(world, control, (long) mib << 20);
        }
    }

    private static void runs(TcpWorld world, String control, long bytes) throws Exception {
        assumeThat(world.congestionControl(control)).isTrue();
        for (boolean ofGuest : new boolean[] {true, false}) {
            for (int run = 0; run < RUNS; run++) {
                run(world, ofGuest, bytes);
            }
        }
        world.awaitQuiet();
    }

    private static void run(TcpWorld world, boolean ofGuest, long bytes) throws Exception {
        List<Pair> pairs = new ArrayList<>();
        try (TcpBulk bulk = new TcpBulk()) {
            for (int flow = 0; flow < FLOWS; flow++) {
                Pair pair = world.connection(
                        flow % 2 == 0 ? Way.FROM_GUEST : Way.TO_GUEST, flow < FLOWS / 2 ? Family.IP4 : Family.IP6);
                pairs.add(pair);
                bulk.add(pair.end(ofGuest), pair.end(!ofGuest), bytes);
            }
            bulk.await(LIMIT);
            assertThat(bulk.longestPause()).as("%s", bulk).isLessThan(PAUSE);
        } finally {
            for (Pair pair : pairs) {
                pair.close();
            }
        }
    }
}
