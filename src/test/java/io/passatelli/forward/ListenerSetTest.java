package io.passatelli.forward;

import io.passatelli.base.Clock;
import io.passatelli.base.Counters;
import io.passatelli.base.Log;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.LinuxOs;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** Listeners at the kernel's own ports. */
class ListenerSetTest {
    private final LinuxOs os = new LinuxOs();
    private final EventLoop loop = new EventLoop(os, Clock.system(), Log.silent());
    private final List<DatagramListener> called = new ArrayList<>();
    private final ListenerSet set = new ListenerSet(
            loop,
            (listener, allowance, now) -> {
                called.add(listener);
                return 0;
            },
            (listener, fd, peer, now) -> {
                throw new AssertionError("nobody connects here");
            },
            new Counters());

    @AfterEach
    void close() {
        set.close();
        loop.close();
        os.close();
    }

    private static PortForward rule(int port, int target) {
        return new PortForward(Protocol.UDP, null, null, port, port, target);
    }

    private List<ForwardTable.Refusal> apply(PortForward... rules) {
        return set.apply(new ForwardTable(List.of(rules), true, true));
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
    void eachFamilyHasASocketAndIsHeard() throws Exception {
        int port = freePort();
        assertThat(apply(rule(port, 53))).isEmpty();
        assertThat(set.count()).isEqualTo(2);
        send("127.0.0.1", port);
        send("::1", port);
        assertThat(called).hasSize(2).allMatch(listener -> listener.guestPort() == 53);
        assertThat(called.get(0).endpoint().address().isV4()).isTrue();
        assertThat(called.get(1).endpoint().address().isV4()).isFalse();
    }

    @Test
    void whoStaysKeepsItsSocketAndWhoIsGoneHasNone() throws Exception {
        int kept = freePort();
        int left = freePort();
        assertThat(apply(rule(kept, 53), rule(left, 54))).isEmpty();
        send("127.0.0.1", kept);
        int fd = called.getFirst().fd();
        assertThat(apply(rule(kept, 55))).isEmpty();
        assertThat(set.count()).isEqualTo(2);
        assertThat(called.getFirst().fd()).isEqualTo(fd);
        assertThat(called.getFirst().guestPort()).isEqualTo(55);
        try (DatagramSocket again = new DatagramSocket(new InetSocketAddress("::", left))) {
            assertThat(again.getLocalPort()).isEqualTo(left);
        }
    }

    @Test
    void portOfAnotherIsRefusedInOneSentenceAndTheOthersListen() throws Exception {
        int free = freePort();
        try (DatagramSocket other = new DatagramSocket(null)) {
            other.setReuseAddress(false);
            other.bind(new InetSocketAddress("0.0.0.0", 0));
            int taken = other.getLocalPort();
            List<ForwardTable.Refusal> refusals = apply(rule(taken, 53), rule(free, 54));
            assertThat(refusals)
                    .containsExactly(new ForwardTable.Refusal(
                            rule(taken, 53), "UDP port " + taken + ": cannot listen: Address already in use"));
            send("127.0.0.1", free);
            assertThat(called).hasSize(1);
        }
    }
}
