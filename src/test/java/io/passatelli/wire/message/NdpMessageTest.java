package io.passatelli.wire.message;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.wire.message.NdpMessage.Malformed;
import io.passatelli.wire.message.NdpMessage.Ok;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

class NdpMessageTest {
    private static final int ICMP = 54;
    private static final long MAC = 0x5254_0012_3456L;

    private static byte[] recorded(String name) {
        byte[] frame = HexDump.one("/ndp/" + name + ".txt");
        return Arrays.copyOfRange(frame, ICMP, frame.length);
    }

    private static NdpMessage.Parsed parse(byte[] bytes) {
        return NdpMessage.parse(ByteBuffer.wrap(bytes));
    }

    private static String hex(byte[] bytes) {
        return HexFormat.of().formatHex(bytes);
    }

    @Test
    void recordingsAreRead() {
        NdpOption mac = NdpOption.mac(NdpOption.SOURCE_LINK_LAYER_ADDRESS, MAC);
        assertThat(parse(recorded("linux-router-solicitation")))
                .isEqualTo(new Ok(new RouterSolicitation(List.of(mac))));
        assertThat(parse(recorded("rdisc6-router-solicitation"))).isEqualTo(new Ok(new RouterSolicitation(List.of())));
        assertThat(parse(recorded("linux-neighbor-solicitation")))
                .isEqualTo(new Ok(new NeighborSolicitation(Ip.parse("fd77::99"), List.of(mac))));
        assertThat(parse(recorded("dhcpcd-neighbor-advertisement")))
                .isEqualTo(new Ok(new NeighborAdvertisement(
                        false,
                        false,
                        true,
                        Ip.parse("fd77::2"),
                        List.of(NdpOption.mac(NdpOption.TARGET_LINK_LAYER_ADDRESS, MAC)))));
        assertThat(((Ok) parse(recorded("linux-address-probe"))).message())
                .isInstanceOfSatisfying(NeighborSolicitation.class, probe -> assertThat(
                                probe.option(NdpOption.SOURCE_LINK_LAYER_ADDRESS))
                        .isNull());
    }

