package io.passatelli.plane;

import io.passatelli.base.HotPath;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.RxBatch;
import io.passatelli.link.TxBatch;
import io.passatelli.loop.EventLoop;
import io.passatelli.wire.Offload;

import java.lang.foreign.MemorySegment;

/** Counts the frames and bytes that pass a link, as they are handed over: Ethernet header included, padding and framing not. */
@HotPath
final class MeteredLink implements Link {
    private final Link link;
    private long framesFromGuest;
    private long bytesFromGuest;
    private long framesToGuest;
    private long bytesToGuest;

    MeteredLink(Link link) {
        this.link = link;
    }

    long framesFromGuest() {
        return framesFromGuest;
    }

    long bytesFromGuest() {
        return bytesFromGuest;
    }

    long framesToGuest() {
        return framesToGuest;
    }

    long bytesToGuest() {
        return bytesToGuest;
    }

    @Override
    public Caps caps() {
        return link.caps();
    }

    @Override
    public int receive(int queue, RxBatch batch) {
        int count = link.receive(queue, batch);
        for (int i = 0; i < count; i++) {
            bytesFromGuest += batch.frame(i).length();
        }
        framesFromGuest += Math.max(count, 0);
        return count;
    }

    @Override
    public void release(int queue, RxBatch batch) {
        link.release(queue, batch);
    }

    @Override
    public int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach) {
        return link.reserve(queue, batch, wanted, headerBytes, payloadEach);
    }

    @Override
    public int commit(int queue, TxBatch batch, int n) {
        int taken = link.commit(queue, batch, n);
        for (int i = 0; i < taken; i++) {
            bytesToGuest += batch.length(i);
        }
        framesToGuest += Math.max(taken, 0);
        return taken;
    }

    @Override
    public boolean control(int queue, MemorySegment segment, long at, int length, Offload offload) {
        if (!link.control(queue, segment, at, length, offload)) {
            return false;
        }
        framesToGuest++;
        bytesToGuest += length;
        return true;
    }

    @Override
    public void flush(int queue) {
        link.flush(queue);
    }

    @Override
    public void bind(EventLoop loop, Listener listener) {
        link.bind(loop, listener);
    }

    @Override
    public void close() {
        link.close();
    }
}
