package io.passatelli.proto.dhcp;

import io.passatelli.base.Ip;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.PlainNetwork;
import io.passatelli.wire.message.DhcpMessage;
import io.passatelli.wire.message.DhcpMessage.Chaddr;
import io.passatelli.wire.message.DhcpOption;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;

import static org.assertj.core.api.Assertions.assertThat;

class DhcpAnswersTest {
    private static final int GATEWAY = Ip.parse("10.77.0.1").v4();
    private static final int ADDRESS = Ip.parse("10.77.0.2").v4();

    private static GuestNetwork network(
            int mtu, List<String> search, @Nullable String hostname, @Nullable String fqdn) {
        return new GuestNetwork(
                new Cidr(Ip.v4(ADDRESS), 24),
                false,
                Ip.v4(GATEWAY),
                mtu,
                List.of(Ip.parse("10.77.0.53"), Ip.parse("192.0.2.53")),
                search,
                hostname,
                fqdn,
                GuestNetwork.DEFAULT_MAC,
                null);
    }

    private static final GuestNetwork FULL =
            network(65520, List.of("example.test", "lab.example.test"), "guest", "guest.example.test");

    private static DhcpMessage request(DhcpOption... options) {
        return new DhcpMessage(1, 0x1234, 9, 0x8000, 7, 8, 9, 10, new Chaddr(1, 2), List.of(options));
    }

    private static DhcpMessage discover(DhcpOption... more) {
        List<DhcpOption> options = new ArrayList<>(List.of(DhcpOption.of8(53, DhcpMessage.DISCOVER)));
        options.addAll(List.of(more));
        return request(options.toArray(DhcpOption[]::new));
    }

    private static DhcpMessage reply(GuestNetwork network, DhcpMessage request) {
        int gateway = Objects.requireNonNull(network.gateway()).v4();
        return Objects.requireNonNull(new DhcpAnswers(network, gateway, gateway).to(request));
    }

    private static String value(DhcpMessage message, int code) {
        DhcpOption option = message.option(code);
        return option == null ? "absent" : HexFormat.of().formatHex(option.value());
    }

    private static List<Integer> codes(DhcpMessage message) {
        return message.options().stream().map(DhcpOption::code).toList();
    }

    private static DhcpOption list(int... codes) {
        byte[] value = new byte[codes.length];
        for (int i = 0; i < codes.length; i++) {
            value[i] = (byte) codes[i];
        }
        return DhcpOption.of(DhcpOption.PARAMETER_REQUEST_LIST, value);
    }

    @ParameterizedTest
    @CsvSource({"1, 2", "3, 5"})
    void discoverIsOfferedAndRequestIsAcknowledged(int asked, int answered) {
        DhcpMessage reply = reply(FULL, request(DhcpOption.of8(53, asked)));

        assertThat(value(reply, 53)).isEqualTo("0" + answered);
        assertThat(reply.option(DhcpOption.RAPID_COMMIT)).isNull();
    }

    @Test
    void requestForAnotherAddressAtAnotherServerIsAcknowledgedWithOurs() {
        DhcpMessage reply = reply(
                FULL,
                request(
                        DhcpOption.of8(53, DhcpMessage.REQUEST),
                        DhcpOption.of32(50, 0x0a000001),
                        DhcpOption.of32(54, 0x0a000002)));

        assertThat(value(reply, 53)).isEqualTo("05");
        assertThat(reply.yiaddr()).isEqualTo(ADDRESS);
        assertThat(value(reply, 54)).isEqualTo("0a4d0001");
    }

    @Test
    void rapidCommitTurnsTheOfferIntoAnAcknowledgement() {
        DhcpMessage reply = reply(FULL, discover(DhcpOption.ofNothing(DhcpOption.RAPID_COMMIT)));

        assertThat(value(reply, 53)).isEqualTo("05");
        assertThat(value(reply, 80)).isEmpty();
    }

