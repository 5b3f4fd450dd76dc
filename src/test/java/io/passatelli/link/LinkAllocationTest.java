package io.passatelli.link;

import io.passatelli.base.Allocation;
import io.passatelli.base.Counters;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.IoVec;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.wire.Offload;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;

import static org.assertj.core.api.Assertions.assertThat;

/** Frames that pass a stream link, both ways and captured, leave nothing for the garbage collector. */
class LinkAllocationTest {
    private static final int FRAMES_A_ROUND = 50;
    private static final int ROUNDS = 2_000;
    private static final int HEADER = 54;
    private static final int FLAGS = Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL;

    private final Os os = new LinuxOs();
    private final EventLoop loop = new EventLoop(os, () -> 0, Log.silent());
    private final MemorySegment guestMemory = Arena.global().allocate(1 << 20);
    private final IoVec iovec = new IoVec(1);
    private final Path directory;

    LinkAllocationTest(@TempDir Path directory) {
        this.directory = directory;
    }

    @Test
    void framesBothWaysAllocateNothing() throws IOException {
        int[] ends = socketPair();
        Counters counters = new Counters();
        Link link = PcapLink.open(
                StreamLink.connected(os, ends[0], counters, Log.silent()), Path.of("/dev/null"), () -> 0, Log.silent());
        var echo = new Echo(link);
        link.bind(loop, echo);
        loop.onTurnEnd(now -> link.flush(0));
        loop.turn(0);
        byte[][] frames = new byte[FRAMES_A_ROUND][];
        Arrays.setAll(frames, i -> Frames.frame(i % 5 == 0 ? 1_514 : 60 + i, i));
        MemorySegment stream = Frames.inMemory(Frames.stream(frames));

        assertThat(Allocation.leastBytes(1, () -> pass(ends[1], stream))).isZero();
        assertThat(echo.frames % (FRAMES_A_ROUND * ROUNDS)).isZero();
        assertThat(echo.frames).isPositive();
        link.close();
        os.close(ends[1]);
        loop.close();
    }

    /** 10⁵ frames come and are answered. */
    private void pass(int guest, MemorySegment stream) {
        for (int round = 0; round < ROUNDS; round++) {
            move(guest, stream, true);
            loop.turn(0);
            while (!loop.ready().isEmpty()) {
                loop.turn(0);
            }
            move(guest, guestMemory, false);
        }
    }

    private void move(int guest, MemorySegment memory, boolean out) {
        iovec.clear();
        iovec.add(memory, 0, memory.byteSize());
        long n = out ? os.sendmsg(guest, iovec, FLAGS) : os.recvmsg(guest, iovec, FLAGS);
        assert n > 0 && (!out || n == memory.byteSize()) : n;
    }

    private int[] socketPair() throws IOException {
        try (StreamSocket door = StreamSocket.listen(os, directory.resolve("s"))) {
            SockAddr address = new SockAddr();
            address.setPath(door.path().toString());
            int guest = os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0);
            assertThat(os.connect(guest, address)).isZero();
            return new int[] {os.accept(door.fd(), address), guest};
        }
    }

    /** Answers each frame with a control frame or with a reservation of one. */
    private static final class Echo implements Link.Listener {
        private final Link link;
        private final RxBatch batch = new RxBatch(Limits.RX_BATCH_FRAMES);
        private final TxBatch reply = new TxBatch(Limits.TX_BATCH_FRAMES);
        private final Offload none = new Offload();
        private int frames;

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
                if (i % 2 == 0) {
                    assert link.control(queue, bytes, at, length, none);
                } else {
                    int count = link.reserve(queue, reply, 1, HEADER, 1_460);
                    assert count == 1;
                    MemorySegment.copy(bytes, at, reply.header(0), reply.headerAt(0), HEADER);
                    reply.borrow(0, bytes, at + HEADER, length - HEADER);
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
