package io.passatelli.plane;

import io.passatelli.base.Ip;
import io.passatelli.link.SimLink;
import io.passatelli.os.Datagrams;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.wire.Packets;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Proxy;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;

import static io.passatelli.plane.LoopbackPlane.GATEWAY;
import static io.passatelli.plane.LoopbackPlane.GUEST;
import static io.passatelli.plane.LoopbackPlane.GUEST6;
import static io.passatelli.plane.LoopbackPlane.ROUTER6;
import static org.assertj.core.api.Assertions.assertThat;

/** Datagrams that the kernel hands over merged (UDP_GRO), as a peer with UDP_SEGMENT on the loopback causes: the guest gets each by itself. */
class UdpMergedTest {
    private static final int GUEST_PORT = 4242;
    private static final int BURSTS = 3;

    @ParameterizedTest
    @CsvSource({
        "true, 64, 40, 64", // payload of all but the last, how many, payload of the last
        "false, 64, 40, 1",
        "true, 1400, 30, 3",
        "false, 1400, 30, 1400",
        "true, 3000, 20, 17", // longer than the guest's MTU: each in fragments
        "false, 3000, 20, 2999",
    })
    void eachArrivesByItselfAndWhole(boolean v4, int size, int count, int last) throws Exception {
        AtomicInteger merged = new AtomicInteger();
        try (var t = new LoopbackPlane(1500, SimLink.plain(), config -> config, kernel -> watched(kernel, merged));
                var os = new LinuxOs()) {
            int fd = socket(os, v4);
            int port = port(os, fd);
            t.guestSends(UdpFrames.frame(v4 ? GUEST : GUEST6, GUEST_PORT, v4 ? GATEWAY : ROUTER6, port, new byte[9]));
            SockAddr flow = peerOfFirst(t, os, fd);
            assertThat(os.connect(fd, flow)).isZero();

            byte[] all = new byte[size * (count - 1) + last];
            for (int burst = 0; burst < BURSTS; burst++) {
                new Random(burst).nextBytes(all);
                sendSegmented(os, fd, all, size);
                for (int i = 0; i < count; i++) {
                    UdpFrames.Datagram got = t.guestGets();
                    assertThat(got.fromPort).isEqualTo(port);
                    assertThat(got.toPort).isEqualTo(GUEST_PORT);
                    int from = i * size;
                    assertThat(got.payload)
                            .as("datagram %d of burst %d", i, burst)
                            .isEqualTo(Arrays.copyOfRange(all, from, Math.min(from + size, all.length)));
                }
            }
            assertThat(merged).as("what came merged").hasPositiveValue();
            t.dropped();
            os.close(fd);
        }
    }

    /** The same kernel; counts the slots in which it put several datagrams. */
    private static Os watched(Os kernel, AtomicInteger merged) {
        InvocationHandler handler = (proxy, method, arguments) -> {
            Object result = method.invoke(kernel, arguments);
            if (method.getName().equals("recvmmsg")) {
                Datagrams in = (Datagrams) arguments[1];
                for (int i = 0; i < (int) result; i++) {
                    merged.addAndGet(in.mergedBytes(i) > 0 && in.mergedBytes(i) < in.length(i) ? 1 : 0);
                }
            }
            return result;
        };
        return (Os) Proxy.newProxyInstance(Os.class.getClassLoader(), new Class<?>[] {Os.class}, handler);
    }

    private static int socket(LinuxOs os, boolean v4) {
        int fd = os.socket(v4 ? Socket.AF_INET : Socket.AF_INET6, Socket.SOCK_DGRAM, 0);
        SockAddr any = new SockAddr();
        Ip loopback = v4 ? Ip.LOOPBACK4 : Ip.LOOPBACK6;
        any.set(loopback.high(), loopback.low(), 0, 0);
        assertThat(os.bind(fd, any)).isZero();
        return fd;
    }

    private static int port(LinuxOs os, int fd) {
        SockAddr own = new SockAddr();
        assertThat(os.localAddress(fd, own)).isZero();
        return own.port();
    }

    private static SockAddr peerOfFirst(LoopbackPlane t, LinuxOs os, int fd) {
        Datagrams one = new Datagrams(1, 1);
        one.add();
        one.range(0, Packets.memory(new byte[64]), 0, 64);
        one.wantPeer(0);
        t.until(() -> os.recvmmsg(fd, one, Socket.MSG_DONTWAIT) == 1);
        SockAddr peer = new SockAddr();
        peer.set(one.peerHigh(0), one.peerLow(0), one.peerPort(0), 0);
        return peer;
    }

    private static void sendSegmented(LinuxOs os, int fd, byte[] all, int size) {
        MemorySegment memory = Packets.memory(all);
        Datagrams one = new Datagrams(1, 1);
        one.add();
        one.range(0, memory, 0, all.length);
        one.segmentSize(0, size);
        assertThat(os.sendmmsg(fd, one, 0, 1, Socket.MSG_NOSIGNAL)).isEqualTo(1);
    }
}
