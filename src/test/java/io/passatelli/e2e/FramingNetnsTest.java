package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.plane.UdpFrames;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** One session of a guest, of all kinds of frames, cut into writes in every way: the answers are always the same. */
@Tag("netns")
class FramingNetnsTest {
    private static final int SERVICE = 7_777;
    private static final int PORT = 40_001;
    private static final int TRIES = 30;
    private static final String FENCES = HexFormat.of().formatHex(new byte[] {10, 98});

    private static Lab lab;

    @BeforeAll
    static void up() throws Exception {
        lab = Lab.up();
    }

    @AfterAll
    static void down() {
        if (lab != null) { // null where up() failed
            lab.close();
        }
    }

    private static final List<byte[]> SESSION = session();

    /** Its answers: from DHCP one of IPv4 and one of IPv6, all others of UDP from the peer. */
    private static final List<String> KINDS = List.of(
            "ARP",
            "IPv4 1",
            "IPv4 17",
            "IPv4 17",
            "IPv4 17",
            "IPv4 17",
            "IPv6 17",
            "IPv6 17",
            "IPv6 17",
            "IPv6 17",
            "IPv6 17",
            "IPv6 58 type 129",
            "IPv6 58 type 129",
            "IPv6 58 type 134",
            "IPv6 58 type 136",
            "IPv6 58 type 136");

    private static List<byte[]> session() {
        List<byte[]> frames = new ArrayList<>(List.of(
                Frames.arpRequest(Frames.GATEWAY),
                Frames.dhcpDiscover(),
                Frames6.routerSolicitation(),
                Frames6.neighborSolicitation("::", Frames6.solicitedNode(Frames6.GUEST), Frames6.GUEST, Frames6.NONCE),
                solicitation(Frames6.ROUTER),
                solicitation(Frames6.PEER),
                Frames6.dhcp6(Frames6.solicit()),
                Frames.echoRequest(Frames.PEER, 7, 1),
                Frames6.echoRequest(Frames6.GUEST, Frames6.PEER, 8, 1),
                Frames6.echoRequest(Frames6.LINK_LOCAL, Frames6.ROUTER, 9, 1),
                UdpFrames.frame(Lab.POD, PORT, Lab.PEER, SERVICE, new byte[] {1}),
                UdpFrames.frame(Lab.POD, PORT, Lab.PEER, SERVICE, new byte[0]),
                UdpFrames.frame(Frames6.GUEST, PORT, Frames6.PEER, SERVICE, new byte[] {2, 2}),
                UdpFrames.frame(Frames6.GUEST, PORT, Frames6.PEER, SERVICE, new byte[0]),
                extended()));
        byte[] payload = new byte[70];
        Arrays.fill(payload, (byte) 3);
        frames.addAll(Packets6.fragments4(
                17, Lab.POD, Lab.PEER, 5, Packets.udp(Lab.POD, PORT, Lab.PEER, SERVICE, payload), 32));
        frames.addAll(Packets6.fragments(
                17,
                Frames6.GUEST,
                Frames6.PEER,
                6,
                Packets6.udp(Frames6.GUEST, PORT, Frames6.PEER, SERVICE, payload),
                32));
        return frames;
    }

    private static byte[] solicitation(String target) {
        return Frames6.neighborSolicitation(Frames6.LINK_LOCAL, Frames6.solicitedNode(target), target, Frames6.CARD);
    }

    /** A datagram behind options. */
    private static byte[] extended() {
        byte[] udp = Packets6.udp(Frames6.GUEST, PORT, Frames6.PEER, SERVICE, new byte[] {4});
        return Packets6.fromGuest(
                0, Frames6.GUEST, Frames6.PEER, Packets6.options(60, 8, Packets6.options(17, 16, udp)));
    }

    private static byte[] stream() {
        int length = SESSION.stream().mapToInt(frame -> 4 + frame.length).sum();
        ByteBuffer stream = ByteBuffer.allocate(length);
        SESSION.forEach(frame -> stream.put(StreamGuest.framed(frame)));
        return stream.array();
    }

