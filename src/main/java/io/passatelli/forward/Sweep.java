package io.passatelli.forward;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.base.RateLimit;
import io.passatelli.base.TimerWheel;
import io.passatelli.config.PortForward;
import io.passatelli.config.Service;
import io.passatelli.loop.EventLoop;
import org.jspecify.annotations.Nullable;

import java.util.BitSet;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * Finds out which TCP ports the guest answers on, and has those listened at: so a peer sees a port open only if it is. Loop thread only.
 *
 * <p><b>Question and answer.</b> The guest is sent a SYN ({@link PortProber}). SYN,ACK opens the listener at the same port of the host, RST closes
 * it; connections that were accepted go on. No answer changes nothing at once, for a busy guest loses SYNs, and a firewall makes ports silent: but
 * an open port that was silent for two rounds, while the guest said other things, is closed. Families are apart.
 *
 * <p><b>Order.</b> {@link HotPorts} every two seconds. All wanted ports, in rounds: quickly in the first one after the guest came, or came back;
 * then as slowly as lets each be asked in {@link Limits#SWEEP_ROUND_S}.
 *
 * <p><b>A silent guest</b> is called by ARP and Neighbor Discovery. One that does not answer that either is paused, or is not there yet: it is
 * asked nothing, or it would find all of it waiting, and called ever more rarely, until it says something by itself.
 *
 * <p>While a {@link Change} is under way nothing is opened or closed here, and when it has ended all that is hot is asked again.
 */
public final class Sweep implements PortAnswers {
    private static final long NS_PER_MS = TimeUnit.MILLISECONDS.toNanos(1);
    private static final long TICK_NS = Limits.SWEEP_TICK_MS * NS_PER_MS;
    private static final long LOOK_NS = Limits.SWEEP_LOOK_MS * NS_PER_MS;
    private static final int HOT_TICKS = Limits.SWEEP_HOT_MS / Limits.SWEEP_TICK_MS;
    private static final int ROUND_TICKS =
            (int) (TimeUnit.SECONDS.toMillis(Limits.SWEEP_ROUND_S) / Limits.SWEEP_TICK_MS);
    private static final int PROBES_PER_TICK = Limits.SWEEP_PROBES_PER_SECOND / (1_000 / Limits.SWEEP_TICK_MS);

    private final EventLoop loop;
    private final ListenerSet listeners;
    private final PortProber prober;
    private final Log log;
    private final int most;
    private final SweptPorts four = new SweptPorts(true);
    private final SweptPorts six = new SweptPorts(false);
    private final HotPorts hot = new HotPorts();
    private final Tick tick = new Tick();
    private final RateLimit lines = new RateLimit();
    private List<PortForward> rules = List.of();
    /** Named ports wait for the guest to be there. */
    private boolean waited;

    private boolean linkUp;

    // the guest: whether it says anything
    private boolean awake;
    private long heard;
    private long nextLookNs;
    private int silentLooks;
    private int calls;

    // whose turn it is
    /** What is due of the hot ports, a {@link #HOT_TICKS}th of one each; the same of all ports, in {@link #ROUND_TICKS}ths. */
    private int hotDue;

    private int hotNext;
    private int turnDue;
    private int turnNext;
    /** So many ports there were when all were last asked quickly. */
    private int renewed;

    /** So many ports are still asked quickly. */
    private int quick;

    private long probes;
    private long answersOpen;
    private long answersClosed;
    private long spentNs;
    private boolean fullSaid;

    /** At most {@code most} sockets listen in all, those of other rules included, and {@link Limits#SWEEP_LISTENERS} of them for this. */
    public Sweep(EventLoop loop, ListenerSet listeners, PortProber prober, Log log, int most) {
        this.loop = loop;
        this.listeners = listeners;
        this.prober = prober;
        this.log = log;
        this.most = most;
    }

    public SweepCounts counts() {
        return new SweepCounts(
                probes,
                answersOpen,
                answersClosed,
                listening(),
                four.refused.cardinality() + six.refused.cardinality(),
                spentNs);
    }

    private int listening() {
        return four.open.cardinality() + six.open.cardinality();
    }

    /** A set of forwards is in force: {@link ListenerSet} has what it asks for, but for what is found out here. */
    public void begin(Wanted wanted, long nowNs) {
        Readiness readiness = wanted.readiness();
        boolean tcp = wanted.has(Service.TCP);
        rules = tcp ? wanted.rules().stream().filter(readiness::isSwept).toList() : List.of();
        waited = tcp && wanted.rules().stream().anyMatch(rule -> readiness.waits(rule) && isOn(rule, wanted));
        boolean other4 = begin(four, wanted.has(Service.IP4));
        boolean other6 = begin(six, wanted.has(Service.IP6));
        boolean other = other4 || other6;
        if (other) {
            BitSet either = (BitSet) four.wanted.clone();
            either.or(six.wanted);
            hot.begin(either);
            fullSaid = false;
        }
        if (!linkUp) {
            return;
        }
        if (other || total() != renewed) {
            renew(nowNs);
        } else { // somebody tried once more to have what another process has
            hotDue = hot.count() * HOT_TICKS;
            schedule(nowNs);
        }
    }

    private static boolean isOn(PortForward rule, Wanted wanted) {
        Ip address = rule.address();
        return address == null || wanted.has(address.isV4() ? Service.IP4 : Service.IP6);
    }

    /** True: other ports are wanted than before, or one that listened does not any more. */
    private boolean begin(SweptPorts ports, boolean on) {
        BitSet next = new BitSet();
        for (PortForward rule : rules) {
            if (on && SweptPorts.isOf(rule, ports.name)) {
                next.set(rule.first(), rule.last() + 1);
            }
        }
        boolean other = !next.equals(ports.wanted);
        ports.begin(next);
        for (int port = ports.open.nextSetBit(0); port >= 0; port = ports.open.nextSetBit(port + 1)) {
            if (listeners.find(ports.name, port) == ListenerStore.NONE) {
                ports.closed(port);
                other = true;
            }
        }
        return other;
    }

    /** The link to a guest is there; the guest may be not. */
    public void onLinkUp(long nowNs) {
        linkUp = true;
        awake = false;
        heard = prober.framesFromGuest();
        silentLooks = Limits.SWEEP_SILENT_LOOKS;
        calls = 0;
        nextLookNs = nowNs + LOOK_NS;
        schedule(nowNs);
    }

    /** Nobody is there to be asked; what listens goes on, for the guest may come back. */
    public void onLinkDown() {
        linkUp = false;
        awake = false;
        loop.timers().cancel(tick);
    }

    /** In each turn of the loop: a guest that was silent may have said something. */
    @HotPath
    public void onTurn(long nowNs) {
        if (!awake && linkUp && prober.framesFromGuest() != heard) {
            wake(nowNs);
        }
    }

    private void wake(long nowNs) {
        awake = true;
        heard = prober.framesFromGuest();
        silentLooks = 0;
        calls = 0;
        nextLookNs = nowNs + LOOK_NS;
        if (isMissed()) {
            prober.call();
        }
        renew(nowNs);
    }

    /** All may be otherwise than it was. */
    private void renew(long nowNs) {
        hotDue = hot.count() * HOT_TICKS;
        renewed = total();
        quick = renewed;
        schedule(nowNs);
    }

    private int total() {
        return (isAsked(four) ? four.count : 0) + (isAsked(six) ? six.count : 0);
    }

    private boolean isAsked(SweptPorts ports) {
        return ports.count > 0 && prober.isThere(ports.v4);
    }

    /** Whether somebody waits for the guest to be heard from. */
    private boolean isMissed() {
        return waited || four.count > 0 && !prober.isThere(true) || six.count > 0 && !prober.isThere(false);
    }

    private void schedule(long nowNs) {
        if (!linkUp || rules.isEmpty() && !waited) {
            loop.timers().cancel(tick);
            return;
        }
        loop.timers().schedule(tick, awake && total() > 0 ? nowNs + TICK_NS : nextLookNs);
    }

    private final class Tick extends TimerWheel.Timer {
        @Override
        protected void due(long nowNs) {
            long beginNs = loop.clock().nowNs();
            if (nowNs - nextLookNs >= 0) {
                look(nowNs);
            }
            if (awake) {
                askHot();
                askInTurn(nowNs);
            }
            schedule(nowNs);
            spentNs += loop.clock().nowNs() - beginNs;
        }

        @Override
        public void onFault(Throwable thrown) {
            schedule(loop.nowNs());
        }
    }

    /** Whether the guest has said anything since the last look. */
    private void look(long nowNs) {
        long frames = prober.framesFromGuest();
        if (frames != heard && !awake) {
            wake(nowNs);
            return;
        }
        silentLooks = frames == heard ? silentLooks + 1 : 0;
        heard = frames;
        awake = silentLooks < Limits.SWEEP_SILENT_LOOKS;
        if (silentLooks > 0 || isMissed() && isTimeToCall()) {
            prober.call();
        }
        int rarer = Math.clamp(silentLooks - Limits.SWEEP_SILENT_LOOKS, 0, Limits.SWEEP_RARER_LOOKS);
        nextLookNs = nowNs + (LOOK_NS << rarer);
    }

    /** A guest that speaks, but not by one of the families that are on, may never do. */
    private boolean isTimeToCall() {
        calls++;
        return calls <= Limits.SWEEP_CALLS || calls % Limits.SWEEP_CALLS_RARER == 0;
    }

    private void askHot() {
        int count = hot.count();
        hotDue = Math.min(hotDue + count, count * HOT_TICKS);
        while (hotDue >= HOT_TICKS) {
            if (hotNext >= count) {
                hotNext = 0;
            }
            int port = hot.port(hotNext);
            if (!ask(four, port) || !ask(six, port)) {
                return; // the link is full: in the next tick
            }
            hotNext++;
            hotDue -= HOT_TICKS;
        }
    }

    /** Of all ports, each in {@link #ROUND_TICKS}; while some are to be asked quickly, as many as may be. */
    private void askInTurn(long nowNs) {
        int total = total();
        int most = PROBES_PER_TICK * ROUND_TICKS;
        turnDue = quick > 0 ? most : Math.min(turnDue + total, most);
        while (turnDue >= ROUND_TICKS && total > 0) {
            int port = next(turnNext);
            if (port < 0) {
                turnNext = 0;
                continue;
            }
            long before = probes;
            if (!ask(four, port) || !ask(six, port)) {
                return;
            }
            int asked = (int) (probes - before);
            look(four, port, nowNs);
            look(six, port, nowNs);
            turnNext = port + 1;
            turnDue -= asked * ROUND_TICKS;
            if (quick > 0) {
                quick = Math.max(0, quick - asked);
                turnDue = quick == 0 ? 0 : turnDue;
            }
        }
    }

    /** The first port from {@code from} on that is wanted; -1: there is none. */
    private int next(int from) {
        int a = isAsked(four) ? four.wanted.nextSetBit(from) : -1;
        int b = isAsked(six) ? six.wanted.nextSetBit(from) : -1;
        return a < 0 ? b : b < 0 ? a : Math.min(a, b);
    }

    /** True: the port is none that is asked, or was asked now. False: the link has no room. */
    private boolean ask(SweptPorts ports, int port) {
        if (!ports.wanted.get(port) || !prober.isThere(ports.v4)) {
            return true;
        }
        if (!prober.ask(ports.v4, port)) {
            return false;
        }
        probes++;
        ports.asked.set(port);
        return true;
    }

    /** It was an open port's turn again: if it was silent for two rounds, it is closed. */
    private void look(SweptPorts ports, int port, long nowNs) {
        if (!ports.open.get(port) || !prober.isThere(ports.v4)) {
            return;
        }
        if (ports.confirmed.get(port)) {
            ports.confirmed.clear(port);
            ports.doubtful.clear(port);
        } else if (ports.doubtful.get(port)) {
            close(ports, port, nowNs);
        } else {
            ports.doubtful.set(port);
            hot.seen(port); // it has more than one chance
        }
    }

    @Override
    public void onAnswer(boolean v4, int port, boolean open, long nowNs) {
        SweptPorts ports = v4 ? four : six;
        if (!ports.asked.get(port)) {
            return;
        }
        ports.asked.clear(port);
        if (open) {
            answersOpen++;
            onOpen(ports, port, nowNs);
        } else {
            answersClosed++;
            ports.refused.clear(port);
            if (ports.open.get(port)) {
                close(ports, port, nowNs);
            }
        }
    }

    private void onOpen(SweptPorts ports, int port, long nowNs) {
        if (ports.open.get(port)) {
            ports.confirmed.set(port);
            ports.doubtful.clear(port);
            return;
        }
        PortForward rule = rule(ports, port);
        if (rule == null || listeners.isChanging()) {
            return;
        }
        if (listeners.count() >= most || listening() >= Limits.SWEEP_LISTENERS) {
            ports.refused.set(port);
            sayFull();
            return;
        }
        int rc = listeners.open(listeners.site(ports.name), port, rule);
        if (rc < 0) {
            refuse(ports, port, rc, nowNs);
            return;
        }
        ports.opened(port);
        hot.seen(port);
        say(ports, port, "open in the guest, so it is forwarded", nowNs);
    }

    private @Nullable PortForward rule(SweptPorts ports, int port) {
        for (PortForward rule : rules) {
            if (rule.first() <= port && port <= rule.last() && SweptPorts.isOf(rule, ports.name)) {
                return rule;
            }
        }
        return null;
    }

    private void refuse(SweptPorts ports, int port, int rc, long nowNs) {
        boolean known = ports.refused.get(port);
        ports.refused.set(port);
        if (rc == -ListenerSet.FULL) {
            sayFull();
        } else if (!known && lines.allows(nowNs)) {
            log.warn("TCP port " + port + " is open in the guest, but cannot be listened at: "
                    + ListenerSockets.reason(-rc, ports.name.protocol(), port) + lines.leftOut());
        }
    }

    private void sayFull() {
        if (!fullSaid) {
            fullSaid = true;
            log.warn("the guest answers on more TCP ports than the "
                    + Math.min(Limits.SWEEP_LISTENERS, Math.min(most, listeners.most()))
                    + " that may be listened at, so some of them are not forwarded: name those that are needed");
        }
    }

    private void close(SweptPorts ports, int port, long nowNs) {
        if (listeners.isChanging()) {
            return; // it is asked again
        }
        int place = listeners.find(ports.name, port);
        if (place != ListenerStore.NONE) {
            listeners.close(place);
        }
        ports.closed(port);
        say(ports, port, "not open in the guest any more, so it is not forwarded", nowNs);
    }

    private void say(SweptPorts ports, int port, String what, long nowNs) {
        if (log.at(Log.Level.INFO) && lines.allows(nowNs)) {
            log.info("TCP port " + port + " of " + (ports.v4 ? "IPv4" : "IPv6") + " is " + what + lines.leftOut());
        }
    }
}
