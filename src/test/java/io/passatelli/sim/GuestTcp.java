package io.passatelli.sim;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * One TCP connection of a machine, as Linux keeps it without timestamps: slow start; NewReno with three duplicate ACKs or, with SACK, what the blocks
 * say is missing, and bare duplicate ACKs ignored; RTO of 200 ms at least, delayed ACK, a receive window that grows and never shrinks, persist and keepalive probes at {@code una - 1}, challenge ACKs,
 * TIME-WAIT. What it sends is a {@link Pattern}; so the stream needs no memory.
 *
 * <p>Streams are counted by positions, 64 bits from 0 at the first byte; a FIN takes the position behind the last byte, a SYN position -1.
 */
public final class GuestTcp {
    private static final long MS = 1_000_000;
    private static final long S = 1_000 * MS;
    private static final long NEVER = Long.MAX_VALUE;
    private static final long RTO_LEAST_NS = 200 * MS;
    private static final long RTO_MOST_NS = 120 * S;
    private static final long DELAYED_ACK_NS = 40 * MS;
    private static final long TIME_WAIT_NS = 60 * S;
    private static final long OUT_OF_WINDOW_ACK_NS = 500 * MS; // net.ipv4.tcp_invalid_ratelimit
    private static final int SYN_RETRIES = 6;
    private static final int SYN_LINEAR = 4; // net.ipv4.tcp_syn_linear_timeouts
    private static final int RETRIES = 15; // net.ipv4.tcp_retries2
    private static final int QUICK_ACKS = 16;
    private static final int FIRST_WINDOW_SEGMENTS = 10;
    private static final long CWND_MOST = 16 << 20;
    private static final int MSS_DEFAULT = 536;
    private static final int GSO_BYTES = 65_535 - 14 - 60 - 60;

    public enum State {
        SYN_SENT,
        SYN_RECEIVED,
        ESTABLISHED,
        FIN_WAIT_1,
        FIN_WAIT_2,
        CLOSE_WAIT,
        CLOSING,
        LAST_ACK,
        TIME_WAIT,
        CLOSED
    }

    /** Why a connection is over. */
    public enum End {
        NOT_YET,
        IN_ORDER,
        REFUSED,
        RESET,
        TIMED_OUT,
        ABORTED
    }

    private enum Loss {
        NONE,
        /** After three duplicate ACKs, until all is acknowledged that was sent by then. */
        RECOVERY,
        /** After a time-out. */
        REWOUND
    }

    interface Namer<T> {
        T name(Ip local, int localPort, Ip remote, int remotePort);
    }

    private final SimGuest machine;
    private final Ip local;
    private final int localPort;
    private final Ip remote;
    private final int remotePort;
    private final Traits traits;
    private State state = State.CLOSED;
    private End end = End.NOT_YET;
    private @Nullable Consumer<GuestTcp> accepted;

    // Sending.
    private long seed;
    private long una = -1;
    private long next = -1;
    private long written;
    private boolean finWritten;
    private int peerMss = MSS_DEFAULT;
    private int peerScale;
    private long edge;
    private long lastWindow;
    private long windowSeq = Long.MIN_VALUE;
    private long largestWindow;
    private long cwnd;
    private long ssthresh = Long.MAX_VALUE;
    private Loss loss = Loss.NONE;
    private long recover;
    private long resend;
    private int duplicates;
    private boolean sacks;
    /** What the other side has behind a gap: start to end. */
    private final TreeMap<Long, Long> sacked = new TreeMap<>();
    /** Up to here gaps were filled again in this recovery. */
    private long filled;

    private long smallEnd = -1;
    private long srttNs = -1;
    private long rttvarNs;
    private long rtoNs = S;
    private int backoff;
    private int retries;
    private long timed = -1;
    private long timedAtNs;
    private int probes;

    // Receiving.
    private int peerIsn;
    private long received;
    private long ackedToPeer;
    private long ourEdge;
    private long read;
    private boolean finReceived;
    private long peerFin = Long.MAX_VALUE;
    private int receiveBuffer;
    private int ourScale;
    private long readSinceGrowth;
    private int peerSegment = MSS_DEFAULT;
    private int quickAcks = QUICK_ACKS;
    private final ArrayDeque<byte[]> queue = new ArrayDeque<>();
    private final TreeMap<Long, byte[]> early = new TreeMap<>();
    private boolean orphan;

