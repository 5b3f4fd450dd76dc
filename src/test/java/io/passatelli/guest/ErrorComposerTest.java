package io.passatelli.guest;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlainNetwork;
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
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** Against errors put together octet by octet, as a router would send them that saw the guest's own packet. The memory is full of an older frame. */
class ErrorComposerTest {
    private static final String GUEST4 = "10.0.2.15";
    private static final String GATEWAY4 = "10.0.2.2";
    private static final String FAR4 = "192.0.2.1";
    private static final String HOP4 = "198.51.100.9";
    private static final String GUEST6 = "fd77::2";
    private static final String ROUTER6 = "fe80::1";
    private static final String FAR6 = "2001:db8::35";
    private static final String HOP6 = "2001:db8:9::1";
    private static final String NOBODY = "::";
    private static final int AT = 3;
    private static final int NO_CHECKSUM = 0;

    private final GuestState guest = new GuestState(network(0));
    private final ErrorComposer errors = over(guest);
    private final ErrorComposer.Subject subject = new ErrorComposer.Subject();

    private static GuestNetwork network(int mtu) {
        return PlainNetwork.of(
                new Cidr(Ip.parse(GUEST4), 24),
                Ip.parse(GATEWAY4),
                mtu,
                new Ip6Network(new Cidr(Ip.parse(GUEST6), 64), false, Ip.parse(ROUTER6), List.of()));
    }

