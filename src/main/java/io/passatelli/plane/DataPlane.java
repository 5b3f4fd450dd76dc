package io.passatelli.plane;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.config.PlaneConfig;
import io.passatelli.flow.AddressMap;
import io.passatelli.flow.Descriptors;
import io.passatelli.flow.FlowTable;
import io.passatelli.forward.ListenerSet;
import io.passatelli.forward.RuleState;
import io.passatelli.forward.Sweep;
import io.passatelli.guest.ErrorComposer;
import io.passatelli.guest.FrameComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.guest.Neighbours;
import io.passatelli.host.NeighbourWatch;
import io.passatelli.link.Link;
import io.passatelli.loop.EventLoop;
import io.passatelli.proto.arp.ArpResponder;
import io.passatelli.proto.dhcp.DhcpResponder;
import io.passatelli.proto.dhcpv6.Dhcp6Responder;
import io.passatelli.proto.icmp.IcmpTranslator;
import io.passatelli.proto.ndp.NdpResponder;
import io.passatelli.proto.tcp.TcpCounts;
import io.passatelli.proto.tcp.TcpTranslator;
import io.passatelli.proto.udp.UdpTranslator;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.util.List;
import java.util.function.Predicate;

/**
 * One data plane: the loop, the link to the guest, the flows and who handles them, wired. The thread that calls {@link #run} is its loop
 * thread; others come in by {@link #handle} only.
 *
 * <p>What may go wrong (docs/ARCHITECTURE.md): a guest's mistake is counted and dropped; an errno is handled where it happened; a throwable on
 * behalf of a frame, an event, a timer or a command is caught, counted and logged; one out of the loop itself leaves {@link #run}.
 */
public final class DataPlane implements AutoCloseable {
    private final Log log;
    private final EventLoop loop;
    private final Counters counters = new Counters();
    private final MeteredLink link;
    private final FlowTable flows;
    private final GuestState guest;
    private final Neighbours neighbours;
    private final AddressMap addresses;
    private final ArpResponder arp;
    private final DhcpResponder dhcp;
    private final NdpResponder ndp;
    private final Dhcp6Responder dhcp6;
    private final IcmpTranslator icmp;
    private final UdpTranslator udp;
    final TcpTranslator tcp;
    /** Payload on its way; shared, since another thread may make the plane than runs it. */
    private final Arena memory = Arena.ofShared();

    private final ListenerSet listeners;
    private final Forwards forwards;
    private final FrameRouter router;
    private final PlaneHandle handle;
    private final long startNs;
    private PlaneConfig config;
    private long endsBroken;
    private @Nullable NeighbourWatch neighbourWatch;