    // Timers.
    private long resendAtNs = NEVER;
    private long probeAtNs = NEVER;
    private long ackAtNs = NEVER;
    private long keepaliveAtNs = NEVER;
    private long endAtNs = NEVER;
    private long wakeAtNs = NEVER;
    private long lastOutOfWindowAckNs = -S;

    // For checkers.
    private long beyondSent;
    private long beyondWindow;
    private long resent;
    private long timeouts;
    private long reopenedByProbe;
    private boolean probed;

    GuestTcp(SimGuest machine, Ip local, int localPort, Ip remote, int remotePort, Traits traits) {
        this.machine = machine;
        this.local = local;
        this.localPort = localPort;
        this.remote = remote;
        this.remotePort = remotePort;
        this.traits = traits;
        receiveBuffer = traits.receiveBufferBytes();
    }

    <T> T name(Namer<T> by) {
        return by.name(local, localPort, remote, remotePort);
    }

    // ---- the program's side

    /** The stream that it sends is {@link Pattern} {@code value}. */
    public GuestTcp sends(long value) {
        seed = value;
        return this;
    }

    /** Writes up to {@code most} further bytes of the pattern; returns how many the send buffer took. */
    public long write(long most) {
        if (!maySend()) {
            return 0;
        }
        long n = Math.clamp(Math.max(una, 0) + traits.sendBufferBytes() - written, 0, most);
        written += n;
        if (n > 0) {
            output();
        }
        return n;
    }

    private boolean maySend() {
        return !finWritten && (state == State.ESTABLISHED || state == State.CLOSE_WAIT);
    }

    /** Bytes that the program wrote. */
    public long written() {
        return written;
    }

    public boolean isWritable() {
        return maySend() && Math.max(una, 0) + traits.sendBufferBytes() > written;
    }

    /** Bytes that can be read. */
    public long readable() {
        return queue.isEmpty() ? 0 : received - (finReceived ? 1 : 0) - read;
    }

    /** Whether all was read, and the other side said that this is all. */
    public boolean isAtEnd() {
        return finReceived && queue.isEmpty();
    }

    /** Reads at most {@code most} bytes. */
    public byte[] read(int most) {
        byte[] out = new byte[(int) Math.min(most, readable())];
        for (int at = 0; at < out.length; ) {
            byte[] first = queue.remove();
            int n = Math.min(first.length, out.length - at);
            System.arraycopy(first, 0, out, at, n);
            at += n;
            if (n < first.length) {
                queue.addFirst(Arrays.copyOfRange(first, n, first.length));
            }
        }
        if (out.length == 0) {
            return out;
        }
        read += out.length;
        readSinceGrowth += out.length;
        if (readSinceGrowth >= receiveBuffer && receiveBuffer < traits.receiveBufferMost()) {
            receiveBuffer = Math.min(2 * receiveBuffer, traits.receiveBufferMost());
            readSinceGrowth = 0;
        }
        afterRead();
        return out;
    }

    /** {@code tcp_cleanup_rbuf}: a window that became twice as large is said. */
    private void afterRead() {
        if (!isSynchronized() || finReceived) {
            return;
        }
        long open = Math.max(0, ourEdge - received);
        boolean say = ackAtNs != NEVER && received - ackedToPeer > peerSegment;
        if (!say && 2 * open <= receiveBuffer) {
            long would = wouldAdvertise();
            say = would > 0 && would >= 2 * open && would > open;
        }
        if (say) {
            sendAck();
        }
    }

    /** No more will be written: a FIN behind what was. */
    public void shutdownWrite() {
        if (finWritten || state == State.CLOSED || state == State.TIME_WAIT) {
            return;
        }
        finWritten = true;
        switch (state) {
            case ESTABLISHED -> state = State.FIN_WAIT_1;
            case CLOSE_WAIT -> state = State.LAST_ACK;
            case SYN_SENT, SYN_RECEIVED -> throw new IllegalStateException("shutdown before the handshake");
            default -> throw new IllegalStateException("shutdown in " + state);
        }
        output();
    }

