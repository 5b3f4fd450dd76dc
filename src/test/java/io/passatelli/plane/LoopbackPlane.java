package io.passatelli.plane;

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
import io.passatelli.config.PortForward;
import io.passatelli.link.SimLink;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.BooleanSupplier;
import java.util.function.UnaryOperator;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A plane over real sockets on the loopback, whose guest the test plays. The guest is 10.77.0.2 and fd77::2; 10.77.0.1 and fe80::1 stand for the
 * host's 127.0.0.1 and ::1.
 */
final class LoopbackPlane implements AutoCloseable {
    static final String GUEST = "10.77.0.2";
    static final String GATEWAY = "10.77.0.1";
    static final String GUEST6 = "fd77::2";
    static final String ROUTER6 = "fe80::1";
    private static final int WAIT_MS = 5_000;

    final SimLink link;
    final DataPlane plane;
    final List<String> lines = new ArrayList<>();
    private final LinuxOs os = new LinuxOs();
    private final List<DatagramSocket> hosts = new ArrayList<>();

    LoopbackPlane() {
        this(1500, SimLink.plain(), config -> config);
    }

    LoopbackPlane(int mtu, SimLink link, UnaryOperator<PlaneConfig> change) {
        this(mtu, link, change, os -> os);
    }

    LoopbackPlane(int mtu, SimLink link, UnaryOperator<PlaneConfig> change, UnaryOperator<Os> around) {
        this.link = link;
        GuestNetwork network = PlainNetwork.of(
                new Cidr(Ip.parse(GUEST), 24),
                Ip.parse(GATEWAY),
                mtu,
                new Ip6Network(new Cidr(Ip.parse(GUEST6), 64), false, Ip.parse(ROUTER6), List.of()));
        PlaneConfig config = PlaneConfig.of(network)
                .host4(HostSide.mapping(Ip.parse(GATEWAY)))
                .host6(HostSide.mapping(Ip.parse(ROUTER6)));
        Log log = new Log(Log.Level.INFO, (level, line) -> lines.add(line));
        plane = new DataPlane(
                change.apply(config),
                new Surroundings(around.apply(os), Clock.system(), log, () -> 42),
                (its, counters, lines) -> link,
                PlaneEvents.NOBODY);
        turns(4);
        link.forgetSeen();
    }

    static PortForward forward(int port, int target) {
        return new PortForward(PortForward.Protocol.UDP, null, null, port, port, target);
    }

    /** A port that nobody has now, in either family. */
    static int freePort() throws IOException {
        try (DatagramSocket probe = new DatagramSocket(new InetSocketAddress("::", 0))) {
            return probe.getLocalPort();
        }
    }

    /** A socket of the host's at 127.0.0.1 or ::1, at a port of the kernel's choice. */
    DatagramSocket host(boolean v4) throws IOException {
        DatagramSocket socket = new DatagramSocket(new InetSocketAddress(v4 ? "127.0.0.1" : "::1", 0));
        socket.setReceiveBufferSize(4 << 20);
        socket.setSoTimeout(WAIT_MS);
        hosts.add(socket);
        return socket;
    }

    void turns(int count) {
        for (int i = 0; i < count; i++) {
            plane.turn(0);
        }
    }

    void until(BooleanSupplier holds) {
        long end = System.nanoTime() + WAIT_MS * 1_000_000L;
        while (!holds.getAsBoolean()) {
            assertThat(System.nanoTime() - end).as("waited in vain").isNegative();
            plane.turn(1_000_000);
        }
    }

    void guestSends(byte[] frame) {
        link.guestSends(frame);
    }

    /** What the host's {@code socket} gets next, while the plane turns. */
    DatagramPacket hostGets(DatagramSocket socket) throws IOException {
        DatagramPacket packet = new DatagramPacket(new byte[65_535], 65_535);
        socket.setSoTimeout(1);
        long end = System.nanoTime() + WAIT_MS * 1_000_000L;
        while (true) {
            plane.turn(0);
            try {
                socket.receive(packet);
                return packet;
            } catch (java.net.SocketTimeoutException e) {
                assertThat(System.nanoTime() - end).as("waited in vain").isNegative();
            }
        }
    }

    static byte[] bytes(DatagramPacket packet) {
        return Arrays.copyOf(packet.getData(), packet.getLength());
    }

    static void send(DatagramSocket from, String to, int port, byte[] payload) throws IOException {
        from.send(new DatagramPacket(payload, payload.length, InetAddress.getByName(to), port));
    }

    /** The next datagram that the guest gets. */
    UdpFrames.Datagram guestGets() {
        return UdpFrames.take(() -> {
            until(() -> !link.seen().isEmpty());
            return link.next().bytes;
        });
    }

    long count(Drop reason) {
        return Objects.requireNonNull(plane.snapshot().drops().get(reason));
    }

    /** Nothing was counted but these, once each, beside what was handled. */
    void dropped(Drop... reasons) {
        for (Drop reason : Drop.values()) {
            if (reason != Drop.NONE) {
                long expected = Arrays.stream(reasons).filter(reason::equals).count();
                assertThat(count(reason)).as("%s", reason).isEqualTo(expected);
            }
        }
    }

    @Override
    public void close() {
        assertThat(plane.snapshot().invariantViolations()).as("%s", lines).isZero();
        link.assertSettled();
        plane.close();
        hosts.forEach(DatagramSocket::close);
        os.close();
    }
}
