package io.passatelli.app;

import io.passatelli.base.Limits;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.host.MemoryLimit;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/**
 * What of the forwards fits the memory that the process may have. Each port that listens costs the kernel memory which the container's limit
 * counts, and whoever exceeds it is killed. All TCP ports cost nothing here, since only those listen that the guest answers on, and no more than
 * {@link #sweptListeners}; all UDP ports do listen, since nobody can tell which of them the guest would answer on.
 *
 * @param rules those that fit
 * @param remarks a sentence for each thing that does not, with its cost, and what to do
 */
record ForwardBudget(List<PortForward> rules, List<String> remarks) {
    private static final long MIB = 1 << 20;

    ForwardBudget {
        rules = List.copyOf(rules);
        remarks = List.copyOf(remarks);
    }

    /** {@code limitBytes}: the process may have so much, or {@link MemoryLimit#NONE}. */
    static ForwardBudget of(List<PortForward> wanted, long limitBytes) {
        return limitBytes == MemoryLimit.NONE
                ? new ForwardBudget(wanted, List.of())
                : new Cut(room(limitBytes), limitBytes).of(wanted);
    }

    /** So many ports may listen in all when one more is opened because the guest answers on it. */
    static int sweptListeners(long limitBytes) {
        return limitBytes == MemoryLimit.NONE ? Integer.MAX_VALUE : (int) Math.min(Integer.MAX_VALUE, room(limitBytes));
    }

    /** Whether {@code rule} is only about ports that the guest answers on. */
    static boolean isFree(PortForward rule) {
        return rule.weak() && rule.protocol() == Protocol.TCP;
    }

    /** How many ports may listen. */
    private static long room(long limitBytes) {
        long own =
                limitBytes < Limits.SIDECAR_WHOLE_LEAST_BYTES ? Limits.SIDECAR_SMALL_BYTES : Limits.SIDECAR_WHOLE_BYTES;
        return Math.max(Limits.FORWARD_PORTS_LEAST, (limitBytes - own) / Limits.FORWARD_LISTENER_BYTES);
    }

    private static int count(PortForward rule) {
        return rule.last() - rule.first() + 1;
    }

    /** One distribution of room. */
    private static final class Cut {
        private final long most;
        private final String limit;
        private long left;
        private long missing;
        private @Nullable String first;

        Cut(long most, long limitBytes) {
            this.most = most;
            limit = "a memory limit of " + limitBytes / MIB + " MiB";
            left = most;
        }

        /** Ports that somebody named go first; the order of the rules stays. */
        ForwardBudget of(List<PortForward> wanted) {
            List<@Nullable PortForward> named = new ArrayList<>();
            for (PortForward rule : wanted) {
                named.add(rule.weak() ? rule : take(rule));
            }
            long all = wanted.stream()
                    .filter(rule -> rule.weak() && !isFree(rule))
                    .mapToLong(ForwardBudget::count)
                    .sum();
            boolean fits = all <= left;
            List<PortForward> rules = new ArrayList<>();
            for (PortForward rule : named) {
                if (rule != null && (fits || !rule.weak() || isFree(rule))) {
                    rules.add(rule);
                }
            }
            List<String> remarks = new ArrayList<>();
            if (missing > 0) {
                remarks.add(limit + " leaves room for " + most + " ports that listen, so " + missing
                        + " more are not forwarded, the first: " + first
                        + "; name the ports that are needed, or raise the limit of the sidecar");
            }
            if (!fits) {
                remarks.add(
                        "all UDP ports are " + all + " sockets that take " + mib(all) + " MiB of the kernel's memory, "
                                + "but " + limit + " leaves " + mib(left)
                                + ", so none of them is forwarded; name the UDP ports that"
                                + " are needed, or raise the limit of the sidecar by " + mib(all - left) + " MiB");
            }
            return new ForwardBudget(rules, remarks);
        }

        private static long mib(long sockets) {
            return (sockets * Limits.FORWARD_LISTENER_BYTES + MIB - 1) / MIB;
        }

        /** The lower ports of it, as many as there is room for; null: none. */
        private @Nullable PortForward take(PortForward rule) {
            int count = count(rule);
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
    }
}
