package io.passatelli.wire.message;

import io.passatelli.wire.Icmp6;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * What a router tells of itself and of the link, RFC 4861 §4.2.
 *
 * @param hopLimit for packets of the guest; 0: unspecified
 * @param managed addresses are to be had by DHCPv6
 * @param other other configuration is to be had by DHCPv6
 * @param lifetimeS how long it is a default router, seconds; 0: it is none
 * @param reachableMs 0: unspecified
 * @param retransMs 0: unspecified
 */
public record RouterAdvertisement(
        int hopLimit,
        boolean managed,
        boolean other,
        int lifetimeS,
        int reachableMs,
        int retransMs,
        List<NdpOption> options)
        implements NdpMessage {
    /** Bytes ahead of the options. */
    public static final int FIXED = HEADER + 8;

    private static final int MANAGED = 0x80;
    private static final int OTHER = 0x40;

    public RouterAdvertisement {
        options = List.copyOf(options);
        assert hopLimit >>> 8 == 0 : hopLimit;
        assert lifetimeS >>> 16 == 0 : lifetimeS;
    }

    static RouterAdvertisement of(ByteBuffer in, List<NdpOption> options) {
        int flags = in.get(5);
        return new RouterAdvertisement(
                in.get(4) & 0xff,
                (flags & MANAGED) != 0,
                (flags & OTHER) != 0,
                in.getShort(6) & 0xffff,
                in.getInt(8),
                in.getInt(12),
                options);
    }

    @Override
    public byte[] toBytes() {
        byte[] bytes = NdpMessage.blank(Icmp6.ROUTER_ADVERTISEMENT, FIXED, options);
        int flags = (managed ? MANAGED : 0) | (other ? OTHER : 0);
        NdpMessage.body(bytes)
                .put((byte) hopLimit)
                .put((byte) flags)
                .putShort((short) lifetimeS)
                .putInt(reachableMs)
                .putInt(retransMs);
        return bytes;
    }
}
