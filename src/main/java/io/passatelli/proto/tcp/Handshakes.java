package io.passatelli.proto.tcp;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.PlaneConfig;
import io.passatelli.flow.AddressMap;
import io.passatelli.flow.FlowKey;
import io.passatelli.flow.FlowTable;
import io.passatelli.forward.ConnectionAcceptor;
import io.passatelli.forward.ConnectionListener;
import io.passatelli.guest.InboundAddresses;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Ip6;
import io.passatelli.wire.Tcp;
import io.passatelli.wire.TcpOptions;
import org.jspecify.annotations.Nullable;

/**
 * How connections come about.
 *
 * <p><b>Of the guest.</b> Its SYN begins a flow and a connect(2); only when the host's kernel says that the peer is there does the guest get
 * SYN,ACK, else a reset at once: so it sees what is really the case. Its SYN again means nothing meanwhile.
 *
 * <p><b>Of a peer.</b> An accepted connection begins a flow and a SYN to the guest, at the address at which the guest can answer. It is
 * acknowledged as soon as the guest answers, data or not: a guest whose server speaks first waits for that.
 *
 * <p>SYN and SYN,ACK carry MSS and, unless the guest does not have them, SACK-permitted and window scale; nothing else. They are sent again with
 * the same number, after a second a few times and then ever more rarely.
 */
final class Handshakes implements ConnectionAcceptor {
    /** What a guest takes whom nobody told its MTU, bytes. */
    private static final int ETHERNET_MTU = 1_500;

    private static final long SYN_NS = 1_000_000_000L;

    private final TcpTranslator owner;
    private final EventLoop loop;
    private final Os os;
    private final Counters counters;
    private final AddressMap addresses;
    private final InboundAddresses inbound;
    private final TcpFlows flows;
    private final TcpSockets sockets;
    private final TcpControl control;
    private final GuestWindow window;
    private final GuestData guestData;
    private final HostData hostData;
    private final Isn isn;
    private final TcpOptions options = new TcpOptions();
    private final FlowKey key = new FlowKey();
    private int mtu;

    /** Who does what for connections that are there. */
    record Data(TcpControl control, GuestWindow window, GuestData guest, HostData host) {}

    Handshakes(TcpTranslator owner, PlaneConfig config, AddressMap addresses, TcpTranslator.Parts parts, Data data) {
        this.owner = owner;
        this.addresses = addresses;
        flows = owner.flows();
        control = data.control();
        window = data.window();
        guestData = data.guest();
        hostData = data.host();
        loop = parts.loop();
        os = loop.os();
        counters = parts.counters();
        inbound = new InboundAddresses(parts.guest(), addresses);
        sockets = new TcpSockets(os, config);
        isn = new Isn(parts.seeds().getAsLong(), parts.seeds().getAsLong());
        adopt(config);
    }

    void adopt(PlaneConfig config) {
        sockets.adopt(config);
        mtu = config.guest().mtu() == 0 ? ETHERNET_MTU : config.guest().mtu();
        endMisled();
    }

    /**
     * Connections of the guest to what is closed to it by now end, for both sides. Those that nobody has answered are forgotten where they would lead
     * elsewhere, or come from elsewhere, if they began now: the guest's SYN comes again, and does.
     */
    private void endMisled() {
        for (int i = 0; i < flows.madeCount; i++) {
            TcpFlow flow = flows.made[i];
            if (flow.index() == FlowTable.NONE || flow.fromHost) {
                continue;
            }
            addresses.toHost(flow.farHigh(), flow.farLow(), flow.farPort());
            boolean elsewhere = addresses.high() != flow.hostHigh || addresses.low() != flow.hostLow;
            if (addresses.isClosed()) {
                owner.reset(flow, Drop.HOST_CLOSED);
            } else if (flow.phase() == TcpFlow.Phase.SYN_FROM_GUEST && (elsewhere || sockets.isMoved(flow))) {
                int ignored = os.linger0(flow.fd); // the peer may have answered just now
                owner.end(flow);
            }
        }
    }

