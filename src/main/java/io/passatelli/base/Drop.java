package io.passatelli.base;

/** Every reason for which a frame, or what it asked for, goes no further. {@link #NONE} says that it was handled. */
public enum Drop {
    NONE,

    // the link
    LINK_BAD_LENGTH,
    LINK_FULL,
    LINK_DOWN,

    // Ethernet
    ETHERNET_TRUNCATED,
    ETHERNET_GROUP_SOURCE,
    ETHERNET_TYPE_UNKNOWN,

    // ARP
    ARP_TRUNCATED,
    ARP_NOT_ETHERNET_IP4,
    ARP_NOT_REQUEST,
    ARP_ANNOUNCEMENT,
    ARP_OWN_ADDRESS,

    // IPv4
    IP4_TRUNCATED,
    IP4_BAD_VERSION,
    IP4_BAD_HEADER_LENGTH,
    IP4_BAD_TOTAL_LENGTH,
    IP4_BAD_CHECKSUM,
    IP4_FRAGMENT,
    IP4_OFF,
    IP4_LOOPBACK,
    IP4_BAD_SOURCE,
    IP4_PROTOCOL_UNKNOWN,

    // IPv6
    IP6_OFF,
    IP6_TRUNCATED,
    IP6_BAD_VERSION,
    IP6_BAD_PAYLOAD_LENGTH,
    IP6_MAPPED_ADDRESS,
    IP6_LOOPBACK,
    IP6_BAD_SOURCE,
    IP6_BAD_DESTINATION,
    IP6_EXTENSION_TRUNCATED,
    IP6_CHAIN_TOO_LONG,
    IP6_TOO_MANY_HEADERS,
    IP6_BAD_HEADER_ORDER,
    IP6_BAD_OPTION,
    IP6_ROUTING,
    IP6_FRAGMENT,
    IP6_NO_NEXT_HEADER,
    IP6_PROTOCOL_UNKNOWN,

    // fragments of either family
    FRAGMENT_HELD,
    FRAGMENT_DUPLICATE,
    FRAGMENT_BAD,
    FRAGMENT_CHAIN_SPLIT,
    FRAGMENT_NEIGHBOR_DISCOVERY,
    FRAGMENT_OVERLAP,
    FRAGMENT_TABLE_FULL,
    FRAGMENT_TIMED_OUT,

    // UDP
    UDP_TRUNCATED,
    UDP_BAD_LENGTH,
    UDP_BAD_CHECKSUM,
    UDP_OFF,
    UDP_BAD_SOURCE,
    UDP_BAD_DESTINATION,
    UDP_NO_ROUTE,
    UDP_SOCKET_REFUSED,
    UDP_SEND_FAILED,
    /** The flow's socket could not have the guest's source port, and has another. */
    UDP_PORT_NOT_KEPT,
    /** Came to a socket between bind(2) and connect(2), and belongs to no flow. */
    UDP_STRANGER,
    /** Two peers that would be one for the guest: the first has the name. */
    UDP_PEER_HIDDEN,
    UDP_NO_GUEST_ADDRESS,
    UDP_FLOW_ENDED,
    UDP_ERROR_NOT_RELAYED,

    // TCP
    TCP_UNSUPPORTED,

    // ICMP
    ICMP_TRUNCATED,
    ICMP_BAD_CHECKSUM,
    ICMP_NOT_ECHO_REQUEST,
    ICMP_OFF,
    ICMP_BAD_DESTINATION,
    ICMP_SOCKET_REFUSED,
    ICMP_SEND_FAILED,
    ICMP_REPLY_UNEXPECTED,
    ICMP_REPLY_TOO_LONG,

    // DHCP
    DHCP_OFF,
    DHCP_TRUNCATED,
    DHCP_TOO_LONG,
    DHCP_NOT_REQUEST,
    DHCP_BAD_HARDWARE,
    DHCP_BAD_COOKIE,
    DHCP_BAD_OPTION,
    DHCP_TYPE_IGNORED,

    // flows
    FLOW_TABLE_FULL,
    DESCRIPTORS_EXHAUSTED,

    // ourselves
    INVARIANT_VIOLATED
}
