package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.config.Cidr;
import org.jspecify.annotations.Nullable;

import java.util.Comparator;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.function.Predicate;

/**
 * The host's network as rtnetlink(7) told it at one moment, both families, in the kernel's order.
 *
 * @param local destinations that the kernel takes for its own, from its table of local routes
 */
public record HostNetwork(List<Interface> interfaces, List<Address> addresses, List<Route> routes, List<Cidr> local) {
    /** Nothing at all, as in a fresh namespace. */
    public static final HostNetwork EMPTY = new HostNetwork(List.of(), List.of(), List.of(), List.of());

    /** What every Linux has for its own, whatever it says: loopback, "this network" of RFC 1122 §3.2.1.3, and who is everybody here. */
    private static final List<Cidr> ALWAYS_OWN = List.of(
            new Cidr(Ip.v4(0), 8),
            new Cidr(Ip.parse("127.0.0.0"), 8),
            new Cidr(Ip.BROADCAST4, 32),
            new Cidr(Ip.UNSPECIFIED6, 128),
            new Cidr(Ip.LOOPBACK6, 128));

    /** {@code mtu} in bytes; {@code mac} null where there is none of 48 bits. */
    public record Interface(
            int index,
            String name,
            boolean up,
            boolean loopback,
            int mtu,
            @Nullable Mac mac) {}

    /**
     * An interface's own address.
     *
     * @param global of scope "universe" or "site", so not of this link or host only
     * @param secondary others of its network are preferred to it: secondary in IPv4, temporary (RFC 8981) in IPv6
     * @param deprecated on its way out
     * @param tentative not to be used yet: the host is still checking that nobody else has it
     */
    public record Address(
            int interfaceIndex, Cidr cidr, boolean global, boolean secondary, boolean deprecated, boolean tentative) {}

    /** One way to a destination: a route, or one leg of a multipath route. {@code gateway} null: the destination is on the link. */
    public record Route(
            Cidr destination, int interfaceIndex, @Nullable Ip gateway, long metric) {
        boolean isDefault() {
            return destination.prefixLength() == 0;
        }
    }

    /** What the guest's network is modelled on. {@code gateway} null: a point-to-point link, or no default route. */
    public record Template(
            Interface link,
            @Nullable Cidr address,
            @Nullable Ip gateway) {}

    public HostNetwork {
        interfaces = List.copyOf(interfaces);
        addresses = List.copyOf(addresses);
        routes = List.copyOf(routes);
        local = List.copyOf(local);
    }

    /** One whose local routes lead to its addresses only. */
    public HostNetwork(List<Interface> interfaces, List<Address> addresses, List<Route> routes) {
        this(interfaces, addresses, routes, List.of());
    }

    /** All destinations that are this host itself: its addresses, also those that are not to be used yet, and what it takes for its own. */
    public List<Cidr> own() {
        SortedSet<Cidr> own = new TreeSet<>(Comparator.comparing(Cidr::address).thenComparing(Cidr::prefixLength));
        own.addAll(ALWAYS_OWN);
        own.addAll(local);
        addresses.forEach(each -> {
            Ip ip = each.cidr().address();
            own.add(new Cidr(ip, Family.of(ip).bits()));
        });
        return List.copyOf(own);
    }

    /** The interface of this name; null: there is none. */
    public @Nullable Interface named(String name) {
        for (Interface link : interfaces) {
            if (link.name().equals(name)) {
                return link;
            }
        }
        return null;
    }

    private @Nullable Interface indexed(int index) {
        for (Interface link : interfaces) {
            if (link.index() == index) {
                return link;
            }
        }
        return null;
    }

    /** Whether the kernel has IPv6 and may use it: no interface, not even loopback, has an address of it else. */
    public boolean hasIp6() {
        return addresses.stream().anyMatch(a -> !a.cidr().address().isV4());
    }

    /** Whether the host will soon have an address that it cannot use yet. */
    boolean isSettling() {
        return addresses.stream().anyMatch(a -> a.tentative() && a.global());
    }

    /** {@link #template(Family)} of IPv4. */
    public @Nullable Template template4() {
        return template(Family.IP4);
    }

    /** {@link #template(Family)} of IPv6. */
    public @Nullable Template template6() {
        return template(Family.IP6);
    }

    /**
     * The template: the interface of the best default route, else of the first route that leads out (not by loopback, not to link-local
     * addresses only). Null: no such route, so there is no network to model on.
     */
    @Nullable
    Template template(Family family) {
        Route route = best(family, r -> r.isDefault() && leadsOut(r));
        if (route == null) {
            route = best(family, r -> !r.destination().address().isLinkLocal() && leadsOut(r));
        }
        Interface link = route == null ? null : indexed(route.interfaceIndex());
        return link == null ? null : template(family, link);
    }

    /** The template on an interface that the user chose, which may have nothing of the family. */
    Template template(Family family, Interface link) {
        Route route = best(family, r -> r.isDefault() && r.interfaceIndex() == link.index());
        return new Template(link, address(family, link), route == null ? null : route.gateway());
    }

    /** Whether the interface has an address of the family, a link-local one maybe. */
    boolean has(Family family, Interface link) {
        return addresses.stream()
                .anyMatch(a -> a.interfaceIndex() == link.index()
                        && family.has(a.cidr().address()));
    }

    private boolean leadsOut(Route route) {
        Interface link = indexed(route.interfaceIndex());
        return link != null && !link.loopback();
    }

    /** The first of the least metric, as the kernel would take it. */
    private @Nullable Route best(Family family, Predicate<Route> wanted) {
        return routes.stream()
                .filter(r -> family.has(r.destination().address()))
                .filter(wanted)
                .min(Comparator.comparingLong(Route::metric))
                .orElse(null);
    }

    /**
     * The first of the best kind: seen from elsewhere, not on its way out, not secondary. Of IPv6 only what is seen from elsewhere: every
     * interface has a link-local address of its own, the guest's too.
     */
    private @Nullable Cidr address(Family family, Interface link) {
        return addresses.stream()
                .filter(a -> a.interfaceIndex() == link.index())
                .filter(a -> family.has(a.cidr().address()))
                .filter(a -> !a.cidr().address().isLoopback() && !a.tentative())
                .filter(a -> a.global() || family == Family.IP4)
                .min(Comparator.comparing((Address a) -> !a.global())
                        .thenComparing(Address::deprecated)
                        .thenComparing(Address::secondary))
                .map(Address::cidr)
                .orElse(null);
    }
}
