package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Mac;
import io.passatelli.config.Cidr;
import io.passatelli.config.DomainName;
import io.passatelli.config.EphemeralPorts;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.GuestOptions;
import io.passatelli.config.HostSide;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PasstPorts;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.PortForward;
import io.passatelli.config.Service;
import io.passatelli.host.HostNetwork.Interface;
import io.passatelli.host.HostNetwork.Template;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

import static io.passatelli.host.OptionText.NONE;
import static io.passatelli.host.OptionText.checked;
import static io.passatelli.host.OptionText.name;
import static io.passatelli.host.OptionText.number;
import static io.passatelli.host.OptionText.wrong;

/**
 * Decides what network the guest gets: the host's own, as far as the user did not say otherwise. Pure. What the user said wrongly is an
 * {@link IllegalArgumentException} whose message is one sentence that begins with the option.
 *
 * <p>A family of which the host has no network is left out while it has one of the other; where it has neither the guest gets a link-local
 * network of both ("local mode"), in which it reaches the host. Which services are on depends on the options only, and on whether the kernel has
 * IPv6 at all: they stay as they are while networks come and go.
 */
public final class GuestNetworks {
    private static final Cidr LOCAL_ADDRESS = new Cidr(Ip.parse("169.254.2.1"), 16);
    private static final Ip LOCAL_GATEWAY = Ip.parse("169.254.2.2");

    /** The guest's router where the host's is not known, or not by its link-local address: RFC 4861 §4.2 wants one. */
    private static final Ip LOCAL_ROUTER = Ip.parse("fe80::1");

    /** The length of every network that addresses are made of by themselves, RFC 4291 §2.5.1. */
    private static final int PREFIX6 = 64;

    /** Every IPv4 link carries datagrams of this many bytes, RFC 791 §3.2. */
    private static final int MTU_MIN4 = 68;

    /** The same of IPv6, RFC 8200 §5. */
    private static final int MTU_MIN6 = 1_280;

    /** IFNAMSIZ of linux/if.h less the terminator. */
    private static final int INTERFACE_NAME_MAX = 15;

    /** Option 81 has 3 bytes ahead of the name, which takes 2 more than its text, RFC 4702 §2. */
    private static final int FQDN_MAX = 255 - 3 - 2;

    /** What becomes of one family. {@code address} null: the guest gets none; {@code local}: it is nobody's network but ours. */
    private record Side(
            @Nullable Template template,
            @Nullable Cidr address,
            @Nullable Ip gateway,
            boolean local) {
        static final Side NONE = new Side(null, null, null, false);

        /** The host's own address, whatever the guest's is. */
        @Nullable
        Ip host() {
            Cidr own = template == null ? null : template.address();
            return own == null ? null : own.address();
        }

        @Nullable
        Ip guest() {
            return address == null ? null : address.address();
        }

        @Nullable
        String interfaceName() {
            return template == null || address == null || local
                    ? null
                    : template.link().name();
        }

        int scope() {
            return template == null ? 0 : template.link().index();
        }
    }

    private final GuestOptions options;
    private final HostNetwork host;
    private final List<String> remarks = new ArrayList<>();
    private final Map<Family, Cidr> addresses;
    private final Map<Family, Ip> gateways;
    private final Map<Family, Ip> outbound;
    private final Map<Family, String> outboundInterfaces = new EnumMap<>(Family.class);
    private final Mappings mappings;
    private final Resolvers resolvers;
    private final EphemeralPorts ephemeral;

    private GuestNetworks(GuestOptions options, HostNetwork host, ResolvConf resolvConf, EphemeralPorts ephemeral) {
        this.options = options;
        this.ephemeral = ephemeral;
        this.host = host;
        addresses = OptionText.eachOnce("-a, --address", options.addresses(), this::address, Cidr::address);
        gateways = OptionText.eachOnce(
                "-g, --gateway", options.gateways(), t -> OptionText.unicast("-g, --gateway", t), ip -> ip);
        outbound = OptionText.eachOnce(
                "-o, --outbound", options.outbound(), t -> OptionText.hosts("-o, --outbound", t), ip -> ip);
        resolvers = new Resolvers(options, resolvConf, remarks);
        outboundInterface(Family.IP4, "--outbound-if4", options.outboundInterface4());
        outboundInterface(Family.IP6, "--outbound-if6", options.outboundInterface6());
        mappings = new Mappings(options);
    }

