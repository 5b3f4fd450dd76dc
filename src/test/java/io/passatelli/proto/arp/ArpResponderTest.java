package io.passatelli.proto.arp;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.config.Cidr;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import io.passatelli.guest.FrameComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.guest.Neighbours;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Packets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.Arrays;

import static io.passatelli.wire.Packets.BROADCAST;
import static io.passatelli.wire.Packets.GUEST_MAC;
import static io.passatelli.wire.Packets.OUR_MAC;
import static io.passatelli.wire.Packets.arp;
import static io.passatelli.wire.Packets.ethernet;
import static org.assertj.core.api.Assertions.assertThat;

/** Each row of the responder's table: who asks for what, and whether it is answered. */
class ArpResponderTest {
    private static final String GUEST = "10.0.2.15";
    private static final String GATEWAY = "10.0.2.2";
    private static final String NEIGHBOUR = "02:11:22:33:44:55";
    private static final String NOBODY = "00:00:00:00:00:00";

    private final GuestState guest =
            new GuestState(PlainNetwork.of(new Cidr(Ip.parse(GUEST), 24), Ip.parse(GATEWAY), 0, null));
    private final RecordingLink link = new RecordingLink();
    private final Neighbours neighbours = new Neighbours(PlaneConfig.of(guest.network()));
    private final ArpResponder responder = new ArpResponder(guest, new FrameComposer(guest, neighbours), link);

    private Drop give(byte[] bytes) {
        Frame frame = Packets.frame(bytes);
        Drop drop = frame.parse();
        return drop == Drop.NONE ? responder.onFrame(frame, 0, 0) : drop;
    }

    private static byte[] request(String sender, String target) {
        return ethernet(BROADCAST, GUEST_MAC, 0x0806, arp(1, GUEST_MAC, sender, NOBODY, target));
    }

    private void assertAnswered(String asker, String wanted) {
        assertThat(give(request(asker, wanted))).isEqualTo(Drop.NONE);
        assertThat(link.frames)
                .singleElement()
                .isEqualTo(ethernet(GUEST_MAC, OUR_MAC, 0x0806, arp(2, OUR_MAC, wanted, GUEST_MAC, asker)));
        assertThat(link.offloadFlags).containsExactly(0);
    }

    private void assertSilent(byte[] bytes, Drop drop) {
        assertThat(give(bytes)).isEqualTo(drop);
        assertThat(link.frames).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(strings = {GATEWAY, "10.0.2.1", "10.0.2.16", "10.0.2.255", "192.0.2.1", "8.8.8.8", "169.254.2.2"})
    void anyOtherAddressOnOrOffTheSubnetIsAnsweredWithOurMac(String target) {
        assertAnswered(GUEST, target);
    }

    @ParameterizedTest
    @ValueSource(strings = {GATEWAY, "10.0.2.77", "192.0.2.1", "0.0.0.0"})
    void probeForAnotherAddressIsAnswered(String target) {
        assertAnswered("0.0.0.0", target);
    }

    @Test
    void probeForTheGuestsOwnAddressIsNotAnswered() {
        assertSilent(request("0.0.0.0", GUEST), Drop.ARP_OWN_ADDRESS);
    }

    @Test
    void requestForTheAssignedAddressIsNotAnswered() {
        assertSilent(request("10.0.2.77", GUEST), Drop.ARP_OWN_ADDRESS);
    }

    @Test
    void addressThatTheGuestIsSeenToUseIsNotAnsweredEither() {
        String seen = "10.0.2.77";
        Frame frame = Packets.frame(ethernet(
                OUR_MAC,
                GUEST_MAC,
                0x0800,
                Packets.ip4(17, seen, "192.0.2.1", Packets.udp(seen, 1, "192.0.2.1", 2, new byte[0]))));
        assertThat(frame.parse()).isEqualTo(Drop.NONE);
        assertThat(guest.learn(frame)).isTrue();
        assertSilent(request("0.0.0.0", seen), Drop.ARP_OWN_ADDRESS);
        assertSilent(request("0.0.0.0", GUEST), Drop.ARP_OWN_ADDRESS);
        assertSilent(request(seen, GUEST), Drop.ARP_OWN_ADDRESS);
    }

    @ParameterizedTest
    @ValueSource(strings = {GUEST, GATEWAY, "10.0.2.77"})
    void announcementIsNotAnswered(String address) {
        assertSilent(request(address, address), Drop.ARP_ANNOUNCEMENT);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 3, 4, 8, 9, 256, 257, 0xffff})
    void onlyRequestsAreAnswered(int operation) {
        assertSilent(
                ethernet(OUR_MAC, GUEST_MAC, 0x0806, arp(operation, GUEST_MAC, GUEST, OUR_MAC, GATEWAY)),
                Drop.ARP_NOT_REQUEST);
    }

