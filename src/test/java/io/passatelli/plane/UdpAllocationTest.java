package io.passatelli.plane;

import io.passatelli.base.Allocation;
import io.passatelli.base.Clock;
import io.passatelli.base.Drop;
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
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** The loop thread allocates nothing per datagram, either way: counted by the JVM itself while datagrams go to an echo on the loopback and back. */
class UdpAllocationTest {
    private static final int WARM_UP = 100_000;
    private static final int FRAMES = 20_000;

    private static final int AHEAD = 32;

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "::1"})
    void datagramsThereAndBackAllocateNothing(String loopback) throws Exception {
        try (DatagramSocket echo = new DatagramSocket(new InetSocketAddress(loopback, 0));
                LinuxOs os = new LinuxOs()) {
            Thread thread = Thread.ofPlatform().daemon().start(() -> echo(echo));
            assertThat(allocated(os, loopback.equals("127.0.0.1"), echo.getLocalPort()))
                    .isZero();
            assertThat(thread.isAlive()).isTrue();
        }
    }

    private static void echo(DatagramSocket socket) {
        DatagramPacket packet = new DatagramPacket(new byte[2048], 2048);
        try {
            while (true) {
                packet.setLength(2048);
                socket.receive(packet);
                socket.send(packet);
            }
        } catch (IOException e) {
            assertThat(socket.isClosed()).isTrue();
        }
    }

    private static long allocated(LinuxOs os, boolean v4, int port) {
        byte[] request = v4
                ? UdpFrames.frame("10.77.0.2", 4242, "10.77.0.1", port, new byte[100])
                : UdpFrames.frame("fd77::2", 4242, "fe80::1", port, new byte[100]);
        Treadmill guest = new Treadmill(request, AHEAD);
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
            turn(plane, guest, WARM_UP);
            long least = Allocation.leastBytes(1, () -> turn(plane, guest, FRAMES));
            PlaneStats stats = plane.snapshot();
            assertThat(guest.answered()).isGreaterThanOrEqualTo(WARM_UP + FRAMES);
            assertThat(stats.drops().get(Drop.NONE)).isEqualTo(guest.answered());
            assertThat(stats.invariantViolations()).isZero();
            return least;
        }
    }

    private static void turn(DataPlane plane, Treadmill guest, int frames) {
        guest.walk(frames);
        for (int turns = 0; !guest.isDone(); turns++) {
            if (turns == 100 * frames) {
                throw new AssertionError("answers are missing: " + guest.answered());
            }
            plane.turn(1_000_000);
        }
    }
}
