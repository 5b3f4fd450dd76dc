package io.passatelli.plane;

import io.passatelli.config.PortForward;
import io.passatelli.link.SimLink;
import io.passatelli.wire.TcpSegment;

import java.io.Closeable;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;

/** Conversations of the guest's over TCP through a plane and the kernel's own sockets on the loopback. The hosts' ends never block. */
final class TcpLoopback implements TcpGround, AutoCloseable {
    private static final int ATTEMPTS = 10;
    private static final int TURNS = 4;
    private static final long NS_PER_MS = 1_000_000;

    final LoopbackPlane plane;
    /** The host's port that is the guest's 22. */
    final int forwarded;

    private final Map<String, TcpTalk> talks = new HashMap<>();
    private final List<TcpSegment> unclaimed = new ArrayList<>();
    private final List<Closeable> open = new ArrayList<>();
    private int nextPort = 20_000;

    TcpLoopback() throws IOException {
        int port = freePort();
        LoopbackPlane made = plane(port);
        for (int i = 1; !made.plane.refusedForwards().isEmpty(); i++) { // somebody was faster
            assertThat(i).as("ports tried").isLessThan(ATTEMPTS);
            made.close();
            port = freePort();
            made = plane(port);
        }
        forwarded = port;
        plane = made;
    }

    private static LoopbackPlane plane(int port) {
        PortForward forward = new PortForward(PortForward.Protocol.TCP, null, null, port, port, 22);
        return new LoopbackPlane(1500, SimLink.plain(), config -> config.forwards(List.of(forward)));
    }

    /** A port of TCP that nobody has now. */
    static int freePort() throws IOException {
        try (ServerSocket probe = new ServerSocket(0)) {
            return probe.getLocalPort();
        }
    }

    /** A server of the host's at 127.0.0.1 or ::1. */
    ServerSocketChannel server(boolean v4, int backlog) throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open();
        open.add(server);
        server.bind(new InetSocketAddress(v4 ? "127.0.0.1" : "::1", 0), backlog);
        server.configureBlocking(false);
        return server;
    }

    static int port(ServerSocketChannel server) throws IOException {
        return ((InetSocketAddress) server.getLocalAddress()).getPort();
    }

    /** What {@code server} accepts next, while the plane turns. */
    SocketChannel accept(ServerSocketChannel server) {
        SocketChannel[] one = {null};
        plane.until(() -> {
            try {
                one[0] = server.accept();
                return one[0] != null;
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        return mine(one[0]);
    }

    /** A host's connection to the forwarded port. */
    SocketChannel connects(boolean v4) throws IOException {
        SocketChannel socket = SocketChannel.open(new InetSocketAddress(v4 ? "127.0.0.1" : "::1", forwarded));
        return mine(socket);
    }

    private SocketChannel mine(SocketChannel socket) {
        open.add(socket);
        try {
            socket.configureBlocking(false);
        } catch (IOException e) {
            throw new AssertionError(e);
        }
        return socket;
    }

    /** A conversation that the guest is about to begin with the host's {@code port}. */
    TcpTalk talk(boolean v4, int port) {
        return talk(
                v4 ? LoopbackPlane.GUEST : LoopbackPlane.GUEST6,
                nextPort++,
                v4 ? LoopbackPlane.GATEWAY : LoopbackPlane.ROUTER6,
                port);
    }

    TcpTalk talk(String from, int fromPort, String to, int toPort) {
        TcpTalk talk = new TcpTalk(this, from, fromPort, to, toPort).options(1460, 7);
        talks.put(talk.name(), talk);
        return talk;
    }

    /** The guest's side of a connection that a host makes; the SYN is next. Whatever else came for nobody is forgotten. */
    TcpTalk asked() {
        plane.until(() -> {
            sort();
            unclaimed.removeIf(s -> s.flags() != TcpSegment.SYN);
            return !unclaimed.isEmpty();
        });
        TcpSegment syn = unclaimed.removeFirst();
        TcpTalk talk = talk(syn.dst(), syn.dstPort(), syn.src(), syn.srcPort());
        talk.inbox.add(syn);
        return talk;
    }

    /** Such a conversation after its handshake, however often the SYN came on a busy machine. */
    TcpTalk accepted() {
        TcpTalk talk = asked().gets(TcpTalk.seg("S")).sends(TcpTalk.seg("SA").options("020405b401030307"));
        plane.until(() -> {
            sort();
            talk.inbox.removeIf(s -> s.flags() == TcpSegment.SYN);
            return !talk.inbox.isEmpty();
        });
        return talk.gets(TcpTalk.seg("A"));
    }

    @Override
    public void guestSends(byte[] frame) {
        plane.guestSends(frame);
    }

    /** The kernel's time is not ours: turns of the loop are. */
    @Override
    public void runs(long ns) {
        for (int i = 0; i < TURNS + ns / NS_PER_MS; i++) {
            plane.plane.turn(ns == 0 ? 0 : NS_PER_MS);
        }
    }

    @Override
    public void sort() {
        TcpScenario.sort(plane.link, talks, unclaimed);
    }

    @Override
    public void sort(TcpTalk talk) {
        plane.until(() -> {
            sort();
            return !talk.inbox.isEmpty();
        });
    }

    /** What came for no conversation of the test's. */
    List<TcpSegment> unclaimed() {
        sort();
        List<TcpSegment> all = List.copyOf(unclaimed);
        unclaimed.clear();
        return all;
    }

    /** How much of {@code bytes} from {@code at} on {@code socket} takes now. */
    static int write(SocketChannel socket, byte[] bytes, int at) {
        try {
            return socket.write(ByteBuffer.wrap(bytes, at, Math.min(bytes.length - at, 256 << 10)));
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    /** What is there in {@code socket}, at most {@code most} bytes; -1 at the end, -2 for a reset. */
    static int read(SocketChannel socket, ByteBuffer into) {
        try {
            return socket.read(into);
        } catch (IOException e) {
            return -2;
        }
    }

    int flows() {
        return plane.plane.snapshot().flows();
    }

    @Override
    public void close() throws IOException {
        for (Closeable one : open) {
            one.close();
        }
        plane.close();
    }
}