    private int ourMss(TcpFlow flow) {
        int ip = TcpControl.headers(flow) - Tcp.LENGTH - Ethernet.LENGTH;
        assert ip == Ip4.LENGTH || ip == Ip6.LENGTH;
        return mtu - ip - Tcp.LENGTH;
    }

    /** The guest's SYN {@code f} for the endpoints in {@code wanted}, which have no flow. */
    Drop begin(Frame f, FlowKey wanted, int queue, long nowNs) {
        TcpFlow flow = flows.start(wanted, false, nowNs);
        if (flow == null) {
            return Drop.FLOW_TABLE_FULL;
        }
        try {
            return begin(flow, f, queue, nowNs);
        } catch (Throwable t) {
            owner.onFault(flow);
            throw t;
        }
    }

    private Drop begin(TcpFlow flow, Frame f, int queue, long nowNs) {
        flow.queue = queue;
        flow.startAt(isn.of(flow, nowNs));
        hear(flow, f);
        addresses.toHost(flow.farHigh(), flow.farLow(), flow.farPort());
        flow.hostHigh = addresses.high();
        flow.hostLow = addresses.low();
        if (addresses.isClosed()) {
            return refuse(flow, Drop.HOST_CLOSED);
        }
        int rc = sockets.connect(flow);
        if (rc < 0) {
            return refuse(flow, TcpSockets.dropOf(-rc));
        }
        if (!flows.watch(flow)) {
            return refuse(flow, Drop.DESCRIPTORS_EXHAUSTED);
        }
        if (rc > 0) {
            answer(flow, nowNs);
        }
        return Drop.NONE;
    }

    /** What a SYN of the guest says, RFC 7323 §2.2: the window in it is not scaled. */
    private void hear(TcpFlow flow, Frame f) {
        int seq = Tcp.seq(f.bytes(), f.l4());
        options.read(f.bytes(), f.l4());
        flow.next = flow.taken = flow.acked = flow.edge = seq + 1;
        flow.windowSeq = seq;
        flow.window = flow.windowMost = Tcp.window(f.bytes(), f.l4());
        boolean scales = options.windowScale != TcpOptions.NONE;
        flow.guestScale = scales ? options.windowScale : 0;
        flow.ourScale = scales ? Limits.TCP_WINDOW_SCALE : 0;
        flow.sacks = options.sackPermitted;
        hostData.fit(flow, Math.min(options.mss, ourMss(flow))); // the link's MTU holds both ways
    }

    private Drop refuse(TcpFlow flow, Drop why) {
        if (why == Drop.DESCRIPTORS_EXHAUSTED) {
            owner.end(flow); // the guest tries again, and there may be some then
            return why;
        }
        counters.count(why);
        control.reset(flow);
        owner.end(flow);
        return Drop.NONE;
    }

    /** connect(2) has come to its end: {@code events} are there. */
    void onConnect(TcpFlow flow, int events, long nowNs) {
        if ((events & (Epoll.OUT | Epoll.ERR | Epoll.HUP)) == 0) {
            return;
        }
        int errno = os.option(flow.fd, Socket.SOL_SOCKET, Socket.SO_ERROR);
        if (errno == 0 && sockets.isItself(flow)) {
            errno = Errno.ECONNREFUSED;
        }
        if (errno != 0) {
            counters.count(TcpSockets.dropOf(Math.abs(errno)));
            control.reset(flow);
            owner.end(flow);
            return;
        }
        flow.readable |= (events & (Epoll.IN | Epoll.RDHUP)) != 0;
        flow.ending |= (events & Epoll.RDHUP) != 0;
        answer(flow, nowNs);
    }

    /** The peer is there. */
    private void answer(TcpFlow flow, long nowNs) {
        flow.become(TcpFlow.Phase.SYN_ACK_TO_GUEST);
        call(flow, nowNs);
    }

