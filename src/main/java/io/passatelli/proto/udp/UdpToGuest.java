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
 * Datagrams on their way from sockets to the guest. One call of recvmmsg(2) fills up to {@code Limits.UDP_BATCH} slots of ours; the link borrows
 * the payload from there. What the link does not take stays in its slot, in order; no socket is read meanwhile, and whoever wants to be waits in a
 * list until the link can be written again.
 *
 * <p>A slot has one datagram, or several of one peer that the kernel merged (UDP_GRO, udp(7)): one way through its layers for all. The guest gets
 * each in a frame of its own.
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

    /** Payload of the longest datagram, or of all that can be merged, which IPv6's length field bounds. */
    private static final int PAYLOAD = 65_535;

    /** Of offsets of fragments, bytes, RFC 791 §3.1 and RFC 8200 §4.5: a guest whose MTU has no room for one more has none. */
    private static final int FRAGMENT_UNIT = 8;

    private static final int SLOT = Udp.LENGTH + PAYLOAD;
    private static final int STRIDE = 65_536 + 33 * 64;

    /** Even the longest come several in one call. */
    private static final int SLOTS_LEAST = 4;

    private final Link link;
    private final FrameComposer composer;
    private final Counters counters;
    private final ReadyList ready;
    private final ReadyList waiting = new ReadyList();
    private final TxBatch batch = new TxBatch(Limits.UDP_BATCH);
    private final MemorySegment area;
    private final Datagrams plain = new Datagrams(Limits.UDP_BATCH, 1);
    private final Datagrams named = new Datagrams(Limits.UDP_BATCH, 1);

    // the slots in use, from first to before end: those that the link has not taken
    private final @Nullable UdpFlow[] flows = new @Nullable UdpFlow[Limits.UDP_BATCH];
    /** Of all payload in the slot. */
    private final int[] lengths = new int[Limits.UDP_BATCH];
    /** Of the payload of each datagram in the slot but the last. */
    private final int[] sizes = new int[Limits.UDP_BATCH];

    private int first;
    private int end;
    /** Payload of the first slot whose datagrams have left. */
    private int done;
    /** Bytes of the datagram behind it, its UDP header among them, that left in fragments already. */
    private int fragmented;
    /** Slots of {@link #plain} that the last call filled. */
    private int plainUsed;
    /** Slots that the last call to receive filled, and with how much. */
    private int broughtSlots;

    private long broughtBytes;

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
        area = Memory.untouched(parts.memory(), (long) Limits.UDP_BATCH * STRIDE);
        for (int i = 0; i < Limits.UDP_BATCH; i++) {
            plain.add();
            plain.range(i, area, payloadAt(i), PAYLOAD);
            plain.wantMerged(i);
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

    /** Slots for a call to receive that tells no peers. */
    Datagrams slots() {
        assert !isHolding();
        for (int i = 0; i < plainUsed; i++) {
            plain.wantMerged(i); // the kernel has put there what it told
        }
        plainUsed = 0;
        plain.use(wanted());
        return plain;
    }

    /** As many as bring {@code UDP_BATCH_BYTES} if they are like those of the last call. */
    private int wanted() {
        if (broughtBytes == 0) {
            return Limits.UDP_BATCH;
        }
        long slots = (long) Limits.UDP_BATCH_BYTES * broughtSlots / broughtBytes;
        return Math.clamp(slots, SLOTS_LEAST, Limits.UDP_BATCH);
    }

    /** Slots for a call to receive that tells peers and local addresses. */
    Datagrams slotsWithNames() {
        assert !isHolding();
        named.clear();
        int slots = wanted();
        for (int i = 0; i < slots; i++) {
            named.add();
            named.range(i, area, payloadAt(i), PAYLOAD);
            named.wantPeer(i);
            named.wantLocal(i); // or, of a flow's socket, merged ones
        }
        return named;
    }

    /** {@code count} slots of {@code in} were filled; {@link #take} says for whom, and the others were for nobody. */
    void begin(Datagrams in, int count) {
        assert !isHolding();
        first = 0;
        end = count;
        done = 0;
        fragmented = 0;
        broughtSlots = count;
        broughtBytes = 0;
        if (in == plain) {
            plainUsed = count;
        }
    }

    /** Slot {@code i} of {@code in} was received for {@code flow}. Returns what that is charged, bytes. */
    long take(int i, UdpFlow flow, Datagrams in) {
        int length = in.length(i);
        int merged = in.mergedBytes(i);
        broughtBytes += length;
        boolean several = merged > 0 && merged < length;
        int count = several ? (length + merged - 1) / merged : 1;
        if (up) {
            flows[i] = flow;
            lengths[i] = length;
            sizes[i] = several ? merged : length;
        } else {
            drop(Drop.LINK_DOWN, count);
        }
        return UdpTranslator.charge(length, count);
    }

    private void drop(Drop reason, int datagrams) {
        for (int n = 0; n < datagrams; n++) {
            counters.count(reason);
        }
    }

    /** Gives the link what the slots hold, as far as it takes it. */
    void deliver() {
        try {
            while (first < end) {
                UdpFlow flow = flows[first];
                if (flow == null) {
                    next();
                } else if (!(fits(flow, lengthAt(first, done)) ? deliverRun(flow) : deliverFragments(flow))) {
                    return;
                }
            }
        } catch (Throwable t) {
            abandon();
            throw t;
        }
    }

    /** The first slot is done with. */
    private void next() {
        flows[first++] = null;
        done = 0;
        fragmented = 0;
    }

    /** The guest has the first datagram of the first slot. */
    private void advance() {
        fragmented = 0;
        int length = lengthAt(first, done);
        Objects.requireNonNull(flows[first]).countToGuest(length);
        done += length;
        if (done >= lengths[first]) {
            next();
        }
    }

    /** Payload of the datagram that begins {@code from} bytes into that of the slot. */
    private int lengthAt(int slot, int from) {
        return Math.min(sizes[slot], lengths[slot] - from);
    }

    private boolean fits(UdpFlow flow, int length) {
        return fragmented == 0 && Udp.LENGTH + length <= (isV4(flow) ? most4 : most6);
    }

    private static boolean isV4(UdpFlow flow) {
        return Ip.isV4(flow.guestHigh(), flow.guestLow());
    }

    /** The first datagram and those behind it that are of its kind, in one reservation. False if the link has no room for all. */
    private boolean deliverRun(UdpFlow flow) {
        boolean v4 = isV4(flow);
        int most = 0;
        int n = 0;
        int slot = first;
        int from = done;
        while (slot < end && n < batch.capacity()) {
            UdpFlow next = flows[slot];
            if (next == null || next.queue != flow.queue || isV4(next) != v4) {
                break;
            }
            int length = lengthAt(slot, from);
            if (!fits(next, length)) {
                break;
            }
            most = Math.max(most, length);
            n++;
            from += length;
            if (from >= lengths[slot]) {
                slot++;
                from = 0;
            }
        }
        int header = (v4 ? FrameComposer.ETHERNET_IP4 : FrameComposer.ETHERNET_IP6) + Udp.LENGTH;
        int room = link.reserve(flow.queue, batch, n, header, most);
        if (room == 0) {
            return false;
        }
        composeRun(room);
        int taken = link.commit(flow.queue, batch, room);
        if (taken < 0) {
            drop(Drop.LINK_DOWN);
            return true;
        }
        for (int i = 0; i < taken; i++) {
            advance();
        }
        return taken == room;
    }

    private void composeRun(int count) {
        int slot = first;
        int from = done;
        for (int i = 0; i < count; i++) {
            int length = lengthAt(slot, from);
            compose(i, Objects.requireNonNull(flows[slot]), payloadAt(slot) + from, length);
            from += length;
            if (from >= lengths[slot]) {
                slot++;
                from = 0;
            }
        }
    }

    private void compose(int i, UdpFlow f, long payload, int length) {
        MemorySegment out = batch.header(i);
        long at = batch.headerAt(i);
        int whole = Udp.LENGTH + length;
        composer.ip(out, at, Ip4.UDP, whole, f.farHigh(), f.farLow(), f.guestHigh(), f.guestLow());
        header(out, at + batch.headerLength(i) - Udp.LENGTH, f, payload, length);
        batch.borrow(i, area, payload, length);
    }

    /** The UDP header for {@code length} bytes that lie in a slot at {@code payload}. */
    private void header(MemorySegment out, long udp, UdpFlow f, long payload, int length) {
        int whole = Udp.LENGTH + length;
        Udp.srcPort(out, udp, f.farPort());
        Udp.dstPort(out, udp, f.guestPort());
        Udp.totalLength(out, udp, whole);
        Udp.noChecksum(out, udp);
        int sum = Checksum.pseudo(f.farHigh(), f.farLow(), f.guestHigh(), f.guestLow(), Ip4.UDP, whole);
        sum = Checksum.add(sum, 0, out, udp, Udp.LENGTH);
        Udp.checksum(out, udp, Checksum.of(Checksum.add(sum, Udp.LENGTH, area, payload, length)));
    }

    /** What is left of the first datagram, in fragments. False if the link has no room for all. */
    private boolean deliverFragments(UdpFlow flow) {
        boolean v4 = isV4(flow);
        int header = v4 ? FrameComposer.ETHERNET_IP4 : FrameComposer.ETHERNET_IP6_FRAGMENT;
        int piece = Math.max(FRAGMENT_UNIT, (v4 ? most4 : most6 - Ip6.FRAGMENT_LENGTH) & -FRAGMENT_UNIT);
        int length = lengthAt(first, done);
        long udp = at(first) + done;
        if (fragmented == 0) {
            lastId++;
            header(area, udp, flow, udp + Udp.LENGTH, length); // over the end of one that has left, if any
        }
        int whole = Udp.LENGTH + length;
        int left = whole - fragmented;
        int n = Math.min((left + piece - 1) / piece, batch.capacity());
        int room = link.reserve(flow.queue, batch, n, header, Math.min(piece, left));
        if (room == 0) {
            return false;
        }
        int offset = fragmented;
        for (int i = 0; i < room; i++) {
            offset += composeFragment(flow, i, udp, offset, Math.min(piece, whole - offset), whole);
        }
        int taken = link.commit(flow.queue, batch, room);
        if (taken < 0) {
            drop(Drop.LINK_DOWN);
            return true;
        }
        fragmented += taken * piece;
        if (fragmented >= whole) {
            advance();
        }
        return taken == room;
    }

    private int composeFragment(UdpFlow f, int i, long udp, int offset, int length, int whole) {
        boolean more = offset + length < whole;
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
        batch.borrow(i, area, udp + offset, length);
        return length;
    }

    /** Forgets what the slots hold: else it would stand in the way for ever. */
    void abandon() {
        drop(Drop.INVARIANT_VIOLATED);
    }

    private void drop(Drop reason) {
        while (first < end) {
            if (flows[first] != null) {
                drop(reason, left(first));
            }
            next();
        }
    }

    /** Datagrams of the slot that have not left. */
    private int left(int slot) {
        int bytes = lengths[slot] - (slot == first ? done : 0);
        return sizes[slot] == 0 ? 1 : (bytes + sizes[slot] - 1) / sizes[slot];
    }

    /** {@code flow} ends: what the slots hold of it goes nowhere. */
    void forget(UdpFlow flow) {
        for (int i = first; i < end; i++) {
            if (flows[i] == flow) {
                drop(Drop.UDP_FLOW_ENDED, left(i));
                flows[i] = null;
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
