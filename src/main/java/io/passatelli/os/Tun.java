package io.passatelli.os;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

/** TAP devices: the kernel's Documentation/networking/tuntap.rst. Results are descriptors or {@code -errno}. */
@Syscalls({"openat", "ioctl", "close"})
final class Tun {
    /** linux/if_tun.h. */
    static final int TUNSETIFF = 0x400454ca;

    static final int IFF_TAP = 0x0002;
    static final int IFF_NO_PI = 0x1000;

    /** {@code struct ifreq}, netdevice(7). */
    static final int IFREQ_SIZE = 40;

    static final int IFR_NAME = 0;
    static final int IFR_FLAGS = 16;

    private static final String DEVICE = "/dev/net/tun";

    private Tun() {}

    /** Attaches to TAP {@code name}, made if absent. An empty or too long name is {@code -EINVAL}: the kernel would choose another. */
    static int openTap(String name) {
        byte[] bytes = name.getBytes(StandardCharsets.UTF_8);
        if (bytes.length == 0 || bytes.length >= SockOpts.IFNAMSIZ) {
            return -Errno.EINVAL;
        }
        int fd = Files.open(DEVICE, Files.O_RDWR | Files.O_NONBLOCK);
        if (fd < 0) {
            return fd;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment request = arena.allocate(IFREQ_SIZE, 8);
            MemorySegment.copy(bytes, 0, request, JAVA_BYTE, IFR_NAME, bytes.length);
            request.set(JAVA_SHORT, IFR_FLAGS, (short) (IFF_TAP | IFF_NO_PI));
            int rc = Files.ioctl(fd, TUNSETIFF, request);
            if (rc < 0) {
                Files.close(fd);
                return rc;
            }
        }
        return fd;
    }
}
