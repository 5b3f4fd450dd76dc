package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Limits;
import io.passatelli.config.Service;
import io.passatelli.link.SimLink;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.util.List;
import java.util.Random;

import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.GUEST6;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.ROUTER6;
import static io.passatelli.plane.PlaneScenario.S;
import static org.assertj.core.api.Assertions.assertThat;

/** Fragments of the guest through a whole plane, and families that are off. */
@Tag("sim")
class FragmentScenarioTest {
    private static final String FAR = "192.0.2.7";
    private static final byte[] DATA = new byte[3_000];

    static {
        new Random(1).nextBytes(DATA);
    }

    private static List<byte[]> ping(int size) {
        return Packets6.fragments4(1, GUEST, FAR, 77, Packets.icmp4(8, 4242, 1, DATA), size);
    }

    @Test
    void fragmentedEchoRequestIsAnswered() {
        try (var t = PlaneScenario.setup().mtu(9000).start()) {
            t.host(FAR).answersEcho(3 * MS);
            for (byte[] frame : ping(1480)) {
                t.guestSends(frame);
            }
            t.runs(3 * MS).guestGetsReply(FAR, 4242, 1, DATA).guestGetsNothing();
            t.dropped(Drop.FRAGMENT_HELD, Drop.FRAGMENT_HELD);
            assertThat(t.host(FAR).echoes().getFirst()).isEqualTo(Packets.icmp4(8, 4242, 1, DATA));
        }
    }

    @Test
    void fragmentedEchoRequestOfIp6IsAnswered() {
        String far = "2001:db8::7";
        try (var t = PlaneScenario.setup().mtu(9000).ip6().start()) {
            t.host(far).answersEcho(0);
            byte[] message = Packets6.echoRequest(GUEST6, far, 4242, 1, DATA);
            for (byte[] frame :
                    Packets6.fragments(58, GUEST6, far, 0xcafe, message, 1232).reversed()) {
                t.guestSends(frame);
            }
            t.runs(0).dropped(Drop.FRAGMENT_HELD, Drop.FRAGMENT_HELD);
            assertThat(t.host(far).echoes()).hasSize(1);
            t.guestGetsReply(far, 4242, 1, DATA).guestGetsNothing();
        }
    }

    @Test
    void fragmentedDatagramsReachTheHostWhole() {
        String far6 = "2001:db8::7";
        byte[] longest = new byte[60_000];
        new Random(2).nextBytes(longest);
        try (var t = PlaneScenario.setup().ip6().start()) {
            var socket = t.host(FAR).udp(4000);
            var socket6 = t.host(far6).udp(4000);
            List<byte[]> four =
                    Packets6.fragments4(17, GUEST, FAR, 5, Packets.udp(GUEST, 5000, FAR, 4000, longest), 1480);
            List<byte[]> six =
                    Packets6.fragments(17, GUEST6, far6, 5, Packets6.udp(GUEST6, 5000, far6, 4000, longest), 1448);
            for (int i = 0; i < Math.max(four.size(), six.size()); i++) {
                if (i < four.size()) {
                    t.guestSends(four.get(i));
                }
                if (i < six.size()) {
                    t.guestSends(six.get(i));
                }
            }
            t.runs(0);
            assertThat(socket.arrivals()).hasSize(1);
            assertThat(socket.arrivals().getFirst().bytes()).isEqualTo(longest);
            assertThat(socket6.arrivals()).hasSize(1);
            assertThat(socket6.arrivals().getFirst().bytes()).isEqualTo(longest);
            assertThat(t.count(Drop.FRAGMENT_HELD)).isEqualTo(four.size() + six.size() - 2);
            assertThat(t.count(Drop.NONE)).isEqualTo(2);
        }
    }

    @Test
    void orderOfFragmentsDoesNotMatterAndTheyMayComeLate() {
        try (var t = PlaneScenario.setup().mtu(9000).start()) {
            t.host(FAR).answersEcho(0);
            List<byte[]> frames = ping(1480);
            t.guestSends(frames.get(2)).runs(10 * S);
            t.guestSends(frames.get(0)).runs(10 * S).guestGetsNothing();
            t.guestSends(frames.get(1)).runs(0).guestGetsReply(FAR, 4242, 1, DATA);
        }
    }

