package io.passatelli.proto.tcp;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.TimerWheel;
import io.passatelli.flow.Flow;
import io.passatelli.flow.FlowView;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Os;
import io.passatelli.wire.Seq;
import io.passatelli.wire.TcpOptions;
import org.jspecify.annotations.Nullable;

/**
 * One TCP connection of the guest and the host socket that stands for the other end of it. Two kernels have a connection each, the guest's
 * with us and the host's with the peer; this is what has to be known between them. Pooled: used again after its end.
 *
 * <p><b>States.</b> {@link Phase} is the way in, and a {@link Half} for each direction the way out. The host kernel owns the peer's half of
 * everything: that a connection came about, that its bytes were acknowledged, TIME-WAIT. Never stored: the peer's window, sequence numbers of
 * the host side, a congestion window.
 *
 * <pre>
 *   guest's SYN ─ SYN_FROM_GUEST ─ connect(2) done ─ SYN_ACK_TO_GUEST ─ guest's ACK ─┐
 *                                                                                    ├─ ESTABLISHED ─ both halves done, or a reset ─ CLOSED
 *   accept(2) ─── SYN_TO_GUEST ─── guest's SYN,ACK ─────────────────────────────────┘
 *
 *   toSocket: OPEN ─ guest's FIN in order ─ FIN_SEEN ─ stash empty, shutdown(2) ─ FIN_RELAYED
 *   toGuest:  OPEN ─ recvmsg(2) says 0 ─ FIN_SEEN ─ all data sent, FIN sent ─ FIN_RELAYED ─ guest's ACK of it ─ FIN_ACKED
 * </pre>
 *
 * <p><b>Guest to host</b>, numbers of the guest's sequence space: {@code acked ≤ taken ≤ next ≤ edge}, but that the guest's FIN may stand
 * at the edge. What lies between taken and next is in the stash. {@code edge} never moves left.
 *
 * <p><b>Host to guest</b>, numbers of ours: {@code una ≤ seq ≤ high}. The bytes from una on are in {@link #flight}, also those that are yet to
 * be sent. A rewind sets seq back; high remembers what the guest may acknowledge.
 *
 * <p><b>Timers.</b> {@link #retransmit} for whatever the guest owes us an answer to, in every phase; {@link #stashAck} for what we owe the
 * guest; {@link #idle} for silence. They are moved lazily: one that is due too early looks at {@link #deadlineNs} and waits again.
 */
final class TcpFlow extends Flow {
    /** The way in. */
    enum Phase {
        CLOSED,
        SYN_FROM_GUEST,
        SYN_ACK_TO_GUEST,
        SYN_TO_GUEST,
        ESTABLISHED;

        boolean mayBecome(Phase next) {
            return switch (this) {
                case CLOSED -> next == SYN_FROM_GUEST || next == SYN_TO_GUEST;
                case SYN_FROM_GUEST -> next == SYN_ACK_TO_GUEST || next == CLOSED;
                case SYN_ACK_TO_GUEST, SYN_TO_GUEST -> next == ESTABLISHED || next == CLOSED;
                case ESTABLISHED -> next == CLOSED;
            };
        }
    }

    /** The way out, of one direction. */
    enum Half {
        OPEN,
        FIN_SEEN,
        FIN_RELAYED,
        FIN_ACKED;

        boolean mayBecome(Half next) {
            return switch (this) {
                case OPEN -> next == FIN_SEEN;
                case FIN_SEEN -> next == FIN_RELAYED;
                case FIN_RELAYED -> next == FIN_ACKED;
                case FIN_ACKED -> false;
            };
        }
    }

    final TimerWheel.Timer retransmit = new Retransmit();
    final TimerWheel.Timer stashAck = new StashAck();
    final TimerWheel.Timer idle = new Idle();
    final ReadyList.Node ready = new Ready();
    /** {@link #ready} was put into one of {@link HostData}'s lists; it may be in the loop's by now. */
    boolean awaits;

    private final TcpTranslator owner;

    private Phase phase = Phase.CLOSED;
    private Half toSocket = Half.OPEN;
    private Half toGuest = Half.OPEN;

    /** The socket, or {@link Os#NONE}. */
    int fd = Os.NONE;

    /** Whether the loop watches the socket. */
    boolean watched;
    /** A peer made it, not the guest. */
    boolean fromHost;
    /** The host-side endpoint; its port is the far one. */
    long hostHigh;

    long hostLow;
    /** The link's queue that its last frame came from: those to the guest leave there. */
    int queue;
    /** When the guest last said anything, and when data last went, either way. */
    long guestNs;

    long dataNs;
    /** When the guest was last told of a segment that fits no number of ours. */
    long answeredNs;
    /** The peer is asked by the kernel whether it is there, since the guest asks. */
    boolean keepsAlive;

    // guest to host

    int next;
    int taken;
    int acked;
    int edge;
    /** As far as the edge may be moved by rounding. */
    int edgeMost;

