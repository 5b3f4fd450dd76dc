package io.passatelli.wire;

import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.LongRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;

import static org.assertj.core.api.Assertions.assertThat;

class ChecksumTest {
    private static byte[] random(long seed, int length) {
        byte[] bytes = new byte[length];
        new Random(seed).nextBytes(bytes);
        return bytes;
    }

    private static int sum(byte[] bytes) {
        return Checksum.sum(Packets.memory(bytes), 0, bytes.length);
    }

    /** Ones' complement has two zeros; data that is not all zero sums to ffff, never to 0. */
    private static int naive(byte[] bytes) {
        return Packets.naiveSum(bytes, 0, bytes.length);
    }

    @Example
    void exampleOfTheRfcSumsToItsResult() {
        // RFC 1071 §3: 0001 f203 f4f5 f6f7 gives ddf2
        assertThat(sum(HexFormat.of().parseHex("0001f203f4f5f6f7"))).isEqualTo(0xddf2);
    }

    @Example
    void headerWithItsChecksumIsGood() {
        byte[] header = HexFormat.of().parseHex("45000073000040004011b861c0a80001c0a800c7");
        assertThat(sum(header)).isEqualTo(Checksum.GOOD);
        header[10] = 0;
        header[11] = 0;
        assertThat(Checksum.of(sum(header))).isEqualTo(0xb861);
    }

    @Example
    void nothingSumsToZeroAndOnesSumToOnes() {
        assertThat(sum(new byte[0])).isZero();
        for (int n = 1; n < 2_000; n++) {
            byte[] bytes = new byte[n];
            assertThat(sum(bytes)).as("%s zeros", n).isZero();
            Arrays.fill(bytes, (byte) 0xff);
            assertThat(sum(bytes)).as("%s ones", n).isEqualTo(n % 2 == 0 ? 0xffff : naive(bytes));
        }
    }

    @Example
    void everyLengthAndStartAgreesWithTheReference() {
        byte[] bytes = random(1, 1_200);
        MemorySegment memory = Packets.memory(bytes);
        for (int start = 0; start < 9; start++) {
            for (int length = 0; length <= bytes.length - start; length++) {
                assertThat(Checksum.sum(memory, start, length))
                        .as("%s bytes at %s", length, start)
                        .isEqualTo(Packets.naiveSum(bytes, start, length));
            }
        }
    }

    @Example
    void largestFrameOfOnesDoesNotOverflow() {
        byte[] bytes = new byte[65_535];
        Arrays.fill(bytes, (byte) 0xff);
        assertThat(sum(bytes)).isEqualTo(naive(bytes));
    }

    @Property
    void foldKeepsTheRemainderAndIsZeroForZeroOnly(@ForAll @LongRange(max = Long.MAX_VALUE) long sum) {
        assertThat(Checksum.fold(sum)).isEqualTo(sum == 0 ? 0 : (int) ((sum - 1) % 0xffff) + 1);
    }

    @Example
    void lastCarryOfTheFoldIsNotLost() {
        assertThat(Checksum.fold(0x1_0000_ffff_ffffL)).isEqualTo(1); // as over 256 KiB of ones
    }

    @Property
    void sumAgreesWithTheReference(@ForAll long seed, @ForAll @IntRange(max = 9_000) int length) {
        byte[] bytes = random(seed, length);
        assertThat(sum(bytes)).isEqualTo(naive(bytes));
    }

    @Property
    void sumOverPiecesIsTheSumOverTheWhole(
            @ForAll long seed, @ForAll @Size(max = 25) List<@IntRange(max = 1_500) Integer> pieces) {
        int total = pieces.stream().mapToInt(Integer::intValue).sum();
        byte[] whole = random(seed, total);
        int sum = 0;
        int before = 0;
        for (int length : pieces) {
            byte[] piece = Arrays.copyOfRange(whole, before, before + length);
            sum = Checksum.add(sum, before, Packets.memory(piece), 0, length);
            before += length;
        }
        assertThat(sum).isEqualTo(naive(whole));
    }

