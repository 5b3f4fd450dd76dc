package io.passatelli.wire.message;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.wire.message.Dhcp6Message.Malformed;
import io.passatelli.wire.message.Dhcp6Message.Ok;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;

class Dhcp6MessageTest {
    private static final int MESSAGE = 62;

    public static Stream<String> recordings() {
        return Stream.of(
                "dhclient-solicit",
                "dhclient-request",
                "dhclient-confirm",
                "dhclient-renew",
                "dhclient-rebind",
                "dhclient-release",
                "dhclient-information",
                "dhcpcd-solicit",
                "systemd-networkd-solicit");
    }

    private static byte[] recorded(String name) {
        byte[] frame = HexDump.one("/dhcp6/" + name + ".txt");
        return Arrays.copyOfRange(frame, MESSAGE, frame.length);
    }

    private static Dhcp6Message.Parsed parse(byte[] bytes) {
        return Dhcp6Message.parse(ByteBuffer.wrap(bytes));
    }

    private static Dhcp6Message parsed(byte[] bytes) {
        return ((Ok) parse(bytes)).message();
    }

    @Test
    void recordedRenewalIsRead() {
        Dhcp6Message renew = parsed(recorded("dhclient-renew"));
        assertThat(renew.type()).isEqualTo(Dhcp6Message.RENEW);
        assertThat(renew.transactionId()).isEqualTo(0xe1566d);
        assertThat(renew.option(Dhcp6Option.SERVER_ID))
                .isEqualTo(Dhcp6Option.of(2, HexFormat.of().parseHex("000300019a559a559a55")));
        Dhcp6Option association = renew.option(Dhcp6Option.IA_NA);
        assertThat(association).isNotNull();
        assertThat(Dhcp6Association.of(association))
                .isNotNull()
                .satisfies(ia -> assertThat(ia.iaid()).isEqualTo(0x123456))
                .satisfies(ia -> assertThat(ia.addresses()).containsExactly(Ip.parse("fd77::2")));
    }

    @ParameterizedTest
    @MethodSource("recordings")
    void recordingsAreWrittenAsTheyCame(String name) {
        byte[] bytes = recorded(name);
        assertThat(parsed(bytes).toBytes(bytes.length)).isEqualTo(bytes);
    }

    @ParameterizedTest
    @MethodSource("recordings")
    void everyTruncationIsRefusedUnlessItEndsBetweenOptions(String name) {
        byte[] bytes = recorded(name);
        ByteBuffer in = ByteBuffer.wrap(bytes);
        for (int cut = 0; cut < bytes.length; cut++) {
            Dhcp6Message.Parsed parsed = parse(Arrays.copyOf(bytes, cut));
            int end = 4;
            while (end < cut) {
                end += 4 + in.getShort(end + 2);
            }
            if (cut < 4) {
                assertThat(parsed).isEqualTo(new Malformed(Drop.DHCP6_TRUNCATED));
            } else if (end == cut) {
                assertThat(parsed).as("%d bytes", cut).isInstanceOf(Ok.class);
            } else {
                assertThat(parsed).as("%d bytes", cut).isEqualTo(new Malformed(Drop.DHCP6_BAD_OPTION));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("recordings")
    void everyValueOfEveryByteIsReadOrRefused(String name) {
        byte[] bytes = recorded(name);
        for (int at = 0; at < bytes.length; at++) {
            byte right = bytes[at];
            for (int value = 0; value < 256; value++) {
                bytes[at] = (byte) value;
                switch (parse(bytes)) {
                    case Malformed(Drop why) -> assertThat(why).isNotEqualTo(Drop.NONE);
                    case Ok(Dhcp6Message message) ->
                        assertThat(message.toBytes(bytes.length)).isEqualTo(bytes);
                }
            }
            bytes[at] = right;
        }
    }

    @Test
    void relaysMessagesAreRefused() {
        byte[] bytes = recorded("dhclient-solicit");
        for (byte type = 12; type <= 13; type++) {
            bytes[0] = type;
            assertThat(parse(bytes)).isEqualTo(new Malformed(Drop.DHCP6_RELAYED));
        }
    }

    @Test
    void associationOrAddressThatIsTooShortIsNone() {
        for (int code : new int[] {Dhcp6Option.IA_NA, Dhcp6Option.IA_TA, Dhcp6Option.IA_PD}) {
            int fixed = code == Dhcp6Option.IA_TA ? 4 : 12;
            for (int length = 0; length <= fixed; length++) {
                assertThat(Dhcp6Association.of(Dhcp6Option.of(code, new byte[length])) != null)
                        .as("code %d, %d bytes", code, length)
                        .isEqualTo(length == fixed);
            }
            for (int length = 0; length <= 25; length++) {
                byte[] value = new byte[fixed + 4 + length];
                ByteBuffer.wrap(value).putShort(fixed, (short) 5).putShort(fixed + 2, (short) length);
                assertThat(Dhcp6Association.of(Dhcp6Option.of(code, value)) != null)
                        .as("address of %d bytes", length)
                        .isEqualTo(length >= 24);
            }
        }
    }

    @Test
    void optionThatDoesNotFitIsLeftOutAndTheNextMayBeIn() {
        Dhcp6Option large = Dhcp6Option.of(24, new byte[60]);
        Dhcp6Option small = Dhcp6Option.of8(7, 1);
        Dhcp6Message message = new Dhcp6Message(7, 1, List.of(large, small));
        assertThat(parsed(message.toBytes(73)).options()).containsExactly(large, small);
        assertThat(parsed(message.toBytes(72)).options()).containsExactly(large);
        assertThat(parsed(message.toBytes(67)).options()).containsExactly(small);
    }

    @Property(tries = 3000)
    void anyBytesAreReadOrRefused(@ForAll byte[] bytes) {
        if (parse(bytes) instanceof Ok(Dhcp6Message message)) {
            assertThat(message.toBytes(bytes.length)).isEqualTo(bytes);
        }
        Dhcp6Association read = Dhcp6Association.of(Dhcp6Option.of(Dhcp6Option.IA_NA, bytes));
        assertThat(read == null || read.toOption().equals(Dhcp6Option.of(Dhcp6Option.IA_NA, bytes)))
                .isTrue();
    }
}
