package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.link.SimLink;
import io.passatelli.plane.UdpFrames.Datagram;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Semaphore;

import static io.passatelli.plane.LoopbackPlane.GATEWAY;
import static io.passatelli.plane.LoopbackPlane.GUEST;
import static io.passatelli.plane.LoopbackPlane.GUEST6;
import static io.passatelli.plane.LoopbackPlane.ROUTER6;
import static io.passatelli.plane.LoopbackPlane.bytes;
import static io.passatelli.plane.LoopbackPlane.forward;
import static io.passatelli.plane.LoopbackPlane.freePort;
import static io.passatelli.plane.LoopbackPlane.send;
import static io.passatelli.plane.UdpFrames.frame;
import static org.assertj.core.api.Assertions.assertThat;

/** UDP through a plane and the kernel's own sockets, both ways. */
class UdpLoopbackTest {
    private static final byte[] HELLO = "hello".getBytes(StandardCharsets.US_ASCII);
    /** Datagrams that the smallest usual receive buffer holds, net.core.rmem_default. */
    private static final int IN_BUFFER = 250;

    private static final byte[] WORLD = "world!".getBytes(StandardCharsets.US_ASCII);

    private static String guest(boolean v4) {
        return v4 ? GUEST : GUEST6;
    }

    private static String gateway(boolean v4) {
        return v4 ? GATEWAY : ROUTER6;
    }

