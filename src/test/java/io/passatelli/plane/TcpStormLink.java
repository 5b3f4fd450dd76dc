package io.passatelli.plane;

import io.passatelli.base.Limits;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.RxBatch;
import io.passatelli.link.SimLink;
import io.passatelli.link.TxBatch;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.ReadyList;
import io.passatelli.wire.Offload;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/**
 * A link whose guest also sends what somebody makes up, batch after batch, between the frames of a {@link SimLink}. Answers to the guest's port
 * {@link #PORTS} and above are counted and thrown away.
 */
final class TcpStormLink implements Link {
    /** Ports of the guest's whose answers nobody reads. */
    static final int PORTS = 50_000;

    private static final int SLOT = 2_048;

    /** Makes frames up. */
    interface Maker {
        /** Puts a frame into {@code frame}, and returns its length. */
        int make(byte[] frame);
    }

    private final SimLink inner;
    private final Maker maker;
    private final byte[] scratch = new byte[SLOT];
    private final MemorySegment in = Arena.global().allocate((long) Limits.RX_BATCH_FRAMES * SLOT, 64);
    private final Node node = new Node();
    private @Nullable EventLoop loop;
    private @Nullable Listener listener;
    private boolean storming;
    private long left;
    private long swallowed;

    TcpStormLink(SimLink inner, Maker maker) {
        this.inner = inner;
        this.maker = maker;
    }

    /** So many frames more. */
    void storm(long frames) {
        left += frames;
        Objects.requireNonNull(loop).ready().add(node);
    }

    boolean isDone() {
        return left == 0;
    }

    /** Answers thrown away. */
    long swallowed() {
        return swallowed;
    }

    @Override
    public Caps caps() {
        return inner.caps();
    }

    @Override
    public int receive(int queue, RxBatch batch) {
        if (!storming) {
            return inner.receive(queue, batch);
        }
        batch.clear();
        while (!batch.isFull() && left > 0) {
            int length = maker.make(scratch);
            long at = (long) batch.count() * SLOT;
            MemorySegment.copy(scratch, 0, in, JAVA_BYTE, at, length);
            batch.add(in, at, length);
            left--;
        }
        return batch.count();
    }

    @Override
    public void release(int queue, RxBatch batch) {
        if (storming) {
            in.fill((byte) 0xdb);
        } else {
            inner.release(queue, batch);
        }
    }

    @Override
    public int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach) {
        return inner.reserve(queue, batch, wanted, headerBytes, payloadEach);
    }

    @Override
    public int commit(int queue, TxBatch batch, int n) {
        return inner.commit(queue, batch, n);
    }

    @Override
    public boolean control(int queue, MemorySegment segment, long at, int length, Offload offload) {
        int type = u16(segment, at + 12);
        long port = at + (type == 0x0800 ? 36 : 56);
        if (type != 0x0806 && u16(segment, port) >= PORTS) {
            swallowed++;
            return true;
        }
        return inner.control(queue, segment, at, length, offload);
    }

    private static int u16(MemorySegment segment, long at) {
        return (segment.get(JAVA_BYTE, at) & 0xff) << 8 | segment.get(JAVA_BYTE, at + 1) & 0xff;
    }

    @Override
    public void flush(int queue) {
        inner.flush(queue);
    }

    @Override
    public void bind(EventLoop to, Listener by) {
        loop = to;
        listener = by;
        inner.bind(to, by);
    }

    @Override
    public void close() {
        Objects.requireNonNull(loop).ready().remove(node);
        inner.close();
    }

    private final class Node extends ReadyList.Node {
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            storming = true;
            try {
                Objects.requireNonNull(listener).onReadable(0, nowNs);
            } finally {
                storming = false;
            }
            if (left > 0) {
                Objects.requireNonNull(loop).ready().add(node);
            }
            return 0;
        }
    }
}
