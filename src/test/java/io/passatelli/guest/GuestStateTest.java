package io.passatelli.guest;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.Ip6Network;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

class GuestStateTest {
    private static final String GUEST = "10.0.2.15";
    private static final String PEER = "192.0.2.1";
    private static final int ASSIGNED = Ip.parse(GUEST).v4();

    static GuestNetwork network(int prefix, boolean fixed, @Nullable String gateway) {
        return new GuestNetwork(
                new Cidr(Ip.parse(GUEST), prefix),
                fixed,
                gateway == null ? null : Ip.parse(gateway),
                0,
                List.of(),
                List.of(),
                null,
                null,
                GuestNetwork.DEFAULT_MAC,
                null);
    }

    private static GuestState guest() {
        return new GuestState(network(24, false, "10.0.2.2"));
    }

    private static Frame parsed(byte[] bytes) {
        Frame frame = Packets.frame(bytes);
        frame.parse();
        return frame;
    }

    private static byte[] from(String mac, String address) {
        return Packets.ethernet(
                Packets.OUR_MAC,
                mac,
                0x0800,
                Packets.ip4(17, address, PEER, Packets.udp(address, 5000, PEER, 53, new byte[3])));
    }

    private static boolean learn(GuestState guest, String mac, String address) {
        return guest.learn(parsed(from(mac, address)));
    }

    @Test
    void nothingIsKnownButWhatWasAssigned() {
        GuestState guest = guest();
        assertThat(guest.guestMac()).isEqualTo(Mac.BROADCAST.bits());
        assertThat(guest.assigned4()).isEqualTo(ASSIGNED);
        assertThat(guest.seen4()).isEqualTo(ASSIGNED);
        assertThat(guest.our4()).isEqualTo(Ip.parse("10.0.2.2").v4());
        assertThat(guest.ourMac()).isEqualTo(GuestNetwork.DEFAULT_MAC.bits());
    }

    @Test
    void withoutGatewayWeSpeakFromLinkLocal() {
        assertThat(new GuestState(network(24, false, null)).our4())
                .isEqualTo(Ip.parse("169.254.2.2").v4());
    }

    @Test
    void everyFrameTeachesItsSourceMac() {
        GuestState guest = guest();
        assertThat(guest.learn(parsed(Packets.ethernet(Packets.BROADCAST, Packets.GUEST_MAC, 0x0806, new byte[28]))))
                .isTrue();
        assertThat(guest.guestMac()).isEqualTo(Mac.parse(Packets.GUEST_MAC).bits());
        assertThat(learn(guest, Packets.GUEST_MAC, GUEST)).as("nothing new").isFalse();
        assertThat(learn(guest, "52:54:00:00:00:01", GUEST)).isTrue();
        assertThat(guest.guestMac()).isEqualTo(Mac.parse("52:54:00:00:00:01").bits());
        assertThat(guest.seen4()).isEqualTo(ASSIGNED);
    }

