package io.passatelli.app;

import io.passatelli.config.GuestOptions;
import io.passatelli.config.Service;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

import java.util.ArrayList;
import java.util.List;

/** The command line of the passt role: names and meanings of passt(1). What is not listed is refused as unknown. */
@Command(
        name = "passt",
        description =
                "The network of one QEMU guest, as an ordinary process: frames on a UNIX socket, sockets on the host.",
        sortOptions = false,
        usageHelpWidth = 100)
final class PasstOptions {
    @Option(
            names = {"-h", "--help"},
            usageHelp = true,
            description = "show this and exit")
    boolean help;

    @Option(names = "--version", versionHelp = true, description = "show the version and exit")
    boolean version;

    @Mixin
    ProcessOptions process = new ProcessOptions();

    @Option(
            names = {"-s", "--socket", "--socket-path"},
            paramLabel = "PATH",
            description = "UNIX socket to listen on (default: the first free of /tmp/passt_1.socket and on)")
    void socket(String path) {
        socket = path;
        fd = null;
    }

    @Nullable
    String socket;

    @Option(
            names = {"-F", "--fd"},
            paramLabel = "FD",
            description =
                    "serve this connected socket instead of listening; ends when it closes; the last of -s and -F counts")
    void fd(int descriptor) {
        fd = descriptor;
        socket = null;
    }

    @Nullable
    Integer fd;

    @Option(
            names = {"-1", "--one-off"},
            description = "end when the first client leaves")
    boolean oneOff;

    @Option(
            names = {"-p", "--pcap"},
            paramLabel = "FILE",
            description = "capture the guest's frames to this file")
    @Nullable
    String pcap;

    @Option(
            names = "--control",
            paramLabel = "PATH",
            description = "UNIX socket where 'passatelli ctl' may ask (default: none)")
    @Nullable
    String control;

    @Option(
            names = {"-m", "--mtu"},
            paramLabel = "BYTES",
            description = "MTU told to the guest; 0: none (default: 65520)")
    @Nullable
    String mtu;

    @Option(
            names = {"-a", "--address"},
            paramLabel = "ADDRESS[/LENGTH]",
            description = "address of the guest, once for each family (default: the host's)")
    List<String> addresses = new ArrayList<>();

    @Option(
            names = {"-n", "--netmask"},
            paramLabel = "MASK",
            description = "IPv4 netmask of the guest, dotted or as a length (default: the host's)")
    @Nullable
    String netmask;

    @Option(
            names = {"-M", "--mac-addr"},
            paramLabel = "MAC",
            description = "our MAC, the guest's gateway's (default: 9a:55:9a:55:9a:55)")
    @Nullable
    String mac;

    @Option(
            names = {"-g", "--gateway"},
            paramLabel = "ADDRESS",
            description = "gateway told to the guest, once for each family (default: the host's)")
    List<String> gateways = new ArrayList<>();

    @Option(
            names = {"-i", "--interface"},
            paramLabel = "NAME",
            description =
                    "take addresses and routes from this interface (default: of each family the one with the default route)")
    @Nullable
    String template;

    @Option(
            names = {"-o", "--outbound"},
            paramLabel = "ADDRESS",
            description = "source address of sockets on the host, once for each family (default: the kernel's choice)")
    List<String> outbound = new ArrayList<>();

    @Option(
            names = "--outbound-if4",
            paramLabel = "NAME",
            description = "bind IPv4 sockets on the host to this interface")
    @Nullable
    String outboundInterface4;

    @Option(
            names = "--outbound-if6",
            paramLabel = "NAME",
            description = "bind IPv6 sockets on the host to this interface")
    @Nullable
    String outboundInterface6;

    @Option(
            names = {"-D", "--dns"},
            paramLabel = "ADDRESS",
            description = "resolver told to the guest, repeatable; none: tell none (default: resolv.conf's)")
    List<String> dns = new ArrayList<>();

    @Option(
            names = "--dns-forward",
            paramLabel = "ADDRESS",
            description =
                    "the guest's queries (ports 53 and 853) to this address go to a resolver of the host, once for each"
                            + " family")
    List<String> dnsForward = new ArrayList<>();

    @Option(
            names = "--dns-host",
            paramLabel = "ADDRESS",
            description = "that resolver, once for each family (default: the first of resolv.conf)")
    List<String> dnsHost = new ArrayList<>();

    @Option(
            names = {"-S", "--search"},
            paramLabel = "DOMAIN",
            description = "search domain told to the guest, repeatable; none: tell none (default: resolv.conf's)")
    List<String> search = new ArrayList<>();

    @Option(names = "--no-dhcp-dns", description = "tell no resolver by DHCP, DHCPv6 or NDP")
    boolean noDhcpDns;

