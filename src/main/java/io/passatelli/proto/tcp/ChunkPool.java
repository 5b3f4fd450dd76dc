package io.passatelli.proto.tcp;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.os.Memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Memory for payload, in chunks of {@link Limits#TCP_CHUNK_BYTES}, for all flows of a plane. The youngest chunk given back is the next one
 * taken: few stay in the cache, and the kernel gives pages only for as many as were ever in use at one time.
 */
@HotPath
final class ChunkPool {
    static final int NONE = -1;
    static final int CHUNK = Limits.TCP_CHUNK_BYTES;

    /**
     * From the start of a page, bytes: where malloc(3) would have it. At 0 bulk to a TAP takes twice the processor time on AMD Zen, at 2,048 bulk to
     * the stream socket 1.4 times: copying (rep movsb) depends on how the two places lie in their pages.
     */
    private static final int PAGE_OFFSET = 16;

    private final MemorySegment memory;
    private final int[] free;
    private int freeCount;
    /** Chunks that flows may still take, of those that are free: {@link #promise}. */
    private int promised;

    /** Of {@code bytes}, until {@code arena} is closed. */
    ChunkPool(Arena arena, int bytes) {
        memory = Memory.untouched(arena, PAGE_OFFSET + (long) bytes).asSlice(PAGE_OFFSET);
        free = new int[bytes / CHUNK];
        while (freeCount < free.length) {
            free[freeCount] = free.length - 1 - freeCount;
            freeCount++;
        }
    }

    MemorySegment memory() {
        return memory;
    }

    /** Where {@code chunk} begins in {@link #memory}. */
    static long at(int chunk) {
        return (long) chunk * CHUNK;
    }

    /** A chunk, or {@link #NONE}. */
    int take() {
        return freeCount == 0 ? NONE : free[--freeCount];
    }

    void give(int chunk) {
        free[freeCount++] = chunk;
    }

    int free() {
        return freeCount;
    }

    int size() {
        return free.length;
    }

    /** Sets {@code count} chunks aside for one flow; false if there are not so many. */
    boolean promise(int count) {
        if (promised + count > free.length) {
            return false;
        }
        promised += count;
        return true;
    }

    /** Takes back what was promised. */
    void release(int count) {
        promised -= count;
        assert promised >= 0 : promised;
    }
}
