package io.passatelli.flow;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

/** One conversation. Translators extend it with their state; the table gives it its place. Loop thread only. */
public abstract class Flow {
    int index = FlowTable.NONE;
    int generation;
    final FlowKey key = new FlowKey();

    private long startNs;
    private long bytesToHost;
    private long bytesToGuest;

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

    /** It begins, and nothing was said yet. */
    @HotPath
    protected final void beginsNow(long nowNs) {
        startNs = nowNs;
        bytesToHost = 0;
        bytesToGuest = 0;
    }

    /** So many bytes of the guest's payload went on to the host side. */
    @HotPath
    public final void countToHost(int bytes) {
        bytesToHost += bytes;
    }

    /** So many bytes of the host's payload went on to the guest. */
    @HotPath
    public final void countToGuest(int bytes) {
        bytesToGuest += bytes;
    }

    /** What can be seen of it now. */
    public abstract FlowView view(long nowNs);

    /** A view with what all flows have. */
    protected final FlowView view(
            FlowView.Protocol protocol,
            FlowView.Origin origin,
            Ip host,
            String state,
            long dataNs,
            FlowView.@Nullable Tcp tcp,
            long nowNs) {
        return new FlowView(
                protocol,
                origin,
                new FlowView.Endpoint(new Ip(key.guestHigh, key.guestLow), key.guestPort),
                new FlowView.Endpoint(new Ip(key.farHigh, key.farLow), key.farPort),
                new FlowView.Endpoint(host, key.farPort),
                state,
                nowNs - startNs,
                nowNs - dataNs,
                bytesToHost,
                bytesToGuest,
                tcp);
    }
}
