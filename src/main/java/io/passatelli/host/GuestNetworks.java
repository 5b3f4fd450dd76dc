package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Mac;
import io.passatelli.config.Cidr;
import io.passatelli.config.DomainName;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.GuestOptions;
import io.passatelli.config.HostSide;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.host.HostNetwork.Interface;
import io.passatelli.host.HostNetwork.Template;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import java.util.regex.Pattern;

/**
 * Decides what network the guest gets: the host's own, as far as the user did not say otherwise. Pure. What the user said wrongly is an
 * {@link IllegalArgumentException} whose message is one sentence that begins with the option.
 */
public final class GuestNetworks {
    /** Where no interface leads anywhere: "local mode". */
    private static final Cidr LOCAL_ADDRESS = new Cidr(Ip.parse("169.254.2.1"), 16);

    private static final Ip LOCAL_GATEWAY = Ip.parse("169.254.2.2");

    /** Every IPv4 link carries datagrams of this many bytes, RFC 791 §3.2. */
    private static final int MTU_MIN = 68;

    /** IFNAMSIZ of linux/if.h less the terminator. */
    private static final int INTERFACE_NAME_MAX = 15;

    /** Option 81 has 3 bytes ahead of the name, which takes 2 more than its text, RFC 4702 §2. */
    private static final int FQDN_MAX = 255 - 3 - 2;

    private static final String NONE = "none";
    private static final Pattern NUMBER = Pattern.compile("[0-9]{1,9}");

    /**
     * What came out.
     *
     * @param dnsForward guest queries to this address are for {@code dnsHost}; null: no resolver of the host needs that
     * @param dnsHost the host's resolver that only the host itself reaches
     * @param interfaceName the interface that the network is modelled on; null: local mode
     * @param remarks sentences that the user should see; nothing in them stops the start
     */
    public record Plan(
            PlaneConfig plane,
            @Nullable Ip dnsForward,
            @Nullable Ip dnsHost,
            @Nullable String interfaceName,
            List<String> remarks) {
        public Plan {
            remarks = List.copyOf(remarks);
        }
    }

    private final GuestOptions options;
    private final HostNetwork host;
    private final ResolvConf resolvConf;
    private final List<String> remarks = new ArrayList<>();
    private @Nullable Ip dnsForward;
    private @Nullable Ip dnsHost;

    private GuestNetworks(GuestOptions options, HostNetwork host, ResolvConf resolvConf) {
        this.options = options;
        this.host = host;
        this.resolvConf = resolvConf;
    }

    /** The guest's network from what the user said, what the kernel says, and what resolv.conf says. */
    public static Plan plan(GuestOptions options, HostNetwork host, ResolvConf resolvConf) {
        return new GuestNetworks(options, host, resolvConf).plan();
    }

    private Plan plan() {
        String outboundInterface = outboundInterface();
        Template template = template(outboundInterface);
        Cidr found = template == null ? null : template.address();
        Cidr address = address(found);
        boolean local = found == null && options.addresses().isEmpty();
        Ip gateway = gateway(local || template == null ? LOCAL_GATEWAY : template.gateway());
        if (address.address().equals(gateway)) {
            throw wrong(
                    options.gateways().isEmpty() ? "-a, --address" : "-g, --gateway",
                    gateway + " cannot be the guest and its gateway");
        }
        Ip mapHostLoopback = mapHostLoopback(gateway, address.address());
        GuestNetwork guest = new GuestNetwork(
                address,
                !options.addresses().isEmpty(),
                gateway,
                mtu(),
                resolvers(mapHostLoopback),
                search(),
                name("-H, --hostname", options.hostname(), Limits.HOST_NAME_CHARS),
                name("--fqdn", options.fqdn(), FQDN_MAX),
                ourMac(),
                null);
        if (options.dhcp() && gateway == null) {
            remarks.add("No IPv4 gateway, so DHCP is off");
        }
        int scope = template == null ? 0 : template.link().index();
        var plane = PlaneConfig.of(guest)
                .host4(new HostSide(mapHostLoopback, outbound(), outboundInterface, scope, dnsForward, dnsHost))
                .with(Service.DHCP, options.dhcp() && gateway != null)
                .with(Service.ICMP, options.icmp());
        return new Plan(
                plane,
                dnsForward,
                dnsHost,
                template == null ? null : template.link().name(),
                remarks);
    }

