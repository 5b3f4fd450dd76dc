package io.passatelli.wire;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.util.HexFormat;

import static io.passatelli.wire.TcpSegment.ACK;
import static io.passatelli.wire.TcpSegment.FIN;
import static io.passatelli.wire.TcpSegment.PSH;
import static io.passatelli.wire.TcpSegment.SYN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** The tests' own tool is held against octets that it did not make. */
class TcpSegmentTest {
    /** Its checksum is what tshark(1) wants. */
    private static final TcpSegment SYN_FROM_GUEST = TcpSegment.between("10.0.2.15", 40_000, "192.0.2.1", 80)
            .seq(0x11223344)
            .with(SYN)
            .window(64_240)
            .mss(1460)
            .windowScale(7);

    private static TcpSegment segment(String src, String dst) {
        return TcpSegment.between(src, 40_000, dst, 443)
                .seq(-2)
                .ack(0xfedcba98)
                .with(PSH | FIN)
                .window(512)
                .options("0101080a0000000100000002")
                .payload("hello");
    }

    @Test
    void segmentIsBuiltOctetByOctet() {
        assertThat(HexFormat.of().formatHex(SYN_FROM_GUEST.bytes()))
                .isEqualTo("9c400050" + "11223344" + "00000000" + "7002faf0" + "da200000" + "020405b4" + "01030307");
    }

    @ParameterizedTest
    @CsvSource({"10.0.2.15, 192.0.2.1", "fd77::2, 2001:db8::1"})
    void whatIsBuiltIsTakenApart(String src, String dst) {
        TcpSegment segment = segment(src, dst);
        byte[] frame = segment.fromGuest();
        assertThat(TcpSegment.isIn(frame)).isTrue();
        assertThat(TcpSegment.parse(frame)).isEqualTo(segment);
        assertThat(TcpSegment.parse(Packets.padded(frame, frame.length + 7))).isEqualTo(segment);
        assertThat(segment.end()).isEqualTo(4);
        assertThat(segment.flags()).isEqualTo(PSH | FIN | ACK);
        assertThat(segment.flagText()).isEqualTo("FP.");
        assertThat(segment.mss()).isEqualTo(-1);
    }

    @ParameterizedTest
    @CsvSource({"10.0.2.15, 192.0.2.1", "fd77::2, 2001:db8::1"})
    void everyFlippedBitBehindTheIpHeaderIsNoticed(String src, String dst) {
        byte[] frame = segment(src, dst).fromGuest();
        for (int bit = 8 * (src.indexOf(':') < 0 ? 34 : 54); bit < 8 * frame.length; bit++) {
            byte[] changed = frame.clone();
            changed[bit / 8] ^= (byte) (1 << bit % 8);
            assertThatThrownBy(() -> TcpSegment.parse(changed)).isInstanceOf(AssertionError.class);
        }
    }

    @Test
    void sumOfThePseudoHeaderStandsInForTheChecksum() {
        byte[] frame = SYN_FROM_GUEST.fromGuest();
        Offload offload = new Offload();
        offload.flags = Offload.NEEDS_CSUM;
        offload.csumStart = 34;
        offload.csumOffset = 16;
        assertThatThrownBy(() -> TcpSegment.parse(frame, offload)).isInstanceOf(AssertionError.class);
        // 0a00 + 020f + c000 + 0201 + 6 + 28
        frame[50] = (byte) 0xce;
        frame[51] = 0x32;
        assertThat(TcpSegment.parse(frame, offload)).isEqualTo(SYN_FROM_GUEST);
        assertThatThrownBy(() -> TcpSegment.parse(frame)).isInstanceOf(AssertionError.class);
    }

    @Test
    void optionsAreRead() {
        assertThat(SYN_FROM_GUEST.mss()).isEqualTo(1460);
        assertThat(SYN_FROM_GUEST.windowScale()).isEqualTo(7);
        assertThat(SYN_FROM_GUEST.option(8)).isEqualTo(-1);
        assertThat(SYN_FROM_GUEST)
                .hasToString(
                        "10.0.2.15:40000 > 192.0.2.1:80 [S] seq 287454020 ack 0 win 64240 opt <020405b401030307> len 0 \"\"");
    }
}
