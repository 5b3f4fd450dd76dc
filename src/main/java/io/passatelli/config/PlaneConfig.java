package io.passatelli.config;

import java.util.Collections;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;

/**
 * All that a plane needs to start; while it runs, another one may take its place.
 *
 * @param guest what the guest is told
 * @param host4 the host side of IPv4
 * @param host6 the host side of IPv6
 * @param services what is on
 * @param udpTimeouts when UDP flows without traffic end
 * @param forwards what of the host's ports reaches the guest
 * @param closed destinations that the guest must not reach, as they are the host itself; none: it may reach all
 */
public record PlaneConfig(
        GuestNetwork guest,
        HostSide host4,
        HostSide host6,
        Set<Service> services,
        UdpTimeouts udpTimeouts,
        List<PortForward> forwards,
        List<Cidr> closed) {
    /**
     * Time without a datagram after which a flow ends, seconds; conntrack's words for them.
     *
     * @param single while only one side has spoken (nf_conntrack_udp_timeout)
     * @param stream once both have (nf_conntrack_udp_timeout_stream)
     */
    public record UdpTimeouts(int single, int stream) {
        /** The kernel's own. */
        public static final UdpTimeouts STANDARD = new UdpTimeouts(30, 120);

        public UdpTimeouts {
            assert single > 0 && stream > 0;
        }
    }

    public PlaneConfig {
        EnumSet<Service> copy = EnumSet.noneOf(Service.class);
        copy.addAll(services);
        services = Collections.unmodifiableSet(copy);
        forwards = List.copyOf(forwards);
        closed = List.copyOf(closed);
    }

    /** Of a host that is open to the guest. */
    public PlaneConfig(
            GuestNetwork guest,
            HostSide host4,
            HostSide host6,
            Set<Service> services,
            UdpTimeouts udpTimeouts,
            List<PortForward> forwards) {
        this(guest, host4, host6, services, udpTimeouts, forwards, List.of());
    }

    /** Everything on, nothing mapped, nothing forwarded. */
    public static PlaneConfig of(GuestNetwork guest) {
        return new PlaneConfig(
                guest, HostSide.PLAIN, HostSide.PLAIN, EnumSet.allOf(Service.class), UdpTimeouts.STANDARD, List.of());
    }

    public boolean has(Service service) {
        return services.contains(service);
    }

    public PlaneConfig host4(HostSide side) {
        return new PlaneConfig(guest, side, host6, services, udpTimeouts, forwards, closed);
    }

    public PlaneConfig host6(HostSide side) {
        return new PlaneConfig(guest, host4, side, services, udpTimeouts, forwards, closed);
    }

    /** With {@code service} off. */
    public PlaneConfig without(Service service) {
        EnumSet<Service> left = EnumSet.noneOf(Service.class);
        left.addAll(services);
        left.remove(service);
        return new PlaneConfig(guest, host4, host6, left, udpTimeouts, forwards, closed);
    }

    /** This, but {@code service} is on if and only if {@code on}. */
    public PlaneConfig with(Service service, boolean on) {
        if (!on) {
            return without(service);
        }
        EnumSet<Service> all = EnumSet.of(service);
        all.addAll(services);
        return new PlaneConfig(guest, host4, host6, all, udpTimeouts, forwards, closed);
    }

    public PlaneConfig udpTimeouts(UdpTimeouts timeouts) {
        return new PlaneConfig(guest, host4, host6, services, timeouts, forwards, closed);
    }

    public PlaneConfig forwards(List<PortForward> rules) {
        return new PlaneConfig(guest, host4, host6, services, udpTimeouts, rules, closed);
    }

    /** This, but the guest reaches none of {@code destinations}. */
    public PlaneConfig closed(List<Cidr> destinations) {
        return new PlaneConfig(guest, host4, host6, services, udpTimeouts, forwards, destinations);
    }
}
