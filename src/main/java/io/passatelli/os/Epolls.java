package io.passatelli.os;

import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;

/** epoll_create1(2), epoll_ctl(2), epoll_pwait2(2). Results are ≥ 0 or {@code -errno}. */
@HotPath
@Syscalls({"epoll_create1", "epoll_ctl", "epoll_pwait2", "epoll_pwait"})
final class Epolls {
    /** sys/epoll.h. */
    static final int EPOLL_CLOEXEC = 0x80000;

    /** asm/unistd.h, x86-64 and aarch64. */
    static final int SYS_EPOLL_PWAIT2 = 441;

    /** {@code struct timespec}, on 64-bit machines. */
    static final int TIMESPEC_SIZE = 16;

    static final int TV_SEC = 0;
    static final int TV_NSEC = 8;

    private static final long NS_PER_S = 1_000_000_000;
    private static final long NS_PER_MS = 1_000_000;

    private static final MemorySegment EPOLL_CREATE1 = LibC.function("epoll_create1");
    private static final MemorySegment EPOLL_CTL = LibC.function("epoll_ctl");
    private static final MemorySegment EPOLL_PWAIT = LibC.function("epoll_pwait");
    private static final MemorySegment SYSCALL = LibC.function("syscall");

    private Epolls() {}

    static int create() {
        return LibC.callInt(EPOLL_CREATE1, EPOLL_CLOEXEC, 0, 0, 0, 0, 0);
    }

    static int ctl(int epoll, int op, int fd, int events, long ref) {
        MemorySegment event = CallState.current().scratch;
        event.set(JAVA_INT_UNALIGNED, 0, events);
        event.set(JAVA_LONG_UNALIGNED, EpollEvents.DATA, ref);
        return LibC.callInt(EPOLL_CTL, epoll, op, fd, event.address(), 0, 0);
    }

    /**
     * epoll_pwait2(2) by its number, since the C library has a wrapper only from glibc 2.35 and musl has none. {@code -ENOSYS} on kernels
     * before 5.11. Its sixth argument, the size of the signal mask, finds no register in our shape: the kernel reads it only with a mask.
     */
    static int pwait2(int epoll, EpollEvents out, long timeoutNs) {
        long timeout = 0;
        if (timeoutNs >= 0) {
            MemorySegment timespec = CallState.current().scratch;
            timespec.set(JAVA_LONG, TV_SEC, timeoutNs / NS_PER_S);
            timespec.set(JAVA_LONG, TV_NSEC, timeoutNs % NS_PER_S);
            timeout = timespec.address();
        }
        return noEventsIfInterrupted(
                LibC.callIntOnce(SYSCALL, SYS_EPOLL_PWAIT2, epoll, out.segment.address(), out.capacity(), timeout, 0));
    }

    /** epoll_pwait(2), for older kernels: counts in milliseconds, rounded up, so that it never wakes before the time. */
    static int pwait(int epoll, EpollEvents out, long timeoutNs) {
        return noEventsIfInterrupted(LibC.callIntOnce(
                EPOLL_PWAIT, epoll, out.segment.address(), out.capacity(), milliseconds(timeoutNs), 0, 0));
    }

    /** Rounded up; -1 for ever. */
    static int milliseconds(long timeoutNs) {
        if (timeoutNs < 0) {
            return -1;
        }
        long whole = timeoutNs / NS_PER_MS;
        long up = timeoutNs % NS_PER_MS == 0 ? whole : whole + 1;
        return (int) Math.min(up, Integer.MAX_VALUE);
    }

    private static int noEventsIfInterrupted(int rc) {
        return rc == -Errno.EINTR ? 0 : rc;
    }
}
