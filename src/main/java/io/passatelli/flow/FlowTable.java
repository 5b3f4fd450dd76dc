package io.passatelli.flow;

/**
 * All flows of a plane, of every protocol: found by key through a keyed hash (a guest cannot choose its collisions), or by index. Loop thread
 * only.
 */
public final class FlowTable {
    public static final int NONE = -1;

    /** The two halves of the hash's secret come from the caller's seed source. */
    public FlowTable(int capacity, long secret0, long secret1) {}

    /** The flow of {@code key}, or {@link #NONE}. */
    public int find(FlowKey key) {
        throw new AssertionError("skeleton");
    }

    /** The flow at a place that {@link #find} or {@link #insert} gave. */
    public Flow at(int index) {
        throw new AssertionError("skeleton");
    }

    /** Takes {@code flow} in under a copy of {@code key}, which must be absent. Its place, or {@link #NONE} when full. */
    public int insert(FlowKey key, Flow flow) {
        throw new AssertionError("skeleton");
    }

    /** Frees the place; its generation moves on, so references to the old flow are stale. */
    public void remove(int index) {
        throw new AssertionError("skeleton");
    }

    /** The generation of place {@code index}, which need not hold a flow. */
    public int generation(int index) {
        throw new AssertionError("skeleton");
    }

    public int count() {
        throw new AssertionError("skeleton");
    }
}
