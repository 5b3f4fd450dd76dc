package io.passatelli.proto.tcp;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.base.PoolUse;
import io.passatelli.base.TimerWheel;
import io.passatelli.flow.Descriptors;
import io.passatelli.flow.FlowKey;
import io.passatelli.flow.FlowTable;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.Epoll;
import io.passatelli.os.Os;
import org.jspecify.annotations.Nullable;

import java.util.List;

/** TCP flows from their beginning to their end: places, numbers, descriptors, and what they share. */
final class TcpFlows {
    /** Of sockets, edge-triggered. OUT costs nothing as long as nobody was refused room: then there is no such edge. */
    static final int EVENTS = Epoll.IN | Epoll.OUT | Epoll.RDHUP | Epoll.PRI | Epoll.ET;

    /** What flows share: memory of what sockets are yet to take, of what came ahead, of what the guest is yet to acknowledge; and counts. */
    record Pools(ChunkPool stashes, ChunkPool ahead, ChunkPool flights, Totals totals) {}

    /** Of all flows since the start: segments that were sent again, and how often for want of an answer. */
    static final class Totals {
        long resent;
        long timeOuts;
    }

    private final TcpTranslator owner;
    private final EventLoop loop;
    private final Os os;
    private final FlowTable table;
    private final Pools pools;

    /** Every flow object there is; those not in use are in {@link #pool} too. */
    final TcpFlow[] made = new TcpFlow[Limits.TCP_FLOWS];

    int madeCount;
    private final TcpFlow[] pool = new TcpFlow[Limits.TCP_FLOWS];
    private int poolCount;
    private int fromGuest;
    private int fromHost;
    private long begunByGuest;
    private long begunByHost;
    private long established;
    private int type;
    private final Descriptors descriptors;

    TcpFlows(TcpTranslator owner, TcpTranslator.Parts parts, Pools pools) {
        this.owner = owner;
        this.pools = pools;
        loop = parts.loop();
        os = loop.os();
        table = parts.flows();
        descriptors = parts.descriptors();
    }

    /** Events of sockets go to this type of handler. */
    void type(int handler) {
        type = handler;
    }

    /** The flow of {@code key}, or null. */
    @HotPath
    @Nullable
    TcpFlow find(FlowKey key) {
        int index = table.find(key);
        return index == FlowTable.NONE ? null : (TcpFlow) table.at(index);
    }

    /** A new flow under {@code key}, in its first phase; null if there is no place for one more of its side. */
    @Nullable
    TcpFlow start(FlowKey key, boolean byHost, long nowNs) {
        if (isFull(byHost) || table.count() == table.capacity()) {
            return null;
        }
        TcpFlow flow;
        if (poolCount > 0) {
            flow = pool[--poolCount];
        } else {
            flow = new TcpFlow(owner, pools);
            made[madeCount++] = flow;
        }
        int index = table.insert(key, flow);
        assert index != FlowTable.NONE;
        flow.begin(byHost, nowNs);
        if (byHost) {
            fromHost++;
            begunByHost++;
        } else {
            fromGuest++;
            begunByGuest++;
        }
        loop.timers().schedule(flow.idle, nowNs + TcpTranslator.KEEPALIVE_NS);
        return flow;
    }

    private boolean isFull(boolean byHost) {
        long all = descriptors.forFlows();
        long ofSide = Math.max(1, all / 4 * 3);
        boolean full = byHost
                ? fromHost >= Math.min(Limits.TCP_FLOWS_FROM_HOST, ofSide)
                : fromGuest >= Math.min(Limits.TCP_FLOWS_FROM_GUEST, ofSide);
        return full || fromGuest + fromHost >= Math.min(Limits.TCP_FLOWS, all);
    }

    /** A flow's handshake is over. */
    @HotPath
    void established() {
        established++;
    }

    /** Flows now, and how many there were. */
    TcpCounts counts() {
        return new TcpCounts(
                fromGuest + fromHost,
                begunByGuest,
                begunByHost,
                established,
                pools.totals().resent,
                pools.totals().timeOuts,
                List.of(use("stash", pools.stashes()), use("ahead", pools.ahead()), use("flight", pools.flights())));
    }

    private static PoolUse use(String name, ChunkPool pool) {
        return new PoolUse(
                name, (long) (pool.size() - pool.free()) * ChunkPool.CHUNK, (long) pool.size() * ChunkPool.CHUNK);
    }

    /** Has the loop watch the flow's socket. False: it cannot (ENOSPC, epoll_ctl(2)). */
    boolean watch(TcpFlow flow) {
        flow.watched = loop.watch(flow.fd, EVENTS, type, flow.generation(), flow.index()) >= 0;
        return flow.watched;
    }

    /** Has the kernel look whether the socket has room, and tell as soon as it has. */
    @HotPath
    void watchOut(TcpFlow flow) {
        flow.outDue = loop.rewatch(flow.fd, EVENTS, type, flow.generation(), flow.index()) >= 0;
    }

    /** Ends {@code flow}, which is in the table; its socket is closed as its options say. */
    void end(TcpFlow flow) {
        assert flow.index() != FlowTable.NONE;
        if (flow.watched) {
            int ignored = loop.unwatch(flow.fd);
            flow.watched = false;
        }
        if (flow.fd != Os.NONE) {
            os.close(flow.fd);
            flow.fd = Os.NONE;
        }
        cancel(flow.retransmit);
        cancel(flow.stashAck);
        cancel(flow.idle);
        if (flow.fromHost) {
            fromHost--;
        } else {
            fromGuest--;
        }
        flow.become(TcpFlow.Phase.CLOSED);
        table.remove(flow.index());
        pool[poolCount++] = flow;
    }

    private void cancel(TimerWheel.Timer timer) {
        if (timer.isScheduled()) {
            loop.timers().cancel(timer);
        }
    }

    /** All that are in use get a new start on a new link. */
    void restart(HostData data) {
        for (int i = 0; i < madeCount; i++) {
            if (made[i].isOpen()) {
                data.restart(made[i]);
            }
        }
    }

    /** Ends all. A peer to whom the guest had not said all gets a reset: FIN would tell it that this was all. */
    void close() {
        for (int i = 0; i < madeCount; i++) {
            TcpFlow flow = made[i];
            if (flow.fd != Os.NONE && flow.toSocket() != TcpFlow.Half.FIN_RELAYED) {
                int ignored = os.linger0(flow.fd);
            }
            owner.end(flow);
        }
    }
}
