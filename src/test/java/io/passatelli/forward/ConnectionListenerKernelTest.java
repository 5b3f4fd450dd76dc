package io.passatelli.forward;

import io.passatelli.base.Clock;
import io.passatelli.base.Counters;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.config.Service;
import io.passatelli.flow.Descriptors;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.net.ConnectException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BooleanSupplier;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;

/** Connections at the kernel's own ports. */
class ConnectionListenerKernelTest {
    private static final long LIMIT_NS = 30_000_000_000L;
    private static final long MS = 1_000_000;

    private record Taken(ConnectionListener listener, int fd, Ip peer, int peerPort) {}

    private final LinuxOs linux = new LinuxOs();
    private final AcceptWatch accepts = new AcceptWatch(linux);
    private final Os os = accepts.os();
    private final Clock clock = Clock.system();
    private final EventLoop loop = new EventLoop(os, clock, Log.silent());
    private final List<Taken> taken = new ArrayList<>();
    private final List<DatagramListener> datagrams = new ArrayList<>();
    private final List<SocketChannel> clients = new ArrayList<>();
    private final ListenerSet set = new ListenerSet(
            loop,
            new ListenerSet.Acceptors(
                    (listener, allowance, now) -> {
                        datagrams.add(listener);
                        return 0;
                    },
                    (listener, fd, peer, now) ->
                            taken.add(new Taken(listener, fd, new Ip(peer.high(), peer.low()), peer.port()))),
            new Counters(),
            new Descriptors(Long.MAX_VALUE));

    @AfterEach
    void close() throws IOException {
        for (SocketChannel client : clients) {
            client.close();
        }
        taken.forEach(one -> os.close(one.fd));
        set.close();
        loop.close();
        linux.close();
    }

    private static PortForward rule(Protocol protocol, int port, int target) {
        return new PortForward(protocol, null, null, port, port, target);
    }

    private static PortForward rule(int port, int target) {
        return rule(Protocol.TCP, port, target);
    }

    /** What of them is refused. */
    private List<RuleState> apply(PortForward... rules) {
        return set.apply(new Wanted(List.of(rules), EnumSet.allOf(Service.class))).stream()
                .filter(RuleState::isRefused)
                .toList();
    }

    private static int freePort() throws IOException {
        try (ServerSocket probe = new ServerSocket(0)) {
            return probe.getLocalPort();
        }
    }

    /** Turns until {@code done}, or for so long that it never will be. */
    private void runsUntil(BooleanSupplier done) {
        long end = clock.nowNs() + LIMIT_NS;
        while (!done.getAsBoolean() && clock.nowNs() < end) {
            loop.turn(10 * MS);
        }
        assertThat(done.getAsBoolean()).isTrue();
    }

    private static InetSocketAddress at(String address, int port) {
        return new InetSocketAddress(address, port);
    }

    /** A connection that the kernel has made; nobody has accepted it yet. */
    private SocketChannel connect(String to, int port) throws IOException {
        SocketChannel client = SocketChannel.open(at(to, port));
        clients.add(client);
        return client;
    }

    private static int portOf(SocketChannel client) throws IOException {
        return ((InetSocketAddress) client.getLocalAddress()).getPort();
    }

    @Test
    void oneSocketHearsBothFamiliesAndPeersAreOfTheirOwn() throws Exception {
        int port = freePort();
        assertThat(apply(rule(port, 80))).isEmpty();
        assertThat(set.count()).isEqualTo(1);
        int four = portOf(connect("127.0.0.1", port));
        runsUntil(() -> taken.size() == 1);
        int six = portOf(connect("::1", port));
        runsUntil(() -> taken.size() == 2);
        assertThat(taken.get(0).peer).isEqualTo(Ip.LOOPBACK4);
        assertThat(taken.get(1).peer).isEqualTo(Ip.LOOPBACK6);
        assertThat(taken.stream().map(Taken::peerPort)).containsExactly(four, six);
        assertThat(taken).allMatch(one -> one.listener.guestPort() == 80);
    }

    @Test
    void tcpAndUdpOfOnePortLiveSideBySide() throws Exception {
        int port = freePort();
        assertThat(apply(rule(port, 80), rule(Protocol.UDP, port, 53))).isEmpty();
        assertThat(set.count()).isEqualTo(2);
        connect("127.0.0.1", port);
        try (DatagramSocket sender = new DatagramSocket()) {
            sender.send(new DatagramPacket(new byte[1], 1, at("127.0.0.1", port)));
        }
        runsUntil(() -> taken.size() == 1 && datagrams.size() == 1);
        assertThat(taken.getFirst().listener.guestPort()).isEqualTo(80);
        assertThat(datagrams.getFirst().guestPort()).isEqualTo(53);
        assertThat(apply(rule(port, 81))).isEmpty();
        assertThat(datagrams.getFirst().fd()).isEqualTo(Os.NONE);
        assertThat(taken.getFirst().listener.fd()).isNotEqualTo(Os.NONE);
        connect("::1", port);
        runsUntil(() -> taken.size() == 2);
        assertThat(taken.getLast().listener.guestPort()).isEqualTo(81);
    }