    /** close(2): a reset if something is unread, RFC 2525 §2.17. */
    public void close() {
        if (state == State.CLOSED || orphan) {
            return;
        }
        if (state == State.SYN_SENT) {
            over(End.ABORTED);
            return;
        }
        if (!queue.isEmpty()) {
            abort();
            return;
        }
        orphan = true;
        shutdownWrite();
        if (state == State.FIN_WAIT_2) {
            endAtNs = machine.clock.nowNs() + TIME_WAIT_NS;
            schedule();
        }
    }

    /** close(2) with SO_LINGER of no time. */
    public void abort() {
        if (state != State.CLOSED && state != State.TIME_WAIT) {
            if (state != State.SYN_SENT) {
                transmit(Segment.RST | Segment.ACK, next, new byte[0], 0);
            }
            over(End.ABORTED);
        }
    }

    public State state() {
        return state;
    }

    public End end() {
        return end;
    }

    /** The handshake is over, and the connection is not. */
    public boolean isSynchronized() {
        return state != State.CLOSED && state != State.SYN_SENT && state != State.SYN_RECEIVED;
    }

    // ---- for checkers

    /** Acknowledgements of what was never sent. */
    public long beyondSent() {
        return beyondSent;
    }

    /** Segments with bytes that the window had no room for. */
    public long beyondWindow() {
        return beyondWindow;
    }

    /** Segments that were sent again. */
    public long resent() {
        return resent;
    }

    /** How often an acknowledgment of data, or of a SYN, did not come in time; a FIN alone may have to wait until the peer has read. */
    public long timeouts() {
        return timeouts;
    }

    /** How often a window was open again only when a probe asked. */
    public long reopenedByProbe() {
        return reopenedByProbe;
    }

    /** Bytes that the other side acknowledged, without FIN. */
    public long acknowledged() {
        return Math.clamp(una, 0, written);
    }

    public Ip local() {
        return local;
    }

    public int localPort() {
        return localPort;
    }

    public Ip remote() {
        return remote;
    }

    public int remotePort() {
        return remotePort;
    }

    // ---- the handshake

    void connect() {
        state = State.SYN_SENT;
        sendSyn(Segment.SYN);
    }

    void accept(Segment syn, Consumer<GuestTcp> by) {
        state = State.SYN_RECEIVED;
        accepted = by;
        begin(syn);
        sendSyn(Segment.SYN | Segment.ACK);
    }

    private void begin(Segment syn) {
        peerIsn = syn.seq;
        received = 0;
        ackedToPeer = 0;
        peerMss = syn.mss == Segment.NONE ? MSS_DEFAULT : syn.mss;
        boolean scales = syn.windowScale != Segment.NONE && traits.windowScale() != Segment.NONE;
        peerScale = scales ? syn.windowScale : 0;
        ourScale = scales ? traits.windowScale() : 0;
        sacks = syn.sackPermitted && traits.sackPermitted();
        lastWindow = syn.window; // never scaled in a SYN, RFC 7323 §2.2
        largestWindow = syn.window;
        windowSeq = -1;
        cwnd = (long) FIRST_WINDOW_SEGMENTS * mss();
    }

    private void sendSyn(int flags) {
        next = 0;
        Segment out = blank(flags, -1);
        out.mss = traits.mss();
        boolean answers = (flags & Segment.ACK) != 0;
        out.windowScale = answers && ourScale == 0 && peerScale == 0 ? Segment.NONE : traits.windowScale();
        out.sackPermitted = answers ? sacks : traits.sackPermitted();
        int window = Math.min(receiveBuffer, 65_535);
        out.window = window;
        ourEdge = window;
        out.ack = answers ? toAck() : 0;
        timed = timed == -1 && retries == 0 ? 0 : -1;
        timedAtNs = machine.clock.nowNs();
        machine.send(out);
        resendAtNs = machine.clock.nowNs() + S * (1L << Math.max(0, retries - SYN_LINEAR));
        schedule();
    }

    private void inSynSent(Segment s) {
        boolean acks = s.has(Segment.ACK);
        if (acks && s.ack != traits.isn() + 1) {
            machine.answerStranger(s);
            return;
        }
        if (s.has(Segment.RST)) {
            if (acks) {
                over(End.REFUSED);
            }
            return;
        }
        if (!s.has(Segment.SYN) || !acks) {
            return; // a simultaneous open is nothing that we do
        }
        begin(s);
        establish();
        edge = s.window;
        sendAck();
        output();
    }

