package io.passatelli.plane;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.TxBatch;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.ReadyList;
import io.passatelli.wire.Offload;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/** A link to a guest that is made up as it goes: up at once, it sends as long as it has frames, and takes all it gets, one frame at a time. */
abstract class MadeGuestLink implements Link {
    private static final Caps CAPS = new Caps(1, Limits.FRAME_BYTES, true, Caps.Offloads.NONE, Caps.Offloads.NONE);

    private final MemorySegment slot = Arena.global().allocate(Limits.FRAME_BYTES, 64);
    private final ReadyList.Node node = new Node();
    private @Nullable EventLoop loop;
    private @Nullable Listener listener;
    private boolean up;

    /** Whether the guest sends a frame now. */
    abstract boolean hasFrames();

    /** To be called when the guest has frames again. */
    @HotPath
    final void wake() {
        Objects.requireNonNull(loop).ready().add(node);
    }

    @Override
    public final Caps caps() {
        return CAPS;
    }

    @HotPath
    @Override
    public final int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach) {
        batch.clear();
        batch.add(slot, 0, headerBytes, payloadEach);
        batch.payload().add(slot, headerBytes, payloadEach);
        return 1;
    }

    @Override
    public boolean control(int queue, MemorySegment segment, long at, int length, Offload offload) {
        return true;
    }

    @Override
    public final void flush(int queue) {}

    @Override
    public final void bind(EventLoop loop, Listener listener) {
        this.loop = loop;
        this.listener = listener;
        loop.ready().add(node);
    }

    @Override
    public final void close() {}

    private final class Node extends ReadyList.Node {
        @HotPath
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            Listener by = Objects.requireNonNull(listener);
            if (!up) {
                up = true;
                by.onUp(CAPS, nowNs);
            }
            if (hasFrames()) {
                by.onReadable(0, nowNs);
                if (hasFrames()) {
                    wake();
                }
            }
            return 0;
        }
    }
}
