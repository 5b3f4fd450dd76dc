package io.passatelli.proto.udp;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.flow.AddressMap;
import io.passatelli.flow.FlowKey;
import io.passatelli.forward.DatagramAcceptor;
import io.passatelli.forward.DatagramListener;
import io.passatelli.guest.InboundAddresses;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Datagrams;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import io.passatelli.wire.Ip4;
import org.jspecify.annotations.Nullable;

/**
 * Datagrams that arrive for forwarded ports. The first of a peer begins a flow, whose socket is bound to where it was sent to and connected to
 * the peer: so the kernel brings all later ones there, and the guest's answers come from the address that the peer knows. Those that were
 * queued at the listener before that are the flow's too, and are delivered before what its own socket has.
 */
final class UdpInbound implements DatagramAcceptor {
    /** Errors of one socket that a visit looks past. */
    private static final int MOST_ERRORS = 4;

    /** What a visit is charged for a flow that it begins, bytes: its socket takes as many system calls as this many bytes do. */
    private static final int NEW_FLOW_CHARGE = 8_192;

    private final Os os;
    private final InboundAddresses inbound;
    private final AddressMap addresses;
    private final Counters counters;
    private final ReadyList ready;
    private final UdpFlows flows;
    private final UdpToGuest toGuest;
    private final FlowKey key = new FlowKey();

    UdpInbound(UdpTranslator.Parts parts, AddressMap addresses, UdpFlows flows, UdpToGuest toGuest) {
        this.addresses = addresses;
        this.flows = flows;
        this.toGuest = toGuest;
        os = parts.loop().os();
        ready = parts.loop().ready();
        inbound = new InboundAddresses(parts.guest(), addresses);
        counters = parts.counters();
    }

    @HotPath
    @Override
    public long onDatagrams(DatagramListener listener, long allowanceBytes, long nowNs) {
        long moved = 0;
        int errors = 0;
        while (moved < allowanceBytes) {
            if (toGuest.isHolding()) {
                toGuest.await(listener);
                return moved;
            }
            Datagrams in = toGuest.slotsWithNames();
            int count = os.recvmmsg(listener.fd(), in, Socket.MSG_DONTWAIT);
            if (count < 0) {
                if (count != -Errno.EAGAIN && errors++ < MOST_ERRORS) {
                    continue; // of nothing that we sent
                }
                listener.took(0, true);
                return moved;
            }
            // Before a flow begins: what comes until its socket is connected is queued here too, and ahead of it.
            listener.took(count, count < in.count());
            moved += deliver(listener, in, count, nowNs);
            if (count < in.count()) {
                return moved;
            }
        }
        ready.add(listener);
        return moved;
    }

    @HotPath
    private long deliver(DatagramListener listener, Datagrams in, int count, long nowNs) {
        long moved = 0;
        toGuest.begin(in, count);
        try {
            for (int i = 0; i < count; i++) {
                boolean told = in.hasLocal(i);
                Ip any = listener.address();
                UdpFlow flow = owner(
                        listener, in, i, told ? in.localHigh(i) : any.high(), told ? in.localLow(i) : any.low(), nowNs);
                if (flow == null) {
                    moved += UdpTranslator.charge(in.length(i), 1);
                    continue;
                }
                moved += flow.hostSpoke ? 0 : NEW_FLOW_CHARGE;
                flow.onHost(nowNs);
                moved += toGuest.take(i, flow, in);
            }
        } catch (Throwable t) {
            toGuest.abandon();
            throw t;
        }
        toGuest.deliver();
        return moved;
    }

    /** The flow that datagram {@code i} of {@code in} belongs to, which was sent to the local address by way of {@code listener}; null: none, and it is counted why. */
    @HotPath
    @Nullable
    UdpFlow owner(DatagramListener listener, Datagrams in, int i, long localHigh, long localLow, long nowNs) {
        long peerHigh = in.peerHigh(i);
        long peerLow = in.peerLow(i);
        int peerPort = in.peerPort(i);
        if (peerPort == 0 || !toGuest.isUp()) {
            counters.count(peerPort == 0 ? Drop.UDP_BAD_SOURCE : Drop.LINK_DOWN);
            return null;
        }
        if (!inbound.see(peerHigh, peerLow, listener.guestAddress())) {
            counters.count(Drop.UDP_NO_GUEST_ADDRESS);
            return null;
        }
        key.set(
                Ip4.UDP,
                inbound.guestHigh(),
                inbound.guestLow(),
                listener.guestPort(),
                inbound.farHigh(),
                inbound.farLow(),
                peerPort);
        UdpFlow flow = flows.find(key);
        if (flow != null) {
            if (flow.isPeer(peerHigh, peerLow, peerPort)) {
                return flow;
            }
            counters.count(Drop.UDP_PEER_HIDDEN);
            return null;
        }
        flow = flows.make(false);
        if (flow == null) {
            counters.count(Drop.FLOW_TABLE_FULL);
            return null;
        }
        flow.hostHigh = peerHigh;
        flow.hostLow = peerLow;
        flow.hostScope = in.peerScope(i);
        flow.localHigh = localHigh;
        flow.localLow = localLow;
        flow.from = listener;
        flow.fromEmpties = listener.empties();
        flow.fromTaken = listener.taken();
        Drop drop = flows.start(flow, key, nowNs);
        if (drop != Drop.NONE) {
            counters.count(drop);
            return null;
        }
        ready.add(listener); // the flow waits until that was found empty
        return flow;
    }

    /**
     * Whose datagram {@code i} of {@code in} is, which the socket of {@code at} got before it was connected. Null: nobody's, and it is counted.
     */
    @HotPath
    @Nullable
    UdpFlow ownerOfStranger(UdpFlow at, Datagrams in, int i, long nowNs) {
        if (at.from != null && at.from.fd() != Os.NONE) {
            return owner(at.from, in, i, at.localHigh, at.localLow, nowNs);
        }
        addresses.toGuest(in.peerHigh(i), in.peerLow(i));
        key.set(
                Ip4.UDP,
                at.guestHigh(),
                at.guestLow(),
                at.guestPort(),
                addresses.high(),
                addresses.low(),
                in.peerPort(i));
        UdpFlow flow = flows.find(key);
        if (flow == null || !flow.isPeer(in.peerHigh(i), in.peerLow(i), in.peerPort(i))) {
            counters.count(Drop.UDP_STRANGER);
            return null;
        }
        return flow;
    }
}
