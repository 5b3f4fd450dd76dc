package io.passatelli.proto.tcp;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.TxBatch;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Seq;
import io.passatelli.wire.Tcp;

import java.lang.foreign.MemorySegment;

/**
 * What sockets have for the guest, on its way there. How it works:
 *
 * <p><b>A buffer until it is acknowledged.</b> A socket is read once, into chunks of the flow's own; segments borrow from there, when they are
 * sent and when they are sent again. No more is read than the guest's window and the flow's share allow: the rest stays with the kernel, which
 * holds the peer back. A chunk takes a whole number of the longest frames, so no frame lies in two.
 *
 * <p><b>In flight</b> is at most {@code cap}: more while it helps, half after a loss, and a share of what all may have. It is no congestion
 * window, since there is no network, but it keeps what is in flight in the cache, and what one loss costs small. A link that loses what is too much has a bound of frames for all
 * flows besides.
 *
 * <p><b>Waiting.</b> Sockets are edge-triggered, so who has something and cannot go on is in one list: the loop's if it had its quantum, the
 * link's, the chunks' or the frames' if there are none; or the guest's acknowledgment comes, or a timer. Nobody is asked again and again.
 *
 * <p><b>The peer's FIN</b> has its number behind all data, and is sent, timed and sent again as data are.
 */
@HotPath
final class HostData {
    /** IP's length field, less headers without options, RFC 9293 §3.7.1. */
    private static final int PAYLOAD_MOST = 65_495;

    private static final int NONE = -1;

    private final TcpTranslator owner;
    private final TcpControl control;
    private final EventLoop loop;
    private final Os os;
    private final Link link;
    private final ChunkPool chunks;
    private final TxBatch batch = new TxBatch(Limits.TX_BATCH_FRAMES);
    private final IoVec in = new IoVec(Limits.TCP_READ_CHUNKS + 2);
    private final ReadyList awaitLink = new ReadyList();
    private final ReadyList awaitChunk = new ReadyList();
    private final ReadyList awaitFrame = new ReadyList();

    private boolean up;
    private boolean lossless = true;
    private Caps.Offloads offloads = Caps.Offloads.NONE;
    private int frameBytes = Limits.FRAME_BYTES;
    private int frames;
    /** Flows whose buffers are not empty. */
    private int busy;

    /** The last {@link #emit} had our FIN in it. */
    private boolean finWent;

    /** A frame of the batch whose headers may be copied, the length of its payload, or {@link #NONE}, and its sum without number and payload. */
    private int alike;

    private int alikePayload = NONE;
    private int alikeSum;

    HostData(TcpTranslator owner, TcpTranslator.Parts parts, TcpControl control, ChunkPool chunks) {
        this.owner = owner;
        this.control = control;
        this.chunks = chunks;
        loop = parts.loop();
        os = loop.os();
        link = parts.link();
    }

    boolean isUp() {
        return up;
    }

    /** {@code flow} goes on when the link has room. */
    void awaitLink(TcpFlow flow) {
        if (up) {
            await(awaitLink, flow);
        }
    }

    /** A node is in one list only: what it waits for now is what held it up last. */
    private static void await(ReadyList list, TcpFlow flow) {
        list.remove(flow.ready);
        list.add(flow.ready);
        flow.awaits = true;
    }

    /** {@code flow} gets its turn, whatever it waits for: something else made it ready. */
    void wake(TcpFlow flow) {
        if (flow.awaits) {
            flow.awaits = false;
            loop.ready().remove(flow.ready);
        }
        loop.ready().add(flow.ready);
    }

    /** Sets what a segment and a frame hold, for a guest that takes segments of {@code mss}. */
    void fit(TcpFlow flow, int mss) {
        int most = Math.min(PAYLOAD_MOST, frameBytes - TcpControl.headers(flow));
        flow.mss = Math.clamp(mss, Limits.TCP_MSS_LEAST, most);
        boolean bursts = offloads.csum() && (flow.isV4() ? offloads.tso4() : offloads.tso6());
        flow.unit = bursts ? most / flow.mss * flow.mss : flow.mss;
    }

    /** Moves what can be moved to the guest, about {@code allowanceBytes}. Returns the bytes moved; what is left has the flow in some list. */
    long pump(TcpFlow flow, long allowanceBytes, long nowNs) {
        long moved = 0;
        while (moved < allowanceBytes) {
            if (!up || !flow.isOpen()) {
                return moved;
            }
            int unsent = Seq.diff(flow.flightEnd(), flow.seq);
            int n;
            if (unsent > 0) {
                n = transmit(flow, unsent, nowNs);
            } else if (flow.isFinNext()) {
                n = sendFin(flow, nowNs);
            } else if (flow.readable && flow.toGuest() == TcpFlow.Half.OPEN) {
                n = read(flow, nowNs);
            } else {
                return moved;
            }
            if (n < 0) {
                return moved;
            }
            moved += n;
        }
        if (flow.isOpen()) {
            wake(flow);
        }
        return moved;
    }

