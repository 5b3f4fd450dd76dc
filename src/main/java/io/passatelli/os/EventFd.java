package io.passatelli.os;

import java.lang.foreign.MemorySegment;

/** eventfd2(2). Results are ≥ 0 or {@code -errno}. */
@Syscalls("eventfd2")
final class EventFd {
    /** sys/eventfd.h. */
    static final int EFD_NONBLOCK = 0x800;

    static final int EFD_CLOEXEC = 0x80000;

    private static final MemorySegment EVENTFD = LibC.function("eventfd");

    private EventFd() {}

    static int eventfd() {
        return LibC.callInt(EVENTFD, 0, EFD_NONBLOCK | EFD_CLOEXEC, 0, 0, 0, 0);
    }
}
