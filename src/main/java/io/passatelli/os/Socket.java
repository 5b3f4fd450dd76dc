package io.passatelli.os;

/** Constants of socket(2), socket(7), unix(7), netlink(7) and send(2); asm-generic values, the same on x86-64 and aarch64. */
public final class Socket {
    public static final int AF_UNIX = 1;
    public static final int AF_INET = 2;
    public static final int AF_INET6 = 10;
    public static final int AF_NETLINK = 16;

    public static final int SOCK_STREAM = 1;
    public static final int SOCK_DGRAM = 2;
    public static final int SOCK_RAW = 3;

    public static final int IPPROTO_IP = 0;
    public static final int IPPROTO_ICMP = 1;
    public static final int IPPROTO_TCP = 6;
    public static final int IPPROTO_UDP = 17;
    public static final int IPPROTO_IPV6 = 41;
    public static final int IPPROTO_ICMPV6 = 58;
    public static final int NETLINK_ROUTE = 0;

    public static final int SOL_SOCKET = 1;
    public static final int SO_REUSEADDR = 2;
    public static final int SO_TYPE = 3;
    public static final int SO_ERROR = 4;
    public static final int SO_SNDBUF = 7;
    public static final int SO_KEEPALIVE = 9;
    public static final int SO_OOBINLINE = 10;
    public static final int SO_RCVBUF = 8;
    public static final int SO_ACCEPTCONN = 30;
    public static final int SO_BINDTOIFINDEX = 62;

    // ip(7), linux/in.h
    public static final int IP_TTL = 2;
    public static final int IP_PKTINFO = 8;
    public static final int IP_MTU_DISCOVER = 10;
    public static final int IP_RECVERR = 11;
    public static final int IP_FREEBIND = 15;
    public static final int IP_MULTICAST_TTL = 33;
    public static final int IP_MULTICAST_LOOP = 34;

    // ipv6(7), linux/in6.h
    public static final int IPV6_UNICAST_HOPS = 16;
    public static final int IPV6_MULTICAST_HOPS = 18;
    public static final int IPV6_MULTICAST_LOOP = 19;
    public static final int IPV6_MTU_DISCOVER = 23;
    public static final int IPV6_RECVERR = 25;
    public static final int IPV6_V6ONLY = 26;
    public static final int IPV6_RECVPKTINFO = 49;
    public static final int IPV6_PKTINFO = 50;
    public static final int IPV6_FREEBIND = 78;

    /** Of IP_MTU_DISCOVER and IPV6_MTU_DISCOVER: fragments where it must, and never sets DF. */
    public static final int PMTUDISC_DONT = 0;

    public static final int PMTUDISC_WANT = 1;
    public static final int PMTUDISC_DO = 2;

    // tcp(7), netinet/tcp.h
    public static final int TCP_NODELAY = 1;

    // udp(7), linux/udp.h
    public static final int UDP_SEGMENT = 103;
    /** Several datagrams of one peer may be received as one, and the kernel tells how long each is. */
    public static final int UDP_GRO = 104;

    /** Segments of one send with UDP_SEGMENT; newer kernels allow 128. */
    public static final int UDP_MAX_SEGMENTS = 64;

    public static final int SO_BROADCAST = 6;

    public static final int MSG_PEEK = 2;
    public static final int MSG_CTRUNC = 8;
    public static final int MSG_TRUNC = 0x20;
    public static final int MSG_ERRQUEUE = 0x2000;
    public static final int MSG_DONTWAIT = 0x40;
    public static final int MSG_NOSIGNAL = 0x4000;

    public static final int SHUT_RD = 0;
    public static final int SHUT_WR = 1;
    public static final int SHUT_RDWR = 2;

    private Socket() {}
}
