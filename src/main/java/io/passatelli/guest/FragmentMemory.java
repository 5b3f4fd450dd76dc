package io.passatelli.guest;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.base.PoolUse;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/** Chunks for the fragments of a plane: made when first needed, a few at a time, and kept for the next datagram. Loop thread only. */
final class FragmentMemory {
    static final int CHUNK = Limits.FRAGMENT_CHUNK_BYTES;
    private static final int CHUNKS = Limits.FRAGMENT_MEMORY_BYTES / CHUNK;

    /** Made at one time: what the longest datagram needs, nearly. */
    private static final int STEP = 16;

    static {
        assert CHUNKS % STEP == 0;
    }

    private final MemorySegment[] free = new MemorySegment[CHUNKS];
    private int freeCount;
    private int made;

    FragmentMemory() {
        Arrays.fill(free, MemorySegment.NULL);
    }

    /** {@link MemorySegment#NULL}: all are in use. */
    @HotPath
    MemorySegment take() {
        if (freeCount == 0) {
            if (made == CHUNKS) {
                return MemorySegment.NULL;
            }
            make();
        }
        return free[--freeCount];
    }

    private void make() {
        MemorySegment step = Arena.ofAuto().allocate((long) STEP * CHUNK, 64);
        for (int i = 0; i < STEP; i++) {
            free[freeCount++] = step.asSlice((long) i * CHUNK, CHUNK);
        }
        made += STEP;
    }

    /** The one given back last is cache-hot and comes first. */
    @HotPath
    void give(MemorySegment chunk) {
        free[freeCount++] = chunk;
    }

    /** How much of it is in use, under the name {@code pool}. */
    PoolUse use(String pool) {
        return new PoolUse(pool, (long) inUse() * CHUNK, (long) CHUNKS * CHUNK);
    }

    int inUse() {
        return made - freeCount;
    }

    int made() {
        return made;
    }
}
