package io.passatelli.proto.udp;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.flow.AddressMap;
import io.passatelli.flow.Descriptors;
import io.passatelli.flow.FlowKey;
import io.passatelli.flow.FlowTable;
import io.passatelli.forward.DatagramAcceptor;
import io.passatelli.guest.ErrorComposer;
import io.passatelli.guest.FrameComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.RxBatch;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.Handler;
import io.passatelli.os.Datagrams;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Udp;

import java.lang.foreign.Arena;
import java.util.Objects;

/**
 * UDP between the guest and host sockets, RFC 768. How it works:
 *
 * <p><b>Flows.</b> One for each pair of endpoints, with a connected socket of its own: the kernel then brings each datagram to the right flow,
 * and tells of errors. The first datagram of either side begins it; the guest's are sent from the guest's own port where that is free, a
 * peer's flow ({@link UdpInbound}) answers from where the peer sent to. It ends without traffic: early while it is but question and answer,
 * later once it is a stream. A table that is full takes no flow and evicts none; each side has its share of it.
 *
 * <p><b>Guest to host</b> ({@link UdpToHost}). Payload goes from the link's memory into the socket, many datagrams in one call; nothing of it is
 * kept, and what a socket does not take is lost, as on any network. The TTL or hop limit travels. Groups and broadcast addresses are sent to
 * like any other, but answers come from other addresses, which a connected socket does not hear.
 *
 * <p><b>Host to guest</b> ({@link UdpToGuest}). Sockets are edge-triggered and read until they are empty; many datagrams in one call, many
 * frames in one call of the link. What the link does not take stays in the one area that all share, and meanwhile everything else stays in
 * the sockets. Fragments are made for what is longer than the guest's MTU.
 *
 * <p><b>Order.</b> All of a flow's datagrams go through one socket, but for those that a listener got before the socket was there: it is read
 * only after these ({@code DatagramListener.isAhead}). Between bind(2) and connect(2) a new socket may have got datagrams of anybody: until it
 * was found empty once, it is asked who sent them.
 *
 * <p><b>Errors</b> ({@link UdpErrors}) that the kernel has for a socket go to the guest as ICMP, about its own datagram. Path MTU discovery is the
 * host's: it cuts up what is too long, and the guest hears of a router that asks for less. So DF of the guest's datagrams does not travel.
 */
public final class UdpTranslator implements Handler {
    /** What a visit is charged for one datagram at least, bytes: so that tiny ones have their bound too. */
    private static final int LEAST_CHARGE = 512;

    /** Errors of one socket that a visit looks past. */
    private static final int MOST_ERRORS = 4;

    private final EventLoop loop;
    private final Os os;
    private final FlowTable table;
    private final AddressMap addresses;
    private final GuestState guest;
    private final Counters counters;
    private final UdpSockets sockets;
    private final UdpFlows flows;
    private final UdpErrors errors;
    private final UdpToHost toHost;
    private final UdpToGuest toGuest;
    private final UdpInbound inbound;
    private final FlowKey key = new FlowKey();
    private boolean on;

    /** What the translator works with: the loop it registers at, the plane's table, and the way to the guest. */
    public record Parts(
            EventLoop loop,
            FlowTable flows,
            Link link,
            GuestState guest,
            FrameComposer composer,
            ErrorComposer errors,
            Counters counters,
            Descriptors descriptors,
            Arena memory) {}

    /** {@code addresses} is the plane's, which keeps it up to date. */
    public UdpTranslator(PlaneConfig config, AddressMap addresses, Parts parts) {
        on = config.has(Service.UDP);
        loop = parts.loop();
        os = loop.os();
        table = parts.flows();
        counters = parts.counters();
        guest = parts.guest();
        this.addresses = addresses;
        sockets = new UdpSockets(os, counters, config);
        flows = new UdpFlows(this, parts, sockets, config);
        errors = new UdpErrors(parts, addresses);
        toHost = new UdpToHost(this, parts, errors);
        toGuest = new UdpToGuest(parts, config.guest().mtu());
        inbound = new UdpInbound(parts, addresses, flows, toGuest);
        flows.type(loop.register(this));
    }

    /**
     * Works as {@code config} says from now on; the map of addresses does already. Flows that are there keep their sockets, but for those of the
     * guest to an address that stands for another now, such as a resolver's: the next datagram begins anew.
     */
    public void adopt(PlaneConfig config) {
        on = config.has(Service.UDP);
        flows.adopt(config);
        flows.endMisled(addresses);
        toGuest.adopt(config.guest().mtu());
    }

    /** How many flows there are. */
    public int count() {
        return flows.count();
    }

