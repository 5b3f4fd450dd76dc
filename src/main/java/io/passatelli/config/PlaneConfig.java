package io.passatelli.config;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

/**
 * All that a plane needs to start.
 *
 * @param guest what the guest is told
 * @param mapHostLoopback guest traffic to this address reaches the host's loopback; null: no such mapping
 * @param outbound IPv4 source address of host-side sockets; null: the kernel's choice
 * @param outboundInterface SO_BINDTODEVICE of host-side sockets; null: none
 * @param dhcp whether the DHCP responder is on
 * @param icmp whether echo is translated
 */
public record PlaneConfig(
        GuestNetwork guest,
        @Nullable Ip mapHostLoopback,
        @Nullable Ip outbound,
        @Nullable String outboundInterface,
        boolean dhcp,
        boolean icmp) {}
