package io.passatelli.config;

import io.passatelli.base.Ip;
import io.passatelli.config.PortForward.Protocol;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;

/** The ports of a host, of each protocol and family, and where each goes: what is said last holds. */
final class HostPorts {
    private static final int PORTS = PortText.PORT_MAX + 1;

    /** Of one protocol and family. */
    private static final class Row {
        /** The guest's port; 0: none. */
        final char[] target = new char[PORTS];

        final BitSet weak = new BitSet(PORTS);

        boolean isSame(Row other, int port) {
            return target[port] == other.target[port] && weak.get(port) == other.weak.get(port);
        }

        /** Whether {@code port} goes on where the rule of {@code first} leads. */
        boolean goesOn(int first, int port) {
            return target[port] - port == target[first] - first && weak.get(port) == weak.get(first);
        }
    }

    private final Map<Protocol, Row> four = new EnumMap<>(Protocol.class);
    private final Map<Protocol, Row> six = new EnumMap<>(Protocol.class);

    private static Row row(Map<Protocol, Row> family, Protocol protocol) {
        return family.computeIfAbsent(protocol, its -> new Row());
    }

    /** The families that {@code address} stands for. */
    private List<Row> rows(Protocol protocol, @Nullable Ip address) {
        if (address == null) {
            return List.of(row(four, protocol), row(six, protocol));
        }
        assert address.isUnspecified() : address;
        return List.of(row(address.isV4() ? four : six, protocol));
    }

    /** {@code rule} holds for its ports. */
    void put(PortForward rule) {
        assert rule.device() == null && rule.targetAddress() == null : rule;
        for (Row row : rows(rule.protocol(), rule.address())) {
            for (int port = rule.first(); port <= rule.last(); port++) {
                row.target[port] = (char) rule.guestPort(port);
                row.weak.set(port, rule.weak());
            }
        }
    }

    /** All ports go to the same of the guest, as far as they can be had, but for ephemeral ones. */
    void every(Protocol protocol, @Nullable Ip family, EphemeralPorts ephemeral) {
        if (ephemeral.first() > 1) {
            put(new PortForward(protocol, family, null, 1, ephemeral.first() - 1, null, 1, true));
        }
        if (ephemeral.last() < PortText.PORT_MAX) {
            int first = ephemeral.last() + 1;
            put(new PortForward(protocol, family, null, first, PortText.PORT_MAX, null, first, true));
        }
    }

    /** Nothing goes there. */
    void clear(Protocol protocol, @Nullable Ip family, int first, int last) {
        for (Row row : rows(protocol, family)) {
            Arrays.fill(row.target, first, last + 1, (char) 0);
            row.weak.clear(first, last + 1);
        }
    }

    /** The first port in {@code range} that a rule names; 0: none. */
    int named(PortRange range) {
        for (int port = range.first(); port <= range.last(); port++) {
            for (Row row : rows(range.protocol(), null)) {
                if (row.target[port] != 0 && !row.weak.get(port)) {
                    return port;
                }
            }
        }
        return 0;
    }

    /** As few rules as say it all. */
    List<PortForward> rules() {
        List<PortForward> rules = new ArrayList<>();
        for (Protocol protocol : Protocol.values()) {
            Row in4 = row(four, protocol);
            Row in6 = row(six, protocol);
            gather(protocol, null, in4, port -> in4.isSame(in6, port), rules);
            gather(protocol, Ip.UNSPECIFIED4, in4, port -> !in4.isSame(in6, port), rules);
            gather(protocol, Ip.UNSPECIFIED6, in6, port -> !in4.isSame(in6, port), rules);
        }
        return rules;
    }

    private static void gather(
            Protocol protocol, @Nullable Ip address, Row row, IntPredicate counts, List<PortForward> rules) {
        int port = 1;
        while (port < PORTS) {
            if (row.target[port] == 0 || !counts.test(port)) {
                port++;
                continue;
            }
            int first = port;
            do {
                port++;
            } while (port < PORTS && row.target[port] != 0 && counts.test(port) && row.goesOn(first, port));
            rules.add(new PortForward(
                    protocol, address, null, first, port - 1, null, row.target[first], row.weak.get(first)));
        }
    }
}
