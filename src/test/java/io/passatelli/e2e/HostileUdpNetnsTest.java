package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.lab.UdpEnd;
import io.passatelli.plane.UdpFrames;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.assertThat;

/** passt as a process, and a guest that opens all the flows it can, sends headers without end, or lies about who it is. */
@Tag("netns")
class HostileUdpNetnsTest {
    private static final int SERVICE = 7_777;
    private static final int SINK = 7_778;
    private static final int PORT = 7_101;
    private static final int GUEST_PORT = 50_001;
    private static final int FLOWS = 20_000;
    /** Of all flows of UDP three quarters are a guest's at most. */
    private static final int MOST_FLOWS = 8_192 * 3 / 4;

    private static final int BESIDE = 100;
    private static final int TIMEOUT_S = 3;
    private static final Duration SHORT = Duration.ofMillis(300);
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private static Lab lab;

    @BeforeAll
    static void up() throws Exception {
        lab = Lab.up();
        // passt's flows end as the kernel's would; where it has no such setting, after half a minute
        lab.in(lab.pod(), LIMIT, "sysctl", "-qw", "net.netfilter.nf_conntrack_udp_timeout=" + TIMEOUT_S);
    }

    @AfterAll
    static void down() {
        if (lab != null) { // null where up() failed
            lab.close();
        }
    }

    @Test
    void twentyThousandFlowsAreBoundedAndTheirDescriptorsComeBack() throws Exception {
        try (Passt passt = Passt.start(lab, "-u", String.valueOf(PORT));
                EchoService _ = new EchoService(lab.peer(), Lab.PEER, SERVICE);
                UdpEnd sink = UdpEnd.bound(lab.peer(), Lab.PEER, SINK);
                UdpEnd caller = UdpEnd.bound(lab.peer(), Frames6.PEER, 0)) {
            int before;
            try (StreamGuest guest = StreamGuest.connect(passt.socket())) {
                guest.resolve();
                before = passt.descriptors();
                speaks(guest, 1);
                flood(guest, sink.port());
                speaks(guest, 2);
                assertThat(passt.descriptors()).isBetween(MOST_FLOWS / 2, before + MOST_FLOWS + BESIDE);
                // the network's share is there still
                caller.send(new byte[] {5}, Frames6.GUEST, PORT);
                assertThat(datagram(guest).payload).containsExactly(5);

                awaitDescriptors(passt, guest, before + BESIDE);
                speaks(guest, 4);
                flood(guest, sink.port());
            }
            // the guest has gone, and the next one has its flows, as many as there may be
            try (StreamGuest guest = StreamGuest.connect(passt.socket())) {
                flood(guest, sink.port());
                assertThat(passt.descriptors()).isLessThanOrEqualTo(before + MOST_FLOWS + BESIDE);
                awaitDescriptors(passt, guest, before + BESIDE);
                speaks(guest, 5);
            }
            assertThat(passt.lines()).noneMatch(line -> line.contains("Exception") || line.contains("bug"));
            assertThat(passt.terminate()).isZero();
        }
    }

    /** From as many ports of the guest's; each is one flow. */
    private static void flood(StreamGuest guest, int port) throws IOException {
        ByteBuffer chunk = ByteBuffer.allocate(FLOWS * 64);
        for (int i = 0; i < FLOWS; i++) {
            chunk.put(StreamGuest.framed(UdpFrames.frame(Lab.POD, 10_000 + i, Lab.PEER, port, new byte[] {1})));
        }
        guest.write(chunk.flip());
        guest.resolve();
    }

    /** A conversation that goes on whatever happens beside it. */
    private static void speaks(StreamGuest guest, int number) throws IOException {
        byte[] payload = {(byte) number};
        guest.send(UdpFrames.frame(Lab.POD, GUEST_PORT, Lab.PEER, SERVICE, payload));
        assertThat(datagram(guest).payload).isEqualTo(payload);
    }

    private static UdpFrames.Datagram datagram(StreamGuest guest) throws IOException {
        byte[] frame = guest.receive(
                f -> UdpFrames.u16(f, 12) == 0x0800 && f[23] == 17 || UdpFrames.u16(f, 12) == 0x86dd && f[20] == 17);
        return UdpFrames.take(() -> frame);
    }

    private static void awaitDescriptors(Passt passt, StreamGuest guest, int most) throws Exception {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (passt.descriptors() > most) {
            assertThat(System.nanoTime())
                    .as("descriptors: %d", passt.descriptors())
                    .isLessThan(end);
            guest.resolve();
            TimeUnit.MILLISECONDS.sleep(100);
        }
    }

