package io.passatelli.proto.icmp;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.TimerWheel;
import io.passatelli.flow.Flow;
import io.passatelli.flow.FlowView;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Os;
import io.passatelli.wire.Ip4;

/** The echoes of one guest address and identifier to one destination, and the ping socket that carries them. Pooled: used again after its end. */
final class PingFlow extends Flow {
    /** The socket sends as far as the host does. */
    static final int HOPS_UNSET = 0;

    final TimerWheel.Timer idle = new Idle();
    final ReadyList.Node ready = new Ready();
    private final IcmpTranslator owner;

    /** The ping socket, or {@link Os#NONE} while the flow lies in the pool. */
    int fd = Os.NONE;
    /** The host-side address that the socket is connected to: whoever else answers is not heard. */
    long hostHigh;

    long hostLow;
    /** Whether the loop watches the socket. */
    boolean watched;
    /** TTL or hop limit of its last request, which the socket has. */
    int hops = HOPS_UNSET;
    /** The link's queue that its last request came from: its replies leave there. */
    int queue;
    /** When the guest last sent a request. */
    long usedNs;

    PingFlow(IcmpTranslator owner) {
        this.owner = owner;
    }

    boolean isV4() {
        return protocol() == Ip4.ICMP;
    }

    /** It begins now. */
    void begin(long nowNs) {
        beginsNow(nowNs);
        usedNs = nowNs;
    }

    @Override
    public FlowView view(long nowNs) {
        return view(
                FlowView.Protocol.ICMP, FlowView.Origin.GUEST, new Ip(hostHigh, hostLow), "echo", usedNs, null, nowNs);
    }

    private final class Idle extends TimerWheel.Timer {
        @Override
        protected void due(long nowNs) {
            owner.onIdle(PingFlow.this, nowNs);
        }

        @Override
        public void onFault(Throwable thrown) {
            owner.end(PingFlow.this);
        }
    }

    private final class Ready extends ReadyList.Node {
        @HotPath
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            return owner.onVisit(PingFlow.this, allowanceBytes);
        }

        @Override
        protected void onFault(Throwable thrown) {
            owner.end(PingFlow.this);
        }
    }
}
