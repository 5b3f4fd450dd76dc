package io.passatelli.os;

/** A TAP device as it was opened: {@code fd} is its descriptor or {@code -errno}; with {@code offloads} as {@link TunOs#openOffloadTap} says, else plain. */
public record Tap(int fd, boolean offloads) {
    /** Opens TAP {@code name} in the network namespace at {@code path}; with offloads where the kernel has them. */
    public static <O extends TunOs & NamespaceOs> Tap open(O os, String path, String name) {
        int fd = os.within(path, () -> os.openOffloadTap(name));
        return fd == -Errno.EOPNOTSUPP ? new Tap(os.within(path, () -> os.openTap(name)), false) : new Tap(fd, true);
    }
}
