package io.passatelli.plane;

import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.PortForward;
import io.passatelli.forward.ChangeEnd;
import io.passatelli.forward.ListenerSet;
import io.passatelli.forward.PortProber;
import io.passatelli.forward.Readiness;
import io.passatelli.forward.RuleState;
import io.passatelli.forward.Sweep;
import io.passatelli.forward.SweepCounts;
import io.passatelli.forward.Wanted;
import io.passatelli.loop.EventLoop;
import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.Objects;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;

/**
 * The forwards of a plane: those that it starts with, and sets that take their place while it runs. A set is taken as a whole: what of it cannot
 * be had is said of each rule. With a {@link Sweep} TCP ports wait for the guest. Loop thread, but where it says otherwise.
 */
final class Forwards {
    private static final long AGAIN_NS = TimeUnit.SECONDS.toNanos(1);

    private final EventLoop loop;
    private final ListenerSet listeners;
    private final Log log;
    private final @Nullable Guest guest;
    private Readiness readiness;
    private PlaneConfig config;
    /** In force, or on their way to it. */
    private List<PortForward> rules;

    /** Of the last change that came to its end. */
    private List<RuleState> states = List.of();

    private int portsRefused;

    /** Who waits for the change under way; null: nobody does. */
    private @Nullable CompletableFuture<List<RuleState>> waiting;

    /** Asked for, and perhaps not answered yet; bounded by the mailbox, which refuses first. */
    private final Queue<CompletableFuture<List<RuleState>>> asked = new ConcurrentLinkedQueue<>();

    /** The change under way is to another set, rather than another try. */
    private boolean replacing;

    /** A change that did not come to its end begins again, at this time. */
    private boolean again;

    private long againNs;

    private volatile boolean ended;

    /** Whom TCP ports wait for, and who finds out which are open. */
    record Guest(PortProber prober, Sweep sweep) {}

    /** {@code guest}: null where it makes no difference what the guest does. */
    Forwards(EventLoop loop, ListenerSet listeners, Log log, PlaneConfig config, @Nullable Guest guest) {
        this.loop = loop;
        this.listeners = listeners;
        this.log = log;
        this.config = config;
        this.guest = guest;
        readiness = guest == null ? Readiness.AT_ONCE : new Readiness(true, false, false);
        rules = config.forwards();
    }

    /** Before the plane runs: listens for what the configuration says, at once. */
    void start() {
        List<RuleState> now = listeners.apply(wanted());
        say(now, List.of());
        settle(now);
    }

    private void settle(List<RuleState> now) {
        if (guest != null) {
            guest.sweep.begin(wanted(), loop.nowNs());
        }
        states = now;
        portsRefused = now.stream()
                .filter(state -> state.refusal() != null)
                .mapToInt(state -> Math.max(state.wanted() - state.listeners(), 0))
                .sum();
    }

    /** Ports of the last set that was applied that could not be had. */
    int portsRefused() {
        return portsRefused;
    }

    private Wanted wanted() {
        return new Wanted(rules, config.services(), readiness);
    }

    /** In each turn of the loop: whether the guest is there now. What waited for it listens then; it does not wait a second time. */
    @HotPath
    void onTurn(long nowNs) {
        Guest its = guest;
        if (its == null) {
            return;
        }
        if (again && nowNs - againNs >= 0) {
            beginAgain();
        }
        boolean ip4 = readiness.ip4() || its.prober.isThere(true);
        boolean ip6 = readiness.ip6() || its.prober.isThere(false);
        if (ip4 != readiness.ip4() || ip6 != readiness.ip6()) {
            onGuest(ip4, ip6);
        }
        its.sweep.onTurn(nowNs);
    }

    private void beginAgain() {
        again = false;
        listeners.change(wanted(), new End());
    }

    private void onGuest(boolean ip4, boolean ip6) {
        if (!readiness.ip4() && !readiness.ip6()) {
            log.info("the guest speaks " + (ip4 ? "IPv4" : "IPv6") + ", so its TCP ports are listened at from now on");
        }
        readiness = new Readiness(true, ip4, ip6);
        listeners.change(wanted(), new End());
    }

    /** What of the link concerns forwards; {@code others} hear it too. */
    PlaneEvents events(PlaneEvents others) {
        Guest its = guest;
        if (its == null) {
            return others;
        }
        return new PlaneEvents() {
            @Override
            public void onGuestUp() {
                its.sweep.onLinkUp(loop.nowNs());
                others.onGuestUp();
            }

            @Override
            public void onGuestDown(int errno) {
                its.sweep.onLinkDown();
                others.onGuestDown(errno);
            }
        };
    }

    SweepCounts sweep() {
        return guest == null ? SweepCounts.NONE : guest.sweep.counts();
    }