    @Test
    void requestWithRapidCommitIsAnsweredWithoutIt() {
        DhcpMessage reply = reply(
                FULL, request(DhcpOption.of8(53, DhcpMessage.REQUEST), DhcpOption.ofNothing(DhcpOption.RAPID_COMMIT)));

        assertThat(value(reply, 80)).isEqualTo("absent");
    }

    @Test
    void plainBootpIsAnswered() {
        assertThat(value(reply(FULL, request()), 53)).isEqualTo("05");
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 2, 4, 5, 6, 7, 8, 9, 13, 255})
    void otherTypesAreNotAnswered(int type) {
        assertThat(new DhcpAnswers(FULL, GATEWAY, GATEWAY).to(request(DhcpOption.of8(53, type))))
                .isNull();
    }

    @Test
    void aTypeThatIsNotOneByteIsNotAnswered() {
        var answers = new DhcpAnswers(FULL, GATEWAY, GATEWAY);

        assertThat(answers.to(request(DhcpOption.ofNothing(53)))).isNull();
        assertThat(answers.to(request(DhcpOption.of16(53, 0x0101)))).isNull();
    }

    @Test
    void fixedFieldsAreCopiedOrZero() {
        DhcpMessage reply = reply(FULL, discover());

        assertThat(new DhcpMessage(2, 0x1234, 0, 0x8000, 7, ADDRESS, 0, 10, new Chaddr(1, 2), reply.options()))
                .isEqualTo(reply);
    }

    @Test
    void optionsSayWhatTheGuestShallKnow() {
        DhcpMessage reply = reply(FULL, discover());

        assertThat(value(reply, 1)).isEqualTo("ffffff00");
        assertThat(value(reply, 3)).isEqualTo("0a4d0001");
        assertThat(value(reply, 6)).isEqualTo("0a4d0035c0000235");
        assertThat(value(reply, 12)).isEqualTo("6775657374");
        assertThat(value(reply, 26)).isEqualTo("fff0");
        assertThat(value(reply, 51)).isEqualTo("ffffffff");
        assertThat(value(reply, 54)).isEqualTo("0a4d0001");
        assertThat(value(reply, 119)).isEqualTo("076578616d706c650474657374" + "00" + "036c6162" + "c000");
        assertThat(value(reply, 121)).isEqualTo("absent");
        assertThat(codes(reply)).containsExactly(1, 3, 6, 12, 26, 51, 53, 54, 81, 119);
    }

    @Test
    void whatIsNotSetIsNotSaid() {
        var bare = PlainNetwork.of(new Cidr(Ip.v4(ADDRESS), 24), Ip.v4(GATEWAY), 0, null);

        assertThat(codes(reply(bare, discover(list(26, 6, 12, 81, 119, 121, 80, 99)))))
                .containsExactly(53, 1, 3, 51, 54);
    }

    @Test
    void optionsStandInTheOrderOfTheListThenAscending() {
        assertThat(codes(reply(FULL, discover(list(119, 3, 1, 200)))))
                .containsExactly(53, 119, 3, 1, 6, 12, 26, 51, 54, 81);
        assertThat(codes(reply(FULL, discover(list(6, 53, 1))))).containsExactly(6, 53, 1, 3, 12, 26, 51, 54, 81, 119);
        assertThat(codes(reply(FULL, discover(list())))).containsExactly(53, 1, 3, 6, 12, 26, 51, 54, 81, 119);
    }

    @Test
    void aCodeListedTwiceIsSaidOnce() {
        assertThat(codes(reply(FULL, discover(list(3, 3, 53, 3, 53)))))
                .containsExactly(3, 53, 1, 6, 12, 26, 51, 54, 81, 119);
    }

    @Test
    void theListMayNameEveryCode() {
        int[] all = new int[256];
        for (int i = 0; i < 256; i++) {
            all[i] = 255 - i;
        }
        assertThat(codes(reply(FULL, discover(list(all))))).containsExactly(119, 81, 54, 53, 51, 26, 12, 6, 3, 1);
    }

    @Test
    void aGatewayOutsideTheSubnetIsReachedByClasslessRoutes() {
        var network = PlainNetwork.of(new Cidr(Ip.v4(ADDRESS), 32), Ip.parse("10.88.1.1"), 1500, null);
        DhcpMessage reply = reply(network, discover());

        assertThat(value(reply, 1)).isEqualTo("ffffffff");
        assertThat(value(reply, 3)).isEqualTo("0a580101");
        assertThat(value(reply, 121)).isEqualTo("200a580101" + "00000000" + "00" + "0a580101");
    }

    /** N always, E as the guest, O where the guest set S; RFC 4702 §4. */
    @ParameterizedTest
    @CsvSource({
        "absent, 0cffff, canonical",
        "040000, 0cffff, canonical",
        "050000, 0effff, canonical",
        "0d0000, 0effff, canonical",
        "0000, 0cffff, canonical",
        "'', 0cffff, canonical",
        "000000, 08ffff, text",
        "010000, 0affff, text",
    })
    void fqdnAnswersTheGuestsFlagsInItsEncoding(String asked, String header, String encoding) {
        DhcpMessage request = asked.equals("absent")
                ? discover()
                : discover(DhcpOption.of(DhcpOption.CLIENT_FQDN, HexFormat.of().parseHex(asked)));
        String name = encoding.equals("text")
                ? HexFormat.of().formatHex("guest.example.test".getBytes(StandardCharsets.US_ASCII))
                : "056775657374" + "076578616d706c65" + "0474657374" + "00";

        assertThat(value(reply(FULL, request), 81)).isEqualTo(header + name);
    }

    @ParameterizedTest
    @CsvSource({
        "0, absent, 548",
        "0, 0240, 548",
        "0, 0000, 548",
        "0, 05dc, 1472",
        "0, ffff, 1472",
        "0, 05, 548",
        "0, 05dc00, 548",
        "65520, 05c0, 1444",
        "1280, 05dc, 1252",
        "400, 05dc, 548",
    })
    void theReplyIsAsLongAsTheGuestTakesAndItsLinkCarries(int mtu, String said, int most) {
        DhcpMessage request = said.equals("absent")
                ? discover()
                : discover(DhcpOption.of(
                        DhcpOption.MAXIMUM_MESSAGE_SIZE, HexFormat.of().parseHex(said)));
        var answers = new DhcpAnswers(network(mtu, List.of(), null, null), GATEWAY, GATEWAY);

        assertThat(answers.mostBytes(request)).isEqualTo(most);
    }

    @Test
    void aSearchListThatIsTooLongIsLeftOutUnlessTheGuestTakesMore() {
        List<String> long6 = List.of(
                "a".repeat(60) + ".test",
                "b".repeat(60) + ".test",
                "c".repeat(60) + ".test",
                "d".repeat(60) + ".test",
                "e".repeat(60) + ".test",
                "f".repeat(60) + ".test");
        var answers = new DhcpAnswers(network(1500, long6, "guest", null), GATEWAY, GATEWAY);
        DhcpMessage reply = Objects.requireNonNull(answers.to(discover()));

        assertThat(answers.tooLong()).extracting(DhcpOption::code).containsExactly(119);
        assertThat(DhcpMessage.fitting(reply.options(), 548))
                .extracting(DhcpOption::code)
                .doesNotContain(119);
        assertThat(DhcpMessage.fitting(reply.options(), 1472)).isEqualTo(reply.options());
        assertThat(Objects.requireNonNull(reply.option(119)).wireLength()).isEqualTo(382 + 4);
    }

    @Test
    void ordinaryNetworksFitWhole() {
        assertThat(new DhcpAnswers(FULL, GATEWAY, GATEWAY).tooLong()).isEmpty();
    }
}
