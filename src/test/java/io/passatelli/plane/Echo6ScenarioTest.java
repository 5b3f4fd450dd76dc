package io.passatelli.plane;

import io.passatelli.Seeds;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.HostSide;
import io.passatelli.link.SimLink;
import io.passatelli.os.Errno;
import io.passatelli.os.Socket;
import io.passatelli.os.sim.Chooser;
import io.passatelli.os.sim.SimSettings;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;
import java.util.stream.LongStream;

import static io.passatelli.plane.PlaneScenario.GUEST6;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.ROUTER6;
import static io.passatelli.plane.PlaneScenario.S;
import static org.assertj.core.api.Assertions.assertThat;

/** {@link EchoScenarioTest} of IPv6, as far as it is another matter. */
@Tag("sim")
class Echo6ScenarioTest {
    private static final String FAR = "2001:db8::7";
    private static final String FAR4 = "192.0.2.7";
    private static final int ID = 0x1234;

    private static PlaneScenario standard() {
        return PlaneScenario.setup().ip6().start();
    }

    @Test
    void pingIsAnsweredFromTheAddressThatWasPinged() {
        try (var t = standard()) {
            t.host(FAR).answersEcho(3 * MS);
            t.guestPings(FAR, ID, 1).guestGetsNothing();
            t.runs(3 * MS).guestGetsReply(FAR, ID, 1).guestGetsNothing().dropped();
            byte[] echo = t.host(FAR).echoes().getFirst();
            assertThat(echo[0]).isEqualTo((byte) 128);
            assertThat((echo[4] & 0xff) << 8 | echo[5] & 0xff).isEqualTo(ID);
        }
    }

    @Test
    void pingOfTheRouterReachesTheLoopback() {
        try (var t = standard()) {
            t.host(ROUTER6).answersEcho(0); // it exists, too; nobody may come there
            t.guestPings(ROUTER6, ID, 1).guestGetsReply(ROUTER6, ID, 1).dropped();
            assertThat(t.host(ROUTER6).echoes()).isEmpty();
        }
    }

    /** The loopback's name is another, or there is none. */
    @ParameterizedTest
    @ValueSource(strings = {"fd77::1", ""})
    void pingOfARouterThatIsNotTheLoopbackIsAnsweredByUs(String loopback) {
        HostSide side = loopback.isEmpty() ? HostSide.PLAIN : HostSide.mapping(Ip.parse(loopback));
        try (var t =
                PlaneScenario.setup().ip6().change(config -> config.host6(side)).start()) {
            int before = t.os.openDescriptors();
            t.host(ROUTER6).answersEcho(0); // another of that name on the host's network is not asked
            for (int sequence = 1; sequence <= 2; sequence++) {
                t.guestPings(ROUTER6, ID, sequence).guestGetsReply(ROUTER6, ID, sequence);
            }
            t.as("fe80::2").guestPings(ROUTER6, 0, 1).guestGetsReply(ROUTER6, 0, 1);
            byte[] data = data(3000);
            byte[] whole = Packets6.icmp6(128, "fe80::2", ROUTER6, ID, 7, data);
            Packets6.fragments(58, "fe80::2", ROUTER6, 9, whole, 1448).forEach(t::guestSends);
            t.runs(0);
            byte[] reply = Packets6.icmp6(129, ROUTER6, "fe80::2", ID, 7, data);
            for (int at = 0; at < reply.length; at += 1448) {
                byte[] part = Arrays.copyOfRange(reply, at, Math.min(at + 1448, reply.length));
                byte[] fragment = Packets6.fragment(58, at, at + part.length < reply.length, 0x8000_0001, part);
                assertThat(t.link.next().bytes).isEqualTo(Packets6.toGuest(44, ROUTER6, "fe80::2", fragment));
            }
            t.guestGetsNothing();
            assertThat(t.host(ROUTER6).echoes()).isEmpty();
            assertThat(t.stats().flows()).isZero();
            assertThat(t.os.openDescriptors()).isEqualTo(before);
            byte[] bad = PlaneScenario.echoRequest(GUEST6, ROUTER6, ID, 3, data(8));
            bad[bad.length - 1]++;
            t.guestSends(bad).runs(0).guestGetsNothing();
            assertThat(t.count(Drop.ICMP_BAD_CHECKSUM)).isOne();
        }
    }

