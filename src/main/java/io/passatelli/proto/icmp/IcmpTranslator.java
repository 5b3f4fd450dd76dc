package io.passatelli.proto.icmp;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.config.HostSide;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.flow.AddressMap;
import io.passatelli.flow.FlowKey;
import io.passatelli.flow.FlowTable;
import io.passatelli.guest.FrameComposer;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.RxBatch;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.Handler;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Icmp4;
import io.passatelli.wire.Icmp6;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Ip6;

/**
 * Echo between the guest and ping sockets, RFC 792 and RFC 4443 §4.
 *
 * <p>One flow for each guest address, destination and identifier, with a socket of its own. A request goes from the link's memory into the
 * socket; the kernel writes its own identifier and the checksum. A reply comes back through {@link EchoReplies}, which puts the guest's
 * identifier in again. It seems to come from the address that the guest pinged, whatever that stands for on the host side.
 *
 * <p>A flow begins with a request and ends when the guest has sent none for {@code Limits.PING_IDLE_S}, or when its socket is of no more use:
 * then the next request begins another. A table that is full takes no flow: the idlest is not evicted, so a guest that pings everything cannot
 * break a conversation that goes on. Nothing of a request is kept. TTL and hop limit travel, TOS does not; ICMP errors are
 * not relayed.
 *
 * <p>A request to the guest's IPv6 router is answered here, as every node has to (RFC 4443 §4.2): that address is ours, and nobody on the host
 * side need have it. Not so where it stands for an address of the host's, and not in IPv4, where the guest's gateway is a machine of the host's network.
 */
public final class IcmpTranslator implements Handler {
    private static final long IDLE_NS = Limits.PING_IDLE_S * 1_000_000_000L;
    private static final int SEND_FLAGS = Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL;

    private boolean on;
    private final EventLoop loop;
    private final Os os;
    private final FlowTable flows;
    private final AddressMap addresses;
    private final Counters counters;
    private final PingSockets sockets;
    private HostSide host4;
    private HostSide host6;
    /** The address of ours that is answered for here; unspecified: none. */
    private Ip own;

    private final EchoReplies replies;
    private final int type;
    private final FlowKey key = new FlowKey();
    private final IoVec request = new IoVec(RxBatch.PIECES + 1);

    /** Every flow object there is; those not in use are in {@link #pool} too. */
    private final PingFlow[] made = new PingFlow[Limits.PING_FLOWS];

    private int madeCount;
    private final PingFlow[] pool = new PingFlow[Limits.PING_FLOWS];
    private int poolCount;

    /** What the translator works with: the loop it registers at, the plane's table, and the way to the guest. */
    public record Parts(
            EventLoop loop, FlowTable flows, Link link, FrameComposer composer, Counters counters, Log log) {}

    public IcmpTranslator(PlaneConfig config, AddressMap addresses, Parts parts) {
        on = config.has(Service.ICMP);
        loop = parts.loop();
        os = loop.os();
        flows = parts.flows();
        this.addresses = addresses;
        counters = parts.counters();
        host4 = config.host4();
        host6 = config.host6();
        own = own(config);
        sockets = new PingSockets(os, parts.log(), config);
        replies = new EchoReplies(parts, config.guest().mtu());
        type = loop.register(this);
    }

    /**
     * Works as {@code config} says from now on. Flows end whose way through the host may be another now: the next request of each finds it. The
     * map of addresses is another's to change.
     */
    public void adopt(PlaneConfig config) {
        boolean was = on;
        on = config.has(Service.ICMP);
        sockets.adopt(config);
        replies.adopt(config.guest().mtu());
        boolean ends4 = was && !on || !host4.equals(config.host4());
        boolean ends6 = was && !on || !host6.equals(config.host6());
        host4 = config.host4();
        host6 = config.host6();
        own = own(config);
        for (int i = 0; i < madeCount; i++) {
            PingFlow flow = made[i];
            if (flow.fd != Os.NONE && ((flow.isV4() ? ends4 : ends6) || isClosed(flow))) {
                end(flow);
            }
        }
    }

    private boolean isClosed(PingFlow flow) {
        addresses.toHost(flow.farHigh(), flow.farLow());
        return addresses.isClosed();
    }

    private static Ip own(PlaneConfig config) {
        Ip6Network ip6 = config.guest().ip6();
        if (ip6 == null
                || ip6.router().equals(config.host6().mapHostLoopback())
                || ip6.router().equals(config.host6().mapGuest())) {
            return Ip.UNSPECIFIED6;
        }
        return ip6.router();
    }

    /** How many conversations there are. */
    public int count() {
        return madeCount - poolCount;
    }

