package io.passatelli.proto.icmp;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.guest.FrameComposer;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.TxBatch;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Icmp4;
import io.passatelli.wire.Icmp6;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Ip6;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Echo replies on their way to the guest, from ping sockets or from ourselves. One reply at a time lies in our memory; if the link has no room for it, it stays
 * there, and the flows that have more wait in a list, their replies in their sockets, until the link can be written again. What is longer than the
 * guest's MTU goes in fragments, as a router of IPv4 or the sender of IPv6 would make them.
 */
@HotPath
final class EchoReplies {
    /** What a visit is charged for one message at least, bytes: so that tiny ones have their bound too. */
    private static final int LEAST_CHARGE = 512;

    /** Of offsets of fragments, bytes: RFC 791 §3.1 and RFC 8200 §4.5. */
    private static final int FRAGMENT_UNIT = 8;

    /** Of the length fields in both IP headers. */
    private static final int IP_LENGTH_MAX = 65_535;

    private final Os os;
    private final Link link;
    private final FrameComposer composer;
    private final Counters counters;
    private final ReadyList ready;
    private int mtu;
    private final TxBatch batch = new TxBatch(1);
    private final IoVec room = new IoVec(1);
    private final SockAddr from = new SockAddr();
    private final ReadyList waiting = new ReadyList();

    private final MemorySegment message = Arena.ofAuto().allocate(Limits.FRAME_BYTES, 8);
    /** Bytes of the reply in {@link #message} that the link has not taken yet, or 0. */
    private int heldLength;
    /** How many of them it took, in fragments; those are multiples of eight. */
    private int heldSent;

    private int heldQueue;
    private int heldProtocol;
    private long heldFromHigh;
    private long heldFromLow;
    private long heldToHigh;
    private long heldToLow;

    /** IPv6 tells datagrams apart by this and the addresses alone, and UDP's count from 1. */
    private int fragmentId = 1 << 31;

    private boolean up;
    private int frameBytes;

    /** {@code mtu} of the guest's interface, or 0 if it was not told one. */
    EchoReplies(IcmpTranslator.Parts parts, int mtu) {
        os = parts.loop().os();
        link = parts.link();
        composer = parts.composer();
        counters = parts.counters();
        ready = parts.loop().ready();
        this.mtu = mtu;
    }

    /** The guest's MTU is another now, or 0 if it is told none. */
    void adopt(int bytes) {
        mtu = bytes;
    }

    /**
     * Moves replies of {@code flow} to the guest, about {@code allowanceBytes}. Returns the bytes moved; what is left has the flow in the ready
     * list or among the waiting. {@code -errno} if the socket is of no more use.
     */
    long pump(PingFlow flow, long allowanceBytes) {
        long moved = 0;
        while (moved < allowanceBytes) {
            if (heldLength > 0) {
                waiting.add(flow.ready);
                return moved;
            }
            room.clear();
            room.add(message, 0, Limits.FRAME_BYTES);
            long n = os.recvmsg(flow.fd, room, Socket.MSG_DONTWAIT, from);
            if (n < 0) {
                return n == -Errno.EAGAIN ? moved : n;
            }
            moved += Math.max(n, LEAST_CHARGE);
            take(flow, (int) n);
        }
        ready.add(flow.ready);
        return moved;
    }

    /** Answers an ICMPv6 echo request of the guest to an address of ours: its message, in {@code pieces}, returns. */
    Drop answer(Frame request, IoVec pieces, int identifier, int queue) {
        if (!up) {
            return Drop.LINK_DOWN;
        }
        if (heldLength > 0) {
            return Drop.LINK_FULL; // replies of flows come first: their requests went a long way
        }
        int length = 0;
        for (int i = 0; i < pieces.count(); i++) {
            MemorySegment.copy(pieces.segment(i), pieces.offset(i), message, length, pieces.length(i));
            length += (int) pieces.length(i);
        }
        Icmp6.type(message, 0, Icmp6.ECHO_REPLY);
        heldLength = length;
        heldQueue = queue;
        heldProtocol = Ip6.ICMP;
        heldFromHigh = request.dstHigh();
        heldFromLow = request.dstLow();
        heldToHigh = request.srcHigh();
        heldToLow = request.srcLow();
        rewrite(identifier);
        deliver();
        return Drop.NONE;
    }

    private void take(PingFlow flow, int length) {
        Drop drop = check(flow, length);
        if (drop != Drop.NONE) {
            counters.count(drop);
            return;
        }
        flow.countToGuest(length - Icmp4.LENGTH); // it stays until the guest has it, or there is none
        heldLength = length;
        heldQueue = flow.queue;
        heldProtocol = flow.protocol();
        heldFromHigh = flow.farHigh();
        heldFromLow = flow.farLow();
        heldToHigh = flow.guestHigh();
        heldToLow = flow.guestLow();
        rewrite(flow.guestPort());
        deliver();
    }

