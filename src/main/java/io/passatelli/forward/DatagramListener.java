package io.passatelli.forward;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.config.PortForward;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Os;

/**
 * One UDP socket that listens for a forward, at one port.
 *
 * <p><b>Hand-over.</b> What a peer sent before its flow had a socket of its own lies here, what it sent afterwards lies there. So a flow that
 * begins here is read only when this socket was found empty once since, or has given as many datagrams as it could hold at that time: until
 * then {@link #isAhead} says so, and the flow's node waits in a list that is released with it.
 */
public final class DatagramListener extends Listener {
    private final DatagramAcceptor acceptor;
    private final ReadyList behind = new ReadyList();
    /** How often the socket was found empty. */
    private long empties;

    private long taken;
    private long behindSince;

    DatagramListener(DatagramAcceptor acceptor, ReadyList ready, Site site, int port, PortForward rule, int fd) {
        super(ready, site, port, rule, fd);
        this.acceptor = acceptor;
    }

    /** Marks a moment, for {@link #isAhead}. */
    public long empties() {
        return empties;
    }

    /** Marks a moment, for {@link #isAhead}: datagrams taken so far. */
    public long taken() {
        return taken;
    }

    /** Whether the socket may still hold what came before the moment that both marks tell. */
    @HotPath
    public boolean isAhead(long emptiesThen, long takenThen) {
        return empties == emptiesThen && taken - takenThen < Limits.UDP_HANDOVER_DATAGRAMS;
    }

    /** Lists {@code node} in the loop's ready list as soon as this socket may not be ahead any more. */
    @HotPath
    public void await(ReadyList.Node node) {
        if (behind.isEmpty()) {
            behindSince = taken;
        }
        behind.add(node);
    }

    /** {@code count} datagrams were taken; {@code empty}: no more were there. */
    @HotPath
    public void took(int count, boolean empty) {
        taken += count;
        if (empty) {
            empties++;
        }
        if (empty || taken - behindSince >= Limits.UDP_HANDOVER_DATAGRAMS) {
            behind.moveTo(ready());
        }
    }

    @Override
    void closed() {
        took(0, true);
        super.closed();
    }

    @HotPath
    @Override
    protected long visit(long allowanceBytes, long nowNs) {
        return fd() == Os.NONE ? 0 : acceptor.onDatagrams(this, allowanceBytes, nowNs);
    }
}
