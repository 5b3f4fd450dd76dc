package io.passatelli.os;

import io.passatelli.base.HotPath;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** open(2), close(2), readv(2), writev(2), ioctl(2), dup2(2), fcntl(2). Results are ≥ 0 or {@code -errno}. */
@Syscalls({"openat", "close", "readv", "writev", "ioctl", "dup2", "fcntl"})
final class Files {
    /** asm-generic/fcntl.h; aarch64 differs only in flags that we do not use. */
    static final int O_RDONLY = 0;

    static final int O_RDWR = 2;
    static final int O_NONBLOCK = 0x800;
    static final int O_CLOEXEC = 0x80000;

    static final int F_GETFD = 1;
    static final int F_SETFD = 2;
    static final int FD_CLOEXEC = 1;

    private static final MemorySegment OPEN = LibC.function("open");
    private static final MemorySegment CLOSE = LibC.function("close");
    private static final MemorySegment READV = LibC.function("readv");
    private static final MemorySegment WRITEV = LibC.function("writev");
    private static final MemorySegment IOCTL = LibC.function("ioctl");
    private static final MemorySegment DUP2 = LibC.function("dup2");
    private static final MemorySegment FCNTL = LibC.function("fcntl");

    private Files() {}

    /** An existing file; O_CREAT would need a mode. */
    static int open(String path, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            return LibC.callInt(OPEN, arena.allocateFrom(path).address(), flags | O_CLOEXEC, 0, 0, 0, 0);
        }
    }

    /** Linux has released the descriptor even where it answers EINTR, and another thread may own the number by now: never again. */
    @HotPath
    static int close(int fd) {
        int rc = LibC.callIntOnce(CLOSE, fd, 0, 0, 0, 0, 0);
        return rc == -Errno.EINTR ? 0 : rc;
    }

    @HotPath
    static long readv(int fd, IoVec into) {
        return LibC.callLong(READV, fd, into.address(), into.count(), 0, 0, 0);
    }

    @HotPath
    static long writev(int fd, IoVec from) {
        return LibC.callLong(WRITEV, fd, from.address(), from.count(), 0, 0, 0);
    }

    /** {@code request} as 32 bits; {@code argument} must stay alive, and be as long as the request says. */
    static int ioctl(int fd, int request, MemorySegment argument) {
        return ioctl(fd, request, argument.address());
    }

    /** For a request whose argument is a number, or none. */
    static int ioctl(int fd, int request, long argument) {
        return LibC.callInt(IOCTL, fd, request & 0xffffffffL, argument, 0, 0, 0);
    }

    /** {@code to} is not closed by execve(2), even if {@code from} is. */
    static int dup2(int from, int to) {
        return LibC.callInt(DUP2, from, to, 0, 0, 0, 0);
    }

    /** FD_CLOEXEC is the only flag there is, and 1. */
    static int descriptorFlags(int fd) {
        return LibC.callInt(FCNTL, fd, F_GETFD, 0, 0, 0, 0);
    }

    static int closeOnExec(int fd) {
        return LibC.callInt(FCNTL, fd, F_SETFD, FD_CLOEXEC, 0, 0, 0);
    }
}
