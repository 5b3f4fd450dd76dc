package io.passatelli.link;

import io.passatelli.loop.EventLoop;
import io.passatelli.wire.Offload;

import java.lang.foreign.MemorySegment;

/**
 * Layer-2 way to one guest. Loop thread only. Never blocks, allocates, or throws for what a guest did.
 *
 * <p><b>Who calls whom.</b> The {@link Listener} is called by the loop only, never from inside a method of the link: a link that finds its
 * client gone inside {@link #commit} answers {@code -ENOTCONN} there, and {@link Listener#onDown} follows in this turn or the next. After
 * {@link #bind}, {@link Listener#onUp} comes first; before it, and after {@code onDown}, nothing is received and nothing is sent.
 *
 * <p><b>Reading, so that no frame is forgotten.</b> At each {@link Listener#onReadable} call {@link #receive} once; above 0, work on the batch
 * and {@link #release} it. No more is asked: as long as frames are, or may be, left (the batch was full, the descriptor was not read to its
 * end), the link stays in the loop's ready list and calls {@code onReadable} again in the next turn. More receives in one call are allowed,
 * for at most {@code Limits.QUANTUM_BYTES}; a result of 0 says that nothing is left. A listener that does not call receive is called again
 * each turn.
 *
 * <p><b>Writing.</b> {@link #reserve}, write headers and payload, {@link #commit}. What commit does not take the caller keeps, and sends again
 * after {@link Listener#onWritable}, which comes once for each shortage. {@link #flush} at the end of each turn in which frames were sent.
 * {@link #control} is allowed between reserve and commit; its frame then leaves ahead of those of the reservation.
 */
public interface Link extends AutoCloseable {
    /** Which form of link it is, for people. */
    default String kind() {
        return "other";
    }

    /** Constant between two {@link Listener#onUp}. */
    Caps caps();

    /**
     * Clears {@code batch}, then fills at most {@code batch.capacity()} frames of one queue, in order. Returns how many, or {@code -errno} if
     * the link is down. The first {@code Limits.HEADER_BYTES} of each frame (or all of it) are contiguous and private; all is valid until
     * {@link #release}.
     */
    int receive(int queue, RxBatch batch);

    /** Gives the memory back: exactly once after a {@link #receive} above 0, when nobody needs the batch's bytes any more. */
    void release(int queue, RxBatch batch);

    /**
     * Clears {@code batch}, then prepares at most {@code wanted} frames of {@code headerBytes} contiguous bytes and up to {@code payloadEach}
     * bytes behind them, together at most {@code caps().maxFrameBytes()}. Returns how many; 0 when full ({@link Listener#onWritable} follows) or
     * down. Nothing is visible yet. One open reservation per queue: each one above 0 is ended by exactly one {@link #commit}; slots are LIFO.
     */
    int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach);

    /**
     * Sends frames 0 to {@code n - 1} with their lengths and offloads. Returns k ≤ n: those are the link's for good, also a half-sent last one;
     * the others never left, and the caller rewinds ({@link Listener#onWritable} follows). 0 cancels. Pads to 60 bytes. {@code -ENOTCONN} when
     * down. Until the next call on this queue the bytes can still be read through {@code batch}: captures do.
     */
    int commit(int queue, TxBatch batch, int n);

    /**
     * Sends a copy of a small frame (an acknowledgement, an ARP or DHCP reply) of at most {@code Limits.CONTROL_FRAME_BYTES}, gathered until
     * {@link #flush}. False when full ({@link Listener#onWritable} follows) or down.
     */
    boolean control(int queue, MemorySegment segment, long at, int length, Offload offload);

    /** End of the loop turn: one doorbell, one writev. The owner of the loop calls it, for each queue. */
    void flush(int queue);

    /** Registers the descriptors at the loop. Once, before the loop runs. */
    void bind(EventLoop loop, Listener listener);

    /** Closes every descriptor that the link owns. Nothing is said to the listener any more. */
    @Override
    void close();

    /** Who acts on what the link says. Called by the loop, never from inside a call of the link. */
    interface Listener {
        /** The guest has, or may have, frames: call {@link Link#receive}. */
        void onReadable(int queue, long nowNs);

        /** Once for each shortage seen by reserve, commit or control. */
        void onWritable(int queue, long nowNs);

        /** A client or driver came; features are negotiated. */
        void onUp(Caps caps, long nowNs);

        /** Rings stopped, driver reset: what is in flight is void, flows rewind to what was acknowledged. */
        void onReset(int queue, long nowNs);

        /** The client left, for {@code errno} or 0 (it closed); flows and listeners stay. A shortage is forgotten. */
        void onDown(int errno, long nowNs);
    }
}
