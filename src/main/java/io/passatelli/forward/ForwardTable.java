package io.passatelli.forward;

import io.passatelli.base.Ip;
import io.passatelli.config.PortForward;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** What a set of forwards asks for: which endpoints listen, and by which rule. Immutable. Any thread. */
public final class ForwardTable {
    /**
     * Where one socket listens.
     *
     * @param protocol of the rule
     * @param address the host's own; unspecified, of one of the families: all of that family
     * @param device SO_BINDTODEVICE; null: all
     */
    public record Endpoint(
            PortForward.Protocol protocol,
            Ip address,
            @Nullable String device,
            int port) {
        @Override
        public String toString() {
            String where = address.isUnspecified() ? "" : address + " ";
            return protocol + " " + where + "port " + port + (device == null ? "" : " of " + device);
        }
    }

    /** A rule that cannot be had as a whole, in one sentence. */
    public record Refusal(PortForward rule, String why) {}

    private final Map<Endpoint, PortForward> endpoints = new LinkedHashMap<>();
    private final List<Refusal> refusals = new ArrayList<>();

    /** Of {@code rules}, in the families that are on. Of two rules for one endpoint the first has it. */
    public ForwardTable(List<PortForward> rules, boolean ip4, boolean ip6) {
        for (PortForward rule : rules) {
            Ip address = rule.address();
            for (int port = rule.first(); port <= rule.last(); port++) {
                if (ip4 && (address == null || address.isV4())) {
                    want(rule, address == null ? Ip.UNSPECIFIED4 : address, port);
                }
                if (ip6 && (address == null || !address.isV4())) {
                    want(rule, address == null ? Ip.UNSPECIFIED6 : address, port);
                }
            }
        }
    }

    private void want(PortForward rule, Ip address, int port) {
        Endpoint endpoint = new Endpoint(rule.protocol(), address, rule.device(), port);
        PortForward before = endpoints.putIfAbsent(endpoint, rule);
        if (before != null && before.guestPort(port) != rule.guestPort(port)) {
            refusals.add(new Refusal(rule, endpoint + " is forwarded to port " + before.guestPort(port) + " already"));
        }
    }

    /** In the order of the rules. */
    Map<Endpoint, PortForward> endpoints() {
        return endpoints;
    }

    public List<Refusal> refusals() {
        return refusals;
    }
}
