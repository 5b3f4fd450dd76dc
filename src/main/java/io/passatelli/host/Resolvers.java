package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.GuestOptions;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * Which resolvers the guest is told, and which of its queries go to a resolver of the host instead. Pure.
 *
 * <p>A resolver on the host's loopback cannot be told as it is: a guest that asks a loopback address asks itself. It is told the address
 * that is redirected to that resolver: what {@code --dns-forward} says, else the address that is mapped to the host's loopback. And where this one
 * is a resolver's own, as the gateway of a home is, queries to it go there all the same.
 */
final class Resolvers {
    private final GuestOptions options;
    private final ResolvConf resolvConf;
    private final List<String> remarks;
    private final Map<Family, Ip> forwards;
    private final Map<Family, Ip> hosts;

    /** Finds what is wrong in the options; {@code remarks} grows by what the user should know. */
    Resolvers(GuestOptions options, ResolvConf resolvConf, List<String> remarks) {
        this.options = options;
        this.resolvConf = resolvConf;
        this.remarks = remarks;
        forwards = OptionText.eachOnce(
                "--dns-forward", options.dnsForward(), t -> OptionText.unicast("--dns-forward", t), ip -> ip);
        hosts = OptionText.eachOnce("--dns-host", options.dnsHost(), t -> OptionText.hosts("--dns-host", t), ip -> ip);
    }

    /**
     * Of one family.
     *
     * @param told to the guest
     * @param forward queries to it go to {@code host}; null: none do
     */
    record Told(
            List<Ip> told, @Nullable Ip forward, @Nullable Ip host) {
        static final Told NOTHING = new Told(List.of(), null, null);
    }

    /** The host's search domains. */
    List<String> search() {
        return resolvConf.search();
    }

    /** {@code mapped}: stands for the host's loopback; null: no address does. {@code guest}: its own address; null: none. */
    Told of(Family family, @Nullable Ip mapped, @Nullable Ip guest) {
        Ip forward = forwards.get(family);
        if (forward != null && forward.equals(guest)) {
            throw OptionText.wrong("--dns-forward", forward + " is the guest's own address");
        }
        Ip stands = forward != null ? forward : mapped;
        Ip behind = null; // the mapped address
        List<Ip> told = new ArrayList<>();
        boolean asHosts = options.dns().isEmpty() && options.dhcpDns();
        for (Ip resolver : asHosts ? ofHost(family) : List.<Ip>of()) {
            if (!isOnHost(resolver)) {
                told.add(resolver);
                behind = behind == null && resolver.equals(mapped) ? resolver : behind;
            } else if (stands == null) {
                remarks.add("Resolver " + resolver + " is left out: no address is mapped to the host's loopback");
            } else if (!told.contains(stands)) {
                told.add(stands);
                behind = reachable(resolver, family);
            }
        }
        if (!asHosts) {
            told = said(family);
        }
        if (forward != null) {
            return new Told(told, forward, host(family));
        }
        Ip host = hosts.get(family);
        if (behind == null && host != null) {
            remarks.add("--dns-host: " + host + " is asked nothing without --dns-forward");
        }
        return behind == null ? new Told(told, null, null) : new Told(told, mapped, host != null ? host : behind);
    }

    /** What {@code -D} says; nothing, where the guest is told no resolvers. */
    private List<Ip> said(Family family) {
        List<Ip> resolvers = new ArrayList<>();
        for (String text : options.dns()) {
            if (text.equals(OptionText.NONE)) {
                resolvers.clear();
                continue;
            }
            Ip resolver = OptionText.hosts("-D, --dns", text);
            if (family.has(resolver)) {
                resolvers.add(resolver);
            }
        }
        if (resolvers.size() > Limits.RESOLVERS) {
            throw OptionText.wrong("-D, --dns", "at most " + Limits.RESOLVERS + " resolvers of one family can be told");
        }
        return options.dhcpDns() ? resolvers : List.of();
    }

    /** Who is behind {@code --dns-forward}: who the user says, else the host's first. */
    private Ip host(Family family) {
        Ip said = hosts.get(family);
        if (said != null) {
            return said;
        }
        List<Ip> ofHost = ofHost(family);
        if (ofHost.isEmpty()) {
            throw OptionText.wrong(
                    "--dns-forward", "resolv.conf has no " + family + " resolver, so --dns-host has to say one");
        }
        return reachable(ofHost.getFirst(), family);
    }

    private List<Ip> ofHost(Family family) {
        return family == Family.IP4 ? resolvConf.resolvers4() : resolvConf.resolvers6();
    }

    /** resolv.conf(5): the unspecified address means this host. */
    private static boolean isOnHost(Ip resolver) {
        return resolver.isLoopback() || resolver.isUnspecified();
    }

    private static Ip reachable(Ip resolver, Family family) {
        return resolver.isUnspecified() ? family.loopback() : resolver;
    }
}
