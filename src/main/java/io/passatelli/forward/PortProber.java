package io.passatelli.forward;

/** How a {@link Sweep} asks the guest. Loop thread only. */
public interface PortProber {
    /** Whether the guest was heard from by IPv4, or by IPv6, so that it may answer. */
    boolean isThere(boolean v4);

    /** Asks whether a TCP port is open; {@link PortAnswers} hears what the guest says. False: the link has no room. */
    boolean ask(boolean v4, int port);

    /** Asks whether the guest is there at all, by ARP and Neighbor Discovery. */
    void call();

    /** Frames that came from the guest, of whatever kind, since the start. */
    long framesFromGuest();
}
