package io.passatelli.loop;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;

/**
 * Who has work left and would hear of it from no event (edge-triggered sockets): visited by deficit round robin each turn. Intrusive: joining
 * allocates nothing. Loop thread only.
 *
 * <p>Deficit round robin (Shreedhar and Varghese, 1995): each round gives a node {@link Limits#QUANTUM_BYTES} more to move. What a node that
 * stays listed did not use is carried over, up to one quantum; a node that leaves loses it. What it moved too much it owes, listed or not, up
 * to {@link Limits#DEBT_QUANTA}: it sits rounds out until the quanta have paid.
 *
 * <p>While anybody is listed the loop does not sleep. So a node that can do nothing until an event comes must leave the list, and the event
 * must bring it back.
 */
@HotPath
public final class ReadyList {
    private static final long QUANTUM = Limits.QUANTUM_BYTES;
    private static final long DEBT_MOST = Limits.DEBT_QUANTA * QUANTUM;

    /** One member. Owners extend it. */
    public abstract static class Node {
        Node next = this;
        Node previous = this;
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

        /** {@link #visit} threw: the owner brings its flow back into order. The fault is logged and counted already. */
        protected void onFault(Throwable thrown) {}
    }

    /** Hears of what came out of a {@link Node#visit}. */
    @FunctionalInterface
    interface Faults {
        void onFault(Node node, Throwable thrown);
    }

    private static final class Head extends Node {
        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            throw new AssertionError("the head of a list is no node");
        }
    }

    private final Node waiting = new Head();
    private final Node round = new Head();

    /** Puts {@code node} at the end, unless it is listed already. */
    public void add(Node node) {
        if (node.listed) {
            return;
        }
        node.listed = true;
        node.next = waiting;
        node.previous = waiting.previous;
        waiting.previous.next = node;
        waiting.previous = node;
    }

    /** Takes {@code node} out; nothing happens if it is not listed. */
    public void remove(Node node) {
        if (node.listed) {
            unlink(node);
            node.deficitBytes = Math.min(node.deficitBytes, 0);
        }
    }

    public boolean isEmpty() {
        return waiting.next == waiting && round.next == round;
    }

    /**
     * Visits each node that is listed now once; who joins meanwhile waits for the next call. A throwable of {@link Node#visit} comes through:
     * that node is out unless it had joined again, and the others of the round are visited at the next call.
     */
    public void drain(long nowNs) {
        begin();
        while (round.next != round) {
            visit(round.next, nowNs);
        }
    }

    /** As {@link #drain(long)}, but a throwable goes to {@code faults} and the others are visited at once. */
    void drain(long nowNs, Faults faults) {
        begin();
        while (round.next != round) {
            Node node = round.next;
            try {
                visit(node, nowNs);
            } catch (Throwable thrown) {
                faults.onFault(node, thrown);
            }
        }
    }

    /** Moves all who wait to the end of the round. */
    private void begin() {
        append(waiting, round);
    }

    /**
     * Puts all that are listed here at the end of {@code other}, in order; of a list that is not drained, but in which nodes wait for something
     * else than their turn.
     */
    public void moveTo(ReadyList other) {
        assert round.next == round : "of a list that is being drained";
        append(waiting, other.waiting);
    }

    private static void append(Node from, Node to) {
        if (from.next == from) {
            return;
        }
        Node first = from.next;
        Node last = from.previous;
        first.previous = to.previous;
        to.previous.next = first;
        last.next = to;
        to.previous = last;
        from.next = from;
        from.previous = from;
    }

    private void visit(Node node, long nowNs) {
        unlink(node);
        long allowance = node.deficitBytes + QUANTUM;
        if (allowance <= 0) {
            node.deficitBytes = allowance;
            add(node);
            return;
        }
        node.deficitBytes = 0; // what remains if visit throws
        long used = node.visit(allowance, nowNs);
        assert used >= 0 : used;
        long carry = allowance - used;
        node.deficitBytes = Math.clamp(carry, -DEBT_MOST, node.listed ? QUANTUM : 0);
    }

    private static void unlink(Node node) {
        node.previous.next = node.next;
        node.next.previous = node.previous;
        node.next = node;
        node.previous = node;
        node.listed = false;
    }
}