    @Test
    void frameThatIsRefusedStillShowsWhoSentIt() {
        GuestState guest = guest();
        Frame frame = Packets.frame(Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x86dd, new byte[40]));
        assertThat(frame.parse()).isEqualTo(Drop.IP6_BAD_VERSION);
        assertThat(guest.learn(frame)).isTrue();
        assertThat(guest.guestMac()).isEqualTo(Mac.parse(Packets.GUEST_MAC).bits());
        assertThat(guest.learn(parsed(new byte[13]))).isFalse();
    }

    @ParameterizedTest
    @ValueSource(strings = {"01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff", "00:00:00:00:00:00", Packets.OUR_MAC})
    void macThatCannotBeTheGuestsTeachesNothing(String mac) {
        GuestState guest = guest();
        assertThat(learn(guest, mac, "10.0.2.77")).isFalse();
        assertThat(guest.guestMac()).isEqualTo(Mac.BROADCAST.bits());
        assertThat(guest.seen4()).isEqualTo(ASSIGNED);
    }

    @Test
    void addressFollowsTheTraffic() {
        GuestState guest = guest();
        learn(guest, Packets.GUEST_MAC, GUEST);
        assertThat(learn(guest, Packets.GUEST_MAC, "10.0.2.77")).isTrue();
        assertThat(guest.seen4()).isEqualTo(Ip.parse("10.0.2.77").v4());
        assertThat(guest.assigned4()).isEqualTo(ASSIGNED);
        assertThat(learn(guest, Packets.GUEST_MAC, "10.0.2.77")).isFalse();
    }

    @Test
    void macAndAddressMayChangeAtOnce() {
        GuestState guest = guest();
        assertThat(learn(guest, Packets.GUEST_MAC, "10.0.2.77")).isTrue();
        assertThat(guest.guestMac()).isEqualTo(Mac.parse(Packets.GUEST_MAC).bits());
        assertThat(guest.seen4()).isEqualTo(Ip.parse("10.0.2.77").v4());
    }

    @Test
    void fixedAddressStays() {
        GuestState guest = new GuestState(network(24, true, "10.0.2.2"));
        assertThat(learn(guest, Packets.GUEST_MAC, "10.0.2.77")).as("its MAC").isTrue();
        assertThat(learn(guest, Packets.GUEST_MAC, "10.0.2.78")).isFalse();
        assertThat(guest.seen4()).isEqualTo(ASSIGNED);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "0.0.0.0",
                "0.0.0.9",
                "127.0.0.1",
                "224.0.0.1",
                "239.1.2.3",
                "255.255.255.255",
                "10.0.2.2",
                "10.0.2.255"
            })
    void addressThatCannotBeTheGuestsIsNotLearnt(String address) {
        GuestState guest = guest();
        learn(guest, Packets.GUEST_MAC, GUEST);
        assertThat(learn(guest, Packets.GUEST_MAC, address)).isFalse();
        assertThat(guest.seen4()).isEqualTo(ASSIGNED);
    }

    /** A bridge in the guest has addresses of its own, from which it speaks now and then. */
    @Test
    void eachAddressIsWhereItWasSeenWhoeverSpokeLast() {
        String bridge = "52:54:00:00:00:0b";
        GuestState guest = guest();
        learn(guest, Packets.GUEST_MAC, GUEST);
        guest.learn(parsed(Packets.ethernet(Packets.BROADCAST, bridge, 0x88cc, new byte[46])));
        assertThat(guest.guestMac()).isEqualTo(Mac.parse(bridge).bits());
        assertThat(guest.macOf4(Ip.parse(GUEST).v4()))
                .isEqualTo(Mac.parse(Packets.GUEST_MAC).bits());
        assertThat(guest.macOf4(Ip.parse("10.0.2.99").v4())).as("unheard of").isEqualTo(guest.guestMac());
        learn(guest, bridge, GUEST);
        assertThat(guest.macOf4(Ip.parse(GUEST).v4()))
                .as("it has moved")
                .isEqualTo(Mac.parse(bridge).bits());
    }

    @Test
    void whoAsksForAnAddressOrAnnouncesItHasIt() {
        String other = "52:54:00:00:00:0c";
        GuestState guest = guest();
        learn(guest, Packets.GUEST_MAC, GUEST);
        learn(guest, other, "0.0.0.0");
        assertThat(guest.macOf4(Ip.parse(GUEST).v4()))
                .isEqualTo(Mac.parse(other).bits());
        guest.learn(arpOf(GUEST));
        assertThat(guest.macOf4(Ip.parse(GUEST).v4()))
                .isEqualTo(Mac.parse(Packets.GUEST_MAC).bits());
    }

    @Test
    void guestIsExpectedAtItsOldAddressesUntilItSpeaks() {
        GuestState guest = guest6(false);
        for (String address :
                List.of("10.9.9.9", "fd99::9", "10.0.2.2", "0.0.0.0", "ff02::1", "fe80::9", "::1", "::")) {
            guest.expect(Ip.parse(address));
        }
        assertThat(guest.seen4()).isEqualTo(Ip.parse("10.9.9.9").v4());
        assertThat(seen6(guest)).isEqualTo(Ip.parse("fd99::9"));
        guest.adopt(guest.network()); // the host has another network, say
        assertThat(guest.seen4()).isEqualTo(Ip.parse("10.9.9.9").v4());
        assertThat(seen6(guest)).isEqualTo(Ip.parse("fd99::9"));
        learn(guest, Packets.GUEST_MAC, GUEST);
        learn6(guest, "fd77::7");
        guest.expect(Ip.parse("10.9.9.9"));
        guest.expect(Ip.parse("fd99::9"));
        assertThat(guest.seen4()).isEqualTo(ASSIGNED);
        assertThat(seen6(guest)).isEqualTo(Ip.parse("fd77::7"));
    }

    private static Frame arpOf(String address) {
        byte[] arp = new byte[46];
        arp[1] = 1;
        arp[2] = 8;
        arp[4] = 6;
        arp[5] = 4;
        arp[7] = 1;
        byte[] sender = ByteBuffer.allocate(4).putInt(Ip.parse(address).v4()).array();
        System.arraycopy(sender, 0, arp, 14, 4);
        return parsed(Packets.ethernet(Packets.BROADCAST, Packets.GUEST_MAC, 0x0806, arp));
    }

    @Test
    void firstArpShowsTheAddressOfAGuestThatWasMigratedToUs() {
        GuestState guest = guest();
        guest.learn(arpOf("0.0.0.0"));
        assertThat(guest.seen4()).as("a probe says nothing").isEqualTo(ASSIGNED);
        assertThat(guest.learn(arpOf("10.9.9.9"))).isTrue();
        assertThat(guest.seen4()).isEqualTo(Ip.parse("10.9.9.9").v4());
        assertThat(guest.macOf4(Ip.parse("10.9.9.9").v4()))
                .isEqualTo(Mac.parse(Packets.GUEST_MAC).bits());
        guest.learn(arpOf("10.9.9.10"));
        assertThat(guest.seen4())
                .as("a bridge asks")
                .isEqualTo(Ip.parse("10.9.9.9").v4());
        learn(guest, Packets.GUEST_MAC, "10.9.9.11");
        assertThat(guest.seen4()).isEqualTo(Ip.parse("10.9.9.11").v4());
    }

    @Test
    void dhcpDiscoverTeachesTheMacOnly() {
        GuestState guest = guest();
        byte[] discover = Packets.udp("0.0.0.0", 68, "255.255.255.255", 67, new byte[300]);
        Frame frame = Packets.frame(Packets.ethernet(
                Packets.BROADCAST, Packets.GUEST_MAC, 0x0800, Packets.ip4(17, "0.0.0.0", "255.255.255.255", discover)));
        assertThat(frame.parse()).isEqualTo(Drop.NONE);
        assertThat(guest.learn(frame)).isTrue();
        assertThat(guest.guestMac()).isEqualTo(Mac.parse(Packets.GUEST_MAC).bits());
        assertThat(guest.seen4()).isEqualTo(ASSIGNED);
    }

    @Test
    void lastAddressOfATinyNetworkIsOneHosts() {
        for (int prefix : new int[] {31, 32}) {
            GuestState guest = new GuestState(network(prefix, false, "10.0.2.14"));
            assertThat(learn(guest, Packets.GUEST_MAC, "10.0.2.255")).isTrue();
            assertThat(guest.seen4()).isEqualTo(Ip.parse("10.0.2.255").v4());
        }
    }

    @Test
    void badChecksumTeachesNoAddress() {
        GuestState guest = guest();
        byte[] bytes = from(Packets.GUEST_MAC, "10.0.2.77");
        bytes[24] ^= 1;
        Frame frame = Packets.frame(bytes);
        assertThat(frame.parse()).isEqualTo(Drop.IP4_BAD_CHECKSUM);
        guest.learn(frame);
        assertThat(guest.seen4()).isEqualTo(ASSIGNED);
    }

    private static GuestState guest6(boolean fixed) {
        GuestNetwork four = network(24, false, "10.0.2.2");
        return new GuestState(new GuestNetwork(
                four.address(),
                false,
                four.gateway(),
                0,
                List.of(),
                List.of(),
                null,
                null,
                GuestNetwork.DEFAULT_MAC,
                new Ip6Network(new Cidr(Ip.parse("fd77::2"), 64), fixed, Ip.parse("fe80::1"), List.of())));
    }

    private static boolean learn6(GuestState guest, String src) {
        return guest.learn(parsed(Packets6.frame(
                Packets6.ip6(17, src, "2001:db8::1", Packets6.udp(src, 5000, "2001:db8::1", 53, new byte[3])))));
    }

    private static Ip seen6(GuestState guest) {
        return new Ip(guest.seen6High(), guest.seen6Low());
    }

    private static Ip linkLocal6(GuestState guest) {
        return new Ip(guest.linkLocal6High(), guest.linkLocal6Low());
    }

    @Test
    void addressesOfIp6FollowTheTraffic() {
        GuestState guest = guest6(false);
        assertThat(seen6(guest)).isEqualTo(Ip.parse("fd77::2"));
        assertThat(linkLocal6(guest)).isEqualTo(Ip.UNSPECIFIED6);
        learn6(guest, "fd77::2");
        assertThat(learn6(guest, "fd77::99")).isTrue();
        assertThat(learn6(guest, "fd77::99")).as("nothing new").isFalse();
        assertThat(seen6(guest)).isEqualTo(Ip.parse("fd77::99"));
        assertThat(learn6(guest, "fe80::77")).isTrue();
        assertThat(learn6(guest, "fe80::77")).as("nothing new").isFalse();
        assertThat(linkLocal6(guest)).isEqualTo(Ip.parse("fe80::77"));
        assertThat(seen6(guest)).as("beside its link-local one").isEqualTo(Ip.parse("fd77::99"));
        assertThat(guest.seen4()).isEqualTo(ASSIGNED);
        for (String own : new String[] {"fd77::2", "fd77::99", "fe80::77"}) {
            Ip ip = Ip.parse(own);
            assertThat(guest.isGuests(ip.high(), ip.low())).as(own).isTrue();
        }
        assertThat(guest.isGuests(0, 0)).isFalse();
    }

    @Test
    void fixedAddressOfIp6StaysButItsLinkLocalOneIsTheGuests() {
        GuestState guest = guest6(true);
        learn6(guest, "fd77::99");
        assertThat(seen6(guest)).isEqualTo(Ip.parse("fd77::2"));
        assertThat(learn6(guest, "fe80::77")).isTrue();
    }

    @ParameterizedTest
    @ValueSource(strings = {"::", "::1", "ff02::1", "fe80::1", "::ffff:10.0.2.77"})
    void addressOfIp6ThatCannotBeTheGuestsIsNotLearnt(String address) {
        GuestState guest = guest6(false);
        learn6(guest, "fd77::2");
        assertThat(learn6(guest, address)).isFalse();
        assertThat(seen6(guest)).isEqualTo(Ip.parse("fd77::2"));
        assertThat(linkLocal6(guest)).isEqualTo(Ip.UNSPECIFIED6);
        assertThat(guest.seen4()).isEqualTo(ASSIGNED);
    }

    @Test
    void arpAndDuplicateAddressDetectionTeachNoAddressOfIp6() {
        GuestState guest = guest6(false);
        guest.learn(parsed(Packets.ethernet(Packets.BROADCAST, Packets.GUEST_MAC, 0x0806, new byte[28])));
        byte[] solicitation = new byte[24];
        solicitation[0] = (byte) 135;
        Frame frame = parsed(Packets6.frame(Packets6.ip6(58, "::", "ff02::1:ff00:2", solicitation)));
        assertThat(frame.parse()).isEqualTo(Drop.NONE);
        assertThat(guest.learn(frame)).isFalse();
        assertThat(seen6(guest)).isEqualTo(Ip.parse("fd77::2"));
        assertThat(linkLocal6(guest)).isEqualTo(Ip.UNSPECIFIED6);
    }

    @Test
    void withoutIp6NothingOfItIsLearnt() {
        GuestState guest = guest();
        learn(guest, Packets.GUEST_MAC, GUEST);
        assertThat(learn6(guest, "fd77::99")).isFalse();
        assertThat(seen6(guest)).isEqualTo(Ip.UNSPECIFIED6);
    }
}