    /** SYN, or SYN,ACK, for the first time; the window in it is not scaled, RFC 7323 §2.2. */
    private void call(TcpFlow flow, long nowNs) {
        boolean ignored = window.offer(flow);
        flow.edge = flow.next + Math.clamp(flow.edge - flow.next, 0, Tcp.WINDOW_MAX);
        flow.seq = flow.high = flow.una + 1;
        flow.timed = true;
        flow.timedSeq = flow.seq;
        flow.timedNs = nowNs;
        say(flow);
        hostData.wait(flow, nowNs + SYN_NS);
    }

    /** Our SYN or SYN,ACK goes to the guest, or waits for the link. */
    void say(TcpFlow flow) {
        if (!control.syn(flow, ourMss(flow))) {
            owner.awaitLink(flow);
            return;
        }
        flow.countResent(flow.synWent ? 1 : 0);
        flow.synWent = true;
    }

    /** The timer of a flow that waits for the guest's answer is due. */
    void onTimer(TcpFlow flow, long nowNs) {
        if (flow.deadlineNs - nowNs > 0) {
            hostData.wait(flow, flow.deadlineNs);
            return;
        }
        if (flow.retries == Limits.TCP_SYN_RETRIES) {
            owner.reset(flow, Drop.TCP_GUEST_TIMED_OUT);
            return;
        }
        flow.timed = false;
        flow.retries++;
        flow.countTimeOut();
        say(flow);
        hostData.wait(flow, nowNs + (SYN_NS << Math.max(0, flow.retries - Limits.TCP_SYN_LINEAR_RETRIES)));
    }

    @Override
    public void onConnection(ConnectionListener listener, int fd, SockAddr peer, long nowNs) {
        TcpFlow flow = null;
        try {
            flow = accept(listener, peer, nowNs);
        } finally {
            if (flow == null) {
                os.linger0(fd);
                os.close(fd);
            }
        }
        if (flow == null) {
            return;
        }
        flow.fd = fd;
        try {
            flow.startAt(isn.of(flow, nowNs));
            if (sockets.prepare(fd) < 0 || !flows.watch(flow)) {
                counters.count(Drop.TCP_SOCKET_REFUSED);
                os.linger0(fd);
                owner.end(flow);
                return;
            }
            flow.ourScale = Limits.TCP_WINDOW_SCALE;
            call(flow, nowNs);
        } catch (Throwable t) {
            owner.onFault(flow);
            throw t;
        }
    }

    /** A flow for what {@code listener} accepted of {@code peer}; null: none can be, and it is counted why. */
    private @Nullable TcpFlow accept(ConnectionListener listener, SockAddr peer, long nowNs) {
        Ip target = listener.guestAddress();
        if (!owner.isOn() || !hostData.isUp() || !inbound.see(peer.high(), peer.low(), target)) {
            counters.count(owner.isOn() ? Drop.TCP_NO_GUEST : Drop.TCP_OFF);
            return null;
        }
        key.set(
                Ip4.TCP,
                inbound.guestHigh(),
                inbound.guestLow(),
                listener.guestPort(),
                inbound.farHigh(),
                inbound.farLow(),
                peer.port());
        if (flows.find(key) != null) {
            counters.count(Drop.TCP_PEER_HIDDEN);
            return null;
        }
        TcpFlow flow = flows.start(key, true, nowNs);
        if (flow == null) {
            counters.count(Drop.FLOW_TABLE_FULL);
            return null;
        }
        flow.hostHigh = peer.high();
        flow.hostLow = peer.low();
        return flow;
    }

