package io.passatelli.proto.dhcp;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.HostSide;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.guest.FrameComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.guest.Neighbours;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.RxBatch;
import io.passatelli.link.TxBatch;
import io.passatelli.loop.EventLoop;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Offload;
import io.passatelli.wire.message.HexDump;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** Recorded requests in, frames out: {@code NAME.txt} is the request, {@code NAME.reply.txt} what we answer. */
class DhcpResponderTest {
    private static final int UDP = 34;
    private static final int MESSAGE = 42;

    private static final GuestNetwork NETWORK = new GuestNetwork(
            new Cidr(Ip.parse("10.77.0.2"), 24),
            false,
            Ip.parse("10.77.0.1"),
            65520,
            List.of(Ip.parse("10.77.0.53"), Ip.parse("192.0.2.53")),
            List.of("example.test", "lab.example.test"),
            "guest",
            "guest.example.test",
            GuestNetwork.DEFAULT_MAC,
            null);

    private final SentFrames link = new SentFrames();
    private GuestState guest = new GuestState(NETWORK);
    private DhcpResponder responder = responder(NETWORK, true);

    private DhcpResponder responder(GuestNetwork network, boolean dhcp) {
        guest = new GuestState(network);
        var config = PlaneConfig.of(network)
                .host4(HostSide.mapping(network.gateway()))
                .with(Service.DHCP, dhcp);
        return new DhcpResponder(config, guest, new FrameComposer(guest, new Neighbours(config)), link);
    }

    /** As the router does it; the first {@code head} bytes are contiguous, the others come in pieces of seven or more. */
    private Drop receive(byte[] bytes, int head, int offloadFlags) {
        MemorySegment memory = Arena.ofAuto().allocate(bytes.length);
        MemorySegment.copy(bytes, 0, memory, ValueLayout.JAVA_BYTE, 0, bytes.length);
        var batch = new RxBatch(4);
        int first = Math.min(head, bytes.length);
        int i = batch.add(memory, 0, first);
        int piece = Math.max(7, (bytes.length - first) / (RxBatch.PIECES - 1) + 1);
        for (int at = first; at < bytes.length; at += piece) {
            assertThat(batch.addPiece(i, memory, at, Math.min(piece, bytes.length - at)))
                    .isTrue();
        }
        Frame frame = batch.frame(i);
        frame.offload().flags = offloadFlags;
        Drop drop = frame.parse();
        if (drop != Drop.NONE) {
            return drop;
        }
        guest.learn(frame);
        return responder.onDatagram(batch, i, 3, 0);
    }

    private Drop receive(byte[] bytes) {
        return receive(bytes, Limits.HEADER_BYTES, 0);
    }

    private static byte[] recorded(String name) {
        return HexDump.one("/dhcp/" + name + ".txt");
    }

    /** A recorded frame whose UDP checksum is "none", so that the message can be changed. */
    private static byte[] unsummed(String name) {
        byte[] frame = recorded(name);
        frame[UDP + 6] = 0;
        frame[UDP + 7] = 0;
        return frame;
    }

