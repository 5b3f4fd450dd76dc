package io.passatelli.proto.ndp;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.TimerWheel;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig;
import io.passatelli.guest.FrameComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.guest.Neighbours;
import io.passatelli.link.RxBatch;
import io.passatelli.proto.arp.RecordingLink;
import io.passatelli.wire.ControlPackets6;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Packets;
import io.passatelli.wire.message.HexDump;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** What is answered, and what the validity checks of RFC 4861 §6.1.1 and §7.1.1 refuse. */
class NdpResponderTest {
    private static final int ICMP = 54;
    private static final String GUEST = "fe80::5054:ff:fe12:3456";
    private static final String NEIGHBOUR_MAC = "021122334455";

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
                    new Cidr(Ip.parse("fd77::2"), 64),
                    false,
                    Ip.parse("fe80::1"),
                    List.of(Ip.parse("fd77::53"), Ip.parse("2001:db8::53")))));

    private final RecordingLink link = new RecordingLink();
    private final GuestState guest = new GuestState(CONFIG.guest());
    private final Neighbours neighbours = new Neighbours(CONFIG);
    private final TimerWheel timers = new TimerWheel(0);
    private final Counters counters = new Counters();
    private final NdpResponder responder = new NdpResponder(
            CONFIG,
            new NdpResponder.Parts(
                    timers, guest, neighbours, new FrameComposer(guest, neighbours), link, counters, () -> 1));

    /** As the router does it. */
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
        return responder.onMessage(batch, 0, 3, 0);
    }

    private Drop give(byte[] bytes) {
        return give(bytes, 0);
    }

    private static byte[] frame(String src, String dst, int hopLimit, String message) {
        byte[] icmp = ControlPackets6.summed(src, dst, HexFormat.of().parseHex(message.replace(" ", "")));
        return Packets.ethernet(
                Packets.OUR_MAC, Packets.GUEST_MAC, 0x86dd, ControlPackets6.ip6(58, hopLimit, src, dst, icmp));
    }

    private static String solicitation(String target) {
        return "8700000000000000" + HexFormat.of().formatHex(ControlPackets6.ip(target));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "linux-router-solicitation",
                "rdisc6-router-solicitation",
                "linux-router-neighbor-solicitation",
                "linux-neighbor-solicitation"
            })
    void recordingsAreAnsweredAsTheirGoldenReplies(String name) {
        assertThat(give(HexDump.one("/ndp/" + name + ".txt"))).isEqualTo(Drop.NONE);
        assertThat(link.frames).hasSize(1);
        assertThat(HexDump.of(link.frames.getFirst()))
                .isEqualTo(HexDump.of(HexDump.one("/ndp/" + name + ".reply.txt")));
        assertThat(link.queues).containsExactly(3);
    }

    @ParameterizedTest
    @CsvSource({
        GUEST + ", ff02::2, 254, 8500000000000000, NDP_BAD_HOP_LIMIT",
        GUEST + ", ff02::2, 0, 8500000000000000, NDP_BAD_HOP_LIMIT",
        GUEST + ", ff02::2, 255, 8501000000000000, NDP_BAD_CODE",
        GUEST + ", ff02::2, 255, 8500000000000000 0100525400123456, NDP_BAD_OPTION",
        GUEST + ", ff02::2, 255, 8500000000000000 0102525400123456, NDP_BAD_OPTION",
        GUEST + ", ff02::2, 255, 8500000000000000 01, NDP_BAD_OPTION",
        "::, ff02::2, 255, 8500000000000000 0101525400123456, NDP_BAD_SOURCE",
        "::, ff02::1:ff00:77, 255, 8700000000000000 fd770000000000000000000000000077 0101525400123456, NDP_BAD_SOURCE",
        "::, ff02::1, 255, 8700000000000000 fd770000000000000000000000000077, NDP_BAD_DESTINATION",
        "::, fd77::77, 255, 8700000000000000 fd770000000000000000000000000077, NDP_BAD_DESTINATION",
        "::, ff02::1:ff00:77, 255, 8700000000000000 fd770000000000000000000000000077, NDP_ADDRESS_PROBE",
        GUEST + ", ff02::1, 255, 8700000000000000 ff020000000000000000000000000001, NDP_BAD_TARGET",
        GUEST + ", ff02::1, 255, 8700000000000000 00000000000000000000000000000000, NDP_BAD_TARGET",
        GUEST + ", ff02::1, 255, 8700000000000000 00000000000000000000000000000001, NDP_BAD_TARGET",
        GUEST + ", ff02::1, 255, 8700000000000000 00000000000000000000ffff0a4d0001, NDP_BAD_TARGET",
        GUEST + ", ff02::1, 255, 8700000000000000 fd7700000000000000000000000000, NDP_TRUNCATED",
        GUEST + ", ff02::1:ff00:2, 255, 8700000000000000 fd770000000000000000000000000002, NDP_OWN_ADDRESS",
        GUEST + ", ff02::1, 255, 86000000 40002328 0000000000000000, NDP_ROUTER_ADVERTISEMENT",
        GUEST + ", ff02::1, 255, 8800000020000000 fd770000000000000000000000000002, NDP_NEIGHBOR_ADVERTISEMENT",
        GUEST + ", fe80::1, 255, 8900000000000000, NDP_REDIRECT",
        GUEST + ", ff02::16, 1, 8f00000000000000, MLD_NOT_NEEDED",
        GUEST + ", ff02::2, 1, 8300000000000000, MLD_NOT_NEEDED",
        GUEST + ", ff02::2, 1, 8400000000000000, MLD_NOT_NEEDED"
    })
    void whatIsNotValidIsDroppedForAReasonOfItsOwn(String src, String dst, int hopLimit, String message, Drop why) {
        assertThat(give(frame(src, dst, hopLimit, message))).isEqualTo(why);
        assertThat(link.frames).isEmpty();
    }

    @Test
    void wrongChecksumIsRefusedUnlessTheGuestVouchesForIt() {
        byte[] frame = frame(GUEST, "ff02::1:ff00:99", 255, solicitation("fd77::99"));
        frame[ICMP + 2] ^= 1;
        assertThat(give(frame)).isEqualTo(Drop.ICMP_BAD_CHECKSUM);
        assertThat(give(frame, Offload.NEEDS_CSUM)).isEqualTo(Drop.NONE);
        assertThat(link.frames).hasSize(1);
    }

    @Test
    void messageLongerThanAFrameIsRefused() {
        String message = "8500000000000000" + "4d01000000000000".repeat(190);
        assertThat(give(frame(GUEST, "ff02::2", 255, message))).isEqualTo(Drop.NDP_TOO_LONG);
    }

    @Test
    void everyTruncationAndEveryValueOfEveryByteIsSurvived() {
        for (String name : List.of("linux-router-solicitation", "linux-neighbor-solicitation", "linux-address-probe")) {
            byte[] frame = HexDump.one("/ndp/" + name + ".txt");
            for (int cut = 0; cut < frame.length; cut++) {
                assertThat(give(Arrays.copyOf(frame, cut), Offload.DATA_VALID)).isNotEqualTo(Drop.NONE);
            }
            for (int at = ICMP; at < frame.length; at++) {
                byte right = frame[at];
                for (int value = 0; value < 256; value++) {
                    frame[at] = (byte) value;
                    int before = link.frames.size();
                    boolean answered = give(frame, Offload.DATA_VALID) == Drop.NONE;
                    assertThat(link.frames.size() - before).isEqualTo(answered ? 1 : 0);
                }
                frame[at] = right;
            }
        }
    }

    @Test
    void hostsNeighbourIsAnsweredForWithItsOwnMac() {
        Ip neighbour = Ip.parse("fd77::99");
        neighbours.put(neighbour.high(), neighbour.low(), Long.parseLong(NEIGHBOUR_MAC, 16));
        assertThat(give(frame(GUEST, "ff02::1:ff00:99", 255, solicitation("fd77::99"))))
                .isEqualTo(Drop.NONE);
        byte[] reply = link.frames.getFirst();
        assertThat(HexFormat.of().formatHex(reply, ICMP + 24, reply.length)).isEqualTo("0201" + NEIGHBOUR_MAC);
    }

    @Test
    void newNeighbourIsAnnouncedToAllNodes() {
        Ip neighbour = Ip.parse("fd77::99");
        neighbours.put(neighbour.high(), neighbour.low(), Long.parseLong(NEIGHBOUR_MAC, 16));
        assertThat(responder.announce(neighbour.high(), neighbour.low(), 0)).isEqualTo(Drop.NONE);
        String message = "8800000020000000fd770000000000000000000000000099" + "0201" + NEIGHBOUR_MAC;
        byte[] icmp = HexFormat.of().parseHex(message);
        assertThat(link.frames)
                .containsExactly(Packets.ethernet(
                        "33:33:00:00:00:01",
                        Packets.OUR_MAC,
                        0x86dd,
                        ControlPackets6.icmp6("fe80::1", "ff02::1", icmp)));
    }

    @Test
    void fullLinkIsCountedAndAdvertisedOnLater() {
        link.full = true;
        assertThat(give(HexDump.one("/ndp/linux-router-solicitation.txt"))).isEqualTo(Drop.LINK_FULL);
        assertThat(responder.onLinkUp(0)).isEqualTo(Drop.LINK_FULL);
        assertThat(counters.of(Drop.LINK_FULL)).isEqualTo(1);
        link.full = false;
        timers.advance(RouterAdvertiser.INITIAL_NS + TimerWheel.TICK_NS);
        assertThat(link.frames).hasSize(1);
    }

    @Test
    void askingToAdvertiseOftenSendsNoMoreThanOneInThreeSeconds() {
        responder.onLinkUp(0);
        link.frames.clear();
        for (long nowNs = 0; nowNs <= 30_000_000_000L; nowNs += 100_000_000) {
            responder.advertise(nowNs);
            timers.advance(nowNs);
        }
        assertThat(link.frames).hasSizeBetween(9, 10);
    }
}
