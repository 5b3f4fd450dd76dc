package io.passatelli.os;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

/** TAP devices: the kernel's Documentation/networking/tuntap.rst. Results are descriptors, 0, or {@code -errno}. */
@Syscalls({"openat", "ioctl", "close"})
final class Tun {
    /** linux/if_tun.h. */
    static final int TUNSETIFF = 0x400454ca;

    static final int TUNGETFEATURES = 0x800454cf;
    static final int TUNSETOFFLOAD = 0x400454d0;
    static final int TUNSETVNETHDRSZ = 0x400454d8;

    static final int IFF_TAP = 0x0002;
    static final int IFF_NO_PI = 0x1000;
    static final int IFF_VNET_HDR = 0x4000;

    static final int TUN_F_CSUM = 0x01;
    static final int TUN_F_TSO4 = 0x02;
    static final int TUN_F_TSO6 = 0x04;

    /** {@code struct ifreq}, netdevice(7). */
    static final int IFREQ_SIZE = 40;

    static final int IFR_NAME = 0;
    static final int IFR_FLAGS = 16;

    private static final String DEVICE = "/dev/net/tun";

    private Tun() {}

    /** Attaches to TAP {@code name}, made if absent, for plain frames. An empty or too long name is {@code -EINVAL}: the kernel would choose another. */
    static int openTap(String name) {
        int fd = attach(name, IFF_TAP | IFF_NO_PI);
        if (fd >= 0) {
            // a device that outlives its users may still leave checksums and segments to the last one; if it cannot be
            // told, it never did
            Files.ioctl(fd, TUNSETOFFLOAD, 0);
        }
        return fd;
    }

    /** The same with a {@code virtio_net_hdr} before each frame; {@code -EOPNOTSUPP} where the kernel has not all of that. */
    static int openOffloadTap(String name) {
        int fd = attach(name, IFF_TAP | IFF_NO_PI | IFF_VNET_HDR);
        if (fd < 0) {
            return fd;
        }
        int rc = offload(fd);
        if (rc < 0) {
            Files.close(fd);
            return rc;
        }
        return fd;
    }

    private static int attach(String name, int flags) {
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
            request.set(JAVA_SHORT, IFR_FLAGS, (short) flags);
            int rc = knows(fd, flags, arena) ? Files.ioctl(fd, TUNSETIFF, request) : -Errno.EOPNOTSUPP;
            if (rc < 0) {
                Files.close(fd);
                return rc;
            }
        }
        return fd;
    }

    /** TUNSETIFF ignores flags that it does not know, so the kernel is asked first; every one knows those of plain frames. */
    private static boolean knows(int fd, int flags, Arena arena) {
        if ((flags & IFF_VNET_HDR) == 0) {
            return true;
        }
        MemorySegment features = arena.allocate(JAVA_INT);
        return Files.ioctl(fd, TUNGETFEATURES, features) == 0 && (features.get(JAVA_INT, 0) & IFF_VNET_HDR) != 0;
    }

    /**
     * The header has its short form: the longer ones have fields for receive buffers of virtio only, and behind ten bytes IP headers are
     * aligned. It is asked for although it is the default: a device that outlives its users may have another one. ECN and UDP segments stay the
     * stack's work: nobody here could take them.
     */
    private static int offload(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment size = arena.allocateFrom(JAVA_INT, VnetHeader.LENGTH);
            int rc = Files.ioctl(fd, TUNSETVNETHDRSZ, size);
            if (rc == 0) {
                rc = Files.ioctl(fd, TUNSETOFFLOAD, TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6);
            }
            return rc == -Errno.EINVAL ? -Errno.EOPNOTSUPP : rc;
        }
    }
}
