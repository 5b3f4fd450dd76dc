package io.passatelli.link;

import io.passatelli.base.Counters;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.base.TimerWheel;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Os;
import org.jspecify.annotations.Nullable;

import java.util.Objects;

/**
 * What links of one descriptor share, of which epoll tells edge by edge: {@link #readable} remembers an edge until a read found the descriptor
 * empty, and {@link #visitAgain} has the listener called as long as frames may be left without a further edge.
 */
abstract sealed class EdgeLink implements Link permits StreamLink, TapLink {
    static final long NS_PER_MS = 1_000_000;

    final Os os;
    final Counters counters;
    private final ReadyList.Node poll = new Poll();
    private final TimerWheel.Timer memory = new Memory();
    private @Nullable EventLoop loop;
    private @Nullable Listener listener;

    /** The guest's, or {@link Os#NONE}. */
    int fd;
    /** The listener was told of the guest, which is not gone yet. */
    boolean up;

    boolean readable;
    /** Somebody was told that the link is full. */
    boolean shortage;

    long receivedBytes;

    EdgeLink(Os os, int fd, Counters counters) {
        this.os = os;
        this.fd = fd;
        this.counters = counters;
    }

    /** To be called by {@link #bind} first. */
    final void attach(EventLoop to, Listener ear) {
        assert loop == null;
        loop = to;
        listener = ear;
    }

    final boolean isBound() {
        return loop != null;
    }

    final EventLoop loop() {
        return Objects.requireNonNull(loop);
    }

    final Listener listener() {
        return Objects.requireNonNull(listener);
    }

    /** Frames lie in a buffer of ours, which the next receive uses again. */
    @HotPath
    @Override
    public final void release(int queue, RxBatch batch) {
        assert queue == 0 : queue;
    }

    @HotPath
    final void visitAgain(boolean wanted) {
        if (wanted) {
            loop().ready().add(poll);
        } else if (poll.isListed()) {
            loop().ready().remove(poll);
        }
    }

    /** The kernel had no memory for a frame: {@link #onMemory} comes in a moment. */
    @HotPath
    final void awaitMemory() {
        if (!memory.isScheduled()) {
            loop().timers().schedule(memory, loop().nowNs() + Limits.LINK_RETRY_MS * NS_PER_MS);
        }
    }

    /** There may be memory again; the guest may have left meanwhile. */
    abstract void onMemory(long nowNs);

    /** Neither visits nor retries come any more. */
    final void rest() {
        loop().ready().remove(poll);
        loop().timers().cancel(memory);
    }

    private final class Poll extends ReadyList.Node {
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            if (!up) {
                return 0;
            }
            long before = receivedBytes;
            visitAgain(true); // until a receive finds nothing left, even if the listener throws before it
            listener().onReadable(0, nowNs);
            return receivedBytes - before;
        }
    }

    private final class Memory extends TimerWheel.Timer {
        @Override
        protected void due(long nowNs) {
            onMemory(nowNs);
        }
    }
}
