package io.passatelli.wire.message;

import io.passatelli.wire.Icmp6;

import java.util.List;

/** Asks for the routers of the link, RFC 4861 §4.1. */
public record RouterSolicitation(List<NdpOption> options) implements NdpMessage {
    public RouterSolicitation {
        options = List.copyOf(options);
    }

    @Override
    public byte[] toBytes() {
        return NdpMessage.blank(Icmp6.ROUTER_SOLICITATION, HEADER, options);
    }
}