    /** Who takes datagrams at forwarded ports. */
    public DatagramAcceptor acceptor() {
        return inbound;
    }

    static long charge(int bytes, int datagrams) {
        return Math.max(bytes, (long) datagrams * LEAST_CHARGE);
    }

    /**
     * Takes a datagram from the guest: frame {@code i} of {@code batch}, parsed well. It may leave only with {@link #endBatch}, until which the
     * memory of {@code batch} has to stay; a datagram that the kernel then refuses is counted once more.
     */
    @HotPath
    public Drop onDatagram(RxBatch batch, int i, int queue, long nowNs) {
        if (!on) {
            return Drop.UDP_OFF;
        }
        Frame f = batch.frame(i);
        Drop drop = check(batch, i, f);
        if (drop != Drop.NONE) {
            return drop;
        }
        int guestPort = Udp.srcPort(f.bytes(), f.l4());
        int farPort = Udp.dstPort(f.bytes(), f.l4());
        key.set(Ip4.UDP, f.srcHigh(), f.srcLow(), guestPort, f.dstHigh(), f.dstLow(), farPort);
        UdpFlow flow = flows.find(key);
        if (flow == null || toHost.isInTheWay(flow, f.ttl())) {
            toHost.flush(nowNs);
            flow = flows.find(key); // it may have ended by that
        }
        if (flow == null) {
            drop = begin(f, queue, nowNs);
            if (drop != Drop.NONE) {
                return drop;
            }
            flow = Objects.requireNonNull(flows.find(key));
        }
        return gather(flow, batch, i, queue, nowNs);
    }

    @HotPath
    private Drop gather(UdpFlow flow, RxBatch batch, int i, int queue, long nowNs) {
        try {
            int hops = batch.frame(i).ttl();
            if (flow.hops != hops) {
                sockets.hops(flow, hops);
            }
            flow.onGuest(queue, nowNs);
            toHost.add(flow, batch, i);
            return Drop.NONE;
        } catch (Throwable t) {
            end(flow);
            throw t;
        }
    }

    @HotPath
    private Drop check(RxBatch batch, int i, Frame f) {
        boolean v4 = f.etherType() == Ethernet.IP4;
        if (Udp.srcPort(f.bytes(), f.l4()) == 0 || !isUnicast(f.srcHigh(), f.srcLow(), v4)) {
            return Drop.UDP_BAD_SOURCE;
        }
        if (Udp.dstPort(f.bytes(), f.l4()) == 0 || f.ttl() == 0 || !mayGo(f.dstHigh(), f.dstLow(), v4)) {
            return Drop.UDP_BAD_DESTINATION;
        }
        if (f.offload().vouchesForChecksum()) {
            return Drop.NONE;
        }
        if (Udp.checksum(f.bytes(), f.l4()) == 0) {
            return v4 ? Drop.NONE : Drop.UDP_BAD_CHECKSUM; // RFC 8200 §8.1
        }
        return sum(batch, i, f) == Checksum.GOOD ? Drop.NONE : Drop.UDP_BAD_CHECKSUM;
    }

    @HotPath
    private static boolean isUnicast(long high, long low, boolean v4) {
        return Ip.isV4(high, low) == v4 && Ip.isUnicast(high, low) && !Ip.isLoopback(high, low);
    }

    /** Linux takes unspecified for its loopback; "this network" (RFC 1122 §3.2.1.3) is nobody. */
    @HotPath
    private static boolean mayGo(long high, long low, boolean v4) {
        return Ip.isV4(high, low) == v4
                && !Ip.isLoopback(high, low)
                && !Ip.isUnspecified(high, low)
                && !Ip.isThisNetwork(high, low);
    }

    /** Over pseudo-header, header and payload, which may lie in pieces. */
    @HotPath
    private static int sum(RxBatch batch, int i, Frame f) {
        int pseudo = Checksum.pseudo(f.srcHigh(), f.srcLow(), f.dstHigh(), f.dstLow(), Ip4.UDP, f.l4Length());
        return batch.sum(i, (int) (f.l4() - f.l2()), f.l4Length(), pseudo);
    }

    /** Makes the flow of {@link #key}, which the guest wants. */
    private Drop begin(Frame f, int queue, long nowNs) {
        addresses.toHost(f.dstHigh(), f.dstLow(), Udp.dstPort(f.bytes(), f.l4()));
        if (addresses.isClosed()) {
            errors.prohibited(f, queue, nowNs);
            return Drop.HOST_CLOSED;
        }
        UdpFlow flow = flows.make(true);
        if (flow == null) {
            return Drop.FLOW_TABLE_FULL;
        }
        flow.hostHigh = addresses.high();
        flow.hostLow = addresses.low();
        Drop drop = flows.start(flow, key, nowNs);
        if (drop == Drop.UDP_NO_ROUTE) {
            errors.unreachable(f, queue, nowNs);
        }
        return drop;
    }

