package io.passatelli.proto.udp;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.TimerWheel;
import io.passatelli.flow.Flow;
import io.passatelli.flow.FlowView;
import io.passatelli.forward.DatagramListener;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Os;
import org.jspecify.annotations.Nullable;

/** The datagrams between one endpoint of the guest and one far endpoint, and the connected socket that carries them. Pooled: used again after its end. */
final class UdpFlow extends Flow {
    /** {@link #hops} before the guest has said any. */
    static final int HOPS_UNKNOWN = -1;

    final TimerWheel.Timer idle = new Idle();
    final ReadyList.Node ready = new Ready();
    private final UdpTranslator owner;

    /** The socket, or {@link Os#NONE} while the flow lies in the pool. */
    int fd = Os.NONE;
    /** The host-side endpoint that the socket is connected to; its port is the far one. */
    long hostHigh;

    long hostLow;
    /** Of a link-local {@link #hostHigh} that spoke first: its interface; else 0. */
    int hostScope;
    /** Where the first datagram of a peer was sent to; only with {@link #from}. */
    long localHigh;

    long localLow;
    /** The listener that the first datagram came from; null: the guest's was the first. */
    @Nullable
    DatagramListener from;

    /** What the listener's marks were then, {@link DatagramListener#isAhead}. */
    long fromEmpties;

    long fromTaken;
    /** Whether the loop watches the socket. */
    boolean watched;
    /** Before it was connected the socket may have got datagrams of others: until it was found empty once. */
    boolean strangers;
    /** The error queue has, or may have, entries. */
    boolean errorsDue;
    /** The socket takes several datagrams as one (UDP_SEGMENT), as far as we know. */
    boolean segments;
    /** TTL or hop limit that the socket sends with. */
    int hops;
    /** The link's queue that its last datagram came from: those to the guest leave there. */
    int queue;
    /** When a datagram went last, either way. */
    long usedNs;

    /** Since the idle timer looked last, the guest has said nothing. */
    boolean guestQuiet;

    boolean guestSpoke;
    boolean hostSpoke;
    /** One of them more than once. */
    boolean again;

    UdpFlow(UdpTranslator owner) {
        this.owner = owner;
    }

    /** What the guest said last; more than that a table need not know. */
    @HotPath
    void onGuest(int onQueue, long nowNs) {
        queue = onQueue;
        usedNs = nowNs;
        guestQuiet = false;
        again |= guestSpoke;
        guestSpoke = true;
    }

    @HotPath
    void onHost(long nowNs) {
        usedNs = nowNs;
        again |= hostSpoke;
        hostSpoke = true;
    }

    /** Both have spoken, and not only in question and answer. */
    boolean isStream() {
        return guestSpoke && hostSpoke && again;
    }

    /** Whether the listener may still hold what the peer sent before this socket was there. */
    @HotPath
    boolean isBehind() {
        return from != null && from.isAhead(fromEmpties, fromTaken);
    }

    @HotPath
    boolean isPeer(long high, long low, int port) {
        return low == hostLow && high == hostHigh && port == farPort();
    }

    /** As new. */
    void reset() {
        assert fd == Os.NONE && !watched;
        hostScope = 0;
        from = null;
        strangers = true;
        errorsDue = false;
        segments = UdpToHost.SEGMENTS;
        hops = HOPS_UNKNOWN;
        queue = 0;
        guestQuiet = false;
        guestSpoke = false;
        hostSpoke = false;
        again = false;
    }

    /** It begins now. */
    void begin(long nowNs) {
        beginsNow(nowNs);
        usedNs = nowNs;
    }

    @Override
    public FlowView view(long nowNs) {
        return view(
                FlowView.Protocol.UDP,
                from == null ? FlowView.Origin.GUEST : FlowView.Origin.HOST,
                new Ip(hostHigh, hostLow),
                isStream() ? "stream" : "single",
                usedNs,
                null,
                nowNs);
    }

    private final class Idle extends TimerWheel.Timer {
        @Override
        protected void due(long nowNs) {
            owner.onIdle(UdpFlow.this, nowNs);
        }

        @Override
        public void onFault(Throwable thrown) {
            owner.end(UdpFlow.this);
        }
    }

    private final class Ready extends ReadyList.Node {
        @HotPath
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            return owner.onVisit(UdpFlow.this, allowanceBytes, nowNs);
        }

        @Override
        protected void onFault(Throwable thrown) {
            owner.end(UdpFlow.this);
        }
    }
}
