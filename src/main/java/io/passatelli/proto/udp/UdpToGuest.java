package io.passatelli.proto.udp;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.guest.FrameComposer;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.TxBatch;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Datagrams;
import io.passatelli.os.Memory;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Ip6;
import io.passatelli.wire.Udp;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * Datagrams on their way from sockets to the guest. One call of recvmmsg(2) brings up to {@code Limits.UDP_BATCH} of them into slots of ours;
 * the UDP header is put in front of each, so that both lie in one piece, which the link borrows. What the link does not take stays in its slot,
 * in order; no socket is read meanwhile, and whoever wants to be waits in a list until the link can be written again.
 *
 * <p>Slots are as long as the longest datagram, and their memory is the kernel's until it is touched, so short datagrams cost a page each. The
 * distance between slots is no multiple of a page: else their headers would share few sets of the cache.
 *
 * <p>A datagram longer than the guest's MTU leaves in fragments. A guest that was told no MTU has Ethernet's.
 */
@HotPath
final class UdpToGuest {
    /** What a guest takes whom nobody told its MTU, bytes. */
    private static final int ETHERNET_MTU = 1_500;

    private static final int SLOT = Udp.LENGTH + Limits.UDP_PAYLOAD_BYTES;
    private static final int STRIDE = 65_536 + 33 * 64;

    private final Link link;
    private final FrameComposer composer;
    private final Counters counters;
    private final ReadyList ready;
    private final ReadyList waiting = new ReadyList();
    private final TxBatch batch = new TxBatch(Limits.UDP_BATCH);
    private final MemorySegment area = Memory.untouched((long) Limits.UDP_BATCH * STRIDE);
    private final Datagrams plain = new Datagrams(Limits.UDP_BATCH, 1);
    private final Datagrams named = new Datagrams(Limits.UDP_BATCH, 1);

    // the slots in use, from first to before end: those that the link has not taken
    private final @Nullable UdpFlow[] flows = new @Nullable UdpFlow[Limits.UDP_BATCH];
    private final int[] lengths = new int[Limits.UDP_BATCH];
    private int first;
    private int end;
    /** Bytes of the first that left in fragments already. */
    private int fragmented;

    private int lastId;
    private boolean up;
    private int mtu;
    private int frameBytes;
    private int most4;
    private int most6;

    static {
        assert SLOT <= STRIDE;
    }

    /** {@code mtu} of the guest's interface, or 0 if it was not told one. */
    UdpToGuest(UdpTranslator.Parts parts, int mtu) {
        link = parts.link();
        composer = parts.composer();
        counters = parts.counters();
        ready = parts.loop().ready();
        for (int i = 0; i < Limits.UDP_BATCH; i++) {
            plain.add();
            plain.range(i, area, payloadAt(i), Limits.UDP_PAYLOAD_BYTES);
        }
        frameBytes = Limits.FRAME_BYTES;
        adopt(mtu);
    }

    void adopt(int guestMtu) {
        mtu = guestMtu == 0 ? ETHERNET_MTU : guestMtu;
        int most = Math.min(mtu, frameBytes - Ethernet.LENGTH);
        most4 = most - Ip4.LENGTH;
        most6 = most - Ip6.LENGTH;
    }

    private static long at(int i) {
        return (long) i * STRIDE;
    }

    private static long payloadAt(int i) {
        return at(i) + Udp.LENGTH;
    }

    boolean isUp() {
        return up;
    }

    /** Whether slots are in use, so that nothing can be received. */
    boolean isHolding() {
        return first < end;
    }

    /** Lists {@code node} in the loop's ready list as soon as the slots are free. */
    void await(ReadyList.Node node) {
        assert isHolding();
        waiting.add(node);
    }

    /** All slots, for a call to receive; nothing but lengths is asked for. */
    Datagrams slots() {
        assert !isHolding();
        return plain;
    }

    /** All slots, for a call to receive that tells peers and local addresses. */
    Datagrams slotsWithNames() {
        assert !isHolding();
        named.clear();
        for (int i = 0; i < Limits.UDP_BATCH; i++) {
            named.add();
            named.range(i, area, payloadAt(i), Limits.UDP_PAYLOAD_BYTES);
            named.wantPeer(i);
            named.wantLocal(i);
        }
        return named;
    }

    /** {@code count} slots were filled; {@link #take} and {@link #skip} say for whom. */
    void begin(int count) {
        assert !isHolding();
        first = 0;
        end = count;
        fragmented = 0;
    }

    /** Slot {@code i} was received for nobody. */
    void skip(int i) {
        flows[i] = null;
    }

    /** Slot {@code i} was received for {@code flow}, {@code length} bytes of payload. */
    void take(int i, UdpFlow flow, int length) {
        if (!up) {
            counters.count(Drop.LINK_DOWN);
            flows[i] = null;
            return;
        }
        flows[i] = flow;
        int whole = Udp.LENGTH + length;
        lengths[i] = whole;
        long udp = at(i);
        Udp.srcPort(area, udp, flow.farPort());
        Udp.dstPort(area, udp, flow.guestPort());
        Udp.totalLength(area, udp, whole);
        Udp.noChecksum(area, udp);
        int sum = Checksum.pseudo(flow.farHigh(), flow.farLow(), flow.guestHigh(), flow.guestLow(), Ip4.UDP, whole);
        Udp.checksum(area, udp, Checksum.of(Checksum.add(sum, 0, area, udp, whole)));
    }