    /** The frame with a message of {@code length} bytes: its own, cut or continued with zeroes. */
    private static byte[] resized(byte[] frame, int length) {
        byte[] resized = Arrays.copyOf(frame, MESSAGE + length);
        ByteBuffer out = ByteBuffer.wrap(resized);
        out.putShort(16, (short) (length + 28)).putShort(UDP + 4, (short) (length + 8));
        int sum = 0;
        out.putShort(24, (short) 0);
        for (int at = 14; at < UDP; at += 2) {
            sum += out.getShort(at) & 0xffff;
        }
        while (sum >>> 16 != 0) {
            sum = (sum & 0xffff) + (sum >>> 16);
        }
        out.putShort(24, (short) ~sum);
        return resized;
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "udhcpc-discover",
                "udhcpc-request",
                "udhcpc-fqdn-discover",
                "udhcpc-fqdn-request",
                "dhclient-discover",
                "dhclient-request",
                "dhclient-fqdn-discover",
                "dhclient-fqdn-request",
                "dhcpcd-discover",
                "dhcpcd-request",
                "systemd-networkd-discover",
                "systemd-networkd-request",
            })
    void recordedRequestsGetTheirGoldenReply(String name) {
        assertThat(receive(recorded(name))).isEqualTo(Drop.NONE);
        assertThat(link.sent).hasSize(1);
        assertThat(HexDump.of(link.sent.getFirst())).isEqualTo(HexDump.of(recorded(name + ".reply")));
    }

    @Test
    void theReplyGoesToTheAddressThatTheGuestIsToHave() {
        assertThat(receive(recorded("udhcpc-discover"))).isEqualTo(Drop.NONE);

        ByteBuffer reply = ByteBuffer.wrap(link.sent.getFirst());
        assertThat(Arrays.copyOf(reply.array(), 12)).asHexString().isEqualTo("525400123456" + "9A559A559A55");
        assertThat(reply.getInt(26)).isEqualTo(Ip.parse("10.77.0.1").v4());
        assertThat(reply.getInt(30)).isEqualTo(Ip.parse("10.77.0.2").v4());
        assertThat(reply.getShort(UDP)).isEqualTo((short) 67);
        assertThat(reply.getShort(UDP + 2)).isEqualTo((short) 68);
        assertThat(link.queues).containsExactly(3);
    }

    @Test
    void theBroadcastFlagIsHonoured() {
        byte[] frame = unsummed("udhcpc-discover");
        frame[MESSAGE + 10] = (byte) 0x80;
        assertThat(receive(frame)).isEqualTo(Drop.NONE);

        ByteBuffer reply = ByteBuffer.wrap(link.sent.getFirst());
        assertThat(reply.getInt(30)).isEqualTo(-1);
        assertThat(reply.getShort(MESSAGE + 10)).isEqualTo((short) 0x8000);
    }

    @Test
    void aWrongChecksumIsDroppedUnlessItIsLeftToUs() {
        byte[] frame = recorded("udhcpc-discover");
        frame[UDP + 7] ^= 1;

        assertThat(receive(frame)).isEqualTo(Drop.UDP_BAD_CHECKSUM);
        assertThat(link.sent).isEmpty();
        assertThat(receive(frame, Limits.HEADER_BYTES, Offload.NEEDS_CSUM)).isEqualTo(Drop.NONE);
        assertThat(receive(frame, Limits.HEADER_BYTES, Offload.DATA_VALID)).isEqualTo(Drop.NONE);
        assertThat(receive(unsummed("udhcpc-discover"))).isEqualTo(Drop.NONE);
    }

    @ParameterizedTest
    @ValueSource(ints = {42, 43, 100, 160, 282, 283, 1514})
    void thePayloadMayLieInPieces(int head) {
        assertThat(receive(recorded("dhcpcd-discover"), head, 0)).isEqualTo(Drop.NONE);
        assertThat(link.sent.getFirst()).isEqualTo(recorded("dhcpcd-discover.reply"));
    }

    @Test
    void paddingOfEthernetIsNotPartOfTheMessage() {
        byte[] frame = recorded("systemd-networkd-discover");
        byte[] padded = Arrays.copyOf(frame, frame.length + 40);
        Arrays.fill(padded, frame.length, padded.length, (byte) 12);

        assertThat(receive(padded)).isEqualTo(Drop.NONE);
        assertThat(link.sent.getFirst()).isEqualTo(recorded("systemd-networkd-discover.reply"));
    }

    @Test
    void theMessageHasABound() {
        byte[] frame = unsummed("udhcpc-discover");

        assertThat(receive(resized(frame, Limits.DHCP_MESSAGE_BYTES))).isEqualTo(Drop.NONE);
        assertThat(receive(resized(frame, Limits.DHCP_MESSAGE_BYTES + 1))).isEqualTo(Drop.DHCP_TOO_LONG);
        assertThat(receive(resized(frame, 239))).isEqualTo(Drop.DHCP_TRUNCATED);
        assertThat(receive(resized(frame, 0))).isEqualTo(Drop.DHCP_TRUNCATED);
    }

    @Test
    void whatIsWrongOrNotForUsIsDroppedUnderItsName() {
        assertThat(receive(changed(0, 2))).isEqualTo(Drop.DHCP_NOT_REQUEST);
        assertThat(receive(changed(2, 8))).isEqualTo(Drop.DHCP_BAD_HARDWARE);
        assertThat(receive(changed(236, 0))).isEqualTo(Drop.DHCP_BAD_COOKIE);
        assertThat(receive(changed(241, 255))).isEqualTo(Drop.DHCP_BAD_OPTION);
        assertThat(receive(changed(242, 7))).isEqualTo(Drop.DHCP_TYPE_IGNORED); // RELEASE
        assertThat(link.sent).isEmpty();
    }

    private static byte[] changed(int at, int value) {
        byte[] frame = unsummed("udhcpc-discover");
        frame[MESSAGE + at] = (byte) value;
        return frame;
    }

    @Test
    void dhcpCanBeOff() {
        responder = responder(NETWORK, false);

        assertThat(receive(recorded("udhcpc-discover"))).isEqualTo(Drop.DHCP_OFF);
        assertThat(responder.optionsTooLong()).isEmpty();
    }

    @Test
    void withoutGatewayThereIsNoDhcp() {
        var network = new GuestNetwork(
                NETWORK.address(), false, null, 1500, List.of(), List.of(), null, null, NETWORK.ourMac(), null);
        responder = responder(network, true);

        assertThat(receive(recorded("udhcpc-discover"))).isEqualTo(Drop.DHCP_OFF);
        assertThat(link.sent).isEmpty();
    }

    @Test
    void aFullLinkIsCounted() {
        link.full = true;

        assertThat(receive(recorded("udhcpc-discover"))).isEqualTo(Drop.LINK_FULL);
    }

    @Test
    void everyTruncationAndEveryValueOfEveryByteIsAnsweredOrDropped() {
        byte[] frame = unsummed("dhcpcd-discover");
        for (int length = 0; length < frame.length - MESSAGE; length++) {
            assertConsistent(receive(resized(frame, length)));
        }
        for (int at = MESSAGE; at < frame.length; at++) {
            byte right = frame[at];
            for (int value = 0; value < 256; value += at < MESSAGE + 240 ? 51 : 1) {
                frame[at] = (byte) value;
                assertConsistent(receive(frame));
            }
            frame[at] = right;
        }
    }

    /** One frame of ours when it was answered, none when not. */
    private void assertConsistent(Drop drop) {
        if (drop != Drop.NONE) {
            assertThat(link.sent).as("%s", drop).isEmpty();
            return;
        }
        assertThat(link.sent).hasSize(1);
        byte[] reply = link.sent.getFirst();
        assertThat(reply.length).isBetween(MESSAGE + 300, Limits.CONTROL_FRAME_BYTES);
        assertThat(reply[MESSAGE]).isEqualTo((byte) 2);
        assertThat(ByteBuffer.wrap(reply).getInt(MESSAGE + 16))
                .isEqualTo(Ip.parse("10.77.0.2").v4());
        link.sent.clear();
    }

    /** Wireshark's opinion of each golden reply, with the checksums looked at. */
    @Test
    @Tag("netns")
    void wiresharkReadsEveryGoldenReplyWithoutComplaint(@TempDir Path directory) throws Exception {
        for (String name : List.of(
                "udhcpc-discover",
                "udhcpc-fqdn-request",
                "dhclient-discover",
                "dhclient-fqdn-request",
                "dhcpcd-discover",
                "dhcpcd-request",
                "systemd-networkd-request")) {
            Path pcap = directory.resolve(name + ".pcap");
            Files.write(pcap, pcap(recorded(name + ".reply")));
            String decoded = run(
                    "tshark",
                    "-V",
                    "-n",
                    "-r",
                    pcap.toString(),
                    "-o",
                    "ip.check_checksum:TRUE",
                    "-o",
                    "udp.check_checksum:TRUE");

            assertThat(decoded)
                    .contains("Dynamic Host Configuration Protocol")
                    .contains("Your (client) IP address: 10.77.0.2")
                    .contains("[Checksum Status: Good]")
                    .contains("DHCP Server Identifier: 10.77.0.1")
                    .contains("IP Address Lease Time: (4294967295s) infinity")
                    .contains("Interface MTU: 65520")
                    .contains("FQDN: lab.example.test")
                    .contains("Option: (255) End")
                    .doesNotContainIgnoringCase("malformed")
                    .doesNotContain("Expert Info (Warning")
                    .doesNotContain("Expert Info (Error")
                    .doesNotContain("[Checksum Status: Bad]");
        }
    }

    /** A capture of one Ethernet frame, as pcap-savefile(5) has it. */
    private static byte[] pcap(byte[] frame) {
        return ByteBuffer.allocate(24 + 16 + frame.length)
                .putInt(0xa1b2c3d4)
                .putShort((short) 2)
                .putShort((short) 4)
                .putInt(16, 65535)
                .putInt(20, 1)
                .putInt(32, frame.length)
                .putInt(36, frame.length)
                .position(40)
                .put(frame)
                .array();
    }

    private static String run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command)
                .redirectError(ProcessBuilder.Redirect.DISCARD)
                .start();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor()).isZero();
        return output;
    }

    /** Keeps a copy of what it is given to send. */
    private static final class SentFrames implements Link {
        final List<byte[]> sent = new ArrayList<>();
        final List<Integer> queues = new ArrayList<>();
        boolean full;

        @Override
        public boolean control(int queue, MemorySegment segment, long at, int length, @Nullable Offload offload) {
            if (full) {
                return false;
            }
            assertThat(length).isLessThanOrEqualTo(Limits.CONTROL_FRAME_BYTES);
            sent.add(segment.asSlice(at, length).toArray(ValueLayout.JAVA_BYTE));
            queues.add(queue);
            return true;
        }

        @Override
        public Caps caps() {
            return new Caps(1, Limits.FRAME_BYTES, true, Caps.Offloads.NONE, Caps.Offloads.NONE);
        }

        @Override
        public int receive(int queue, RxBatch batch) {
            return 0;
        }

        @Override
        public void release(int queue, RxBatch batch) {}

        @Override
        public int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach) {
            return 0;
        }

        @Override
        public int commit(int queue, TxBatch batch, int n) {
            return 0;
        }

        @Override
        public void flush(int queue) {}

        @Override
        public void bind(EventLoop loop, Listener listener) {}

        @Override
        public void close() {}
    }
}
