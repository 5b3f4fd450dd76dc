package io.passatelli.config;

import io.passatelli.base.Ip;
import org.jspecify.annotations.Nullable;

import java.util.Locale;

/**
 * A rule: what arrives at host ports goes to guest ports, one to one from the first of each.
 *
 * @param protocol of the transport
 * @param address the host's address that listens; null: all, of both families
 * @param device the host's interface that listens (SO_BINDTODEVICE); null: all
 * @param first first port of the host
 * @param last last port of the host
 * @param targetAddress the guest's address that it goes to, of the family of {@code address}; null: the one that the guest uses
 * @param target first port of the guest
 * @param weak what of it cannot be had is left out, as long as anything of it can: so are rules that name no single port
 */
public record PortForward(
        Protocol protocol,
        @Nullable Ip address,
        @Nullable String device,
        int first,
        int last,
        @Nullable Ip targetAddress,
        int target,
        boolean weak) {
    private static final int PORT_MAX = PortText.PORT_MAX;

    /** Transports that can be forwarded. */
    public enum Protocol {
        TCP(Service.TCP),
        UDP(Service.UDP);

        private final Service service;

        Protocol(Service service) {
            this.service = service;
        }

        /** What has to be on for it. */
        public Service service() {
            return service;
        }
    }

    /** To the address that the guest uses, and all of it or an error. */
    public PortForward(
            Protocol protocol, @Nullable Ip address, @Nullable String device, int first, int last, int target) {
        this(protocol, address, device, first, last, null, target, false);
    }

    public PortForward {
        if (first < 1 || last < first || last > PORT_MAX || target < 1 || target + last - first > PORT_MAX) {
            throw new IllegalArgumentException(
                    "ports are 1 to " + PORT_MAX + ", and a range does not end before it begins");
        }
        if (targetAddress != null && (address == null || address.isV4() != targetAddress.isV4())) {
            throw new IllegalArgumentException("a target address has the family of the address that listens");
        }
    }

    /**
     * One rule as {@link ForwardRules} has it, such as {@code tcp:8080:80} or {@code udp:5000-5009/4}; nothing that stands for several, such as {@code any} and {@code all}.
     * Throws {@link IllegalArgumentException} with one sentence that says the column, from 1, and why.
     */
    public static PortForward parse(String item) {
        return ForwardRules.parseOne(item);
    }

    /** The part of it that ends with {@code port} of the host. */
    public PortForward upTo(int port) {
        return new PortForward(protocol, address, device, first, port, targetAddress, target, weak);
    }

    /** The same, but it listens at this address of the host's. */
    public PortForward at(Ip host) {
        return new PortForward(protocol, host, device, first, last, targetAddress, target, weak);
    }

    /** The guest's port behind {@code hostPort}, which is in the rule's range. */
    public int guestPort(int hostPort) {
        assert hostPort >= first && hostPort <= last : hostPort;
        return target + hostPort - first;
    }

    /**
     * As {@link #parse} reads it, such as {@code tcp:8080:80}; a rule that it has no words for, with an address or an interface, as {@link PasstPorts}
     * would, such as {@code tcp:192.0.2.1%eth0/8080:80}. That a rule may be had in part is not said.
     */
    public String text() {
        String name = protocol.name().toLowerCase(Locale.ROOT) + ":";
        String ports = range(first) + (target == first ? "" : ":" + range(target));
        boolean anywhere = address == null || address.isUnspecified();
        if (anywhere && device == null && targetAddress == null) {
            return name + ports + (address == null ? "" : address.isV4() ? "/4" : "/6");
        }
        String to = targetAddress == null
                ? target == first ? "" : ":" + range(target)
                : ":" + targetAddress + "/" + range(target);
        return name + (address == null ? "" : address) + (device == null ? "" : "%" + device) + "/" + range(first) + to;
    }

    /** Such as {@code UDP 5000-5009 to 6000-6009}. */
    @Override
    public String toString() {
        String where = (address == null ? "" : address + " ") + (device == null ? "" : "% " + device + " ");
        return protocol + " " + where + range(first) + (targetAddress == null && target == first ? "" : " to ")
                + (targetAddress == null ? "" : targetAddress + " ")
                + (targetAddress == null && target == first ? "" : range(target));
    }

    private String range(int from) {
        return last == first ? Integer.toString(from) : from + "-" + (from + last - first);
    }
}
