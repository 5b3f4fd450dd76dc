package io.passatelli.plane;

import io.passatelli.proto.arp.ArpResponder;
import io.passatelli.proto.dhcp.DhcpResponder;
import io.passatelli.proto.dhcpv6.Dhcp6Responder;
import io.passatelli.proto.icmp.IcmpTranslator;
import io.passatelli.proto.ndp.NdpResponder;
import io.passatelli.proto.tcp.TcpTranslator;
import io.passatelli.proto.udp.UdpTranslator;

/** Whom the router gives frames to. */
record Responders(
        ArpResponder arp,
        DhcpResponder dhcp,
        NdpResponder ndp,
        Dhcp6Responder dhcp6,
        IcmpTranslator icmp,
        UdpTranslator udp,
        TcpTranslator tcp) {}
