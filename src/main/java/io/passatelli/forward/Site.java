package io.passatelli.forward;

import io.passatelli.base.Ip;
import io.passatelli.config.PortForward;
import org.jspecify.annotations.Nullable;

/** Where sockets listen, but for their ports; shared by all that differ in nothing else. There is one for each {@link Name}. */
final class Site {
    /**
     * What tells sites apart.
     *
     * @param address the host's own; unspecified: all of its family
     * @param both the address is IPv6's unspecified one, and stands for that of IPv4 as well
     * @param device SO_BINDTODEVICE; null: all
     * @param interfaceIndex what the device is now: one that comes again under its old name is another one; 0: not known
     */
    record Name(
            PortForward.Protocol protocol,
            Ip address,
            boolean both,
            @Nullable String device,
            int interfaceIndex) {}

    final Name name;
    /** Makes the same port of two sites differ in the index of {@link ListenerStore}. */
    final int salt;
    /** How many sockets listen here. */
    int listeners;

    Site(Name name) {
        this.name = name;
        salt = name.hashCode() * 0x9E3779B9; // 2^32 ÷ golden ratio, Knuth 6.4
    }

    boolean isV4() {
        return name.address.isV4();
    }

    /** Whether a socket of one could keep the other's away from the same port. */
    boolean overlaps(Site other) {
        return this != other
                && name.protocol == other.name.protocol
                && (name.both || other.name.both || isV4() == other.isV4())
                && (name.address.isUnspecified()
                        || other.name.address.isUnspecified()
                        || name.address.equals(other.name.address))
                && (name.device == null || other.name.device == null || name.device.equals(other.name.device));
    }

    /** Such as {@code TCP 192.0.2.1 ports 80-89 of eth0}. */
    static String text(PortForward.Protocol protocol, @Nullable Ip address, @Nullable String device, String ports) {
        String where = address == null || address.isUnspecified() ? "" : address + " ";
        return protocol + " " + where + ports + (device == null ? "" : " of " + device);
    }

    String text(int port) {
        return text(name.protocol, name.address, name.device, "port " + port);
    }

    static String text(PortForward rule) {
        String ports =
                rule.first() == rule.last() ? "port " + rule.first() : "ports " + rule.first() + "-" + rule.last();
        return text(rule.protocol(), rule.address(), rule.device(), ports);
    }
}
