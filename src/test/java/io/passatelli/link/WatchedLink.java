package io.passatelli.link;

import io.passatelli.base.Limits;
import io.passatelli.loop.EventLoop;
import io.passatelli.wire.Offload;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/**
 * Shows every frame that crosses another link, in the order in which the plane received or made them. It may change those to the guest, which is
 * what a plane that made them wrong looks like.
 */
public final class WatchedLink implements Link {
    /** Who looks. */
    public interface Watcher {
        /** The plane received it. */
        default void fromGuest(GuestFrame frame) {}

        /** The link took it from the plane. */
        default void toGuest(GuestFrame frame) {}

        /** The plane is about to send it: it goes as it is changed here. Length and offload stay. */
        default void change(GuestFrame frame) {}

        /** Whether the plane is not to hear that the link is writable again. */
        default boolean losesWritable() {
            return false;
        }
    }

    private final Link link;
    private final Watcher watcher;
    private final MemorySegment scratch = Arena.ofAuto().allocate(Limits.CONTROL_FRAME_BYTES);

    public WatchedLink(Link link, Watcher watcher) {
        this.link = link;
        this.watcher = watcher;
    }

    @Override
    public Caps caps() {
        return link.caps();
    }

    @Override
    public int receive(int queue, RxBatch batch) {
        int n = link.receive(queue, batch);
        for (int i = 0; i < n; i++) {
            watcher.fromGuest(GuestFrame.of(queue, batch, i));
        }
        return n;
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
        List<GuestFrame> frames = new ArrayList<>(n);
        for (int i = 0; i < n; i++) {
            GuestFrame frame = GuestFrame.of(queue, batch, i);
            watcher.change(frame);
            int header = batch.headerLength(i);
            MemorySegment.copy(frame.bytes, 0, batch.header(i), JAVA_BYTE, batch.headerAt(i), header);
            frames.add(frame);
        }
        int taken = link.commit(queue, batch, n);
        for (int i = 0; i < taken; i++) {
            watcher.toGuest(frames.get(i));
        }
        return taken;
    }

    @Override
    public boolean control(int queue, MemorySegment segment, long at, int length, Offload offload) {
        GuestFrame frame = GuestFrame.ofControl(queue, segment, at, length, offload);
        watcher.change(frame);
        MemorySegment.copy(frame.bytes, 0, scratch, JAVA_BYTE, 0, length);
        boolean taken = link.control(queue, scratch, 0, length, offload);
        if (taken) {
            watcher.toGuest(frame);
        }
        return taken;
    }

    @Override
    public void flush(int queue) {
        link.flush(queue);
    }

    @Override
    public void bind(EventLoop loop, Listener listener) {
        link.bind(loop, new Listener() {
            @Override
            public void onReadable(int queue, long nowNs) {
                listener.onReadable(queue, nowNs);
            }

            @Override
            public void onWritable(int queue, long nowNs) {
                if (!watcher.losesWritable()) {
                    listener.onWritable(queue, nowNs);
                }
            }

            @Override
            public void onUp(Caps caps, long nowNs) {
                listener.onUp(caps, nowNs);
            }

            @Override
            public void onReset(int queue, long nowNs) {
                listener.onReset(queue, nowNs);
            }

            @Override
            public void onDown(int errno, long nowNs) {
                listener.onDown(errno, nowNs);
            }
        });
    }

    @Override
    public void close() {
        link.close();
    }
}
