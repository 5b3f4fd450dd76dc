package io.passatelli.proto.tcp;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.guest.FrameComposer;
import io.passatelli.link.Link;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Seq;
import io.passatelli.wire.Tcp;
import io.passatelli.wire.TcpOptions;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Segments without payload, and the headers of those with. Numbers of RFC 9293 §3.10: acknowledgments and resets carry the number behind the
 * highest one ever sent, also after a rewind; the guest would not take an older one.
 */
@HotPath
final class TcpControl {
    private static final int HEADERS_MOST =
            FrameComposer.ETHERNET_IP6 + Tcp.LENGTH + TcpOptions.sackLength(TcpOptions.SACK_BLOCKS);

    private final Link link;
    private final FrameComposer composer;
    private final MemorySegment scratch = Arena.ofAuto().allocate(HEADERS_MOST, Long.BYTES);
    private final Offload plain = new Offload();
    private final MemorySegment waiting =
            Arena.ofAuto().allocate((long) Limits.TCP_RESETS_WAITING * HEADERS_MOST, Long.BYTES);
    private final int[] waitingLength = new int[Limits.TCP_RESETS_WAITING];
    private final int[] waitingQueue = new int[Limits.TCP_RESETS_WAITING];
    private int resets;

    TcpControl(Link link, FrameComposer composer) {
        this.link = link;
        this.composer = composer;
    }

    /** Bytes of all headers of a segment of {@code flow} that has no options. */
    static int headers(TcpFlow flow) {
        return FrameComposer.ipHeaders(flow.guestHigh(), flow.guestLow()) + Tcp.LENGTH;
    }

    /** An acknowledgment of all that can be, which also says the window, and what is here behind a gap. False if the link has no room. */
    boolean ack(TcpFlow flow) {
        return send(flow, Tcp.ACK, flow.high, flow.sacks ? Math.min(flow.ahead.count(), TcpOptions.SACK_BLOCKS) : 0);
    }

    /** Our FIN, for the first time or again. */
    boolean fin(TcpFlow flow) {
        return send(flow, Tcp.FIN | Tcp.ACK, flow.flightEnd(), 0);
    }

    /** A segment that the guest has to answer: it lies before all that it waits for, RFC 9293 §3.8.4 and §3.8.6.1. */
    boolean probe(TcpFlow flow) {
        return send(flow, Tcp.ACK, flow.una - 1, 0);
    }

    private boolean send(TcpFlow flow, int flags, int seq, int blocks) {
        int headers = headers(flow);
        int tcp = headers - Tcp.LENGTH;
        int ack = flow.ackNumber();
        int options = blocks == 0 ? 0 : TcpOptions.sackLength(blocks);
        header(flow, scratch, 0, seq, flags, options);
        if (blocks > 0) {
            Tcp.headerLength(scratch, tcp, Tcp.LENGTH + options);
            sack(flow, headers, blocks);
        }
        checksum(flow, scratch, tcp, Tcp.LENGTH + options);
        if (!link.control(flow.queue, scratch, 0, headers + options, plain)) {
            return false;
        }
        acknowledged(flow, ack);
        return true;
    }

    /** The ranges that came ahead, the one that grew last first, RFC 2018 §4. */
    private void sack(TcpFlow flow, int at, int blocks) {
        TcpOptions.sack(scratch, at, blocks);
        for (int i = 0; i < blocks; i++) {
            TcpOptions.sackBlock(scratch, at, i, flow.ahead.start(i), flow.ahead.end(i));
        }
    }

    /** {@code flow} has told the guest {@code ack}. */
    static void acknowledged(TcpFlow flow, int ack) {
        flow.acked = ack;
        flow.ackDue = false;
    }

    /** The SYN to the guest, or the answer to its own, with our options; the window in it is not scaled, RFC 7323 §2.2. */
    boolean syn(TcpFlow flow, int ourMss) {
        boolean answer = flow.phase() == TcpFlow.Phase.SYN_ACK_TO_GUEST;
        int headers = headers(flow);
        int tcp = headers - Tcp.LENGTH;
        int scale = answer && flow.ourScale == 0 ? TcpOptions.NONE : Limits.TCP_WINDOW_SCALE;
        int options = TcpOptions.write(scratch, headers, ourMss, !answer || flow.sacks, scale);
        int length = Tcp.LENGTH + options;
        ip(flow, scratch, 0, length);
        Tcp.start(scratch, tcp, flow.farPort(), flow.guestPort(), length);
        Tcp.seq(scratch, tcp, flow.una);
        Tcp.ack(scratch, tcp, answer ? flow.next : 0);
        Tcp.flags(scratch, tcp, answer ? Tcp.SYN | Tcp.ACK : Tcp.SYN);
        int window = Math.clamp(Seq.diff(flow.edge, flow.next), 0, Tcp.WINDOW_MAX);
        Tcp.window(scratch, tcp, window);
        checksum(flow, scratch, tcp, length);
        return link.control(flow.queue, scratch, 0, headers + options, plain);
    }

