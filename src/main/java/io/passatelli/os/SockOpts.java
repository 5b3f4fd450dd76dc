package io.passatelli.os;

import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

/** getsockopt(2) and setsockopt(2): socket(7), unix(7), tcp(7), ip(7). Results are ≥ 0 or {@code -errno}. */
@Syscalls({"getsockopt", "setsockopt"})
final class SockOpts {
    /** asm-generic/socket.h. */
    static final int SO_PEERCRED = 17;

    static final int SO_BINDTODEVICE = 25;

    static final int SO_LINGER = 13;
    static final int SO_MEMINFO = 55;

    /** {@code struct linger}, socket(7): l_onoff and l_linger. */
    static final int LINGER_SIZE = 8;

    /** net/if.h: bytes of a device's name with its NUL. */
    static final int IFNAMSIZ = 16;

    /** {@code struct ucred}, unix(7). */
    static final int UCRED_SIZE = 12;

    static final int UCRED_PID = 0;

    /** Where the value lies in the scratch memory; its length lies at 0. */
    private static final int VALUE = 16;

    private static final MemorySegment GETSOCKOPT = LibC.function("getsockopt");
    private static final MemorySegment SETSOCKOPT = LibC.function("setsockopt");

    private SockOpts() {}

    /** The int at {@code valueOffset} of an option of {@code bytes} bytes. */
    private static int get(int fd, int level, int name, int bytes, int valueOffset) {
        MemorySegment scratch = CallState.current().scratch;
        scratch.set(JAVA_INT, 0, bytes);
        scratch.set(JAVA_INT, VALUE + valueOffset, 0);
        int rc = LibC.callInt(GETSOCKOPT, fd, level, name, scratch.address() + VALUE, scratch.address(), 0);
        return rc < 0 ? rc : scratch.get(JAVA_INT, VALUE + valueOffset);
    }

    static int getInt(int fd, int level, int name) {
        return get(fd, level, name, Integer.BYTES, 0);
    }

    static int setInt(int fd, int level, int name, int value) {
        MemorySegment scratch = CallState.current().scratch;
        scratch.set(JAVA_INT, VALUE, value);
        return LibC.callInt(SETSOCKOPT, fd, level, name, scratch.address() + VALUE, Integer.BYTES, 0);
    }

    /** The kernel cuts a name that is too long and may find another device by what is left: refused here. */
    static int bindToDevice(int fd, String device) {
        byte[] name = device.getBytes(StandardCharsets.UTF_8);
        if (name.length >= IFNAMSIZ) {
            return -Errno.EINVAL;
        }
        MemorySegment scratch = CallState.current().scratch;
        MemorySegment.copy(name, 0, scratch, JAVA_BYTE, VALUE, name.length);
        scratch.set(JAVA_BYTE, VALUE + name.length, (byte) 0);
        return LibC.callInt(
                SETSOCKOPT, fd, Socket.SOL_SOCKET, SO_BINDTODEVICE, scratch.address() + VALUE, name.length + 1, 0);
    }

    static int linger0(int fd) {
        MemorySegment scratch = CallState.current().scratch;
        scratch.set(JAVA_INT, VALUE, 1);
        scratch.set(JAVA_INT, VALUE + Integer.BYTES, 0);
        return LibC.callInt(SETSOCKOPT, fd, Socket.SOL_SOCKET, SO_LINGER, scratch.address() + VALUE, LINGER_SIZE, 0);
    }

    static int memInfo(int fd, MemInfo out) {
        MemorySegment length = CallState.current().scratch;
        length.set(JAVA_INT, 0, MemInfo.SIZE);
        return LibC.callInt(GETSOCKOPT, fd, Socket.SOL_SOCKET, SO_MEMINFO, out.segment.address(), length.address(), 0);
    }

    /** 0 where the peer lives in a process namespace that we do not see. */
    static int peerPid(int fd) {
        return get(fd, Socket.SOL_SOCKET, SO_PEERCRED, UCRED_SIZE, UCRED_PID);
    }
}
