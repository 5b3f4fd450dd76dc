package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Limits;
import io.passatelli.wire.TcpSegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.File;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

import static io.passatelli.plane.TcpScenario.bytes;
import static io.passatelli.plane.TcpTalk.data;
import static io.passatelli.plane.TcpTalk.seg;
import static org.assertj.core.api.Assertions.assertThat;

/** TCP through a plane and the kernel's own sockets: both ways, and what hostile guests and peers do. */
@Timeout(120)
class TcpLoopbackTest {
    private static final int SOME = 2 << 20;

    private static int descriptors() {
        return Objects.requireNonNull(new File("/proc/self/fd").list()).length;
    }

    private static long liveBytes() {
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void manyMegabytesGoBothWaysAndTheEndIsInOrder(boolean v4) throws Exception {
        try (var t = new TcpLoopback()) {
            ServerSocketChannel server = t.server(v4, 8);
            TcpTalk c = t.talk(v4, TcpLoopback.port(server)).handshake();
            SocketChannel host = t.accept(server);
            byte[] up = bytes(SOME);
            byte[] down = bytes(SOME + 1);
            ByteBuffer got = ByteBuffer.allocate(up.length + 1);
            int sent = 0;
            int written = 0;
            for (int idle = 0; got.position() < up.length || c.received().length < down.length; idle++) {
                assertThat(idle).isLessThan(1_000_000);
                sent = c.sendsWhatFits(up, sent);
                if (written < down.length) {
                    written += TcpLoopback.write(host, down, written);
                }
                assertThat(TcpLoopback.read(host, got)).isGreaterThanOrEqualTo(0);
                if (!c.takeAll().isEmpty()) {
                    c.puts(seg("A"));
                }
            }
            assertThat(Arrays.copyOf(got.array(), up.length)).isEqualTo(up);
            assertThat(c.received()).isEqualTo(down);
            c.sends(seg("FA"));
            t.plane.until(() -> TcpLoopback.read(host, got) == -1);
            host.shutdownOutput();
            t.plane.until(() -> {
                c.takeAll();
                return c.expected() == down.length + 2;
            });
            c.sends(seg("A"));
            assertThat(t.flows()).isZero();
            assertThat(t.plane.count(Drop.TCP_GAP) + t.plane.count(Drop.TCP_NO_ROOM))
                    .isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void peerReachesTheForwardedPort(boolean v4) throws Exception {
        try (var t = new TcpLoopback()) {
            SocketChannel peer = t.connects(v4);
            TcpTalk c = t.accepted();
            c.sends(data("welcome"));
            ByteBuffer got = ByteBuffer.allocate(100);
            t.plane.until(() -> TcpLoopback.read(peer, got) == 7);
            TcpLoopback.write(peer, bytes(100), 0);
            c.takeAll();
            t.plane.until(() -> {
                c.takeAll();
                return c.received().length == 100;
            });
            assertThat(c.received()).isEqualTo(bytes(100));
        }
    }

    @Test
    void refusedIsRefused() throws Exception {
        try (var t = new TcpLoopback()) {
            TcpSegment reset = t.talk(true, TcpLoopback.freePort()).syn().take();
            assertThat(reset.flags()).isEqualTo(TcpSegment.RST | TcpSegment.ACK);
            assertThat(t.flows()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void resetOfEitherSideIsTheOthers(boolean guest) throws Exception {
        try (var t = new TcpLoopback()) {
            ServerSocketChannel server = t.server(true, 8);
            TcpTalk c = t.talk(true, TcpLoopback.port(server)).handshake();
            SocketChannel host = t.accept(server);
            if (guest) {
                c.sends(seg("R"));
                t.plane.until(() -> TcpLoopback.read(host, ByteBuffer.allocate(1)) == -2);
            } else {
                host.setOption(StandardSocketOptions.SO_LINGER, 0);
                host.close();
                c.gets(seg("RA"));
            }
            assertThat(t.flows()).isZero();
        }
    }

    /** RFC 6093 §4: urgent data keep their place among the others. */
    @Test
    void urgentDataOfTheHostKeepTheirPlace() throws Exception {
        try (var t = new TcpLoopback();
                ServerSocket server = new ServerSocket(0, 8, InetAddress.getLoopbackAddress())) {
            TcpTalk c = t.talk(true, server.getLocalPort()).handshake();
            try (Socket host = server.accept()) {
                host.getOutputStream().write("ab".getBytes(StandardCharsets.US_ASCII));
                host.sendUrgentData('c');
                host.getOutputStream().write("de".getBytes(StandardCharsets.US_ASCII));
                t.plane.until(() -> {
                    if (!c.takeAll().isEmpty()) {
                        c.puts(seg("A"));
                    }
                    return c.received().length >= 5;
                });
                assertThat(c.received()).isEqualTo("abcde".getBytes(StandardCharsets.US_ASCII));
            }
        }
    }

    // ---- hostile guests and peers

    @Test
    void twentyThousandSynsAreBoundedAndOthersStillConnect() throws Exception {
        int before = descriptors();
        try (var t = new TcpLoopback()) {
            ServerSocketChannel server = t.server(true, 64);
            int port = TcpLoopback.port(server);
            long live = liveBytes();
            for (int i = 0; i < 20_000; i++) {
                byte[] syn = TcpSegment.between(LoopbackPlane.GUEST, 30_000 + i, LoopbackPlane.GATEWAY, port)
                        .with(TcpSegment.SYN)
                        .seq(i)
                        .mss(1460)
                        .fromGuest();
                t.guestSends(syn);
                if (i % 64 == 63) {
                    t.plane.plane.turn(0);
                }
            }
            t.runs(0);
            assertThat(t.flows()).isEqualTo(Limits.TCP_FLOWS_FROM_GUEST);
            assertThat(t.plane.count(Drop.FLOW_TABLE_FULL)).isEqualTo(20_000 - Limits.TCP_FLOWS_FROM_GUEST);
            t.unclaimed();
            assertThat(liveBytes() - live)
                    .as("bytes for each half-open connection")
                    .isLessThan(9_216L * 3_000);
            SocketChannel peer = t.connects(true);
            TcpTalk c = t.accepted();
            c.sends(data("x"));
            t.plane.until(() -> TcpLoopback.read(peer, ByteBuffer.allocate(1)) == 1);
        }
        assertThat(descriptors()).isLessThanOrEqualTo(before + 2);
    }

    @Test
    void aThousandConnectionsOpenedAndResetAtOnceLeaveNothing() throws Exception {
        try (var t = new TcpLoopback()) {
            ServerSocketChannel server = t.server(true, 4096);
            int before = descriptors();
            List<TcpTalk> all = new ArrayList<>();
            for (int i = 0; i < 1000; i++) {
                TcpTalk c = t.talk(true, TcpLoopback.port(server));
                c.puts(seg("S").options("020405b401030307"));
                all.add(c);
            }
            t.plane.until(() -> {
                t.sort();
                return all.stream().noneMatch(c -> c.inbox.isEmpty());
            });
            all.forEach(
                    c -> c.gets(seg("SA")).puts(seg("A")).puts(data("hello")).puts(seg("R")));
            t.plane.until(() -> t.flows() == 0);
            assertThat(descriptors()).isLessThanOrEqualTo(before + 1);
            assertThat(t.plane.count(Drop.TCP_RESET_BY_GUEST)).isEqualTo(1000);
            for (int i = 0; i < 1000; i++) {
                SocketChannel host = Objects.requireNonNull(server.accept());
                ByteBuffer got = ByteBuffer.allocate(10);
                int n = TcpLoopback.read(host, got);
                assertThat(n == 5 ? TcpLoopback.read(host, got) : n)
                        .as("reset, not ended")
                        .isEqualTo(-2);
                host.close();
            }
        }
    }

    @Test
    void peerThatNeverReadsHoldsNoMoreThanItsShare() throws Exception {
        try (var t = new TcpLoopback()) {
            ServerSocketChannel server = t.server(true, 64);
            List<TcpTalk> all = new ArrayList<>();
            byte[] up = bytes(1 << 20);
            long live = liveBytes();
            for (int i = 0; i < 20; i++) {
                TcpTalk c = t.talk(true, TcpLoopback.port(server)).handshake();
                t.accept(server).setOption(StandardSocketOptions.SO_RCVBUF, 4096);
                all.add(c);
                for (int at = 0, before = -1; at > before && at < up.length; ) {
                    before = at;
                    at = c.sendsWhatFits(up, at);
                    c.takeAll();
                }
            }
            assertThat(liveBytes() - live).isLessThan(40L << 20); // the test keeps what it sent
            assertThat(t.plane.count(Drop.TCP_NO_ROOM)).isZero();
            all.forEach(c -> c.puts(seg("R").seq(c.next())));
            t.runs(0);
            t.plane.until(() -> t.flows() == 0);
            t.unclaimed();
        }
    }

    @Test
    void guestThatNeverAcknowledgesStopsThePeer() throws Exception {
        try (var t = new TcpLoopback()) {
            ServerSocketChannel server = t.server(true, 8);
            TcpTalk c = t.talk(true, TcpLoopback.port(server)).handshake();
            SocketChannel host = t.accept(server);
            byte[] down = bytes(64 << 20);
            int written = 0;
            for (int idle = 0; idle < 50 && written < down.length; idle++) {
                int n = TcpLoopback.write(host, down, written);
                idle = n > 0 ? 0 : idle;
                written += n;
                t.runs(1_000_000);
            }
            assertThat(written).as("held back").isLessThan(32 << 20);
            c.takeAll();
            assertThat(c.mostSent() - 1).isLessThanOrEqualTo(Limits.TCP_IN_FLIGHT_FIRST_BYTES);
            for (int i = 0; c.received().length < written; i++) {
                assertThat(i).isLessThan(100_000);
                c.sends(seg("A"));
                c.takeAll();
            }
            assertThat(c.received()).isEqualTo(Arrays.copyOf(down, written));
        }
    }

    @Test
    void guestKilledAmidTransfersLeavesNothingOnceTheNextOneSpeaks() throws Exception {
        try (var t = new TcpLoopback()) {
            ServerSocketChannel server = t.server(true, 64);
            List<SocketChannel> hosts = new ArrayList<>();
            List<TcpTalk> all = new ArrayList<>();
            for (int i = 0; i < 20; i++) {
                all.add(t.talk(true, TcpLoopback.port(server)).handshake());
                SocketChannel host = t.accept(server);
                hosts.add(host);
                TcpLoopback.write(host, bytes(100_000), 0);
            }
            t.runs(0);
            t.plane.link.guestLeaves(104);
            t.runs(0);
            assertThat(t.flows()).isEqualTo(20);
            all.forEach(c -> c.inbox.clear());
            t.plane.link.forgetSeen();
            t.plane.link.guestComes();
            t.runs(0);
            t.sort();
            for (TcpTalk c : all) { // a kernel that knows of nothing
                TcpSegment s = c.take();
                c.puts(seg("R").seq(s.ack() - c.guestStart()));
            }
            t.plane.until(() -> t.flows() == 0);
            for (SocketChannel host : hosts) {
                assertThat(TcpLoopback.read(host, ByteBuffer.allocate(1))).isEqualTo(-2);
            }
        }
    }
}
