package io.passatelli.link;

import io.passatelli.base.Limits;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Errno;
import io.passatelli.wire.Offload;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.Random;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/**
 * A link in memory to a guest that the test plays. It uses all freedom that the contract of {@link Link} gives (short batches, scattered frames,
 * prefixes, shortages, resets), as far as the test or a seed asks for it, and fails at whatever the contract forbids its caller. Released
 * memory is overwritten.
 *
 * <p>With {@link #bind} the loop's ready list drives it; with {@link #listen} the test does, by {@link #pump}.
 */
public final class SimLink implements Link {
    private static final int MEMORY_BYTES = 640 << 10;
    private static final int GAP_BYTES = 3;
    private static final byte POISON = (byte) 0xdb;
    private static final int MOST_IDLE_CALLS = 1_000;
    private static final int MOST_ROUNDS = 100_000;

    private final Caps caps;
    private final @Nullable Random random;
    private final Lane[] lanes;
    private final Deque<GuestFrame> seen = new ArrayDeque<>();
    private final ReadyList.Node node = new Node();
    private @Nullable EventLoop loop;
    private @Nullable Listener listener;
    private int headBytes = Limits.FRAME_BYTES;
    private int pieceBytes = Limits.FRAME_BYTES;
    private boolean up;
    private boolean upDue = true;
    private boolean downDue;
    private int downErrno;
    private boolean closed;

    /** Takes and gives all at once, in one piece, until the test says otherwise. */
    public SimLink(Caps caps) {
        this(caps, null);
    }

    /** Chooses by {@code seed} how much of each call it does. */
    public SimLink(Caps caps, long seed) {
        this(caps, new Random(seed));
    }

    private SimLink(Caps caps, @Nullable Random random) {
        this.caps = caps;
        this.random = random;
        lanes = new Lane[caps.queues()];
        Arrays.setAll(lanes, i -> new Lane());
    }

    /** One queue without any offload, lossless, as a stream link is. */
    public static SimLink plain() {
        return new SimLink(new Caps(1, Limits.FRAME_BYTES, true, Caps.Offloads.NONE, Caps.Offloads.NONE));
    }

    // ---- what the guest does

    public void guestSends(byte[] frame) {
        guestSends(0, frame, new Offload());
    }

    public void guestSends(int queue, byte[] frame, Offload offload) {
        assert frame.length >= 14 && frame.length <= caps.maxFrameBytes() : frame.length;
        assertOffload(caps.fromGuest(), offload);
        lanes[queue].fromGuest.add(new GuestFrame(queue, frame, offload));
        lanes[queue].readable = true;
        wake();
    }

    /** From now on received frames come as a head of {@code head} bytes, and pieces of {@code piece} bytes behind it. */
    public void scatters(int head, int piece) {
        assert head >= Limits.HEADER_BYTES : head;
        assert (long) piece * RxBatch.PIECES + head >= caps.maxFrameBytes() : piece;
        headBytes = head;
        pieceBytes = piece;
    }

    /** The guest takes {@code frames} more of {@code queue}, then none until {@link #guestReads}. */
    public void guestStopsAfter(int queue, int frames) {
        lanes[queue].room = frames;
    }

    /** The guest takes frames again. */
    public void guestReads(int queue) {
        lanes[queue].room = Integer.MAX_VALUE;
        wake();
    }

    /** The guest's driver starts over: what it sent and we did not take is gone. */
    public void guestResets(int queue) {
        lanes[queue].fromGuest.clear();
        lanes[queue].gathered.clear();
        lanes[queue].resetDue = true;
        wake();
    }

    /** The guest leaves. */
    public void guestLeaves(int errno) {
        assert up || upDue;
        up = false;
        upDue = false;
        downDue = true;
        downErrno = errno;
        for (Lane lane : lanes) {
            lane.forget();
        }
        wake();
    }

    /** A guest comes, after the one before left. */
    public void guestComes() {
        assert !up;
        upDue = true;
        wake();
    }

    /** What the guest got and the test did not take yet, oldest first. */
    public List<GuestFrame> seen() {
        return new ArrayList<>(seen);
    }

    /** Takes the oldest frame that the guest got. */
    public GuestFrame next() {
        GuestFrame first = seen.poll();
        if (first == null) {
            throw new AssertionError("the guest got no frame");
        }
        return first;
    }

    /** Forgets what the guest got. */
    public void forgetSeen() {
        seen.clear();
    }

    // ---- the test's

    /** Instead of {@link #bind}: the test calls {@link #pump}. */
    public void listen(Listener by) {
        check(listener == null, "bound twice");
        listener = by;
    }

    /** Tells the listener all there is to tell, until nothing is left. */
    public void pump(long nowNs) {
        for (int round = 0; deliver(nowNs); round++) {
            check(round < MOST_ROUNDS, "the listener never comes to an end");
        }
    }

    /** Fails if the caller still owes a release, a commit or a flush. */
    public void assertSettled() {
        assertNothingOpen();
        for (Lane lane : lanes) {
            check(lane.gathered.isEmpty(), "control frames were not flushed");
        }
    }

