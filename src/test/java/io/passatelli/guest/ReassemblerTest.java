package io.passatelli.guest;

import io.passatelli.base.Allocation;
import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.link.RxBatch;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

import static org.assertj.core.api.Assertions.assertThat;

class ReassemblerTest {
    private static final String GUEST = "10.0.2.15";
    private static final String PEER = "192.0.2.1";
    private static final String GUEST6 = "fd77::2";
    private static final String PEER6 = "2001:db8::1";
    private static final long S = 1_000_000_000L;
    private static final long TIMEOUT = Limits.FRAGMENT_TIMEOUT_S * S;
    private static final int CHUNKS = Limits.FRAGMENT_MEMORY_BYTES / Limits.FRAGMENT_CHUNK_BYTES;

    private final Counters counters = new Counters();
    private final Reassembler reassembler = new Reassembler(counters);
    private final RxBatch batch = new RxBatch(1);
    private long nowNs = -5 * S; // clocks begin anywhere

    /** Lays {@code frame} as a link may: a head, and pieces behind it. */
    private void lay(byte[] frame) {
        MemorySegment memory = Packets.memory(frame);
        int head = Math.min(frame.length, Limits.HEADER_BYTES + frame.length % 7);
        batch.clear();
        int i = batch.add(memory, 0, head);
        int piece = Math.max(1, (frame.length - head + 2) / 3);
        for (int at = head; at < frame.length; at += piece) {
            assertThat(batch.addPiece(i, memory, at, Math.min(piece, frame.length - at)))
                    .isTrue();
        }
    }

    private Drop take(byte[] frame) {
        lay(frame);
        assertThat(batch.frame(0).parse()).isIn(Drop.IP4_FRAGMENT, Drop.IP6_FRAGMENT);
        return reassembler.take(batch, 0, nowNs);
    }

    private Drop take4(int offset, boolean more, int length) {
        return take4(1, offset, more, length);
    }

    private Drop take4(int id, int offset, boolean more, int length) {
        return take(Packets6.fragment4(253, GUEST, PEER, id, offset, more, new byte[length]));
    }

    private Drop take6(int offset, boolean more, int length) {
        return take(Packets6.frame(
                Packets6.ip6(44, GUEST6, PEER6, Packets6.fragment(253, offset, more, 7, new byte[length]))));
    }

    /** What came out, as one array, after a look at its form. */
    private byte[] whole() {
        Frame f = reassembler.whole().frame(0);
        assertThat(reassembler.whole().count()).isEqualTo(1);
        assertThat(f.contiguous()).isGreaterThanOrEqualTo(Math.min(f.length(), Limits.HEADER_BYTES));
        assertThat(f.offload().flags).isZero();
        byte[] bytes = new byte[f.length()];
        MemorySegment out = Packets.memory(bytes);
        reassembler.whole().copy(0, 0, f.length(), out, 0);
        return Packets.bytes(out, 0, f.length());
    }

    private static byte[] random(int length, Random random) {
        byte[] bytes = new byte[length];
        random.nextBytes(bytes);
        return bytes;
    }

    /** Cut at random multiples of 8, 40 to begin with so that the headers fit. */
    private static List<byte[]> fragments(boolean six, int id, byte[] datagram, Random random) {
        List<byte[]> frames = new ArrayList<>();
        int longest = random.nextBoolean() ? 3 : 8_000;
        for (int at = 0; at < datagram.length; ) {
            int most = Math.min(8_000, Math.max(longest, datagram.length / 8 / 60));
            int size = 8 * (random.nextInt(most) + (at == 0 ? 5 : 1));
            int end = Math.min(at + size, datagram.length);
            byte[] part = Arrays.copyOfRange(datagram, at, end);
            boolean more = end < datagram.length;
            if (at == 0 && !more) {
                end = Math.max(8, (datagram.length - 1) / 8 * 8);
                part = Arrays.copyOf(datagram, end);
                more = true;
            }
            frames.add(
                    six
                            ? Packets6.frame(Packets6.ip6(44, GUEST6, PEER6, Packets6.fragment(17, at, more, id, part)))
                            : Packets6.fragment4(17, GUEST, PEER, id, at, more, part));
            at = end;
        }
        return frames;
    }