    /** Makes and binds everything; nothing happens before {@link #run}. What was made is closed again if the rest cannot be. */
    public DataPlane(PlaneConfig config, Surroundings around, LinkFactory links, PlaneEvents events) {
        this.config = config;
        log = around.log();
        loop = new EventLoop(around.os(), around.clock(), around.log());
        startNs = loop.nowNs();
        Link made = null;
        try {
            made = links.make(around.os(), counters, around.log());
            link = new MeteredLink(made);
            flows = new FlowTable(
                    Limits.FLOWS, around.seeds().getAsLong(), around.seeds().getAsLong());
            guest = new GuestState(config.guest());
            neighbours = new Neighbours(config);
            FrameComposer composer = new FrameComposer(guest, neighbours);
            Descriptors descriptors = new Descriptors(around.openFiles());
            addresses = new AddressMap(config);
            icmp = new IcmpTranslator(
                    config, addresses, new IcmpTranslator.Parts(loop, flows, link, composer, counters, around.log()));
            dhcp = new DhcpResponder(config, guest, composer, link);
            sayTooLong(dhcp, around.log());
            arp = new ArpResponder(guest, composer, link);
            dhcp6 = new Dhcp6Responder(config, guest, composer, link);
            ndp = new NdpResponder(
                    config,
                    new NdpResponder.Parts(loop.timers(), guest, neighbours, composer, link, counters, around.seeds()));
            udp = new UdpTranslator(
                    config,
                    addresses,
                    new UdpTranslator.Parts(
                            loop,
                            flows,
                            link,
                            guest,
                            composer,
                            new ErrorComposer(guest, composer),
                            counters,
                            descriptors,
                            memory));
            tcp = new TcpTranslator(
                    config,
                    addresses,
                    new TcpTranslator.Parts(
                            loop, flows, link, guest, composer, counters, around.seeds(), descriptors, memory));
            listeners = new ListenerSet(
                    loop, new ListenerSet.Acceptors(udp.acceptor(), tcp.acceptor()), counters, descriptors);
            if (around.freebind()) {
                listeners.freebind();
            }
            forwards = new Forwards(loop, listeners, log, config, sweep(around.sweptListeners()));
            Responders responders = new Responders(arp, dhcp, ndp, dhcp6, icmp, udp, tcp);
            FrameRouter.Reports reports = new FrameRouter.Reports(counters, around.log(), forwards.events(events));
            router = new FrameRouter(config, link, guest, responders, reports);
            handle = new PlaneHandle(
                    loop,
                    this::snapshot,
                    this::adopt,
                    new PlaneHandle.Parts(
                            forwards,
                            new FlowLister(flows, loop.ready()),
                            new Captures(link, around.clock(), log),
                            guest));
            link.bind(loop, router);
            loop.onTurnEnd(this::onTurnEnd);
            forwards.start();
        } catch (Throwable t) {
            if (made != null) {
                made.close();
            }
            loop.close();
            memory.close();
            throw t;
        }
    }

    /** Null: the guest makes no difference to what listens. */
    private Forwards.@Nullable Guest sweep(int mostListeners) {
        if (mostListeners == 0) {
            return null;
        }
        GuestProber prober = new GuestProber(tcp.probes(), arp, ndp, guest, link);
        Sweep sweep = new Sweep(loop, listeners, prober, log, mostListeners);
        tcp.probes().answersTo(sweep);
        return new Forwards.Guest(prober, sweep);
    }

    /** Which forwards do not hold, and why; the others do. Before {@link #run}, or on the loop thread. */
    public List<RuleState> refusedForwards() {
        return forwards.refused();
    }

    private static void sayTooLong(DhcpResponder dhcp, Log log) {
        List<Integer> codes = dhcp.optionsTooLong();
        if (!codes.isEmpty()) {
            log.warn("DHCP options " + codes + " reach only guests that take messages of more than 576 bytes");
        }
    }

    /**
     * Shows the guest the host's neighbours by their own MACs from now on. Before {@link #run}, in the network namespace of the calling thread.
     * Throws {@link IOException} with one sentence where the kernel does not tell; the plane works without.
     */
    public void followNeighbours() throws IOException {
        neighbourWatch = NeighbourWatch.start(loop, new NeighbourWatch.Listener() {
            @Override
            public void onNeighbour(int interfaceIndex, long high, long low, long mac) {
                if (isOnGuestsLink(interfaceIndex, high, low) && neighbours.put(high, low, mac) && router.isUp()) {
                    Drop drop = Ip.isV4(high, low) ? arp.announce((int) low, 0) : ndp.announce(high, low, 0);
                    if (drop != Drop.NONE) {
                        counters.count(drop);
                    }
                }
            }

            @Override
            public void onGone(int interfaceIndex, long high, long low) {
                if (isOnGuestsLink(interfaceIndex, high, low)) {
                    neighbours.remove(high, low);
                }
            }
        });
    }

    /** A link-local address is somebody else on each of the host's links, and the guest's is that one which its traffic leaves by. */
    private boolean isOnGuestsLink(int interfaceIndex, long high, long low) {
        return Ip.isV4(high, low)
                || !Ip.isLinkLocal(high, low)
                || interfaceIndex == config.host6().interfaceIndex();
    }