    @Test
    void truncatedRequestIsRefusedAtEveryLength() {
        byte[] whole = request(GUEST, GATEWAY);
        for (int n = 0; n < whole.length; n++) {
            assertSilent(Arrays.copyOf(whole, n), n < 14 ? Drop.ETHERNET_TRUNCATED : Drop.ARP_TRUNCATED);
        }
        assertThat(give(whole)).isEqualTo(Drop.NONE);
    }

    @ParameterizedTest
    @CsvSource({"14, 1", "15, 6", "16, 134", "17, 6", "18, 8", "18, 0", "19, 16", "19, 0"})
    void otherHardwareAndProtocolsAreRefused(int at, int value) {
        byte[] bytes = request(GUEST, GATEWAY);
        bytes[at] = (byte) value;
        assertSilent(bytes, Drop.ARP_NOT_ETHERNET_IP4);
    }

    @Test
    void paddedRequestIsAnsweredAsWell() {
        assertThat(give(Packets.padded(request(GUEST, GATEWAY), 60))).isEqualTo(Drop.NONE);
        assertThat(link.frames).hasSize(1);
    }

    @Test
    void unicastRequestIsAnsweredAsWell() {
        assertThat(give(ethernet(OUR_MAC, GUEST_MAC, 0x0806, arp(1, GUEST_MAC, GUEST, OUR_MAC, GATEWAY))))
                .isEqualTo(Drop.NONE);
        assertThat(link.frames).hasSize(1);
    }

    @Test
    void answerGoesOutOnTheQueueOfTheRequest() {
        Frame frame = Packets.frame(request(GUEST, GATEWAY));
        assertThat(frame.parse()).isEqualTo(Drop.NONE);
        assertThat(responder.onFrame(frame, 3, 0)).isEqualTo(Drop.NONE);
        assertThat(link.queues).containsExactly(3);
    }

    @Test
    void answerThatFindsTheLinkFullIsLost() {
        link.full = true;
        assertSilent(request(GUEST, GATEWAY), Drop.LINK_FULL);
        assertThat(responder.requestGuest(0)).isEqualTo(Drop.LINK_FULL);
        link.full = false;
        assertAnswered(GUEST, GATEWAY);
    }

    @Test
    void guestIsAskedForItsAssignedAddress() {
        assertThat(responder.requestGuest(2)).isEqualTo(Drop.NONE);
        assertThat(link.frames)
                .singleElement()
                .isEqualTo(ethernet(BROADCAST, OUR_MAC, 0x0806, arp(1, OUR_MAC, GATEWAY, NOBODY, GUEST)));
        assertThat(link.queues).containsExactly(2);
    }

    @Test
    void twoAnswersDoNotMix() {
        assertThat(give(request(GUEST, "192.0.2.1"))).isEqualTo(Drop.NONE);
        assertThat(give(request("0.0.0.0", "192.0.2.2"))).isEqualTo(Drop.NONE);
        assertThat(link.frames)
                .containsExactly(
                        ethernet(GUEST_MAC, OUR_MAC, 0x0806, arp(2, OUR_MAC, "192.0.2.1", GUEST_MAC, GUEST)),
                        ethernet(GUEST_MAC, OUR_MAC, 0x0806, arp(2, OUR_MAC, "192.0.2.2", GUEST_MAC, "0.0.0.0")));
    }

    @Test
    void neighbourOfTheHostIsAnsweredWithItsOwnMac() {
        neighbours.put(0, Ip.parse("10.0.2.16").low(), Mac.parse(NEIGHBOUR).bits());
        assertThat(give(request(GUEST, "10.0.2.16"))).isEqualTo(Drop.NONE);
        assertThat(link.frames)
                .singleElement()
                .isEqualTo(ethernet(GUEST_MAC, OUR_MAC, 0x0806, arp(2, NEIGHBOUR, "10.0.2.16", GUEST_MAC, GUEST)));
    }

    @Test
    void unknownAddressIsAnsweredWithTheGatewaysMacIfThatIsKnown() {
        neighbours.put(0, Ip.parse(GATEWAY).low(), Mac.parse(NEIGHBOUR).bits());
        assertThat(give(request(GUEST, "8.8.8.8"))).isEqualTo(Drop.NONE);
        assertThat(link.frames)
                .singleElement()
                .isEqualTo(ethernet(GUEST_MAC, OUR_MAC, 0x0806, arp(2, NEIGHBOUR, "8.8.8.8", GUEST_MAC, GUEST)));
    }

    @Test
    void newNeighbourIsAnnouncedAsItWouldItself() {
        neighbours.put(0, Ip.parse("10.0.2.16").low(), Mac.parse(NEIGHBOUR).bits());
        assertThat(responder.announce(Ip.parse("10.0.2.16").v4(), 0)).isEqualTo(Drop.NONE);
        assertThat(link.frames)
                .singleElement()
                .isEqualTo(ethernet(BROADCAST, NEIGHBOUR, 0x0806, arp(1, NEIGHBOUR, "10.0.2.16", NOBODY, "10.0.2.16")));
    }
}
