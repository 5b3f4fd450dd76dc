package io.passatelli.wire.message;

import io.passatelli.base.Ip;
import io.passatelli.wire.Icmp6;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * Tells the link-layer address of {@code target}, RFC 4861 §4.4.
 *
 * @param router the target is a router
 * @param solicited a solicitation asked for it
 * @param override what was known of the target before is void
 */
public record NeighborAdvertisement(
        boolean router, boolean solicited, boolean override, Ip target, List<NdpOption> options) implements NdpMessage {
    private static final int ROUTER = 1 << 31;
    private static final int SOLICITED = 1 << 30;
    private static final int OVERRIDE = 1 << 29;

    public NeighborAdvertisement {
        options = List.copyOf(options);
    }

    static NeighborAdvertisement of(ByteBuffer in, List<NdpOption> options) {
        int flags = in.getInt(4);
        return new NeighborAdvertisement(
                (flags & ROUTER) != 0,
                (flags & SOLICITED) != 0,
                (flags & OVERRIDE) != 0,
                NdpMessage.target(in),
                options);
    }

    @Override
    public byte[] toBytes() {
        int flags = (router ? ROUTER : 0) | (solicited ? SOLICITED : 0) | (override ? OVERRIDE : 0);
        byte[] bytes = NdpMessage.blank(Icmp6.NEIGHBOR_ADVERTISEMENT, NeighborSolicitation.FIXED, options);
        NdpMessage.body(bytes).putInt(flags).putLong(target.high()).putLong(target.low());
        return bytes;
    }
}