    /** What the socket takes, as far as we know, bytes; counted down. */
    int room;
    /** Of the socket, when it was last asked; 0: not yet. */
    int sndbuf;
    /** The largest window that the guest was offered, bytes. */
    int offered;
    /** How often the socket was looked at without an event, since it last had room. */
    int looks;
    /** The socket is short of room, and EPOLLOUT will tell of more. */
    boolean outDue;

    /** The guest takes blocks of SACK. */
    boolean sacks;
    /** What came behind a gap. */
    final Ahead ahead;
    /** The guest's FIN came, at {@link #finAheadSeq}, and data before it are missing. */
    boolean finAhead;

    int finAheadSeq;

    final ChunkQueue stash;
    /** Chunks promised for the stash. */
    int reserved;
    /** What lies in the stash is acknowledged too. */
    boolean ackStash;

    boolean ackDue;
    /** Duplicate acknowledgments that are yet to be sent. */
    int duplicatesDue;
    /** The guest was told of the gap behind {@link #next}. */
    boolean gapTold;
    /** Bytes of the guest were dropped for want of room: it has to be told when there is some. */
    boolean missed;

    // its segments in the batch, see GuestData
    int firstEntry = GuestData.NONE;
    int lastEntry = GuestData.NONE;

    @Nullable
    TcpFlow nextTouched;

    // host to guest

    int una;
    int seq;
    int high;

    /** Of the last acceptable segment, bytes. */
    int window;

    /** The most that it ever was: what the guest's buffer is like. */
    int windowMost;
    /** Sequence and acknowledgment number of the segment that the window is from, RFC 9293 §3.10.7.4. */
    int windowSeq;

    int windowAck;
    /** By which the guest's window counts. */
    int guestScale;
    /** By which ours counts; 0: the guest does not scale. */
    int ourScale;

    /** Payload of the longest segment that the guest takes, bytes. */
    int mss;
    /** Payload of the longest frame: {@link #mss}, or a multiple of it that the link cuts up. */
    int unit;

    final ChunkQueue flight;
    /** Bytes in flight that are allowed now. */
    int cap;
    /** The last pass stopped for {@link #cap}, so more may be useful. */
    boolean capped;
    /** Frames in flight, on a lossy link. */
    int frames;

    /** The socket has, or may have, data or an end. */
    boolean readable;
    /** The peer will send no more: after the data a read says 0. */
    boolean ending;
    /** The socket has an error; what can be read still goes first. */
    boolean failed;
    /** A read may end at urgent data, so a short one does not say that nothing is left. */
    boolean urgent;

    final RoundTrip rtt = new RoundTrip();
    /** The number whose acknowledgment ends the sample that is being taken, and when it began. */
    int timedSeq;

    long timedNs;
    boolean timed;

    int duplicates;
    /** A segment was lost, and those up to {@link #recover} are not known to have arrived. */
    boolean recovering;

    int recover;
    /** What the timer sent without an answer. */
    int retries;
    /** The guest's window is closed, and {@link #retransmit} asks whether it still is. */
    boolean persisting;

    /** How often it asked, and when last. */
    int probes;

    long probedNs;
    /** The tail was sent again since the guest last acknowledged. */
    boolean tailProbed;

    long deadlineNs;

    /** Our SYN or SYN,ACK went, so each further one is the same again. */
    boolean synWent;
    /** Segments that were sent again, and how often for want of an answer. */
    private int resent;

    private int timeOuts;
    private final TcpFlows.Totals totals;

    TcpFlow(TcpTranslator owner, TcpFlows.Pools pools) {
        this.owner = owner;
        totals = pools.totals();
        ahead = new Ahead(pools.ahead());
        stash = new ChunkQueue(pools.stashes(), Limits.TCP_STASH_CHUNKS);
        flight = new ChunkQueue(pools.flights(), Limits.TCP_IN_FLIGHT_MOST_BYTES / Limits.TCP_CHUNK_BYTES + 1);
    }

    /** {@code segments} have gone to the guest that went before. */
    @HotPath
    void countResent(int segments) {
        resent += segments;
        totals.resent += segments;
    }

    /** The guest did not answer in time. */
    @HotPath
    void countTimeOut() {
        timeOuts++;
        totals.timeOuts++;
    }

    Phase phase() {
        return phase;
    }

    /** What the guest says, on its way to the peer. */
    Half toSocket() {
        return toSocket;
    }

    /** What the peer says, on its way to the guest. */
    Half toGuest() {
        return toGuest;
    }

    void become(Phase then) {
        assert phase.mayBecome(then) : phase + " to " + then;
        phase = then;
    }

    void toSocketBecomes(Half then) {
        assert toSocket.mayBecome(then) : toSocket + " to " + then;
        assert then != Half.FIN_ACKED : "the kernel's affair";
        toSocket = then;
    }

    void toGuestBecomes(Half then) {
        assert toGuest.mayBecome(then) : toGuest + " to " + then;
        toGuest = then;
    }

    @HotPath
    boolean isV4() {
        return Ip.isV4(guestHigh(), guestLow());
    }

    @HotPath
    boolean isOpen() {
        return phase == Phase.ESTABLISHED;
    }

