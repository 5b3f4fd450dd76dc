package io.passatelli.config;

import org.jspecify.annotations.Nullable;

import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * What the user said about the guest's network, as text and not yet checked. A null or an empty list: not said. Lists have the order of the
 * command line; {@code none} clears what stands before it. Where there is one of each family the lists have both.
 *
 * @param addresses {@code -a}: address, or address/length
 * @param netmask {@code -n}: dotted, or a prefix length; of IPv4
 * @param gateways {@code -g}
 * @param templateInterface {@code -i}: whose addresses and routes to take
 * @param mtu {@code -m}
 * @param ourMac {@code -M}
 * @param dns {@code -D}
 * @param dnsForward {@code --dns-forward}
 * @param dnsHost {@code --dns-host}
 * @param search {@code -S}
 * @param hostname {@code -H}
 * @param fqdn {@code --fqdn}
 * @param dhcpDns whether resolvers are told to the guest
 * @param dhcpSearch whether search domains are told to the guest
 * @param services what is not switched off
 * @param mapHostLoopback {@code --map-host-loopback}: an address, or {@code none}; {@code --no-map-gw} is the same as {@code none}
 * @param mapGuest {@code --map-guest-addr}: an address, or {@code none}
 * @param outbound {@code -o}
 * @param outboundInterface4 {@code --outbound-if4}
 * @param outboundInterface6 {@code --outbound-if6}
 * @param tcpPorts {@code -t}: each as {@link PasstPorts} reads it
 * @param udpPorts {@code -u}: each as {@link PasstPorts} reads it
 * @param hostClosed whether the host itself is closed to the guest
 */
public record GuestOptions(
        List<String> addresses,
        @Nullable String netmask,
        List<String> gateways,
        @Nullable String templateInterface,
        @Nullable String mtu,
        @Nullable String ourMac,
        List<String> dns,
        List<String> dnsForward,
        List<String> dnsHost,
        List<String> search,
        @Nullable String hostname,
        @Nullable String fqdn,
        boolean dhcpDns,
        boolean dhcpSearch,
        Set<Service> services,
        List<String> mapHostLoopback,
        List<String> mapGuest,
        List<String> outbound,
        @Nullable String outboundInterface4,
        @Nullable String outboundInterface6,
        List<String> tcpPorts,
        List<String> udpPorts,
        boolean hostClosed) {

    public GuestOptions {
        addresses = List.copyOf(addresses);
        gateways = List.copyOf(gateways);
        dns = List.copyOf(dns);
        dnsForward = List.copyOf(dnsForward);
        dnsHost = List.copyOf(dnsHost);
        search = List.copyOf(search);
        EnumSet<Service> on = EnumSet.noneOf(Service.class);
        on.addAll(services);
        services = Collections.unmodifiableSet(on);
        mapHostLoopback = List.copyOf(mapHostLoopback);
        mapGuest = List.copyOf(mapGuest);
        outbound = List.copyOf(outbound);
        tcpPorts = List.copyOf(tcpPorts);
        udpPorts = List.copyOf(udpPorts);
    }

    /** Nothing said: all of it on, as {@code passt} has it. */
    public static Builder builder() {
        return new Builder();
    }

    /** Collects options; each method sets the component of its name. */
    public static final class Builder {
        private List<String> addresses = List.of();
        private @Nullable String netmask;
        private List<String> gateways = List.of();
        private @Nullable String templateInterface;
        private @Nullable String mtu;
        private @Nullable String ourMac;
        private List<String> dns = List.of();
        private List<String> dnsForward = List.of();
        private List<String> dnsHost = List.of();
        private List<String> search = List.of();
        private @Nullable String hostname;
        private @Nullable String fqdn;
        private boolean dhcpDns = true;
        private boolean dhcpSearch = true;
        private final Set<Service> services = EnumSet.allOf(Service.class);
        private List<String> mapHostLoopback = List.of();
        private List<String> mapGuest = List.of();
        private List<String> outbound = List.of();
        private @Nullable String outboundInterface4;
        private @Nullable String outboundInterface6;
        private List<String> tcpPorts = List.of();
        private List<String> udpPorts = List.of();
        private boolean hostClosed;

        private Builder() {}

        public Builder addresses(List<String> values) {
            addresses = values;
            return this;
        }

        public Builder netmask(@Nullable String value) {
            netmask = value;
            return this;
        }

        public Builder gateways(List<String> values) {
            gateways = values;
            return this;
        }

        public Builder templateInterface(@Nullable String value) {
            templateInterface = value;
            return this;
        }

        public Builder mtu(@Nullable String value) {
            mtu = value;
            return this;
        }

        public Builder ourMac(@Nullable String value) {
            ourMac = value;
            return this;
        }

        public Builder dns(List<String> values) {
            dns = values;
            return this;
        }

        public Builder dnsForward(List<String> values) {
            dnsForward = values;
            return this;
        }

        public Builder dnsHost(List<String> values) {
            dnsHost = values;
            return this;
        }

        public Builder search(List<String> values) {
            search = values;
            return this;
        }

        public Builder hostname(@Nullable String value) {
            hostname = value;
            return this;
        }

        public Builder fqdn(@Nullable String value) {
            fqdn = value;
            return this;
        }

        public Builder dhcpDns(boolean on) {
            dhcpDns = on;
            return this;
        }

        public Builder dhcpSearch(boolean on) {
            dhcpSearch = on;
            return this;
        }

        /** Switches one service on or off. */
        public Builder with(Service service, boolean on) {
            if (on) {
                services.add(service);
            } else {
                services.remove(service);
            }
            return this;
        }

        public Builder mapHostLoopback(List<String> values) {
            mapHostLoopback = values;
            return this;
        }

        public Builder mapGuest(List<String> values) {
            mapGuest = values;
            return this;
        }

        public Builder outbound(List<String> values) {
            outbound = values;
            return this;
        }

        public Builder outboundInterface4(@Nullable String value) {
            outboundInterface4 = value;
            return this;
        }

        public Builder outboundInterface6(@Nullable String value) {
            outboundInterface6 = value;
            return this;
        }

        public Builder tcpPorts(List<String> values) {
            tcpPorts = values;
            return this;
        }

        public Builder udpPorts(List<String> values) {
            udpPorts = values;
            return this;
        }

        public Builder hostClosed(boolean closed) {
            hostClosed = closed;
            return this;
        }

        public GuestOptions build() {
            return new GuestOptions(
                    addresses,
                    netmask,
                    gateways,
                    templateInterface,
                    mtu,
                    ourMac,
                    dns,
                    dnsForward,
                    dnsHost,
                    search,
                    hostname,
                    fqdn,
                    dhcpDns,
                    dhcpSearch,
                    services,
                    mapHostLoopback,
                    mapGuest,
                    outbound,
                    outboundInterface4,
                    outboundInterface6,
                    tcpPorts,
                    udpPorts,
                    hostClosed);
        }
    }
}
