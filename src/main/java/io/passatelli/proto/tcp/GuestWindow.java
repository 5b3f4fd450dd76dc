package io.passatelli.proto.tcp;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.os.MemInfo;
import io.passatelli.os.Os;
import io.passatelli.wire.Seq;
import io.passatelli.wire.Tcp;

/**
 * The window that the guest sees. How it works:
 *
 * <p><b>Room</b> is SO_MEMINFO's, counted down, and asked again when less than half is left. Above two thirds full, epoll_ctl(2) with
 * EPOLL_CTL_MOD has the kernel look, note that somebody wants more room, and tell of it by EPOLLOUT: the event by which the window opens. Only
 * where nothing could be set aside, and the room lies between what is too little for the guest's next segment and what the kernel takes for
 * little, it is looked at again by a timer.
 *
 * <p><b>The stash</b> is set aside for a flow once half of the room, or half of the window, is used: so the guest can send more than the socket
 * takes, which is what makes the kernel enlarge its buffer. What the known edge does not need goes back for other flows.
 */
@HotPath
final class GuestWindow {
    private final TcpTranslator owner;
    private final Os os;
    private final ChunkPool stashes;
    private final MemInfo memory = new MemInfo();

    GuestWindow(TcpTranslator owner, Os os, ChunkPool stashes) {
        this.owner = owner;
        this.os = os;
        this.stashes = stashes;
    }

    /** Moves the edge to what socket and stash have room for. Whether it has moved. */
    boolean offer(TcpFlow flow) {
        if (flow.toSocket() != TcpFlow.Half.OPEN) {
            return false;
        }
        if (!flow.outDue && flow.room <= flow.sndbuf >> 1) {
            ask(flow);
            if (flow.room < flow.sndbuf / 3) {
                owner.watchOut(flow);
            }
        }
        if (isLow(flow)) {
            reserve(flow);
        }
        int candidate = candidate(flow);
        int step = Math.max(1, Math.min(2 * flow.mss, flow.sndbuf >> 1));
        boolean moves = Seq.diff(candidate, flow.edge) >= step
                || Seq.isAfter(candidate, flow.edge) && isShort(flow, flow.edge) && !isShort(flow, candidate);
        if (moves) {
            flow.edge = candidate;
            flow.offered = Math.max(flow.offered, Seq.diff(candidate, flow.next));
        }
        flow.edgeMost = flow.taken + capacity(flow);
        giveBack(flow);
        return moves;
    }

    /** Whether the guest may soon send more than the socket takes, or uses up its window. */
    private static boolean isLow(TcpFlow flow) {
        return flow.outDue
                || flow.room <= flow.sndbuf >> 1
                || flow.offered > 0 && Seq.diff(flow.edge, flow.next) <= flow.offered >> 1
                || isShort(flow, candidate(flow));
    }

    private static int candidate(TcpFlow flow) {
        int room = flow.reserved == 0 ? Math.max(0, flow.room) >> 3 : 0;
        return flow.taken + capacity(flow) - room - (1 << flow.ourScale);
    }

    /** What socket and stash hold behind what was taken; of the stash one chunk may be used up in part. */
    private static int capacity(TcpFlow flow) {
        int stash = Math.max(0, flow.reserved - 1) * ChunkPool.CHUNK;
        int most = flow.ourScale == 0 ? Tcp.WINDOW_MAX : Limits.TCP_WINDOW_BYTES;
        return Math.min(Math.max(0, flow.room) + stash, most);
    }

    /**
     * Whether the guest would have to wait with its next segment, which it makes at most half as long as the largest window it saw. The guest may
     * see less of the window, by nearly its unit: {@link TcpControl} rounds it.
     */
    static boolean isShort(TcpFlow flow, int edge) {
        int seen = Seq.diff(edge, flow.next) - (1 << flow.ourScale) + 1;
        return seen < Math.min(flow.mss, flow.offered >> 1);
    }

    /** Sets a whole stash aside for {@code flow}, if there are chunks. */
    void reserve(TcpFlow flow) {
        int more = Limits.TCP_STASH_CHUNKS - flow.reserved;
        if (more > 0 && stashes.promise(more)) {
            flow.reserved += more;
        }
    }

    /** What is not needed for the edge that the guest knows is for other flows. */
    private void giveBack(TcpFlow flow) {
        if (flow.reserved == 0 || flow.outDue || !flow.stash.isEmpty()) {
            return;
        }
        int beyond = Seq.diff(flow.edge, flow.taken) - Math.max(0, flow.room);
        int needed = beyond <= 0 ? 0 : (beyond + ChunkPool.CHUNK - 1) / ChunkPool.CHUNK + 1;
        if (needed < flow.reserved) {
            stashes.release(flow.reserved - needed);
            flow.reserved = needed;
            flow.edgeMost = flow.taken + capacity(flow);
        }
    }

    private void ask(TcpFlow flow) {
        if (os.memInfo(flow.fd, memory) < 0) {
            return;
        }
        flow.sndbuf = memory.sndbuf();
        flow.room = memory.sndbuf() - memory.wmemQueued();
    }

    /** {@code flow} ends. */
    void forget(TcpFlow flow) {
        stashes.release(flow.reserved);
        flow.reserved = 0;
    }
}
