package io.passatelli.proto.udp;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.link.RxBatch;
import io.passatelli.os.Datagrams;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import io.passatelli.wire.Frame;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;

/**
 * Datagrams on their way from the guest to sockets. Those of one flow that follow each other are gathered where they lie in the link's memory,
 * and leave by one sendmmsg(2): when another flow's turn comes, when there are too many, and at the end of the batch of frames.
 *
 * <p>Runs of equally long ones, the last may be shorter, are given to the kernel as one that it cuts up (UDP_SEGMENT, udp(7)): one way through
 * its layers for all. Where a route or a device does not allow that, the flow does without from then on.
 */
@HotPath
final class UdpToHost {
    /** Whether runs go as one; for measurements. */
    static final boolean SEGMENTS = !"off".equals(System.getProperty("passatelli.udp.segments"));

    private static final int FLAGS = Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL;

    /** Ranges of one datagram: the head and the pieces of its frame. */
    private static final int RANGES = RxBatch.PIECES + 1;

    private static final int SINGLES = Limits.IOVECS / RANGES;

    /** Ranges of one run: one each for the most segments that there can be, or a few datagrams in pieces. */
    private static final int RUN_RANGES = Socket.UDP_MAX_SEGMENTS + RANGES;

    private static final int RUNS = Limits.IOVECS / RUN_RANGES;

    private final Os os;
    private final Counters counters;
    private final UdpErrors errors;
    private final UdpTranslator owner;
    private final Datagrams singles = new Datagrams(SINGLES, RANGES);
    private final Datagrams runs = new Datagrams(RUNS, RUN_RANGES);
    private final int[] segmentCounts = new int[RUNS];
    /** Of all segments of a run but the last. */
    private final int[] segmentBytes = new int[RUNS];

    private final IoVec pieces = new IoVec(RANGES);

    private @Nullable UdpFlow flow;
    private Datagrams out = singles;

    // the youngest run
    private int runBytes;
    private boolean runOpen;

    UdpToHost(UdpTranslator owner, UdpTranslator.Parts parts, UdpErrors errors) {
        this.owner = owner;
        this.errors = errors;
        os = parts.loop().os();
        counters = parts.counters();
    }

    /** Whether what is gathered has to leave before a datagram of {@code next} with {@code hops} can be. */
    boolean isInTheWay(UdpFlow next, int hops) {
        return flow != null && (flow != next || next.hops != hops || out.isFull());
    }

    /** Gathers the payload of frame {@code i} for {@code to}, whose hop limit is set already. */
    void add(UdpFlow to, RxBatch batch, int i) {
        if (flow == null) {
            flow = to;
            out = to.segments ? runs : singles;
            out.clear();
            runOpen = false;
        }
        assert flow == to;
        Frame f = batch.frame(i);
        int length = f.payloadLength();
        to.countToHost(length);
        int from = (int) (f.payload() - f.l2());
        if (from + length <= f.contiguous()) {
            int at = place(length, 1);
            if (length > 0) {
                out.range(at, f.bytes(), f.payload(), length);
            }
            return;
        }
        pieces.clear();
        if (!batch.gather(i, from, length, pieces)) {
            throw new AssertionError("a frame of more pieces than RxBatch.PIECES");
        }
        int at = place(length, pieces.count());
        for (int range = 0; range < pieces.count(); range++) {
            out.range(at, pieces.segment(range), pieces.offset(range), pieces.length(range));
        }
    }

    /** The message that a datagram of {@code length} bytes in {@code ranges} goes into: the youngest run, or a new one. */
    private int place(int length, int ranges) {
        if (out == singles) {
            return out.add();
        }
        int last = out.count() - 1;
        if (runOpen && mayJoin(last, length, ranges)) {
            segmentCounts[last]++;
            runBytes += length;
            runOpen = length == segmentBytes[last];
            return last;
        }
        int at = out.add();
        segmentCounts[at] = 1;
        segmentBytes[at] = length;
        runBytes = length;
        runOpen = length > 0;
        return at;
    }

    private boolean mayJoin(int run, int length, int ranges) {
        return length > 0
                && length <= segmentBytes[run]
                && runBytes + length <= Limits.UDP_PAYLOAD_BYTES
                && segmentCounts[run] < Socket.UDP_MAX_SEGMENTS
                && out.rangeCount(run) + ranges <= RUN_RANGES;
    }

    /** Sends what is gathered. Its flow may end by that. */
    void flush(long nowNs) {
        UdpFlow of = flow;
        if (of == null) {
            return;
        }
        flow = null;
        if (out == runs) {
            markRuns();
        }
        try {
            send(of, out, nowNs);
        } catch (Throwable t) {
            owner.end(of);
            throw t;
        }
    }

    private void markRuns() {
        for (int i = 0; i < runs.count(); i++) {
            if (segmentCounts[i] > 1) {
                runs.segmentSize(i, segmentBytes[i]);
            }
        }
    }

    private void send(UdpFlow to, Datagrams what, long nowNs) {
        int at = 0;
        boolean again = false;
        while (at < what.count() && to.fd != Os.NONE) {
            int n = os.sendmmsg(to.fd, what, at, what.count() - at, FLAGS);
            if (n > 0) {
                at += n;
                again = false;
                continue;
            }
            switch (-n) {
                case Errno.EAGAIN, Errno.ENOBUFS, Errno.ENOMEM -> {
                    failed(what, at, what.count());
                    return;
                }
                default -> {}
            }
            if (!again) { // it may have been an error of an earlier datagram, told here
                again = true;
                errors.drain(to, nowNs);
                continue;
            }
            again = false;
            if (what == runs && segmentCounts[at] > 1) {
                to.segments = false;
                sendSingly(to, at, nowNs);
            } else {
                failed(what, at, at + 1);
                onRefusal(to, -n);
            }
            at++;
        }
        failed(what, at, what.count());
    }

    /** The run {@code at}, which the kernel did not take as one. */
    private void sendSingly(UdpFlow to, int at, long nowNs) {
        singles.clear();
        int size = segmentBytes[at];
        int room = 0;
        int single = 0;
        for (int range = 0; range < runs.rangeCount(at); range++) {
            MemorySegment segment = runs.rangeSegment(at, range);
            long offset = runs.rangeOffset(at, range);
            int length = (int) runs.rangeLength(at, range);
            assert room == 0 || length <= room : length;
            if (room == 0) {
                if (singles.isFull()) {
                    send(to, singles, nowNs);
                    singles.clear();
                }
                single = singles.add();
                room = size;
            }
            singles.range(single, segment, offset, length);
            room -= length;
        }
        if (to.fd != Os.NONE) {
            send(to, singles, nowNs);
        }
    }

    private void failed(Datagrams what, int from, int to) {
        for (int i = from; i < to; i++) {
            int count = what == runs ? segmentCounts[i] : 1;
            for (int n = 0; n < count; n++) {
                counters.count(Drop.UDP_SEND_FAILED);
            }
        }
    }

    /** The datagram is lost. Unless that says something of it alone, the host's addresses or routes changed, and the next begins anew. */
    private void onRefusal(UdpFlow of, int errno) {
        switch (errno) {
            case Errno.ECONNREFUSED, Errno.EHOSTUNREACH, Errno.EMSGSIZE, Errno.EPERM, Errno.EACCES -> {}
            default -> owner.end(of);
        }
    }

    /** {@code ended} ends: what is gathered of it goes nowhere. */
    void forget(UdpFlow ended) {
        if (flow == ended) {
            flow = null;
            failed(out, 0, out.count());
        }
    }
}