    private void assertNothingOpen() {
        for (Lane lane : lanes) {
            check(lane.received == null, "a batch was not released");
            check(lane.reserved == null, "a reservation was not committed");
        }
    }

    /** Tells the listener what is due now, once each. Whether there was anything. */
    private boolean deliver(long nowNs) {
        boolean any = false;
        assertNothingOpen(); // control frames of this turn wait for its end
        if (downDue) {
            downDue = false;
            any = true;
            listener().onDown(downErrno, nowNs);
        }
        if (upDue) {
            upDue = false;
            up = true;
            any = true;
            listener().onUp(caps, nowNs);
        }
        for (int queue = 0; queue < lanes.length && up; queue++) {
            any |= deliver(queue, nowNs);
        }
        return any;
    }

    private boolean deliver(int queue, long nowNs) {
        Lane lane = lanes[queue];
        boolean any = false;
        if (lane.resetDue) {
            lane.resetDue = false;
            any = true;
            listener().onReset(queue, nowNs);
        }
        lane.clogged = false;
        if (lane.shortage && lane.room > 0) {
            lane.shortage = false;
            any = true;
            listener().onWritable(queue, nowNs);
        }
        if (lane.readable) {
            any = true;
            int before = lane.receives;
            listener().onReadable(queue, nowNs);
            lane.idleCalls = lane.receives > before ? 0 : lane.idleCalls + 1;
            check(lane.idleCalls < MOST_IDLE_CALLS, "onReadable without receive, again and again");
        }
        for (int i = 0; i < lanes.length && loop == null && any; i++) {
            flush(i); // as the owner of a loop does at the end of a turn
        }
        return any;
    }

    // ---- the link

    @Override
    public Caps caps() {
        return caps;
    }

    @Override
    public int receive(int queue, RxBatch batch) {
        Lane lane = lane(queue);
        check(lane.received == null, "receive before the release of the batch before");
        lane.receives++;
        batch.clear();
        if (!up) {
            return -Errno.ENOTCONN;
        }
        int most = Math.min(batch.capacity(), lane.fromGuest.size());
        int wanted = choose(most);
        long at = 0;
        while (batch.count() < wanted) {
            int length = Objects.requireNonNull(lane.fromGuest.peek()).bytes.length;
            if (at + length + GAP_BYTES * (RxBatch.PIECES + 1) > MEMORY_BYTES) {
                break;
            }
            at = lay(lane.fromGuest.remove(), lane.in, at, batch);
        }
        lane.inUsed = at;
        lane.readable = !lane.fromGuest.isEmpty();
        if (batch.count() > 0) {
            lane.received = batch;
        }
        return batch.count();
    }

    private long lay(GuestFrame frame, MemorySegment memory, long from, RxBatch batch) {
        int head = Math.min(headBytes, frame.bytes.length);
        long at = from;
        MemorySegment.copy(frame.bytes, 0, memory, JAVA_BYTE, at, head);
        int i = batch.add(memory, at, head);
        batch.frame(i).offload().set(frame.offload);
        at += head + GAP_BYTES;
        for (int done = head; done < frame.bytes.length; done += pieceBytes) {
            int n = Math.min(pieceBytes, frame.bytes.length - done);
            MemorySegment.copy(frame.bytes, done, memory, JAVA_BYTE, at, n);
            check(batch.addPiece(i, memory, at, n), "too many pieces");
            at += n + GAP_BYTES;
        }
        return at;
    }

    @Override
    public void release(int queue, RxBatch batch) {
        Lane lane = lane(queue);
        check(lane.received == batch, "release of a batch that was not received, or twice");
        lane.received = null;
        lane.in.asSlice(0, lane.inUsed).fill(POISON);
    }

