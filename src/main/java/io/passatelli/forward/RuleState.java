package io.passatelli.forward;

import io.passatelli.config.PortForward;
import org.jspecify.annotations.Nullable;

/**
 * What has become of a rule.
 *
 * @param listeners how many of its ports are listened at; of a rule that was refused, those that were before
 * @param wanted how many it has; 0: what it needs is off, or the guest decides ({@link Sweep})
 * @param refusal why there are not all of them, in one sentence; null: there are, or they wait for the guest ({@link Readiness})
 */
public record RuleState(
        PortForward rule,
        int listeners,
        int wanted,
        @Nullable String refusal) {
    /** Whether the rule does not hold: of a weak one, that none of its ports can be had. */
    public boolean isRefused() {
        return refusal != null && (!rule.weak() || listeners == 0);
    }
}
