package io.passatelli.wire.message;

import io.passatelli.base.Drop;
import io.passatelli.wire.message.DhcpMessage.Chaddr;
import io.passatelli.wire.message.DhcpMessage.Malformed;
import io.passatelli.wire.message.DhcpMessage.Ok;
import io.passatelli.wire.message.DhcpMessage.Parsed;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

import static org.assertj.core.api.Assertions.assertThat;

class DhcpMessageTest {
    /** Ethernet, IPv4 without options, UDP. */
    private static final int HEADERS = 42;

    private static final int SNAME = 44;
    private static final int FILE = 108;
    private static final Chaddr GUEST = new Chaddr(0x5254_0012_3456_0000L, 0);

    static byte[] recorded(String name) {
        byte[] frame = HexDump.one("/dhcp/" + name + ".txt");
        return Arrays.copyOfRange(frame, HEADERS, frame.length);
    }

    private static Parsed parse(byte[] bytes) {
        return DhcpMessage.parse(ByteBuffer.wrap(bytes));
    }

    private static DhcpMessage parsed(byte[] bytes) {
        assertThat(parse(bytes)).isInstanceOf(Ok.class);
        return ((Ok) parse(bytes)).message();
    }

    private static Drop refused(byte[] bytes) {
        assertThat(parse(bytes)).isInstanceOf(Malformed.class);
        return ((Malformed) parse(bytes)).why();
    }

    /** A request whose bytes from 240 on are {@code options}, and nothing behind them. */
    private static byte[] request(int... options) {
        byte[] bytes = new byte[DhcpMessage.FIXED_LENGTH + options.length];
        byte[] whole = message(List.of()).toBytes(DhcpMessage.MIN_LENGTH);
        System.arraycopy(whole, 0, bytes, 0, DhcpMessage.FIXED_LENGTH);
        for (int i = 0; i < options.length; i++) {
            bytes[DhcpMessage.FIXED_LENGTH + i] = (byte) options[i];
        }
        return bytes;
    }

    private static DhcpMessage message(List<DhcpOption> options) {
        return new DhcpMessage(DhcpMessage.BOOTREQUEST, 0x11223344, 7, 0x8000, 1, 2, 3, 4, GUEST, options);
    }

    @ParameterizedTest
    @CsvSource({
        "udhcpc-discover, 1, 53 57 55 60 61",
        "udhcpc-request, 3, 53 50 54 57 55 60 61",
        "udhcpc-fqdn-discover, 1, 53 57 55 12 60 61 81",
        "dhclient-discover, 1, 53 12 55",
        "dhclient-fqdn-request, 3, 53 54 50 81",
        "dhcpcd-discover, 1, 53 55 57 61 80 145",
        "dhcpcd-request, 3, 50 53 54 55 57 61 145",
        "systemd-networkd-discover, 1, 53 61 55 57 12",
        "systemd-networkd-request, 3, 53 61 55 57 54 50 12",
    })
    void realGuestsAreUnderstood(String name, int type, String codes) {
        DhcpMessage message = parsed(recorded(name));

        assertThat(message.op()).isEqualTo(DhcpMessage.BOOTREQUEST);
        assertThat(message.hardware()).isEqualTo(GUEST);
        assertThat(message.hardware().mac()).isEqualTo(0x5254_0012_3456L);
        assertThat(message.option(DhcpOption.MESSAGE_TYPE)).isEqualTo(DhcpOption.of8(DhcpOption.MESSAGE_TYPE, type));
        assertThat(message.options())
                .extracting(DhcpOption::code)
                .containsExactly(
                        Arrays.stream(codes.split(" ")).map(Integer::valueOf).toArray(Integer[]::new));
    }

    @Test
    void fixedFieldsComeFromTheirPlaces() {
        byte[] bytes = new byte[300];
        for (int i = 0; i < 44; i++) {
            bytes[i] = (byte) i;
        }
        bytes[0] = 1;
        bytes[1] = 1;
        bytes[2] = 6;
        bytes[3] = 0; // hops are not kept
        var expected = new DhcpMessage(
                1,
                0x04050607,
                0x0809,
                0x0a0b,
                0x0c0d0e0f,
                0x10111213,
                0x14151617,
                0x18191a1b,
                new Chaddr(0x1c1d1e1f20212223L, 0x2425262728292a2bL),
                List.of());

        assertThat(parsed(bytes)).isEqualTo(expected);
        assertThat(Arrays.copyOf(expected.toBytes(300), 236)).isEqualTo(Arrays.copyOf(bytes, 236));
    }

