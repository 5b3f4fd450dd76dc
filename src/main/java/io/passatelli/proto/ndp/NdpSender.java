package io.passatelli.proto.ndp;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.guest.FrameComposer;
import io.passatelli.link.Link;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Icmp6;
import io.passatelli.wire.Ip6;
import io.passatelli.wire.Offload;
import io.passatelli.wire.message.NdpMessage;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Sends messages of Neighbor Discovery to the guest, with hop limit 255 as {@link FrameComposer} has it. Loop thread only. */
final class NdpSender {
    /** ff02::1. */
    static final Ip ALL_NODES = new Ip(0xff02L << 48, 1);

    private static final long SOLICITED_NODE_HIGH = 0xff02L << 48;
    private static final long SOLICITED_NODE_LOW = 0x1_ff00_0000L;
    private static final long SOLICITED_NODE_BITS = 0xff_ffffL;

    private final FrameComposer composer;
    private final Link link;
    private final MemorySegment out = Arena.ofAuto().allocate(Limits.CONTROL_FRAME_BYTES, 8);
    private final Offload offload = new Offload();

    NdpSender(FrameComposer composer, Link link) {
        this.composer = composer;
        this.link = link;
    }

    /** The group in which whoever has {@code address} is, RFC 4291 §2.7.1. */
    static Ip solicitedNode(Ip address) {
        return new Ip(SOLICITED_NODE_HIGH, SOLICITED_NODE_LOW | address.low() & SOLICITED_NODE_BITS);
    }

    static boolean isSolicitedNode(Ip address) {
        return address.high() == SOLICITED_NODE_HIGH && (address.low() & ~SOLICITED_NODE_BITS) == SOLICITED_NODE_LOW;
    }

    /** {@link Drop#NONE} when the link took it. */
    Drop send(Ip from, Ip to, NdpMessage message, int queue) {
        byte[] bytes = message.toBytes();
        long icmp = FrameComposer.ETHERNET_IP6;
        composer.ip6(out, 0, Ip6.ICMP, bytes.length, from.high(), from.low(), to.high(), to.low());
        MemorySegment.copy(bytes, 0, out, ValueLayout.JAVA_BYTE, icmp, bytes.length);
        int sum = Checksum.pseudo6(from.high(), from.low(), to.high(), to.low(), Ip6.ICMP, bytes.length);
        Icmp6.checksum(out, icmp, Checksum.of(Checksum.add(sum, 0, out, icmp, bytes.length)));
        int length = FrameComposer.ETHERNET_IP6 + bytes.length;
        return link.control(queue, out, 0, length, offload) ? Drop.NONE : Drop.LINK_FULL;
    }
}
