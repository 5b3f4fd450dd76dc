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
import java.util.Arrays;
import java.util.Deque;
import java.util.Objects;
import java.util.Random;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/**
 * A link that mistreats what passes another one, by a seed: the same seed and the same traffic give the same faults. It keeps the contract of
 * {@link Link} itself. A frame that is to change places is held back behind the next one, or until the next turn.
 */
public final class FaultLink implements Link {
    private static final int MEMORY_BYTES = 512 << 10;
    /** Frames wait here at most: more than one reservation and one batch, doubled. */
    private static final int MOST_WAITING = 4 * 64;

    /** Probabilities, 0 to 1, for each frame; {@code clog} for each call that would send. */
    public record Faults(double drop, double duplicate, double reorder, double corrupt, double clog) {
        public static final Faults NONE = new Faults(0, 0, 0, 0, 0);

        public static Faults loss(double probability) {
            return new Faults(probability, 0, 0, 0, 0);
        }
    }

    private final Link link;
    private final Faults toGuest;
    private final Faults fromGuest;
    private final Random random;
    private final Lane[] lanes;
    private final Ear ear = new Ear();
    private final ReadyList.Node node = new Node();
    private @Nullable EventLoop loop;
    private @Nullable Listener listener;
    private boolean up;
    private long dropped;
    private long duplicated;
    private long reordered;
    private long corrupted;

    public FaultLink(Link link, Faults toGuest, Faults fromGuest, long seed) {
        this.link = link;
        this.toGuest = toGuest;
        this.fromGuest = fromGuest;
        random = new Random(seed);
        lanes = new Lane[link.caps().queues()];
        Arrays.setAll(lanes, i -> new Lane());
    }

    public long dropped() {
        return dropped;
    }

    public long duplicated() {
        return duplicated;
    }

    public long reordered() {
        return reordered;
    }

    public long corrupted() {
        return corrupted;
    }

    @Override
    public Caps caps() {
        Caps caps = link.caps();
        boolean lossless = caps.lossless() && toGuest.drop == 0 && toGuest.corrupt == 0;
        return new Caps(caps.queues(), caps.maxFrameBytes(), lossless, caps.toGuest(), caps.fromGuest());
    }

    @Override
    public int receive(int queue, RxBatch batch) {
        Lane lane = lanes[queue];
        batch.clear();
        if (lane.in.size() < batch.capacity()) {
            int n = link.receive(queue, lane.inner);
            if (n < 0) {
                return n;
            }
            for (int i = 0; i < n; i++) {
                mistreat(GuestFrame.of(queue, lane.inner, i), fromGuest, lane.in, lane.heldIn);
            }
            if (n > 0) {
                link.release(queue, lane.inner);
            }
        }
        long at = 0;
        while (!lane.in.isEmpty() && !batch.isFull() && at + Limits.FRAME_BYTES <= MEMORY_BYTES) {
            GuestFrame frame = lane.in.remove();
            MemorySegment.copy(frame.bytes, 0, lane.received, JAVA_BYTE, at, frame.bytes.length);
            int i = batch.add(lane.received, at, frame.bytes.length);
            batch.frame(i).offload().set(frame.offload);
            at += frame.bytes.length;
        }
        if (!lane.in.isEmpty() || !lane.heldIn.isEmpty()) {
            wake();
        }
        return batch.count();
    }

    @Override
    public void release(int queue, RxBatch batch) {
        lanes[queue].received.fill((byte) 0xdb);
    }