    private void establish() {
        if (timed == 0) {
            sample(machine.clock.nowNs() - timedAtNs);
        }
        timed = -1;
        una = 0;
        retries = 0;
        backoff = 0;
        resendAtNs = NEVER;
        state = State.ESTABLISHED;
        touchKeepalive();
    }

    // ---- what comes in

    /** RFC 9293 §3.10.7.4, and what Linux makes of TIME-WAIT: a newer SYN begins anew. */
    boolean isReplacedBy(Segment s) {
        if (state == State.CLOSED) {
            return true;
        }
        boolean newer = state == State.TIME_WAIT
                && s.has(Segment.SYN)
                && !s.has(Segment.ACK)
                && !s.has(Segment.RST)
                && position(s.seq) > received;
        if (newer) {
            over(End.IN_ORDER);
        }
        return newer;
    }

    private long position(int seq) {
        return received + (seq - seqOf(peerIsn, received));
    }

    private long acknowledgedPosition(int ack) {
        return una + (ack - seqOf(traits.isn(), una));
    }

    private static int seqOf(int isn, long position) {
        return isn + 1 + (int) position;
    }

    private int toAck() {
        return seqOf(peerIsn, received);
    }

    void arrive(Segment s) {
        if (state == State.SYN_SENT) {
            inSynSent(s);
            return;
        }
        touchKeepalive();
        long from = position(s.seq);
        if (state == State.SYN_RECEIVED && !inSynReceived(s, from)) {
            return;
        }
        if (!isAcceptable(s, from)) {
            return;
        }
        if (s.has(Segment.RST)) {
            if (from == received) {
                over(state == State.TIME_WAIT ? End.IN_ORDER : End.RESET);
            } else {
                challenge();
            }
            return;
        }
        if (s.has(Segment.SYN)) {
            challenge();
            return;
        }
        if (!s.has(Segment.ACK) || !takeAck(s, from) || state == State.CLOSED) {
            return;
        }
        takeData(s, from);
        output();
    }

    private boolean inSynReceived(Segment s, long from) {
        if (s.has(Segment.SYN) && !s.has(Segment.ACK) && from == -1) {
            sendSyn(Segment.SYN | Segment.ACK); // ours got lost
            return false;
        }
        if (s.has(Segment.RST) || s.has(Segment.SYN) || !s.has(Segment.ACK)) {
            return true;
        }
        if (s.ack != traits.isn() + 1) {
            machine.answerStranger(s);
            return false;
        }
        establish();
        edge = (long) s.window << peerScale;
        lastWindow = edge;
        largestWindow = Math.max(largestWindow, edge);
        windowSeq = from;
        Objects.requireNonNull(accepted).accept(this);
        return true;
    }

    /** {@code tcp_sequence}; who is outside hears where we are, {@code tcp_oow_rate_limited}. */
    private boolean isAcceptable(Segment s, long from) {
        long to = from + s.length();
        if (to >= ackedToPeer && from <= Math.max(ourEdge, received)) {
            return true;
        }
        if (from > Math.max(ourEdge, received)) {
            beyondWindow += s.length() > 0 ? 1 : 0;
        }
        if (s.has(Segment.RST)) {
            return false;
        }
        if (s.has(Segment.SYN) || s.length() == 0) {
            challenge();
        } else {
            sendAck();
        }
        if (state == State.TIME_WAIT && s.has(Segment.FIN)) {
            endAtNs = machine.clock.nowNs() + TIME_WAIT_NS;
            schedule();
        }
        return false;
    }

    private void challenge() {
        long nowNs = machine.clock.nowNs();
        if (nowNs - lastOutOfWindowAckNs >= OUT_OF_WINDOW_ACK_NS) {
            lastOutOfWindowAckNs = nowNs;
            sendAck();
        }
    }

