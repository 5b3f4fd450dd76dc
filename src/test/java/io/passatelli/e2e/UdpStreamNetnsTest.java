package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.lab.UdpEnd;
import io.passatelli.plane.UdpFrames;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.IntStream;

import static org.assertj.core.api.Assertions.assertThat;

/** Datagrams of a guest, octet by octet, and real sockets on the other side. {@link UdpFrames#take} checks every length and checksum that comes. */
@Tag("netns")
class UdpStreamNetnsTest {
    private static final int GUEST_PORT = 40_001;
    private static final int PORT = 7_101;
    private static final int SERVICE = 7_777;
    private static final int CLOSED = 7_778;
    private static final int NUMBERED = 1_000;
    /** As many of the smallest datagrams as any receive buffer holds. */
    private static final int BLOB = 250;

    private static final Duration SHORT = Duration.ofMillis(300);

    private static Lab lab;

    @BeforeAll
    static void up() throws Exception {
        lab = Lab.up();
        lab.resolvConf("nameserver 127.0.0.1\nnameserver ::1\n");
    }

    @AfterAll
    static void down() {
        if (lab != null) { // null where up() failed
            lab.close();
        }
    }

    private enum Family {
        IP4(Lab.POD, Lab.PEER, Lab.GATEWAY, "127.0.0.1", "10.77.0.53"),
        IP6(Frames6.GUEST, Frames6.PEER, Frames6.GATEWAY, "::1", "fd77::53");

        final String guest;
        final String peer;
        /** The guest's name of the pod's loopback. */
        final String gateway;

        final String loopback;
        final String dnsForward;

        Family(String guest, String peer, String gateway, String loopback, String dnsForward) {
            this.guest = guest;
            this.peer = peer;
            this.gateway = gateway;
            this.loopback = loopback;
            this.dnsForward = dnsForward;
        }
    }

    private static Passt passt() throws IOException, InterruptedException {
        return Passt.start(
                lab,
                "-u",
                String.valueOf(PORT),
                "--dns-forward",
                Family.IP4.dnsForward,
                "--dns-forward",
                Family.IP6.dnsForward);
    }