    /** Takes from the socket what the guest may be sent. Returns the bytes; -1: none now, and it is seen to that somebody comes back. */
    private int read(TcpFlow flow, long nowNs) {
        int wanted = Math.min(flow.window, cap(flow)) - flow.flight.length();
        if (wanted <= 0) {
            shut(flow, nowNs);
            return -1;
        }
        int fill = ChunkPool.CHUNK / flow.unit * flow.unit;
        boolean scarce = chunks.free() <= chunks.size() / 4;
        in.clear();
        int room = flow.flight.room(
                in, Math.min(wanted, Limits.TCP_READ_CHUNKS * fill), fill, scarce ? 1 : Integer.MAX_VALUE);
        if (room == 0) {
            await(awaitChunk, flow);
            return -1;
        }
        boolean idle = flow.flight.isEmpty();
        int n = (int) os.recvmsg(flow.fd, in, Socket.MSG_DONTWAIT);
        flow.flight.filled(Math.max(0, n));
        busy += idle && n > 0 ? 1 : 0;
        if (n == -Errno.EAGAIN) {
            flow.readable = false;
            return -1;
        }
        if (n < 0) {
            owner.onSocketError(flow);
            return -1;
        }
        if (n == 0) {
            flow.readable = false;
            flow.toGuestBecomes(TcpFlow.Half.FIN_SEEN);
            return 0;
        }
        flow.dataNs = nowNs;
        if (n < room && !flow.urgent && !flow.failed) {
            flow.readable = flow.ending; // a short read has emptied the socket
            if (flow.ending && flow.flight.length() < wanted) {
                return n + Math.max(0, read(flow, nowNs)); // the peer's FIN can go with the last of its data
            }
        }
        return n;
    }

    /** What {@code flow} may have in flight: no more than its share, but two frames at least. */
    private int cap(TcpFlow flow) {
        int share = Limits.TCP_IN_FLIGHT_SHARED_BYTES / Math.max(1, busy);
        return Math.min(flow.cap, Math.max(share, Math.max(2 * flow.unit, Limits.TCP_IN_FLIGHT_LEAST_BYTES)));
    }

    /** RFC 9293 §3.8.6.2.1: no small segment for want of window, while an acknowledgment will open it. */
    private static boolean isSilly(TcpFlow flow, int allowed) {
        return flow.inFlight() > 0 && allowed < Math.min(flow.mss, flow.windowMost >> 1);
    }

    /** Nothing more is allowed in flight. An acknowledgment brings the flow back; with none on its way, a timer does. */
    private void shut(TcpFlow flow, long nowNs) {
        flow.capped |= flow.window > flow.cap;
        if (flow.inFlight() == 0 && !flow.persisting) {
            flow.persisting = true;
            flow.probes = 0;
            flow.retries = 0;
            wait(flow, nowNs + flow.rtt.timeoutNs(0));
        }
    }

    /** Sends some of the {@code unsent} bytes behind {@code seq}. Returns how many; -1: none now. */
    private int transmit(TcpFlow flow, int unsent, long nowNs) {
        int allowed = flow.una + Math.min(flow.window, cap(flow)) - flow.seq;
        int n = Math.min(unsent, allowed);
        boolean more = n < unsent || n == allowed && flow.readable;
        if (n <= 0 || more && isSilly(flow, allowed)) {
            shut(flow, nowNs);
            return -1;
        }
        int most = Limits.TX_BATCH_FRAMES;
        if (!lossless) {
            most = framesMost(flow) - frames;
            if (most <= 0 && flow.inFlight() > 0) {
                await(awaitFrame, flow);
                return -1;
            }
            most = Math.max(1, most);
        }
        boolean first = flow.seq == flow.high;
        boolean idle = flow.inFlight() == 0;
        int sent = emit(flow, flow.seq, n, most);
        if (sent == 0) {
            awaitLink(flow);
            return -1;
        }
        flow.seq += sent + (finWent ? 1 : 0);
        sent(flow, first, idle, nowNs);
        return sent;
    }

    private int framesMost(TcpFlow flow) {
        return flow.unit > flow.mss ? Limits.TCP_LOSSY_BURSTS : Limits.TCP_LOSSY_FRAMES;
    }