    /** The guest's network from what the user said, what the kernel says, and what resolv.conf says. */
    public static NetworkPlan plan(
            GuestOptions options, HostNetwork host, ResolvConf resolvConf, EphemeralPorts ephemeral) {
        return new GuestNetworks(options, host, resolvConf, ephemeral).plan();
    }

    /** Of a host with the usual ephemeral ports. */
    public static NetworkPlan plan(GuestOptions options, HostNetwork host, ResolvConf resolvConf) {
        return plan(options, host, resolvConf, EphemeralPorts.STANDARD);
    }

    private NetworkPlan plan() {
        Set<Service> services = services();
        Side six = services.contains(Service.IP6) ? side6() : Side.NONE;
        Side four = services.contains(Service.IP4) ? side4(six) : Side.NONE;
        boolean has4 = four.address != null;
        boolean local = four.interfaceName() == null && six.template == null && addresses.isEmpty();
        boolean has6 = services.contains(Service.IP6) && (six.template != null || six.address != null || local);
        if (has6 && six.gateway == null && six.template == null) {
            six = new Side(null, six.address, LOCAL_ROUTER, local);
        }
        Resolvers.Told told4 = Resolvers.Told.NOTHING;
        Resolvers.Told told6 = Resolvers.Told.NOTHING;
        Ip mapped4 = has4 ? mappings.loopback(Family.IP4, four.gateway, four.guest()) : null;
        Ip mapped6 = has6 ? mappings.loopback(Family.IP6, six.gateway, six.guest()) : null;
        if (has4) {
            told4 = resolvers.of(Family.IP4, mapped4, four.guest());
        }
        if (has6) {
            told6 = resolvers.of(Family.IP6, mapped6, six.guest());
        }
        GuestNetwork guest = new GuestNetwork(
                four.address == null ? LOCAL_ADDRESS : four.address,
                addresses.containsKey(Family.IP4),
                four.gateway,
                mtu(has6),
                told4.told(),
                search(),
                name("-H, --hostname", options.hostname(), Limits.HOST_NAME_CHARS),
                name("--fqdn", options.fqdn(), FQDN_MAX),
                ourMac(),
                has6 ? ip6(six, told6) : null);
        remark(services, local, four, has6 ? six : Side.NONE);
        var plane = new PlaneConfig(
                guest,
                hostSide(Family.IP4, four, mapped4, told4, has4),
                hostSide(Family.IP6, six, mapped6, told6, has6),
                services,
                PlaneConfig.UdpTimeouts.STANDARD,
                forwards(services),
                options.hostClosed() ? host.own() : List.of());
        return new NetworkPlan(plane, four.interfaceName(), six.interfaceName(), remarks);
    }

    /** Those that the user left on, but for those that cannot be without others. */
    private Set<Service> services() {
        EnumSet<Service> on = EnumSet.noneOf(Service.class);
        on.addAll(options.services());
        if (!on.contains(Service.IP4) && !on.contains(Service.IP6)) {
            throw wrong("-4, --ipv4-only", "with -6, --ipv6-only no family is left");
        }
        refuseOtherFamily(on);
        if (!host.hasIp6()) {
            if (!on.contains(Service.IP4)) {
                throw wrong("-6, --ipv6-only", "this host has no IPv6");
            }
            if (addresses.containsKey(Family.IP6) || gateways.containsKey(Family.IP6)) {
                remarks.add("This host has no IPv6, so the guest has none either, whatever is said of it");
            }
            on.remove(Service.IP6);
        }
        if (!on.contains(Service.NDP)) {
            on.remove(Service.RA);
        }
        return on;
    }

    private void refuseOtherFamily(Set<Service> on) {
        for (Family family : Family.values()) {
            if (!on.contains(family == Family.IP4 ? Service.IP4 : Service.IP6)) {
                String only = family == Family.IP4 ? "-6" : "-4";
                if (addresses.containsKey(family)) {
                    throw wrong(
                            "-a, --address",
                            addresses.get(family) + " is " + family + ", which " + only + " leaves out");
                }
                if (gateways.containsKey(family)) {
                    throw wrong(
                            "-g, --gateway",
                            gateways.get(family) + " is " + family + ", which " + only + " leaves out");
                }
            }
        }
    }