    /** Gives the link what the slots hold, as far as it takes it. */
    void deliver() {
        try {
            while (first < end) {
                UdpFlow flow = flows[first];
                boolean took = flow == null || (fits(flow, first) ? deliverRun(flow) : deliverFragments(flow));
                if (!took) {
                    return;
                }
                if (flow == null) {
                    first++;
                }
            }
        } catch (Throwable t) {
            abandon();
            throw t;
        }
    }

    private boolean fits(UdpFlow flow, int i) {
        return fragmented == 0 && lengths[i] <= (isV4(flow) ? most4 : most6);
    }

    private static boolean isV4(UdpFlow flow) {
        return Ip.isV4(flow.guestHigh(), flow.guestLow());
    }

    /** The first slot and those behind it that are of its kind, in one reservation. False if the link has no room for all. */
    private boolean deliverRun(UdpFlow flow) {
        boolean v4 = isV4(flow);
        int most = 0;
        int n = 0;
        while (first + n < end) {
            UdpFlow next = flows[first + n];
            if (next == null || next.queue != flow.queue || isV4(next) != v4 || !fits(next, first + n)) {
                break;
            }
            most = Math.max(most, lengths[first + n]);
            n++;
        }
        int header = v4 ? FrameComposer.ETHERNET_IP4 : FrameComposer.ETHERNET_IP6;
        int room = link.reserve(flow.queue, batch, n, header, most);
        if (room == 0) {
            return false;
        }
        for (int i = 0; i < room; i++) {
            compose(i, first + i);
        }
        int taken = link.commit(flow.queue, batch, room);
        if (taken < 0) {
            drop(Drop.LINK_DOWN);
            return true;
        }
        for (int i = 0; i < taken; i++) {
            flows[first++] = null;
        }
        return taken == room;
    }

    private void compose(int i, int slot) {
        UdpFlow f = owner(slot);
        composer.ip(
                batch.header(i),
                batch.headerAt(i),
                Ip4.UDP,
                lengths[slot],
                f.farHigh(),
                f.farLow(),
                f.guestHigh(),
                f.guestLow());
        batch.borrow(i, area, at(slot), lengths[slot]);
    }

    private UdpFlow owner(int slot) {
        return Objects.requireNonNull(flows[slot]);
    }

    /** What is left of the first slot, in fragments. False if the link has no room for all. */
    private boolean deliverFragments(UdpFlow flow) {
        boolean v4 = isV4(flow);
        int header = v4 ? FrameComposer.ETHERNET_IP4 : FrameComposer.ETHERNET_IP6_FRAGMENT;
        int piece = (v4 ? most4 : most6 - Ip6.FRAGMENT_LENGTH) & ~7;
        if (fragmented == 0) {
            lastId++;
        }
        int left = lengths[first] - fragmented;
        int n = Math.min((left + piece - 1) / piece, batch.capacity());
        int room = link.reserve(flow.queue, batch, n, header, Math.min(piece, left));
        if (room == 0) {
            return false;
        }
        int offset = fragmented;
        for (int i = 0; i < room; i++) {
            offset += composeFragment(flow, i, offset, piece);
        }
        int taken = link.commit(flow.queue, batch, room);
        if (taken < 0) {
            drop(Drop.LINK_DOWN);
            return true;
        }
        fragmented += taken * piece;
        if (fragmented >= lengths[first]) {
            flows[first++] = null;
            fragmented = 0;
        }
        return taken == room;
    }

    private int composeFragment(UdpFlow f, int i, int offset, int piece) {
        int length = Math.min(piece, lengths[first] - offset);
        boolean more = offset + length < lengths[first];
        MemorySegment out = batch.header(i);
        long at = batch.headerAt(i);
        if (isV4(f)) {
            composer.ip4Fragment(
                    out, at, Ip4.UDP, length, lastId & 0xffff, offset, more, (int) f.farLow(), (int) f.guestLow());
        } else {
            composer.ip6Fragment(
                    out,
                    at,
                    Ip4.UDP,
                    length,
                    lastId,
                    offset,
                    more,
                    f.farHigh(),
                    f.farLow(),
                    f.guestHigh(),
                    f.guestLow());
        }
        batch.borrow(i, area, at(first) + offset, length);
        return length;
    }

    /** Forgets what the slots hold: else it would stand in the way for ever. */
    void abandon() {
        drop(Drop.INVARIANT_VIOLATED);
    }

    private void drop(Drop reason) {
        for (; first < end; first++) {
            if (flows[first] != null) {
                counters.count(reason);
                flows[first] = null;
            }
        }
        fragmented = 0;
    }

    /** {@code flow} ends: what the slots hold of it goes nowhere. */
    void forget(UdpFlow flow) {
        for (int i = first; i < end; i++) {
            if (flows[i] == flow) {
                counters.count(Drop.UDP_FLOW_ENDED);
                flows[i] = null;
                if (i == first) {
                    fragmented = 0;
                }
            }
        }
    }

    /** The link has room again, or needs none. */
    void onLinkWritable() {
        deliver();
        if (!isHolding()) {
            waiting.moveTo(ready);
        }
    }

    void onLinkUp(Caps caps) {
        up = true;
        frameBytes = caps.maxFrameBytes();
        adopt(mtu);
        waiting.moveTo(ready);
    }

    /** Nobody is there: what we hold is void, and what sockets still get is taken from them and dropped. */
    void onLinkDown() {
        up = false;
        drop(Drop.LINK_DOWN);
        waiting.moveTo(ready);
    }
}
