package io.passatelli.plane;

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
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;

/** A guest that sends mutations of some frames, scattered over pieces, and reads nothing of the answers, which are taken from it all the same. */
final class StormLink implements Link {
    private static final Caps CAPS = new Caps(1, Limits.FRAME_BYTES, true, Caps.Offloads.NONE, Caps.Offloads.NONE);
    private static final int SLOT = 2_048;

    private final List<byte[]> templates;
    private final SplittableRandom random;
    private final byte[] scratch = new byte[SLOT];
    private final MemorySegment in = Arena.global().allocate((long) Limits.RX_BATCH_FRAMES * SLOT, 64);
    private final MemorySegment out = Arena.global().allocate(Limits.FRAME_BYTES, 64);
    private final ReadyList.Node node = new Node();
    private @Nullable EventLoop loop;
    private @Nullable Listener listener;
    private boolean up;
    private long sent;
    private long until;

    StormLink(List<byte[]> templates, SplittableRandom random) {
        this.templates = templates;
        this.random = random;
    }

    /** Until so many frames were sent since the start. */
    void storm(long frames) {
        until = frames;
        Objects.requireNonNull(loop).ready().add(node);
    }

    boolean isDone() {
        return sent == until;
    }

    @Override
    public Caps caps() {
        return CAPS;
    }

    @Override
    public int receive(int queue, RxBatch batch) {
        batch.clear();
        while (!batch.isFull() && sent < until) {
            byte[] template = templates.get(random.nextInt(templates.size()));
            System.arraycopy(template, 0, scratch, 0, template.length);
            lay(StormTest.mutate(scratch, template.length, random), batch);
            sent++;
        }
        return batch.count();
    }

    private void lay(int length, RxBatch batch) {
        long at = (long) batch.count() * SLOT;
        MemorySegment.copy(scratch, 0, in, ValueLayout.JAVA_BYTE, at, length);
        int head = Math.min(length, Limits.HEADER_BYTES + random.nextInt(8));
        int i = batch.add(in, at, head);
        for (int done = head; done < length; ) {
            int piece = Math.min(length - done, 101);
            if (!batch.addPiece(i, in, at + done, piece)) {
                throw new AssertionError("too many pieces");
            }
            done += piece;
        }
    }

    @Override
    public void release(int queue, RxBatch batch) {
        in.fill((byte) 0xdb);
    }

    @Override
    public int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach) {
        batch.clear();
        batch.add(out, 0, headerBytes, payloadEach);
        batch.payload().add(out, headerBytes, payloadEach);
        return 1;
    }

    @Override
    public int commit(int queue, TxBatch batch, int n) {
        return n;
    }

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
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            Listener by = Objects.requireNonNull(listener);
            if (!up) {
                up = true;
                by.onUp(CAPS, nowNs);
            }
            if (sent < until) {
                by.onReadable(0, nowNs);
                Objects.requireNonNull(loop).ready().add(this);
            }
            return 0;
        }
    }
}