    private Side side4(Side six) {
        Template template = template(Family.IP4);
        Cidr said = addresses.get(Family.IP4);
        Cidr address = said != null ? said : template == null ? null : masked(template.address());
        Ip gateway = template == null ? null : template.gateway();
        if (address == null && (six.template != null || six.address != null)) {
            return new Side(template, null, null, false);
        }
        boolean local = address == null;
        if (local || template == null) {
            gateway = LOCAL_GATEWAY;
        }
        return checkedSide(Family.IP4, new Side(template, local ? masked(LOCAL_ADDRESS) : address, gateway, local));
    }

    private Side side6() {
        Template template = template(Family.IP6);
        Cidr said = addresses.get(Family.IP6);
        Cidr address = said != null ? said : template == null ? null : template.address();
        return checkedSide(
                Family.IP6, new Side(template, address, template == null ? null : template.gateway(), false));
    }

    /** With the user's gateway, if one is said. */
    private Side checkedSide(Family family, Side side) {
        Ip said = gateways.get(family);
        Ip gateway = said == null ? side.gateway : said;
        if (gateway != null && gateway.equals(side.guest())) {
            throw wrong(
                    said == null ? "-a, --address" : "-g, --gateway", gateway + " cannot be the guest and its gateway");
        }
        return new Side(side.template, side.address, gateway, side.local);
    }

    private @Nullable Cidr masked(@Nullable Cidr cidr) {
        return cidr == null || options.netmask() == null
                ? cidr
                : new Cidr(cidr.address(), prefixLength(options.netmask()));
    }

    private Ip6Network ip6(Side six, Resolvers.Told told) {
        Ip gateway = six.gateway;
        Ip router = gateway != null && gateway.isLinkLocal() ? gateway : LOCAL_ROUTER;
        return new Ip6Network(six.address, addresses.containsKey(Family.IP6), router, told.told());
    }

    private HostSide hostSide(Family family, Side side, @Nullable Ip mapped, Resolvers.Told told, boolean isThere) {
        return new HostSide(
                mapped,
                isThere ? mappings.guest(family, mapped, side.guest(), remarks) : null,
                outbound.get(family),
                outboundInterfaces.get(family),
                side.scope(),
                told.forward(),
                told.host(),
                side.host());
    }

    /** Null: the host has nothing of this family to model on. */
    private @Nullable Template template(Family family) {
        String option = "-i, --interface";
        String chosen = options.templateInterface();
        if (chosen == null) {
            option = family == Family.IP4 ? "--outbound-if4" : "--outbound-if6";
            chosen = outboundInterfaces.get(family);
        }
        if (chosen == null) {
            return host.template(family);
        }
        Interface link = known(option, chosen);
        return family == Family.IP4 || host.has(family, link) ? host.template(family, link) : null;
    }

    private Interface known(String option, String name) {
        Interface link = host.named(name);
        if (link == null) {
            throw wrong(option, "there is no interface '" + name + "'");
        }
        return link;
    }

    private void outboundInterface(Family family, String option, @Nullable String said) {
        if (said == null) {
            return;
        }
        if (said.length() > INTERFACE_NAME_MAX) {
            throw wrong(option, "'" + said + "' is longer than an interface's name");
        }
        outboundInterfaces.put(family, known(option, said).name());
    }

    /** The user's own address for the guest, as {@code -a} and {@code -n} say it. */
    private Cidr address(String said) {
        int slash = said.indexOf('/');
        Ip address = OptionText.unicast("-a, --address", slash < 0 ? said : said.substring(0, slash));
        boolean v4 = address.isV4();
        if (!v4 && address.isLinkLocal()) {
            throw wrong("-a, --address", address + " is link-local, which every IPv6 guest makes by itself");
        }
        String netmask = v4 ? options.netmask() : null;
        if (slash < 0) {
            int length = !v4 ? PREFIX6 : netmask == null ? prefixLengthByClass(address) : prefixLength(netmask);
            return new Cidr(address, length);
        }
        if (netmask != null) {
            throw wrong("-n, --netmask", "the prefix is said twice, here and by -a " + said);
        }
        return new Cidr(
                address,
                number(
                        "-a, --address",
                        said.substring(slash + 1),
                        Family.of(address).bits()));
    }

    /** RFC 791 §3.2, "Address Formats"; what is no network of a class has one host. */
    private static int prefixLengthByClass(Ip address) {
        int first = address.v4() >>> 24;
        if (first < 128) {
            return 8;
        }
        return first < 192 ? 16 : first < 224 ? 24 : 32;
    }