    private static byte[] text(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** What comes to the guest's port. */
    private static UdpFrames.Datagram next(StreamGuest guest) {
        return UdpFrames.take(() -> {
            try {
                return guest.receive(UdpStreamNetnsTest::isUdp);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
    }

    private static boolean isUdp(byte[] frame) {
        int type = UdpFrames.u16(frame, 12);
        return type == 0x0800 && frame[23] == 17 || type == 0x86dd && (frame[20] == 17 || frame[20] == 44);
    }

    @ParameterizedTest
    @EnumSource
    void portOfTheGuestIsKeptAndEmptyDatagramsAreDatagrams(Family family) throws Exception {
        try (Passt passt = passt();
                UdpEnd peer = UdpEnd.bound(lab.peer(), family.peer, SERVICE);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            for (byte[] payload : new byte[][] {text("question"), {}, {7}}) {
                guest.send(UdpFrames.frame(family.guest, GUEST_PORT, family.peer, SERVICE, payload));
                assertThat(peer.receive()).isEqualTo(payload);
                assertThat(peer.from().getPort()).isEqualTo(GUEST_PORT);
                assertThat(peer.from().getAddress()).isEqualTo(InetAddress.getByName(family.guest));
                peer.answer(payload);
                assertComesFrom(next(guest), family.peer, SERVICE, family.guest, payload);
            }
            // inbound: the peer's port and address, too
            try (UdpEnd caller = UdpEnd.bound(lab.peer(), family.peer, 0)) {
                caller.send(new byte[0], family.guest, PORT);
                UdpFrames.Datagram got = next(guest);
                assertThat(got.payload).isEmpty();
                assertThat(got.fromPort).isEqualTo(caller.port());
                assertThat(got.from).isEqualTo(family.peer);
                assertThat(got.toPort).isEqualTo(PORT);
                guest.send(UdpFrames.frame(family.guest, PORT, family.peer, caller.port(), new byte[0]));
                assertThat(caller.receive()).isEmpty();
                assertThat(caller.from().getPort()).isEqualTo(PORT);
            }
            assertThat(passt.terminate()).isZero();
        }
    }

    private static void assertComesFrom(UdpFrames.Datagram got, String from, int fromPort, String to, byte[] payload) {
        assertThat(got.from).isEqualTo(from);
        assertThat(got.fromPort).isEqualTo(fromPort);
        assertThat(got.to).isEqualTo(to);
        assertThat(got.toPort).isEqualTo(GUEST_PORT);
        assertThat(got.payload).isEqualTo(payload);
    }

    @ParameterizedTest
    @EnumSource
    void answersComeFromTheAddressThatWasAsked(Family family) throws Exception {
        try (Passt passt = passt();
                UdpEnd onLoopback = UdpEnd.bound(lab.pod(), family.loopback, SERVICE);
                UdpEnd resolver = UdpEnd.bound(lab.pod(), family.loopback, 53);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            guest.send(UdpFrames.frame(family.guest, GUEST_PORT, family.gateway, SERVICE, text("loopback")));
            assertThat(onLoopback.receive()).isEqualTo(text("loopback"));
            assertThat(onLoopback.from().getAddress()).isEqualTo(InetAddress.getByName(family.loopback));
            assertThat(onLoopback.from().getPort()).isEqualTo(GUEST_PORT);
            onLoopback.answer(text("back"));
            assertComesFrom(next(guest), family.gateway, SERVICE, family.guest, text("back"));

            guest.send(UdpFrames.frame(family.guest, GUEST_PORT, family.dnsForward, 53, text("name?")));
            assertThat(resolver.receive()).isEqualTo(text("name?"));
            resolver.answer(text("address"));
            assertComesFrom(next(guest), family.dnsForward, 53, family.guest, text("address"));
            assertThat(passt.terminate()).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource
    void closedPortIsReportedAboutTheGuestsOwnDatagram(Family family) throws Exception {
        try (Passt passt = passt();
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            for (String to : List.of(family.peer, family.gateway)) { // the latter has another header on the host
                byte[] sent = UdpFrames.frame(family.guest, GUEST_PORT, to, CLOSED, text("anybody"));
                guest.send(sent);
                byte[] error = guest.receive(frame -> isUnreachable(frame, family));
                boolean v4 = family == Family.IP4;
                byte[] icmp = Arrays.copyOfRange(
                        error, v4 ? 34 : 54, v4 ? 14 + UdpFrames.u16(error, 16) : 54 + UdpFrames.u16(error, 18));
                assertThat(icmp[1]).isEqualTo((byte) (v4 ? 3 : 4)); // port unreachable
                if (v4) {
                    assertThat(Packets.naiveSum(icmp, 0, icmp.length)).isEqualTo(0xffff);
                    assertThat(Packets.naiveSum(error, 14, 20)).isEqualTo(0xffff);
                    assertThat(Packets.naiveSum(icmp, 8, 20)).isEqualTo(0xffff);
                } else {
                    byte[] summed = Packets6.withChecksum(58, to, family.guest, icmp.clone(), 2);
                    assertThat(icmp).isEqualTo(summed);
                }
                assertThat(addresses(error, 14, v4)).isEqualTo(swapped(sent, v4)); // from where it was sent to
                assertThat(addresses(icmp, 8, v4)).isEqualTo(addresses(sent, 14, v4));
                int quoted = 8 + (v4 ? 20 : 40);
                int original = 14 + (v4 ? 20 : 40);
                // ports, length, checksum, and all of the payload
                assertThat(HexFormat.of().formatHex(icmp, quoted, icmp.length))
                        .isEqualTo(HexFormat.of().formatHex(sent, original, sent.length));
            }
            assertThat(passt.terminate()).isZero();
        }
    }

    private static boolean isUnreachable(byte[] frame, Family family) {
        return family == Family.IP4
                ? UdpFrames.u16(frame, 12) == 0x0800 && frame[23] == 1 && frame[34] == 3
                : Frames6.isIcmp6(frame, 1);
    }

    /** Both addresses and the protocol of the IP header at {@code ip}. */
    private static String addresses(byte[] bytes, int ip, boolean v4) {
        return v4
                ? HexFormat.of().formatHex(bytes, ip + 12, ip + 16)
                        + HexFormat.of().formatHex(bytes, ip + 16, ip + 20)
                : HexFormat.of().formatHex(bytes, ip + 8, ip + 24)
                        + HexFormat.of().formatHex(bytes, ip + 24, ip + 40);
    }

    private static String swapped(byte[] frame, boolean v4) {
        String both = addresses(frame, 14, v4);
        return both.substring(both.length() / 2) + both.substring(0, both.length() / 2);
    }

    /** Payloads whose sum is zero: the field says 0xffff then, for zero would say that there is none. */
    @ParameterizedTest
    @EnumSource
    void checksumIsNeverZeroTowardTheGuest(Family family) throws Exception {
        try (Passt passt = passt();
                UdpEnd peer = UdpEnd.bound(lab.peer(), family.peer, SERVICE);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            guest.send(UdpFrames.frame(family.guest, GUEST_PORT, family.peer, SERVICE, new byte[2]));
            assertThat(peer.receive()).hasSize(2);
            byte[] zeroes = UdpFrames.frame(family.peer, SERVICE, family.guest, GUEST_PORT, new byte[2]);
            int udp = family == Family.IP4 ? 34 : 54;
            byte[] compensating =
                    Arrays.copyOfRange(zeroes, udp + 6, udp + 8); // with the checksum as payload the sum is zero
            peer.answer(compensating);
            byte[] frame = guest.receive(UdpStreamNetnsTest::isUdp);
            assertThat(UdpFrames.take(() -> frame).payload).isEqualTo(compensating);
            assertThat(UdpFrames.u16(frame, udp + 6)).isEqualTo(0xffff);
            assertThat(passt.terminate()).isZero();
        }
    }

    /** RFC 768 lets a guest send without checksum, RFC 8200 §8.1 does not. */
    @ParameterizedTest
    @EnumSource
    void guestsDatagramWithoutChecksumPassesInIp4Only(Family family) throws Exception {
        try (Passt passt = passt();
                UdpEnd peer = UdpEnd.bound(lab.peer(), family.peer, SERVICE);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            int checksum = (family == Family.IP4 ? 34 : 54) + 6;
            byte[] without = UdpFrames.frame(family.guest, GUEST_PORT, family.peer, SERVICE, text("without"));
            ByteBuffer.wrap(without).putShort(checksum, (short) 0);
            byte[] wrong = UdpFrames.frame(family.guest, GUEST_PORT, family.peer, SERVICE, text("wrong"));
            wrong[checksum]++;
            guest.send(without);
            guest.send(wrong);
            guest.send(UdpFrames.frame(family.guest, GUEST_PORT, family.peer, SERVICE, text("right")));
            if (family == Family.IP4) {
                assertThat(peer.receive()).isEqualTo(text("without"));
            }
            assertThat(peer.receive()).isEqualTo(text("right"));
            assertThat(peer.receive(SHORT)).isNull();
            assertThat(passt.terminate()).isZero();
        }
    }

    @ParameterizedTest
    @EnumSource
    void thousandArriveInOrderEitherWay(Family family) throws Exception {
        List<Integer> all = IntStream.range(0, NUMBERED).boxed().toList();
        try (Passt passt = passt();
                UdpEnd peer = UdpEnd.bound(lab.peer(), family.peer, SERVICE);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            guest.resolve();
            for (int i = 0; i < NUMBERED; i++) {
                peer.send(number(i), family.guest, PORT);
            }
            List<Integer> inbound = new ArrayList<>();
            while (inbound.size() < NUMBERED) {
                inbound.add(ByteBuffer.wrap(next(guest).payload).getInt());
            }
            assertThat(inbound).isEqualTo(all);

            List<Integer> outbound = new ArrayList<>();
            while (outbound.size() < NUMBERED) {
                ByteBuffer blob = ByteBuffer.allocate(BLOB * 128);
                for (int i = 0; i < BLOB; i++) {
                    byte[] payload = number(outbound.size() + i);
                    blob.put(StreamGuest.framed(
                            UdpFrames.frame(family.guest, GUEST_PORT, family.peer, SERVICE, payload)));
                }
                guest.write(blob.flip());
                for (int i = 0; i < BLOB; i++) {
                    outbound.add(ByteBuffer.wrap(peer.receive()).getInt());
                }
            }
            assertThat(outbound).isEqualTo(all);
            assertThat(passt.terminate()).isZero();
        }
    }

    private static byte[] number(int i) {
        return ByteBuffer.allocate(4).putInt(i).array();
    }
}
