package io.passatelli.proto.arp;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.guest.FrameComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.link.Link;
import io.passatelli.wire.Arp;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Offload;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Answers the guest's ARP requests, RFC 826: every IPv4 address but the guest's own is answered for, so that all it sends comes to us, whatever
 * its idea of on-link; the MAC is the one that {@link io.passatelli.guest.Neighbours} has for it, else ours. Silence about its own address lets its duplicate address detection succeed (RFC 5227 §2.1). Keeps nothing.
 */
@HotPath
public final class ArpResponder {
    private final GuestState guest;
    private final FrameComposer composer;
    private final Link link;
    private final MemorySegment out = Arena.ofAuto().allocate(FrameComposer.ETHERNET_ARP);
    private final Offload offload = new Offload();

    public ArpResponder(GuestState guest, FrameComposer composer, Link link) {
        this.guest = guest;
        this.composer = composer;
        this.link = link;
    }

    /** A frame of {@link Ethernet#ARP}; {@link Drop#NONE} when it was answered. */
    public Drop onFrame(Frame frame, int queue, long nowNs) {
        MemorySegment in = frame.bytes();
        long arp = frame.l3();
        Drop drop = Arp.check(in, arp, frame.contiguous() - Ethernet.LENGTH);
        if (drop != Drop.NONE) {
            return drop;
        }
        if (Arp.operation(in, arp) != Arp.REQUEST) {
            return Drop.ARP_NOT_REQUEST;
        }
        int sender = Arp.senderIp(in, arp);
        int target = Arp.targetIp(in, arp);
        if (sender != 0 && sender == target) {
            return Drop.ARP_ANNOUNCEMENT;
        }
        if (target == guest.assigned4() || target == guest.seen4()) {
            return Drop.ARP_OWN_ADDRESS;
        }
        composer.arpReply(out, 0, frame);
        return send(queue);
    }

    /** Asks for the address that the guest is to have, and the one that it was seen to have: the answer shows the MAC of a guest that has said nothing yet. */
    public Drop requestGuest(int queue) {
        Drop drop = request(guest.seen4(), queue);
        return guest.assigned4() == guest.seen4() ? drop : request(guest.assigned4(), queue);
    }

    private Drop request(int address, int queue) {
        composer.arpRequest(out, 0, address);
        return send(queue);
    }

    /** Tells the guest that the host has a new neighbour, or one with a new MAC. */
    public Drop announce(int address, int queue) {
        composer.arpAnnouncement(out, 0, address);
        return send(queue);
    }

    private Drop send(int queue) {
        return link.control(queue, out, 0, FrameComposer.ETHERNET_ARP, offload) ? Drop.NONE : Drop.LINK_FULL;
    }
}