    private int sendFin(TcpFlow flow, long nowNs) {
        if (!flow.hasRoomForFin()) {
            shut(flow, nowNs);
            return -1;
        }
        boolean first = flow.seq == flow.high;
        boolean idle = flow.inFlight() == 0;
        if (!control.fin(flow)) {
            awaitLink(flow);
            return -1;
        }
        flow.seq = flow.flightEnd() + 1;
        flow.countResent(first ? 0 : 1);
        sent(flow, first, idle, nowNs);
        return 0;
    }

    /** What lies before {@code flow.seq} has left, {@code first}: for the first time; {@code idle}: nothing was in flight before. */
    private void sent(TcpFlow flow, boolean first, boolean idle, long nowNs) {
        reached(flow);
        flow.persisting = false;
        if (first && !flow.timed) {
            flow.timed = true;
            flow.timedSeq = flow.seq;
            flow.timedNs = nowNs;
        }
        if (idle) {
            wait(flow, nowNs + patienceNs(flow));
        }
        count(flow);
    }

    private static void reached(TcpFlow flow) {
        flow.high = Seq.max(flow.high, flow.seq);
        if (flow.toGuest() == TcpFlow.Half.FIN_SEEN && Seq.isAfter(flow.seq, flow.flightEnd())) {
            flow.toGuestBecomes(TcpFlow.Half.FIN_RELAYED);
        }
    }

    /** How long an acknowledgment may take before something is sent again. */
    static long patienceNs(TcpFlow flow) {
        long timeoutNs = flow.rtt.timeoutNs(flow.retries);
        return mayProbeTail(flow) ? Math.min(flow.rtt.tailProbeNs(), timeoutNs) : timeoutNs;
    }

    /** One segment alone may have its acknowledgment delayed for longer than a probe waits. */
    static boolean mayProbeTail(TcpFlow flow) {
        return flow.rtt.isKnown()
                && flow.retries == 0
                && !flow.tailProbed
                && !flow.recovering
                && flow.inFlight() > flow.unit;
    }

    /** The timer is due at {@code deadlineNs}, or earlier and then looks again. */
    void wait(TcpFlow flow, long deadlineNs) {
        flow.deadlineNs = deadlineNs;
        if (flow.retransmit.isScheduled()) {
            if (flow.retransmit.deadlineNs() - deadlineNs <= 0) {
                return;
            }
            loop.timers().cancel(flow.retransmit);
        }
        loop.timers().schedule(flow.retransmit, deadlineNs);
    }

    void count(TcpFlow flow) {
        if (lossless) {
            return;
        }
        int now = flow.framesInFlight();
        frames += now - flow.frames;
        boolean fewer = now < flow.frames;
        flow.frames = now;
        if (fewer && frames < Limits.TCP_LOSSY_FRAMES) {
            awaitFrame.moveTo(loop.ready());
        }
    }

    /** Sends {@code length} bytes from {@code seq} on in at most {@code framesMost} frames. Returns how many bytes the link took. */
    private int emit(TcpFlow flow, int seq, int length, int framesMost) {
        finWent = false;
        int headers = TcpControl.headers(flow);
        int wanted = Math.min(framesMost, length / flow.unit + flow.flight.chunkCount() + 1);
        int room = link.reserve(flow.queue, batch, Math.min(wanted, batch.capacity()), headers, flow.unit);
        if (room == 0) {
            return 0;
        }
        flow.flight.seek(Seq.diff(seq, flow.una));
        int left = length;
        int n = 0;
        while (n < room && left > 0) {
            int payload = Math.min(Math.min(left, flow.unit), flow.flight.contiguous());
            compose(flow, n, seq + length - left, payload);
            flow.flight.skip(payload);
            left -= payload;
            n++;
        }
        int ack = flow.ackNumber();
        int taken = link.commit(flow.queue, batch, n);
        if (taken <= 0) {
            return 0;
        }
        TcpControl.acknowledged(flow, ack);
        int again = Seq.diff(flow.high, seq); // so many bytes from seq on went before
        int bytes = 0;
        for (int i = 0; i < taken; i++) {
            int payload = batch.length(i) - headers;
            if (bytes < again) {
                flow.countResent((Math.min(payload, again - bytes) + flow.mss - 1) / flow.mss);
            }
            bytes += payload;
        }
        finWent = taken == n && flow.isFinBehind(seq + bytes);
        return bytes;
    }