    /** A segment of the guest while the peer is yet to answer. */
    @HotPath
    Drop onEarly(TcpFlow flow, Frame f, FlowKey endpoints, long nowNs) {
        int flags = Tcp.flags(f.bytes(), f.l4());
        int first = flow.next - 1;
        int seq = Tcp.seq(f.bytes(), f.l4());
        if ((flags & Tcp.RST) != 0) {
            if (seq != first && seq != flow.next) {
                return Drop.TCP_UNACCEPTABLE;
            }
            owner.drop(flow, Drop.TCP_RESET_BY_GUEST);
            return Drop.NONE;
        }
        if ((flags & (Tcp.SYN | Tcp.ACK)) != Tcp.SYN) {
            boolean ignored = control.resetUnknown(f, flow.queue);
            owner.drop(flow, Drop.TCP_UNACCEPTABLE);
            return Drop.NONE;
        }
        if (seq == first) {
            return Drop.TCP_SYN_AGAIN;
        }
        owner.drop(flow, Drop.TCP_RESET_BY_GUEST); // it began anew
        return begin(f, endpoints, flow.queue, nowNs);
    }

    /** A segment of the guest that should answer our SYN, RFC 9293 §3.10.7.3. True: it does, and the flow is established. */
    @HotPath
    boolean isAnswer(TcpFlow flow, Frame f, long nowNs) {
        int flags = Tcp.flags(f.bytes(), f.l4());
        boolean acks = (flags & Tcp.ACK) != 0 && Tcp.ack(f.bytes(), f.l4()) == flow.high;
        if ((flags & Tcp.RST) != 0) {
            if (acks) {
                owner.drop(flow, Drop.TCP_RESET_BY_GUEST);
            } else {
                counters.count(Drop.TCP_UNACCEPTABLE);
            }
            return false;
        }
        if ((flags & (Tcp.SYN | Tcp.ACK)) == (Tcp.SYN | Tcp.ACK) && acks) {
            hear(flow, f);
            flow.una = flow.high;
            establish(flow, nowNs);
            flow.ackDue = true;
            guestData.tell(flow);
            return true;
        }
        counters.count(Drop.TCP_UNACCEPTABLE);
        if ((flags & Tcp.ACK) != 0) {
            boolean ignored = control.resetUnknown(f, flow.queue); // of an older connection of the same name
        } else {
            owner.reset(flow, Drop.TCP_UNACCEPTABLE); // a SYN that crosses ours
        }
        return false;
    }

    /** A segment of the guest that should acknowledge our SYN,ACK, RFC 9293 §3.10.7.4. True: it does, and the flow is established. */
    @HotPath
    boolean isConfirmation(TcpFlow flow, Frame f, long nowNs) {
        int flags = Tcp.flags(f.bytes(), f.l4());
        int seq = Tcp.seq(f.bytes(), f.l4());
        if ((flags & Tcp.RST) != 0) {
            if (seq == flow.next) {
                owner.drop(flow, Drop.TCP_RESET_BY_GUEST);
            } else {
                counters.count(Drop.TCP_UNACCEPTABLE);
            }
            return false;
        }
        if ((flags & Tcp.SYN) != 0) {
            counters.count(Drop.TCP_SYN_AGAIN);
            if (seq == flow.next - 1) {
                say(flow);
            } else {
                owner.challenge(flow, nowNs);
            }
            return false;
        }
        if ((flags & Tcp.ACK) == 0) {
            counters.count(Drop.TCP_UNACCEPTABLE);
            return false;
        }
        if (Tcp.ack(f.bytes(), f.l4()) != flow.high) {
            counters.count(Drop.TCP_UNACCEPTABLE);
            boolean ignored = control.resetUnknown(f, flow.queue);
            return false;
        }
        flow.una = flow.high;
        establish(flow, nowNs);
        return true;
    }

    private void establish(TcpFlow flow, long nowNs) {
        if (flow.timed) {
            flow.timed = false;
            flow.rtt.sample(nowNs - flow.timedNs);
        }
        flow.retries = 0;
        flow.recover = flow.una;
        flow.windowAck = flow.una;
        flow.become(TcpFlow.Phase.ESTABLISHED);
        flows.established();
        boolean ignored = window.offer(flow);
        loop.ready().add(flow.ready);
    }
}