    @Test
    void routerThatBecomesTheLoopbacksNameIsTheLoopback() {
        try (var t = PlaneScenario.setup()
                .ip6()
                .change(config -> config.host6(HostSide.PLAIN))
                .start()) {
            t.guestPings(ROUTER6, ID, 1).guestGetsReply(ROUTER6, ID, 1);
            assertThat(t.stats().flows()).isZero();
            t.plane.adopt(t.config.host6(HostSide.mapping(Ip.parse(ROUTER6))));
            t.guestPings(ROUTER6, ID, 2).guestGetsReply(ROUTER6, ID, 2).dropped();
            assertThat(t.stats().flows()).isOne();
        }
    }

    @Test
    void routerThatStandsForTheGuestsOwnAddressIsTheHost() {
        HostSide side = HostSide.PLAIN.mapGuest(Ip.parse(ROUTER6));
        try (var t =
                PlaneScenario.setup().ip6().change(config -> config.host6(side)).start()) {
            t.host(GUEST6).answersEcho(0);
            t.guestPings(ROUTER6, ID, 1).guestGetsReply(ROUTER6, ID, 1).dropped();
            assertThat(t.stats().flows()).isOne();
        }
    }

    @Test
    void neighbourOnTheHostsLinkIsPingedAndAnswersALinkLocalGuest() {
        String neighbour = "fe80::77";
        try (var t = standard()) {
            t.host(neighbour).answersEcho(0);
            t.as("fe80::2")
                    .guestPings(neighbour, ID, 1)
                    .guestGetsReply(neighbour, ID, 1)
                    .dropped();
        }
    }