    @Option(names = "--no-dhcp-search", description = "tell no search domain by DHCP, DHCPv6 or NDP")
    boolean noDhcpSearch;

    @Option(
            names = {"-H", "--hostname"},
            paramLabel = "NAME",
            description = "host name told to the guest")
    @Nullable
    String hostname;

    @Option(names = "--fqdn", paramLabel = "NAME", description = "fully qualified name told to the guest")
    @Nullable
    String fqdn;

    @Option(names = "--no-dhcp", description = "no DHCP server")
    boolean noDhcp;

    @Option(names = "--no-dhcpv6", description = "no DHCPv6 server")
    boolean noDhcpv6;

    @Option(names = "--no-ndp", description = "no answers to neighbour solicitations, and no router advertisements")
    boolean noNdp;

    @Option(names = "--no-ra", description = "no router advertisements")
    boolean noRa;

    @Option(names = "--no-icmp", description = "no echo to the host side; NDP stays")
    boolean noIcmp;

    @Option(names = "--no-tcp", description = "no TCP to the host side, and none from it")
    boolean noTcp;

    @Option(names = "--no-udp", description = "no UDP to the host side, and none from it")
    boolean noUdp;

    @Option(
            names = {"-t", "--tcp-ports"},
            paramLabel = "PORTS",
            description = "TCP ports of the host that reach the guest, repeatable: none, or a list of PORT, FIRST-LAST,"
                    + " PORT:PORT, FIRST-LAST:FIRST-LAST (the guest's behind the colon, maybe with its address:"
                    + " PORT:ADDRESS/PORT), ~PORT and ~FIRST-LAST (not these), all (but the ephemeral ones); in front of"
                    + " it where to listen: ADDRESS/, ADDRESS%%INTERFACE/, %%INTERFACE/ (default: none)")
    List<String> tcpPorts = new ArrayList<>();

    @Option(
            names = {"-u", "--udp-ports"},
            paramLabel = "PORTS",
            description = "UDP ports of the host that reach the guest, repeatable, in the same words (default: none)")
    List<String> udpPorts = new ArrayList<>();

    @Option(
            names = "--map-host-loopback",
            paramLabel = "ADDRESS",
            description =
                    "guest traffic to this address reaches the host's loopback, once for each family; none: no address does"
                            + " (default: the gateway)")
    List<String> mapHostLoopback = new ArrayList<>();

    @Option(names = "--no-map-gw", description = "by default, no address reaches the host's loopback")
    boolean noMapGateway;

    @Option(names = "--freebind", description = "forwards may listen at addresses that the host does not have yet")
    boolean freebind;

    @Option(
            names = "--map-guest-addr",
            paramLabel = "ADDRESS",
            description =
                    "guest traffic to this address reaches the host at the guest's own address, once for each family; none:"
                            + " no address does (default)")
    List<String> mapGuest = new ArrayList<>();

    @Option(
            names = {"-4", "--ipv4-only"},
            description = "no IPv6")
    boolean ipv4Only;

    @Option(
            names = {"-6", "--ipv6-only"},
            description = "no IPv4")
    boolean ipv6Only;

    /** What concerns the guest's network, not yet checked. */
    GuestOptions guest() {
        return GuestOptions.builder()
                .addresses(addresses)
                .netmask(netmask)
                .gateways(gateways)
                .templateInterface(template)
                .mtu(mtu)
                .ourMac(mac)
                .dns(dns)
                .dnsForward(dnsForward)
                .dnsHost(dnsHost)
                .search(search)
                .hostname(hostname)
                .fqdn(fqdn)
                .dhcpDns(!noDhcpDns)
                .dhcpSearch(!noDhcpSearch)
                .with(Service.IP4, !ipv6Only)
                .with(Service.IP6, !ipv4Only)
                .with(Service.DHCP, !noDhcp)
                .with(Service.DHCPV6, !noDhcpv6)
                .with(Service.NDP, !noNdp)
                .with(Service.RA, !noRa)
                .with(Service.ICMP, !noIcmp)
                .with(Service.UDP, !noUdp)
                .with(Service.TCP, !noTcp)
                .mapHostLoopback(mapped())
                .mapGuest(mapGuest)
                .outbound(outbound)
                .outboundInterface4(outboundInterface4)
                .outboundInterface6(outboundInterface6)
                .tcpPorts(tcpPorts)
                .udpPorts(udpPorts)
                .build();
    }

    /** {@code --no-map-gw} takes away what is mapped by default, wherever it stands; {@code none} also what stands before it. */
    private List<String> mapped() {
        List<String> mapped = new ArrayList<>(mapHostLoopback);
        if (noMapGateway) {
            mapped.addFirst("none");
        }
        return mapped;
    }
}
