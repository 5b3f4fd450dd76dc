package io.passatelli.proto.dhcpv6;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.Cidr;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.guest.FrameComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.link.Link;
import io.passatelli.link.RxBatch;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Ip6;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Udp;
import io.passatelli.wire.message.Dhcp6Message;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * Answers the guest's DHCPv6 messages with the one address that it is to have, RFC 8415; what is answered how stands at {@link Dhcp6Answers}.
 * Replies go from our link-local address to where the message came from, and to port 546. Keeps nothing between two messages. There is no RECONFIGURE:
 * a guest hears of a new network by its renewal, and by router advertisements. Allocates: a guest asks a few times per lease. Loop thread only.
 */
public final class Dhcp6Responder {
    /** The port that the router sends here. */
    public static final int PORT = 547;

    private static final int GUEST_PORT = 546;

    /** ff02::1:2, All_DHCP_Relay_Agents_and_Servers. */
    private static final long SERVERS_HIGH = 0xff02L << 48;

    private static final long SERVERS_LOW = 0x1_0002;

    /** We never make a packet longer than an ordinary Ethernet frame carries. */
    private static final int PACKET_MAX = 1_500;

    private final GuestState guest;
    private final FrameComposer composer;
    private final Link link;
    private final MemorySegment in = Arena.ofAuto().allocate(Udp.LENGTH + Limits.DHCP_MESSAGE_BYTES, 8);
    private final MemorySegment out = Arena.ofAuto().allocate(Limits.CONTROL_FRAME_BYTES, 8);
    private final Offload offload = new Offload();
    private @Nullable Dhcp6Answers answers;
    private int mostBytes;

    public Dhcp6Responder(PlaneConfig config, GuestState guest, FrameComposer composer, Link link) {
        this.guest = guest;
        this.composer = composer;
        this.link = link;
        adopt(config);
    }

    /** The next message is answered with what {@code config} tells the guest. */
    public void adopt(PlaneConfig config) {
        Ip6Network network = config.guest().ip6();
        Cidr address = network == null ? null : network.address();
        boolean on = config.has(Service.IP6) && config.has(Service.DHCPV6);
        answers = on && network != null && address != null
                ? new Dhcp6Answers(config.guest(), address.address(), network.resolvers())
                : null;
        int mtu = config.guest().mtu();
        int packet = mtu == 0 ? PACKET_MAX : Math.clamp(mtu, Ip6.MTU_MIN, PACKET_MAX);
        mostBytes = packet - Ip6.LENGTH - Udp.LENGTH;
    }

    /** Whether a datagram to {@link #PORT} is for servers on this link, or for us; a guest may be a relay to servers elsewhere. */
    public boolean isFor(long dstHigh, long dstLow) {
        return Ip.isMulticast(dstHigh, dstLow) || isOurs(dstHigh, dstLow);
    }

    private boolean isOurs(long high, long low) {
        return high == guest.our6().high() && low == guest.our6().low();
    }

    /** Frame {@code i} is a UDP datagram over IPv6 to {@link #PORT} that {@link #isFor} here, parsed well; {@link Drop#NONE} when it was answered. */
    public Drop onDatagram(RxBatch batch, int i, int queue, long nowNs) {
        Dhcp6Answers now = answers;
        if (now == null) {
            return Drop.DHCP6_OFF;
        }
        Frame frame = batch.frame(i);
        int length = frame.l4Length();
        if (length > in.byteSize()) {
            return Drop.DHCP6_TOO_LONG;
        }
        batch.copy(i, (int) (frame.l4() - frame.l2()), length, in, 0);
        if (!isGood(frame)) {
            return Drop.UDP_BAD_CHECKSUM;
        }
        boolean toAll = frame.dstHigh() == SERVERS_HIGH && frame.dstLow() == SERVERS_LOW;
        if (!toAll && !isOurs(frame.dstHigh(), frame.dstLow())) {
            return Drop.DHCP6_BAD_DESTINATION;
        }
        // no switch over types: the JVM links one at its first run, from code that no ahead-of-time cache holds
        Dhcp6Message.Parsed parsed =
                Dhcp6Message.parse(in.asSlice(Udp.LENGTH, length - Udp.LENGTH).asByteBuffer());
        if (parsed instanceof Dhcp6Message.Malformed(Drop why)) {
            return why;
        }
        Dhcp6Message request = ((Dhcp6Message.Ok) parsed).message();
        Drop drop = now.check(request);
        if (drop != Drop.NONE) {
            return drop;
        }
        if (!toAll && !mayBeUnicast(request.type())) {
            return Drop.DHCP6_BAD_DESTINATION;
        }
        Dhcp6Message reply = toAll ? now.to(request) : now.useMulticast(request);
        return reply == null
                ? Drop.DHCP6_NOTHING_TO_CONFIRM
                : send(reply, new Ip(frame.srcHigh(), frame.srcLow()), queue);
    }

    /** RFC 8415 §18.4: of these the guest is told to send them to all; others are not answered. */
    private static boolean mayBeUnicast(int type) {
        return switch (type) {
            case Dhcp6Message.REQUEST, Dhcp6Message.RENEW, Dhcp6Message.RELEASE, Dhcp6Message.DECLINE -> true;
            default -> false;
        };
    }

    /** A guest that offloads leaves the sum of the pseudo-header, or vouches for the checksum. */
    private boolean isGood(Frame frame) {
        if (frame.offload().vouchesForChecksum()) {
            return true;
        }
        int length = frame.l4Length();
        int sum = Checksum.pseudo6(frame.srcHigh(), frame.srcLow(), frame.dstHigh(), frame.dstLow(), Ip4.UDP, length);
        return Udp.checksum(in, 0) != 0 && Checksum.add(sum, 0, in, 0, length) == Checksum.GOOD;
    }

    private Drop send(Dhcp6Message reply, Ip to, int queue) {
        byte[] bytes = reply.toBytes(mostBytes);
        MemorySegment.copy(bytes, 0, out, ValueLayout.JAVA_BYTE, FrameComposer.ETHERNET_IP6_UDP, bytes.length);
        composer.udp6(out, 0, bytes.length, guest.our6(), PORT, to, GUEST_PORT);
        int length = FrameComposer.ETHERNET_IP6_UDP + bytes.length;
        return link.control(queue, out, 0, length, offload) ? Drop.NONE : Drop.LINK_FULL;
    }
}
