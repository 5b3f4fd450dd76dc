package io.passatelli.config;

/**
 * Ports that a host gives to sockets which name none. Whoever forwards "all" leaves them out: the host's own connections need them, and most are
 * nobody's services.
 */
public record EphemeralPorts(int first, int last) {
    /** RFC 6335 §6. */
    public static final EphemeralPorts STANDARD = new EphemeralPorts(49_152, PortText.PORT_MAX);

    public EphemeralPorts {
        if (first < 1 || last < first || last > PortText.PORT_MAX) {
            throw new IllegalArgumentException("ephemeral ports are 1 to " + PortText.PORT_MAX);
        }
    }
}