    private static ErrorComposer over(GuestState guest) {
        guest.learn(Packets.frame(Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x0806, new byte[28])));
        return new ErrorComposer(guest, new FrameComposer(guest, new Neighbours(PlaneConfig.of(guest.network()))));
    }

    private void about(String guestAddress, int guestPort, String far, int farPort, int payloadLength) {
        Ip from = Ip.parse(guestAddress);
        Ip to = Ip.parse(far);
        subject.guestHigh = from.high();
        subject.guestLow = from.low();
        subject.guestPort = guestPort;
        subject.farHigh = to.high();
        subject.farLow = to.low();
        subject.farPort = farPort;
        subject.payloadLength = payloadLength;
    }

    private byte[] error(String from, int type, int code, int info, byte[] payload) {
        return error(errors, from, type, code, info, payload);
    }

    private byte[] error(ErrorComposer composer, String from, int type, int code, int info, byte[] payload) {
        byte[] dirty = new byte[AT + Limits.CONTROL_FRAME_BYTES];
        Arrays.fill(dirty, (byte) 0xdb);
        MemorySegment out = Packets.memory(dirty);
        Ip who = Ip.parse(from);
        MemorySegment quoted = Packets.memory(payload);
        int length = composer.udp(out, AT, subject, who.high(), who.low(), type, code, info, quoted, payload.length);
        assertThat(Packets.bytes(out, 0, AT)).as("before").containsOnly(0xdb);
        assertThat(Packets.bytes(out, AT + length, dirty.length - AT - length))
                .as("behind")
                .containsOnly(0xdb);
        return Packets.bytes(out, AT, length);
    }

    private static byte[] error4(String from, int type, int code, int word, int ttl, int length, byte[] datagram) {
        byte[] quote = ByteBuffer.allocate(20 + datagram.length)
                .putInt(0x4500_0000 | 20 + length)
                .putInt(0x0000_4000)
                .putInt(ttl << 24 | 17 << 16)
                .put(Packets.ip(GUEST4))
                .put(Packets.ip(FAR4))
                .put(datagram)
                .array();
        byte[] message = summed(icmp(type, code, word, Packets.withIp4Checksum(quote, 0)));
        byte[] packet = Packets.ip4(1, from, GUEST4, message);
        packet[4] = packet[5] = 0;
        packet[8] = (byte) 255;
        return Packets.ethernet(Packets.GUEST_MAC, Packets.OUR_MAC, 0x0800, Packets.withIp4Checksum(packet, 0));
    }

    private static byte[] error6(String from, int type, int code, int word, int hops, int length, byte[] datagram) {
        byte[] quote = Packets6.ip6(17, hops, length, GUEST6, FAR6, datagram);
        byte[] message = Packets6.withChecksum(58, from, GUEST6, icmp(type, code, word, quote), 2);
        return Packets6.toGuest(58, from, GUEST6, message);
    }

    private static byte[] icmp(int type, int code, int word, byte[] quote) {
        return ByteBuffer.allocate(8 + quote.length)
                .put((byte) type)
                .put((byte) code)
                .putShort((short) 0)
                .putInt(word)
                .put(quote)
                .array();
    }

    /** With the checksum in its place. */
    private static byte[] summed(byte[] message) {
        int sum = ~Packets.naiveSum(message, 0, message.length);
        message[2] = (byte) (sum >>> 8);
        message[3] = (byte) sum;
        return message;
    }

    private static byte[] udp(int srcPort, int dstPort, int length, int checksum, byte[] payload) {
        return ByteBuffer.allocate(8 + payload.length)
                .putShort((short) srcPort)
                .putShort((short) dstPort)
                .putShort((short) length)
                .putShort((short) checksum)
                .put(payload)
                .array();
    }

    private static byte[] counting(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (i * 7 + 1);
        }
        return bytes;
    }

    @Example
    void closedPortQuotesTheDatagramThatTheGuestSent() {
        byte[] payload = counting(11);
        about(GUEST4, 40_000, FAR4, 53, 11);
        byte[] sent = Packets.udp(GUEST4, 40_000, FAR4, 53, payload);
        assertThat(error(FAR4, 3, 3, 0, payload)).isEqualTo(error4(FAR4, 3, 3, 0, 64, 19, sent));
    }

    @Example
    void closedPort6QuotesTheDatagramThatTheGuestSent() {
        byte[] payload = counting(11);
        about(GUEST6, 40_000, FAR6, 53, 11);
        byte[] sent = Packets6.udp(GUEST6, 40_000, FAR6, 53, payload);
        assertThat(error(FAR6, 1, 4, 0, payload)).isEqualTo(error6(FAR6, 1, 4, 0, 64, 19, sent));
    }

    @Example
    void ofADatagramThatIsNotWhollyKnownTheLengthIsToldButNoChecksum() {
        byte[] known = counting(8);
        about(GUEST4, 40_000, FAR4, 53, 1200);
        assertThat(error(HOP4, 3, 1, 0, known))
                .isEqualTo(error4(HOP4, 3, 1, 0, 64, 1208, udp(40_000, 53, 1208, NO_CHECKSUM, known)));
        about(GUEST6, 40_000, FAR6, 53, 1200);
        assertThat(error(HOP6, 1, 0, 0, known))
                .isEqualTo(error6(HOP6, 1, 0, 0, 64, 1208, udp(40_000, 53, 1208, NO_CHECKSUM, known)));
    }

    @Example
    void tooBigTellsTheMtu() {
        byte[] known = counting(8);
        about(GUEST4, 1, FAR4, 2, 1400);
        assertThat(error(HOP4, 3, 4, 1300, known))
                .isEqualTo(error4(HOP4, 3, 4, 1300, 64, 1408, udp(1, 2, 1408, NO_CHECKSUM, known)));
        assertThat(error(HOP4, 3, 4, 70_000, known))
                .as("what the field cannot hold")
                .isEqualTo(error4(HOP4, 3, 4, 0xffff, 64, 1408, udp(1, 2, 1408, NO_CHECKSUM, known)));
        about(GUEST6, 1, FAR6, 2, 1400);
        assertThat(error(HOP6, 2, 0, 70_000, known))
                .isEqualTo(error6(HOP6, 2, 0, 70_000, 64, 1408, udp(1, 2, 1408, NO_CHECKSUM, known)));
    }

    @Example
    void timeExceededQuotesThePacketOnItsLastHop() {
        about(GUEST4, 33_434, FAR4, 33_435, 0);
        byte[] sent4 = Packets.udp(GUEST4, 33_434, FAR4, 33_435, new byte[0]);
        assertThat(error(HOP4, 11, 0, 99, new byte[0])).isEqualTo(error4(HOP4, 11, 0, 0, 1, 8, sent4));
        about(GUEST6, 33_434, FAR6, 33_435, 0);
        byte[] sent6 = Packets6.udp(GUEST6, 33_434, FAR6, 33_435, new byte[0]);
        assertThat(error(HOP6, 3, 0, 99, new byte[0])).isEqualTo(error6(HOP6, 3, 0, 0, 1, 8, sent6));
    }

    @Example
    void parameterProblemTellsWhere() {
        about(GUEST4, 1, FAR4, 2, 100);
        byte[] none = new byte[0];
        byte[] header = udp(1, 2, 108, NO_CHECKSUM, none);
        assertThat(error(HOP4, 12, 0, 9, none)).isEqualTo(error4(HOP4, 12, 0, 9 << 24, 64, 108, header));
        about(GUEST6, 1, FAR6, 2, 100);
        assertThat(error(HOP6, 4, 1, 6, none)).isEqualTo(error6(HOP6, 4, 1, 6, 64, 108, header));
    }

    @Example
    void otherUnreachablesHaveAnEmptySecondWord() {
        about(GUEST4, 1, FAR4, 2, 0);
        byte[] sent = Packets.udp(GUEST4, 1, FAR4, 2, new byte[0]);
        assertThat(error(HOP4, 3, 13, 1300, new byte[0])).isEqualTo(error4(HOP4, 3, 13, 0, 64, 8, sent));
    }

    @Example
    void whereNobodyIsNamedWeComplain() {
        byte[] known = counting(8);
        about(GUEST4, 1, FAR4, 2, 2000);
        byte[] quoted = udp(1, 2, 2008, NO_CHECKSUM, known);
        for (String nobody : List.of(NOBODY, "0.0.0.0", HOP6)) {
            assertThat(error(nobody, 3, 4, 1400, known)).isEqualTo(error4(GATEWAY4, 3, 4, 1400, 64, 2008, quoted));
        }
        about(GUEST6, 1, FAR6, 2, 2000);
        for (String nobody : List.of(NOBODY, "0.0.0.0", HOP4)) {
            assertThat(error(nobody, 2, 0, 1400, known)).isEqualTo(error6(ROUTER6, 2, 0, 1400, 64, 2008, quoted));
        }
    }

    @Example
    void errorsHaveTheirLongestLength() {
        byte[] payload = counting(1280);
        about(GUEST4, 1, FAR4, 2, 0);
        assertThat(error(HOP4, 3, 1, 0, payload))
                .hasSize(14 + 576)
                .isEqualTo(error4(HOP4, 3, 1, 0, 64, 1288, udp(1, 2, 1288, NO_CHECKSUM, Arrays.copyOf(payload, 520))));
        about(GUEST6, 1, FAR6, 2, 0);
        assertThat(error(HOP6, 1, 0, 0, payload))
                .hasSize(14 + 1280)
                .isEqualTo(error6(HOP6, 1, 0, 0, 64, 1288, udp(1, 2, 1288, NO_CHECKSUM, Arrays.copyOf(payload, 1184))));
    }

    @Example
    void errorIsNoLongerThanTheGuestsMtu() {
        about(GUEST4, 1, FAR4, 2, 600);
        assertThat(error(over(new GuestState(network(296))), HOP4, 3, 1, 0, counting(600)))
                .hasSize(14 + 296);
        assertThat(error(over(new GuestState(network(20))), HOP4, 3, 1, 0, counting(600)))
                .as("eight octets are always quoted")
                .hasSize(14 + 56 + 8);
    }

    @Example
    void lengthThatNoDatagramHasIsTheLongest() {
        about(GUEST4, 1, FAR4, 2, 70_000);
        byte[] quote = Arrays.copyOfRange(error(HOP4, 3, 1, 0, new byte[0]), 42, 70);
        assertThat(ByteBuffer.wrap(quote).getShort(2)).isEqualTo((short) 0xffff);
        assertThat(ByteBuffer.wrap(quote).getShort(24)).isEqualTo((short) 0xffff);
    }

    @Property
    void everyErrorParsesWithItsQuoteGoodInItself(
            @ForAll @IntRange(max = 0xffff) int guestPort,
            @ForAll @IntRange(max = 0xffff) int farPort,
            @ForAll @Size(max = 1280) byte[] payload,
            @ForAll @IntRange(max = 2000) int more) {
        about(GUEST4, guestPort, FAR4, farPort, payload.length + more);
        byte[] error = error(HOP4, 3, 3, 0, payload);
        Frame frame = Packets.frame(error);
        assertThat(frame.parse()).isEqualTo(Drop.NONE);
        assertThat(frame.protocol()).isEqualTo(1);
        assertThat(Packets.naiveSum(error, 34, error.length - 34)).isEqualTo(0xffff);
        assertThat(Packets.naiveSum(error, 42, 20)).as("quoted header").isEqualTo(0xffff);
        boolean whole = more == 0 && payload.length <= 520;
        Frame inner = Packets.frame(Packets.ethernet(
                Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, Arrays.copyOfRange(error, 42, error.length)));
        assertThat(inner.parse()).isEqualTo(whole ? Drop.NONE : Drop.IP4_BAD_TOTAL_LENGTH);
    }
}
