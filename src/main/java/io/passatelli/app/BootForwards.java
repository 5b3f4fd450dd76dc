package io.passatelli.app;

import io.passatelli.base.Clock;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.config.PortForward;
import io.passatelli.forward.RuleState;
import io.passatelli.plane.PlaneHandle;
import org.jspecify.annotations.Nullable;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * The forwards that a VM begins with. A port that another process of the pod has, or that may not be had, is tried again, ever more rarely: who has it
 * may leave, as Istio's proxy does where nobody told us of it. The others do not wait for it. Those that wait for the guest are said when they listen. So is a set that the plane had no time for. Any thread.
 */
final class BootForwards {
    private final PlaneHandle plane;
    private final Clock clock;
    private final Log log;
    private final long memoryLimitBytes;

    /** How many ports of each rule listen. */
    private final Map<PortForward, Integer> listening = new HashMap<>();

    /** The set that was given last. */
    private List<PortForward> wanted = List.of();
    /** The plane did not take it: another one is in force. */
    private boolean refused;

    /** Nothing is refused, but some wait for the guest: there is nothing to be tried, only to be looked at. */
    private boolean waiting;

    private int retryMs;
    private boolean due;
    private long dueNs;

    BootForwards(PlaneHandle plane, Clock clock, Log log, long memoryLimitBytes) {
        this.plane = plane;
        this.clock = clock;
        this.log = log;
        this.memoryLimitBytes = memoryLimitBytes;
    }

    /** From now on these, as far as they fit into memory. What becomes of them is not waited for. */
    void set(List<PortForward> asked) {
        ForwardBudget budget = ForwardBudget.of(asked, memoryLimitBytes);
        budget.remarks().forEach(log::warn);
        List<PortForward> rules = budget.rules();
        rules.stream()
                .limit(Limits.RULES_SAID)
                .forEach(rule -> log.info(
                        "forwarding " + rule + (ForwardBudget.isFree(rule) ? ", what the guest answers on" : "")));
        if (rules.size() > Limits.RULES_SAID) {
            log.info("and " + (rules.size() - Limits.RULES_SAID) + " rules more");
        }
        synchronized (this) {
            listening.clear();
            wanted = rules;
            refused = false;
            waiting = false;
            retryMs = Limits.FORWARD_RETRY_FIRST_MS;
            due = false;
        }
        replace(rules);
    }

    private void replace(List<PortForward> rules) {
        var ignored = plane.replaceForwards(rules).whenComplete((states, failure) -> onSet(rules, states, failure));
    }

    /** Tries again what could not be had, if it is time. */
    void retry(long nowNs) {
        List<PortForward> rules;
        boolean anew;
        boolean look;
        synchronized (this) {
            if (!due || dueNs - nowNs > 0) {
                return;
            }
            due = false;
            look = waiting;
            retryMs = look ? Limits.FORWARD_RETRY_FIRST_MS : Math.min(2 * retryMs, Limits.FORWARD_RETRY_MOST_MS);
            rules = wanted;
            anew = refused;
        }
        if (anew) {
            replace(rules);
        } else {
            var answer = look ? plane.forwards() : plane.retryForwards();
            var ignored = answer.whenComplete((states, failure) -> onStates(rules, states));
        }
    }

    /** On the loop's thread, or at once. */
    private synchronized void onSet(
            List<PortForward> rules, @Nullable List<RuleState> states, @Nullable Throwable failure) {
        if (rules != wanted) {
            return; // another set came behind it
        }
        refused = states == null;
        if (failure != null && !plane.isOver()) {
            log.warn("the forwards are not in force, and are tried again in " + retryMs + " ms: "
                    + failure.getMessage());
        }
        onStates(rules, states);
    }

    /** On the loop's thread. What cannot be had, the plane has said. */
    private synchronized void onStates(List<PortForward> rules, @Nullable List<RuleState> states) {
        if (rules != wanted) {
            return;
        }
        boolean missing = states == null;
        waiting = states != null && states.stream().allMatch(state -> state.refusal() == null);
        for (RuleState state : states == null ? List.<RuleState>of() : states) {
            Integer before = listening.put(state.rule(), state.listeners());
            if (before != null && before < state.listeners()) {
                log.info("forwarding " + state.rule() + " now: " + state.listeners() + " of its ports listen, "
                        + state.wanted() + " are wanted");
            }
            missing |= state.listeners() < state.wanted();
        }
        due = missing;
        dueNs = clock.nowNs() + TimeUnit.MILLISECONDS.toNanos(retryMs);
    }
}
