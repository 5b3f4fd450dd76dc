package io.passatelli.flow;

/** One conversation. Translators extend it with their state; the table gives it its place. Loop thread only. */
public abstract class Flow {
    int index = FlowTable.NONE;
    int generation;
    final FlowKey key = new FlowKey();

    /** Its place in the table, or {@link FlowTable#NONE}. */
    public final int index() {
        return index;
    }

    /** Tells this flow from an earlier one in the same place, 24 bits. */
    public final int generation() {
        return generation;
    }

    public final int protocol() {
        return key.protocol;
    }

    public final long guestHigh() {
        return key.guestHigh;
    }

    public final long guestLow() {
        return key.guestLow;
    }

    public final int guestPort() {
        return key.guestPort;
    }

    /** The address that the guest talks to, as the guest sees it. */
    public final long farHigh() {
        return key.farHigh;
    }

    public final long farLow() {
        return key.farLow;
    }

    public final int farPort() {
        return key.farPort;
    }
}
