package io.passatelli.plane;

import io.passatelli.base.HotPath;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.PcapWriter;
import io.passatelli.link.RxBatch;
import io.passatelli.link.TxBatch;
import io.passatelli.loop.EventLoop;
import io.passatelli.wire.Offload;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Counts the frames and bytes that pass a link, as they are handed over: Ethernet header included, padding and framing not. And records them while
 * there is a capture.
 */
@HotPath
final class MeteredLink implements Link {
    private final Link link;
    private long framesFromGuest;
    private long bytesFromGuest;
    private long framesToGuest;
    private long bytesToGuest;
    private @Nullable EventLoop loop;
    private @Nullable PcapWriter capture;
    private Runnable captureEnd = () -> {};

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

    /** From now on frames go to {@code to}, too, until it ends by itself, of which {@code whenEnded} hears; null: to none. */
    void capture(@Nullable PcapWriter to, Runnable whenEnded) {
        capture = to;
        captureEnd = whenEnded;
    }

    private long nowNs() {
        return Objects.requireNonNull(loop).nowNs();
    }

    @Override
    public String kind() {
        return link.kind();
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
        PcapWriter to = capture;
        if (to != null) {
            to.received(batch, count, nowNs());
        }
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
        PcapWriter to = capture;
        if (to != null) {
            to.sent(batch, taken, nowNs());
        }
        return taken;
    }

    @Override
    public boolean control(int queue, MemorySegment segment, long at, int length, Offload offload) {
        if (!link.control(queue, segment, at, length, offload)) {
            return false;
        }
        framesToGuest++;
        bytesToGuest += length;
        PcapWriter to = capture;
        if (to != null) {
            to.sent(segment, at, length, nowNs());
        }
        return true;
    }

    @Override
    public void flush(int queue) {
        link.flush(queue);
        PcapWriter to = capture;
        if (to != null) {
            to.spill();
            if (!to.isOpen()) {
                capture = null;
                captureEnd.run();
            }
        }
    }

    @Override
    public void bind(EventLoop loop, Listener listener) {
        this.loop = loop;
        link.bind(loop, listener);
    }

    @Override
    public void close() {
        link.close();
    }
}
