package io.passatelli.os;

import io.passatelli.base.HotPath;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_INT;

/** What SO_MEMINFO says of a socket's memory, socket(7): the array of linux/sock_diag.h, bytes. Reused for each call. */
@HotPath
public final class MemInfo {
    /** SK_MEMINFO_VARS of 32 bits, and room for newer kernels' more. */
    static final int SIZE = 16 * Integer.BYTES;

    // linux/sock_diag.h: SK_MEMINFO_
    private static final long SNDBUF = 3 * Integer.BYTES;
    private static final long WMEM_QUEUED = 5 * Integer.BYTES;

    final MemorySegment segment = Arena.ofAuto().allocate(SIZE, Integer.BYTES);

    /** Bound of what waits to be sent, bytes with the kernel's overhead (SK_MEMINFO_SNDBUF). */
    public int sndbuf() {
        return segment.get(JAVA_INT, SNDBUF);
    }

    /** What waits to be sent or acknowledged, bytes with the kernel's overhead (SK_MEMINFO_WMEM_QUEUED). */
    public int wmemQueued() {
        return segment.get(JAVA_INT, WMEM_QUEUED);
    }

    /** For implementations of {@link Os}. */
    public void set(int sndbuf, int wmemQueued) {
        segment.set(JAVA_INT, SNDBUF, sndbuf);
        segment.set(JAVA_INT, WMEM_QUEUED, wmemQueued);
    }
}