    /** Takes an ICMP or ICMPv6 message from the guest: frame {@code i} of {@code batch}, parsed well. */
    @HotPath
    public Drop onMessage(RxBatch batch, int i, int queue, long nowNs) {
        if (!on) {
            return Drop.ICMP_OFF;
        }
        Frame f = batch.frame(i);
        if (Ip.isUnspecified(f.srcHigh(), f.srcLow())) {
            return Drop.IP6_BAD_SOURCE; // of IPv4, such frames are not found good
        }
        request.clear();
        if (!batch.gather(i, (int) (f.l4() - f.l2()), f.l4Length(), request)) {
            throw tooManyPieces();
        }
        // The kernel writes a checksum of its own in any case.
        if (!f.offload().vouchesForChecksum() && sum(batch, i, f) != Checksum.GOOD) {
            return Drop.ICMP_BAD_CHECKSUM;
        }
        int echoRequest = f.protocol() == Ip4.ICMP ? Icmp4.ECHO_REQUEST : Icmp6.ECHO_REQUEST;
        if (Icmp4.type(f.bytes(), f.l4()) != echoRequest || Icmp4.code(f.bytes(), f.l4()) != 0) {
            return Drop.ICMP_NOT_ECHO_REQUEST;
        }
        int identifier = Icmp4.id(f.bytes(), f.l4()); // it stands in the same place in both families
        if (isOwn(f.dstHigh(), f.dstLow())) {
            return replies.answer(f, request, identifier, queue);
        }
        key.set(f.protocol(), f.srcHigh(), f.srcLow(), identifier, f.dstHigh(), f.dstLow(), 0);
        int index = flows.find(key);
        if (index == FlowTable.NONE) {
            Drop drop = begin(f, nowNs);
            if (drop != Drop.NONE) {
                return drop;
            }
            index = flows.find(key);
        }
        PingFlow flow = (PingFlow) flows.at(index);
        try {
            flow.queue = queue;
            flow.usedNs = nowNs;
            limitHops(flow, f.ttl());
            return send(flow, f.payloadLength());
        } catch (Throwable t) {
            end(flow);
            throw t;
        }
    }

    private boolean isOwn(long high, long low) {
        return low == own.low() && high == own.high() && !own.isUnspecified();
    }

    /** Over the whole message, which may lie in pieces, and in IPv6 the pseudo-header. */
    @HotPath
    private static int sum(RxBatch batch, int i, Frame f) {
        int pseudo = f.protocol() == Ip4.ICMP
                ? 0
                : Checksum.pseudo6(f.srcHigh(), f.srcLow(), f.dstHigh(), f.dstLow(), Ip6.ICMP, f.l4Length());
        return batch.sum(i, (int) (f.l4() - f.l2()), f.l4Length(), pseudo);
    }

    /** The request goes as far as the guest wants it to. What the kernel says does not matter: then it goes as far as usual. */
    @HotPath
    private void limitHops(PingFlow flow, int ttl) {
        int hops = Math.max(1, ttl); // the kernel has no less
        if (hops == flow.hops) {
            return;
        }
        flow.hops = hops;
        int ignored = flow.isV4()
                ? os.setOption(flow.fd, Socket.IPPROTO_IP, Socket.IP_TTL, hops)
                : os.setOption(flow.fd, Socket.IPPROTO_IPV6, Socket.IPV6_UNICAST_HOPS, hops);
    }

    @HotPath
    private Drop send(PingFlow flow, int payloadLength) {
        long sent = os.sendmsg(flow.fd, request, SEND_FLAGS);
        if (sent >= 0) {
            flow.countToHost(payloadLength);
            return Drop.NONE;
        }
        switch ((int) -sent) {
            case Errno.EAGAIN, Errno.ENOBUFS, Errno.ENOMEM, Errno.EMSGSIZE -> {}
            default ->
                end(flow); // the host's addresses or routes changed, perhaps: the next request finds its way anew
        }
        return Drop.ICMP_SEND_FAILED;
    }

    /** Makes the flow of {@link #key} and its socket. */
    private Drop begin(Frame f, long nowNs) {
        if (!mayPing(f.protocol(), f.dstHigh(), f.dstLow())) {
            return Drop.ICMP_BAD_DESTINATION;
        }
        if (poolCount == 0 && madeCount == made.length) {
            return Drop.FLOW_TABLE_FULL;
        }
        PingFlow flow = take();
        int index = flows.insert(key, flow);
        if (index == FlowTable.NONE) {
            pool[poolCount++] = flow;
            return Drop.FLOW_TABLE_FULL;
        }
        flow.begin(nowNs);
        Drop drop;
        try {
            drop = connect(flow, nowNs);
        } catch (Throwable t) {
            end(flow);
            throw t;
        }
        if (drop != Drop.NONE) {
            end(flow);
            return drop;
        }
        loop.timers().schedule(flow.idle, nowNs + IDLE_NS);
        return Drop.NONE;
    }

