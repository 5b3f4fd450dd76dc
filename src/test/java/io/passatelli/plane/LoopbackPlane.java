package io.passatelli.plane;

import io.passatelli.base.Clock;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.HostSide;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.PortForward;
import io.passatelli.link.SimLink;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.SortedMap;
import java.util.TreeMap;
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
        GuestNetwork network = new GuestNetwork(
                new Cidr(Ip.parse(GUEST), 24),
                false,
                Ip.parse(GATEWAY),
                mtu,
                List.of(),
                List.of(),
                null,
                null,
                GuestNetwork.DEFAULT_MAC,
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

    /** From the guest, in the family of the addresses. */
    static byte[] frame(String from, int fromPort, String to, int toPort, byte[] payload) {
        return frame(from, fromPort, to, toPort, payload, 64);
    }

    static byte[] frame(String from, int fromPort, String to, int toPort, byte[] payload, int hops) {
        if (from.indexOf(':') < 0) {
            byte[] ip = Packets.ip4(17, from, to, Packets.udp(from, fromPort, to, toPort, payload));
            ip[8] = (byte) hops;
            return Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, Packets.withIp4Checksum(ip, 0));
        }
        byte[] ip = Packets6.ip6(17, from, to, udp6(from, fromPort, to, toPort, payload));
        ip[7] = (byte) hops;
        return Packets6.frame(ip);
    }

    private static byte[] udp6(String from, int fromPort, String to, int toPort, byte[] payload) {
        byte[] udp = ByteBuffer.allocate(8 + payload.length)
                .putShort((short) fromPort)
                .putShort((short) toPort)
                .putShort((short) (8 + payload.length))
                .putShort((short) 0)
                .put(payload)
                .array();
        int sum = ~naiveSum6(Packets6.address(from), Packets6.address(to), udp) & 0xffff;
        ByteBuffer.wrap(udp).putShort(6, (short) (sum == 0 ? 0xffff : sum));
        return udp;
    }

    private static int naiveSum6(byte[] from, byte[] to, byte[] udp) {
        byte[] all = ByteBuffer.allocate(40 + udp.length)
                .put(from)
                .put(to)
                .putInt(udp.length)
                .putInt(17)
                .put(udp)
                .array();
        return Packets.naiveSum(all, 0, all.length);
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

    /** A datagram as the guest sees it. */
    static final class Datagram {
        final String from;
        final int fromPort;
        final String to;
        final int toPort;
        final byte[] payload;

        private Datagram(String from, int fromPort, String to, int toPort, byte[] payload) {
            this.from = from;
            this.fromPort = fromPort;
            this.to = to;
            this.toPort = toPort;
            this.payload = payload;
        }
    }

    /** The next datagram that the guest gets, its fragments put together, and everything in it found right. */
    Datagram guestGets() {
        until(() -> !link.seen().isEmpty());
        byte[] first = link.next().bytes;
        boolean v4 = u16(first, 12) == 0x0800;
        assertThat(first.length).isGreaterThanOrEqualTo(60);
        return v4 ? take4(first) : take6(first);
    }

    private Datagram take4(byte[] first) {
        assertThat(Packets.naiveSum(first, 14, 20)).isEqualTo(0xffff);
        assertThat(first[23]).isEqualTo((byte) 17);
        SortedMap<Integer, byte[]> parts = new TreeMap<>();
        byte[] frame = first;
        boolean more = true;
        while (more) {
            assertThat(u16(frame, 18)).isEqualTo(u16(first, 18));
            more = (u16(frame, 20) & 0x2000) != 0;
            parts.put((u16(frame, 20) & 0x1fff) * 8, Arrays.copyOfRange(frame, 34, 14 + u16(frame, 16)));
            if (more) {
                until(() -> !link.seen().isEmpty());
                frame = link.next().bytes;
            }
        }
        byte[] udp = join(parts);
        byte[] pseudo = ByteBuffer.allocate(12 + udp.length)
                .put(first, 26, 8)
                .putShort((short) 17)
                .putShort((short) udp.length)
                .put(udp)
                .array();
        assertThat(Packets.naiveSum(pseudo, 0, pseudo.length)).isEqualTo(0xffff);
        return datagram(Arrays.copyOfRange(first, 26, 30), Arrays.copyOfRange(first, 30, 34), udp);
    }

    private Datagram take6(byte[] first) {
        SortedMap<Integer, byte[]> parts = new TreeMap<>();
        byte[] frame = first;
        boolean more = true;
        while (more) {
            boolean fragment = frame[20] == 44;
            int field = fragment ? u16(frame, 56) : 0;
            more = (field & 1) != 0;
            parts.put(field & ~7, Arrays.copyOfRange(frame, fragment ? 62 : 54, 54 + u16(frame, 18)));
            assertThat(fragment ? frame[54] : frame[20]).isEqualTo((byte) 17);
            if (more) {
                until(() -> !link.seen().isEmpty());
                frame = link.next().bytes;
            }
        }
        byte[] udp = join(parts);
        byte[] from = Arrays.copyOfRange(first, 22, 38);
        byte[] to = Arrays.copyOfRange(first, 38, 54);
        assertThat(naiveSum6(from, to, udp)).isEqualTo(0xffff);
        return datagram(from, to, udp);
    }

    private static byte[] join(SortedMap<Integer, byte[]> parts) {
        ByteArrayOutputStream whole = new ByteArrayOutputStream();
        parts.forEach((offset, part) -> {
            assertThat(offset).isEqualTo(whole.size());
            whole.writeBytes(part);
        });
        return whole.toByteArray();
    }

    private static Datagram datagram(byte[] from, byte[] to, byte[] udp) {
        assertThat(u16(udp, 4)).isEqualTo(udp.length);
        assertThat(u16(udp, 6)).isNotZero();
        return new Datagram(text(from), u16(udp, 0), text(to), u16(udp, 2), Arrays.copyOfRange(udp, 8, udp.length));
    }

    private static String text(byte[] address) {
        ByteBuffer b = ByteBuffer.wrap(address);
        return (address.length == 4 ? Ip.v4(b.getInt()) : new Ip(b.getLong(), b.getLong())).toString();
    }

    static int u16(byte[] bytes, int at) {
        return (bytes[at] & 0xff) << 8 | bytes[at + 1] & 0xff;
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
