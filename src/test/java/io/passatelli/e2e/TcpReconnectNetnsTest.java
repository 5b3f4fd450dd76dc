package io.passatelli.e2e;

import io.passatelli.e2e.TcpWorld.Family;
import io.passatelli.e2e.TcpWorld.Pair;
import io.passatelli.e2e.TcpWorld.Way;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** A guest whose link goes away for a while, and comes back. */
@Tag("netns")
class TcpReconnectNetnsTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final long BYTES = 256 << 20;
    private static final int MTU = 1_500;

    @Test
    void connectionsOutliveACableThatIsPulledAndPutBack() throws Exception {
        List<Pair> pairs = new ArrayList<>();
        try (NetnsGuest world = NetnsGuest.start("-m", String.valueOf(MTU), "-t", TcpWorld.PORTS)
                        .configured(MTU);
                TcpBulk bulk = new TcpBulk()) {
            for (Family family : Family.values()) {
                for (Way way : Way.values()) {
                    Pair pair = world.connection(way, family);
                    pairs.add(pair);
                    boolean ofGuest = (way == Way.FROM_GUEST) == (family == Family.IP4);
                    bulk.add(pair.end(ofGuest), pair.end(!ofGuest), BYTES / 4);
                }
            }
            bulk.start();
            while (bulk.received() < BYTES / 8) {
                Thread.sleep(5);
            }
            world.cable().pull();
            assertThat(bulk.received()).as("it was pulled in the midst").isLessThan(BYTES);
            Thread.sleep(500);
            world.cable().plugIn();
            bulk.await(LIMIT);
            for (Pair pair : pairs) {
                pair.close();
            }
            world.awaitQuiet();
        } finally {
            for (Pair pair : pairs) {
                pair.close();
            }
        }
    }
}
