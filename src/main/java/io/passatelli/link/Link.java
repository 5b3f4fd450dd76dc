package io.passatelli.link;

import io.passatelli.loop.EventLoop;
import io.passatelli.wire.Offload;

import java.lang.foreign.MemorySegment;

/** Layer-2 way to one guest. Loop thread only. Never blocks, allocates, or throws for what a guest did. */
public interface Link extends AutoCloseable {
    /** Constant between two {@link Listener#onUp}. */
    Caps caps();

    /**
     * Fills at most {@code batch.capacity()} frames of one queue, in order. Returns how many, or {@code -errno} if the link is gone.
     * The first {@code Limits.HEADER_BYTES} of each frame (or all of it) are contiguous and private; all is valid until {@link #release}.
     */
    int receive(int queue, RxBatch batch);

    /** Gives the memory back: exactly once after a {@link #receive} above 0, when nobody needs the batch's bytes any more. */
    void release(int queue, RxBatch batch);

    /**
     * Prepares at most {@code wanted} frames of {@code headerBytes} contiguous bytes and up to {@code payloadEach} bytes behind them; returns how
     * many, 0 when full ({@link Listener#onWritable} follows). Nothing is visible yet. One open reservation per queue; slots are LIFO.
     */
    int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach);

    /**
     * Sends frames 0 to {@code n - 1} with their lengths and offloads. Returns k ≤ n: those are the link's for good, also a half-sent last one;
     * the others never left and the caller rewinds. 0 cancels. Pads to 60 bytes. {@code -ENOTCONN} when down.
     */
    int commit(int queue, TxBatch batch, int n);

    /**
     * Sends a copy of a small frame (an acknowledgement, an ARP or DHCP reply) of at most {@code Limits.CONTROL_FRAME_BYTES}, gathered until
     * {@link #flush}. False when full ({@link Listener#onWritable} follows) or down.
     */
    boolean control(int queue, MemorySegment segment, long at, int length, Offload offload);

    /** End of the loop turn: one doorbell, one writev. */
    void flush(int queue);

    /** Registers the descriptors at the loop. Once, before the loop runs. */
    void bind(EventLoop loop, Listener listener);

    /** Closes every descriptor that the link owns. */
    @Override
    void close();

    /** Who acts on what the link says. */
    interface Listener {
        /** The guest has frames. */
        void onReadable(int queue, long nowNs);

        /** Once for each shortage seen by reserve, commit or control. */
        void onWritable(int queue, long nowNs);

        /** A client or driver came; features are negotiated. */
        void onUp(Caps caps, long nowNs);

        /** Rings stopped, driver reset: what is in flight is void, flows rewind to what was acknowledged. */
        void onReset(int queue, long nowNs);

        /** The client left, for {@code errno} or 0; flows and listeners stay. */
        void onDown(int errno, long nowNs);
    }
}
