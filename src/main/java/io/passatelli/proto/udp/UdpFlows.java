package io.passatelli.proto.udp;

import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.base.TimerWheel;
import io.passatelli.config.PlaneConfig;
import io.passatelli.flow.AddressMap;
import io.passatelli.flow.Descriptors;
import io.passatelli.flow.FlowKey;
import io.passatelli.flow.FlowTable;
import io.passatelli.flow.WayOut;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.Epoll;
import io.passatelli.os.Os;
import org.jspecify.annotations.Nullable;

/** UDP flows from their beginning to their end: places, sockets, and how long they last. */
final class UdpFlows {
    private static final long NS_PER_S = 1_000_000_000L;

    private final UdpTranslator owner;
    private final EventLoop loop;
    private final Os os;
    private final FlowTable table;
    private final UdpSockets sockets;

    /** Every flow object there is; those not in use are in {@link #pool} too. */
    private final UdpFlow[] made = new UdpFlow[Limits.UDP_FLOWS];

    private int madeCount;
    private final UdpFlow[] pool = new UdpFlow[Limits.UDP_FLOWS];
    private int poolCount;
    private int fromGuest;
    private int fromHost;
    private long singleNs;
    private long streamNs;
    private int type;
    private final WayOut way;
    private final Descriptors descriptors;

    UdpFlows(UdpTranslator owner, UdpTranslator.Parts parts, UdpSockets sockets, PlaneConfig config) {
        this.owner = owner;
        this.sockets = sockets;
        loop = parts.loop();
        os = loop.os();
        table = parts.flows();
        way = new WayOut(config);
        descriptors = parts.descriptors();
        adopt(config);
    }

    void adopt(PlaneConfig config) {
        sockets.adopt(config);
        way.adopt(config);
        singleNs = config.udpTimeouts().single() * NS_PER_S;
        streamNs = config.udpTimeouts().stream() * NS_PER_S;
    }

    /** How many there are. */
    int count() {
        return fromGuest + fromHost;
    }

    /** Events of sockets go to this type of handler. */
    void type(int handler) {
        type = handler;
    }

    /** The flow of {@code key}, or null. */
    @HotPath
    @Nullable
    UdpFlow find(FlowKey key) {
        int index = table.find(key);
        return index == FlowTable.NONE ? null : (UdpFlow) table.at(index);
    }

    /** A flow that is yet to {@link #start}, as new; null if there are too many of its side. */
    @Nullable
    UdpFlow make(boolean byGuest) {
        if (isFull(byGuest)) {
            return null;
        }
        UdpFlow flow;
        if (poolCount > 0) {
            flow = pool[--poolCount];
        } else {
            flow = new UdpFlow(owner);
            made[madeCount++] = flow;
        }
        flow.reset();
        return flow;
    }

    private boolean isFull(boolean byGuest) {
        long all = descriptors.forFlows();
        boolean full = byGuest
                ? fromGuest >= Math.min(Limits.UDP_FLOWS_FROM_GUEST, all / 4 * 3)
                : fromHost >= Math.min(Limits.UDP_FLOWS_FROM_HOST, all / 2);
        return full || fromGuest + fromHost >= Math.min(Limits.UDP_FLOWS, all);
    }

    /** Gives {@code flow}, whose host side is set, its place and its socket. Unless the answer is {@link Drop#NONE} it has ended again. */
    Drop start(UdpFlow flow, FlowKey key, long nowNs) {
        if (table.insert(key, flow) == FlowTable.NONE) {
            flow.from = null;
            pool[poolCount++] = flow;
            return Drop.FLOW_TABLE_FULL;
        }
        if (flow.from == null) {
            fromGuest++;
        } else {
            fromHost++;
        }
        flow.begin(nowNs);
        Drop drop;
        try {
            drop = open(flow);
        } catch (Throwable t) {
            owner.end(flow);
            throw t;
        }
        if (drop != Drop.NONE) {
            owner.end(flow);
            return drop;
        }
        loop.timers().schedule(flow.idle, nowNs + singleNs);
        return Drop.NONE;
    }

    private Drop open(UdpFlow flow) {
        Drop drop = sockets.open(flow);
        if (drop != Drop.NONE) {
            return drop;
        }
        int rc = loop.watch(flow.fd, Epoll.IN | Epoll.ET, type, flow.generation(), flow.index());
        flow.watched = rc >= 0;
        return rc < 0 ? Drop.DESCRIPTORS_EXHAUSTED : Drop.NONE; // ENOSPC: fs.epoll.max_user_watches, epoll(7)
    }

    /** When {@code flow} ends if nothing more is said. */
    long deadlineNs(UdpFlow flow) {
        return flow.usedNs + (flow.isStream() ? streamNs : singleNs);
    }

    /** Ends {@code flow}, which is in the table. */
    void end(UdpFlow flow) {
        assert flow.index() != FlowTable.NONE;
        if (flow.watched) {
            loop.unwatch(flow.fd);
            flow.watched = false;
        }
        if (flow.fd != Os.NONE) {
            os.close(flow.fd);
            flow.fd = Os.NONE;
        }
        TimerWheel timers = loop.timers();
        if (flow.idle.isScheduled()) {
            timers.cancel(flow.idle);
        }
        loop.ready().remove(flow.ready);
        if (flow.from == null) {
            fromGuest--;
        } else {
            fromHost--;
            flow.from = null;
        }
        table.remove(flow.index());
        pool[poolCount++] = flow;
    }

    /** Ends those of the guest that would lead elsewhere or nowhere, or come from elsewhere, if they began now. */
    void endMisled(AddressMap addresses) {
        for (int i = 0; i < madeCount; i++) {
            UdpFlow flow = made[i];
            if (flow.index() == FlowTable.NONE || flow.from != null) {
                continue;
            }
            addresses.toHost(flow.farHigh(), flow.farLow(), flow.farPort());
            boolean elsewhere = addresses.high() != flow.hostHigh || addresses.low() != flow.hostLow;
            if (elsewhere || addresses.isClosed() || way.isMoved(flow.hostHigh, flow.hostLow)) {
                owner.end(flow);
            }
        }
    }

    /** Ends all. */
    void close() {
        for (int i = 0; i < madeCount; i++) {
            owner.end(made[i]);
        }
    }
}
