package io.passatelli.link;

import io.passatelli.wire.Offload;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/** A frame on its way, out of any link's memory: what the guest sent, or what it got. */
public final class GuestFrame {
    public final int queue;
    public final byte[] bytes;
    public final Offload offload = new Offload();

    public GuestFrame(int queue, byte[] bytes, Offload offload) {
        this.queue = queue;
        this.bytes = bytes;
        this.offload.set(offload);
    }

    /** Frame {@code i} of a reservation, as the caller filled it. */
    static GuestFrame of(int queue, TxBatch batch, int i) {
        MemorySegment out = Arena.ofAuto().allocate(batch.length(i));
        batch.copy(i, 0, batch.length(i), out, 0);
        return new GuestFrame(queue, out.toArray(JAVA_BYTE), batch.offload(i));
    }

    /** Frame {@code i} of a batch. */
    static GuestFrame of(int queue, RxBatch batch, int i) {
        int length = batch.frame(i).length();
        MemorySegment out = Arena.ofAuto().allocate(length);
        batch.copy(i, 0, length, out, 0);
        return new GuestFrame(queue, out.toArray(JAVA_BYTE), batch.frame(i).offload());
    }

    /** A control frame. */
    static GuestFrame ofControl(int queue, MemorySegment segment, long at, int length, Offload offload) {
        byte[] bytes = new byte[length];
        MemorySegment.copy(segment, JAVA_BYTE, at, bytes, 0, length);
        return new GuestFrame(queue, bytes, offload);
    }
}