    @Override
    public int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach) {
        Lane lane = lanes[queue];
        batch.clear();
        if (!up) {
            return 0;
        }
        if (isClogged(queue)) {
            return 0;
        }
        int slot = headerBytes + payloadEach;
        int count = Math.min(Math.min(wanted, batch.capacity()), MEMORY_BYTES / slot);
        for (int i = 0; i < count; i++) {
            batch.add(lane.slots, (long) i * slot, headerBytes, payloadEach);
            batch.payload().add(lane.slots, (long) i * slot + headerBytes, payloadEach);
        }
        return count;
    }

    @Override
    public int commit(int queue, TxBatch batch, int n) {
        Lane lane = lanes[queue];
        if (!up) {
            return -Errno.ENOTCONN;
        }
        for (int i = 0; i < n; i++) {
            mistreat(GuestFrame.of(queue, batch, i), toGuest, lane.out, lane.heldOut);
        }
        push(queue);
        return up ? n : -Errno.ENOTCONN;
    }

    @Override
    public boolean control(int queue, MemorySegment segment, long at, int length, Offload offload) {
        Lane lane = lanes[queue];
        if (!up || isClogged(queue)) {
            return false;
        }
        mistreat(GuestFrame.ofControl(queue, segment, at, length, offload), toGuest, lane.out, lane.heldOut);
        push(queue);
        return true;
    }

    @Override
    public void flush(int queue) {
        push(queue);
        link.flush(queue);
    }

    @Override
    public void bind(EventLoop to, Listener by) {
        loop = to;
        listener = by;
        link.bind(to, ear);
    }

    @Override
    public void close() {
        if (loop != null && node.isListed()) {
            loop.ready().remove(node);
        }
        link.close();
    }

    private boolean isClogged(int queue) {
        Lane lane = lanes[queue];
        boolean clogged = !lane.out.isEmpty() || random.nextDouble() < toGuest.clog;
        if (clogged) {
            lane.shortage = true;
            wake();
        }
        return clogged;
    }

    /** Puts {@code frame}, or what became of it, behind the others. */
    private void mistreat(GuestFrame frame, Faults faults, Deque<GuestFrame> into, Deque<GuestFrame> held) {
        if (random.nextDouble() < faults.drop) {
            dropped++;
            return;
        }
        if (random.nextDouble() < faults.corrupt) {
            corrupted++;
            frame.bytes[random.nextInt(frame.bytes.length)] ^= (byte) (1 << random.nextInt(8));
        }
        if (held.isEmpty() && random.nextDouble() < faults.reorder) {
            reordered++;
            held.add(frame);
            wake();
            return;
        }
        into.add(frame);
        if (random.nextDouble() < faults.duplicate) {
            duplicated++;
            into.add(new GuestFrame(frame.queue, frame.bytes.clone(), frame.offload));
        }
        into.addAll(held);
        held.clear();
        assert into.size() <= MOST_WAITING : into.size();
    }

    /** Sends what waits, as far as the link below takes it. */
    private void push(int queue) {
        Lane lane = lanes[queue];
        while (up && !lane.out.isEmpty()) {
            GuestFrame frame = lane.out.element();
            int header = Math.min(frame.bytes.length, Limits.HEADER_BYTES);
            int count = link.reserve(queue, lane.outer, 1, header, frame.bytes.length - header);
            if (count == 0) {
                return;
            }
            Frames.fill(lane.outer, 0, frame.bytes);
            lane.outer.offload(0).set(frame.offload);
            if (link.commit(queue, lane.outer, 1) != 1) {
                return;
            }
            lane.out.remove();
        }
    }

    private void wake() {
        Objects.requireNonNull(loop).ready().add(node);
    }

    /** One queue. */
    private static final class Lane {
        private final Deque<GuestFrame> in = new ArrayDeque<>();
        private final Deque<GuestFrame> heldIn = new ArrayDeque<>();
        private final Deque<GuestFrame> out = new ArrayDeque<>();
        private final Deque<GuestFrame> heldOut = new ArrayDeque<>();
        private final RxBatch inner = new RxBatch(Limits.RX_BATCH_FRAMES);
        private final TxBatch outer = new TxBatch(1);
        private final MemorySegment received = Arena.ofAuto().allocate(MEMORY_BYTES, 64);
        private final MemorySegment slots = Arena.ofAuto().allocate(MEMORY_BYTES, 64);
        private boolean shortage;

        void forget() {
            in.clear();
            heldIn.clear();
            out.clear();
            heldOut.clear();
            shortage = false;
        }
    }

    /** Hears the link below. */
    private final class Ear implements Listener {
        @Override
        public void onReadable(int queue, long nowNs) {
            Objects.requireNonNull(listener).onReadable(queue, nowNs);
        }

        @Override
        public void onWritable(int queue, long nowNs) {
            push(queue);
            wake();
        }

        @Override
        public void onUp(Caps caps, long nowNs) {
            up = true;
            Objects.requireNonNull(listener).onUp(caps(), nowNs);
        }

        @Override
        public void onReset(int queue, long nowNs) {
            lanes[queue].forget();
            Objects.requireNonNull(listener).onReset(queue, nowNs);
        }

        @Override
        public void onDown(int errno, long nowNs) {
            up = false;
            for (Lane lane : lanes) {
                lane.forget();
            }
            Objects.requireNonNull(listener).onDown(errno, nowNs);
        }
    }

    /** A turn later: what was held back goes on, what was clogged opens. */
    private final class Node extends ReadyList.Node {
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            for (int queue = 0; queue < lanes.length && up; queue++) {
                Lane lane = lanes[queue];
                lane.out.addAll(lane.heldOut);
                lane.heldOut.clear();
                lane.in.addAll(lane.heldIn);
                lane.heldIn.clear();
                push(queue);
                if (lane.shortage && lane.out.isEmpty()) {
                    lane.shortage = false;
                    Objects.requireNonNull(listener).onWritable(queue, nowNs);
                }
                if (up && !lane.in.isEmpty()) {
                    Objects.requireNonNull(listener).onReadable(queue, nowNs);
                }
            }
            return 0;
        }
    }
}