    /** {@code tcp_ack}. False: nothing of this segment is to be looked at. */
    private boolean takeAck(Segment s, long from) {
        long ack = acknowledgedPosition(s.ack);
        if (ack > next) {
            beyondSent++;
            return false;
        }
        if (ack < una) {
            if (ack < una - Math.max(largestWindow, 1)) {
                challenge();
                return false;
            }
            return true;
        }
        long window = (long) s.window << peerScale;
        boolean news = false;
        if (ack > una || from > windowSeq || from == windowSeq && (window > lastWindow || window == 0)) {
            news = window != lastWindow;
            if (probed && lastWindow == 0 && window > 0 && s.length() == 0) {
                reopenedByProbe++;
            }
            lastWindow = window;
            windowSeq = from;
            largestWindow = Math.max(largestWindow, window);
            edge = ack + window;
            if (window > 0) {
                probes = 0;
            }
        }
        probed = false;
        boolean told = learn(s, ack);
        if (ack > una) {
            progress(ack);
        } else if (next > una && (sacks ? told : s.length() == 0 && !news)) {
            duplicate();
        }
        return true;
    }

    /** Whether the blocks of {@code s} say something new. */
    private boolean learn(Segment s, long ack) {
        boolean told = false;
        for (int i = 0; sacks && i + 1 < s.blocks.length; i += 2) {
            long start = acknowledgedPosition(s.blocks[i]);
            long end = acknowledgedPosition(s.blocks[i + 1]);
            if (start <= ack || end > next || end <= start) {
                beyondSent++; // and no duplicates are reported, RFC 2883
                continue;
            }
            Map.Entry<Long, Long> before = sacked.floorEntry(start);
            if (before != null && before.getValue() >= end) {
                continue;
            }
            told = true;
            long from = before != null && before.getValue() >= start ? before.getKey() : start;
            long to = end;
            for (Map.Entry<Long, Long> one : new TreeMap<>(sacked.subMap(from, true, end, true)).entrySet()) {
                to = Math.max(to, one.getValue());
                sacked.remove(one.getKey());
            }
            sacked.put(from, to);
        }
        return told;
    }

    /** The first number from {@code from} on that the other side does not have. */
    private long missingFrom(long from) {
        Map.Entry<Long, Long> before = sacked.floorEntry(from);
        return before != null && before.getValue() > from ? before.getValue() : from;
    }

    /** What is missing before the last block goes again, two segments for each acknowledgment; the first once more where three told of others. */
    private void fill() {
        if (++duplicates % 3 == 0) {
            retransmit(una);
        }
        filled = Math.max(filled, una);
        for (int i = 0; i < 2 && !sacked.isEmpty(); i++) {
            filled = missingFrom(filled);
            if (filled >= sacked.lastKey()) {
                return;
            }
            filled += retransmit(filled);
        }
    }

    private void progress(long ack) {
        long nowNs = machine.clock.nowNs();
        long acked = ack - una;
        if (timed >= 0 && ack > timed) {
            sample(nowNs - timedAtNs);
            timed = -1;
        }
        una = ack;
        sacked.headMap(una).clear();
        retries = 0;
        probes = 0;
        duplicates = 0;
        if (loss == Loss.NONE) {
            cwnd = Math.min(CWND_MOST, cwnd + (cwnd < ssthresh ? acked : Math.max(1, (long) mss() * mss() / cwnd)));
        } else if (ack >= recover) {
            cwnd = Math.max(2L * mss(), Math.min(cwnd, ssthresh));
            loss = Loss.NONE;
        } else if (loss == Loss.RECOVERY) {
            cwnd = Math.max(cwnd - acked + mss(), mss()); // RFC 6582 §3.2
            if (sacks) {
                fill();
            } else {
                retransmit(una);
            }
        } else {
            cwnd += Math.min(acked, mss());
            resend = Math.max(resend, una);
        }
        resendAtNs = next > una ? nowNs + rto() : NEVER;
        if (finWritten && una == written + 1) {
            finAcknowledged();
        }
        schedule();
    }

    private void finAcknowledged() {
        switch (state) {
            case FIN_WAIT_1 -> {
                state = State.FIN_WAIT_2;
                if (orphan) {
                    endAtNs = machine.clock.nowNs() + TIME_WAIT_NS; // net.ipv4.tcp_fin_timeout
                }
            }
            case CLOSING -> timeWait();
            case LAST_ACK -> over(End.IN_ORDER);
            default -> {}
        }
    }