    /** Sequence numbers that the guest has not acknowledged, of those sent since the last rewind. */
    @HotPath
    int inFlight() {
        return Seq.diff(seq, una);
    }

    /** The frames that {@link #inFlight} makes. */
    @HotPath
    int framesInFlight() {
        return (inFlight() + unit - 1) / unit;
    }

    /** Behind the last byte that was read from the socket: where our FIN stands, or will. */
    @HotPath
    int flightEnd() {
        return una + flight.length();
    }

    /** Whether the peer's end was seen, and the guest is yet to acknowledge our FIN. */
    @HotPath
    private boolean isFinWanted() {
        return toGuest == Half.FIN_SEEN || toGuest == Half.FIN_RELAYED;
    }

    /** Our FIN takes a number, which has to fit into the window: a guest may drop what does not, and the data with it. */
    @HotPath
    boolean hasRoomForFin() {
        return flight.length() < window;
    }

    /** Whether our FIN follows the byte before {@code end} at once. */
    @HotPath
    boolean isFinBehind(int end) {
        return end == flightEnd() && hasRoomForFin() && isFinWanted();
    }

    /** Whether our FIN is next, for the first time or again. */
    @HotPath
    boolean isFinNext() {
        return isFinWanted() && seq == flightEnd();
    }

    /** What an acknowledgment says now: never more than kernel and stash hold. */
    @HotPath
    int ackNumber() {
        return ackStash ? heldEnd() : taken;
    }

    /** Behind the last byte that kernel or stash hold; a FIN that is yet to be relayed is not among them. */
    @HotPath
    int heldEnd() {
        return toSocket == Half.FIN_SEEN ? next - 1 : next;
    }

    /** Both have said all, and the guest knows. */
    boolean isDone() {
        return toSocket == Half.FIN_RELAYED && toGuest == Half.FIN_ACKED;
    }

    /** As new, for a connection whose first sequence number to the guest is {@code isn}. */
    void begin(boolean byHost, long nowNs) {
        assert phase == Phase.CLOSED && fd == Os.NONE && !watched;
        assert ahead.isEmpty() && stash.isEmpty() && flight.isEmpty() && reserved == 0 && frames == 0;
        beginsNow(nowNs);
        become(byHost ? Phase.SYN_TO_GUEST : Phase.SYN_FROM_GUEST);
        toSocket = Half.OPEN;
        toGuest = Half.OPEN;
        fromHost = byHost;
        queue = 0;
        guestNs = dataNs = nowNs;
        answeredNs = nowNs - TcpTranslator.ANSWER_GAP_NS;
        keepsAlive = false;
        next = taken = acked = edge = edgeMost = 0;
        room = sndbuf = 0;
        outDue = ackStash = ackDue = gapTold = missed = finAhead = sacks = false;
        duplicatesDue = offered = looks = 0;
        window = windowMost = windowSeq = windowAck = 0;
        guestScale = ourScale = 0;
        mss = unit = TcpOptions.MSS_DEFAULT;
        cap = Limits.TCP_IN_FLIGHT_FIRST_BYTES;
        capped = false;
        readable = ending = failed = urgent = awaits = false;
        rtt.reset();
        timed = false;
        duplicates = 0;
        recovering = tailProbed = persisting = false;
        retries = probes = 0;
        synWent = false;
        resent = timeOuts = 0;
    }

    /** Our first number, of the SYN. */
    void startAt(int isn) {
        una = seq = high = recover = isn;
    }

    @Override
    public FlowView view(long nowNs) {
        FlowView.Tcp tcp = new FlowView.Tcp(
                rtt.isKnown() ? rtt.smoothedNs() / 1_000 : FlowView.Tcp.RTT_UNKNOWN,
                window,
                isOpen() && toSocket == Half.OPEN ? Math.max(0, Seq.diff(edge, next)) : 0,
                inFlight(),
                stash.length(),
                resent,
                timeOuts);
        return view(
                FlowView.Protocol.TCP,
                fromHost ? FlowView.Origin.HOST : FlowView.Origin.GUEST,
                new Ip(hostHigh, hostLow),
                TcpStates.text(this),
                dataNs,
                tcp,
                nowNs);
    }

    private abstract class Due extends TimerWheel.Timer {
        @Override
        public final void onFault(Throwable thrown) {
            owner.onFault(TcpFlow.this);
        }
    }

    private final class Retransmit extends Due {
        @Override
        protected void due(long nowNs) {
            owner.onRetransmit(TcpFlow.this, nowNs);
        }
    }

    private final class StashAck extends Due {
        @Override
        protected void due(long nowNs) {
            owner.onStashAck(TcpFlow.this, nowNs);
        }
    }

    private final class Idle extends Due {
        @Override
        protected void due(long nowNs) {
            owner.onIdle(TcpFlow.this, nowNs);
        }
    }

    private final class Ready extends ReadyList.Node {
        @HotPath
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            return owner.onVisit(TcpFlow.this, allowanceBytes, nowNs);
        }

        @Override
        protected void onFault(Throwable thrown) {
            owner.onFault(TcpFlow.this);
        }
    }
}
