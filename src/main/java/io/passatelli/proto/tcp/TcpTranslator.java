package io.passatelli.proto.tcp;

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
import io.passatelli.forward.ConnectionAcceptor;
import io.passatelli.guest.FrameComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.RxBatch;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.Handler;
import io.passatelli.os.Epoll;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Seq;
import io.passatelli.wire.Tcp;

import java.lang.foreign.Arena;
import java.util.function.LongSupplier;

/**
 * TCP between the guest and host sockets, RFC 9293. Each connection of the guest ends here, and goes on as a socket of the host; what lies
 * between the two kernels' states is in {@link TcpFlow}. How the parts work together:
 *
 * <ul>
 *   <li>{@link Handshakes}: how connections come about, from either side.
 *   <li>{@link GuestData}: what the guest sends; acknowledgments and the window that it sees.
 *   <li>{@link HostData}: what the host sends; {@link Recovery}: what of it the guest has, loss, and the guest's window.
 *   <li>{@link TcpControl}: the segments themselves.
 * </ul>
 *
 * <p><b>How they end.</b> Each FIN is relayed behind its data; when both have been and the guest has acknowledged the peer's, the socket is
 * closed, and the host's kernel sees the rest through, TIME-WAIT too. A reset of either side is one for the other: the guest gets RST, or
 * close(2) with no time to linger sends one to the peer. Whatever fits no connection is answered by RST, but a reset never is.
 *
 * <p><b>Segments that do not fit</b> their connection's numbers are answered by an acknowledgment (RFC 5961), at most one a millisecond for
 * each flow and {@link Limits#TCP_CHALLENGES_PER_SECOND} for all, so that two who disagree cannot keep each other busy.
 *
 * <p><b>Silence.</b> A guest that says nothing for {@link Limits#TCP_KEEPALIVE_S} seconds is asked whether it is there: one that has forgotten
 * answers RST. If the guest asks us, the kernel asks the peer from then on (SO_KEEPALIVE). Without data for two hours a connection ends.
 */
public final class TcpTranslator implements Handler {
    /** Least time between two answers to segments that do not fit, of one flow. */
    static final long ANSWER_GAP_NS = 1_000_000;

    private static final long NS_PER_S = 1_000_000_000L;
    static final long KEEPALIVE_NS = Limits.TCP_KEEPALIVE_S * NS_PER_S;
    private static final long IDLE_NS = Limits.TCP_IDLE_S * NS_PER_S;

    private final EventLoop loop;
    private final Os os;
    private final FlowTable table;
    private final Counters counters;
    private final TcpFlows flows;
    private final TcpControl control;
    private final GuestData guestData;
    private final HostData hostData;
    private final Recovery recovery;
    private final Handshakes handshakes;
    private final Strangers strangers;
    private final FlowKey key = new FlowKey();
    private boolean on;
    private int challenges;
    private long challengesSinceNs;

    /** What the translator works with: the loop it registers at, the plane's table, the way to the guest, and the plane's memory. */
    public record Parts(
            EventLoop loop,
            FlowTable flows,
            Link link,
            GuestState guest,
            FrameComposer composer,
            Counters counters,
            LongSupplier seeds,
            Descriptors descriptors,
            Arena memory) {}

    /** {@code addresses} is the plane's, which keeps it up to date. */
    public TcpTranslator(PlaneConfig config, AddressMap addresses, Parts parts) {
        on = config.has(Service.TCP);
        loop = parts.loop();
        os = loop.os();
        table = parts.flows();
        counters = parts.counters();
        ChunkPool stashes = new ChunkPool(parts.memory(), Limits.TCP_STASH_BYTES);
        ChunkPool flights = new ChunkPool(parts.memory(), Limits.TCP_FLIGHT_BYTES);
        ChunkPool ahead = new ChunkPool(parts.memory(), Limits.TCP_AHEAD_BYTES);
        flows = new TcpFlows(this, parts, new TcpFlows.Pools(stashes, ahead, flights, new TcpFlows.Totals()));
        control = new TcpControl(parts.link(), parts.composer());
        GuestWindow window = new GuestWindow(this, os, stashes);
        guestData = new GuestData(this, parts, control, window);
        hostData = new HostData(this, parts, control, flights);
        recovery = new Recovery(this, control, hostData);
        handshakes = new Handshakes(
                this, config, addresses, parts, new Handshakes.Data(control, window, guestData, hostData));
        strangers = new Strangers(handshakes, control, new PortProbes(parts, control));
        flows.type(loop.register(this));
    }

    /** Works as {@code config} says from now on. Connections that are there stay; while TCP is off the guest is not heard. */
    public void adopt(PlaneConfig config) {
        on = config.has(Service.TCP);
        handshakes.adopt(config);
    }

