package io.passatelli.config;

import io.passatelli.config.PortForward.Protocol;

/** Ports of one protocol, from the first to the last. */
public record PortRange(Protocol protocol, int first, int last) {
    public PortRange {
        if (first < 1 || last < first || last > PortText.PORT_MAX) {
            throw new IllegalArgumentException(
                    "ports are 1 to " + PortText.PORT_MAX + ", and a range does not end before it begins");
        }
    }

    /** Such as {@code TCP 15000-15090}. */
    @Override
    public String toString() {
        return protocol + " " + first + (last == first ? "" : "-" + last);
    }
}
