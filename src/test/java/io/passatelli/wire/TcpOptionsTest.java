package io.passatelli.wire;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

class TcpOptionsTest {
    /** What a SYN says. */
    private record Said(int mss, int windowScale, boolean sacks) {}

    private static final Said NOTHING = new Said(536, -1, false);

    /** Reads {@code options}, padded to whole words, from a header that ends with its memory: one byte too far would throw. */
    private static Said read(byte[] options) {
        int words = 5 + (options.length + 3) / 4;
        byte[] header = new byte[words * 4];
        header[12] = (byte) (words << 4 | 0xf);
        System.arraycopy(options, 0, header, 20, options.length);
        TcpOptions read = new TcpOptions();
        read.mss = 1; // of a SYN before it
        read.windowScale = 9;
        read.sackPermitted = true;
        read.read(Packets.memory(header), 0);
        return new Said(read.mss, read.windowScale, read.sackPermitted);
    }

    private static Said read(String hex) {
        return read(HexFormat.of().parseHex(hex));
    }

    /**
     * The same in other words: cuts the list into options first, up to where it can not be cut, then looks at them.
     */
    static void assertReadsAsTheReference(byte[] options) {
        byte[] padded = Arrays.copyOf(options, (options.length + 3) / 4 * 4);
        List<byte[]> list = new ArrayList<>();
        ByteBuffer in = ByteBuffer.wrap(padded);
        while (in.hasRemaining()) {
            int kind = in.get();
            if (kind == 0) {
                break;
            }
            if (kind == 1) {
                continue;
            }
            int content = in.hasRemaining() ? (in.get() & 0xff) - 2 : -1;
            if (content < 0 || content > in.remaining()) {
                break;
            }
            byte[] option = new byte[1 + content];
            option[0] = (byte) kind;
            in.get(option, 1, content);
            list.add(option);
        }
        int mss = NOTHING.mss;
        int scale = NOTHING.windowScale;
        boolean sacks = false;
        for (byte[] option : list) {
            if (option.length == 3 && option[0] == 2 && (option[1] | option[2]) != 0) {
                mss = new BigInteger(1, Arrays.copyOfRange(option, 1, 3)).intValue();
            }
            if (option.length == 2 && option[0] == 3) {
                scale = Math.min(14, option[1] & 0xff);
            }
            sacks |= option.length == 1 && option[0] == 4;
        }
        assertThat(read(options)).isEqualTo(new Said(mss, scale, sacks));
    }

    @Property
    void anyBytesAreReadAsFarAsTheyAreGood(@ForAll @Size(max = 40) byte[] options) {
        assertReadsAsTheReference(options);
    }

    /** Small numbers are kinds and lengths that mean something. */
    @Property(tries = 5_000)
    void bytesThatLookLikeOptionsAreReadAsFarAsTheyAreGood(@ForAll("small") byte[] options) {
        assertReadsAsTheReference(options);
    }

    @Provide
    Arbitrary<byte[]> small() {
        return Arbitraries.bytes()
                .between((byte) 0, (byte) 6)
                .array(byte[].class)
                .ofMaxSize(40);
    }

    @Provide
    Arbitrary<List<byte[]>> lists() {
        Arbitrary<byte[]> mss =
                Arbitraries.integers().between(1, 0xffff).map(v -> new byte[] {2, 4, (byte) (v >>> 8), v.byteValue()});
        Arbitrary<byte[]> scale = Arbitraries.integers().between(0, 14).map(v -> new byte[] {3, 3, v.byteValue()});
        Arbitrary<byte[]> nop = Arbitraries.just(new byte[] {1});
        Arbitrary<byte[]> other = Combinators.combine(
                        Arbitraries.of(4, 5, 8, 19, 28, 30, 34, 69, 253, 254, 255),
                        Arbitraries.bytes().array(byte[].class).ofMaxSize(10))
                .as((kind, content) -> ByteBuffer.allocate(2 + content.length)
                        .put(kind.byteValue())
                        .put((byte) (2 + content.length))
                        .put(content)
                        .array());
        return Arbitraries.oneOf(mss, scale, nop, other).list().ofMaxSize(8);
    }