    @Override
    public int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach) {
        Lane lane = lane(queue);
        check(lane.reserved == null, "a second reservation on queue " + queue);
        check(wanted > 0, "reserve of nothing");
        check(headerBytes > 0 && payloadEach >= 0, "reserve of nothing");
        check(headerBytes + payloadEach <= caps.maxFrameBytes(), "frames above maxFrameBytes");
        batch.clear();
        if (!up) {
            return 0;
        }
        int slot = headerBytes + payloadEach + 3 * GAP_BYTES;
        int most = Math.min(Math.min(wanted, batch.capacity()), MEMORY_BYTES / slot);
        int count = Math.min(most, lane.room());
        if (count > 0) {
            count = choose(count);
        }
        lane.out.asSlice(0, lane.outUsed).fill(POISON);
        lane.outUsed = (long) count * slot;
        for (int i = 0; i < count; i++) {
            long at = (long) i * slot;
            int first = random == null ? payloadEach : payloadEach / 3;
            batch.add(lane.out, at, headerBytes, payloadEach);
            batch.payload().add(lane.out, at + headerBytes + GAP_BYTES, first);
            batch.payload().add(lane.out, at + headerBytes + 2 * GAP_BYTES + first, payloadEach - first);
        }
        lane.shortage |= count == 0;
        lane.reserved = count > 0 ? batch : null;
        return count;
    }

    @Override
    public int commit(int queue, TxBatch batch, int n) {
        Lane lane = lane(queue);
        check(lane.reserved == batch, "commit without a reservation");
        check(n >= 0 && n <= batch.count(), "commit of " + n + " frames of " + batch.count());
        lane.reserved = null;
        if (!up) {
            return -Errno.ENOTCONN;
        }
        int taken = Math.min(n, lane.room());
        if (random != null && taken > 0 && random.nextInt(4) == 0) {
            taken = random.nextInt(taken + 1);
        }
        lane.show();
        for (int i = 0; i < n; i++) {
            int length = batch.length(i);
            check(length >= batch.headerLength(i), "frame " + i + " has no length");
            assertOffload(caps.toGuest(), batch.offload(i));
            if (i < taken) {
                seen.add(padded(GuestFrame.of(queue, batch, i)));
            }
        }
        lane.took(taken);
        if (taken < n) {
            lane.shortage = true;
            lane.clogged = true;
            wake();
        }
        return taken;
    }

    @Override
    public boolean control(int queue, MemorySegment segment, long at, int length, Offload offload) {
        Lane lane = lane(queue);
        check(length >= 14 && length <= Limits.CONTROL_FRAME_BYTES, "a control frame of " + length + " bytes");
        assertOffload(caps.toGuest(), offload);
        if (!up) {
            return false;
        }
        if (lane.room() == 0 || random != null && random.nextInt(16) == 0) {
            lane.shortage = true;
            lane.clogged = true;
            wake();
            return false;
        }
        lane.gathered.add(padded(GuestFrame.ofControl(queue, segment, at, length, offload)));
        lane.took(1);
        return true;
    }

    @Override
    public void flush(int queue) {
        lane(queue).show();
    }

    @Override
    public void bind(EventLoop to, Listener by) {
        listen(by);
        loop = to;
        wake();
    }

    @Override
    public void close() {
        check(!closed, "closed twice");
        closed = true;
        up = false;
        if (loop != null && node.isListed()) {
            loop.ready().remove(node);
        }
    }

    private int choose(int most) {
        return random == null || most <= 1 ? most : 1 + random.nextInt(most);
    }

    private void wake() {
        if (loop != null) {
            loop.ready().add(node);
        }
    }

    private Lane lane(int queue) {
        check(listener != null, "used before it was bound");
        check(!closed, "used after it was closed");
        check(queue >= 0 && queue < lanes.length, "there is no queue " + queue);
        return lanes[queue];
    }

    private Listener listener() {
        return Objects.requireNonNull(listener);
    }

    private static GuestFrame padded(GuestFrame frame) {
        int length = Math.max(frame.bytes.length, Limits.FRAME_MIN_BYTES);
        return new GuestFrame(frame.queue, Arrays.copyOf(frame.bytes, length), frame.offload);
    }

    private static void assertOffload(Caps.Offloads may, Offload offload) {
        boolean needsCsum = (offload.flags & Offload.NEEDS_CSUM) != 0;
        check(!needsCsum || may.csum(), "checksum left to a side that does not do it");
        boolean allowed =
                switch (offload.gsoType) {
                    case Offload.GSO_NONE -> true;
                    case Offload.GSO_TCPV4 -> may.tso4();
                    case Offload.GSO_TCPV6 -> may.tso6();
                    case Offload.GSO_UDP_L4 -> may.uso();
                    default -> false;
                };
        check(allowed, "segmentation left to a side that does not do it");
        check(offload.gsoType == Offload.GSO_NONE || needsCsum && offload.gsoSize > 0, "segmentation of nothing");
    }

    private static void check(boolean holds, String otherwise) {
        if (!holds) {
            throw new AssertionError("contract of Link: " + otherwise);
        }
    }

    /** One queue. */
    private final class Lane {
        private final Deque<GuestFrame> fromGuest = new ArrayDeque<>();
        private final List<GuestFrame> gathered = new ArrayList<>();
        private final MemorySegment in = Arena.ofAuto().allocate(MEMORY_BYTES, 64);
        private final MemorySegment out = Arena.ofAuto().allocate(MEMORY_BYTES, 64);
        private long inUsed;
        private long outUsed;
        private @Nullable RxBatch received;
        private @Nullable TxBatch reserved;
        private int room = Integer.MAX_VALUE;
        private int receives;
        private int idleCalls;
        private boolean readable;
        private boolean shortage;
        private boolean clogged;
        private boolean resetDue;

        int room() {
            return clogged ? 0 : room;
        }

        void took(int frames) {
            room -= room == Integer.MAX_VALUE ? 0 : frames;
        }

        void show() {
            seen.addAll(gathered);
            gathered.clear();
        }

        void forget() {
            fromGuest.clear();
            gathered.clear();
            readable = false;
            shortage = false;
            clogged = false;
        }
    }

    private final class Node extends ReadyList.Node {
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            if (deliver(nowNs)) {
                wake();
            }
            return 0;
        }
    }
}