    public TcpCounts counts() {
        return flows.counts();
    }

    /** Who takes connections at forwarded ports. */
    public ConnectionAcceptor acceptor() {
        return handshakes;
    }

    /** How the guest is asked which of its ports are open. */
    public PortProbes probes() {
        return strangers.probes();
    }

    TcpFlows flows() {
        return flows;
    }

    boolean isOn() {
        return on;
    }

    /**
     * Takes a segment from the guest: frame {@code i} of {@code batch}, parsed well. Its payload may leave only with {@link #endBatch}, until
     * which the memory of {@code batch} has to stay.
     */
    @HotPath
    public Drop onSegment(RxBatch batch, int i, int queue, long nowNs) {
        if (!on) {
            return Drop.TCP_OFF;
        }
        Frame f = batch.frame(i);
        Drop drop = check(batch, i, f);
        if (drop != Drop.NONE) {
            return drop;
        }
        if (guestData.isInTheWay(batch)) {
            guestData.endBatch(nowNs);
        }
        int guestPort = Tcp.srcPort(f.bytes(), f.l4());
        int farPort = Tcp.dstPort(f.bytes(), f.l4());
        key.set(Ip4.TCP, f.srcHigh(), f.srcLow(), guestPort, f.dstHigh(), f.dstLow(), farPort);
        TcpFlow flow = flows.find(key);
        if (flow == null) {
            return strangers.onSegment(f, key, queue, nowNs);
        }
        try {
            flow.queue = queue;
            flow.guestNs = nowNs;
            return onKnown(flow, batch, i, nowNs);
        } catch (Throwable t) {
            onFault(flow);
            throw t;
        }
    }

    @HotPath
    private Drop check(RxBatch batch, int i, Frame f) {
        boolean v4 = f.etherType() == Ethernet.IP4;
        if (Tcp.srcPort(f.bytes(), f.l4()) == 0 || !isUnicast(f.srcHigh(), f.srcLow(), v4)) {
            return Drop.TCP_BAD_SOURCE;
        }
        if (Tcp.dstPort(f.bytes(), f.l4()) == 0 || f.ttl() == 0 || !isUnicast(f.dstHigh(), f.dstLow(), v4)) {
            return Drop.TCP_BAD_DESTINATION;
        }
        if (f.offload().vouchesForChecksum()) {
            return Drop.NONE;
        }
        int sum = Checksum.pseudo(f.srcHigh(), f.srcLow(), f.dstHigh(), f.dstLow(), Ip4.TCP, f.l4Length());
        sum = batch.sum(i, (int) (f.l4() - f.l2()), f.l4Length(), sum);
        return sum == Checksum.GOOD ? Drop.NONE : Drop.TCP_BAD_CHECKSUM;
    }

    @HotPath
    private static boolean isUnicast(long high, long low, boolean v4) {
        return Ip.isV4(high, low) == v4
                && Ip.isUnicast(high, low)
                && !Ip.isLoopback(high, low)
                && !Ip.isThisNetwork(high, low);
    }

    @HotPath
    private Drop onKnown(TcpFlow flow, RxBatch batch, int i, long nowNs) {
        Frame f = batch.frame(i);
        return switch (flow.phase()) {
            case SYN_FROM_GUEST -> handshakes.onEarly(flow, f, key, nowNs);
            case SYN_TO_GUEST -> {
                boolean ignored = handshakes.isAnswer(flow, f, nowNs);
                yield Drop.NONE;
            }
            case SYN_ACK_TO_GUEST ->
                handshakes.isConfirmation(flow, f, nowNs) ? onEstablished(flow, batch, i, nowNs) : Drop.NONE;
            case ESTABLISHED -> onEstablished(flow, batch, i, nowNs);
            case CLOSED -> throw new AssertionError("a closed flow in the table");
        };
    }