    @Property
    void optionsAreFoundAmongAnyOthers(@ForAll("lists") List<byte[]> list) {
        ByteBuffer all = ByteBuffer.allocate(40);
        Said said = NOTHING;
        for (byte[] option : list) {
            if (option.length > all.remaining()) {
                break;
            }
            all.put(option);
            said = switch (option[0]) {
                case 2 -> new Said((option[2] & 0xff) << 8 | option[3] & 0xff, said.windowScale, said.sacks);
                case 3 -> new Said(said.mss, option[2], said.sacks);
                case 4 -> new Said(said.mss, said.windowScale, said.sacks || option.length == 2);
                default -> said;
            };
        }
        assertThat(read(Arrays.copyOf(all.array(), all.position()))).isEqualTo(said);
    }

    @Property
    void whatIsWrittenIsRead(
            @ForAll @IntRange(min = 1, max = 0xffff) int mss,
            @ForAll boolean sacks,
            @ForAll @IntRange(min = -1, max = 14) int windowScale) {
        byte[] bytes = new byte[18];
        Arrays.fill(bytes, (byte) 0xa5);
        MemorySegment s = Packets.memory(bytes);
        int length = TcpOptions.write(s, 3, mss, sacks, windowScale);
        assertThat(length).isEqualTo(4 + (sacks ? 4 : 0) + (windowScale < 0 ? 0 : 4));
        assertThat(length).isLessThanOrEqualTo(TcpOptions.LENGTH);
        assertThat(Packets.bytes(s, 0, 3)).containsOnly(0xa5);
        assertThat(Packets.bytes(s, 3 + length, 15 - length)).containsOnly(0xa5);
        assertThat(read(Packets.bytes(s, 3, length))).isEqualTo(new Said(mss, windowScale, sacks));
    }

    @Example
    void optionsAreWrittenAsTheRfcsDrawThem() {
        MemorySegment s = Packets.memory(new byte[12]);
        assertThat(TcpOptions.write(s, 0, 1460, true, 8)).isEqualTo(12);
        assertThat(Packets.bytes(s, 0, 12)).isEqualTo(HexFormat.of().parseHex("020405b40101040201030308"));
    }

    @Example
    void blocksAreWrittenAsRfc2018DrawsThem() {
        MemorySegment s = Packets.memory(new byte[20]);
        assertThat(TcpOptions.sackLength(2)).isEqualTo(20);
        TcpOptions.sack(s, 0, 2);
        TcpOptions.sackBlock(s, 0, 0, 0x01020304, 0x01020408);
        TcpOptions.sackBlock(s, 0, 1, -2, 5);
        assertThat(Packets.bytes(s, 0, 20))
                .isEqualTo(HexFormat.of().parseHex("0101051201020304" + "01020408" + "fffffffe00000005"));
    }

    @Example
    void peerThatSaysNothingTakes536BytesAndDoesNotScale() {
        assertThat(read("")).isEqualTo(NOTHING);
        assertThat(read("01010101")).isEqualTo(NOTHING);
        assertThat(read("00000000")).isEqualTo(NOTHING);
    }

    @Example
    void scaleBeyond14IsTakenFor14() {
        for (int scale = 0; scale < 256; scale++) {
            assertThat(read("0303%02x".formatted(scale))).isEqualTo(new Said(536, Math.min(scale, 14), false));
        }
    }

    @Example
    void mssOfZeroSaysNothing() {
        assertThat(read("02040000")).isEqualTo(NOTHING);
        assertThat(read("020405b402040000")).isEqualTo(new Said(1460, -1, false));
    }

    @Example
    void optionOfAnImpossibleLengthEndsTheList() {
        for (int length : new int[] {0, 1, 9, 40, 255}) {
            assertThat(read("020405b4" + "05%02x0000".formatted(length) + "03030700"))
                    .as("length %s", length)
                    .isEqualTo(new Said(1460, -1, false));
        }
        assertThat(read("020405b4" + "0508000003030700")).isEqualTo(new Said(1460, -1, false)); // exactly to the end
        assertThat(read("020405b4" + "0504000003030700")).isEqualTo(new Said(1460, 7, false));
    }
}
