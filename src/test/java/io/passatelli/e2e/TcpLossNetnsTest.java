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

/** TCP of a Linux stack behind a link that loses frames of both directions: all arrives as it was sent. */
@Tag("netns")
class TcpLossNetnsTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final long BYTES = 16 << 20;

    /** The link itself forgets one frame in a hundred, either way: real links lose none of these. */
    @ParameterizedTest
    @CsvSource({"cubic, 65520", "cubic, 1500", "bbr, 65520", "bbr, 1500"})
    void allArrivesThoughOurLinkLosesFrames(String control, int mtu) throws Exception {
        try (TapGuest world = TapGuest.start(mtu, "loss=0.01", "loss-from-guest=0.01")) {
            assumeThat(world.congestionControl(control)).isTrue();
            carry(world);
        }
    }

    /** A bridge between guest and link forgets each hundredth packet, either way: the large ones, or many segments, at once. */
    @ParameterizedTest
    @CsvSource({"cubic, 65520", "cubic, 1500", "bbr, 65520", "bbr, 1500"})
    void allArrivesThoughABridgeLosesPackets(String control, int mtu) throws Exception {
        try (TapGuest world = TapGuest.behindBridge(mtu)) {
            assumeThat(world.congestionControl(control)).isTrue();
            world.sh(world.lab().vm(), """
                    nft add table netdev loss
                    nft "add chain netdev loss to { type filter hook ingress device tap0 priority 0; }"
                    nft add rule netdev loss to meta l4proto tcp numgen inc mod 100 == 50 counter drop
                    nft "add chain netdev loss from { type filter hook ingress device lan priority 0; }"
                    nft add rule netdev loss from meta l4proto tcp numgen inc mod 100 == 20 counter drop
                    """);
            carry(world);
            assertThat(world.sh(world.lab().vm(), "nft list table netdev loss").lines())
                    .filteredOn(line -> line.matches(".* counter packets [1-9][0-9]* .*"))
                    .as("both directions lost packets")
                    .hasSize(2);
        }
    }

    private static void carry(TapGuest world) throws Exception {
        List<Pair> pairs = new ArrayList<>();
        try (TcpBulk bulk = new TcpBulk()) {
            for (Family family : Family.values()) {
                for (Way way : Way.values()) {
                    Pair pair = world.connection(way, family);
                    pairs.add(pair);
                    boolean ofGuest = (way == Way.FROM_GUEST) == (family == Family.IP4);
                    bulk.add(pair.end(ofGuest), pair.end(!ofGuest), BYTES);
                }
            }
            await(world, bulk);
        } finally {
            for (Pair pair : pairs) {
                pair.close();
            }
        }
        world.awaitQuiet();
    }

    /** Says how both kernels see the connections, while there are any. */
    private static void await(TapGuest world, TcpBulk bulk) throws Exception {
        try {
            bulk.await(LIMIT);
        } catch (AssertionError e) {
            String guest = world.sh(world.guest(), "ss -tinom");
            String pod = world.sh(world.lab().pod(), "ss -tinom");
            String plane = world.plane().flows() + "\n" + world.complaint();
            throw new AssertionError(e.getMessage() + "\nguest:\n" + guest + "\npod:\n" + pod + "\n" + plane, e);
        }
    }
}
