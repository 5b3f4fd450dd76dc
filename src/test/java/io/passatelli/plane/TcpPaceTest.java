package io.passatelli.plane;

import io.passatelli.link.Caps;
import io.passatelli.link.SimLink;
import io.passatelli.sim.Plan;
import io.passatelli.sim.Traits;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.S;
import static org.assertj.core.api.Assertions.assertThat;

/** A transfer takes no longer than its slowest part, but for a fifth and two round trips: in virtual time, where nobody else is busy. */
@Tag("sim")
class TcpPaceTest {
    private static final long TICK_NS = MS / 5;
    private static final int MSS = 1_460;

    private enum Slow {
        GUEST_WRITES,
        GUEST_READS,
        FAR_WRITES,
        FAR_READS,
        /** The link takes so many frames at a time. */
        LINK
    }

    /** {@code bytesPerTick}: of the slowest part. */
    private record Way(
            Slow slow, boolean toGuest, int bytesPerTick, long guestLatencyNs, long farLatencyNs, boolean offload) {}

    private static Stream<Arguments> ways() {
        List<Way> ways = new ArrayList<>();
        for (Slow slow : Slow.values()) {
            boolean toGuest = slow == Slow.GUEST_READS || slow == Slow.FAR_WRITES || slow == Slow.LINK;
            for (int bytesPerTick : new int[] {300, 2_920, 14_600}) {
                for (boolean offload : new boolean[] {false, true}) {
                    if (slow != Slow.LINK || !offload && bytesPerTick >= MSS) {
                        ways.add(new Way(slow, toGuest, bytesPerTick, 0, 0, offload));
                        if (!offload) {
                            ways.add(new Way(slow, toGuest, bytesPerTick, 100_000, 400_000, false));
                        }
                    }
                }
            }
        }
        return ways.stream().map(Arguments::of);
    }

    @ParameterizedTest
    @MethodSource("ways")
    void aTransferIsAsFastAsItsSlowestPart(Way way) {
        long bytes = 300L * way.bytesPerTick;
        Caps plain = SimLink.plain().caps();
        Caps.Offloads all = new Caps.Offloads(true, true, true, false);
        Caps caps = way.offload ? new Caps(1, plain.maxFrameBytes(), true, all, all) : plain;
        TcpWorld.Shape calm = TcpWorld.Shape.calm();
        TcpWorld.Shape shape = new TcpWorld.Shape(
                caps, calm.mtu(), false, calm.faults(), way.guestLatencyNs, way.farLatencyNs, calm.most(), 0);
        try (TcpWorld world = new TcpWorld(1, shape, TcpWorld.Tampering.NONE)) {
            Plan guest = Plan.bulk(1, way.toGuest ? 0 : bytes);
            Plan far = Plan.bulk(2, way.toGuest ? bytes : 0);
            switch (way.slow) {
                case GUEST_WRITES -> guest = guest.writing(way.bytesPerTick, TICK_NS);
                case GUEST_READS -> guest = guest.reading(way.bytesPerTick, TICK_NS);
                case FAR_WRITES -> far = far.writing(way.bytesPerTick, TICK_NS);
                case FAR_READS -> far = far.reading(way.bytesPerTick, TICK_NS);
                case LINK -> tick(world, way.bytesPerTick / MSS);
            }
            TcpWorld.Talk talk =
                    world.talk(TcpWorld.Kind.OUTBOUND, 0, true, new Plan[] {guest, far}, Traits.usual(true, -1_000), 0);
            long startNs = world.clock.nowNs();
            world.runsUntilAllAreOver(20 * S);
            long tookNs = Math.max(talk.guest.finishedNs(), talk.far.finishedNs()) - startNs;
            long roundTripNs =
                    2 * (way.guestLatencyNs + way.farLatencyNs + 200_000); // the kernel's way takes up to 200 us
            long idealNs = bytes / way.bytesPerTick * TICK_NS + 2 * roundTripNs;
            assertThat(talk.guest.isComplete() && talk.far.isComplete())
                    .as("%s", talk)
                    .isTrue();
            assertThat(tookNs).as("ns; ideal %s", idealNs).isLessThanOrEqualTo(idealNs * 6 / 5);
            world.live();
        }
    }

    private static void tick(TcpWorld world, int frames) {
        world.scenario.link.guestReads(0);
        world.scenario.link.guestStopsAfter(0, frames);
        world.clock.in(TICK_NS, () -> {
            if (!world.talks.stream().allMatch(TcpWorld.Talk::isOver)) {
                tick(world, frames);
            } else {
                world.scenario.link.guestReads(0);
            }
        });
    }
}