    private Drop connect(PingFlow flow, long nowNs) {
        addresses.toHost(flow.farHigh(), flow.farLow());
        flow.hostHigh = addresses.high();
        flow.hostLow = addresses.low();
        if (addresses.isClosed()) {
            return Drop.HOST_CLOSED; // silent, as every other ping that nobody answers
        }
        Drop drop = sockets.open(flow, nowNs);
        if (drop != Drop.NONE) {
            return drop;
        }
        int rc = loop.watch(flow.fd, Epoll.IN | Epoll.ET, type, flow.generation(), flow.index());
        flow.watched = rc >= 0;
        return rc < 0 ? Drop.DESCRIPTORS_EXHAUSTED : Drop.NONE; // ENOSPC: fs.epoll.max_user_watches, epoll(7)
    }

    private PingFlow take() {
        if (poolCount > 0) {
            return pool[--poolCount];
        }
        PingFlow flow = new PingFlow(this);
        made[madeCount++] = flow;
        return flow;
    }

    /**
     * Groups, and addresses of "this network" (RFC 1122 §3.2.1.3), have no ping socket's answer: theirs would come from others. The kernel takes
     * the unspecified address for its own loopback, which the guest reaches by its name for it only; so it does with v4-mapped forms of it.
     */
    private static boolean mayPing(int protocol, long high, long low) {
        if (!Ip.isUnicast(high, low) || Ip.isLoopback(high, low)) {
            return false;
        }
        return protocol == Ip4.ICMP ? !Ip.isThisNetwork(high, low) : !Ip.isV4(high, low);
    }

    @Override
    public int generation(int index) {
        return flows.generation(index);
    }

    @HotPath
    @Override
    public void onEvent(int index, int events, long nowNs) {
        PingFlow flow = (PingFlow) flows.at(index);
        if ((events & (Epoll.ERR | Epoll.HUP)) != 0) {
            int ignored = os.option(flow.fd, Socket.SOL_SOCKET, Socket.SO_ERROR); // reading clears it
            counters.count(Drop.ICMP_SEND_FAILED);
        }
        onVisit(flow, Limits.QUANTUM_BYTES);
    }

    @Override
    public void onFault(int index, Throwable thrown) {
        end((PingFlow) flows.at(index));
    }

    /** The ready list has come to {@code flow}. */
    @HotPath
    long onVisit(PingFlow flow, long allowanceBytes) {
        long moved = replies.pump(flow, allowanceBytes);
        if (moved >= 0) {
            return moved;
        }
        counters.count(Drop.ICMP_SEND_FAILED);
        end(flow);
        return 0;
    }

    void onIdle(PingFlow flow, long nowNs) {
        long deadlineNs = flow.usedNs + IDLE_NS;
        if (deadlineNs - nowNs > 0) {
            loop.timers().schedule(flow.idle, deadlineNs);
        } else {
            end(flow);
        }
    }

    /** Ends {@code flow}, unless it has ended. */
    void end(PingFlow flow) {
        if (flow.index() == FlowTable.NONE) {
            return;
        }
        if (flow.watched) {
            loop.unwatch(flow.fd);
            flow.watched = false;
        }
        if (flow.fd != Os.NONE) {
            os.close(flow.fd);
            flow.fd = Os.NONE;
        }
        flow.hops = PingFlow.HOPS_UNSET;
        if (flow.idle.isScheduled()) {
            loop.timers().cancel(flow.idle);
        }
        if (flow.ready.isListed()) {
            loop.ready().remove(flow.ready);
        }
        flows.remove(flow.index());
        pool[poolCount++] = flow;
    }

    /** The link has room again. */
    public void onLinkWritable() {
        replies.onLinkWritable();
    }

    public void onLinkUp(Caps caps) {
        replies.onLinkUp(caps);
    }

    public void onLinkDown() {
        replies.onLinkDown();
    }

    /** Ends every flow. */
    public void close() {
        for (int i = 0; i < madeCount; i++) {
            if (made[i].fd != Os.NONE) {
                end(made[i]);
            }
        }
    }

    private static AssertionError tooManyPieces() {
        return new AssertionError("a frame of more pieces than RxBatch.PIECES");
    }
}
