package io.passatelli.proto.tcp;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.link.RxBatch;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Seq;
import org.jspecify.annotations.Nullable;

import java.util.Objects;

/**
 * What the guest sends, on its way to sockets. How it works:
 *
 * <p><b>A batch at a time.</b> The segments of a batch are remembered where they lie, and at its end all of one flow that are in order leave by
 * one sendmsg(2), straight from the link's memory. So what a batch has out of order heals by itself. A gap that is left is a loss: three
 * duplicate acknowledgments make the guest send again at once, without waiting for its time-out, and what is behind the gap is kept ({@link
 * Ahead}), so that little has to be sent again. A guest that permits SACK hears with each batch what is kept: only so it learns that what it sent
 * again was lost too, instead of waiting for it, twice as long each time.
 *
 * <p><b>A full socket loses nothing.</b> The window that the guest sees is what the socket has room for and, once it is nearly full, also a
 * stash of ours, which is set aside before it is promised. What the socket does not take goes there, and EPOLLOUT tells when it takes more. So
 * the guest overfills the socket now and then, which is what makes the kernel enlarge its buffer. Where nothing can be set aside the window
 * stays below the room.
 *
 * <p><b>Acknowledgments.</b> One for each flow and batch, of what the kernel took; of the stash too, a little below the time after which the
 * guest would send again. The edge of the window never moves left, and moves right by two segments or half the buffer at least, RFC 9293
 * §3.8.6.2.2.
 *
 * <p><b>The guest's FIN</b> has its number behind all data; it is relayed by shutdown(2) once the stash is empty, and acknowledged then.
 */
@HotPath
final class GuestData {
    static final int NONE = -1;

    private static final int FLAGS = Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL;

    /** Ranges that one frame's payload can have. */
    private static final int RANGES = RxBatch.PIECES + 1;

    private static final long STASH_ACK_NS = Limits.TCP_STASH_ACK_MS * 1_000_000L;

    /** A look at a socket that is neither full nor has room for the guest's next segment, the first and the longest time between. */
    private static final long LOOK_NS = 1_000_000;

    private static final int LOOK_DOUBLINGS = 10;

    private final TcpTranslator owner;
    private final TcpControl control;
    private final EventLoop loop;
    private final Os os;
    private final Counters counters;
    private final GuestWindow window;
    private final IoVec out = new IoVec(Limits.IOVECS);

    // the segments of the batch, in lists of one flow each
    private final int[] entryNext = new int[Limits.RX_BATCH_FRAMES];
    private final int[] entryFrame = new int[Limits.RX_BATCH_FRAMES];
    private final int[] entryFrom = new int[Limits.RX_BATCH_FRAMES];
    private final int[] entryLength = new int[Limits.RX_BATCH_FRAMES];
    private final int[] entrySeq = new int[Limits.RX_BATCH_FRAMES];
    private final boolean[] entryFin = new boolean[Limits.RX_BATCH_FRAMES];
    private final boolean[] entryDone = new boolean[Limits.RX_BATCH_FRAMES];
    private int entries;
    private @Nullable RxBatch batch;
    private @Nullable TcpFlow firstTouched;
    private @Nullable TcpFlow lastTouched;

    // what #gather found
    private boolean sawOld;
    private boolean sawFin;

    /** Bytes had no room: those behind them have no place either. */
    private boolean lost;

    GuestData(TcpTranslator owner, TcpTranslator.Parts parts, TcpControl control, GuestWindow window) {
        this.owner = owner;
        this.control = control;
        this.window = window;
        loop = parts.loop();
        os = loop.os();
        counters = parts.counters();
    }

    /** Remembers frame {@code i} of {@code from}, whose sequence number is {@code seq}, until {@link #endBatch}. */
    void add(TcpFlow flow, RxBatch from, int i, int seq, boolean fin) {
        assert batch == null || batch == from;
        batch = from;
        Frame f = from.frame(i);
        int e = entries++;
        entryNext[e] = NONE;
        entryFrame[e] = i;
        entryFrom[e] = (int) (f.payload() - f.l2());
        entryLength[e] = f.payloadLength();
        entrySeq[e] = seq;
        entryFin[e] = fin;
        entryDone[e] = false;
        if (flow.lastEntry == NONE) {
            flow.firstEntry = e;
        } else {
            entryNext[flow.lastEntry] = e;
        }
        flow.lastEntry = e;
        if (flow.nextTouched == null && lastTouched != flow) {
            if (lastTouched == null) {
                firstTouched = flow;
            } else {
                lastTouched.nextTouched = flow;
            }
            lastTouched = flow;
        }
    }

    /** Whether {@code from} cannot be added to before {@link #endBatch}. */
    boolean isInTheWay(RxBatch from) {
        return batch != null && (batch != from || entries == Limits.RX_BATCH_FRAMES);
    }

