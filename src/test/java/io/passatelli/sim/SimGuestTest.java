package io.passatelli.sim;

import io.passatelli.Seeds;
import io.passatelli.base.Ip;
import io.passatelli.os.sim.SimClock;
import io.passatelli.wire.Offload;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.LongStream;

import static org.assertj.core.api.Assertions.assertThat;

/** Two {@link SimGuest}s on one cable, before anything else is tested with one of them. */
@Tag("sim")
class SimGuestTest {
    private static final long MS = 1_000_000;
    private static final long S = 1_000 * MS;

    private static LongStream seeds() {
        return Seeds.firstOf(100);
    }

    /** A cable that loses, doubles, damages and reorders. */
    private static final class Cable {
        private final SimClock clock = new SimClock();
        private final SplittableRandom random;
        private final double fault;
        private final double damage;
        private final long latencyNs;
        private final SimGuest left;
        private final SimGuest right;

        Cable(SplittableRandom random, SimGuest.Nic nic) {
            this.random = random;
            fault = random.nextInt(3) == 0 ? 0 : random.nextDouble(0.05);
            damage = nic.checksums() ? 0 : fault / 4; // nobody would find it
            latencyNs = random.nextLong(20 * MS);
            left = new SimGuest(clock, nic, this::toRight);
            right = new SimGuest(clock, nic, this::toLeft);
        }

        private void toRight(byte[] frame, Offload offload) {
            carry(frame, copy -> right.receive(copy, offload));
        }

        private void toLeft(byte[] frame, Offload offload) {
            carry(frame, copy -> left.receive(copy, offload));
        }

        private void carry(byte[] frame, java.util.function.Consumer<byte[]> to) {
            int copies = random.nextDouble() < fault ? random.nextInt(3) : 1;
            for (int i = 0; i < copies; i++) {
                byte[] copy = frame.clone();
                if (random.nextDouble() < damage) {
                    copy[34 + random.nextInt(copy.length - 34)] ^= 4;
                }
                long lateNs = random.nextDouble() < fault ? random.nextLong(5 * MS) : 0;
                clock.in(latencyNs + lateNs, () -> to.accept(copy));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void programsGetWhatTheOtherSent(long seed) {
        Seeds.run(seed, () -> talk(new SplittableRandom(seed)));
    }

    private static void talk(SplittableRandom random) {
        boolean v4 = random.nextBoolean();
        boolean offload = random.nextInt(3) == 0;
        Cable cable = new Cable(random, new SimGuest.Nic(1_500, offload, offload));
        Ip here = Ip.parse(v4 ? "10.0.0.1" : "fd00::1");
        Ip there = Ip.parse(v4 ? "10.0.0.2" : "fd00::2");
        List<GuestParty> parties = new ArrayList<>();
        int count = 1 + random.nextInt(4);
        for (int i = 0; i < count; i++) {
            Plan[] plans = Plan.pair(random, 400_000);
            GuestParty a = new GuestParty(cable.clock, plans[0], plans[1]);
            GuestParty b = new GuestParty(cable.clock, plans[1], plans[0]);
            Traits theirs = Traits.any(v4, random);
            cable.right.listen(80 + i, () -> theirs, b::on);
            a.on(cable.left.connect(here, 40_000 + i, there, 80 + i, Traits.any(v4, random)));
            parties.add(a);
            parties.add(b);
        }
        run(cable, parties);
        for (int i = 0; i < parties.size(); i += 2) {
            judge(cable, parties.get(i), parties.get(i + 1));
        }
    }

    private static void run(Cable cable, List<GuestParty> parties) {
        long endNs = cable.clock.nowNs() + 2_000 * S;
        while (cable.clock.nextNs() <= endNs) {
            cable.clock.step();
            parties.forEach(Party::act);
        }
    }

    private static void judge(Cable cable, GuestParty a, GuestParty b) {
        String story = a + "\n" + b + "\nfaults " + cable.fault + " " + a.plan + "\n" + b.plan;
        boolean orderly = a.plan.ending().isOrderly() && b.plan.ending().isOrderly();
        if (orderly) {
            assertThat(a.isComplete()).as(story).isTrue();
            assertThat(b.isComplete()).as(story).isTrue();
        }
        for (GuestParty party : List.of(a, b)) {
            GuestTcp tcp = party.connection();
            if (tcp == null) {
                continue;
            }
            assertThat(tcp.beyondSent()).as(story).isZero();
            assertThat(tcp.beyondWindow()).as(story).isZero();
            if (cable.fault == 0) {
                assertThat(tcp.resent()).as(story).isZero();
            }
            if (orderly) {
                assertThat(tcp.state()).as(story).isEqualTo(GuestTcp.State.CLOSED);
            }
        }
        assertThat(cable.left.damaged() + cable.right.damaged() > 0 && cable.fault == 0)
                .isFalse();
    }
}
