package io.passatelli.app;

import io.passatelli.base.Limits;
import io.passatelli.config.PortForward;
import io.passatelli.host.MemoryLimit;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/**
 * What of the forwards fits the memory that the process may have. Each port that listens costs the kernel memory which the container's limit
 * counts, and whoever exceeds it is killed: tens of thousands of ports, which "all" stands for, are more than a small sidecar may take.
 *
 * @param rules those that fit
 * @param leftOut a sentence that says what does not, and what to do; null: all fits
 */
record ForwardBudget(List<PortForward> rules, @Nullable String leftOut) {
    private static final long MIB = 1 << 20;

    /** {@code limitBytes}: the process may have so much, or {@link MemoryLimit#NONE}. */
    static ForwardBudget of(List<PortForward> wanted, long limitBytes) {
        if (limitBytes == MemoryLimit.NONE) {
            return new ForwardBudget(wanted, null);
        }
        long own =
                limitBytes < Limits.SIDECAR_WHOLE_LEAST_BYTES ? Limits.SIDECAR_SMALL_BYTES : Limits.SIDECAR_WHOLE_BYTES;
        long room = Math.max(0, limitBytes - own) / Limits.FORWARD_LISTENER_BYTES;
        return new Cut(Math.max(room, Limits.FORWARD_PORTS_LEAST), limitBytes).of(wanted);
    }

    /** One distribution of room. */
    private static final class Cut {
        private final long most;
        private final long limitBytes;
        private long left;
        private long missing;
        private @Nullable String first;

        Cut(long most, long limitBytes) {
            this.most = most;
            this.limitBytes = limitBytes;
            left = most;
        }

        /** Ports that somebody named go first; the order of the rules stays. */
        ForwardBudget of(List<PortForward> wanted) {
            List<@Nullable PortForward> kept = new ArrayList<>(wanted);
            for (boolean weak : new boolean[] {false, true}) {
                for (int i = 0; i < wanted.size(); i++) {
                    if (wanted.get(i).weak() == weak) {
                        kept.set(i, take(wanted.get(i)));
                    }
                }
            }
            List<PortForward> rules = new ArrayList<>();
            for (PortForward rule : kept) {
                if (rule != null) {
                    rules.add(rule);
                }
            }
            return new ForwardBudget(List.copyOf(rules), missing == 0 ? null : sentence());
        }

        /** The lower ports of it, as many as there is room for; null: none. */
        private @Nullable PortForward take(PortForward rule) {
            int count = rule.last() - rule.first() + 1;
            int taken = (int) Math.min(count, left);
            left -= taken;
            if (taken == count) {
                return rule;
            }
            missing += count - taken;
            if (first == null) {
                first = rule.protocol() + " port " + (rule.first() + taken);
            }
            return taken == 0 ? null : rule.upTo(rule.first() + taken - 1);
        }

        private String sentence() {
            return "a memory limit of " + limitBytes / MIB + " MiB leaves room for " + most + " ports that listen, so "
                    + missing + " more are not forwarded, the first: " + first
                    + "; name the ports that are needed, or raise the limit of the sidecar";
        }
    }
}
