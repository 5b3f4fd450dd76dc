package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.config.Cidr;
import org.jspecify.annotations.Nullable;

import java.util.Comparator;
import java.util.List;
import java.util.function.Predicate;

/** The host's network as rtnetlink(7) told it at one moment, both families, in the kernel's order. */
public record HostNetwork(List<Interface> interfaces, List<Address> addresses, List<Route> routes) {
    /** Nothing at all, as in a fresh namespace. */
    public static final HostNetwork EMPTY = new HostNetwork(List.of(), List.of(), List.of());

    /** {@code mtu} in bytes; {@code mac} null where there is none of 48 bits. */
    public record Interface(
            int index,
            String name,
            boolean up,
            boolean loopback,
            int mtu,
            @Nullable Mac mac) {}

    /** {@code global}: of scope "universe" or "site", so not of this link or host only. */
    public record Address(int interfaceIndex, Cidr cidr, boolean global, boolean secondary, boolean deprecated) {}

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

    /**
     * The IPv4 template: the interface of the best default route, else of the first route that leads out (not by loopback, not to link-local
     * addresses only). Null: no such route, so there is no network to model on.
     */
    public @Nullable Template template4() {
        Route route = best(r -> r.isDefault() && leadsOut(r));
        if (route == null) {
            route = best(r -> !r.destination().address().isLinkLocal() && leadsOut(r));
        }
        Interface link = route == null ? null : indexed(route.interfaceIndex());
        return link == null ? null : template4(link);
    }

    /** The IPv4 template on an interface that the user chose. */
    public Template template4(Interface link) {
        Route route = best(r -> r.isDefault() && r.interfaceIndex() == link.index());
        return new Template(link, address4(link), route == null ? null : route.gateway());
    }

    private boolean leadsOut(Route route) {
        Interface link = indexed(route.interfaceIndex());
        return link != null && !link.loopback();
    }

    /** The first of the least metric, as the kernel would take it. */
    private @Nullable Route best(Predicate<Route> wanted) {
        return routes.stream()
                .filter(r -> r.destination().address().isV4())
                .filter(wanted)
                .min(Comparator.comparingLong(Route::metric))
                .orElse(null);
    }

    /** The first of the best kind: seen from elsewhere, not on its way out, not secondary. */
    private @Nullable Cidr address4(Interface link) {
        return addresses.stream()
                .filter(a -> a.interfaceIndex() == link.index())
                .filter(a -> a.cidr().address().isV4())
                .filter(a -> !a.cidr().address().isLoopback())
                .min(Comparator.comparing((Address a) -> !a.global())
                        .thenComparing(Address::deprecated)
                        .thenComparing(Address::secondary))
                .map(Address::cidr)
                .orElse(null);
    }
}
