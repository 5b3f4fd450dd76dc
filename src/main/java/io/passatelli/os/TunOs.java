package io.passatelli.os;

/** Start-up only: opens TAP devices, the kernel's tun/tap documentation (tuntap). Results are non-blocking descriptors or {@code -errno}. */
public interface TunOs {
    /** Attaches to TAP {@code name} (made if absent) for plain frames: no packet information, no header. */
    int openTap(String name);

    /**
     * The same, but each frame has a {@code struct virtio_net_hdr} of 10 bytes before it, in the machine's byte order, and the network stack
     * leaves checksums and TCP segmentation to whoever reads. {@code -EOPNOTSUPP} where the kernel has not all of that.
     */
    int openOffloadTap(String name);
}
