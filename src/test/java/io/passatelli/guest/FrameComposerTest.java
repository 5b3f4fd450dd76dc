package io.passatelli.guest;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.config.PlaneConfig;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;

import static org.assertj.core.api.Assertions.assertThat;

/** Against frames put together octet by octet. The memory is full of an older frame each time. */
class FrameComposerTest {
    private static final String PEER = "192.0.2.1";
    private static final String GUEST = "10.0.2.15";
    private static final int SRC = Ip.parse(PEER).v4();
    private static final int DST = Ip.parse(GUEST).v4();
    private static final int AT = 5;

    private final GuestState guest = new GuestState(GuestStateTest.network(24, false, "10.0.2.2"));
    private final Neighbours neighbours = new Neighbours(PlaneConfig.of(guest.network()));
    private final FrameComposer composer = new FrameComposer(guest, neighbours);

    private void guestSpoke() {
        guest.learn(Packets.frame(Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x0806, new byte[28])));
    }

    private static MemorySegment dirty(int length) {
        byte[] bytes = new byte[AT + length + 3];
        Arrays.fill(bytes, (byte) 0xdb);
        return Packets.memory(bytes);
    }

    private static byte[] taken(MemorySegment out, int length) {
        assertThat(Packets.bytes(out, 0, AT)).as("before").containsOnly(0xdb);
        assertThat(Packets.bytes(out, AT + length, 3)).as("behind").containsOnly(0xdb);
        return Packets.bytes(out, AT, length);
    }

    /** TTL 255, id 0, DF, service 0, whatever {@link Packets#ip4} has. */
    private static byte[] ourHeader(byte[] packet) {
        packet[4] = 0;
        packet[5] = 0;
        packet[8] = (byte) 255;
        return Packets.withIp4Checksum(packet, 0);
    }

    @Example
    void ethernetGoesToBroadcastUntilTheGuestSpoke() {
        MemorySegment out = dirty(14);
        composer.ethernet(out, AT, 0x0800);
        assertThat(taken(out, 14)).isEqualTo(Packets.ethernet(Packets.BROADCAST, Packets.OUR_MAC, 0x0800, new byte[0]));
        guestSpoke();
        composer.ethernet(out, AT, 0x0806);
        assertThat(taken(out, 14)).isEqualTo(Packets.ethernet(Packets.GUEST_MAC, Packets.OUR_MAC, 0x0806, new byte[0]));
    }

    @Example
    void ip4HeaderHasNoIdAndIsNeverFragmented() {
        guestSpoke();
        for (int payload : new int[] {0, 1, 8, 1480, 65_515}) {
            MemorySegment out = dirty(34);
            composer.ip4(out, AT, 1, payload, SRC, DST);
            byte[] packet = ourHeader(Packets.ip4(1, PEER, GUEST, new byte[payload]));
            assertThat(taken(out, 34))
                    .isEqualTo(Packets.ethernet(Packets.GUEST_MAC, Packets.OUR_MAC, 0x0800, Arrays.copyOf(packet, 20)));
            assertThat(packet[1]).as("service").isZero();
            assertThat(packet[6]).as("DF").isEqualTo((byte) 0x40);
        }
    }

    @Property
    void datagramIsWholeAndParses(
            @ForAll @IntRange(max = 0xffff) int srcPort,
            @ForAll @IntRange(max = 0xffff) int dstPort,
            @ForAll @Size(max = 1600) byte[] payload) {
        guestSpoke();
        int length = 42 + payload.length;
        MemorySegment out = dirty(length);
        MemorySegment.copy(MemorySegment.ofArray(payload), 0, out, AT + 42, payload.length);
        composer.udp4(out, AT, payload.length, SRC, srcPort, DST, dstPort);
        byte[] datagram = Packets.udp(PEER, srcPort, GUEST, dstPort, payload);
        byte[] seen = taken(out, length);
        assertThat(seen)
                .isEqualTo(Packets.ethernet(
                        Packets.GUEST_MAC, Packets.OUR_MAC, 0x0800, ourHeader(Packets.ip4(17, PEER, GUEST, datagram))));
        Frame frame = Packets.frame(seen);
        assertThat(frame.parse()).isEqualTo(Drop.NONE);
        assertThat(frame.payloadLength()).isEqualTo(payload.length);
    }

    @Example
    void computedZeroChecksumTravelsAsOnes() {
        guestSpoke();
        byte[] plain = Packets.udp(PEER, 1, GUEST, 2, new byte[2]);
        byte[] cancels = {plain[6], plain[7]
        }; // adding a checksum to its data makes the sum all ones, so the checksum zero
        MemorySegment out = dirty(44);
        MemorySegment.copy(MemorySegment.ofArray(cancels), 0, out, AT + 42, 2);
        composer.udp4(out, AT, 2, SRC, 1, DST, 2);
        byte[] seen = taken(out, 44);
        assertThat(Arrays.copyOfRange(seen, 40, 42)).containsOnly(0xff);
    }

    @Example
    void arpRequestIsBroadcastFromOurAddress() {
        guestSpoke();
        MemorySegment out = dirty(42);
        composer.arpRequest(out, AT, DST);
        assertThat(taken(out, 42))
                .isEqualTo(Packets.ethernet(
                        Packets.BROADCAST,
                        Packets.OUR_MAC,
                        0x0806,
                        Packets.arp(1, Packets.OUR_MAC, "10.0.2.2", "00:00:00:00:00:00", GUEST)));
    }

    @Example
    void arpReplyGoesToWhoAskedNotToWhomItNames() {
        guestSpoke();
        String other = "52:54:00:00:00:77";
        Frame request = Packets.frame(Packets.ethernet(
                Packets.BROADCAST,
                other,
                0x0806,
                Packets.arp(1, "02:00:00:00:00:01", GUEST, "00:00:00:00:00:00", PEER)));
        assertThat(request.parse()).isEqualTo(Drop.NONE);
        MemorySegment out = dirty(42);
        composer.arpReply(out, AT, request);
        assertThat(taken(out, 42))
                .isEqualTo(Packets.ethernet(
                        other,
                        Packets.OUR_MAC,
                        0x0806,
                        Packets.arp(2, Packets.OUR_MAC, PEER, "02:00:00:00:00:01", GUEST)));
    }

    private static final Ip PEER6 = Ip.parse("2001:db8::1");
    private static final Ip GUEST6 = Ip.parse("fd77::2");

    /** Hop limit 255, whatever {@link Packets6#ip6} has. */
    private static byte[] ip6(int nextHeader, Ip src, Ip dst, byte[] payload) {
        byte[] packet = Packets6.ip6(nextHeader, src.toString(), dst.toString(), payload);
        packet[7] = (byte) 255;
        return packet;
    }

    @Example
    void ip6HeaderHasTheLengthOfWhatFollows() {
        guestSpoke();
        for (int payload : new int[] {0, 1, 8, 1440, 65_535}) {
            MemorySegment out = dirty(54);
            composer.ip6(out, AT, 58, payload, PEER6.high(), PEER6.low(), GUEST6.high(), GUEST6.low());
            byte[] packet = ip6(58, PEER6, GUEST6, new byte[payload]);
            assertThat(taken(out, 54))
                    .isEqualTo(Packets.ethernet(Packets.GUEST_MAC, Packets.OUR_MAC, 0x86dd, Arrays.copyOf(packet, 40)));
        }
    }

    @Example
    void groupsHaveMacsOfTheirOwn() {
        guestSpoke();
        String[][] groups = {
            {"ff02::1", "33:33:00:00:00:01"},
            {"ff02::1:ff12:3456", "33:33:ff:12:34:56"},
            {"ff05::ffff:ffff", "33:33:ff:ff:ff:ff"},
            {"fe80::1", Packets.GUEST_MAC}
        };
        for (String[] group : groups) {
            Ip dst = Ip.parse(group[0]);
            MemorySegment out = dirty(54);
            composer.ip6(out, AT, 58, 8, PEER6.high(), PEER6.low(), dst.high(), dst.low());
            assertThat(Arrays.copyOf(taken(out, 54), 6)).as(group[0]).isEqualTo(Packets.mac(group[1]));
        }
    }

    @Example
    void familyOfTheAddressesIsThatOfTheHeader() {
        guestSpoke();
        MemorySegment four = dirty(34);
        composer.ip(four, AT, 17, 9, 0, Ip.low(SRC), 0, Ip.low(DST));
        byte[] packet = ourHeader(Packets.ip4(17, PEER, GUEST, new byte[9]));
        assertThat(taken(four, 34))
                .isEqualTo(Packets.ethernet(Packets.GUEST_MAC, Packets.OUR_MAC, 0x0800, Arrays.copyOf(packet, 20)));
        MemorySegment six = dirty(54);
        composer.ip(six, AT, 17, 9, PEER6.high(), PEER6.low(), GUEST6.high(), GUEST6.low());
        byte[] packet6 = ip6(17, PEER6, GUEST6, new byte[9]);
        assertThat(taken(six, 54))
                .isEqualTo(Packets.ethernet(Packets.GUEST_MAC, Packets.OUR_MAC, 0x86dd, Arrays.copyOf(packet6, 40)));
        assertThat(FrameComposer.ipHeaders(0, Ip.low(DST))).isEqualTo(34);
        assertThat(FrameComposer.ipHeaders(GUEST6.high(), GUEST6.low())).isEqualTo(54);
    }

    @Property
    void ip4FragmentSaysWhereItBelongs(
            @ForAll @IntRange(max = 0xffff) int id,
            @ForAll @IntRange(max = 0x1fff) int unit,
            @ForAll boolean more,
            @ForAll @IntRange(max = 180) int units) {
        guestSpoke();
        MemorySegment out = dirty(34);
        composer.ip4Fragment(out, AT, 17, units * 8, id, unit * 8, more, SRC, DST);
        byte[] packet = Packets.ip4(17, PEER, GUEST, new byte[units * 8]);
        packet[8] = (byte) 255;
        ByteBuffer.wrap(packet).putShort(4, (short) id).putShort(6, (short) (unit | (more ? 0x2000 : 0)));
        packet = Packets.withIp4Checksum(packet, 0);
        assertThat(taken(out, 34))
                .isEqualTo(Packets.ethernet(Packets.GUEST_MAC, Packets.OUR_MAC, 0x0800, Arrays.copyOf(packet, 20)));
    }

    @Property
    void ip6FragmentSaysWhereItBelongs(
            @ForAll int id,
            @ForAll @IntRange(max = 0x1fff) int unit,
            @ForAll boolean more,
            @ForAll @IntRange(max = 180) int units) {
        guestSpoke();
        MemorySegment out = dirty(62);
        composer.ip6Fragment(
                out, AT, 17, units * 8, id, unit * 8, more, PEER6.high(), PEER6.low(), GUEST6.high(), GUEST6.low());
        byte[] part = Packets6.fragment(17, unit * 8, more, id, new byte[units * 8]);
        assertThat(taken(out, 62))
                .isEqualTo(Arrays.copyOf(
                        Packets.ethernet(Packets.GUEST_MAC, Packets.OUR_MAC, 0x86dd, ip6(44, PEER6, GUEST6, part)),
                        62));
    }

    @Example
    void constantsAreTheHeadersLengths() {
        assertThat(FrameComposer.ETHERNET_IP6).isEqualTo(54);
        assertThat(FrameComposer.ETHERNET_IP6_FRAGMENT).isEqualTo(62);
        assertThat(FrameComposer.ETHERNET_IP4).isEqualTo(34);
        assertThat(FrameComposer.ETHERNET_IP4_UDP).isEqualTo(42);
        assertThat(FrameComposer.ETHERNET_ARP).isEqualTo(42);
        assertThat(ByteBuffer.wrap(Packets.ip(GUEST)).getInt()).isEqualTo(DST);
    }
}