    @Test
    void familiesDoNotShareFlows() {
        try (var t = standard()) {
            t.host(FAR).answersEcho(MS);
            t.host(FAR4).answersEcho(MS);
            t.guestPings(FAR, ID, 1).guestPings(FAR4, ID, 2);
            assertThat(t.stats().flows()).isEqualTo(2);
            t.runs(MS).guestGetsReply(FAR, ID, 1).guestGetsReply(FAR4, ID, 2).dropped();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 17, 18, 19, 1452})
    void dataOfAnyLengthComesBack(int length) {
        byte[] data = data(length);
        try (var t = standard()) {
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 1, data).guestGetsReply(FAR, ID, 1, data).dropped();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {3277, 3279, 5001})
    void requestInPiecesOfAnyLengthIsCheckedAndSent(int piece) {
        byte[] data = data(65_000);
        SimLink link = SimLink.plain();
        link.scatters(Limits.HEADER_BYTES + 1, piece);
        try (var t = PlaneScenario.setup().ip6().link(link).mtu(65_520).start()) {
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 1, data).guestGetsReply(FAR, ID, 1, data).dropped();
            byte[] bad = PlaneScenario.echoRequest(GUEST6, FAR, ID, 2, data);
            bad[bad.length - 1]++;
            t.guestSends(bad).runs(0).guestGetsNothing().dropped(Drop.ICMP_BAD_CHECKSUM);
        }
    }

    @Test
    void checksumCoversTheAddresses() {
        try (var t = standard()) {
            t.host(FAR).answersEcho(0);
            byte[] stray =
                    Packets6.fromGuest(58, GUEST6, FAR, Packets6.icmp6(128, GUEST6, "2001:db8::8", ID, 1, data(8)));
            byte[] bare = Packets6.fromGuest(58, GUEST6, FAR, Packets.icmp4(128, ID, 2, data(8)));
            t.guestSends(stray).guestSends(bare).runs(0).guestGetsNothing();
            t.dropped(Drop.ICMP_BAD_CHECKSUM, Drop.ICMP_BAD_CHECKSUM);
        }
    }

    @Test
    void replyThatDoesNotFitTheGuestsMtuComesInFragments() {
        byte[] data = data(3000);
        byte[] whole = Packets6.icmp6(129, FAR, GUEST6, ID, 1, data);
        try (var t = PlaneScenario.setup().ip6().mtu(1280).start()) {
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 1, data);
            for (int at = 0; at < whole.length; at += 1232) {
                byte[] part = Arrays.copyOfRange(whole, at, Math.min(at + 1232, whole.length));
                byte[] fragment = Packets6.fragment(58, at, at + part.length < whole.length, 0x8000_0001, part);
                assertThat(t.link.next().bytes).isEqualTo(Packets6.toGuest(44, FAR, GUEST6, fragment));
            }
            t.guestPings(FAR, ID, 2, data(1232)).guestGetsReply(FAR, ID, 2, data(1232));
            t.guestGetsNothing().dropped();
        }
    }

    @Test
    void requestGoesAsFarAsTheGuestWantsItTo() {
        try (var t = standard()) {
            byte[] near = PlaneScenario.echoRequest(GUEST6, FAR, ID, 1, data(8));
            near[14 + 7] = 5;
            t.guestSends(near).runs(0);
            int ping = t.os.openDescriptors() + 2; // the last one: 0 to 2 are not counted
            assertThat(t.os.option(ping, Socket.IPPROTO_IPV6, Socket.IPV6_UNICAST_HOPS))
                    .isEqualTo(5);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"::", "::1", "::ffff:127.0.0.1", "::ffff:192.0.2.7", "ff02::1", "ff0e::77"})
    void groupsNobodyAndWhatIsNoHostsCannotBePinged(String to) {
        try (var t = standard()) {
            byte[] request = Packets6.icmp6(128, GUEST6, to, ID, 1, data(8));
            t.guestSends(Packets6.fromGuest(58, GUEST6, to, request)).runs(0).guestGetsNothing();
            assertThat(t.count(Drop.NONE)).isZero();
            assertThat(t.stats().flows()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"::", "::1", "::ffff:10.77.0.2", "ff02::1"})
    void requestFromAnAddressThatIsNoHostsIsDropped(String from) {
        try (var t = standard()) {
            t.host(FAR).answersEcho(0);
            byte[] request = Packets6.icmp6(128, from, FAR, ID, 1, data(8));
            t.guestSends(Packets6.fromGuest(58, from, FAR, request)).runs(0).guestGetsNothing();
            assertThat(t.count(Drop.NONE)).isZero();
            assertThat(t.host(FAR).echoes()).isEmpty();
        }
    }

    @Test
    void whatIsNoEchoRequestIsDropped() {
        try (var t = standard()) {
            for (int type : new int[] {1, 2, 3, 4, 129, 8, 0}) {
                byte[] message = Packets6.icmp6(type, GUEST6, FAR, ID, 1, data(20));
                t.guestSends(Packets6.fromGuest(58, GUEST6, FAR, message)).runs(0);
            }
            assertThat(t.count(Drop.ICMP_NOT_ECHO_REQUEST)).isEqualTo(7);
            assertThat(t.stats().flows()).isZero();
        }
    }

    @Test
    void hostCannotSpeakAsTheOneThatWasPinged() {
        try (var t = standard()) {
            t.host(FAR).answersEcho(3 * MS);
            t.guestPings(FAR, ID, 1);
            t.os.echoReply(Ip.parse("2001:db8::bad"), Packets6.icmp6(129, "2001:db8::bad", GUEST6, ID, 1, data(8)));
            t.runs(0).guestGetsNothing().dropped(Drop.ICMP_REPLY_UNEXPECTED);
            t.runs(3 * MS).guestGetsReply(FAR, ID, 1).guestGetsNothing();
        }
    }

    @Test
    void refusedPingSocketsAreSaidOnceForBothFamilies() {
        SimSettings refusing = SimSettings.standard().withPingAllowed(false);
        try (var t = PlaneScenario.setup().ip6().settings(refusing).start()) {
            t.guestPings(FAR, ID, 1).guestPings(FAR4, ID, 2).guestGetsNothing();
            t.dropped(Drop.ICMP_SOCKET_REFUSED, Drop.ICMP_SOCKET_REFUSED);
            assertThat(t.lines)
                    .filteredOn(line -> line.contains("net.ipv4.ping_group_range"))
                    .hasSize(1);
        }
    }

    @Test
    void idleFlowEndsAfterAMinuteAndClosesItsDescriptor() {
        try (var t = standard()) {
            int before = t.os.openDescriptors();
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 1).guestGetsReply(FAR, ID, 1);
            assertThat(t.os.openDescriptors()).isEqualTo(before + 1);
            t.runs(60 * S + 100 * MS);
            assertThat(t.stats().flows()).isZero();
            assertThat(t.os.openDescriptors()).isEqualTo(before);
        }
    }

    @Test
    void outboundAddressIsNotForTheLoopback() {
        Ip outbound = Ip.parse("fd77::5");
        HostSide side = new HostSide(Ip.parse(ROUTER6), outbound, null, 0, null, null);
        try (var t =
                PlaneScenario.setup().ip6().change(config -> config.host6(side)).start()) {
            t.guestPings(FAR, ID, 1).dropped(Drop.ICMP_SEND_FAILED); // nobody has that address
            t.guestPings(ROUTER6, ID, 2).guestGetsReply(ROUTER6, ID, 2);
            t.os.addAddress(outbound);
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 3).guestGetsReply(FAR, ID, 3);
        }
    }

    @Test
    void icmpErrorIsCountedAndTheFlowGoesOn() {
        try (var t = standard()) {
            t.host(FAR).fails(Errno.ECONNREFUSED, MS);
            t.guestPings(FAR, ID, 1).runs(MS).guestGetsNothing().dropped(Drop.ICMP_SEND_FAILED);
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 2).guestGetsReply(FAR, ID, 2);
        }
    }

    private static LongStream seeds() {
        return Seeds.firstOf(8);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void everyReplyComesOnceWhateverKernelAndLinkChoose(long seed) {
        Seeds.run(seed, () -> {
            try (var t = PlaneScenario.setup()
                    .ip6()
                    .chooser(Chooser.seeded(seed))
                    .link(new SimLink(SimLink.plain().caps(), seed))
                    .start()) {
                t.host(FAR).answersEcho(MS);
                for (int sequence = 1; sequence <= 200; sequence++) {
                    t.guestPings(FAR, ID, sequence);
                    t.guestPings(ROUTER6, ID, sequence);
                }
                t.runs(10 * S);
                assertThat(t.link.seen()).hasSize(400);
                t.dropped();
            }
        });
    }

    /** Replies of ours wait for room as those of flows do, one at a time; what has no place is counted. */
    @ParameterizedTest
    @MethodSource("seeds")
    void everyRequestToUsIsAnsweredOnceOrCounted(long seed) {
        Seeds.run(seed, () -> {
            try (var t = PlaneScenario.setup()
                    .ip6()
                    .change(config -> config.host6(HostSide.PLAIN))
                    .chooser(Chooser.seeded(seed))
                    .link(new SimLink(SimLink.plain().caps(), seed))
                    .start()) {
                t.host(FAR).answersEcho(MS);
                for (int sequence = 1; sequence <= 200; sequence++) {
                    t.guestPings(FAR, ID, sequence);
                    t.guestPings(ROUTER6, ID, sequence);
                }
                t.runs(10 * S);
                assertThat(t.link.seen()).hasSize((int) (400 - t.count(Drop.LINK_FULL)));
                assertThat(t.count(Drop.NONE) + t.count(Drop.LINK_FULL)).isEqualTo(400);
            }
        });
    }

    private static byte[] data(int length) {
        byte[] data = new byte[length];
        for (int i = 0; i < length; i++) {
            data[i] = (byte) (i * 31 + i / 256);
        }
        return data;
    }
}
