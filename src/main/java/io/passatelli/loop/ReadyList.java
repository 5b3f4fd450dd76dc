package io.passatelli.loop;

import io.passatelli.base.HotPath;
import org.jspecify.annotations.Nullable;

/**
 * Who has work left and would hear of it from no event (edge-triggered sockets): visited by deficit round robin each turn. Intrusive: joining
 * allocates nothing. Loop thread only.
 */
@HotPath
public final class ReadyList {
    /** One member. Owners extend it. */
    public abstract static class Node {
        @Nullable
        Node next;

        @Nullable
        Node previous;

        boolean listed;
        long deficitBytes;

        public final boolean isListed() {
            return listed;
        }

        /**
         * Does up to {@code allowanceBytes} of work. Returns the bytes it moved; a node that wants another visit joins the list again before it
         * returns.
         */
        protected abstract long visit(long allowanceBytes, long nowNs);
    }

    /** Puts {@code node} at the end, unless it is listed already. */
    public void add(Node node) {
        throw new AssertionError("skeleton");
    }

    public void remove(Node node) {
        throw new AssertionError("skeleton");
    }

    public boolean isEmpty() {
        throw new AssertionError("skeleton");
    }

    /** Visits each node that is listed now once. */
    public void drain(long nowNs) {
        throw new AssertionError("skeleton");
    }
}