    /** Null: local mode. */
    private @Nullable Template template(@Nullable String outboundInterface) {
        String chosen = options.templateInterface();
        Template template;
        if (chosen != null) {
            template = host.template4(known("-i, --interface", chosen));
        } else if (outboundInterface != null) {
            template = host.template4(known("--outbound-if4", outboundInterface));
        } else {
            template = host.template4();
        }
        if (template == null && options.addresses().isEmpty()) {
            remarks.add("No interface has a usable route, so the guest gets a link-local network");
        } else if (template != null
                && template.address() == null
                && options.addresses().isEmpty()) {
            remarks.add("Interface " + template.link().name()
                    + " has no IPv4 address, so the guest gets a link-local network");
        }
        return template;
    }

    private Interface known(String option, String name) {
        Interface link = host.named(name);
        if (link == null) {
            throw wrong(option, "there is no interface '" + name + "'");
        }
        return link;
    }

    private Cidr address(@Nullable Cidr found) {
        Integer length = options.netmask() == null ? null : prefixLength(options.netmask());
        String said = one("-a, --address", options.addresses());
        if (said == null) {
            Cidr base = found == null ? LOCAL_ADDRESS : found;
            return length == null ? base : new Cidr(base.address(), length);
        }
        int slash = said.indexOf('/');
        Ip address = ip("-a, --address", slash < 0 ? said : said.substring(0, slash));
        unicast("-a, --address", address);
        if (slash < 0) {
            return new Cidr(address, length == null ? prefixLengthByClass(address) : length);
        }
        if (length != null) {
            throw wrong("-n, --netmask", "the prefix is said twice, here and by -a " + said);
        }
        return new Cidr(address, number("-a, --address", said.substring(slash + 1), 32));
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
        int mask = ip("-n, --netmask", netmask).v4();
        int length = Integer.numberOfLeadingZeros(~mask);
        if (mask != (length == 0 ? 0 : -1 << (32 - length))) {
            throw wrong("-n, --netmask", "the ones of " + netmask + " are not in front of its zeroes");
        }
        return length;
    }

    private @Nullable Ip gateway(@Nullable Ip found) {
        String said = one("-g, --gateway", options.gateways());
        return said == null ? found : unicast("-g, --gateway", ip("-g, --gateway", said));
    }

    private @Nullable Ip mapHostLoopback(@Nullable Ip gateway, Ip guest) {
        String said = options.mapHostLoopback();
        if (said == null) {
            return gateway;
        }
        if (said.equals(NONE)) {
            return null;
        }
        Ip address = unicast("--map-host-loopback", ip("--map-host-loopback", said));
        if (address.equals(guest)) {
            throw wrong("--map-host-loopback", address + " is the guest's own address");
        }
        return address;
    }

    private int mtu() {
        String said = options.mtu();
        if (said == null) {
            return GuestNetwork.MTU_MAX;
        }
        int mtu = number("-m, --mtu", said, GuestNetwork.MTU_MAX);
        if (mtu != 0 && mtu < MTU_MIN) {
            remarks.add("-m, --mtu: " + mtu + " is less than the " + MTU_MIN + " bytes that IPv4 needs");
        }
        return mtu;
    }