    @Test
    void fragmentsOfTwoTimesMakeNothing() {
        try (var t = PlaneScenario.setup().mtu(9000).start()) {
            t.host(FAR).answersEcho(0);
            List<byte[]> frames = ping(1480);
            t.guestSends(frames.get(0)).guestSends(frames.get(1)).runs(Limits.FRAGMENT_TIMEOUT_S * S);
            t.guestSends(frames.get(2)).runs(0).guestGetsNothing();
            t.dropped(Drop.FRAGMENT_HELD, Drop.FRAGMENT_HELD, Drop.FRAGMENT_HELD, Drop.FRAGMENT_TIMED_OUT);
        }
    }

    @Test
    void overlappingFragmentsReachNobody() {
        try (var t = PlaneScenario.setup().mtu(9000).start()) {
            t.host(FAR).answersEcho(0);
            t.guestSends(ping(1480).get(0)).guestSends(ping(1472).get(1));
            t.guestSends(ping(1480).get(1))
                    .guestSends(ping(1480).get(2))
                    .runs(0)
                    .guestGetsNothing();
            t.dropped(Drop.FRAGMENT_HELD, Drop.FRAGMENT_OVERLAP, Drop.FRAGMENT_OVERLAP, Drop.FRAGMENT_OVERLAP);
            assertThat(t.host(FAR).echoes()).isEmpty();
        }
    }

    @Test
    void heldFragmentTeachesNoAddress() {
        try (var t = PlaneScenario.setup().mtu(9000).start()) {
            String other = "10.77.0.99";
            byte[] part = new byte[64];
            t.guestSends(Packets6.fragment4(1, other, FAR, 1, 0, true, part)).runs(0);
            byte[] asks = Packets.ethernet(
                    Packets.BROADCAST,
                    Packets.GUEST_MAC,
                    0x0806,
                    Packets.arp(1, Packets.GUEST_MAC, GUEST, "00:00:00:00:00:00", other));
            t.guestSends(asks).runs(0);
            assertThat(t.link.next().bytes).as("nobody's yet, so ours").hasSize(60);
        }
    }

    @Test
    void fragmentsOfAGuestThatIsGoneAreForgotten() {
        var link = SimLink.plain();
        try (var t = PlaneScenario.setup().mtu(9000).link(link).start()) {
            t.host(FAR).answersEcho(0);
            List<byte[]> frames = ping(1480);
            t.guestSends(frames.get(0)).guestSends(frames.get(1)).runs(0);
            link.guestLeaves(104);
            t.runs(0);
            link.guestComes();
            t.runs(0);
            link.forgetSeen();
            t.guestSends(frames.get(2)).runs(0).guestGetsNothing();
        }
    }

    @Test
    void familyThatIsOffIsNotHeard() {
        byte[] echo6 = Packets6.frame(
                Packets6.ip6(58, GUEST6, ROUTER6, Packets6.echoRequest(GUEST6, ROUTER6, 1, 1, new byte[8])));
        byte[] arp = Packets.ethernet(
                Packets.BROADCAST,
                Packets.GUEST_MAC,
                0x0806,
                Packets.arp(1, Packets.GUEST_MAC, GUEST, "00:00:00:00:00:00", GATEWAY));
        try (var t = PlaneScenario.setup().change(c -> c.without(Service.IP4)).start()) {
            t.guestSends(arp).guestPings(GATEWAY, 1, 1).guestSends(ping(1480).getFirst());
            t.guestSends(echo6).runs(0).guestGetsNothing();
            t.dropped(Drop.IP4_OFF, Drop.IP4_OFF, Drop.IP4_OFF, Drop.IP6_OFF);
        }
        try (var t =
                PlaneScenario.setup().ip6().change(c -> c.without(Service.IP6)).start()) {
            t.guestSends(echo6).guestSends(Packets6.frame(new byte[60])).runs(0).guestGetsNothing();
            t.dropped(Drop.IP6_OFF, Drop.IP6_OFF);
            t.guestPings(GATEWAY, 1, 1).guestGetsReply(GATEWAY, 1, 1);
        }
    }
}