    @Property(tries = 400)
    void anySplitInAnyOrderComesOutAsItWas(
            @ForAll boolean six, @ForAll @IntRange(min = 1, max = 65_507) int length, @ForAll long seed) {
        Random random = new Random(seed);
        byte[] payload = random(length, random);
        byte[] datagram =
                six ? Packets6.udp(GUEST6, 5000, PEER6, 53, payload) : Packets.udp(GUEST, 5000, PEER, 53, payload);
        List<byte[]> frames = fragments(six, random.nextInt(), datagram, random);
        if (random.nextBoolean()) {
            Collections.shuffle(frames, random);
        }
        for (int i = 0; i < frames.size(); i++) {
            byte[] frame = frames.get(i);
            if (random.nextBoolean()) {
                frame = Packets.padded(frame, 60 + random.nextInt(30)); // padding is nobody's payload
            }
            if (i < frames.size() - 1) {
                assertThat(take(frame)).isEqualTo(Drop.FRAGMENT_HELD);
                assertThat(take(frame)).isEqualTo(Drop.FRAGMENT_DUPLICATE);
            } else {
                assertThat(take(frame)).isEqualTo(Drop.NONE);
            }
        }
        byte[] packet = six
                ? Packets6.ip6(17, GUEST6, PEER6, datagram)
                : unfragmented(Packets.ip4(17, GUEST, PEER, datagram), frames.getFirst());
        assertThat(whole())
                .isEqualTo(Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, six ? 0x86dd : 0x0800, packet));
        Frame f = reassembler.whole().frame(0);
        assertThat(f.payloadLength()).isEqualTo(length);
        assertThat(f.ttl()).isEqualTo(64);
        reassembler.release();
        assertThat(reassembler.count()).isZero();
        assertThat(reassembler.memory().inUse()).isZero();
    }

    /** The datagram's identification stays; it is no fragment, and may be made some again. */
    private static byte[] unfragmented(byte[] packet, byte[] like) {
        packet[4] = like[18];
        packet[5] = like[19];
        packet[6] = 0;
        packet[7] = 0;
        return Packets.withIp4Checksum(packet, 0);
    }

    @Example
    void optionsAndExtensionHeadersOfFragmentsAreLeftOut() {
        byte[] datagram = Packets6.udp(GUEST6, 5000, PEER6, 53, new byte[100]);
        byte[] first = Packets6.fragment(17, 0, true, 7, Arrays.copyOf(datagram, 56));
        byte[] second = Packets6.fragment(17, 56, false, 7, Arrays.copyOfRange(datagram, 56, 108));
        assertThat(take(Packets6.frame(Packets6.ip6(60, GUEST6, PEER6, Packets6.options(44, 24, second)))))
                .isEqualTo(Drop.FRAGMENT_HELD);
        assertThat(take(Packets6.frame(Packets6.ip6(0, GUEST6, PEER6, Packets6.options(44, 16, first)))))
                .isEqualTo(Drop.NONE);
        assertThat(whole()).isEqualTo(Packets6.frame(Packets6.ip6(17, GUEST6, PEER6, datagram)));
        reassembler.release();

        byte[] options = new byte[8];
        Arrays.fill(options, (byte) 1);
        byte[] datagram4 = Packets.udp(GUEST, 5000, PEER, 53, new byte[8]);
        byte[] packet = Packets.ip4(17, GUEST, PEER, options, Arrays.copyOf(datagram4, 8));
        packet[6] = 0x20;
        assertThat(take(Packets.ethernet(
                        Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, Packets.withIp4Checksum(packet, 0))))
                .isEqualTo(Drop.FRAGMENT_HELD);
        assertThat(take(Packets6.fragment4(17, GUEST, PEER, 0x1234, 8, false, new byte[8])))
                .isEqualTo(Drop.NONE);
        byte[] whole = unfragmented(Packets.ip4(17, GUEST, PEER, datagram4), whole());
        assertThat(whole()).isEqualTo(Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, whole));
        reassembler.release();
    }

    @Example
    void extensionHeadersBehindTheFragmentHeaderStay() {
        byte[] datagram = Packets6.options(17, 16, Packets6.udp(GUEST6, 5000, PEER6, 53, new byte[100]));
        byte[] last = new byte[0];
        for (byte[] frame : Packets6.fragments(60, GUEST6, PEER6, 9, datagram, 40)) {
            last = frame;
            Drop drop = take(frame);
            assertThat(drop).isIn(Drop.FRAGMENT_HELD, Drop.NONE);
        }
        assertThat(last).isNotEmpty();
        assertThat(whole()).isEqualTo(Packets6.frame(Packets6.ip6(60, GUEST6, PEER6, datagram)));
        assertThat(reassembler.whole().frame(0).payloadLength()).isEqualTo(100);
        reassembler.release();
    }

    /** What a list of fragments knows: the slow way to the same answers. */
    private static final class Model {
        private record Part(int offset, int end, boolean more) {}

        private final List<Part> parts = new ArrayList<>();
        private Drop refused = Drop.NONE;

        private Drop put(int offset, int length, boolean more) {
            if (length == 0 || more && length % 8 != 0) {
                return Drop.FRAGMENT_BAD;
            }
            if (refused != Drop.NONE) {
                return refused;
            }
            Part part = new Part(offset, offset + length, more);
            if (parts.contains(part)) {
                return Drop.FRAGMENT_DUPLICATE;
            }
            if (parts.stream().anyMatch(p -> p.offset < part.end && part.offset < p.end)) {
                refused = Drop.FRAGMENT_OVERLAP;
                return refused;
            }
            parts.add(part);
            int end = parts.stream().mapToInt(Part::end).max().orElseThrow();
            List<Part> lasts = parts.stream().filter(p -> !p.more).toList();
            if (lasts.size() > 1 || lasts.stream().anyMatch(p -> p.end != end)) {
                refused = Drop.FRAGMENT_BAD;
                return refused;
            }
            int bytes = parts.stream().mapToInt(p -> p.end - p.offset).sum();
            return !lasts.isEmpty() && bytes == end ? Drop.NONE : Drop.FRAGMENT_HELD;
        }
    }

    @Property(tries = 4_000)
    void hostileFragmentsAreJudgedAsTheModelDoes(@ForAll boolean six, @ForAll long seed) {
        Random random = new Random(seed);
        int units = 2 + random.nextInt(150); // beyond one word of the maps
        Model model = new Model();
        for (int i = 0; i < 40; i++) {
            int offset = random.nextInt(units) * 8;
            int length = random.nextInt(8) == 0 ? random.nextInt(60) : 8 * (1 + random.nextInt(units / 3 + 1));
            boolean more = random.nextInt(6) != 0;
            if (offset == 0 && !more) {
                continue; // no fragment
            }
            Drop expected = model.put(offset, length, more);
            Drop drop = six ? take6(offset, more, length) : take4(offset, more, length);
            if (expected == Drop.NONE) {
                // 253 is nobody's protocol: a datagram was complete
                assertThat(drop).isEqualTo(six ? Drop.IP6_PROTOCOL_UNKNOWN : Drop.IP4_PROTOCOL_UNKNOWN);
                assertThat(reassembler.count()).isZero();
                break;
            }
            assertThat(drop)
                    .as("fragment %s at %s, %s bytes, more %s", i, offset, length, more)
                    .isEqualTo(expected);
        }
        reassembler.clear();
        assertThat(reassembler.memory().inUse()).isZero();
    }

    @Example
    void overlapEndsTheDatagramAndItsLaterFragments() {
        assertThat(take4(0, true, 16)).isEqualTo(Drop.FRAGMENT_HELD);
        assertThat(take4(8, true, 16)).isEqualTo(Drop.FRAGMENT_OVERLAP);
        assertThat(reassembler.memory().inUse()).isZero();
        assertThat(take4(16, false, 16)).isEqualTo(Drop.FRAGMENT_OVERLAP);
        assertThat(take4(0, true, 16)).isEqualTo(Drop.FRAGMENT_OVERLAP);
        nowNs += TIMEOUT - 1;
        assertThat(take4(0, true, 16)).isEqualTo(Drop.FRAGMENT_OVERLAP);
        nowNs += 1;
        assertThat(take4(0, true, 16)).isEqualTo(Drop.FRAGMENT_HELD);
        assertThat(take4(16, false, 16)).isEqualTo(Drop.IP4_PROTOCOL_UNKNOWN);
        assertThat(counters.of(Drop.FRAGMENT_TIMED_OUT)).isZero();
    }

    @Example
    void lengthsThatCannotBeAreRefusedAlone() {
        for (int length = 1; length < 64; length++) {
            assertThat(take4(8, true, length) == Drop.FRAGMENT_BAD).isEqualTo(length % 8 != 0);
            assertThat(take6(8, true, length) == Drop.FRAGMENT_BAD).isEqualTo(length % 8 != 0);
            reassembler.clear();
        }
        assertThat(take4(0, true, 0)).isEqualTo(Drop.FRAGMENT_BAD);
        assertThat(take4(8, false, 0)).isEqualTo(Drop.FRAGMENT_BAD);
        assertThat(reassembler.count()).isZero();
    }

    @Example
    void longestDatagramIsTakenAndNoLonger() {
        assertThat(take4(65_512, false, 3)).as("65,535 in all").isEqualTo(Drop.FRAGMENT_HELD);
        assertThat(take4(65_512, false, 4)).isEqualTo(Drop.FRAGMENT_BAD);
        assertThat(take4(65_528, false, 1)).isEqualTo(Drop.FRAGMENT_BAD);
        assertThat(take6(65_528, false, 7)).isEqualTo(Drop.FRAGMENT_HELD);
        assertThat(take6(65_528, false, 8)).isEqualTo(Drop.FRAGMENT_BAD);
        byte[] behindOptions = Packets6.options(44, 8, Packets6.fragment(253, 65_520, false, 8, new byte[8]));
        assertThat(take(Packets6.frame(Packets6.ip6(60, GUEST6, PEER6, behindOptions))))
                .as("the options count, too")
                .isEqualTo(Drop.FRAGMENT_BAD);
        assertThat(take4(0, true, 60_000)).isEqualTo(Drop.FRAGMENT_HELD);
        assertThat(take4(60_000, true, 5_512)).isEqualTo(Drop.IP4_PROTOCOL_UNKNOWN);
    }

    @Example
    void datagramsAreToldApart() {
        String[][] ends = {{GUEST, PEER}, {"10.0.2.16", PEER}, {GUEST, "192.0.2.2"}, {PEER, GUEST}};
        for (String[] pair : ends) {
            for (int id = 0; id < 2; id++) {
                for (int protocol : new int[] {253, 254}) {
                    assertThat(take(Packets6.fragment4(protocol, pair[0], pair[1], id, 0, true, new byte[8])))
                            .isEqualTo(Drop.FRAGMENT_HELD);
                }
            }
        }
        assertThat(reassembler.count()).isEqualTo(16);
        for (int next : new int[] {253, 254}) { // in IPv6 the first fragment says what it is
            byte[] part = Packets6.fragment(next, next == 253 ? 0 : 8, next == 253, 1, new byte[8]);
            Drop drop = take(Packets6.frame(Packets6.ip6(44, GUEST6, PEER6, part)));
            assertThat(drop).isEqualTo(next == 253 ? Drop.FRAGMENT_HELD : Drop.IP6_PROTOCOL_UNKNOWN);
        }
        assertThat(reassembler.count()).isEqualTo(16);
    }

    @Example
    void fullTableTakesNoOtherDatagramAndKeepsWhatItHas() {
        for (int id = 0; id < Limits.FRAGMENTED_DATAGRAMS; id++) {
            assertThat(take4(id, 0, true, 8)).isEqualTo(Drop.FRAGMENT_HELD);
            nowNs += S / 10;
        }
        assertThat(take4(1_000, 0, true, 8)).isEqualTo(Drop.FRAGMENT_TABLE_FULL);
        assertThat(take4(0, 8, false, 8)).isEqualTo(Drop.IP4_PROTOCOL_UNKNOWN);
        assertThat(take4(1_000, 0, true, 8)).isEqualTo(Drop.FRAGMENT_HELD);
        assertThat(take4(1_001, 0, true, 8)).isEqualTo(Drop.FRAGMENT_TABLE_FULL);
        nowNs += TIMEOUT;
        assertThat(take4(1_001, 0, true, 8)).isEqualTo(Drop.FRAGMENT_HELD);
        assertThat(counters.of(Drop.FRAGMENT_TIMED_OUT)).isEqualTo(Limits.FRAGMENTED_DATAGRAMS);
        assertThat(reassembler.count()).isEqualTo(1);
        assertThat(reassembler.memory().inUse()).isEqualTo(1);
    }

    @Example
    void timeRunsForEachDatagramFromItsFirstFragment() {
        take4(1, 0, true, 8);
        nowNs += TIMEOUT / 2;
        take4(2, 0, true, 8);
        take4(1, 8, true, 8);
        nowNs += TIMEOUT / 2;
        assertThat(take4(1, 16, false, 8)).as("too late").isEqualTo(Drop.FRAGMENT_HELD);
        assertThat(counters.of(Drop.FRAGMENT_TIMED_OUT)).isEqualTo(1);
        assertThat(take4(2, 8, false, 8)).isEqualTo(Drop.IP4_PROTOCOL_UNKNOWN);
    }

    @Example
    void memoryIsBoundedAndADatagramWithoutItGivesWay() {
        int id = 0;
        Drop drop;
        do {
            drop = Drop.FRAGMENT_HELD;
            for (int at = 0; at < 56_000 && drop == Drop.FRAGMENT_HELD; at += 8_000) {
                drop = take4(id, at, true, 8_000);
                assertThat(reassembler.memory().inUse()).isLessThanOrEqualTo(CHUNKS);
            }
            id++;
        } while (drop == Drop.FRAGMENT_HELD);
        assertThat(drop).isEqualTo(Drop.FRAGMENT_TABLE_FULL);
        assertThat(id).isBetween(30, Limits.FRAGMENTED_DATAGRAMS);
        assertThat(reassembler.memory().made()).isEqualTo(CHUNKS);
        int held = reassembler.memory().inUse();
        assertThat(held).isLessThan(CHUNKS);
        assertThat(take4(id - 1, 0, true, 8)).isEqualTo(Drop.FRAGMENT_TABLE_FULL);
        assertThat(take4(5_000, 0, true, 8)).isEqualTo(Drop.FRAGMENT_HELD);
        assertThat(take4(5_000, 8, false, 8)).isEqualTo(Drop.IP4_PROTOCOL_UNKNOWN);
        assertThat(take4(0, 56_000, false, 8)).isEqualTo(Drop.IP4_PROTOCOL_UNKNOWN);
    }

    @Example
    void memoryIsMadeWhenItIsNeeded() {
        assertThat(reassembler.memory().made()).isZero();
        take4(0, true, 8);
        assertThat(reassembler.memory().made()).isLessThanOrEqualTo(16);
    }

    @Example
    void checksumThatIsLeftToUsCannotMeanAPart() {
        lay(Packets6.fragment4(17, GUEST, PEER, 1, 0, true, new byte[64]));
        batch.frame(0).offload().flags = Offload.NEEDS_CSUM;
        assertThat(batch.frame(0).parse()).isEqualTo(Drop.IP4_FRAGMENT);
        assertThat(reassembler.take(batch, 0, nowNs)).isEqualTo(Drop.FRAGMENT_BAD);
        batch.frame(0).offload().flags = 0;
        batch.frame(0).offload().gsoType = Offload.GSO_UDP_L4;
        assertThat(reassembler.take(batch, 0, nowNs)).isEqualTo(Drop.FRAGMENT_BAD);
    }

    @Example
    void wholeDatagramThatIsBadIsNamed() {
        byte[] datagram = Packets.udp(GUEST, 5000, PEER, 53, new byte[24]);
        datagram[5] = 40; // its length
        List<byte[]> frames = Packets6.fragments4(17, GUEST, PEER, 1, datagram, 16);
        assertThat(take(frames.get(0))).isEqualTo(Drop.FRAGMENT_HELD);
        assertThat(take(frames.get(1))).isEqualTo(Drop.UDP_BAD_LENGTH);
        assertThat(reassembler.count()).isZero();
        byte[] nested = Packets6.fragment(17, 8, true, 2, new byte[24]);
        List<byte[]> twice = Packets6.fragments(44, GUEST6, PEER6, 1, nested, 16);
        lay(twice.get(0));
        assertThat(batch.frame(0).parse()).as("one in the other").isEqualTo(Drop.IP6_BAD_HEADER_ORDER);
    }

    @Example
    void anotherGuestBeginsAnew() {
        take4(0, true, 8);
        reassembler.clear();
        assertThat(reassembler.count()).isZero();
        assertThat(take4(8, false, 8)).isEqualTo(Drop.FRAGMENT_HELD);
    }

    @Example
    void reassemblyAllocatesNothing() {
        byte[] datagram = Packets6.udp(GUEST6, 5000, PEER6, 53, new byte[9_000]);
        RxBatch frames = new RxBatch(8);
        for (byte[] frame : Packets6.fragments(17, GUEST6, PEER6, 5, datagram, 1448)) {
            frames.add(Packets.memory(frame), 0, frame.length);
        }
        int[] wholes = {0};
        int[] calls = {0};
        Runnable work = () -> {
            nowNs += 1_000;
            calls[0]++;
            for (int i = 0; i < frames.count(); i++) {
                Frame f = frames.frame(i);
                if (f.parse() == Drop.IP6_FRAGMENT && reassembler.take(frames, i, nowNs) == Drop.NONE) {
                    wholes[0]++;
                    reassembler.release();
                }
            }
        };
        assertThat(Allocation.leastBytes(20_000, work)).isZero();
        assertThat(wholes[0]).isEqualTo(calls[0]).isPositive();
        assertThat(new Ip(
                        reassembler.whole().frame(0).srcHigh(),
                        reassembler.whole().frame(0).srcLow()))
                .isEqualTo(Ip.parse(GUEST6));
    }
}