    /** All frames of a batch were routed, and its memory is about to be given back: what was gathered of it leaves. */
    @HotPath
    public void endBatch(long nowNs) {
        toHost.flush(nowNs);
    }

    @HotPath
    @Override
    public int generation(int index) {
        return table.generation(index);
    }

    @HotPath
    @Override
    public void onEvent(int index, int events, long nowNs) {
        UdpFlow flow = (UdpFlow) table.at(index);
        flow.errorsDue |= (events & Epoll.ERR) != 0;
        onVisit(flow, Limits.QUANTUM_BYTES, nowNs);
    }

    @Override
    public void onFault(int index, Throwable thrown) {
        end((UdpFlow) table.at(index));
    }

    /** {@code flow} has, or may have, errors and datagrams for the guest. Returns the bytes moved; what is left has it listed. */
    @HotPath
    long onVisit(UdpFlow flow, long allowanceBytes, long nowNs) {
        if (flow.errorsDue) {
            errors.drain(flow, nowNs);
            if (flow.errorsDue) {
                loop.ready().add(flow.ready);
            }
        }
        if (flow.isBehind() && flow.from != null) {
            flow.from.await(flow.ready);
            return 0;
        }
        return pump(flow, allowanceBytes, nowNs);
    }

    @HotPath
    private long pump(UdpFlow flow, long allowanceBytes, long nowNs) {
        long moved = 0;
        int failures = 0;
        while (moved < allowanceBytes) {
            if (toGuest.isHolding()) {
                toGuest.await(flow.ready);
                return moved;
            }
            Datagrams in = flow.strangers ? toGuest.slotsWithNames() : toGuest.slots();
            int count = os.recvmmsg(flow.fd, in, Socket.MSG_DONTWAIT);
            if (count == -Errno.EAGAIN) {
                flow.strangers = false;
                return moved;
            }
            if (count < 0) {
                if (++failures > MOST_ERRORS) {
                    counters.count(Drop.UDP_FLOW_ENDED);
                    end(flow);
                    return moved;
                }
                errors.drain(flow, nowNs);
                continue;
            }
            moved += deliver(flow, in, count, nowNs);
            if (count < in.count()
                    && !flow.strangers) { // recvmmsg(2) goes on until there is no more, or an error, of which an event
                // tells
                return moved;
            }
        }
        loop.ready().add(flow.ready);
        return moved;
    }

    @HotPath
    private long deliver(UdpFlow flow, Datagrams in, int count, long nowNs) {
        long moved = 0;
        toGuest.begin(in, count);
        try {
            for (int i = 0; i < count; i++) {
                UdpFlow owner = flow;
                if (flow.strangers && !flow.isPeer(in.peerHigh(i), in.peerLow(i), in.peerPort(i))) {
                    owner = inbound.ownerOfStranger(flow, in, i, nowNs);
                }
                if (owner == null) {
                    moved += charge(in.length(i), 1);
                    continue;
                }
                owner.onHost(nowNs);
                moved += toGuest.take(i, owner, in);
            }
        } catch (Throwable t) {
            toGuest.abandon();
            throw t;
        }
        toGuest.deliver();
        return moved;
    }

    /** A peer that goes on sending must not keep a flow to an address that the guest had once: its next datagram begins another, to where the guest is. */
    void onIdle(UdpFlow flow, long nowNs) {
        long deadlineNs = flows.deadlineNs(flow);
        boolean lost = flow.from != null && flow.guestQuiet && !guest.isGuests(flow.guestHigh(), flow.guestLow());
        if (deadlineNs - nowNs > 0 && !lost) {
            flow.guestQuiet = true;
            loop.timers().schedule(flow.idle, deadlineNs);
        } else {
            end(flow);
        }
    }

    /** Ends {@code flow}, unless it has ended. */
    void end(UdpFlow flow) {
        if (flow.index() == FlowTable.NONE) {
            return;
        }
        toHost.forget(flow);
        toGuest.forget(flow);
        flows.end(flow);
    }

    /** The link has room again. */
    public void onLinkWritable() {
        toGuest.onLinkWritable();
    }

    public void onLinkUp(Caps caps) {
        errors.onLink(true);
        toGuest.onLinkUp(caps);
    }

    public void onLinkDown() {
        errors.onLink(false);
        toGuest.onLinkDown();
    }

    /** Ends every flow. */
    public void close() {
        flows.close();
    }
}