    @Test
    void plainBootpWithoutCookieHasNoOptions() {
        byte[] bytes = request(53, 1, 1, 255);
        Arrays.fill(bytes, 236, 240, (byte) 0);

        assertThat(parsed(bytes).options()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(ints = {0x63825362, 0x01000000, 0x434d5500, -1})
    void anotherCookieIsRefused(int cookie) {
        byte[] bytes = request(255);
        ByteBuffer.wrap(bytes).putInt(236, cookie);

        assertThat(refused(bytes)).isEqualTo(Drop.DHCP_BAD_COOKIE);
    }

    @ParameterizedTest
    @CsvSource({
        "0, 2, DHCP_NOT_REQUEST",
        "0, 0, DHCP_NOT_REQUEST",
        "1, 6, DHCP_BAD_HARDWARE",
        "2, 16, DHCP_BAD_HARDWARE"
    })
    void anotherKindOfMessageIsRefused(int at, int value, Drop why) {
        byte[] bytes = request(255);
        bytes[at] = (byte) value;

        assertThat(refused(bytes)).isEqualTo(why);
    }

    @Test
    void padIsSkippedAndWhatStandsBehindEndIsNotRead() {
        assertThat(parsed(request(0, 0, 53, 1, 3, 0, 255, 12, 200)).options()).containsExactly(DhcpOption.of8(53, 3));
    }

    @Test
    void optionsMayEndWithoutEnd() {
        assertThat(parsed(request(53, 1, 3, 80, 0)).options())
                .containsExactly(DhcpOption.of8(53, 3), DhcpOption.ofNothing(80));
    }

    @Test
    void anOptionThatOverrunsSpoilsTheMessage() {
        assertThat(refused(request(53, 1, 3, 12, 2, 'a'))).isEqualTo(Drop.DHCP_BAD_OPTION);
        assertThat(refused(request(53, 1, 3, 12))).isEqualTo(Drop.DHCP_BAD_OPTION);
        assertThat(refused(request(12, 255))).isEqualTo(Drop.DHCP_BAD_OPTION);
    }

    @Test
    void instancesOfOneCodeAreJoined() {
        assertThat(parsed(request(55, 2, 1, 3, 53, 1, 1, 55, 1, 6, 255)).options())
                .containsExactly(DhcpOption.of(55, new byte[] {1, 3, 6}), DhcpOption.of8(53, 1));
    }

    @Test
    void overloadedFieldsAreReadFileFirst() {
        byte[] bytes = request(52, 1, 3, 55, 1, 1, 255);
        put(bytes, SNAME, 55, 1, 6, 255);
        put(bytes, FILE, 53, 1, 1, 55, 1, 3, 255);

        assertThat(parsed(bytes).options()).contains(DhcpOption.of8(53, 1), DhcpOption.of(55, new byte[] {1, 3, 6}));
    }

    @Test
    void aFieldThatIsNotOverloadedIsNotRead() {
        byte[] bytes = request(53, 1, 1, 52, 1, 2, 255);
        put(bytes, SNAME, 12, 1, 'h', 255);
        put(bytes, FILE, 12, 255);

        assertThat(parsed(bytes).option(DhcpOption.HOST_NAME)).isEqualTo(DhcpOption.ofText(12, "h"));
    }

    @Test
    void anOptionMayNotLeaveItsOverloadedField() {
        byte[] sname = request(53, 1, 1, 52, 1, 2, 255);
        put(sname, FILE - 2, 12, 1); // its value would be the first byte of file
        byte[] file = request(53, 1, 1, 52, 1, 1, 255);
        put(file, 236 - 2, 12, 1); // and here of the cookie

        assertThat(refused(sname)).isEqualTo(Drop.DHCP_BAD_OPTION);
        assertThat(refused(file)).isEqualTo(Drop.DHCP_BAD_OPTION);
        assertThat(refused(request(52, 1, 4, 255))).isEqualTo(Drop.DHCP_BAD_OPTION);
        assertThat(refused(request(52, 1, 0, 255))).isEqualTo(Drop.DHCP_BAD_OPTION);
        assertThat(refused(request(52, 2, 1, 1, 255))).isEqualTo(Drop.DHCP_BAD_OPTION);
    }

    private static void put(byte[] bytes, int at, int... values) {
        for (int i = 0; i < values.length; i++) {
            bytes[at + i] = (byte) values[i];
        }
    }

    /** Whether no option reaches over {@code cut}: a message that ends there is whole. */
    private static boolean isBoundary(byte[] bytes, int cut) {
        int at = DhcpMessage.FIXED_LENGTH;
        while (at < cut && bytes[at] != (byte) DhcpOption.END) {
            at += bytes[at] == DhcpOption.PAD ? 1 : 2 + (bytes[at + 1] & 0xff);
        }
        return at == cut || at < cut;
    }

    @ParameterizedTest
    @ValueSource(strings = {"udhcpc-discover", "dhclient-discover", "dhcpcd-request", "systemd-networkd-request"})
    void everyTruncationIsRefusedUnlessItEndsBetweenOptions(String name) {
        byte[] bytes = recorded(name);
        for (int cut = 0; cut < bytes.length; cut++) {
            byte[] head = Arrays.copyOf(bytes, cut);
            if (cut < DhcpMessage.FIXED_LENGTH) {
                assertThat(refused(head)).isEqualTo(Drop.DHCP_TRUNCATED);
            } else if (isBoundary(bytes, cut)) {
                assertThat(parse(head)).as("%d bytes", cut).isInstanceOf(Ok.class);
            } else {
                assertThat(refused(head)).as("%d bytes", cut).isEqualTo(Drop.DHCP_BAD_OPTION);
            }
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"udhcpc-discover", "dhclient-discover", "dhcpcd-request", "systemd-networkd-request"})
    void everyValueOfEveryByteIsReadOrRefused(String name) {
        byte[] bytes = recorded(name);
        for (int at = 0; at < bytes.length; at++) {
            byte right = bytes[at];
            for (int value = 0; value < 256; value++) {
                bytes[at] = (byte) value;
                switch (parse(bytes)) {
                    case Malformed(Drop why) -> assertThat(why).isNotEqualTo(Drop.NONE);
                    case Ok(DhcpMessage message) -> assertWithin(message, bytes.length);
                }
            }
            bytes[at] = right;
        }
    }

    /** No option is larger than where it can have come from, and none comes twice. */
    private static void assertWithin(DhcpMessage message, int length) {
        assertThat(message.options()).extracting(DhcpOption::code).doesNotHaveDuplicates();
        int total = message.options().stream().mapToInt(DhcpOption::length).sum();
        assertThat(total).isLessThanOrEqualTo(length - SNAME);
    }

    @Test
    void shortMessagesArePaddedWithEndFirst() {
        byte[] bytes = message(List.of(DhcpOption.of8(53, 5))).toBytes(548);

        assertThat(bytes).hasSize(300);
        assertThat(Arrays.copyOfRange(bytes, 236, 245)).containsExactly(0x63, 0x82, 0x53, 0x63, 53, 1, 5, 255, 0);
        assertThat(Arrays.copyOfRange(bytes, 44, 236)).containsOnly(0);
    }

    @Test
    void anOptionThatDoesNotFitIsLeftOutAndTheNextMayBeIn() {
        var large = DhcpOption.of(119, new byte[58]);
        var small = DhcpOption.of8(120, 1);

        // 60 bytes of options: 57 and 2 fill them with End, one more does not fit
        assertThat(parsed(message(List.of(DhcpOption.of(119, new byte[57]))).toBytes(300))
                        .options())
                .hasSize(1);
        assertThat(parsed(message(List.of(large, small)).toBytes(300)).options())
                .containsExactly(small);
        assertThat(parsed(message(List.of(large, small)).toBytes(304)).options())
                .containsExactly(large, small);
        assertThat(message(List.of(large, small)).toBytes(304)).hasSize(304);
    }

    @Test
    void longOptionsTravelInSeveralInstances() {
        var large = DhcpOption.of(119, new byte[600]);
        byte[] bytes = message(List.of(large)).toBytes(1472);

        assertThat(large.wireLength()).isEqualTo(606);
        assertThat(bytes[240]).isEqualTo((byte) 119);
        assertThat(bytes[241]).isEqualTo((byte) 255);
        assertThat(bytes[240 + 257]).isEqualTo((byte) 119);
        assertThat(bytes[240 + 2 * 257 + 1]).isEqualTo((byte) 90);
        assertThat(parsed(bytes).options()).containsExactly(large);
    }

    @Property(tries = 300)
    void whatIsWrittenIsReadBack(@ForAll("messages") DhcpMessage message) {
        byte[] bytes = message.toBytes(1472);

        assertThat(bytes.length).isBetween(300, 1472);
        assertThat(parsed(bytes))
                .isEqualTo(new DhcpMessage(
                        message.op(),
                        message.xid(),
                        message.secs(),
                        message.flags(),
                        message.ciaddr(),
                        message.yiaddr(),
                        message.siaddr(),
                        message.giaddr(),
                        message.hardware(),
                        DhcpMessage.fitting(message.options(), 1472)));
    }

    @Property(tries = 2000)
    void anyBytesAreReadOrRefused(@ForAll byte[] options, @ForAll byte overload) {
        byte[] bytes =
                request(IntStream.range(0, options.length).map(i -> options[i]).toArray());
        put(
                bytes,
                SNAME,
                IntStream.range(0, Math.min(options.length, 64))
                        .map(i -> options[i] ^ overload)
                        .toArray());

        assertThat(parse(bytes)).satisfiesAnyOf(p -> assertThat(p).isInstanceOf(Ok.class), p -> assertThat(p)
                .isEqualTo(new Malformed(Drop.DHCP_BAD_OPTION)));
    }

    @Provide
    Arbitrary<DhcpMessage> messages() {
        Arbitrary<DhcpOption> option = Combinators.combine(
                        Arbitraries.integers().between(1, 254).filter(c -> c != DhcpOption.OVERLOAD),
                        Arbitraries.bytes().array(byte[].class).ofMaxSize(400))
                .as(DhcpOption::of);
        Arbitrary<List<DhcpOption>> options = option.list().ofMaxSize(8).uniqueElements(DhcpOption::code);
        return Combinators.combine(
                        Arbitraries.integers(), Arbitraries.integers().between(0, 65535), options)
                .as((x, s, o) -> new DhcpMessage(
                        1, x, s, 65535 - s, ~x, x ^ s, x + 1, x - 1, new Chaddr(x * 77L, s), new ArrayList<>(o)));
    }
}