    /** RFC 9293 §3.10.7.4, with RFC 5961's answers. */
    @HotPath
    private Drop onEstablished(TcpFlow flow, RxBatch batch, int i, long nowNs) {
        Frame f = batch.frame(i);
        int flags = Tcp.flags(f.bytes(), f.l4());
        int seq = Tcp.seq(f.bytes(), f.l4());
        boolean fin = (flags & Tcp.FIN) != 0;
        int numbers = f.payloadLength() + (fin ? 1 : 0);
        boolean fits = !Seq.isBefore(seq + numbers, flow.acked) && !Seq.isAfter(seq, flow.edge);
        if ((flags & (Tcp.RST | Tcp.SYN)) != 0 || !fits) {
            return onUnfit(flow, flags, seq, numbers, nowNs);
        }
        if ((flags & Tcp.ACK) == 0) {
            return Drop.TCP_UNACCEPTABLE;
        }
        int ack = Tcp.ack(f.bytes(), f.l4());
        if (Seq.isAfter(ack, flow.high)) {
            challenge(flow, nowNs);
            return Drop.TCP_UNACCEPTABLE;
        }
        int window = Tcp.window(f.bytes(), f.l4()) << flow.guestScale;
        if (!recovery.onAck(flow, seq, ack, window, numbers, nowNs)) {
            return Drop.NONE;
        }
        if (numbers == 0) {
            return Drop.NONE;
        }
        if (flow.toSocket() != TcpFlow.Half.OPEN) {
            flow.ackDue = true;
            guestData.tell(flow);
            return Seq.isAfter(seq + numbers, flow.next) ? Drop.TCP_AFTER_FIN : Drop.TCP_OLD_DATA;
        }
        guestData.add(flow, batch, i, seq, fin);
        return Drop.NONE;
    }

    /** A reset, a SYN, or numbers outside of the window. */
    @HotPath
    private Drop onUnfit(TcpFlow flow, int flags, int seq, int numbers, long nowNs) {
        if ((flags & Tcp.RST) != 0) {
            guestData.settle(flow, nowNs); // what came before it in the batch
            if (!flow.isOpen()) {
                return Drop.NONE;
            }
            if (seq == flow.next) {
                drop(flow, Drop.TCP_RESET_BY_GUEST);
                return Drop.NONE;
            }
            if (Seq.isWithin(seq, flow.next, flow.edge)) {
                challenge(flow, nowNs);
            }
            return Drop.TCP_UNACCEPTABLE;
        }
        if ((flags & Tcp.SYN) != 0) {
            challenge(flow, nowNs);
            return Drop.TCP_UNACCEPTABLE;
        }
        if (Seq.isBefore(seq, flow.next) && numbers <= 1) {
            keepAlive(flow);
        }
        challenge(flow, nowNs);
        return Seq.isAfter(seq, flow.edge) ? Drop.TCP_UNACCEPTABLE : Drop.TCP_OLD_DATA;
    }

    /** The guest wants to know whether the connection lives: so does the kernel of the peer from now on. */
    @HotPath
    private void keepAlive(TcpFlow flow) {
        if (!flow.keepsAlive) {
            flow.keepsAlive = true;
            int ignored = os.setOption(flow.fd, Socket.SOL_SOCKET, Socket.SO_KEEPALIVE, 1);
        }
    }

    /** Says where we are to a guest whose segment does not fit, unless that was said just now. */
    @HotPath
    void challenge(TcpFlow flow, long nowNs) {
        if (nowNs - challengesSinceNs >= NS_PER_S) {
            challengesSinceNs = nowNs;
            challenges = 0;
        }
        if (nowNs - flow.answeredNs < ANSWER_GAP_NS || challenges == Limits.TCP_CHALLENGES_PER_SECOND) {
            return;
        }
        challenges++;
        flow.answeredNs = nowNs;
        flow.ackDue = true;
        guestData.tell(flow);
    }

    /** All frames of a batch were routed, and its memory is about to be given back: what was remembered of it leaves. */
    @HotPath
    public void endBatch(long nowNs) {
        guestData.endBatch(nowNs);
    }

    @HotPath
    @Override
    public int generation(int index) {
        return table.generation(index);
    }

    @HotPath
    @Override
    public void onEvent(int index, int events, long nowNs) {
        TcpFlow flow = (TcpFlow) table.at(index);
        if (flow.phase() == TcpFlow.Phase.SYN_FROM_GUEST) {
            handshakes.onConnect(flow, events, nowNs);
            return;
        }
        flow.readable |= (events & (Epoll.IN | Epoll.RDHUP | Epoll.HUP | Epoll.ERR)) != 0;
        flow.ending |= (events & (Epoll.RDHUP | Epoll.HUP)) != 0;
        if ((events & Epoll.PRI) != 0 && !flow.urgent) {
            flow.urgent = true; // urgent data keep their place among the others, RFC 6093 §4
            int ignored = os.setOption(flow.fd, Socket.SOL_SOCKET, Socket.SO_OOBINLINE, 1);
        }
        if ((events & Epoll.ERR) != 0) {
            onError(flow, nowNs);
            return;
        }
        if ((events & Epoll.OUT) != 0 && flow.outDue) {
            guestData.onWritable(flow, nowNs);
        }
        if (flow.isOpen() && flow.readable) {
            long ignored = hostData.pump(flow, Limits.QUANTUM_BYTES, nowNs);
        }
    }

