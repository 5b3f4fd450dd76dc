package io.passatelli.config;

import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * What the user said about the guest's network, as text and not yet checked. A null or an empty list: not said. Lists have the order of the
 * command line; {@code none} clears what stands before it.
 *
 * @param addresses {@code -a}: address, or address/length
 * @param netmask {@code -n}: dotted, or a prefix length
 * @param gateways {@code -g}
 * @param templateInterface {@code -i}: whose addresses and routes to take
 * @param mtu {@code -m}
 * @param ourMac {@code -M}
 * @param dns {@code -D}
 * @param search {@code -S}
 * @param hostname {@code -H}
 * @param fqdn {@code --fqdn}
 * @param dhcpDns whether resolvers are told by DHCP
 * @param dhcpSearch whether search domains are told by DHCP
 * @param dhcp whether DHCP is answered
 * @param icmp whether echo is translated
 * @param mapHostLoopback {@code --map-host-loopback}: an address, or {@code none}; {@code --no-map-gw} is the same as {@code none}
 * @param outbound {@code -o}
 * @param outboundInterface {@code --outbound-if4}
 */
public record GuestOptions(
        List<String> addresses,
        @Nullable String netmask,
        List<String> gateways,
        @Nullable String templateInterface,
        @Nullable String mtu,
        @Nullable String ourMac,
        List<String> dns,
        List<String> search,
        @Nullable String hostname,
        @Nullable String fqdn,
        boolean dhcpDns,
        boolean dhcpSearch,
        boolean dhcp,
        boolean icmp,
        @Nullable String mapHostLoopback,
        List<String> outbound,
        @Nullable String outboundInterface) {

    public GuestOptions {
        addresses = List.copyOf(addresses);
        gateways = List.copyOf(gateways);
        dns = List.copyOf(dns);
        search = List.copyOf(search);
        outbound = List.copyOf(outbound);
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
        private List<String> search = List.of();
        private @Nullable String hostname;
        private @Nullable String fqdn;
        private boolean dhcpDns = true;
        private boolean dhcpSearch = true;
        private boolean dhcp = true;
        private boolean icmp = true;
        private @Nullable String mapHostLoopback;
        private List<String> outbound = List.of();
        private @Nullable String outboundInterface;

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

        public Builder dhcp(boolean on) {
            dhcp = on;
            return this;
        }

        public Builder icmp(boolean on) {
            icmp = on;
            return this;
        }

        public Builder mapHostLoopback(@Nullable String value) {
            mapHostLoopback = value;
            return this;
        }

        public Builder outbound(List<String> values) {
            outbound = values;
            return this;
        }

        public Builder outboundInterface(@Nullable String value) {
            outboundInterface = value;
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
                    search,
                    hostname,
                    fqdn,
                    dhcpDns,
                    dhcpSearch,
                    dhcp,
                    icmp,
                    mapHostLoopback,
                    outbound,
                    outboundInterface);
        }
    }
}
