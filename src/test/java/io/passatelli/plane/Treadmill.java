package io.passatelli.plane;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.link.RxBatch;
import io.passatelli.link.TxBatch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A link whose guest sends the same frame again and again, at most so many ahead of the answers, and looks at nothing but their count. Allocates
 * nothing once it is made, so that what is left over is the plane's.
 */
final class Treadmill extends MadeGuestLink {
    private final MemorySegment frame;
    private final int length;
    private final int ahead;
    private final MemorySegment last = Arena.global().allocate(Limits.FRAME_BYTES, 64);
    private int lastLength;
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
        wake();
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

    @HotPath
    @Override
    boolean hasFrames() {
        return sent < wanted && sent - answered < ahead;
    }

    @HotPath
    @Override
    public int receive(int queue, RxBatch batch) {
        batch.clear();
        while (!batch.isFull() && hasFrames()) {
            batch.add(frame, 0, length);
            sent++;
        }
        return batch.count();
    }

    @Override
    public void release(int queue, RxBatch batch) {}

    @HotPath
    @Override
    public int commit(int queue, TxBatch batch, int n) {
        for (int i = 0; i < n; i++) {
            lastLength = batch.length(i);
            batch.copy(i, 0, lastLength, last, 0);
            answered++;
        }
        wake();
        return n;
    }
}
