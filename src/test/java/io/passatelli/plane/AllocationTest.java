package io.passatelli.plane;

import io.passatelli.base.Allocation;
import io.passatelli.base.Clock;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.HostSide;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import io.passatelli.lab.Lab;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

import static org.assertj.core.api.Assertions.assertThat;

/** The loop thread allocates nothing per frame, counted by the JVM itself: 100,000 echoes there and back after warm-up. */
class AllocationTest {
    private static final int WARM_UP = 100_000;
    private static final int FRAMES = 100_000;

    private static final int AHEAD = 32;
    private static final String GUEST = "10.77.0.2";
    private static final String GATEWAY = "10.77.0.1";
    private static final String GUEST6 = "fd77::2";
    private static final String ROUTER6 = "fe80::1";

    @ParameterizedTest
    @ValueSource(strings = {GATEWAY, ROUTER6})
    void echoesThroughASimulatedSocketAllocateNothing(String to) {
        assertThat(allocatedBy(new EchoOs(1), to)).isZero();
    }

    @Tag("netns")
    @ParameterizedTest
    @ValueSource(strings = {GATEWAY, ROUTER6})
    void echoesThroughARealPingSocketAllocateNothing(String to) throws Exception {
        try (Lab lab = Lab.up();
                LinuxOs os = new LinuxOs()) {
            AtomicReference<Long> bytes = new AtomicReference<>();
            AtomicReference<Throwable> failure = new AtomicReference<>();
            int rc = os.within(Lab.pathOf(lab.pod()).toString(), () -> {
                try {
                    bytes.set(allocatedBy(os, to));
                } catch (Throwable t) {
                    failure.set(t);
                }
                return 0;
            });
            assertThat(rc).isZero();
            assertThat(failure.get()).isNull();
            assertThat(bytes.get()).isZero();
        }
    }

    /** Bytes that this thread allocated while its plane moved {@link #FRAMES} echoes, the loop's turns included: the least of the rounds. */
    private static long allocatedBy(Os os, String to) {
        byte[] payload = new byte[56];
        Arrays.fill(payload, (byte) 'x');
        boolean ip6 = to.equals(ROUTER6);
        byte[] request = ip6
                ? Packets6.fromGuest(58, GUEST6, to, Packets6.icmp6(128, GUEST6, to, 4242, 1, payload))
                : Packets.ethernet(
                        Packets.OUR_MAC,
                        Packets.GUEST_MAC,
                        0x0800,
                        Packets.ip4(1, GUEST, to, Packets.icmp4(8, 4242, 1, payload)));
        Treadmill guest = new Treadmill(request, AHEAD);
        GuestNetwork network = PlainNetwork.of(
                new Cidr(Ip.parse(GUEST), 24),
                Ip.parse(GATEWAY),
                1500,
                new Ip6Network(new Cidr(Ip.parse(GUEST6), 64), false, Ip.parse(ROUTER6), List.of()));
        PlaneConfig config = PlaneConfig.of(network)
                .host4(HostSide.mapping(Ip.parse(GATEWAY)))
                .host6(HostSide.mapping(Ip.parse(ROUTER6)));
        Surroundings around = new Surroundings(os, Clock.system(), Log.silent(), () -> 1);
        try (DataPlane plane = new DataPlane(config, around, (its, counters, log) -> guest, PlaneEvents.NOBODY)) {
            turn(plane, guest, WARM_UP);
            long least = Allocation.leastBytes(1, () -> turn(plane, guest, FRAMES));
            PlaneStats stats = plane.snapshot();
            assertThat(guest.answered()).isGreaterThanOrEqualTo(WARM_UP + FRAMES);
            assertThat(stats.drops().get(Drop.NONE)).isEqualTo(guest.answered());
            assertThat(stats.invariantViolations()).isZero();
            byte[] reply = ip6
                    ? Packets6.toGuest(58, to, GUEST6, Packets6.icmp6(129, to, GUEST6, 4242, 1, payload))
                    : PlaneScenario.echoReply(to, GUEST, 4242, 1, payload);
            assertThat(guest.lastAnswer()).startsWith(Arrays.copyOf(reply, ip6 ? 54 : 34));
            return least;
        }
    }

    private static void turn(DataPlane plane, Treadmill guest, int frames) {
        guest.walk(frames);
        for (int turns = 0; !guest.isDone(); turns++) {
            if (turns == 10 * frames) {
                throw new AssertionError("answers are missing: " + guest.answered());
            }
            plane.turn(1_000_000);
        }
    }
}
