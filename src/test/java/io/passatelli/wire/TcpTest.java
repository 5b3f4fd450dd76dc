package io.passatelli.wire;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.HexFormat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class TcpTest {
    private static final ValueLayout.OfByte U8 = ValueLayout.JAVA_BYTE;
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);
    private static final ValueLayout.OfInt U32 = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    /** The table of RFC 9293 §3.1 once more, in words that are not offsets. */
    private static final StructLayout HEADER = MemoryLayout.structLayout(
            U16.withName("source port"),
            U16.withName("destination port"),
            U32.withName("sequence number"),
            U32.withName("acknowledgment number"),
            U8.withName("data offset and reserved"),
            U8.withName("control bits"),
            U16.withName("window"),
            U16.withName("checksum"),
            U16.withName("urgent pointer"));

    private static long offset(String field) {
        return HEADER.byteOffset(PathElement.groupElement(field));
    }

    private static int u8(MemorySegment s, long at, String field) {
        return s.get(U8, at + offset(field)) & 0xff;
    }

    private static int u16(MemorySegment s, long at, String field) {
        return s.get(U16, at + offset(field)) & 0xffff;
    }

    private static int u32(MemorySegment s, long at, String field) {
        return s.get(U32, at + offset(field));
    }

    private static void assertReadsAsLaidOut(MemorySegment s, long at) {
        assertThat(Tcp.srcPort(s, at)).isEqualTo(u16(s, at, "source port"));
        assertThat(Tcp.dstPort(s, at)).isEqualTo(u16(s, at, "destination port"));
        assertThat(Tcp.seq(s, at)).isEqualTo(u32(s, at, "sequence number"));
        assertThat(Tcp.ack(s, at)).isEqualTo(u32(s, at, "acknowledgment number"));
        assertThat(Tcp.headerLength(s, at)).isEqualTo((u8(s, at, "data offset and reserved") >> 4) * 4);
        assertThat(Tcp.flags(s, at)).isEqualTo(u8(s, at, "control bits"));
        assertThat(Tcp.window(s, at)).isEqualTo(u16(s, at, "window"));
        assertThat(Tcp.checksum(s, at)).isEqualTo(u16(s, at, "checksum"));
    }

    @Example
    void layoutOfTheHeaderIsAsLongAsTheHeader() {
        assertThat(HEADER.byteSize()).isEqualTo(Tcp.LENGTH);
        assertThat(offset("checksum")).isEqualTo(Tcp.CHECKSUM);
        assertThat(Tcp.LENGTH_MAX).isEqualTo(0xf * 4);
    }

    @Example
    void bitsOfControlStandInTheOrderOfTheRfc() {
        int[] bits = {Tcp.CWR, Tcp.ECE, Tcp.URG, Tcp.ACK, Tcp.PSH, Tcp.RST, Tcp.SYN, Tcp.FIN};
        for (int i = 0; i < 8; i++) {
            assertThat(bits[i]).isEqualTo(0x80 >> i);
        }
    }

    @Property
    void anyOctetsReadAsTheyAreLaidOut(@ForAll @Size(value = 20) byte[] header, @ForAll @IntRange(max = 9) int before) {
        byte[] bytes = new byte[before + 20];
        System.arraycopy(header, 0, bytes, before, 20);
        assertReadsAsLaidOut(Packets.memory(bytes), before);
    }

    /** A header of {@code words} words at {@code at}, which every setter had a hand in. */
    private static void emit(MemorySegment s, long at, TcpSegment from, int words, int checksum) {
        Tcp.start(s, at, from.srcPort(), from.dstPort(), words * 4);
        Tcp.seq(s, at, from.seq());
        Tcp.ack(s, at, from.ack());
        Tcp.flags(s, at, from.flags());
        Tcp.window(s, at, from.window());
        assertThat(Tcp.checksum(s, at)).isZero();
        Tcp.checksum(s, at, checksum);
    }

    @Property
    void whatIsWrittenIsReadAndNothingElseIsTouched(
            @ForAll @IntRange(max = 0xffff) int srcPort,
            @ForAll @IntRange(max = 0xffff) int dstPort,
            @ForAll int seq,
            @ForAll int ack,
            @ForAll @IntRange(max = 0xff) int flags,
            @ForAll @IntRange(max = 0xffff) int window,
            @ForAll @IntRange(min = 5, max = 15) int words,
            @ForAll @IntRange(max = 0xffff) int checksum) {
        byte[] bytes = new byte[3 + 20 + 5];
        Arrays.fill(bytes, (byte) 0xa5);
        MemorySegment s = Packets.memory(bytes);
        TcpSegment from = new TcpSegment("", srcPort, "", dstPort, seq, ack, flags, window, "", "");
        emit(s, 3, from, words, checksum);
        assertThat(Tcp.srcPort(s, 3)).isEqualTo(srcPort);
        assertThat(Tcp.dstPort(s, 3)).isEqualTo(dstPort);
        assertThat(Tcp.seq(s, 3)).isEqualTo(seq);
        assertThat(Tcp.ack(s, 3)).isEqualTo(ack);
        assertThat(Tcp.headerLength(s, 3)).isEqualTo(words * 4);
        assertThat(Tcp.flags(s, 3)).isEqualTo(flags);
        assertThat(Tcp.window(s, 3)).isEqualTo(window);
        assertThat(Tcp.checksum(s, 3)).isEqualTo(checksum);
        assertReadsAsLaidOut(s, 3);
        assertThat(u8(s, 3, "data offset and reserved") & 0xf).isZero();
        assertThat(u16(s, 3, "urgent pointer")).isZero();
        assertThat(Packets.bytes(s, 0, 3)).containsOnly(0xa5);
        assertThat(Packets.bytes(s, 23, 5)).containsOnly(0xa5);
    }

    @Property
    void headerThatIsReadAndWrittenAnewIsTheSame(
            @ForAll @Size(value = 20) byte[] header, @ForAll @IntRange(min = 5, max = 15) int words) {
        header[12] = (byte) (words << 4);
        header[18] = header[19] = 0;
        MemorySegment in = Packets.memory(header);
        MemorySegment out = Packets.memory(new byte[20]);
        TcpSegment read = new TcpSegment(
                "",
                Tcp.srcPort(in, 0),
                "",
                Tcp.dstPort(in, 0),
                Tcp.seq(in, 0),
                Tcp.ack(in, 0),
                Tcp.flags(in, 0),
                Tcp.window(in, 0),
                "",
                "");
        emit(out, 0, read, Tcp.headerLength(in, 0) / 4, Tcp.checksum(in, 0));
        assertThat(Packets.bytes(out, 0, 20)).isEqualTo(header);
    }

    @Property
    void segmentOfAFrameIsFoundAsItWasBuilt(
            @ForAll boolean isIp6,
            @ForAll int seq,
            @ForAll int ack,
            @ForAll @IntRange(max = 0xff) int flags,
            @ForAll @IntRange(max = 0xffff) int window,
            @ForAll @Size(max = 40) byte[] options,
            @ForAll @Size(max = 1500) byte[] payload) {
        String src = isIp6 ? "fd77::2" : "10.0.2.15";
        String dst = isIp6 ? "2001:db8::1" : "192.0.2.1";
        String hex = HexFormat.of().formatHex(Arrays.copyOf(options, options.length / 4 * 4));
        TcpSegment segment = new TcpSegment(src, 1, dst, 0xffff, seq, ack, flags, window, hex, "").payload(payload);
        Frame f = Packets.frame(segment.fromGuest());
        assertThat(f.parse()).isEqualTo(Drop.NONE);
        MemorySegment s = f.bytes();
        int header = Tcp.headerLength(s, f.l4());
        TcpSegment found = new TcpSegment(
                        new Ip(f.srcHigh(), f.srcLow()).toString(),
                        Tcp.srcPort(s, f.l4()),
                        new Ip(f.dstHigh(), f.dstLow()).toString(),
                        Tcp.dstPort(s, f.l4()),
                        Tcp.seq(s, f.l4()),
                        Tcp.ack(s, f.l4()),
                        Tcp.flags(s, f.l4()),
                        Tcp.window(s, f.l4()),
                        HexFormat.of().formatHex(Packets.bytes(s, f.l4() + Tcp.LENGTH, header - Tcp.LENGTH)),
                        "")
                .payload(Packets.bytes(s, f.payload(), f.payloadLength()));
        assertThat(found).isEqualTo(segment);
        int pseudo = Checksum.pseudo(f.srcHigh(), f.srcLow(), f.dstHigh(), f.dstLow(), Ip4.TCP, f.l4Length());
        assertThat(Checksum.add(pseudo, 0, s, f.l4(), f.l4Length())).isEqualTo(Checksum.GOOD);
    }

    @Example
    void everyHeaderLengthIsJudgedByWhatIsThere() {
        for (int octet = 0; octet < 256; octet++) {
            for (int available = 0; available <= 64; available++) {
                for (int head = 0; head <= available; head++) {
                    byte[] bytes = new byte[head];
                    if (head > 12) {
                        bytes[12] = (byte) octet;
                    }
                    int header = octet / 16 * 4;
                    Drop expected = head < 20
                            ? Drop.TCP_TRUNCATED
                            : header < 20 || header > available
                                    ? Drop.TCP_BAD_LENGTH
                                    : header > head ? Drop.TCP_TRUNCATED : Drop.NONE;
                    assertThat(Tcp.check(Packets.memory(bytes), 0, head, available))
                            .isEqualTo(expected);
                }
            }
        }
    }

    @Example
    void headerOfAnImpossibleLengthIsNotBegun() {
        MemorySegment s = Packets.memory(new byte[64]);
        for (int length : new int[] {-4, 0, 16, 21, 22, 23, 61, 64}) {
            assertThatThrownBy(() -> Tcp.start(s, 0, 1, 2, length)).isInstanceOf(AssertionError.class);
        }
    }
}
