package io.passatelli.proto.dhcpv6;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.guest.FrameComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.guest.Neighbours;
import io.passatelli.link.RxBatch;
import io.passatelli.proto.arp.RecordingLink;
import io.passatelli.wire.ControlPackets6;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Packets;
import io.passatelli.wire.message.Dhcp6Association;
import io.passatelli.wire.message.Dhcp6Message;
import io.passatelli.wire.message.Dhcp6Option;
import io.passatelli.wire.message.HexDump;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Objects;

import static org.assertj.core.api.Assertions.assertThat;

/** Recorded messages in, frames out, and what RFC 8415 §16 and §18.3 say of messages that no program sent here. */
class Dhcp6ResponderTest {
    private static final int MESSAGE = 62;
    private static final String GUEST = "fe80::5054:ff:fe12:3456";
    private static final String SERVERS = "ff02::1:2";
    private static final Ip ADDRESS = Ip.parse("fd77::2");
    private static final Ip OTHER = Ip.parse("fd77::9");
    private static final Ip FOREIGN = Ip.parse("2001:db8::9");
    private static final Dhcp6Option CLIENT = Dhcp6Option.of(1, HexFormat.of().parseHex("00030001525400123456"));
    private static final Dhcp6Option SERVER = Dhcp6Option.of(2, HexFormat.of().parseHex("000300019a559a559a55"));

    private static final PlaneConfig CONFIG = PlaneConfig.of(new GuestNetwork(
            new Cidr(Ip.parse("10.77.0.2"), 24),
            false,
            Ip.parse("10.77.0.1"),
            1500,
            List.of(),
            List.of("example.test", "lab.example.test"),
            "guest",
            "guest.example.test",
            GuestNetwork.DEFAULT_MAC,
            new Ip6Network(
                    new Cidr(ADDRESS, 64),
                    false,
                    Ip.parse("fe80::1"),
                    List.of(Ip.parse("fd77::53"), Ip.parse("2001:db8::53")))));

    private final RecordingLink link = new RecordingLink();
    private final GuestState guest = new GuestState(CONFIG.guest());
    private final Dhcp6Responder responder =
            new Dhcp6Responder(CONFIG, guest, new FrameComposer(guest, new Neighbours(CONFIG)), link);