    /** What was remembered of the batch leaves: its memory is about to be given back. */
    void endBatch(long nowNs) {
        Throwable fault = null;
        while (firstTouched != null) {
            TcpFlow flow = firstTouched;
            firstTouched = flow.nextTouched;
            flow.nextTouched = null;
            if (firstTouched == null) {
                lastTouched = null;
            }
            try {
                settle(flow, nowNs);
            } catch (Throwable t) {
                fault = t;
                owner.onFault(flow);
            }
        }
        entries = 0;
        batch = null;
        if (fault instanceof Error e) {
            throw e;
        }
        if (fault instanceof RuntimeException e) {
            throw e;
        }
    }

    /** What the batch has of {@code flow} so far leaves. */
    void settle(TcpFlow flow, long nowNs) {
        if (flow.firstEntry == NONE) {
            return;
        }
        int before = flow.next;
        out.clear();
        sawOld = false;
        sawFin = false;
        lost = false;
        if (!gather(flow) || !send(flow)) {
            return; // a reset
        }
        boolean gap = keepAhead(flow);
        flow.firstEntry = NONE;
        flow.lastEntry = NONE;
        if (!flow.ahead.isEmpty() && !catchUp(flow)) {
            return;
        }
        gap |= !flow.ahead.isEmpty();
        sawFin |= flow.finAhead && flow.next == flow.finAheadSeq;
        if (flow.next != before) {
            flow.gapTold &= flow.sacks && !flow.ahead.isEmpty(); // blocks tell of all gaps at once
            flow.dataNs = nowNs;
        }
        if (sawFin && !lost) {
            flow.next++;
            flow.toSocketBecomes(TcpFlow.Half.FIN_SEEN);
            if (flow.stash.isEmpty() && !relayFin(flow)) {
                return;
            }
        }
        answer(flow, gap, nowNs);
    }

    /** Puts all ranges that are in order into {@link #out}; it is sent when it is full. False: the flow has ended by that. */
    private boolean gather(TcpFlow flow) {
        int expected = flow.next;
        boolean progress = true;
        while (progress && !sawFin) {
            progress = false;
            for (int e = flow.firstEntry; e != NONE && !sawFin; e = entryNext[e]) {
                if (entryDone[e] || Seq.isAfter(entrySeq[e], expected)) {
                    continue;
                }
                entryDone[e] = true;
                progress = true;
                int end = entrySeq[e] + entryLength[e];
                int length = Seq.diff(Seq.min(end, flow.edge), expected);
                if (length < 0 || length == 0 && !(entryFin[e] && expected == end)) {
                    sawOld = true; // or nothing of it fits
                    continue;
                }
                if (out.capacity() - out.count() < RANGES) {
                    if (!send(flow)) {
                        return false;
                    }
                    out.clear();
                }
                take(e, Seq.diff(expected, entrySeq[e]), length);
                expected += length;
                sawFin = entryFin[e] && expected == end;
            }
        }
        return true;
    }

    private void take(int e, int skip, int length) {
        boolean fits = Objects.requireNonNull(batch).gather(entryFrame[e], entryFrom[e] + skip, length, out);
        assert fits : "a frame of more pieces than RxBatch.PIECES";
    }

    /** What the batch has behind a gap is kept, as far as there is room. Whether there is any. */
    private boolean keepAhead(TcpFlow flow) {
        boolean gap = false;
        for (int e = flow.firstEntry; e != NONE && !sawFin; e = entryNext[e]) {
            int length = Seq.diff(Seq.min(entrySeq[e] + entryLength[e], flow.edge), entrySeq[e]);
            if (entryDone[e] || length < 0) {
                continue;
            }
            gap = true;
            if (length > 0 && !isKept(flow, e, length)) {
                counters.count(Drop.TCP_GAP);
            } else if (entryFin[e] && length == entryLength[e]) {
                flow.finAhead = true;
                flow.finAheadSeq = entrySeq[e] + length;
            }
        }
        return gap;
    }

    private boolean isKept(TcpFlow flow, int e, int length) {
        return flow.ahead.keep(
                Objects.requireNonNull(batch), entryFrame[e], entryFrom[e], entrySeq[e], length, flow.next);
    }

    /** What was ahead, and is so no more, leaves. False: the flow was reset. */
    private boolean catchUp(TcpFlow flow) {
        flow.ahead.drop(flow.next);
        out.clear();
        while (!lost && flow.ahead.gather(out, flow.next) > 0) {
            if (!send(flow)) {
                return false;
            }
            flow.ahead.drop(flow.next);
            out.clear();
        }
        return true;
    }

    /** Gives {@link #out} to the socket, what it does not take to the stash. False: the flow was reset. */
    private boolean send(TcpFlow flow) {
        int total = (int) out.total();
        if (total == 0 || lost) {
            return true;
        }
        int sent = 0;
        if (flow.stash.isEmpty()) {
            sent = push(flow);
            if (sent < 0) {
                return false;
            }
        }
        flow.next += sent;
        if (sent < total) {
            window.reserve(flow); // its room was misjudged: better late than never
        }
        int kept = sent < total ? stash(flow) : 0;
        flow.next += kept;
        lost = sent + kept < total;
        flow.missed = lost;
        if (lost) {
            counters.count(Drop.TCP_NO_ROOM);
        }
        return true;
    }

