package io.passatelli.forward;

import io.passatelli.base.Clock;
import io.passatelli.base.Counters;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.config.Service;
import io.passatelli.flow.Descriptors;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.LinuxOs;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** Listeners at the kernel's own ports. */
class ListenerSetTest {
    private final LinuxOs os = new LinuxOs();
    private final EventLoop loop = new EventLoop(os, Clock.system(), Log.silent());
    private final List<DatagramListener> called = new ArrayList<>();
    private final ListenerSet set = new ListenerSet(
            loop,
            new ListenerSet.Acceptors(
                    (listener, allowance, now) -> {
                        called.add(listener);
                        return 0;
                    },
                    (listener, fd, peer, now) -> {
                        throw new AssertionError("nobody connects here");
                    }),
            new Counters(),
            new Descriptors(Long.MAX_VALUE));

    @AfterEach
    void close() {
        set.close();
        loop.close();
        os.close();
    }

    private static PortForward rule(int port, int target) {
        return new PortForward(Protocol.UDP, null, null, port, port, target);
    }

    private List<RuleState> apply(PortForward... rules) {
        return set.apply(new Wanted(List.of(rules), EnumSet.allOf(Service.class)));
    }

    private static int freePort() throws IOException {
        try (DatagramSocket probe = new DatagramSocket(new InetSocketAddress("::", 0))) {
            return probe.getLocalPort();
        }
    }

    private void send(String to, int port) throws IOException {
        try (DatagramSocket sender = new DatagramSocket()) {
            sender.send(new DatagramPacket(new byte[1], 1, InetAddress.getByName(to), port));
        }
        loop.turn(0);
    }

    @Test
    void oneSocketHearsBothFamilies() throws Exception {
        int port = freePort();
        assertThat(apply(rule(port, 53))).containsExactly(new RuleState(rule(port, 53), 1, 1, null));
        assertThat(set.count()).isEqualTo(1);
        send("127.0.0.1", port);
        send("::1", port);
        assertThat(called).hasSize(2).allMatch(listener -> listener.guestPort() == 53);
        assertThat(called.get(0)).isSameAs(called.get(1));
        assertThat(called.get(0).address()).isEqualTo(Ip.UNSPECIFIED6);
    }

    /** What flows of UDP rely on: all that their peer sends comes to them. */
    @Test
    void connectedSocketOfOneFamilyIsPreferredToTheOneThatHearsBoth() throws Exception {
        int port = freePort();
        apply(rule(port, 53));
        try (DatagramChannel peer =
                        DatagramChannel.open().bind(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), 0));
                DatagramChannel flow = DatagramChannel.open(StandardProtocolFamily.INET)) {
            flow.setOption(StandardSocketOptions.SO_REUSEADDR, true);
            flow.bind(new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), port))
                    .connect(peer.getLocalAddress());
            flow.configureBlocking(false);
            ByteBuffer one = ByteBuffer.allocate(1);
            for (int i = 0; i < 10; i++) {
                peer.send(one.clear(), new InetSocketAddress(InetAddress.ofLiteral("127.0.0.1"), port));
                loop.turn(0);
                assertThat(flow.read(one.clear())).isEqualTo(1);
            }
            assertThat(called).isEmpty();
            send("127.0.0.1", port); // of somebody else
            assertThat(called).hasSize(1);
        }
    }

    @Test
    void whoStaysKeepsItsSocketAndWhoIsGoneHasNone() throws Exception {
        int kept = freePort();
        int left = freePort();
        apply(rule(kept, 53), rule(left, 54));
        send("127.0.0.1", kept);
        int fd = called.getFirst().fd();
        assertThat(apply(rule(kept, 55))).noneMatch(RuleState::isRefused);
        assertThat(set.count()).isEqualTo(1);
        assertThat(called.getFirst().fd()).isEqualTo(fd);
        assertThat(called.getFirst().guestPort()).isEqualTo(55);
        try (DatagramSocket again = new DatagramSocket(new InetSocketAddress("::", left))) {
            assertThat(again.getLocalPort()).isEqualTo(left);
        }
    }

    @Test
    void targetAddressAloneLeavesTheSocketToo() throws Exception {
        int port = freePort();
        PortForward there = new PortForward(Protocol.UDP, Ip.LOOPBACK4, null, port, port, 53);
        PortForward elsewhere =
                new PortForward(Protocol.UDP, Ip.LOOPBACK4, null, port, port, Ip.parse("10.77.0.9"), 53, false);
        apply(there);
        send("127.0.0.1", port);
        int fd = called.getFirst().fd();
        assertThat(called.getFirst().guestAddress()).isNull();
        apply(elsewhere);
        assertThat(called.getFirst().fd()).isEqualTo(fd);
        assertThat(called.getFirst().guestAddress()).isEqualTo(Ip.parse("10.77.0.9"));
    }

    @Test
    void portOfAnotherIsRefusedInOneSentenceAndTheOthersListen() throws Exception {
        int free = freePort();
        try (DatagramSocket other = new DatagramSocket(null)) {
            other.setReuseAddress(false);
            other.bind(new InetSocketAddress("0.0.0.0", 0));
            int taken = other.getLocalPort();
            assertThat(apply(rule(taken, 53), rule(free, 54)))
                    .containsExactly(
                            new RuleState(
                                    rule(taken, 53),
                                    0,
                                    1,
                                    "UDP port " + taken
                                            + ": cannot listen: Address already in use; 'ss -lnpu' says who has it"),
                            new RuleState(rule(free, 54), 1, 1, null));
            send("127.0.0.1", free);
            assertThat(called).hasSize(1);
        }
    }
}
