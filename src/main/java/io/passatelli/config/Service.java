package io.passatelli.config;

/** What a plane does for its guest; each can be off. */
public enum Service {
    /** ARP and IPv4, with all that is on it. */
    IP4,
    /** NDP and IPv6, with all that is on it. */
    IP6,
    DHCP,
    DHCPV6,
    /** Answers to neighbour solicitations, and router advertisements. */
    NDP,
    /** Router advertisements. */
    RA,
    /** Echo of both families. */
    ICMP,
    UDP,
    TCP
}