    private void duplicate() {
        if (loss == Loss.RECOVERY && sacks) {
            cwnd += mss();
            fill();
            return;
        }
        duplicates++;
        if (loss == Loss.RECOVERY) {
            cwnd += mss();
        } else if ((sacks || duplicates == 3) && loss == Loss.NONE) {
            ssthresh = Math.max((next - una) / 2, 2L * mss());
            cwnd = ssthresh + 3L * mss();
            loss = Loss.RECOVERY;
            recover = next;
            duplicates = 0;
            filled = una + retransmit(una);
        }
    }

    private void takeData(Segment s, long from) {
        if (s.length() == 0) {
            return;
        }
        if (orphan && from + s.data.length > received) {
            transmit(Segment.RST, next, new byte[0], 0); // nobody will read it
            over(End.ABORTED);
            return;
        }
        if (finReceived || state == State.TIME_WAIT) {
            sendAck();
            return;
        }
        byte[] data = s.data;
        if (from + data.length > ourEdge) {
            beyondWindow++;
            data = Arrays.copyOf(data, (int) Math.max(0, ourEdge - from));
        } else if (s.has(Segment.FIN)) {
            peerFin = from + data.length;
        }
        if (data.length > 0) {
            peerSegment = Math.clamp(s.gsoSize > 0 ? s.gsoSize : data.length, peerSegment, 65_535);
        }
        if (from > received) {
            early.merge(from, data, (a, b) -> a.length >= b.length ? a : b);
            quickAcks = QUICK_ACKS;
            sendAck();
            return;
        }
        boolean old = from + s.length() <= received;
        boolean hadGap = !early.isEmpty();
        take(from, data);
        while (!early.isEmpty() && early.firstKey() <= received) {
            Map.Entry<Long, byte[]> first = early.pollFirstEntry();
            take(first.getKey(), first.getValue());
        }
        if (peerFin == received) {
            finArrived();
            return;
        }
        acknowledge(old || hadGap);
    }

    private void take(long from, byte[] data) {
        int skip = (int) Math.min(data.length, received - from);
        if (skip < data.length) {
            queue.add(skip == 0 ? data : Arrays.copyOfRange(data, skip, data.length));
            received += data.length - skip;
        }
    }

    private void finArrived() {
        finReceived = true;
        received++;
        early.clear();
        switch (state) {
            case ESTABLISHED -> state = State.CLOSE_WAIT;
            case FIN_WAIT_1 -> state = State.CLOSING;
            case FIN_WAIT_2 -> timeWait();
            default -> throw new IllegalStateException("FIN in " + state);
        }
        sendAck();
    }

    /** {@code __tcp_ack_snd_check}. */
    private void acknowledge(boolean atOnce) {
        boolean twoSegments = received - ackedToPeer > peerSegment && wouldAdvertise() >= ourEdge - received;
        if (atOnce || twoSegments || quickAcks > 0 || !early.isEmpty()) {
            quickAcks = Math.max(0, quickAcks - 1);
            sendAck();
        } else if (ackAtNs == NEVER) {
            ackAtNs = machine.clock.nowNs() + DELAYED_ACK_NS;
            schedule();
        }
    }

    // ---- what goes out

    /** Payload of one segment, {@code tcp_bound_to_half_wnd}. */
    private int mss() {
        int headers = local.isV4() ? 40 : 60;
        int most = Math.min(peerMss, machine.nic.mtu() - headers);
        long half = largestWindow > MSS_DEFAULT ? largestWindow / 2 : largestWindow;
        return half > 0 && most > half ? (int) Math.max(half, 68 - 40) : most;
    }

    private long inFlight() {
        return switch (loss) {
            case NONE, RECOVERY -> next - una;
            case REWOUND -> resend - una + next - recover;
        };
    }

    private void output() {
        if (!isSynchronized()) {
            return;
        }
        while (loss == Loss.REWOUND && resend < recover && inFlight() < cwnd) {
            resend = missingFrom(resend);
            resend += resend < recover ? retransmit(resend) : 0;
        }
        while ((loss != Loss.REWOUND || resend >= recover) && sendNew()) {
            touchKeepalive();
        }
        boolean waits = written > next || finWritten && next == written;
        if (next > una) {
            probeAtNs = NEVER;
        } else if (waits && probeAtNs == NEVER) {
            probeAtNs = machine.clock.nowNs() + Math.min(rto() << probes, RTO_MOST_NS);
        } else if (!waits) {
            probeAtNs = NEVER;
        }
        schedule();
    }

