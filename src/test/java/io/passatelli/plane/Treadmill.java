package io.passatelli.plane;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.RxBatch;
import io.passatelli.link.TxBatch;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.ReadyList;
import io.passatelli.wire.Offload;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Objects;

/**
 * A link whose guest sends the same frame again and again, at most so many ahead of the answers, and looks at nothing but their count. Allocates
 * nothing once it is made, so that what is left over is the plane's.
 */
final class Treadmill implements Link {
    private static final Caps CAPS = new Caps(1, Limits.FRAME_BYTES, true, Caps.Offloads.NONE, Caps.Offloads.NONE);

    private final MemorySegment frame;
    private final int length;
    private final int ahead;
    private final MemorySegment slot = Arena.global().allocate(Limits.FRAME_BYTES, 64);
    private final MemorySegment last = Arena.global().allocate(Limits.FRAME_BYTES, 64);
    private int lastLength;
    private final ReadyList.Node node = new Node();
    private @Nullable EventLoop loop;
    private @Nullable Listener listener;
    private boolean up;
    private long wanted;
    private long sent;
    private long answered;

    /** A guest that sends {@code bytes}, at most {@code ahead} frames before it has an answer. */
    Treadmill(byte[] bytes, int ahead) {
        frame = Arena.global().allocate(bytes.length, 64);
        MemorySegment.copy(bytes, 0, frame, ValueLayout.JAVA_BYTE, 0, bytes.length);
        length = bytes.length;
        this.ahead = ahead;
    }

    /** Sends {@code frames} more. */
    void walk(long frames) {
        wanted += frames;
        Objects.requireNonNull(loop).ready().add(node);
    }

    /** Every frame that was to be sent was, and has its answer. */
    boolean isDone() {
        return answered == wanted;
    }

    long answered() {
        return answered;
    }

    /** The youngest answer. */
    byte[] lastAnswer() {
        return last.asSlice(0, lastLength).toArray(ValueLayout.JAVA_BYTE);
    }

    @Override
    public Caps caps() {
        return CAPS;
    }

    @HotPath
    @Override
    public int receive(int queue, RxBatch batch) {
        batch.clear();
        while (!batch.isFull() && sent < wanted && sent - answered < ahead) {
            batch.add(frame, 0, length);
            sent++;
        }
        return batch.count();
    }

    @Override
    public void release(int queue, RxBatch batch) {}

    @HotPath
    @Override
    public int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach) {
        batch.clear();
        batch.add(slot, 0, headerBytes, payloadEach);
        batch.payload().add(slot, headerBytes, payloadEach);
        return 1;
    }

    @HotPath
    @Override
    public int commit(int queue, TxBatch batch, int n) {
        for (int i = 0; i < n; i++) {
            lastLength = batch.length(i);
            batch.copy(i, 0, lastLength, last, 0);
            answered++;
        }
        Objects.requireNonNull(loop).ready().add(node);
        return n;
    }

    /** An ARP request of the plane's, at the start. */
    @Override
    public boolean control(int queue, MemorySegment segment, long at, int length, Offload offload) {
        return true;
    }

    @Override
    public void flush(int queue) {}

    @Override
    public void bind(EventLoop loop, Listener listener) {
        this.loop = loop;
        this.listener = listener;
        loop.ready().add(node);
    }

    @Override
    public void close() {}

    private final class Node extends ReadyList.Node {
        @HotPath
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            Listener by = Objects.requireNonNull(listener);
            if (!up) {
                up = true;
                by.onUp(CAPS, nowNs);
            }
            if (sent < wanted && sent - answered < ahead) {
                by.onReadable(0, nowNs);
                if (sent - answered < ahead) {
                    Objects.requireNonNull(loop).ready().add(this);
                }
            }
            return 0;
        }
    }
}
