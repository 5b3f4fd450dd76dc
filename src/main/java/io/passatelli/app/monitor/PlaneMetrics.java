package io.passatelli.app.monitor;

import io.passatelli.base.Drop;
import io.passatelli.base.PoolUse;
import io.passatelli.forward.SweepCounts;
import io.passatelli.plane.PlaneStats;
import io.prometheus.client.Collector;
import io.prometheus.client.CollectorRegistry;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;

import java.util.List;
import java.util.Objects;
import java.util.concurrent.TimeUnit;

/**
 * What Prometheus is told of the plane: the counters of one moment in each scrape, and labels whose values the program knows beforehand. docs/OPERATIONS.md
 * lists them.
 */
@Singleton
class PlaneMetrics extends Collector {
    /** Buckets of a turn, powers of two ns: 1 µs to 1 s. */
    private static final int TURN_FROM = 10;

    private static final int TURN_TO = 30;

    /** Buckets of an answer to KubeVirt: 1 ms to 17 s. */
    private static final int HOOK_FROM = 20;

    private static final int HOOK_TO = 34;

    private static final String FROM_GUEST = "from_guest";
    private static final String TO_GUEST = "to_guest";
    private static final String GUEST = "guest";
    private static final String HOST = "host";

    private final Pulse pulse;
    private final Monitored monitored;

    @Inject
    PlaneMetrics(Pulse pulse) {
        this(pulse, Objects.requireNonNull(Monitored.current()));
    }

    PlaneMetrics(Pulse pulse, Monitored monitored) {
        this.pulse = pulse;
        this.monitored = monitored;
    }

    /** Takes the place of the registry that Quarkus would make, which is told of nobody but Micrometer's meters. */
    @Produces
    @Singleton
    CollectorRegistry registry() {
        CollectorRegistry registry = new CollectorRegistry(true);
        registry.register(this);
        return registry;
    }

    @Override
    public List<MetricFamilySamples> collect() {
        Families to = new Families();
        PlaneStats stats = pulse.stats();
        to.gauge("passatelli_up", "1 while the plane's loop answers; without it the plane's other metrics are missing")
                .add(stats == null ? 0 : 1);
        to.gauge("passatelli_build_info", "What runs here", "version").add(1, monitored.version());
        Families.Family hooks = to.histogram("passatelli_hook_seconds", "Answers to calls of KubeVirt", "call");
        for (HookTimes.Call call : HookTimes.Call.values()) {
            hooks.add(monitored.hooks().snapshot(call), HOOK_FROM, HOOK_TO, call.label());
        }
        Setbacks setbacks = monitored.setbacks();
        to.counter(
                        "passatelli_loop_restarts_total",
                        "How often the plane's loop broke and began again without its flows")
                .add(setbacks.loopRestarts());
        to.counter("passatelli_thread_failures_total", "How often another thread broke in its work")
                .add(setbacks.threadFailures());
        if (stats != null) {
            traffic(to, stats);
            tcp(to, stats);
            sweep(to, stats.sweep());
            drops(to, stats);
            inside(to, stats);
        }
        return to.list();
    }

    private static void traffic(Families to, PlaneStats stats) {
        PlaneStats.Traffic traffic = stats.traffic();
        to.gauge("passatelli_link_up", "1 while the guest's link is up").add(stats.guestUp() ? 1 : 0);
        to.gauge("passatelli_link_mtu_bytes", "What the guest is told, 0: nothing")
                .add(stats.link().mtu());
        to.counter("passatelli_frames_total", "Frames that passed the link", "direction")
                .add(traffic.framesFromGuest(), FROM_GUEST)
                .add(traffic.framesToGuest(), TO_GUEST);
        to.counter("passatelli_bytes_total", "Bytes of these frames, Ethernet header included", "direction")
                .add(traffic.bytesFromGuest(), FROM_GUEST)
                .add(traffic.bytesToGuest(), TO_GUEST);
        PlaneStats.FlowCounts flows = stats.flowCounts();
        to.gauge("passatelli_flows", "Conversations now", "protocol")
                .add(flows.tcp(), "tcp")
                .add(flows.udp(), "udp")
                .add(flows.icmp(), "icmp");
        to.gauge("passatelli_listeners", "Ports of forwards: listened at, and those that cannot be had", "state")
                .add(stats.listeners(), "listening")
                .add(stats.portsRefused(), "refused");
    }

    private static void tcp(Families to, PlaneStats stats) {
        PlaneStats.Connections connections = stats.connections();
        to.counter("passatelli_tcp_connections_total", "Connections begun, by who began them", "origin")
                .add(connections.begunByGuest(), GUEST)
                .add(connections.begunByHost(), HOST);
        to.counter("passatelli_tcp_established_total", "Connections whose handshake with the guest came to its end")
                .add(connections.established());
        to.counter("passatelli_tcp_refused_total", "Connections of the guest that were refused, or had no way to go")
                .add(connections.refused());
        to.counter("passatelli_tcp_resets_total", "Connections that ended by a reset, by whose it was", "origin")
                .add(connections.resetByGuest(), GUEST)
                .add(connections.resetByHost(), HOST);
        to.counter("passatelli_tcp_retransmissions_total", "Segments that went to the guest again")
                .add(stats.retransmissions().segments());
        to.counter("passatelli_tcp_timeouts_total", "How often that was because the guest said nothing in time")
                .add(stats.retransmissions().timeOuts());
    }

    private static void sweep(Families to, SweepCounts sweep) {
        to.counter("passatelli_sweep_probes_total", "Times that the guest was asked whether a TCP port is open")
                .add(sweep.probes());
        to.counter("passatelli_sweep_answers_total", "What it said", "port")
                .add(sweep.open(), "open")
                .add(sweep.closed(), "closed");
        to.counter("passatelli_sweep_seconds_total", "Time of the loop's that asking took")
                .add((double) sweep.spentNs() / TimeUnit.SECONDS.toNanos(1));
        to.gauge(
                        "passatelli_sweep_ports",
                        "Open ports of the guest, of each family: listened at, or not to be had",
                        "state")
                .add(sweep.listening(), "listening")
                .add(sweep.refused(), "refused");
    }

    private static void drops(Families to, PlaneStats stats) {
        Families.Family drops =
                to.counter("passatelli_drops_total", "Frames, or what they asked for, that went no further", "reason");
        for (Drop reason : Drop.values()) {
            if (reason != Drop.NONE) {
                drops.add(stats.drops().getOrDefault(reason, 0L), reason.name());
            }
        }
    }

    private static void inside(Families to, PlaneStats stats) {
        to.gauge("passatelli_uptime_seconds", "Since the plane was made")
                .add((double) stats.uptimeNs() / TimeUnit.SECONDS.toNanos(1));
        to.histogram("passatelli_loop_turn_seconds", "Turns of the plane's loop, without its waits")
                .add(stats.turns(), TURN_FROM, TURN_TO);
        Families.Family used = to.gauge("passatelli_pool_used_bytes", "Memory for payload that is in use", "pool");
        Families.Family size = to.gauge("passatelli_pool_size_bytes", "The most that it may be", "pool");
        for (PoolUse pool : stats.pools()) {
            used.add(pool.usedBytes(), pool.pool());
            size.add(pool.sizeBytes(), pool.pool());
        }
        to.counter("passatelli_invariant_violations_total", "Bugs of ours that were caught")
                .add(stats.invariantViolations());
        to.counter("passatelli_stale_events_total", "Events for descriptors that had been reused")
                .add(stats.staleEvents());
    }
}