    private static int prefixLength(String netmask) {
        if (netmask.indexOf('.') < 0) {
            return number("-n, --netmask", netmask, 32);
        }
        Ip ip = OptionText.ip("-n, --netmask", netmask);
        if (!ip.isV4()) {
            throw wrong("-n, --netmask", netmask + " is no netmask of IPv4");
        }
        int mask = ip.v4();
        int length = Integer.numberOfLeadingZeros(~mask);
        if (mask != (length == 0 ? 0 : -1 << (32 - length))) {
            throw wrong("-n, --netmask", "the ones of " + netmask + " are not in front of its zeroes");
        }
        return length;
    }

    private int mtu(boolean has6) {
        String said = options.mtu();
        if (said == null) {
            return GuestNetwork.MTU_MAX;
        }
        int mtu = number("-m, --mtu", said, GuestNetwork.MTU_MAX);
        if (mtu != 0 && mtu < MTU_MIN4) {
            remarks.add("-m, --mtu: " + mtu + " is less than the " + MTU_MIN4 + " bytes that IPv4 needs");
        } else if (mtu != 0 && mtu < MTU_MIN6 && has6) {
            remarks.add("-m, --mtu: " + mtu + " is less than the " + MTU_MIN6 + " bytes that IPv6 needs");
        }
        return mtu;
    }

    private List<String> search() {
        List<String> search = new ArrayList<>();
        for (String said : options.search()) {
            if (said.equals(NONE)) {
                search.clear();
                continue;
            }
            String domain = DomainName.withoutRoot(said);
            String problem = DomainName.problem(domain);
            if (problem != null) {
                throw wrong("-S, --search", "'" + said + "' is not a domain: " + problem);
            }
            search.add(domain);
        }
        if (search.size() > Limits.SEARCH_DOMAINS) {
            throw wrong("-S, --search", "at most " + Limits.SEARCH_DOMAINS + " domains can be told");
        }
        if (!options.dhcpSearch()) {
            return List.of();
        }
        return options.search().isEmpty() ? resolvers.search() : search;
    }

    private Mac ourMac() {
        String said = options.ourMac();
        if (said == null) {
            return GuestNetwork.DEFAULT_MAC;
        }
        Mac mac = checked("-M, --mac-addr", () -> Mac.parse(said));
        if (Mac.isGroup(mac.bits()) || mac.equals(Mac.ZERO)) {
            throw wrong("-M, --mac-addr", mac + " is not one interface's address");
        }
        return mac;
    }

    private List<PortForward> forwards(Set<Service> services) {
        List<PortForward> rules = new ArrayList<>();
        for (PortForward.Protocol protocol : PortForward.Protocol.values()) {
            boolean tcp = protocol == PortForward.Protocol.TCP;
            String option = tcp ? "-t, --tcp-ports" : "-u, --udp-ports";
            List<String> specs = tcp ? options.tcpPorts() : options.udpPorts();
            List<PortForward> of = checked(option, () -> PasstPorts.parse(protocol, specs, ephemeral));
            if (services.contains(protocol.service())) {
                rules.addAll(of);
            } else if (!of.isEmpty()) {
                String off = tcp ? "--no-tcp" : "--no-udp";
                remarks.add(option + ": nothing is forwarded, for " + off + " is said, too");
            }
        }
        return rules;
    }

    /** What the guest will miss, and why. */
    private void remark(Set<Service> services, boolean local, Side four, Side six) {
        Template template = four.template;
        if (local) {
            String why = template == null
                    ? "No interface has a usable route"
                    : "Interface " + template.link().name() + " has no IPv4 address";
            remarks.add(why + ", so the guest gets a link-local network");
        } else if (services.contains(Service.IP4) && four.address == null) {
            remarks.add("The host has no IPv4 network, so the guest has none while that is so");
        } else if (services.contains(Service.IP4) && four.gateway == null && services.contains(Service.DHCP)) {
            remarks.add("No IPv4 gateway, so DHCP is off");
        }
        Template template6 = six.template;
        if (template6 != null && six.address == null) {
            remarks.add("Interface " + template6.link().name()
                    + " has no global IPv6 address, so the guest gets none, and DHCPv6 is off");
        }
    }
}