    /**
     * From now on the guest is told, and its traffic carried, as {@code next} says; flows that are there stay, unless what they speak to is
     * elsewhere now, and so do the forwards in force: those that {@code next} names are not looked at. What is on stays as it was at the start: it is the same in {@code next}. Loop thread.
     */
    public void adopt(PlaneConfig next) {
        assert next.services().equals(config.services());
        boolean otherLink = next.host6().interfaceIndex() != config.host6().interfaceIndex();
        config = next;
        guest.adopt(next.guest()); // all others look there
        neighbours.adopt(next);
        addresses.adopt(next);
        dhcp.adopt(next);
        dhcp6.adopt(next);
        icmp.adopt(next);
        ndp.adopt(next, loop.nowNs());
        udp.adopt(next);
        tcp.adopt(next);
        forwards.adopt(next);
        router.adopt(next);
        if (otherLink && neighbourWatch != null) {
            neighbours.clear();
            neighbourWatch.askForAll();
        }
    }

    public PlaneHandle handle() {
        return handle;
    }

    /** Runs until {@link PlaneHandle#stop}. */
    public void run() {
        run(fault -> false);
    }

    /**
     * The same, but a throwable out of the loop itself, which is a bug of ours, ends it only if {@code goesOn} does not want it to go on. All flows end
     * then, as nobody knows how far the broken turn got with them; the link and what listens stay.
     */
    public void run(Predicate<Throwable> goesOn) {
        try {
            boolean done = false;
            while (!done) {
                done = runOnce(goesOn);
            }
        } finally {
            handle.ended();
        }
    }

    private boolean runOnce(Predicate<Throwable> goesOn) {
        try {
            loop.run();
            return true;
        } catch (Throwable t) {
            if (!goesOn.test(t)) {
                throw t;
            }
            endFlows();
            return false;
        }
    }

    /** For a guest that does not come back: every flow ends, and peers of TCP hear of it. What listens stays. Loop thread. */
    public void endFlows() {
        end("ICMP", icmp::close);
        end("UDP", udp::close);
        end("TCP", tcp::close);
    }

    /** In the state that a broken turn left, that may be broken too. */
    private void end(String flowsOf, Runnable close) {
        try {
            close.run();
        } catch (Throwable t) {
            endsBroken++;
            sayBroken(t, flowsOf);
        }
    }

    /** Where memory is wanting, the line may fail too. */
    private void sayBroken(Throwable thrown, String flowsOf) {
        try {
            log.error("bug: " + thrown + " while the flows of " + flowsOf + " ended");
        } catch (Throwable again) {
            endsBroken++;
        }
    }

    /** The first bytes of the frame that was routed last, in hexadecimal; for the line that says why a plane ended. */
    public String lastFrame() {
        return router.lastFrame();
    }

    /** For tests with a clock of their own: one turn of the loop, which waits at most {@code mostNs}. */
    public void turn(long mostNs) {
        loop.turn(mostNs);
    }

    private void onTurnEnd(long nowNs) {
        forwards.onTurn(nowNs);
        int queues = link.caps().queues();
        for (int queue = 0; queue < queues; queue++) {
            link.flush(queue);
        }
    }

    /** The counters now. Loop thread, or none. */
    PlaneStats snapshot() {
        TcpCounts connections = tcp.counts();
        return new PlaneStats(
                Snapshot.drops(counters),
                flows.count(),
                router.isUp(),
                Snapshot.traffic(link),
                loop.invariantViolations() + router.violations() + endsBroken,
                loop.staleEvents(),
                loop.nowNs() - startNs,
                new PlaneStats.FlowCounts(connections.now(), udp.count(), icmp.count()),
                Snapshot.connections(connections, counters),
                new PlaneStats.Retransmissions(connections.resent(), connections.timeOuts()),
                listeners.count(),
                forwards.portsRefused(),
                forwards.sweep(),
                loop.turns(),
                Snapshot.pools(connections, router.fragments()),
                Snapshot.link(link, guest),
                Snapshot.guest(guest, config));
    }

    /** Ends every flow and closes every descriptor of the plane. After {@link #run} has returned. */
    @Override
    public void close() {
        handle.ended();
        icmp.close();
        listeners.close();
        udp.close();
        tcp.close();
        if (neighbourWatch != null) {
            neighbourWatch.close();
        }
        link.close();
        loop.close();
        memory.close();
    }
}