    /** A solicitation may end where an option ends, and nowhere else. */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "linux-router-solicitation",
                "linux-neighbor-solicitation",
                "linux-router-solicitation.reply",
                "dhcpcd-neighbor-advertisement"
            })
    void everyTruncationIsRefusedUnlessItEndsBetweenOptions(String name) {
        byte[] bytes = recorded(name);
        int fixed =
                switch (bytes[0] & 0xff) {
                    case 133 -> 8;
                    case 134 -> 16;
                    default -> 24;
                };
        for (int cut = 0; cut < bytes.length; cut++) {
            NdpMessage.Parsed parsed = parse(Arrays.copyOf(bytes, cut));
            int end = fixed;
            while (end < cut) {
                end += 8 * bytes[end + 1];
            }
            if (cut < fixed) {
                assertThat(parsed).as("%d bytes", cut).isEqualTo(new Malformed(Drop.NDP_TRUNCATED));
            } else if (end == cut) {
                assertThat(parsed).as("%d bytes", cut).isInstanceOf(Ok.class);
            } else {
                assertThat(parsed).as("%d bytes", cut).isEqualTo(new Malformed(Drop.NDP_BAD_OPTION));
            }
        }
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"linux-router-solicitation", "linux-neighbor-solicitation", "linux-router-solicitation.reply"})
    void everyValueOfEveryByteIsReadOrRefused(String name) {
        byte[] bytes = recorded(name);
        for (int at = 0; at < bytes.length; at++) {
            byte right = bytes[at];
            for (int value = 0; value < 256; value++) {
                bytes[at] = (byte) value;
                switch (parse(bytes)) {
                    case Malformed(Drop why) -> assertThat(why).isNotEqualTo(Drop.NONE);
                    case Ok(NdpMessage message) ->
                        assertThat(message.options().stream()
                                        .mapToInt(NdpOption::wireLength)
                                        .sum())
                                .isLessThan(bytes.length);
                }
            }
            bytes[at] = right;
        }
    }

    @Test
    void optionOfEveryLengthByteIsReadOnlyIfItFits() {
        for (int units = 0; units < 256; units++) {
            for (int there = 0; there <= 16; there++) {
                byte[] bytes = new byte[8 + there];
                bytes[0] = (byte) 133;
                if (there > 0) {
                    bytes[8] = 77;
                }
                if (there > 1) {
                    bytes[9] = (byte) units;
                }
                boolean fits = there == 0 || there > 1 && units > 0 && there == units * 8;
                // sixteen bytes may hold an option of eight, and then one of length 0
                assertThat(parse(bytes) instanceof Ok)
                        .as("%d units in %d", units, there)
                        .isEqualTo(fits);
            }
        }
    }

    @Test
    void codeIsZeroAndTypeIsKnown() {
        byte[] bytes = recorded("linux-router-solicitation");
        bytes[1] = 1;
        assertThat(parse(bytes)).isEqualTo(new Malformed(Drop.NDP_BAD_CODE));
        bytes[1] = 0;
        bytes[0] = (byte) 137;
        assertThat(parse(bytes)).isEqualTo(new Malformed(Drop.NDP_TYPE_UNKNOWN));
    }

    @Test
    void optionsAreLaidOutAsTheirRfcsSay() {
        assertThat(hex(NdpOption.mac(1, MAC).value())).isEqualTo("525400123456");
        assertThat(hex(NdpOption.mtu(65_520).value())).isEqualTo("0000" + "0000fff0");
        assertThat(hex(NdpOption.prefix64(0x20010db8_00010002L, 5, 4).value()))
                .isEqualTo("40c0" + "00000005" + "00000004" + "00000000" + "20010db800010002" + "0000000000000000");
        assertThat(hex(NdpOption.resolvers(1800, List.of(Ip.parse("fd77::53"))).value()))
                .isEqualTo("0000" + "00000708" + "fd770000000000000000000000000053");
    }

    /** 8 bytes, and names that fill 6, 7, 8 and 9: zeroes follow up to the unit, and none where it is full. */
    @Test
    void searchListIsPaddedToUnitsAndNoFurther() {
        assertThat(NdpOption.search(0, List.of("abcd")).wireLength()).isEqualTo(16);
        assertThat(NdpOption.search(0, List.of("abcde")).wireLength()).isEqualTo(16);
        assertThat(NdpOption.search(0, List.of("abcdef")).wireLength()).isEqualTo(16);
        assertThat(NdpOption.search(0, List.of("abcdefg")).wireLength()).isEqualTo(24);
        assertThat(hex(NdpOption.search(9, List.of("a", "b")).value()))
                .isEqualTo("0000" + "00000009" + "016100" + "016200" + "0000");
    }

    @Property(tries = 500)
    void whatIsWrittenIsReadBack(@ForAll("messages") NdpMessage message) {
        assertThat(parse(message.toBytes())).isEqualTo(new Ok(message));
    }

    @Property(tries = 2000)
    void anyBytesAreReadOrRefused(@ForAll byte[] options, @ForAll byte type) {
        byte[] bytes = new byte[8 + options.length];
        bytes[0] = (byte) (133 + Math.floorMod(type, 6));
        System.arraycopy(options, 0, bytes, 8, options.length);
        assertThat(parse(bytes)).isInstanceOfAny(Ok.class, Malformed.class);
    }

    @Provide
    Arbitrary<NdpMessage> messages() {
        Arbitrary<NdpOption> option = Combinators.combine(
                        Arbitraries.integers().between(0, 255),
                        Arbitraries.integers().between(1, 40))
                .as((type, units) -> NdpOption.of(type, new byte[units * 8 - 2]));
        Arbitrary<Ip> target =
                Combinators.combine(Arbitraries.longs(), Arbitraries.longs()).as(Ip::new);
        return Combinators.combine(
                        Arbitraries.integers().between(0, 3),
                        target,
                        Arbitraries.integers().between(0, 0xffff),
                        option.list().ofMaxSize(6))
                .as((kind, ip, bits, options) -> switch (kind) {
                    case 0 -> new RouterSolicitation(options);
                    case 1 -> new NeighborSolicitation(ip, options);
                    case 2 -> new NeighborAdvertisement((bits & 1) != 0, (bits & 2) != 0, (bits & 4) != 0, ip, options);
                    default ->
                        new RouterAdvertisement(
                                bits & 0xff, (bits & 1) != 0, (bits & 2) != 0, bits, (int) ip.low(), bits, options);
                });
    }
}
