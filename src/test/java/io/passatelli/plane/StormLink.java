package io.passatelli.plane;

import io.passatelli.base.Limits;
import io.passatelli.link.RxBatch;
import io.passatelli.link.TxBatch;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;

/** A guest that sends mutations of some frames, scattered over pieces, and reads nothing of the answers, which are taken from it all the same. */
final class StormLink extends MadeGuestLink {
    private static final int SLOT = 2_048;

    private final List<byte[]> templates;
    private final SplittableRandom random;
    private final byte[] scratch = new byte[SLOT];
    private final MemorySegment in = Arena.global().allocate((long) Limits.RX_BATCH_FRAMES * SLOT, 64);
    private long sent;
    private long until;

    StormLink(List<byte[]> templates, SplittableRandom random) {
        this.templates = templates;
        this.random = random;
    }

    /** Until so many frames were sent since the start. */
    void storm(long frames) {
        until = frames;
        wake();
    }

    boolean isDone() {
        return sent == until;
    }

    @Override
    boolean hasFrames() {
        return sent < until;
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
    public int commit(int queue, TxBatch batch, int n) {
        return n;
    }
}