    /** One sendmsg(2) of {@link #out}. Returns the bytes taken, also off {@link #out}; -1: the flow was reset. */
    private int push(TcpFlow flow) {
        long asked = out.total();
        long n = os.sendmsg(flow.fd, out, FLAGS);
        if (n == -Errno.EAGAIN || n == -Errno.ENOBUFS || n == -Errno.ENOMEM) {
            n = 0;
        }
        if (n < 0) {
            owner.onSocketError(flow);
            return -1;
        }
        flow.taken += (int) n;
        flow.countToHost((int) n);
        flow.room -= (int) n;
        if (n < asked) {
            flow.room = 0;
            flow.outDue = true; // the kernel has noted that somebody wants more
            out.consume(n);
        }
        return (int) n;
    }

    private int stash(TcpFlow flow) {
        int kept = 0;
        for (int i = 0; i < out.count(); i++) {
            int length = (int) out.length(i);
            int n = flow.stash.append(out.segment(i), out.offset(i), length, flow.reserved);
            kept += n;
            if (n < length) {
                break;
            }
        }
        return kept;
    }

    /** The socket has room, or an event says so. */
    void onWritable(TcpFlow flow, long nowNs) {
        if (!flow.outDue) {
            return;
        }
        flow.outDue = false;
        flow.sndbuf = 0; // ask
        flow.room = 0;
        if (!flow.stash.isEmpty() && !drain(flow)) {
            return;
        }
        if (flow.missed && !flow.outDue) {
            flow.missed = false;
            flow.duplicatesDue = Limits.TCP_DUPLICATES;
        }
        answer(flow, false, nowNs);
    }

    /** The stash goes to the socket, as far as it takes it. False: the flow has ended. */
    private boolean drain(TcpFlow flow) {
        out.clear();
        flow.stash.gather(out);
        int n = push(flow);
        if (n < 0) {
            return false;
        }
        flow.stash.drop(n);
        if (!flow.stash.isEmpty()) {
            return true;
        }
        flow.ackStash = false;
        return flow.toSocket() != TcpFlow.Half.FIN_SEEN || relayFin(flow);
    }

    /** All that the guest said is with the kernel, and it will say no more. False: the flow has ended. */
    private boolean relayFin(TcpFlow flow) {
        int rc = os.shutdown(flow.fd, Socket.SHUT_WR);
        if (rc < 0) {
            owner.onSocketError(flow);
            return false;
        }
        flow.taken = flow.next;
        flow.toSocketBecomes(TcpFlow.Half.FIN_RELAYED);
        flow.ackDue = true;
        if (flow.isDone()) {
            tell(flow);
            owner.endIfDone(flow);
        }
        return flow.isOpen();
    }

    /** Moves the edge, and tells the guest what it should know. */
    private void answer(TcpFlow flow, boolean gap, long nowNs) {
        boolean moved = window.offer(flow);
        if (gap && !flow.gapTold) {
            flow.gapTold = true;
            flow.ackStash = true;
            flow.duplicatesDue = Limits.TCP_DUPLICATES;
        } else if (gap && flow.sacks) {
            flow.ackDue = true; // which of what it sent again arrived
        }
        if (sawOld) {
            flow.ackStash = true;
            sawOld = false;
            flow.ackDue |= flow.duplicatesDue == 0;
        }
        flow.ackDue |= moved || flow.ackNumber() != flow.acked;
        if (!flow.stashAck.isScheduled()) {
            if (flow.ackNumber() != flow.heldEnd()) {
                loop.timers().schedule(flow.stashAck, nowNs + STASH_ACK_NS);
            } else if (!flow.outDue && GuestWindow.isShort(flow, flow.edge) && flow.toSocket() == TcpFlow.Half.OPEN) {
                flow.looks = Math.min(flow.looks + 1, LOOK_DOUBLINGS);
                loop.timers().schedule(flow.stashAck, nowNs + (LOOK_NS << flow.looks));
            } else {
                flow.looks = 0;
            }
        }
        tell(flow);
    }

    /** Sends the acknowledgments that are due, as far as the link takes them. */
    void tell(TcpFlow flow) {
        while (flow.ackDue || flow.duplicatesDue > 0) {
            boolean duplicate = !flow.ackDue;
            if (!control.ack(flow)) {
                owner.awaitLink(flow);
                return;
            }
            if (duplicate) {
                flow.duplicatesDue--;
            }
        }
    }

    /** The stash has lasted so long that the guest is about to send again; or it may have more room by now without any event. */
    void onStashAck(TcpFlow flow, long nowNs) {
        if (flow.ackNumber() != flow.heldEnd()) {
            flow.ackStash = true;
        }
        answer(flow, false, nowNs);
    }

    /** {@code flow} ends: what lies here of it goes nowhere. */
    void forget(TcpFlow flow) {
        flow.firstEntry = NONE;
        flow.lastEntry = NONE;
        flow.stash.clear();
        flow.ahead.clear();
        window.forget(flow);
    }
}
