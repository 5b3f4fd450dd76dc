package io.passatelli.base;

/** Every reason for which a frame, or what it asked for, goes no further. {@link #NONE} says that it was handled. */
public enum Drop {
    NONE,

    // the link
    LINK_BAD_LENGTH,
    LINK_BAD_OFFLOAD,
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
    TCP_TRUNCATED,
    TCP_BAD_LENGTH,
    TCP_BAD_CHECKSUM,
    TCP_OFF,
    TCP_BAD_SOURCE,
    TCP_BAD_DESTINATION,
    TCP_NO_ROUTE,
    TCP_SOCKET_REFUSED,
    /** The host's connect(2) failed: the guest got a reset. */
    TCP_CONNECT_FAILED,
    /** Belongs to no connection: answered with a reset. */
    TCP_NO_FLOW,
    /** A reset for a connection that is none. */
    TCP_STRAY_RESET,
    /** Number or acknowledgment outside of what was sent or offered. */
    TCP_UNACCEPTABLE,
    /** A SYN again, while its answer is on its way. */
    TCP_SYN_AGAIN,
    /** All of it was there before. */
    TCP_OLD_DATA,
    /** Something before it is missing; the guest sends it again. */
    TCP_GAP,
    /** The socket took less than it had room for, and nothing was reserved; the guest sends it again. */
    TCP_NO_ROOM,
    /** Behind the guest's own FIN. */
    TCP_AFTER_FIN,
    /** A connection for the guest whose address or link is not there. */
    TCP_NO_GUEST,
    /** Two peers that would be one for the guest: the first has the name. */
    TCP_PEER_HIDDEN,
    /** The guest did not answer, however often it was asked. */
    TCP_GUEST_TIMED_OUT,
    TCP_RESET_BY_GUEST,
    TCP_RESET_BY_HOST,
    /** Nothing was said for so long. */
    TCP_IDLE,

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

    // Neighbor Discovery
    NDP_OFF,
    NDP_TRUNCATED,
    NDP_TOO_LONG,
    NDP_TYPE_UNKNOWN,
    NDP_BAD_HOP_LIMIT,
    NDP_BAD_CODE,
    NDP_BAD_OPTION,
    NDP_BAD_SOURCE,
    NDP_BAD_DESTINATION,
    NDP_BAD_TARGET,
    NDP_ROUTERS_OFF,
    NDP_ROUTER_ADVERTISEMENT,
    NDP_NEIGHBOR_ADVERTISEMENT,
    NDP_REDIRECT,
    NDP_OWN_ADDRESS,
    NDP_ADDRESS_PROBE,
    MLD_NOT_NEEDED,

    // DHCP
    DHCP_OFF,
    DHCP_TRUNCATED,
    DHCP_TOO_LONG,
    DHCP_NOT_REQUEST,
    DHCP_BAD_HARDWARE,
    DHCP_BAD_COOKIE,
    DHCP_BAD_OPTION,
    DHCP_TYPE_IGNORED,

    // DHCPv6
    DHCP6_OFF,
    DHCP6_TRUNCATED,
    DHCP6_TOO_LONG,
    DHCP6_BAD_DESTINATION,
    DHCP6_BAD_OPTION,
    DHCP6_BAD_CLIENT_ID,
    DHCP6_BAD_SERVER_ID,
    DHCP6_BAD_ASSOCIATION,
    DHCP6_NOTHING_TO_CONFIRM,
    DHCP6_RELAYED,
    DHCP6_TYPE_IGNORED,

    // where the host itself is closed to the guest
    HOST_CLOSED,

    // flows
    FLOW_TABLE_FULL,
    DESCRIPTORS_EXHAUSTED,

    // ourselves
    INVARIANT_VIOLATED
}
