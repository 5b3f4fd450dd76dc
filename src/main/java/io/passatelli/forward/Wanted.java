package io.passatelli.forward;

import io.passatelli.config.PortForward;
import io.passatelli.config.Service;

import java.util.List;
import java.util.Set;

/**
 * What a set of forwards asks for.
 *
 * @param rules of two for one port the first has it
 * @param services what is on; a rule that needs something else has no listeners
 * @param readiness what depends on the guest
 */
public record Wanted(List<PortForward> rules, Set<Service> services, Readiness readiness) {
    /** Rules and services are copied, unless they are immutable already. */
    public Wanted {
        rules = List.copyOf(rules);
        services = Set.copyOf(services);
    }

    /** Whatever the guest does. */
    public Wanted(List<PortForward> rules, Set<Service> services) {
        this(rules, services, Readiness.AT_ONCE);
    }

    boolean has(Service service) {
        return services.contains(service);
    }
}
