package io.passatelli.wire.message;

import io.passatelli.base.Ip;
import io.passatelli.wire.Icmp6;

import java.util.List;

/** Asks for the link-layer address of {@code target}, RFC 4861 §4.3. */
public record NeighborSolicitation(Ip target, List<NdpOption> options) implements NdpMessage {
    /** Bytes ahead of the options. */
    static final int FIXED = HEADER + 16;

    public NeighborSolicitation {
        options = List.copyOf(options);
    }

    @Override
    public byte[] toBytes() {
        byte[] bytes = NdpMessage.blank(Icmp6.NEIGHBOR_SOLICITATION, FIXED, options);
        NdpMessage.body(bytes).putInt(0).putLong(target.high()).putLong(target.low());
        return bytes;
    }
}
