package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.HostSide;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.PlaneConfig.UdpTimeouts;
import io.passatelli.config.Service;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * What {@link GuestNetworks} decided.
 *
 * @param interface4 the interface whose IPv4 network the guest has; null: it is no interface's
 * @param interface6 the same of IPv6
 * @param remarks sentences that the user should see; nothing in them stops the start
 */
public record NetworkPlan(
        PlaneConfig plane,
        @Nullable String interface4,
        @Nullable String interface6,
        List<String> remarks) {
    private static final String NONE = "none";

    public NetworkPlan {
        remarks = List.copyOf(remarks);
    }

    public NetworkPlan udpTimeouts(UdpTimeouts timeouts) {
        return new NetworkPlan(plane.udpTimeouts(timeouts), interface4, interface6, remarks);
    }

    /** This, with what is on in a plane that was made already. */
    public NetworkPlan services(Set<Service> on) {
        PlaneConfig with = new PlaneConfig(
                plane.guest(), plane.host4(), plane.host6(), on, plane.udpTimeouts(), plane.forwards(), plane.closed());
        return new NetworkPlan(with, interface4, interface6, remarks);
    }

    /**
     * What a plane that runs by {@code before} is to have now: what is fixed while it runs stays, and so does each family whose network the
     * host has lost, for it may be back soon, and another would help nobody.
     */
    public NetworkPlan after(NetworkPlan before) {
        boolean lost4 = before.interface4 != null && interface4 == null;
        boolean lost6 = before.interface6 != null && interface6 == null;
        PlaneConfig was = before.plane;
        GuestNetwork four = (lost4 ? was : plane).guest();
        GuestNetwork six = (lost6 ? was : plane).guest();
        GuestNetwork common = plane.guest();
        GuestNetwork guest = new GuestNetwork(
                four.address(),
                four.addressFixed(),
                four.gateway(),
                common.mtu(),
                four.resolvers(),
                common.search(),
                common.hostname(),
                common.fqdn(),
                common.ourMac(),
                six.ip6());
        HostSide host4 = (lost4 ? was : plane).host4();
        HostSide host6 = (lost6 ? was : plane).host6();
        return new NetworkPlan(
                new PlaneConfig(guest, host4, host6, was.services(), was.udpTimeouts(), was.forwards(), plane.closed()),
                lost4 ? before.interface4 : interface4,
                lost6 ? before.interface6 : interface6,
                remarks);
    }

    /** This, but the host is {@code own}, where it is closed to the guest. */
    NetworkPlan closed(List<Cidr> own) {
        boolean open = plane.closed().isEmpty();
        return open ? this : new NetworkPlan(plane.closed(own), interface4, interface6, remarks);
    }

    /** The families that {@link #after} keeps, as people write them; empty if none. */
    String lostSince(NetworkPlan before) {
        List<String> lost = new ArrayList<>();
        if (before.interface4 != null && interface4 == null) {
            lost.add(Family.IP4.toString());
        }
        if (before.interface6 != null && interface6 == null) {
            lost.add(Family.IP6.toString());
        }
        return String.join(" and ", lost);
    }

    /** The guest's network in a few words, for the line at start. */
    public String summary() {
        GuestNetwork guest = plane.guest();
        Ip gateway = guest.gateway();
        List<String> words = new ArrayList<>();
        if (interface4 != null || gateway != null) {
            words.add(guest.address() + ", " + (gateway == null ? "no gateway" : "gateway " + gateway));
        }
        Ip6Network ip6 = guest.ip6();
        if (ip6 != null) {
            words.add((ip6.address() == null ? "IPv6 link-local only" : ip6.address()) + ", router " + ip6.router());
        }
        return String.join("; ", words);
    }

    /** What is another than in {@code before}, in one line; empty if nothing is that people would care for. */
    public String changesSince(NetworkPlan before) {
        Map<String, String> was = before.facts();
        List<String> changes = new ArrayList<>();
        facts().forEach((what, now) -> {
            String old = was.get(what);
            if (!now.equals(old)) {
                changes.add(what + " " + now + " (was " + old + ")");
            }
        });
        return String.join(", ", changes);
    }

    private Map<String, String> facts() {
        GuestNetwork guest = plane.guest();
        Ip6Network ip6 = guest.ip6();
        Map<String, String> facts = new LinkedHashMap<>();
        facts.put("IPv4 interface", text(interface4));
        facts.put("address", guest.address().toString());
        facts.put("gateway", text(guest.gateway()));
        facts.put("IPv6 interface", text(interface6));
        facts.put("IPv6 address", ip6 == null ? NONE : text(ip6.address()));
        facts.put("router", ip6 == null ? NONE : ip6.router().toString());
        facts.put("resolvers", list(guest.resolvers()));
        facts.put("IPv6 resolvers", ip6 == null ? NONE : list(ip6.resolvers()));
        facts.put("search domains", list(guest.search()));
        facts.put("host's loopback at", text(plane.host4().mapHostLoopback()));
        facts.put("host's IPv6 loopback at", text(plane.host6().mapHostLoopback()));
        facts.put("queries go to", redirection(plane.host4()));
        facts.put("IPv6 queries go to", redirection(plane.host6()));
        return facts;
    }

    private static String redirection(HostSide side) {
        return side.dnsForward() == null ? NONE : side.dnsHost() + " from " + side.dnsForward();
    }

    private static String text(@Nullable Object fact) {
        return fact == null ? NONE : fact.toString();
    }

    private static String list(List<?> facts) {
        return facts.isEmpty()
                ? NONE
                : String.join(" ", facts.stream().map(Object::toString).toList());
    }
}
