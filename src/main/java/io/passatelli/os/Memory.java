package io.passatelli.os;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** mmap(2), for what {@code Arena.allocate} does not do: memory that costs nothing until it is touched, and nothing once it is given back. */
@Syscalls({"mmap", "munmap"})
public final class Memory {
    private static final MemorySegment MMAP = LibC.function("mmap");
    private static final MemorySegment MUNMAP = LibC.function("munmap");

    private static final int PROT_READ = 1;
    private static final int PROT_WRITE = 2;
    private static final int MAP_PRIVATE = 0x02;
    private static final int MAP_ANONYMOUS = 0x20;

    private Memory() {}

    /** {@code bytes} of zeroes until {@code arena} is closed, of which the kernel gives each page when it is first used. */
    @SuppressWarnings("restricted")
    public static MemorySegment untouched(Arena arena, long bytes) {
        long address = LibC.callLong(MMAP, 0, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, Os.NONE, 0);
        if (address < 0) {
            throw new OutOfMemoryError("no " + bytes + " bytes of native memory: " + Errno.name((int) -address));
        }
        return MemorySegment.ofAddress(address).reinterpret(bytes, arena, memory -> {
            int rc = LibC.callInt(MUNMAP, memory.address(), bytes, 0, 0, 0, 0);
            assert rc == 0 : Errno.name(-rc);
        });
    }
}
