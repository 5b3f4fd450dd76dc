package io.passatelli.config;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

import java.util.Objects;

/**
 * How the guest's traffic of one address family is carried on by the host.
 *
 * @param mapHostLoopback guest traffic to this address reaches the host's loopback; null: no such mapping
 * @param mapGuest guest traffic to this address reaches the host at the guest's own address, which the host has too; null: none does
 * @param outbound source address of host-side sockets; null: the kernel's choice
 * @param outboundInterface SO_BINDTODEVICE of host-side sockets; null: none
 * @param interfaceIndex the scope of link-local addresses on the host side; 0: none
 * @param dnsForward guest queries (ports 53 and 853) to this address go to {@code dnsHost}; null: none do
 * @param dnsHost the host's resolver behind {@code dnsForward}
 * @param address the host's own address, which the kernel sends from: when it is another, sockets begin anew; null: none is known
 */
public record HostSide(
        @Nullable Ip mapHostLoopback,
        @Nullable Ip mapGuest,
        @Nullable Ip outbound,
        @Nullable String outboundInterface,
        int interfaceIndex,
        @Nullable Ip dnsForward,
        @Nullable Ip dnsHost,
        @Nullable Ip address) {
    /** Nothing mapped, all the kernel's choice. */
    public static final HostSide PLAIN = new HostSide(null, null, null, 0, null, null);

    /** One whose own address is not known. */
    public HostSide(
            @Nullable Ip mapHostLoopback,
            @Nullable Ip outbound,
            @Nullable String outboundInterface,
            int interfaceIndex,
            @Nullable Ip dnsForward,
            @Nullable Ip dnsHost) {
        this(mapHostLoopback, outbound, outboundInterface, interfaceIndex, dnsForward, dnsHost, null);
    }

    /** One where nothing stands for the guest's own address. */
    public HostSide(
            @Nullable Ip mapHostLoopback,
            @Nullable Ip outbound,
            @Nullable String outboundInterface,
            int interfaceIndex,
            @Nullable Ip dnsForward,
            @Nullable Ip dnsHost,
            @Nullable Ip address) {
        this(mapHostLoopback, null, outbound, outboundInterface, interfaceIndex, dnsForward, dnsHost, address);
    }

    public HostSide {
        assert (dnsForward == null) == (dnsHost == null);
    }

    /** Whether sockets that the kernel bound while one of the two held are right for the other: whom they send as, and by which interface. */
    public boolean sendsAs(HostSide other) {
        return interfaceIndex == other.interfaceIndex && Objects.equals(address, other.address);
    }

    /** {@link #PLAIN}, but for a mapping of the host's loopback. */
    public static HostSide mapping(@Nullable Ip hostLoopback) {
        return new HostSide(hostLoopback, null, null, 0, null, null);
    }

    /** This, but {@code ip} stands for the guest's own address at the host. */
    public HostSide mapGuest(@Nullable Ip ip) {
        return new HostSide(
                mapHostLoopback, ip, outbound, outboundInterface, interfaceIndex, dnsForward, dnsHost, address);
    }
}