    /** The host's network is another one: what could not be had may be there now. The rules are those that were given last. */
    void adopt(PlaneConfig next) {
        config = next;
        listeners.change(wanted(), new End());
    }

    /** What of the last set that was applied does not hold, and why. "All ports" that exclusions split into several rules are one for who asked. */
    List<RuleState> refused() {
        return states.stream()
                .filter(state -> state.isRefused() && !(state.rule().weak() && isHadElsewhere(state.rule())))
                .toList();
    }

    private boolean isHadElsewhere(PortForward weak) {
        return states.stream()
                .anyMatch(other -> other.listeners() > 0
                        && other.rule().weak()
                        && other.rule().protocol() == weak.protocol()
                        && Objects.equals(other.rule().address(), weak.address())
                        && Objects.equals(other.rule().device(), weak.device()));
    }

    /** Any thread, {@link PlaneHandle#replaceForwards}. */
    CompletableFuture<List<RuleState>> replace(List<PortForward> wanted) {
        if (wanted.size() > Limits.FORWARD_RULES) {
            return CompletableFuture.failedFuture(new IllegalArgumentException(wanted.size() + " rules are more than "
                    + Limits.FORWARD_RULES + ", so the forwards stay as they are"));
        }
        List<PortForward> copy = List.copyOf(wanted);
        CompletableFuture<List<RuleState>> answer = new CompletableFuture<>();
        return ask(answer, () -> begin(copy, answer));
    }

    /** Any thread, {@link PlaneHandle#retryForwards}. A change under way tries in any case. */
    CompletableFuture<List<RuleState>> retry() {
        CompletableFuture<List<RuleState>> answer = new CompletableFuture<>();
        return ask(answer, () -> {
            if (listeners.isChanging()) {
                answer.complete(states);
                return;
            }
            waiting = answer;
            listeners.change(wanted(), new End());
        });
    }

    /** Any thread, {@link PlaneHandle#forwards}. */
    CompletableFuture<List<RuleState>> states() {
        CompletableFuture<List<RuleState>> answer = new CompletableFuture<>();
        return ask(answer, () -> answer.complete(states));
    }

    private CompletableFuture<List<RuleState>> ask(CompletableFuture<List<RuleState>> answer, Runnable command) {
        asked.removeIf(CompletableFuture::isDone);
        asked.add(answer); // ahead of both looks below: the loop may end between
        boolean taken = loop.mailbox().offer(command);
        if (ended) {
            answer.completeExceptionally(new IllegalStateException("the plane has ended"));
        } else if (!taken) {
            answer.completeExceptionally(new IllegalStateException("the plane has too much to do, ask again"));
        }
        return answer;
    }

    private void begin(List<PortForward> wanted, CompletableFuture<List<RuleState>> answer) {
        CompletableFuture<List<RuleState>> before = waiting;
        waiting = answer;
        rules = wanted;
        replacing = true;
        listeners.change(wanted(), new End());
        if (before != null) {
            before.completeExceptionally(
                    new IllegalStateException("another set of forwards came before this one was in force"));
        }
    }

    /** The end of a change under way. */
    private final class End implements ChangeEnd {
        @Override
        public void onDone(List<RuleState> now) {
            if (replacing) {
                log.info("forwards were replaced, rules: " + now.size());
            }
            say(now, replacing || now.size() != states.size() ? List.of() : states);
            replacing = false;
            settle(now);
            CompletableFuture<List<RuleState>> answer = waiting;
            waiting = null;
            if (answer != null) {
                answer.complete(now);
            }
        }

        @Override
        public void onFault(Throwable thrown) {
            replacing = false;
            again = true;
            againNs = loop.nowNs() + AGAIN_NS;
            CompletableFuture<List<RuleState>> answer = waiting;
            waiting = null;
            if (answer != null) {
                answer.completeExceptionally(new IllegalStateException("a bug of ours: " + thrown, thrown));
            }
        }
    }

    /** What was said of a rule {@code before} is not said again. */
    private void say(List<RuleState> now, List<RuleState> before) {
        int news = 0;
        for (int i = 0; i < now.size(); i++) {
            String why = now.get(i).refusal();
            if (why == null || !before.isEmpty() && why.equals(before.get(i).refusal())) {
                continue;
            }
            if (news++ < Limits.REFUSALS_SAID) {
                log.warn(why);
            }
        }
        if (news > Limits.REFUSALS_SAID) {
            log.warn((news - Limits.REFUSALS_SAID) + " more rules cannot be had, or not whole");
        }
    }

    /** Nobody will be answered any more. */
    void ended() {
        ended = true;
        for (var answer = asked.poll(); answer != null; answer = asked.poll()) {
            answer.completeExceptionally(new IllegalStateException("the plane has ended"));
        }
    }
}
