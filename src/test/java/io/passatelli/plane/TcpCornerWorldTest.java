package io.passatelli.plane;

import io.passatelli.sim.GuestTcp;
import io.passatelli.sim.Plan;
import io.passatelli.sim.Traits;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.S;
import static org.assertj.core.api.Assertions.assertThat;

/** {@link TcpWorld}s made for one thing that went wrong in others. */
@Tag("sim")
class TcpCornerWorldTest {
    private static final Traits USUAL = Traits.usual(true, 1_000);

    private static TcpWorld calm() {
        return new TcpWorld(1, TcpWorld.Shape.calm(), TcpWorld.Tampering.NONE);
    }

    private static Plan[] plans(long guestSends, long farSends) {
        return new Plan[] {Plan.bulk(1, guestSends), Plan.bulk(2, farSends)};
    }

    private static TcpWorld.Talk talk(TcpWorld world, TcpWorld.Kind kind, Plan[] plans) {
        return world.talk(kind, 0, true, plans, USUAL, MS);
    }

    private static GuestTcp guest(TcpWorld.Talk talk) {
        GuestTcp tcp = talk.guest.connection();
        if (tcp == null) {
            throw new AssertionError("the guest has no connection");
        }
        return tcp;
    }

    @Test
    void synAckWaitsForALinkThatIsFull() {
        try (TcpWorld world = calm()) {
            TcpWorld.Talk talk = talk(world, TcpWorld.Kind.OUTBOUND, plans(10, 10));
            world.scenario.link.guestStopsAfter(0, 0);
            world.runs(20 * MS);
            assertThat(guest(talk).state()).isEqualTo(GuestTcp.State.SYN_SENT);
            world.scenario.link.guestReads(0);
            world.runs(5 * MS);
            assertThat(guest(talk).isSynchronized()).isTrue();
            world.live();
        }
    }

    @Test
    void synWaitsForALinkThatIsFull() {
        try (TcpWorld world = calm()) {
            TcpWorld.Talk talk = talk(world, TcpWorld.Kind.INBOUND, plans(10, 10));
            world.scenario.link.guestStopsAfter(0, 0);
            world.runs(20 * MS);
            assertThat(talk.guest.connection()).isNull();
            world.scenario.link.guestReads(0);
            world.runs(5 * MS);
            assertThat(talk.guest.connection()).isNotNull();
            world.live();
        }
    }

    @Test
    void resetWaitsForALinkThatIsFull() {
        try (TcpWorld world = calm()) {
            Plan[] plans = plans(0, 10);
            plans[0] = plans[0].ending(Plan.Ending.AFTER_PEER, 0);
            plans[1] = plans[1].writing(1, 20 * MS).ending(Plan.Ending.EARLY_RESET, 5);
            TcpWorld.Talk talk = talk(world, TcpWorld.Kind.OUTBOUND, plans);
            world.runs(70 * MS);
            world.scenario.link.guestStopsAfter(0, 0);
            world.runs(30 * MS);
            assertThat(talk.far.leftEarly()).isTrue();
            world.scenario.link.guestReads(0);
            world.runs(5 * MS);
            assertThat(guest(talk).end()).isEqualTo(GuestTcp.End.RESET);
            world.live();
        }
    }

    @Test
    void lastAcknowledgmentWaitsForALinkThatIsFull() {
        try (TcpWorld world = calm()) {
            Plan[] plans = plans(10, 10);
            plans[0] = plans[0].writing(10, 0).pausing(0, 50 * MS).ending(Plan.Ending.AFTER_PEER, 0);
            TcpWorld.Talk talk = talk(world, TcpWorld.Kind.OUTBOUND, plans);
            world.runs(30 * MS);
            assertThat(guest(talk).state()).isEqualTo(GuestTcp.State.CLOSE_WAIT);
            world.scenario.link.guestStopsAfter(0, 0);
            world.runs(40 * MS); // the guest reads, sees the end and says its own
            assertThat(guest(talk).state()).isEqualTo(GuestTcp.State.LAST_ACK);
            world.scenario.link.guestReads(0);
            world.runs(5 * MS);
            assertThat(guest(talk).state()).isEqualTo(GuestTcp.State.CLOSED);
            assertThat(guest(talk).end()).isEqualTo(GuestTcp.End.IN_ORDER);
            world.live();
        }
    }

    @Test
    void whatFitsIntoASmallWindowGoesAtOnce() {
        TcpWorld.Shape shape = TcpWorld.Shape.calm().withGuestLatency(20 * MS);
        try (TcpWorld world = new TcpWorld(1, shape, TcpWorld.Tampering.NONE)) {
            Plan[] plans = plans(0, 3_300);
            plans[0] = plans[0].pausing(0, 500 * MS);
            plans[1] = plans[1].writing(
                    1_500, 15 * MS); // the third finds two in flight, and is smaller than what they leave
            Traits narrow = new Traits(1_460, -1, false, 10_000, 4_096, 4_096, false, 0, 7);
            world.talk(TcpWorld.Kind.OUTBOUND, 0, true, plans, narrow, 0);
            world.live();
        }
    }

    @Test
    void finIsAcknowledgedWhenItIsRelayed() {
        try (TcpWorld world = calm()) {
            Plan[] plans = plans(400_000, 0);
            plans[1] = plans[1].pausing(
                    0, 3 * S); // more than the kernel takes: some is in our hands, and the FIN behind it
            TcpWorld.Talk talk = talk(world, TcpWorld.Kind.OUTBOUND, plans);
            world.runs(S);
            assertThat(guest(talk).acknowledged()).isEqualTo(400_000);
            assertThat(guest(talk).state()).isEqualTo(GuestTcp.State.CLOSING);
            world.live();
        }
    }

    @Test
    void aZeroWindowOpensWithoutAProbe() {
        try (TcpWorld world = calm()) {
            Plan[] plans = plans(6_000_000, 0);
            plans[1] = plans[1].pausing(100_000, 3 * S); // all buffers on the way fill
            TcpWorld.Talk talk = talk(world, TcpWorld.Kind.OUTBOUND, plans);
            world.live();
            assertThat(guest(talk).reopenedByProbe()).isZero();
        }
    }
}