    /** {@code tcp_write_xmit}: one segment, if congestion, window and Nagle let it go. */
    private boolean sendNew() {
        long waiting = written - next;
        boolean finOnly = finWritten && next == written;
        if (waiting <= 0 && !finOnly || inFlight() >= cwnd) {
            return false;
        }
        int mss = mss();
        long length = Math.max(0, Math.min(waiting, mss));
        if (next + length + (finOnly ? 1 : 0) > edge) {
            return false;
        }
        if (machine.nic.segmentation() && waiting > mss) {
            long most = Math.min(Math.min(waiting, GSO_BYTES), Math.min(edge - next, cwnd - inFlight()));
            length = Math.max(length, most / mss * mss);
        }
        boolean last = next + length == written;
        boolean fin = last && finWritten && next + length + 1 <= edge;
        boolean small = length % mss != 0;
        if (small && !fin && !traits.noDelay() && next > una && smallEnd > una) {
            return false; // Nagle, as Minshall would have it
        }
        if (small) {
            smallEnd = next + length;
        }
        if (timed < 0) {
            timed = next;
            timedAtNs = machine.clock.nowNs();
        }
        byte[] data = Pattern.bytes(seed, next, (int) length);
        int gso = length > mss ? mss : 0;
        transmit(Segment.ACK | (last ? Segment.PSH : 0) | (fin ? Segment.FIN : 0), next, data, gso);
        next += length + (fin ? 1 : 0);
        if (resendAtNs == NEVER) {
            resendAtNs = machine.clock.nowNs() + rto();
        }
        return true;
    }

    /** Sends one segment from {@code from} on again; returns what it takes of the sequence space. */
    private long retransmit(long from) {
        timed = -1; // Karn
        resent++;
        Long present = sacked.higherKey(from);
        long end = present == null ? Math.min(written, next) : present;
        long length = Math.min(end - from, mss());
        boolean fin = finWritten && from + length == written && next == written + 1;
        transmit(Segment.ACK | (fin ? Segment.FIN : 0), from, Pattern.bytes(seed, from, (int) length), 0);
        return length + (fin ? 1 : 0);
    }

    private void sendAck() {
        transmit(Segment.ACK, next, new byte[0], 0);
    }

    private void transmit(int flags, long from, byte[] data, int gso) {
        Segment out = blank(flags, from);
        out.data = data;
        out.gsoSize = gso;
        out.ack = toAck();
        long window = wouldAdvertise();
        ourEdge = Math.max(ourEdge, received + window);
        out.window = (int) (window >> ourScale);
        ackedToPeer = received;
        ackAtNs = NEVER;
        machine.send(out);
    }

    private Segment blank(int flags, long from) {
        Segment out = new Segment();
        out.src = local;
        out.dst = remote;
        out.srcPort = localPort;
        out.dstPort = remotePort;
        out.seq = seqOf(traits.isn(), from);
        out.flags = flags;
        return out;
    }

    /** {@code __tcp_select_window} and {@code tcp_select_window}. */
    private long wouldAdvertise() {
        long open = Math.max(0, ourEdge - received);
        long free = Math.max(0, receiveBuffer - (received - read));
        long window;
        if (free < receiveBuffer / 2 && free < Math.max(receiveBuffer >> 4, Math.min(peerSegment, receiveBuffer / 2))) {
            window = 0;
        } else if (ourScale > 0) {
            window = aligned(free);
        } else {
            window = open <= free - peerSegment || open > free ? free / peerSegment * peerSegment : open;
        }
        window = Math.min(window, 65_535L << ourScale);
        return window < open ? aligned(open) : window;
    }

    private long aligned(long bytes) {
        long unit = 1L << ourScale;
        return (bytes + unit - 1) / unit * unit;
    }

    // ---- time

    private void sample(long rttNs) {
        if (srttNs < 0) {
            srttNs = rttNs;
            rttvarNs = rttNs / 2;
        } else {
            rttvarNs += (Math.abs(srttNs - rttNs) - rttvarNs) / 4;
            srttNs += (rttNs - srttNs) / 8;
        }
        rtoNs = srttNs + Math.max(RTO_LEAST_NS, 4 * rttvarNs);
        backoff = 0;
    }

