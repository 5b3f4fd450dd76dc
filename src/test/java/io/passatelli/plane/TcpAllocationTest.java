package io.passatelli.plane;

import io.passatelli.base.Allocation;
import io.passatelli.base.Clock;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.HostSide;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import io.passatelli.os.LinuxOs;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** The loop thread allocates nothing per segment, either way: counted by the JVM itself while a connection goes to an echo on the loopback and back. */
class TcpAllocationTest {
    private static final int WARM_UP_BYTES = 60_000_000;
    private static final int BYTES = 60_000_000;
    /** Of at most 1460 bytes each, and some acknowledgments. */
    private static final int FRAMES = 100_000;

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void segmentsThereAndBackAllocateNothing(String loopback) throws Exception {
        try (ServerSocketChannel server = ServerSocketChannel.open().bind(new InetSocketAddress(loopback, 0));
                LinuxOs os = new LinuxOs()) {
            Thread.ofPlatform().daemon().start(() -> echo(server));
            int port = ((InetSocketAddress) server.getLocalAddress()).getPort();
            assertThat(allocated(os, loopback.equals("127.0.0.1"), port)).isZero();
        }
    }

    /** Until the plane ends, which resets the connection. */
    private static void echo(ServerSocketChannel server) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(64 << 10);
        try (SocketChannel one = server.accept()) {
            while (one.read(buffer) >= 0) {
                buffer.flip();
                while (buffer.hasRemaining()) {
                    one.write(buffer);
                }
                buffer.clear();
            }
        } catch (IOException e) {
            // before the end, nothing would move
        }
    }

    private static long allocated(LinuxOs os, boolean v4, int port) {
        TcpTreadmill guest =
                v4 ? new TcpTreadmill("10.77.0.2", "10.77.0.1", port) : new TcpTreadmill("fd77::2", "fe80::1", port);
        GuestNetwork network = PlainNetwork.of(
                new Cidr(Ip.parse("10.77.0.2"), 24),
                Ip.parse("10.77.0.1"),
                1500,
                new Ip6Network(new Cidr(Ip.parse("fd77::2"), 64), false, Ip.parse("fe80::1"), List.of()));
        PlaneConfig config = PlaneConfig.of(network)
                .host4(HostSide.mapping(Ip.parse("10.77.0.1")))
                .host6(HostSide.mapping(Ip.parse("fe80::1")));
        Surroundings around = new Surroundings(os, Clock.system(), Log.silent(), () -> 1);
        try (DataPlane plane = new DataPlane(config, around, (its, counters, log) -> guest, PlaneEvents.NOBODY)) {
            turn(plane, guest, WARM_UP_BYTES);
            long frames = guest.frames();
            turn(plane, guest, BYTES);
            assertThat(guest.frames() - frames).isGreaterThanOrEqualTo(FRAMES);
            long least = Allocation.leastBytes(1, () -> turn(plane, guest, BYTES));
            assertThat(guest.wasReset()).isFalse();
            assertThat(plane.snapshot().invariantViolations()).isZero();
            assertThat(plane.snapshot().flows()).isEqualTo(1);
            return least;
        }
    }

    private static void turn(DataPlane plane, TcpTreadmill guest, long bytes) {
        guest.walk(bytes);
        for (int idle = 0; !guest.isDone(); idle++) {
            long before = guest.frames();
            plane.turn(1_000_000);
            if (guest.frames() != before) {
                idle = 0;
            } else if (idle == 20_000) {
                throw new AssertionError("nothing moves: " + guest.back());
            }
        }
    }
}