    @Test
    void headersWithoutEndAreDropped() throws Exception {
        try (Passt passt = Passt.start(lab);
                UdpEnd peer = UdpEnd.bound(lab.peer(), Frames6.PEER, SERVICE);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            byte[] udp = Packets6.udp(Frames6.GUEST, GUEST_PORT, Frames6.PEER, SERVICE, new byte[] {1});
            List<byte[]> bombs = new ArrayList<>();
            for (int count : new int[] {9, 16, 100, 8_000}) {
                byte[] options = udp;
                byte[] routing = udp;
                byte[] mixed = udp;
                for (int i = 0; i < count && options.length < 65_000; i++) {
                    options = Packets6.options(i == 0 ? 17 : 60, 8, options);
                    routing = Packets6.routing(i == 0 ? 17 : 43, 0, 0, routing);
                    mixed = i % 2 == 0
                            ? Packets6.options(i == 0 ? 17 : 43, 8, mixed)
                            : Packets6.routing(60, 3, 1, mixed);
                }
                bombs.add(fromGuest(60, options));
                bombs.add(fromGuest(43, routing));
                bombs.add(fromGuest(60, mixed));
            }
            byte[] itself = Packets6.options(0, 8, new byte[0]); // says that another of its kind follows, and ends
            bombs.add(fromGuest(0, itself));
            bombs.add(fromGuest(0, Packets6.options(0, 8, Packets6.options(17, 8, udp))));
            byte[] beyond = Packets6.options(17, 8, udp);
            beyond[1] = (byte) 255; // longer than the packet
            bombs.add(fromGuest(60, beyond));
            byte[] nested = udp;
            for (int i = 0; i < 20; i++) { // fragments within fragments, each of them whole
                nested = Packets6.fragment(i == 0 ? 17 : 44, 0, false, i, nested);
            }
            bombs.add(fromGuest(44, nested));
            for (int i = 0; i < 10_000; i++) { // datagrams of which only the beginning comes
                byte[] part = new byte[1_232];
                bombs.add(fromGuest(44, Packets6.fragment(17, i % 2 == 0 ? 0 : 63_000, true, i, part)));
            }
            for (byte[] bomb : bombs) {
                guest.send(bomb);
                guest.forget();
            }
            guest.resolve();
            assertThat(peer.receive(SHORT)).isNull();
            // what has as many as may be arrives
            byte[] right = Packets6.options(60, 8, Packets6.options(17, 264, udp));
            guest.send(fromGuest(0, right));
            assertThat(peer.receive()).containsExactly(1);
            assertThat(passt.lines()).noneMatch(line -> line.contains("Exception") || line.contains("bug"));
            assertThat(passt.terminate()).isZero();
        }
    }

    private static byte[] fromGuest(int nextHeader, byte[] payload) {
        return Packets6.fromGuest(nextHeader, Frames6.GUEST, Frames6.PEER, payload);
    }

    @Test
    void sourcesThatAreNobodysReachNobody() throws Exception {
        try (Passt passt = Passt.start(lab);
                UdpEnd peer4 = UdpEnd.bound(lab.peer(), Lab.PEER, SERVICE);
                UdpEnd peer6 = UdpEnd.bound(lab.peer(), Frames6.PEER, SERVICE);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            guest.resolve();
            int before = passt.descriptors();
            for (String from : new String[] {"0.0.0.0", "127.0.0.1", "127.255.0.9", "224.0.0.1", "255.255.255.255"}) {
                guest.send(UdpFrames.frame(from, GUEST_PORT, Lab.PEER, SERVICE, new byte[] {1}));
                guest.send(Packets.ethernet(
                        Packets.OUR_MAC,
                        Packets.GUEST_MAC,
                        0x0800,
                        Packets.ip4(1, from, Lab.PEER, Packets.icmp4(8, 1, 1, new byte[8]))));
            }
            for (String from : new String[] {"::", "::1", "ff02::1", "ff0e::9", "::ffff:10.77.0.2"}) {
                byte[] udp = Packets6.udp(from, GUEST_PORT, Frames6.PEER, SERVICE, new byte[] {1});
                guest.send(Packets6.fromGuest(17, from, Frames6.PEER, udp));
                guest.send(Frames6.echoRequest(from, Frames6.PEER, 1, 1));
            }
            // to where no guest may go
            for (String to : new String[] {"127.0.0.1", "0.0.0.0", "0.1.2.3"}) {
                guest.send(UdpFrames.frame(Lab.POD, GUEST_PORT, to, SERVICE, new byte[] {1}));
            }
            for (String to : new String[] {"::1", "::", "::ffff:10.77.0.3", "::ffff:127.0.0.1"}) {
                byte[] udp = Packets6.udp(Frames6.GUEST, GUEST_PORT, to, SERVICE, new byte[] {1});
                guest.send(Packets6.fromGuest(17, Frames6.GUEST, to, udp));
            }
            assertThat(guest.resolve())
                    .noneMatch(frame -> UdpFrames.u16(frame, 12) == 0x0800)
                    .noneMatch(frame -> Frames6.isIcmp6(frame, 129));
            assertThat(passt.descriptors()).isEqualTo(before);
            assertThat(peer4.receive(SHORT)).isNull();
            assertThat(peer6.receive(SHORT)).isNull();

            guest.send(UdpFrames.frame(Lab.POD, GUEST_PORT, Lab.PEER, SERVICE, new byte[] {2}));
            assertThat(peer4.receive()).containsExactly(2);
            guest.send(UdpFrames.frame(Frames6.GUEST, GUEST_PORT, Frames6.PEER, SERVICE, new byte[] {3}));
            assertThat(peer6.receive()).containsExactly(3);
            assertThat(passt.terminate()).isZero();
        }
    }
}
