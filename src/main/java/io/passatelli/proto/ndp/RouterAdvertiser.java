package io.passatelli.proto.ndp;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.TimerWheel;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;

import java.util.function.LongSupplier;

/**
 * When the guest's router advertises itself, RFC 4861 §6.2: to who asks, and unasked at random times. A few advertisements come soon after the
 * guest's link came up, or after the network changed, should one be lost. Between two that go to all nodes there are {@value
 * #MULTICAST_GAP_NS} ns at least; what comes too early is put off. An answer goes out at once, without the random delay of §6.2.6, which is there
 * so that several routers do not answer together: here is one. Loop thread only.
 */
final class RouterAdvertiser extends TimerWheel.Timer {
    private static final long S = 1_000_000_000L;

    /** MIN_DELAY_BETWEEN_RAS. */
    static final long MULTICAST_GAP_NS = 3 * S;

    /** MAX_INITIAL_RTR_ADVERT_INTERVAL. */
    static final long INITIAL_NS = 16 * S;

    /** MAX_INITIAL_RTR_ADVERTISEMENTS. */
    static final int INITIAL = 3;

    /** MinRtrAdvInterval and MaxRtrAdvInterval, the latter as RFC 4861 has it. */
    static final long MIN_NS = 200 * S;

    static final long MAX_NS = 600 * S;

    private final TimerWheel timers;
    private final NdpSender sender;
    private final Counters counters;
    private final LongSupplier random;
    private final Advertised advertised;
    private boolean on;
    private boolean up;
    private boolean sentBefore;
    private long sentNs;
    private int initialLeft;

    RouterAdvertiser(PlaneConfig config, NdpSender sender, NdpResponder.Parts parts) {
        this.sender = sender;
        timers = parts.timers();
        counters = parts.counters();
        random = parts.random();
        advertised = new Advertised(config);
        on = isOn(config);
    }

    private static boolean isOn(PlaneConfig config) {
        return NdpResponder.isOn(config) && config.has(Service.RA);
    }

    /** The network is another from now on: the old one is withdrawn, and the new one told of at once. */
    void adopt(PlaneConfig config, long nowNs) {
        Ip6Network before = advertised.network();
        boolean wasOn = on;
        advertised.adopt(config, nowNs);
        on = isOn(config);
        Ip6Network now = advertised.network();
        if (wasOn
                && up
                && before != null
                && (!on || now == null || !now.router().equals(before.router()))) {
            count(sender.send(before.router(), NdpSender.ALL_NODES, advertised.farewell(nowNs), 0));
        }
        advertise(nowNs);
    }

    void onUp(long nowNs) {
        up = true;
        sentBefore = false;
        advertise(nowNs);
    }

    void onDown() {
        up = false;
        timers.cancel(this);
    }

    /** Begins anew, with the first advertisement at once. */
    void advertise(long nowNs) {
        if (!on || !up) {
            timers.cancel(this);
            return;
        }
        initialLeft = INITIAL;
        multicast(nowNs);
    }

    /** Answers a router solicitation. */
    Drop answer(Ip asker, int queue, long nowNs) {
        Ip6Network network = advertised.network();
        if (!on || network == null) {
            return Drop.NDP_ROUTERS_OFF;
        }
        if (asker.isUnspecified()) {
            multicast(nowNs);
            return Drop.NONE;
        }
        return sender.send(network.router(), asker, advertised.at(nowNs), queue);
    }

    @Override
    protected void due(long nowNs) {
        multicast(nowNs);
    }

    private void multicast(long nowNs) {
        Ip6Network network = advertised.network();
        if (!on || !up || network == null) {
            return;
        }
        long mayNs = sentNs + MULTICAST_GAP_NS;
        if (sentBefore && mayNs - nowNs > 0) {
            scheduleNoLater(mayNs);
            return;
        }
        sentBefore = true;
        sentNs = nowNs;
        count(sender.send(network.router(), NdpSender.ALL_NODES, advertised.at(nowNs), 0));
        initialLeft = Math.max(0, initialLeft - 1);
        timers.schedule(this, nowNs + nextNs());
    }

    private void scheduleNoLater(long atNs) {
        if (!isScheduled() || deadlineNs() - atNs > 0) {
            timers.schedule(this, atNs);
        }
    }

    private long nextNs() {
        long spreadMs = (MAX_NS - MIN_NS) / 1_000_000;
        long ns = MIN_NS + Math.floorMod(random.getAsLong(), spreadMs + 1) * 1_000_000;
        return initialLeft > 0 ? Math.min(ns, INITIAL_NS) : ns;
    }

    private void count(Drop drop) {
        if (drop != Drop.NONE) {
            counters.count(drop); // NONE is for frames of the guest
        }
    }
}