    private List<Ip> resolvers(@Nullable Ip mapHostLoopback) {
        if (!options.dhcpDns()) {
            options.dns().stream().filter(d -> !d.equals(NONE)).forEach(d -> ip("-D, --dns", d));
            return List.of();
        }
        if (options.dns().isEmpty()) {
            return hostResolvers(mapHostLoopback);
        }
        List<Ip> resolvers = new ArrayList<>();
        for (String said : options.dns()) {
            if (said.equals(NONE)) {
                resolvers.clear();
                continue;
            }
            Ip resolver = ip("-D, --dns", said);
            if (!resolver.isUnicast()) {
                throw wrong("-D, --dns", resolver + " is not one host's address");
            }
            resolvers.add(resolver);
        }
        if (resolvers.size() > Limits.RESOLVERS) {
            throw wrong("-D, --dns", "at most " + Limits.RESOLVERS + " resolvers can be told");
        }
        return resolvers;
    }

    /** A guest that asks a loopback address asks itself: it is told the address that is mapped to the host's loopback. */
    private List<Ip> hostResolvers(@Nullable Ip mapHostLoopback) {
        List<Ip> resolvers = new ArrayList<>();
        for (Ip resolver : resolvConf.resolvers4()) {
            boolean onHost =
                    resolver.isLoopback() || resolver.isUnspecified(); // resolv.conf(5): 0.0.0.0 means this host
            if (!onHost) {
                resolvers.add(resolver);
            } else if (mapHostLoopback == null) {
                remarks.add("Resolver " + resolver + " is left out: no address is mapped to the host's loopback");
            } else if (!resolvers.contains(mapHostLoopback)) {
                resolvers.add(mapHostLoopback);
                dnsForward = mapHostLoopback;
                dnsHost = resolver.isLoopback() ? resolver : Ip.LOOPBACK4;
            }
        }
        return resolvers;
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
        return options.search().isEmpty() ? resolvConf.search() : search;
    }

    private static @Nullable String name(String option, @Nullable String said, int most) {
        if (said == null) {
            return null;
        }
        String name = DomainName.withoutRoot(said);
        String problem = name.length() > most ? "it has more than " + most + " characters" : DomainName.problem(name);
        if (problem != null) {
            throw wrong(option, "'" + said + "' is not a name: " + problem);
        }
        return name;
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

    private @Nullable Ip outbound() {
        String said = one("-o, --outbound", options.outbound());
        if (said == null) {
            return null;
        }
        Ip address = ip("-o, --outbound", said);
        if (!address.isUnicast()) {
            throw wrong("-o, --outbound", address + " is not one host's address");
        }
        return address;
    }

    private @Nullable String outboundInterface() {
        String said = options.outboundInterface();
        if (said != null && said.length() > INTERFACE_NAME_MAX) {
            throw wrong("--outbound-if4", "'" + said + "' is longer than an interface's name");
        }
        return said == null ? null : known("--outbound-if4", said).name();
    }

    /** The only value; null: there is none. */
    private static @Nullable String one(String option, List<String> said) {
        if (said.size() > 1) {
            throw wrong(option, "it is said " + said.size() + " times, once is enough");
        }
        return said.isEmpty() ? null : said.getFirst();
    }

    private static Ip ip(String option, String text) {
        Ip ip = checked(option, () -> Ip.parse(text));
        if (!ip.isV4()) {
            throw wrong(option, "IPv6 is not supported, and " + text + " is IPv6");
        }
        return ip;
    }

    private static Ip unicast(String option, Ip ip) {
        if (!ip.isUnicast() || ip.isLoopback()) {
            throw wrong(option, ip + " is not a unicast address other than loopback");
        }
        return ip;
    }

    private static int number(String option, String text, int most) {
        if (!NUMBER.matcher(text).matches() || Integer.parseInt(text) > most) {
            throw wrong(option, "'" + text + "' is not a number from 0 to " + most);
        }
        return Integer.parseInt(text);
    }

    private static <T> T checked(String option, Supplier<T> parser) {
        try {
            return parser.get();
        } catch (IllegalArgumentException e) {
            throw new IllegalArgumentException(option + ": " + e.getMessage(), e);
        }
    }

    private static IllegalArgumentException wrong(String option, String why) {
        return new IllegalArgumentException(option + ": " + why);
    }
}