    private long rto() {
        return Math.min(rtoNs << Math.min(backoff, 20), RTO_MOST_NS);
    }

    private void touchKeepalive() {
        if (traits.keepaliveNs() > 0) {
            keepaliveAtNs = machine.clock.nowNs() + traits.keepaliveNs();
            schedule();
        }
    }

    private void timeWait() {
        state = State.TIME_WAIT;
        end = End.IN_ORDER;
        resendAtNs = NEVER;
        probeAtNs = NEVER;
        keepaliveAtNs = NEVER;
        endAtNs = machine.clock.nowNs() + TIME_WAIT_NS;
        schedule();
    }

    private void over(End why) {
        if (end == End.NOT_YET) {
            end = why;
        }
        state = State.CLOSED;
        resendAtNs = NEVER;
        probeAtNs = NEVER;
        ackAtNs = NEVER;
        keepaliveAtNs = NEVER;
        endAtNs = NEVER;
        machine.forget(this);
    }

    private long nextNs() {
        long timers = Math.min(Math.min(resendAtNs, probeAtNs), Math.min(ackAtNs, keepaliveAtNs));
        return Math.min(timers, endAtNs);
    }

    /** Timers only ever move; the clock is asked again when it called too early. */
    private void schedule() {
        long atNs = nextNs();
        if (atNs < wakeAtNs) {
            wakeAtNs = atNs;
            machine.clock.in(Math.max(0, atNs - machine.clock.nowNs()), () -> wake(atNs));
        }
    }

    private void wake(long calledNs) {
        if (calledNs != wakeAtNs) {
            return; // an earlier call replaced this one
        }
        wakeAtNs = NEVER;
        long nowNs = machine.clock.nowNs();
        if (endAtNs <= nowNs) {
            over(End.IN_ORDER);
            return;
        }
        if (ackAtNs <= nowNs) {
            sendAck();
        }
        if (resendAtNs <= nowNs) {
            timedOut();
        }
        if (probeAtNs <= nowNs) {
            probe();
        }
        if (keepaliveAtNs <= nowNs) {
            touchKeepalive();
            if (isSynchronized() && next == una) {
                transmit(Segment.ACK, una - 1, new byte[0], 0);
            }
        }
        schedule();
    }

    private void timedOut() {
        resendAtNs = NEVER;
        timeouts += una == written ? 0 : 1;
        boolean syn = state == State.SYN_SENT || state == State.SYN_RECEIVED;
        if (++retries > (syn ? SYN_RETRIES : RETRIES)) {
            over(End.TIMED_OUT);
            return;
        }
        if (syn) {
            resent++;
            sendSyn(state == State.SYN_SENT ? Segment.SYN : Segment.SYN | Segment.ACK);
            return;
        }
        if (loss != Loss.REWOUND || retries == 1) {
            ssthresh = Math.max((next - una) / 2, 2L * mss());
        }
        backoff++;
        cwnd = mss();
        duplicates = 0;
        loss = Loss.REWOUND;
        recover = next;
        resend = una + retransmit(una);
        resendAtNs = machine.clock.nowNs() + rto();
    }

    /** {@code tcp_write_wakeup}: what a window smaller than a segment lets go, or a probe. */
    private void probe() {
        probeAtNs = NEVER;
        long room = edge - next;
        if (room > 0 && written > next) {
            int length = (int) Math.min(Math.min(room, written - next), mss());
            transmit(Segment.ACK | Segment.PSH, next, Pattern.bytes(seed, next, length), 0);
            next += length;
            resendAtNs = machine.clock.nowNs() + rto();
        } else {
            probed = true;
            probes = Math.min(probes + 1, 15);
            transmit(Segment.ACK, una - 1, new byte[0], 0);
            output();
        }
    }

    @Override
    public String toString() {
        return local + " " + localPort + ", " + remote + " " + remotePort + " " + state + " sent " + una + "/" + next
                + "/" + written
                + (finWritten ? "+FIN" : "") + " edge " + edge + " received " + read + "/" + received + " edge "
                + ourEdge + " end " + end;
    }
}
