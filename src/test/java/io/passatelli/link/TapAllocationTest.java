package io.passatelli.link;

import io.passatelli.base.Allocation;
import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.lab.Namespace;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.IoVec;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.Tap;
import io.passatelli.wire.Offload;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

import static org.assertj.core.api.Assertions.assertThat;

/** Frames that pass a tap link with offloads, both ways, leave nothing for the garbage collector. */
@Tag("netns")
class TapAllocationTest {
    private static final int FRAMES_A_ROUND = 50;
    private static final int ROUNDS = 1_000;
    private static final int HEADER = 54;
    private static final int PAYLOAD = 1_000;

    private final LinuxOs os = new LinuxOs();
    private final EventLoop loop = new EventLoop(os, () -> 0, Log.silent());
    private final MemorySegment memory = Arena.global().allocate(PAYLOAD);
    private final IoVec iovec = new IoVec(1);

    @Test
    void framesBothWaysAllocateNothing() throws Exception {
        try (Namespace namespace = Namespace.make("tapalloc")) {
            Tap tap = Tap.open(os, namespace.path(), "tap0");
            assertThat(tap.offloads()).isTrue();
            namespace.run("sysctl", "-qw", "net.ipv6.conf.tap0.disable_ipv6=1");
            namespace.run("ip", "address", "add", "10.98.0.1/24", "dev", "tap0");
            namespace.run("ip", "link", "set", "tap0", "up");
            namespace.run("ip", "neighbour", "add", "10.98.0.2", "lladdr", "02:00:00:00:00:02", "dev", "tap0");
            int guest = os.within(namespace.path(), () -> os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, 0));
            SockAddr address = new SockAddr();
            address.set(0, Ip.low(0x0a620002), 9, 0);
            assertThat(os.connect(guest, address)).isZero();
            Counters counters = new Counters();
            TapLink link = new TapLink(os, tap, counters);
            var echo = new Echo(link);
            link.bind(loop, echo);
            loop.turn(0);

            assertThat(Allocation.leastBytes(1, () -> pass(guest, echo))).isZero();
            assertThat(echo.open).isEqualTo(echo.frames).isPositive();
            assertThat(counters.of(Drop.LINK_BAD_OFFLOAD)).isZero();
            link.close();
            os.close(guest);
            loop.close();
        }
    }

    /** Frames come and are answered. */
    private void pass(int guest, Echo echo) {
        for (int round = 0; round < ROUNDS; round++) {
            int before = echo.frames;
            for (int i = 0; i < FRAMES_A_ROUND; i++) {
                iovec.clear();
                iovec.add(memory, 0, PAYLOAD);
                long n = os.sendmsg(guest, iovec, 0);
                assert n == PAYLOAD : n;
            }
            while (echo.frames - before < FRAMES_A_ROUND) {
                loop.turn(0);
            }
        }
    }

    /** Sends each frame back, where nobody wants it, as a control frame or by a reservation. */
    private static final class Echo implements Link.Listener {
        private final Link link;
        private final RxBatch batch = new RxBatch(Limits.RX_BATCH_FRAMES);
        private final TxBatch reply = new TxBatch(Limits.TX_BATCH_FRAMES);
        private int frames;
        private int open;

        Echo(Link link) {
            this.link = link;
        }

        @Override
        public void onReadable(int queue, long nowNs) {
            int n = link.receive(queue, batch);
            for (int i = 0; i < n; i++) {
                MemorySegment bytes = batch.frame(i).bytes();
                long at = batch.frame(i).l2();
                int length = batch.frame(i).length();
                Offload offload = batch.frame(i).offload();
                open += offload.flags & Offload.NEEDS_CSUM;
                if (i % 2 == 0) {
                    assert link.control(queue, bytes, at, length, offload);
                } else {
                    int count = link.reserve(queue, reply, 1, HEADER, 1_460);
                    assert count == 1;
                    MemorySegment.copy(bytes, at, reply.header(0), reply.headerAt(0), HEADER);
                    reply.borrow(0, bytes, at + HEADER, length - HEADER);
                    reply.offload(0).set(offload);
                    int taken = link.commit(queue, reply, 1);
                    assert taken == 1;
                }
            }
            frames += Math.max(n, 0);
            if (n > 0) {
                link.release(queue, batch);
            }
        }

        @Override
        public void onWritable(int queue, long nowNs) {}

        @Override
        public void onUp(Caps caps, long nowNs) {}

        @Override
        public void onReset(int queue, long nowNs) {}

        @Override
        public void onDown(int errno, long nowNs) {}
    }
}