    private Drop give(byte[] bytes, int offloadFlags) {
        MemorySegment memory = Arena.ofAuto().allocate(Math.max(1, bytes.length));
        MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.length);
        var batch = new RxBatch(1);
        Frame frame = batch.frame(batch.add(memory, 0, bytes.length));
        frame.offload().flags = offloadFlags;
        Drop drop = frame.parse();
        if (drop != Drop.NONE) {
            return drop;
        }
        guest.learn(frame);
        return responder.onDatagram(batch, 0, 3, 0);
    }

    private Drop give(String to, Dhcp6Message message) {
        byte[] packet = ControlPackets6.udp6(GUEST, 546, to, 547, message.toBytes(4_000));
        return give(Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x86dd, packet), 0);
    }

    private static Dhcp6Message message(int type, Dhcp6Option... options) {
        return new Dhcp6Message(type, 0x123456, List.of(options));
    }

    private Dhcp6Message answer(int type, Dhcp6Option... options) {
        assertThat(give(SERVERS, message(type, options))).isEqualTo(Drop.NONE);
        byte[] frame = link.frames.removeFirst();
        byte[] bytes = Arrays.copyOfRange(frame, MESSAGE, frame.length);
        assertThat(Dhcp6Message.parse(ByteBuffer.wrap(bytes))).isInstanceOf(Dhcp6Message.Ok.class);
        return ((Dhcp6Message.Ok) Dhcp6Message.parse(ByteBuffer.wrap(bytes))).message();
    }

    private static Dhcp6Option association(int code, int iaid, Ip... addresses) {
        List<Dhcp6Option> inner = new ArrayList<>();
        for (Ip address : addresses) {
            inner.add(Dhcp6Association.address(address, 100, 200));
        }
        return new Dhcp6Association(code, iaid, 0, 0, inner).toOption();
    }

    private static List<Dhcp6Association> associations(Dhcp6Message message) {
        return message.options().stream()
                .filter(Dhcp6Association::isOne)
                .map(Dhcp6Association::of)
                .map(Objects::requireNonNull)
                .toList();
    }

    private static Dhcp6Option lease() {
        return Dhcp6Association.address(ADDRESS, 86_400, 86_400);
    }

    private static int status(List<Dhcp6Option> options) {
        return options.stream()
                .filter(option -> option.code() == Dhcp6Option.STATUS_CODE)
                .mapToInt(option -> option.octet(1))
                .findFirst()
                .orElse(-1);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "dhclient-solicit",
                "dhclient-request",
                "dhclient-confirm",
                "dhclient-renew",
                "dhclient-rebind",
                "dhclient-release",
                "dhclient-information",
                "dhcpcd-solicit",
                "systemd-networkd-solicit"
            })
    void recordingsAreAnsweredAsTheirGoldenReplies(String name) {
        assertThat(give(HexDump.one("/dhcp6/" + name + ".txt"), 0)).isEqualTo(Drop.NONE);
        assertThat(link.frames).hasSize(1);
        assertThat(HexDump.of(link.frames.getFirst()))
                .isEqualTo(HexDump.of(HexDump.one("/dhcp6/" + name + ".reply.txt")));
        assertThat(link.queues).containsExactly(3);
    }

    /** Which identifiers each type must and must not have, RFC 8415 §16. */
    @ParameterizedTest
    @CsvSource({
        "1, DHCP6_BAD_CLIENT_ID, NONE, DHCP6_BAD_SERVER_ID",
        "3, DHCP6_BAD_CLIENT_ID, DHCP6_BAD_SERVER_ID, NONE",
        "4, DHCP6_BAD_CLIENT_ID, NONE, DHCP6_BAD_SERVER_ID",
        "5, DHCP6_BAD_CLIENT_ID, DHCP6_BAD_SERVER_ID, NONE",
        "6, DHCP6_BAD_CLIENT_ID, NONE, DHCP6_BAD_SERVER_ID",
        "8, DHCP6_BAD_CLIENT_ID, DHCP6_BAD_SERVER_ID, NONE",
        "9, DHCP6_BAD_CLIENT_ID, DHCP6_BAD_SERVER_ID, NONE",
        "2, DHCP6_TYPE_IGNORED, DHCP6_TYPE_IGNORED, DHCP6_TYPE_IGNORED",
        "7, DHCP6_TYPE_IGNORED, DHCP6_TYPE_IGNORED, DHCP6_TYPE_IGNORED",
        "10, DHCP6_TYPE_IGNORED, DHCP6_TYPE_IGNORED, DHCP6_TYPE_IGNORED",
        "12, DHCP6_RELAYED, DHCP6_RELAYED, DHCP6_RELAYED",
        "99, DHCP6_TYPE_IGNORED, DHCP6_TYPE_IGNORED, DHCP6_TYPE_IGNORED"
    })
    void identifiersAreCheckedPerType(int type, Drop without, Drop withClient, Drop withBoth) {
        Dhcp6Option held = association(Dhcp6Option.IA_NA, 1, ADDRESS);
        assertThat(give(SERVERS, message(type, held))).isEqualTo(without);
        assertThat(give(SERVERS, message(type, CLIENT, held))).isEqualTo(withClient);
        assertThat(give(SERVERS, message(type, CLIENT, SERVER, held))).isEqualTo(withBoth);
    }

    @Test
    void anotherServersMessagesAreNotAnswered() {
        Dhcp6Option other = Dhcp6Option.of(2, new byte[10]);
        for (int type : new int[] {3, 5, 8, 9, 11}) {
            assertThat(give(SERVERS, message(type, CLIENT, other))).isEqualTo(Drop.DHCP6_BAD_SERVER_ID);
        }
        assertThat(link.frames).isEmpty();
    }

    @Test
    void addressIsGivenToOneAssociationOnlyAndToNobodyWhoDoesNotAsk() {
        assertThat(associations(answer(1, CLIENT))).isEmpty();
        List<Dhcp6Association> answered = associations(answer(
                1,
                CLIENT,
                association(Dhcp6Option.IA_TA, 7),
                association(Dhcp6Option.IA_NA, 8, OTHER),
                association(Dhcp6Option.IA_NA, 9),
                association(Dhcp6Option.IA_PD, 10)));
        assertThat(answered).extracting(Dhcp6Association::iaid).containsExactly(7, 8, 9, 10);
        assertThat(status(answered.get(0).options())).isEqualTo(Dhcp6Option.NO_ADDRESSES);
        assertThat(answered.get(1)).isEqualTo(new Dhcp6Association(3, 8, 1_800, 2_880, List.of(lease())));
        assertThat(status(answered.get(2).options())).isEqualTo(Dhcp6Option.NO_ADDRESSES);
        assertThat(status(answered.get(3).options())).isEqualTo(Dhcp6Option.NO_PREFIXES);
    }

    @Test
    void rapidCommitIsAnsweredWithReply() {
        Dhcp6Option wanted = association(Dhcp6Option.IA_NA, 1);
        Dhcp6Message plain = answer(1, CLIENT, wanted);
        assertThat(plain.type()).isEqualTo(Dhcp6Message.ADVERTISE);
        assertThat(plain.option(Dhcp6Option.PREFERENCE)).isEqualTo(Dhcp6Option.of8(7, 255));
        Dhcp6Message rapid = answer(1, CLIENT, Dhcp6Option.ofNothing(Dhcp6Option.RAPID_COMMIT), wanted);
        assertThat(rapid.type()).isEqualTo(Dhcp6Message.REPLY);
        assertThat(rapid.option(Dhcp6Option.RAPID_COMMIT)).isNotNull();
    }

    @Test
    void requestForAnAddressOfAnotherLinkIsRefused() {
        var refused = associations(answer(3, CLIENT, SERVER, association(Dhcp6Option.IA_NA, 1, FOREIGN)));
        assertThat(status(refused.getFirst().options())).isEqualTo(Dhcp6Option.NOT_ON_LINK);
        var given = associations(answer(3, CLIENT, SERVER, association(Dhcp6Option.IA_NA, 1, OTHER)));
        assertThat(given.getFirst().options()).containsExactly(lease());
    }

    @ParameterizedTest
    @ValueSource(ints = {Dhcp6Message.RENEW, Dhcp6Message.REBIND})
    void renewalOfAnotherAddressEndsItAndGivesTheRightOne(int type) {
        Dhcp6Option held = association(Dhcp6Option.IA_NA, 1, FOREIGN, ADDRESS, OTHER);
        Dhcp6Message reply =
                type == Dhcp6Message.RENEW ? answer(type, CLIENT, SERVER, held) : answer(type, CLIENT, held);
        assertThat(associations(reply).getFirst().options())
                .containsExactly(
                        lease(), Dhcp6Association.address(FOREIGN, 0, 0), Dhcp6Association.address(OTHER, 0, 0));
    }

    @Test
    void confirmIsForTheAddressThatTheGuestIsToHave() {
        assertThat(status(answer(4, CLIENT, association(Dhcp6Option.IA_NA, 1, ADDRESS))
                        .options()))
                .isEqualTo(Dhcp6Option.SUCCESS);
        assertThat(status(answer(4, CLIENT, association(Dhcp6Option.IA_NA, 1, FOREIGN))
                        .options()))
                .isEqualTo(Dhcp6Option.NOT_ON_LINK);
        assertThat(give(SERVERS, message(4, CLIENT, association(Dhcp6Option.IA_NA, 1))))
                .isEqualTo(Drop.DHCP6_NOTHING_TO_CONFIRM);
    }

    @Test
    void informationIsGivenWithoutClientIdButNotForAssociations() {
        Dhcp6Message reply = answer(11, Dhcp6Option.of(6, new byte[] {0, 23, 0, 32}));
        assertThat(reply.options())
                .containsExactly(
                        SERVER,
                        Dhcp6Option.ofAddresses(23, List.of(Ip.parse("fd77::53"), Ip.parse("2001:db8::53"))),
                        Dhcp6Option.of32(32, 1_800));
        assertThat(give(SERVERS, message(11, CLIENT, association(Dhcp6Option.IA_NA, 1))))
                .isEqualTo(Drop.DHCP6_BAD_ASSOCIATION);
    }

    @Test
    void whatWasSentToOurOwnAddressIsToBeSentToAll() {
        assertThat(give("fe80::1", message(5, CLIENT, SERVER))).isEqualTo(Drop.NONE);
        byte[] frame = link.frames.getFirst();
        assertThat(HexFormat.of().formatHex(frame)).contains("000d" + "0013" + "0005");
        assertThat(give("fe80::1", message(1, CLIENT))).isEqualTo(Drop.DHCP6_BAD_DESTINATION);
        assertThat(give("ff05::1:3", message(1, CLIENT))).isEqualTo(Drop.DHCP6_BAD_DESTINATION);
    }

    @Test
    void wrongChecksumsAndBadAssociationsAreRefused() {
        byte[] frame = HexDump.one("/dhcp6/dhclient-solicit.txt");
        frame[MESSAGE + 1] ^= 1;
        assertThat(give(frame, 0)).isEqualTo(Drop.UDP_BAD_CHECKSUM);
        assertThat(give(frame, Offload.NEEDS_CSUM)).isEqualTo(Drop.NONE);
        assertThat(give(SERVERS, message(1, CLIENT, Dhcp6Option.of(3, new byte[11]))))
                .isEqualTo(Drop.DHCP6_BAD_ASSOCIATION);
        assertThat(give(SERVERS, message(1, Dhcp6Option.of(1, new byte[131])))).isEqualTo(Drop.DHCP6_BAD_CLIENT_ID);
    }

    @Test
    void repliesStayWithinAFrameHoweverMuchIsAsked() {
        List<Dhcp6Option> options = new ArrayList<>(List.of(CLIENT, SERVER));
        for (int i = 0; i < 60; i++) {
            options.add(association(Dhcp6Option.IA_NA, i, new Ip(1, i)));
        }
        Dhcp6Message reply = answer(5, options.toArray(Dhcp6Option[]::new));
        assertThat(reply.toBytes(10_000)).hasSizeLessThanOrEqualTo(1_452);
    }

    @Test
    void everyValueOfEveryByteIsSurvived() {
        for (String name : List.of("dhclient-renew", "dhcpcd-solicit")) {
            byte[] frame = HexDump.one("/dhcp6/" + name + ".txt");
            for (int at = MESSAGE; at < frame.length; at++) {
                byte right = frame[at];
                for (int value = 0; value < 256; value++) {
                    frame[at] = (byte) value;
                    link.frames.clear();
                    boolean answered = give(frame, Offload.DATA_VALID) == Drop.NONE;
                    assertThat(link.frames).hasSize(answered ? 1 : 0);
                }
                frame[at] = right;
            }
        }
    }

    @Test
    void whatIsOffIsNotAnswered() {
        responder.adopt(CONFIG.without(Service.DHCPV6));
        assertThat(give(SERVERS, message(1, CLIENT))).isEqualTo(Drop.DHCP6_OFF);
    }
}