    /**
     * Puts the guest's identifier in. The checksum of IPv4 follows it, as it came by wire; that of IPv6 covers addresses too, of which we know
     * the guest's only, not the host's, so it is computed: the kernel has verified the one that was there.
     */
    private void rewrite(int identifier) {
        if (heldProtocol == Ip4.ICMP) {
            int checksum = Checksum.update16(Icmp4.checksum(message, 0), Icmp4.id(message, 0), identifier);
            Icmp4.id(message, 0, identifier);
            Icmp4.checksum(message, 0, checksum);
            return;
        }
        Icmp6.id(message, 0, identifier);
        Icmp6.checksum(message, 0, 0);
        int sum = Checksum.pseudo6(heldFromHigh, heldFromLow, heldToHigh, heldToLow, Ip6.ICMP, heldLength);
        Icmp6.checksum(message, 0, Checksum.of(Checksum.add(sum, 0, message, 0, heldLength)));
    }

    /** The kernel gives a ping socket the replies of its identifier from anybody, even when it is connected: ping_lookup does not look at the source. */
    private Drop check(PingFlow flow, int length) {
        if (!up) {
            return Drop.LINK_DOWN;
        }
        if (from.high() != flow.hostHigh || from.low() != flow.hostLow) {
            return Drop.ICMP_REPLY_UNEXPECTED;
        }
        int echoReply = flow.isV4() ? Icmp4.ECHO_REPLY : Icmp6.ECHO_REPLY;
        if (length < Icmp4.LENGTH || Icmp4.type(message, 0) != echoReply || Icmp4.code(message, 0) != 0) {
            return Drop.ICMP_REPLY_UNEXPECTED;
        }
        return length > most(flow.isV4()) ? Drop.ICMP_REPLY_TOO_LONG : Drop.NONE;
    }

    /** Bytes of the longest message that IP carries. */
    private static int most(boolean v4) {
        return v4 ? IP_LENGTH_MAX - Ip4.LENGTH : IP_LENGTH_MAX;
    }

    /** Bytes of one frame toward the guest behind {@code headers} of them. */
    private int roomBehind(int headers) {
        return Math.min(frameBytes, mtu == 0 ? Integer.MAX_VALUE : Ethernet.LENGTH + mtu) - headers;
    }

    private int fragmentRoom(boolean v4) {
        int room = roomBehind(v4 ? FrameComposer.ETHERNET_IP4 : FrameComposer.ETHERNET_IP6_FRAGMENT);
        return Math.max(FRAGMENT_UNIT, room & -FRAGMENT_UNIT); // an MTU below that is none
    }

    /** Gives the reply we hold to the link; what it has no room for stays where it is. */
    private void deliver() {
        while (heldSent < heldLength) {
            int taken = deliverFrame();
            if (taken == 0) {
                return;
            }
            if (taken < 0) {
                counters.count(Drop.LINK_DOWN);
                break;
            }
        }
        heldLength = 0;
        heldSent = 0;
    }

    /** Returns what {@link Link#commit} does; or 0 if there was no room in the first place. */
    private int deliverFrame() {
        boolean v4 = heldProtocol == Ip4.ICMP;
        int headers = v4 ? FrameComposer.ETHERNET_IP4 : FrameComposer.ETHERNET_IP6;
        boolean whole = heldSent == 0 && heldLength <= roomBehind(headers);
        if (!whole && !v4) {
            headers = FrameComposer.ETHERNET_IP6_FRAGMENT;
        }
        int left = heldLength - heldSent;
        int length = whole ? left : Math.min(left, fragmentRoom(v4));
        if (link.reserve(heldQueue, batch, 1, headers, length) == 0) {
            return 0;
        }
        if (whole) {
            headers(length);
        } else {
            fragmentId += heldSent == 0 ? 1 : 0;
            fragmentHeaders(length, length < left);
        }
        batch.borrow(0, message, heldSent, length);
        int taken = link.commit(heldQueue, batch, 1);
        heldSent += taken > 0 ? length : 0;
        return taken;
    }

    private void headers(int length) {
        composer.ip(
                batch.header(0),
                batch.headerAt(0),
                heldProtocol,
                length,
                heldFromHigh,
                heldFromLow,
                heldToHigh,
                heldToLow);
    }

    private void fragmentHeaders(int length, boolean more) {
        MemorySegment out = batch.header(0);
        long at = batch.headerAt(0);
        if (heldProtocol == Ip4.ICMP) {
            int id = fragmentId & 0xffff;
            composer.ip4Fragment(out, at, Ip4.ICMP, length, id, heldSent, more, (int) heldFromLow, (int) heldToLow);
            return;
        }
        composer.ip6Fragment(
                out,
                at,
                Ip6.ICMP,
                length,
                fragmentId,
                heldSent,
                more,
                heldFromHigh,
                heldFromLow,
                heldToHigh,
                heldToLow);
    }

    /** The link has room again, or needs none. */
    void onLinkWritable() {
        if (heldLength > 0) {
            deliver();
        }
        if (heldLength == 0) {
            waiting.moveTo(ready);
        }
    }

    void onLinkUp(Caps caps) {
        up = true;
        frameBytes = caps.maxFrameBytes();
        waiting.moveTo(ready);
    }

    /** Nobody is there: what we hold is void, and what sockets still get is taken from them and dropped. */
    void onLinkDown() {
        up = false;
        if (heldLength > 0) {
            heldLength = 0;
            heldSent = 0;
            counters.count(Drop.LINK_DOWN);
        }
        waiting.moveTo(ready);
    }
}
