package io.passatelli.wire.message;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.wire.Icmp6;
import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.util.List;

/**
 * A message of Neighbor Discovery, RFC 4861 §4: an ICMPv6 message whose options follow a body of fixed length. What depends on the packet around
 * it, its addresses and hop limit, is checked by who has that packet; so is the checksum.
 */
public sealed interface NdpMessage
        permits RouterSolicitation, RouterAdvertisement, NeighborSolicitation, NeighborAdvertisement {
    /** Bytes of type, code, checksum and the 32 bits of flags or reserve behind them. */
    int HEADER = 8;

    /** Bytes of type, code and checksum. */
    int BODY = 4;

    List<NdpOption> options();

    /** The message as bytes; its checksum is zero yet. */
    byte[] toBytes();

    /** What became of received bytes. */
    sealed interface Parsed {}

    record Ok(NdpMessage message) implements Parsed {}

    record Malformed(Drop why) implements Parsed {}

    /** Reads the message that fills {@code message} from position to limit; reserved bits and unknown options are let pass. Never throws. */
    static Parsed parse(ByteBuffer message) {
        byte[] bytes = new byte[message.remaining()];
        message.get(message.position(), bytes);
        if (bytes.length < HEADER) {
            return new Malformed(Drop.NDP_TRUNCATED);
        }
        int type = bytes[0] & 0xff;
        int fixed =
                switch (type) {
                    case Icmp6.ROUTER_SOLICITATION -> HEADER;
                    case Icmp6.ROUTER_ADVERTISEMENT -> RouterAdvertisement.FIXED;
                    case Icmp6.NEIGHBOR_SOLICITATION, Icmp6.NEIGHBOR_ADVERTISEMENT -> NeighborSolicitation.FIXED;
                    default -> 0;
                };
        if (fixed == 0) {
            return new Malformed(Drop.NDP_TYPE_UNKNOWN);
        }
        if (bytes[1] != 0) {
            return new Malformed(Drop.NDP_BAD_CODE);
        }
        if (bytes.length < fixed) {
            return new Malformed(Drop.NDP_TRUNCATED);
        }
        List<NdpOption> options = NdpOption.parse(bytes, fixed);
        if (options == null) {
            return new Malformed(Drop.NDP_BAD_OPTION);
        }
        ByteBuffer in = ByteBuffer.wrap(bytes);
        return new Ok(
                switch (type) {
                    case Icmp6.ROUTER_SOLICITATION -> new RouterSolicitation(options);
                    case Icmp6.ROUTER_ADVERTISEMENT -> RouterAdvertisement.of(in, options);
                    case Icmp6.NEIGHBOR_SOLICITATION -> new NeighborSolicitation(target(in), options);
                    default -> NeighborAdvertisement.of(in, options);
                });
    }

    /** The target of a neighbor solicitation or advertisement. */
    static Ip target(ByteBuffer message) {
        return new Ip(message.getLong(HEADER), message.getLong(HEADER + Long.BYTES));
    }

    /** The option of this type that comes first; null: absent. */
    default @Nullable NdpOption option(int type) {
        for (NdpOption option : options()) {
            if (option.type() == type) {
                return option;
            }
        }
        return null;
    }

    /** A message of {@code type} with its options, but for what stands in the {@code fixed} bytes ahead of them behind the checksum. */
    static byte[] blank(int type, int fixed, List<NdpOption> options) {
        int length = fixed;
        for (NdpOption option : options) {
            length += option.wireLength();
        }
        byte[] bytes = new byte[length];
        ByteBuffer out = ByteBuffer.wrap(bytes).put((byte) type).position(fixed);
        for (NdpOption option : options) {
            option.write(out);
        }
        return bytes;
    }

    /** Where the 32 bits behind the checksum go, and what follows them. */
    static ByteBuffer body(byte[] message) {
        return ByteBuffer.wrap(message).position(BODY);
    }
}