    @Test
    void sessionCutAnywhereHasTheSameAnswers() throws Exception {
        byte[] stream = stream();
        try (Passt passt = Passt.start(lab);
                EchoService _ = new EchoService(lab.peer(), Lab.PEER, SERVICE);
                EchoService _ = new EchoService(lab.peer(), Frames6.PEER, SERVICE);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            List<String> wanted = settled(guest, stream);
            assertThat(kinds(wanted)).isEqualTo(KINDS);
            for (int at = 0; at <= stream.length; at++) {
                Answers answers = new Answers(guest);
                answers.writeAndAwaitReading(Arrays.copyOf(stream, at));
                guest.write(ByteBuffer.wrap(stream, at, stream.length - at));
                assertThat(answers.sorted()).as("cut at %d", at).isEqualTo(wanted);
            }
            Answers answers = new Answers(guest);
            for (int at = 0; at < stream.length; at++) {
                guest.write(ByteBuffer.wrap(stream, at, 1));
            }
            assertThat(answers.sorted()).as("octet by octet").isEqualTo(wanted);

            int times = 20;
            ByteBuffer blob = ByteBuffer.allocate(times * stream.length);
            for (int i = 0; i < times; i++) {
                blob.put(stream);
            }
            guest.write(blob.flip());
            List<String> all = new ArrayList<>();
            for (int i = 0; i < times; i++) {
                all.addAll(new Answers(guest).sorted());
            }
            assertThat(all.stream().sorted().toList())
                    .isEqualTo(wanted.stream()
                            .flatMap(answer -> Collections.nCopies(times, answer).stream())
                            .toList());
            assertThat(guest.resolve()).noneMatch(FramingNetnsTest::isAnswer);
            assertThat(passt.terminate()).isZero();
        }
    }

    /** The session's answers once they are always the same: the host's neighbours have MAC addresses of their own, as soon as it has met them. */
    private static List<String> settled(StreamGuest guest, byte[] stream) throws IOException {
        List<String> before = List.of();
        for (int tries = 0; tries < TRIES; tries++) {
            guest.write(ByteBuffer.wrap(stream));
            List<String> now = new Answers(guest).sorted();
            if (now.equals(before)) {
                return now;
            }
            before = now;
        }
        throw new AssertionError("the answers differ each time: " + before);
    }

    /** Ether type and protocol, and of ICMPv6 the type. */
    private static List<String> kinds(List<String> answers) {
        return answers.stream()
                .map(HexFormat.of()::parseHex)
                .map(frame -> switch (UdpFrames.u16(frame, 12)) {
                    case 0x0800 -> "IPv4 " + frame[23];
                    case 0x86dd -> "IPv6 " + frame[20] + (frame[20] == 58 ? " type " + (frame[54] & 0xff) : "");
                    default -> "ARP";
                })
                .sorted()
                .toList();
    }

    /** What is told to all comes when passt likes, but for a DHCP server's offers. */
    private static boolean isAnswer(byte[] frame) {
        String to = HexFormat.of().formatHex(frame, 0, 6);
        boolean offer = to.equals("ffffffffffff") && UdpFrames.u16(frame, 12) == 0x0800;
        return (offer || to.equals("525400123456")) && !isFence(frame);
    }

    private static boolean isFence(byte[] frame) {
        return Frames.isArpReply(frame)
                && HexFormat.of().toHexDigits(Frames.resolved(frame)).startsWith(FENCES);
    }

    /** To one session. */
    private static final class Answers {
        private static int fences;

        private final StreamGuest guest;
        private final List<String> got = new ArrayList<>();

        Answers(StreamGuest guest) {
            this.guest = guest;
        }

        /** A question ahead of the bytes, in one write: its answer shows that passt has read them too. */
        void writeAndAwaitReading(byte[] bytes) throws IOException {
            int target = Frames.ip(10, 98, 0, 0) + ++fences;
            ByteBuffer question = StreamGuest.framed(Frames.arpRequest(target));
            guest.write(ByteBuffer.allocate(question.remaining() + bytes.length)
                    .put(question)
                    .put(bytes)
                    .flip());
            byte[] frame = next();
            while (!Frames.isArpReply(frame) || Frames.resolved(frame) != target) {
                frame = next();
            }
        }

        private byte[] next() throws IOException {
            byte[] frame = guest.receive();
            if (isAnswer(frame)) {
                got.add(HexFormat.of().formatHex(frame));
            }
            return frame;
        }

        List<String> sorted() throws IOException {
            while (got.size() < KINDS.size()) {
                next();
            }
            return got.stream().sorted().toList();
        }
    }
}