    /** What arrived before the reset goes first, as far as the guest takes it now. */
    @HotPath
    private void onError(TcpFlow flow, long nowNs) {
        flow.failed = true;
        long ignored = hostData.pump(flow, Limits.QUANTUM_BYTES, nowNs);
        if (flow.index() != FlowTable.NONE) {
            onSocketError(flow);
        }
    }

    /** A call on the socket failed for good: the peer is gone. */
    void onSocketError(TcpFlow flow) {
        reset(flow, Drop.TCP_RESET_BY_HOST);
    }

    @Override
    public void onFault(int index, Throwable thrown) {
        onFault((TcpFlow) table.at(index));
    }

    /** Something that should not be: {@code flow} ends, and the others go on. */
    void onFault(TcpFlow flow) {
        if (flow.index() != FlowTable.NONE) {
            reset(flow, Drop.INVARIANT_VIOLATED);
        }
    }

    /** {@code flow} was in a list. */
    @HotPath
    long onVisit(TcpFlow flow, long allowanceBytes, long nowNs) {
        if (flow.phase() == TcpFlow.Phase.SYN_ACK_TO_GUEST || flow.phase() == TcpFlow.Phase.SYN_TO_GUEST) {
            handshakes.say(flow);
            return 0;
        }
        if (flow.ackDue || flow.duplicatesDue > 0) {
            guestData.tell(flow);
        }
        if (flow.isDone()) {
            endIfDone(flow);
            return 0;
        }
        if (flow.ackDue || flow.duplicatesDue > 0) {
            return 0; // it waits for the link, and is to be found there
        }
        return hostData.pump(flow, allowanceBytes, nowNs);
    }

    @HotPath
    void onRetransmit(TcpFlow flow, long nowNs) {
        switch (flow.phase()) {
            case SYN_ACK_TO_GUEST, SYN_TO_GUEST -> handshakes.onTimer(flow, nowNs);
            case ESTABLISHED -> recovery.onTimer(flow, nowNs);
            case SYN_FROM_GUEST, CLOSED -> {}
        }
    }

    @HotPath
    void onStashAck(TcpFlow flow, long nowNs) {
        guestData.onStashAck(flow, nowNs);
    }

    void onIdle(TcpFlow flow, long nowNs) {
        if (flow.isOpen()) {
            if (nowNs - flow.dataNs >= IDLE_NS) {
                reset(flow, Drop.TCP_IDLE);
                return;
            }
            boolean asked = flow.inFlight() > 0 || flow.persisting; // by what is sent again
            if (nowNs - flow.guestNs >= KEEPALIVE_NS && hostData.isUp() && !asked) {
                boolean ignored = control.probe(flow); // if not this one, then the next
            }
        }
        long quietNs = nowNs - flow.guestNs;
        loop.timers().schedule(flow.idle, nowNs + (quietNs < KEEPALIVE_NS ? KEEPALIVE_NS - quietNs : KEEPALIVE_NS));
    }

    /** Has the kernel look for room in the flow's socket. */
    @HotPath
    void watchOut(TcpFlow flow) {
        flows.watchOut(flow);
    }

    @HotPath
    void awaitLink(TcpFlow flow) {
        hostData.awaitLink(flow);
    }

    /** Ends {@code flow} for both sides, with a reset to each. */
    void reset(TcpFlow flow, Drop why) {
        control.reset(flow);
        drop(flow, why);
    }

    /** Ends {@code flow} with a reset to the peer, who would not read the last data then: unless there is nothing more to say. */
    void drop(TcpFlow flow, Drop why) {
        counters.count(why);
        if (flow.fd != Os.NONE && !flow.isDone()) {
            int ignored = os.linger0(flow.fd);
        }
        end(flow);
    }

    /** Ends {@code flow} if both sides have said all and know it: the last acknowledgment may still wait for the link. */
    void endIfDone(TcpFlow flow) {
        if (flow.isDone() && !flow.ackDue) {
            end(flow);
        }
    }

    /** Ends {@code flow}, unless it has ended. */
    void end(TcpFlow flow) {
        if (flow.index() == FlowTable.NONE) {
            return;
        }
        guestData.forget(flow);
        hostData.forget(flow);
        flows.end(flow);
    }

    /** The link has room again. */
    public void onLinkWritable() {
        control.resetsThatWait();
        hostData.onLinkWritable();
    }

    /** A guest is there, perhaps the same as before: what was in flight goes again. */
    public void onLinkUp(Caps caps) {
        hostData.onLinkUp(caps);
        control.resetsThatWait();
        flows.restart(hostData);
    }

    /** The guest's driver began anew: what was in flight goes again. */
    public void onLinkReset() {
        onLinkWritable();
        flows.restart(hostData);
    }

    public void onLinkDown() {
        hostData.onLinkDown();
    }

    /** Ends every flow. */
    public void close() {
        flows.close();
    }
}
