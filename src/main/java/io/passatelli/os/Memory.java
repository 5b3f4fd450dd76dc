package io.passatelli.os;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** calloc(3), for what {@code Arena.allocate} does not do: memory that costs nothing until it is touched. It makes no system call by itself. */
@Syscalls({})
public final class Memory {
    private static final MemorySegment CALLOC = LibC.function("calloc");
    private static final MemorySegment FREE = LibC.function("free");

    private Memory() {}

    /** {@code bytes} of zeroes, of which the kernel gives each page when it is first used. They are freed when nobody holds the segment any more. */
    @SuppressWarnings("restricted")
    public static MemorySegment untouched(long bytes) {
        long address = LibC.callLong(CALLOC, 1, bytes, 0, 0, 0, 0);
        if (address <= 0) {
            throw new OutOfMemoryError("no " + bytes + " bytes of native memory");
        }
        return MemorySegment.ofAddress(address)
                .reinterpret(bytes, Arena.ofAuto(), memory -> LibC.callIntOnce(FREE, memory.address(), 0, 0, 0, 0, 0));
    }
}