    /** Ends the guest's connection, in whatever state it is, RFC 9293 §3.10.7. */
    void reset(TcpFlow flow) {
        int headers = headers(flow);
        int tcp = headers - Tcp.LENGTH;
        boolean early = flow.phase() == TcpFlow.Phase.SYN_FROM_GUEST;
        boolean unheard = flow.phase() == TcpFlow.Phase.SYN_TO_GUEST;
        header(flow, scratch, 0, early ? 0 : flow.high, unheard ? Tcp.RST : Tcp.RST | Tcp.ACK, 0);
        if (unheard) {
            Tcp.ack(scratch, tcp, 0);
        }
        Tcp.window(scratch, tcp, 0);
        checksum(flow, scratch, tcp, Tcp.LENGTH);
        if (!link.control(flow.queue, scratch, 0, headers, plain) && resets < Limits.TCP_RESETS_WAITING) {
            // of more, the guest's next word brings another
            MemorySegment.copy(scratch, 0, waiting, (long) resets * HEADERS_MOST, headers);
            waitingLength[resets] = headers;
            waitingQueue[resets++] = flow.queue;
        }
    }

    /** Sends the resets that the link had no room for, as far as it has room now: a guest that only listens learns of them by nothing else. */
    void resetsThatWait() {
        int sent = 0;
        while (sent < resets
                && link.control(waitingQueue[sent], waiting, (long) sent * HEADERS_MOST, waitingLength[sent], plain)) {
            sent++;
        }
        resets -= sent;
        MemorySegment.copy(waiting, (long) sent * HEADERS_MOST, waiting, 0, (long) resets * HEADERS_MOST);
        System.arraycopy(waitingLength, sent, waitingLength, 0, resets);
        System.arraycopy(waitingQueue, sent, waitingQueue, 0, resets);
    }

    /** Answers a segment that belongs to no connection, and is no reset, RFC 9293 §3.10.7.1. False if the link has no room. */
    boolean resetUnknown(Frame f, int queue) {
        MemorySegment in = f.bytes();
        long from = f.l4();
        int ip = FrameComposer.ipHeaders(f.srcHigh(), f.srcLow());
        int flags = Tcp.flags(in, from);
        boolean acks = (flags & Tcp.ACK) != 0;
        // back to where it came from
        long srcHigh = f.dstHigh();
        long srcLow = f.dstLow();
        long dstHigh = f.srcHigh();
        long dstLow = f.srcLow();
        int srcPort = Tcp.dstPort(in, from);
        int dstPort = Tcp.srcPort(in, from);
        composer.ip(scratch, 0, Ip4.TCP, Tcp.LENGTH, srcHigh, srcLow, dstHigh, dstLow);
        Tcp.start(scratch, ip, srcPort, dstPort, Tcp.LENGTH);
        Tcp.seq(scratch, ip, acks ? Tcp.ack(in, from) : 0);
        Tcp.ack(scratch, ip, acks ? 0 : Tcp.seq(in, from) + f.payloadLength() + numbered(flags));
        Tcp.flags(scratch, ip, acks ? Tcp.RST : Tcp.RST | Tcp.ACK);
        Tcp.window(scratch, ip, 0);
        int sum = Checksum.pseudo(srcHigh, srcLow, dstHigh, dstLow, Ip4.TCP, Tcp.LENGTH);
        Tcp.checksum(scratch, ip, Checksum.of(Checksum.add(sum, 0, scratch, ip, Tcp.LENGTH)));
        return link.control(queue, scratch, 0, ip + Tcp.LENGTH, plain);
    }

    /** Sequence numbers that {@code flags} take. */
    static int numbered(int flags) {
        return ((flags & Tcp.SYN) != 0 ? 1 : 0) + ((flags & Tcp.FIN) != 0 ? 1 : 0);
    }

    private void ip(TcpFlow flow, MemorySegment out, long at, int length) {
        composer.ip(out, at, Ip4.TCP, length, flow.farHigh(), flow.farLow(), flow.guestHigh(), flow.guestLow());
    }

    /** All headers of a segment of {@code payload} bytes, with acknowledgment and window as they are now; the checksum is 0. */
    void header(TcpFlow flow, MemorySegment out, long at, int seq, int flags, int payload) {
        long tcp = at + headers(flow) - Tcp.LENGTH;
        ip(flow, out, at, Tcp.LENGTH + payload);
        Tcp.start(out, tcp, flow.farPort(), flow.guestPort(), Tcp.LENGTH);
        Tcp.seq(out, tcp, seq);
        int ack = flow.ackNumber();
        Tcp.ack(out, tcp, ack);
        Tcp.flags(out, tcp, flags);
        Tcp.window(out, tcp, window(flow, ack));
    }

    /**
     * The field for what lies between {@code ack} and the edge; rounded up, and the edge with it, so that the guest does not see it move left.
     * Where there is no room for that, it is rounded down (RFC 7323 §2.4): many small segments would move the edge as far as they are long.
     */
    private static int window(TcpFlow flow, int ack) {
        int gap = Math.max(0, Seq.diff(flow.edge, ack));
        int up = (gap + (1 << flow.ourScale) - 1) >> flow.ourScale;
        boolean fits = !Seq.isAfter(ack + (up << flow.ourScale), Seq.max(flow.edge, flow.edgeMost));
        int field = Math.min(fits ? up : gap >> flow.ourScale, Tcp.WINDOW_MAX);
        flow.edge = Seq.max(flow.edge, ack + (field << flow.ourScale));
        return field;
    }

    private static void checksum(TcpFlow flow, MemorySegment out, long tcp, int length) {
        int sum = pseudo(flow, length);
        Tcp.checksum(out, tcp, Checksum.of(Checksum.add(sum, 0, out, tcp, length)));
    }

    /** The sum of the pseudo-header of a segment of {@code length} bytes to the guest. */
    static int pseudo(TcpFlow flow, int length) {
        return Checksum.pseudo(flow.farHigh(), flow.farLow(), flow.guestHigh(), flow.guestLow(), Ip4.TCP, length);
    }
}