    @Property
    void incrementalUpdateIsTheFullChecksum16(
            @ForAll long seed,
            @ForAll @IntRange(min = 2, max = 100) int words,
            @ForAll @IntRange(max = 0xffff) int to) {
        byte[] bytes = random(seed, words * 2);
        int at = 2 * (int) Math.floorMod(seed, (long) words);
        MemorySegment memory = Packets.memory(bytes);
        int before = Checksum.of(Checksum.sum(memory, 0, bytes.length));
        int from = Octets.u16(memory, at);
        Octets.u16(memory, at, to);
        assertSameChecksum(Checksum.update16(before, from, to), memory);
    }

    @Property
    void incrementalUpdateIsTheFullChecksum32(
            @ForAll long seed, @ForAll @IntRange(min = 3, max = 100) int words, @ForAll int to) {
        byte[] bytes = random(seed, words * 2);
        int at = 2 * (int) Math.floorMod(seed, words - 1L);
        MemorySegment memory = Packets.memory(bytes);
        int before = Checksum.of(Checksum.sum(memory, 0, bytes.length));
        int from = Octets.u32(memory, at);
        Octets.u32(memory, at, to);
        assertSameChecksum(Checksum.update32(before, from, to), memory);
    }

    /** The full sum of data that became all zero is 0, where every update leaves ffff: one number in ones' complement. */
    private static void assertSameChecksum(int updated, MemorySegment memory) {
        int full = Checksum.of(Checksum.sum(memory, 0, (int) memory.byteSize()));
        boolean allZero = memory.mismatch(Packets.memory(new byte[(int) memory.byteSize()])) == -1;
        assertThat(updated).isEqualTo(allZero ? 0 : full);
    }

    @Example
    void exampleOfTheIncrementalUpdateRfcGivesItsResult() {
        // RFC 1624 §4: eqn. 2 of RFC 1141 would give ffff here
        assertThat(Checksum.update16(0xdd2f, 0x5555, 0x3285)).isZero();
    }

    @Property
    void pseudoHeaderIsTheSumOfItsTwelveOctets(
            @ForAll int src,
            @ForAll int dst,
            @ForAll @IntRange(max = 255) int protocol,
            @ForAll @IntRange(max = 0xffff) int length) {
        MemorySegment pseudo = Packets.memory(new byte[12]);
        Octets.u32(pseudo, 0, src);
        Octets.u32(pseudo, 4, dst);
        Octets.u16(pseudo, 8, protocol);
        Octets.u16(pseudo, 10, length);
        assertThat(Checksum.pseudo4(src, dst, protocol, length)).isEqualTo(naive(Packets.bytes(pseudo, 0, 12)));
    }

    @Example
    void udpChecksumIsJudgedOverPieces() {
        byte[] payload = random(7, 333);
        byte[] datagram = Packets.udp("10.0.2.15", 5000, "192.0.2.1", 53, payload);
        int pseudo = Checksum.pseudo4(0x0a00_020f, 0xc000_0201, Ip4.UDP, datagram.length);
        for (int cut = 8; cut < datagram.length; cut++) {
            MemorySegment head = Packets.memory(Arrays.copyOf(datagram, cut));
            MemorySegment rest = Packets.memory(Arrays.copyOfRange(datagram, cut, datagram.length));
            int sum = Checksum.add(pseudo, 0, head, 0, cut);
            sum = Checksum.add(sum, cut, rest, 0, datagram.length - cut);
            assertThat(Udp.isGood(head, 0, sum)).as("cut at %s", cut).isTrue();
            assertThat(Udp.isGood(head, 0, Checksum.update16(sum, 0, 1))).isFalse();
        }
        MemorySegment none = Packets.memory(datagram);
        Udp.noChecksum(none, 0);
        assertThat(Udp.isGood(none, 0, 0x1234)).isTrue();
    }

    /** As if the field had been zero, or had the other value, when the sum was made. */
    @Test
    void fieldIsTakenOffTheSumAndAnotherPutIn() {
        for (int value : new int[] {0, 1, -1, 0x0001_ffff, 0xfffe_0000, 0x1234_5678}) {
            for (int other : new int[] {0, -1, 0x8765_4321}) {
                int rest = 0x4321;
                int with = Checksum.with32(rest, value);
                int then = Checksum.with32(Checksum.without32(with, value), other);
                assertThat(then % 0xffff).isEqualTo(Checksum.with32(rest, other) % 0xffff);
            }
        }
    }
}