    private static String loopback(boolean v4) {
        return v4 ? "127.0.0.1" : "::1";
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void guestAsksAndHostAnswersFromTheAddressThatWasAsked(boolean v4) throws Exception {
        try (var t = new LoopbackPlane()) {
            DatagramSocket host = t.host(v4);
            int port = freePort();
            t.guestSends(frame(guest(v4), port, gateway(v4), host.getLocalPort(), HELLO));
            DatagramPacket got = t.hostGets(host);
            assertThat(bytes(got)).isEqualTo(HELLO);
            assertThat(got.getPort()).as("the guest's own port").isEqualTo(port);
            send(host, loopback(v4), got.getPort(), WORLD);
            Datagram answer = t.guestGets();
            assertThat(answer.from).isEqualTo(gateway(v4));
            assertThat(answer.fromPort).isEqualTo(host.getLocalPort());
            assertThat(answer.to).isEqualTo(guest(v4));
            assertThat(answer.toPort).isEqualTo(port);
            assertThat(answer.payload).isEqualTo(WORLD);
            t.dropped();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void peerReachesForwardedPortAndIsAnsweredFromIt(boolean v4) throws Exception {
        int port = freePort();
        try (var t = new LoopbackPlane(1500, SimLink.plain(), c -> c.forwards(List.of(forward(port, 53))))) {
            assertThat(t.plane.refusedForwards()).isEmpty();
            DatagramSocket peer = t.host(v4);
            send(peer, loopback(v4), port, HELLO);
            Datagram asked = t.guestGets();
            assertThat(asked.to).isEqualTo(guest(v4));
            assertThat(asked.toPort).isEqualTo(53);
            assertThat(asked.from).isEqualTo(gateway(v4));
            assertThat(asked.fromPort).isEqualTo(peer.getLocalPort());
            t.guestSends(frame(guest(v4), 53, asked.from, asked.fromPort, WORLD));
            DatagramPacket answer = t.hostGets(peer);
            assertThat(bytes(answer)).isEqualTo(WORLD);
            assertThat(answer.getPort()).isEqualTo(port);
            send(peer, loopback(v4), port, WORLD);
            assertThat(t.guestGets().payload).isEqualTo(WORLD);
            assertThat(t.plane.snapshot().flows()).isEqualTo(1);
            t.dropped();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void thousandDatagramsBackToBackIntoNewFlowArriveInOrder(boolean v4) throws Exception {
        int port = freePort();
        try (var t = new LoopbackPlane(1500, SimLink.plain(), c -> c.forwards(List.of(forward(port, 53))))) {
            DatagramSocket peer = t.host(v4);
            Semaphore room = new Semaphore(IN_BUFFER);
            Thread sender = Thread.ofPlatform().start(() -> sendNumbered(peer, loopback(v4), port, room));
            for (int i = 0; i < 1_000; i++) {
                assertThat(ByteBuffer.wrap(t.guestGets().payload).getInt()).isEqualTo(i);
                room.release();
            }
            sender.join();
            t.dropped();
        }
    }

    private static void sendNumbered(DatagramSocket peer, String to, int port, Semaphore room) {
        try {
            for (int i = 0; i < 1_000; i++) {
                room.acquire();
                send(peer, to, port, ByteBuffer.allocate(4).putInt(i).array());
            }
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 1471, 1472, 1473, 2048, 9000, 65_506, 65_507})
    void datagramsOfAllLengthsPassBothWays(int length) throws Exception {
        byte[] there = new byte[length];
        byte[] back = new byte[length];
        new Random(length).nextBytes(there);
        new Random(length + 1).nextBytes(back);
        for (boolean v4 : new boolean[] {true, false}) {
            for (int mtu : new int[] {1280, 1500, 65_520}) {
                try (var t = new LoopbackPlane(mtu, SimLink.plain(), c -> c)) {
                    DatagramSocket host = t.host(v4);
                    int port = freePort();
                    t.guestSends(frame(guest(v4), port, gateway(v4), host.getLocalPort(), HELLO));
                    assertThat(t.hostGets(host).getLength()).isEqualTo(HELLO.length);
                    byte[] frame = frame(guest(v4), port, gateway(v4), host.getLocalPort(), there);
                    if (frame.length <= 65_535) {
                        t.guestSends(frame);
                        assertThat(bytes(t.hostGets(host))).isEqualTo(there);
                    }
                    send(host, loopback(v4), port, back);
                    t.until(() -> !t.link.seen().isEmpty());
                    t.turns(3);
                    assertThat(t.link.seen()).allMatch(f -> f.bytes.length <= Math.max(60, mtu + 14));
                    assertThat(t.guestGets().payload).isEqualTo(back);
                    t.dropped();
                }
            }
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void closedPortComesBackAsPortUnreachableQuotingTheGuestsOwn(boolean v4) throws Exception {
        int closed = freePort();
        int port = freePort();
        try (var t = new LoopbackPlane()) {
            byte[] frame = frame(guest(v4), port, gateway(v4), closed, HELLO);
            t.guestSends(frame);
            t.until(() -> !t.link.seen().isEmpty());
            byte[] error = t.link.next().bytes;
            int icmp = v4 ? 34 : 54;
            assertThat(error[icmp]).isEqualTo((byte) (v4 ? 3 : 1));
            assertThat(error[icmp + 1]).isEqualTo((byte) (v4 ? 3 : 4));
            byte[] quoted = Arrays.copyOfRange(error, icmp + 8, icmp + 8 + (v4 ? 28 : 48) + HELLO.length);
            byte[] sent = Arrays.copyOfRange(frame, 14, frame.length);
            int addresses = v4 ? 12 : 8; // identification, TTL and checksum differ in IPv4
            assertThat(Arrays.copyOfRange(quoted, addresses, quoted.length))
                    .isEqualTo(Arrays.copyOfRange(sent, addresses, sent.length));
            t.dropped();
        }
    }

    @Test
    void wrongChecksumIsNotPassedOnAndNoneIsOnlyForIp4() throws Exception {
        try (var t = new LoopbackPlane()) {
            DatagramSocket host = t.host(true);
            byte[] bad = frame(GUEST, 4000, GATEWAY, host.getLocalPort(), HELLO);
            bad[40] ^= 1;
            t.guestSends(bad);
            byte[] none6 = frame(GUEST6, 4000, ROUTER6, host.getLocalPort(), HELLO);
            none6[60] = none6[61] = 0;
            t.guestSends(none6);
            byte[] none4 = frame(GUEST, 4000, GATEWAY, host.getLocalPort(), WORLD);
            none4[40] = none4[41] = 0;
            t.guestSends(none4);
            assertThat(bytes(t.hostGets(host))).isEqualTo(WORLD);
            t.dropped(Drop.UDP_BAD_CHECKSUM, Drop.UDP_BAD_CHECKSUM);
        }
    }
}