    @Test
    void whoStaysKeepsItsQueueAndWhoIsGoneHasNone() throws Exception {
        int kept = freePort();
        int left = freePort();
        assertThat(apply(rule(kept, 80), rule(left, 22))).isEmpty();
        connect("127.0.0.1", kept);
        assertThat(apply(rule(kept, 8080))).isEmpty();
        runsUntil(() -> taken.size() == 1);
        assertThat(taken.getFirst().listener.guestPort()).isEqualTo(8080);
        try (ServerSocket again = new ServerSocket()) {
            again.setReuseAddress(false);
            again.bind(new InetSocketAddress("::", left));
            assertThat(again.getLocalPort()).isEqualTo(left);
        }
    }

    @Test
    void portComesBackWhileItsConnectionsLive() throws Exception {
        int port = freePort();
        assertThat(apply(rule(port, 80))).isEmpty();
        connect("127.0.0.1", port);
        runsUntil(() -> taken.size() == 1);
        assertThat(apply()).isEmpty();
        assertThat(set.count()).isZero();
        assertThat(apply(rule(port, 80))).isEmpty();
        connect("127.0.0.1", port);
        runsUntil(() -> taken.size() == 2);
        assertThat(taken.get(1).listener).isNotSameAs(taken.get(0).listener);
    }

    @Test
    void portOfAnotherIsRefusedOnceAndTheOthersListen() throws Exception {
        int free = freePort();
        try (ServerSocket other = new ServerSocket(0)) { // of both families
            int port = other.getLocalPort();
            assertThat(apply(rule(port, 80), rule(free, 22)))
                    .containsExactly(new RuleState(
                            rule(port, 80),
                            0,
                            1,
                            "TCP port " + port
                                    + ": cannot listen: Address already in use; 'ss -lnpt' says who has it"));
            assertThat(set.count()).isEqualTo(1);
            connect("127.0.0.1", free);
            runsUntil(() -> taken.size() == 1);
        }
    }

    @Test
    void interfaceIsTheOnlyOneThatIsHeard() throws Exception {
        int port = freePort();
        PortForward here = new PortForward(Protocol.TCP, null, "lo", port, port, 80);
        PortForward nowhere = new PortForward(Protocol.TCP, null, "no-such-card", port, port, 80);
        List<RuleState> refusals = apply(here, nowhere);
        assertThat(refusals)
                .singleElement()
                .extracting(RuleState::refusal)
                .isEqualTo("TCP port " + port
                        + " of no-such-card: cannot listen: No such device; there is no interface of that name");
        connect("127.0.0.1", port);
        runsUntil(() -> taken.size() == 1);
    }

    @Test
    void aStormIsTakenWhole() throws Exception {
        int port = freePort();
        assertThat(apply(rule(port, 80))).isEmpty();
        Set<String> ports = new HashSet<>(); // of both families, which may choose the same
        for (int i = 0; i < 5; i++) {
            for (int k = 0; k < 100; k++) {
                ports.add((k % 2 == 0) + " " + portOf(connect(k % 2 == 0 ? "127.0.0.1" : "::1", port)));
            }
            runsUntil(() -> taken.size() == ports.size());
        }
        Set<String> seen = new HashSet<>();
        taken.forEach(one -> seen.add(one.peer.isV4() + " " + one.peerPort));
        assertThat(seen).isEqualTo(ports);
        // in vain: once for each socket and time that it was found empty
        assertThat(accepts.takeCalls()).isLessThanOrEqualTo(500 + 2 * 5 * 4);
    }

    @Test
    void whoFindsTheQueueFullComesInWhenThereIsRoom() throws Exception {
        int port = freePort();
        assertThat(apply(rule(port, 80))).isEmpty();
        int count = Limits.TCP_BACKLOG + 8;
        List<SocketChannel> pending = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            SocketChannel client = SocketChannel.open();
            clients.add(client);
            client.configureBlocking(false);
            if (!client.connect(at("127.0.0.1", port))) {
                pending.add(client);
            }
        }
        runsUntil(() -> taken.size() == count); // those beyond the queue send their SYN again after a second
        for (SocketChannel client : pending) {
            assertThat(client.finishConnect()).isTrue();
        }
    }

    @Test
    void closedSetListensNowhere() throws Exception {
        int port = freePort();
        assertThat(apply(rule(port, 80))).isEmpty();
        SocketChannel waiting = connect("127.0.0.1", port);
        set.close();
        assertThat(set.count()).isZero();
        assertThat(loop.ready().isEmpty()).isTrue();
        try (Socket refused = new Socket()) {
            assertThat(catchThrowable(() -> refused.connect(at("127.0.0.1", port))))
                    .isInstanceOf(ConnectException.class);
        }
        assertThat(catchThrowable(() -> waiting.read(ByteBuffer.allocate(1)))).isInstanceOf(IOException.class); // reset
    }
}
