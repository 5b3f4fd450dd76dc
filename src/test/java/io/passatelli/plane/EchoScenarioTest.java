package io.passatelli.plane;

import io.passatelli.Seeds;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.link.SimLink;
import io.passatelli.os.Errno;
import io.passatelli.os.Socket;
import io.passatelli.os.sim.Chooser;
import io.passatelli.os.sim.SimSettings;
import io.passatelli.wire.Packets;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.stream.LongStream;

import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.S;
import static org.assertj.core.api.Assertions.assertThat;

/** Echo through a whole plane, as packet traces in virtual time. */
@Tag("sim")
class EchoScenarioTest {
    private static final String FAR = "192.0.2.7";
    private static final int ID = 0x1234;

    @Test
    void pingIsAnsweredFromTheAddressThatWasPinged() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(3 * MS);
            t.guestPings(FAR, ID, 1).guestGetsNothing();
            t.runs(3 * MS).guestGetsReply(FAR, ID, 1).guestGetsNothing().dropped();
        }
    }

    @Test
    void pingOfTheGatewayReachesTheLoopback() {
        try (var t = PlaneScenario.standard()) {
            t.host(GATEWAY).answersEcho(0); // it exists, too; nobody may come there
            t.guestPings(GATEWAY, ID, 1).guestGetsReply(GATEWAY, ID, 1).dropped();
            assertThat(t.host(GATEWAY).echoes()).isEmpty();
        }
    }

    @Test
    void identifierIsKeptOnTheHostSide() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 9).guestGetsReply(FAR, ID, 9);
            byte[] echo = t.host(FAR).echoes().getFirst();
            assertThat(echo).isEqualTo(Packets.icmp4(8, ID, 9, "abcdefgh".getBytes(StandardCharsets.US_ASCII)));
        }
    }

    @Test
    void oneIdentifierToTwoDestinationsTakesTwoOnTheHostSide() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(2 * MS);
            t.host("192.0.2.8").answersEcho(MS);
            t.guestPings(FAR, ID, 1).guestPings("192.0.2.8", ID, 2).runs(3 * MS);
            t.guestGetsReply("192.0.2.8", ID, 2).guestGetsReply(FAR, ID, 1).dropped();
            assertThat(idOf(t.host(FAR).echoes().getFirst())).isEqualTo(ID);
            assertThat(idOf(t.host("192.0.2.8").echoes().getFirst())).isNotEqualTo(ID);
        }
    }

    @Test
    void twoGuestAddressesMayUseOneIdentifier() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(MS);
            t.guestPings(FAR, ID, 1).as("10.77.0.99").guestPings(FAR, ID, 2);
            assertThat(t.stats().flows()).isEqualTo(2);
            t.runs(MS)
                    .as(GUEST)
                    .guestGetsReply(FAR, ID, 1)
                    .as("10.77.0.99")
                    .guestGetsReply(FAR, ID, 2)
                    .dropped();
        }
    }

    @Test
    void identifierZeroIsAnIdentifier() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, 0, 1).guestGetsReply(FAR, 0, 1).dropped();
            assertThat(idOf(t.host(FAR).echoes().getFirst())).isNotZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 17, 18, 19, 1472})
    void dataOfAnyLengthComesBack(int length) {
        byte[] data = data(length);
        try (var t = PlaneScenario.standard()) {
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
        try (var t = PlaneScenario.setup().link(link).mtu(65_520).start()) {
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 1, data).guestGetsReply(FAR, ID, 1, data).dropped();
            byte[] bad = PlaneScenario.echoRequest(GUEST, FAR, ID, 2, data);
            bad[bad.length - 1]++;
            t.guestSends(bad).runs(0).guestGetsNothing().dropped(Drop.ICMP_BAD_CHECKSUM);
        }
    }

    @Test
    void replyThatDoesNotFitTheGuestsMtuComesInFragments() {
        byte[] data = data(3000);
        byte[] whole = Packets.icmp4(0, ID, 2, data);
        try (var t = PlaneScenario.setup().mtu(1400).start()) {
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 1, new byte[1372]).guestGetsReply(FAR, ID, 1, new byte[1372]);
            t.guestSends(PlaneScenario.echoRequest(GUEST, FAR, ID, 2, data)).runs(0);
            for (int at = 0; at < whole.length; at += 1376) {
                byte[] part = Arrays.copyOfRange(whole, at, Math.min(at + 1376, whole.length));
                assertThat(t.link.next().bytes).isEqualTo(fragment(1, at, at + part.length < whole.length, part));
            }
            t.guestPings(FAR, ID, 3, new byte[1373]);
            assertThat(t.link.next().bytes).hasSize(14 + 20 + 1376);
            assertThat(t.link.next().bytes).hasSize(60).startsWith(fragment(2, 1376, false, new byte[5]));
            t.guestGetsNothing().dropped();
        }
    }

    @Test
    void fragmentsWaitForAGuestThatReadsSlowly() {
        byte[] data = data(5000);
        byte[] whole = Packets.icmp4(0, ID, 1, data);
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(0);
            t.link.guestStopsAfter(0, 2);
            t.guestPings(FAR, ID, 1, data).guestPings(FAR, ID, 2);
            assertThat(t.link.seen()).hasSize(2);
            t.link.guestReads(0);
            t.runs(0);
            for (int at = 0; at < whole.length; at += 1480) {
                byte[] part = Arrays.copyOfRange(whole, at, Math.min(at + 1480, whole.length));
                assertThat(t.link.next().bytes).isEqualTo(fragment(1, at, at + part.length < whole.length, part));
            }
            t.guestGetsReply(FAR, ID, 2).guestGetsNothing().dropped();
        }
    }

    @Test
    void halfAReplyForAGuestThatLeftIsForgotten() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(0);
            t.link.guestStopsAfter(0, 1);
            t.guestPings(FAR, ID, 1, data(5000));
            t.link.guestLeaves(Errno.ECONNRESET);
            t.runs(0).dropped(Drop.LINK_DOWN);
            t.link.guestReads(0);
            t.link.guestComes();
            t.runs(0);
            t.link.forgetSeen();
            t.guestPings(FAR, ID, 2).guestGetsReply(FAR, ID, 2).guestGetsNothing();
        }
    }

    @Test
    void requestGoesAsFarAsTheGuestWantsItTo() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 1);
            int ping = t.os.openDescriptors() + 2; // the last one: 0 to 2 are not counted
            assertThat(t.os.option(ping, Socket.IPPROTO_IP, Socket.IP_TTL)).isEqualTo(64);
            byte[] near = PlaneScenario.echoRequest(GUEST, FAR, ID, 2, data(8));
            near[14 + 8] = 3;
            Packets.withIp4Checksum(near, 14);
            t.guestSends(near).runs(0);
            assertThat(t.os.option(ping, Socket.IPPROTO_IP, Socket.IP_TTL)).isEqualTo(3);
            assertThat(t.host(FAR).echoes()).hasSize(2);
        }
    }

    private static byte[] fragment(int id, int offset, boolean more, byte[] payload) {
        byte[] packet = Packets.ip4(1, FAR, GUEST, payload);
        packet[4] = 0;
        packet[5] = (byte) id;
        packet[6] = (byte) (offset >>> 11 | (more ? 0x20 : 0));
        packet[7] = (byte) (offset >>> 3);
        packet[8] = (byte) 255;
        return Packets.ethernet(Packets.GUEST_MAC, Packets.OUR_MAC, 0x0800, Packets.withIp4Checksum(packet, 0));
    }

    @Test
    void idleFlowEndsAfterAMinuteAndClosesItsDescriptor() {
        try (var t = PlaneScenario.standard()) {
            int before = t.os.openDescriptors();
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 1).guestGetsReply(FAR, ID, 1);
            assertThat(t.os.openDescriptors()).isEqualTo(before + 1);
            t.runs(59 * S);
            assertThat(t.stats().flows()).isEqualTo(1);
            t.runs(S + 100 * MS);
            assertThat(t.stats().flows()).isZero();
            assertThat(t.os.openDescriptors()).isEqualTo(before);
        }
    }

    @Test
    void flowInUseLivesOnAndTheNextOneIsNew() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(0);
            for (int sequence = 1; sequence <= 5; sequence++) {
                t.guestPings(FAR, ID, sequence)
                        .guestGetsReply(FAR, ID, sequence)
                        .runs(40 * S);
                assertThat(t.stats().flows()).isEqualTo(1);
            }
            t.runs(61 * S);
            assertThat(t.stats().flows()).isZero();
            t.guestPings(FAR, ID, 6).guestGetsReply(FAR, ID, 6).dropped();
        }
    }

    @Test
    void refusedPingSocketsAreSaidOnceAndCounted() {
        SimSettings refusing = SimSettings.standard().withPingAllowed(false);
        try (var t = PlaneScenario.setup().settings(refusing).start()) {
            t.guestPings(FAR, ID, 1)
                    .guestPings(FAR, ID, 2)
                    .guestPings(GATEWAY, ID, 3)
                    .guestGetsNothing();
            t.dropped(Drop.ICMP_SOCKET_REFUSED, Drop.ICMP_SOCKET_REFUSED, Drop.ICMP_SOCKET_REFUSED);
            assertThat(t.lines)
                    .filteredOn(line -> line.contains("net.ipv4.ping_group_range"))
                    .hasSize(1);
            assertThat(t.stats().flows()).isZero();
        }
    }

    @Test
    void echoMayBeOff() {
        try (var t = PlaneScenario.setup().withoutIcmp().start()) {
            t.guestPings(GATEWAY, ID, 1).guestGetsNothing().dropped(Drop.ICMP_OFF);
        }
    }

    @Test
    void replyWaitsForAGuestThatReadsSlowly() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(0);
            t.host("192.0.2.8").answersEcho(0);
            t.link.guestStopsAfter(0, 1);
            for (int sequence = 1; sequence <= 20; sequence++) {
                t.guestPings(FAR, ID, sequence).guestPings("192.0.2.8", ID, sequence);
            }
            t.guestGetsReply(FAR, ID, 1).guestGetsNothing().runs(5 * S).guestGetsNothing();
            t.link.guestReads(0);
            t.runs(0).dropped();
            assertThat(t.link.seen()).hasSize(39);
        }
    }

    @Test
    void repliesBeyondOneVisitsShareComeInLaterOnes() {
        int replies = 3 * Limits.QUANTUM_BYTES / 60_000;
        try (var t = PlaneScenario.setup().mtu(65_520).start()) {
            t.host(FAR).answersEcho(0);
            t.link.guestStopsAfter(0, 0);
            byte[] data = data(60_000);
            for (int sequence = 1; sequence <= replies; sequence++) {
                t.guestPings(FAR, ID, sequence, data);
            }
            t.guestGetsNothing();
            t.link.guestReads(0);
            t.runs(0);
            for (int sequence = 1; sequence <= replies; sequence++) {
                t.guestGetsReply(FAR, ID, sequence, data);
            }
            t.guestGetsNothing().dropped();
        }
    }

    @Test
    void waitingForTheLinkTakesNoTurns() {
        int[] turns = {0};
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(0);
            t.link.guestStopsAfter(0, 0);
            t.guestPings(FAR, ID, 1).guestPings(FAR, ID, 2);
            long endNs = t.clock.nowNs() + 30 * S;
            while (t.clock.nowNs() < endNs) {
                t.plane.turn(endNs - t.clock.nowNs());
                turns[0]++;
            }
            assertThat(turns[0]).isLessThan(100); // a timer wheel may turn in between
            t.link.guestReads(0);
            t.runs(0).guestGetsReply(FAR, ID, 1).guestGetsReply(FAR, ID, 2).dropped();
        }
    }

    @Test
    void repliesForAGuestThatLeftAreDropped() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(10 * MS);
            t.guestPings(FAR, ID, 1).guestPings(FAR, ID, 2);
            t.link.guestStopsAfter(0, 0);
            t.runs(10 * MS);
            t.link.guestLeaves(Errno.ECONNRESET);
            t.runs(0).dropped(Drop.LINK_DOWN, Drop.LINK_DOWN);
            t.link.guestReads(0);
            t.link.guestComes();
            t.runs(0);
            t.link.forgetSeen();
            assertThat(t.events).containsExactly("up", "down " + Errno.ECONNRESET, "up");
            t.guestPings(FAR, ID, 3).runs(10 * MS).guestGetsReply(FAR, ID, 3).guestGetsNothing();
        }
    }

    @Test
    void withoutDescriptorsAPingIsDroppedAndLaterAnswered() {
        SimSettings few = SimSettings.standard().withOpenFiles(64);
        try (var t = PlaneScenario.setup().settings(few).start()) {
            t.host(FAR).answersEcho(0);
            int room = 64 - 3 - t.os.openDescriptors();
            for (int id = 1; id <= 100; id++) {
                t.guestPings(FAR, id, 1);
            }
            assertThat(t.link.seen()).hasSize(room);
            assertThat(t.count(Drop.DESCRIPTORS_EXHAUSTED)).isEqualTo(100 - room);
            assertThat(t.stats().flows()).isEqualTo(room);
            t.link.forgetSeen();
            t.guestPings(FAR, 1, 2).guestGetsReply(FAR, 1, 2);
            t.runs(61 * S).guestPings(FAR, 100, 2).guestGetsReply(FAR, 100, 2);
        }
    }

    @Test
    void aGuestThatPingsEverythingKeepsWhatItHas() {
        SimSettings many = SimSettings.standard().withOpenFiles(20_000);
        try (var t = PlaneScenario.setup().settings(many).start()) {
            for (int i = 0; i < Limits.PING_FLOWS; i++) {
                t.guestPings("192.0." + (i >>> 8) + "." + (i & 0xff), ID, 1);
            }
            t.dropped();
            t.guestPings(FAR, ID + 1, 1).dropped(Drop.FLOW_TABLE_FULL);
            assertThat(t.stats().flows()).isEqualTo(Limits.PING_FLOWS);
            t.host("192.0.0.0").answersEcho(0);
            t.guestPings("192.0.0.0", ID, 2).guestGetsReply("192.0.0.0", ID, 2);
            t.host(FAR).answersEcho(0);
            t.runs(61 * S).guestPings(FAR, ID + 1, 2).guestGetsReply(FAR, ID + 1, 2);
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"224.0.0.1", "239.255.255.250", "255.255.255.255", "0.0.0.1"})
    void groupsAndNobodyCannotBePinged(String to) {
        try (var t = PlaneScenario.standard()) {
            t.guestPings(to, ID, 1).guestGetsNothing();
            assertThat(t.count(Drop.NONE)).isZero();
            assertThat(t.stats().flows()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"0.0.0.0", "127.0.0.1", "224.0.0.1", "255.255.255.255"})
    void requestFromAnAddressThatIsNoHostsIsDropped(String from) {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(0);
            t.as(from).guestPings(FAR, ID, 1).guestGetsNothing();
            assertThat(t.count(Drop.NONE)).isZero();
            assertThat(t.host(FAR).echoes()).isEmpty();
        }
    }

    @Test
    void whatIsNoEchoRequestIsDropped() {
        try (var t = PlaneScenario.standard()) {
            for (int type : new int[] {0, 3, 5, 11, 13, 17}) {
                t.guestSends(PlaneScenario.icmp(GUEST, FAR, Packets.icmp4(type, ID, 1, new byte[20])))
                        .runs(0);
            }
            assertThat(t.count(Drop.ICMP_NOT_ECHO_REQUEST)).isEqualTo(6);
            assertThat(t.stats().flows()).isZero();
        }
    }

    @Test
    void noRouteIsCountedAndTheNextPingTriesAgain() {
        try (var t = PlaneScenario.standard()) {
            int before = t.os.openDescriptors();
            t.host(FAR).unreachable(Errno.ENETUNREACH);
            t.guestPings(FAR, ID, 1).guestGetsNothing().dropped(Drop.ICMP_SEND_FAILED);
            assertThat(t.os.openDescriptors()).isEqualTo(before);
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 2).guestGetsReply(FAR, ID, 2);
        }
    }

    @Test
    void routeThatGoesAwayEndsTheFlowAndTheNextPingTriesAgain() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 1).guestGetsReply(FAR, ID, 1);
            t.host(FAR).unreachable(Errno.ENETUNREACH);
            t.guestPings(FAR, ID, 2).guestGetsNothing().dropped(Drop.ICMP_SEND_FAILED);
            assertThat(t.stats().flows()).isZero();
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 3).guestGetsReply(FAR, ID, 3);
        }
    }

    @Test
    void icmpErrorIsCountedAndTheFlowGoesOn() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR).fails(Errno.ECONNREFUSED, MS);
            t.guestPings(FAR, ID, 1).runs(MS).guestGetsNothing().dropped(Drop.ICMP_SEND_FAILED);
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 2).guestGetsReply(FAR, ID, 2);
        }
    }

    @Test
    void outboundAddressIsNotForTheLoopback() {
        String outbound = "10.77.0.5";
        try (var t = PlaneScenario.setup().outbound(outbound).start()) {
            t.guestPings(FAR, ID, 1).dropped(Drop.ICMP_SEND_FAILED); // nobody has that address
            t.guestPings(GATEWAY, ID, 2).guestGetsReply(GATEWAY, ID, 2);
            t.os.addAddress(Ip.parse(outbound));
            t.host(FAR).answersEcho(0);
            t.guestPings(FAR, ID, 3).guestGetsReply(FAR, ID, 3);
        }
    }

    private static LongStream seeds() {
        return Seeds.firstOf(8);
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void everyReplyComesOnceWhateverKernelAndLinkChoose(long seed) {
        Seeds.run(seed, () -> repliesComeOnce(seed));
    }

    private static void repliesComeOnce(long seed) {
        try (var t = PlaneScenario.setup()
                .chooser(Chooser.seeded(seed))
                .link(new SimLink(SimLink.plain().caps(), seed))
                .start()) {
            t.host(FAR).answersEcho(MS);
            for (int sequence = 1; sequence <= 200; sequence++) {
                t.guestPings(FAR, ID, sequence);
                t.guestPings(GATEWAY, ID, sequence);
            }
            t.runs(10 * S);
            assertThat(t.link.seen()).hasSize(400);
            t.dropped();
        }
    }

    private static byte[] data(int length) {
        byte[] data = new byte[length];
        for (int i = 0; i < length; i++) {
            data[i] = (byte) (i * 31 + i / 256);
        }
        return data;
    }

    private static int idOf(byte[] message) {
        return (message[4] & 0xff) << 8 | message[5] & 0xff;
    }
}
