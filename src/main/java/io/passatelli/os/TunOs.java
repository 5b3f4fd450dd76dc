package io.passatelli.os;

/** Start-up only: makes TAP devices, the kernel's tun/tap documentation (tuntap). Results are descriptors or {@code -errno}. */
public interface TunOs {
    /** Opens /dev/net/tun and attaches to TAP {@code name} (made if absent) without packet information or vnet header; non-blocking. */
    int openTap(String name);
}
