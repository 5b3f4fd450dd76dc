package io.passatelli.guest;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.config.PlaneConfig;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Packets;
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

    @Example
    void constantsAreTheHeadersLengths() {
        assertThat(FrameComposer.ETHERNET_IP4).isEqualTo(34);
        assertThat(FrameComposer.ETHERNET_IP4_UDP).isEqualTo(42);
        assertThat(FrameComposer.ETHERNET_ARP).isEqualTo(42);
        assertThat(ByteBuffer.wrap(Packets.ip(GUEST)).getInt()).isEqualTo(DST);
    }
}