    private void compose(TcpFlow flow, int i, int seq, int payload) {
        MemorySegment data = flow.flight.memory();
        long at = flow.flight.at();
        int end = seq + payload;
        if (i > 0 && payload == alikePayload && end != flow.flightEnd()) {
            composeAlike(i, seq, payload, data, at);
            return;
        }
        int flags = Tcp.ACK;
        if (end == flow.flightEnd()) {
            flags |= Tcp.PSH;
        }
        if (flow.isFinBehind(end)) {
            flags |= Tcp.FIN;
        }
        MemorySegment out = batch.header(i);
        long header = batch.headerAt(i);
        long tcp = header + batch.headerLength(i) - Tcp.LENGTH;
        control.header(flow, out, header, seq, flags, payload);
        int sum = TcpControl.pseudo(flow, Tcp.LENGTH + payload);
        if (offloads.csum()) {
            Tcp.checksum(out, tcp, sum);
            offload(flow, batch.offload(i), batch.headerLength(i), payload);
        } else {
            sum = Checksum.add(sum, 0, out, tcp, Tcp.LENGTH);
            alikeSum = Checksum.without32(sum, seq);
            Tcp.checksum(out, tcp, Checksum.of(Checksum.add(sum, Tcp.LENGTH, data, at, payload)));
        }
        alike = i;
        alikePayload = flags == Tcp.ACK ? payload : NONE;
        batch.borrow(i, data, at, payload);
    }

    /** A frame of the same length as frame {@link #alike}, and in nothing else than number and data different. */
    private void composeAlike(int i, int seq, int payload, MemorySegment data, long at) {
        MemorySegment out = batch.header(i);
        long header = batch.headerAt(i);
        int length = batch.headerLength(i);
        long tcp = header + length - Tcp.LENGTH;
        MemorySegment.copy(batch.header(alike), batch.headerAt(alike), out, header, length);
        Tcp.seq(out, tcp, seq);
        if (offloads.csum()) {
            batch.offload(i).set(batch.offload(alike));
        } else {
            int sum = Checksum.with32(alikeSum, seq);
            Tcp.checksum(out, tcp, Checksum.of(Checksum.add(sum, Tcp.LENGTH, data, at, payload)));
        }
        batch.borrow(i, data, at, payload);
    }

    /** The guest's kernel cuts up what is longer than a segment, and nobody computes checksums. */
    private static void offload(TcpFlow flow, Offload offload, int headers, int payload) {
        offload.flags = Offload.NEEDS_CSUM;
        offload.csumStart = headers - Tcp.LENGTH;
        offload.csumOffset = Tcp.CHECKSUM;
        if (payload > flow.mss) {
            offload.gsoType = flow.isV4() ? Offload.GSO_TCPV4 : Offload.GSO_TCPV6;
            offload.gsoSize = flow.mss;
            offload.hdrLen = headers;
        }
    }

    /** The first segment that the guest has not acknowledged goes again; if the link has no room, the timer sends it. */
    void resendFirst(TcpFlow flow) {
        resend(flow, flow.una);
    }

    /** A segment from {@code seq} on goes again. The peer's FIN may go with it for the first time, but no byte. */
    void resend(TcpFlow flow, int seq) {
        flow.timed = false;
        int length = Math.min(Seq.diff(Seq.min(flow.high, flow.flightEnd()), seq), flow.unit);
        if (length > 0) {
            int sent = emit(flow, seq, length, 1);
            if (finWent) {
                flow.seq = Seq.max(flow.seq, seq + sent + 1);
                reached(flow);
            }
        } else {
            flow.countResent(control.fin(flow) ? 1 : 0);
        }
    }

    /** All that the guest has not acknowledged is yet to be sent. */
    void rewind(TcpFlow flow) {
        flow.seq = flow.una;
        flow.timed = false;
        flow.recovering = false;
        flow.recover = flow.high;
        flow.duplicates = 0;
        count(flow);
    }

    void onLinkWritable() {
        awaitLink.moveTo(loop.ready());
    }

    void onLinkUp(Caps caps) {
        up = true;
        lossless = caps.lossless();
        offloads = caps.toGuest();
        frameBytes = caps.maxFrameBytes();
    }

    void onLinkDown() {
        up = false;
        awaitLink.moveTo(loop.ready());
        awaitFrame.moveTo(loop.ready());
    }

    /** What is in flight is void: the link, or the guest's driver, began anew. */
    void restart(TcpFlow flow) {
        fit(flow, flow.mss);
        rewind(flow);
        flow.retries = 0;
        flow.persisting = false;
        flow.cap = Limits.TCP_IN_FLIGHT_FIRST_BYTES;
        wake(flow);
    }

    /** The guest has the first {@code bytes} of the buffer. */
    void drop(TcpFlow flow, int bytes) {
        flow.flight.drop(bytes);
        busy -= bytes > 0 && flow.flight.isEmpty() ? 1 : 0;
        awaitChunk.moveTo(loop.ready());
    }

    /** {@code flow} ends. */
    void forget(TcpFlow flow) {
        drop(flow, flow.flight.length());
        frames -= flow.frames;
        flow.frames = 0;
        awaitFrame.moveTo(loop.ready());
        loop.ready().remove(flow.ready);
    }
}
