package io.passatelli.app;

import io.passatelli.config.GuestOptions;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
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

    @Option(
            names = {"-f", "--foreground"},
            description = "stay in the foreground (it always does for now)")
    boolean foreground;

    @Option(
            names = {"-d", "--debug"},
            description = "say more; cancels --quiet")
    void debug(boolean on) {
        debug = on;
        quiet = quiet && !on;
    }

    boolean debug;

    @Option(
            names = {"-q", "--quiet"},
            description = "say only warnings and errors; cancels --debug")
    void quiet(boolean on) {
        quiet = on;
        debug = debug && !on;
    }

    boolean quiet;

    @Option(
            names = {"-e", "--stderr"},
            description = "deprecated, without effect: messages go to standard error anyway")
    boolean stderr;

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
            names = {"-m", "--mtu"},
            paramLabel = "BYTES",
            description = "MTU told to the guest; 0: none (default: 65520)")
    @Nullable
    String mtu;

    @Option(
            names = {"-a", "--address"},
            paramLabel = "ADDRESS[/LENGTH]",
            description = "address of the guest (default: the host's)")
    List<String> addresses = new ArrayList<>();

    @Option(
            names = {"-n", "--netmask"},
            paramLabel = "MASK",
            description = "netmask of the guest, dotted or as a length (default: the host's)")
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
            description = "gateway told to the guest (default: the host's)")
    List<String> gateways = new ArrayList<>();

    @Option(
            names = {"-i", "--interface"},
            paramLabel = "NAME",
            description = "take addresses and routes from this interface (default: the one with the default route)")
    @Nullable
    String template;

    @Option(
            names = {"-o", "--outbound"},
            paramLabel = "ADDRESS",
            description = "source address of sockets on the host (default: the kernel's choice)")
    List<String> outbound = new ArrayList<>();

    @Option(names = "--outbound-if4", paramLabel = "NAME", description = "bind sockets on the host to this interface")
    @Nullable
    String outboundInterface;

    @Option(
            names = {"-D", "--dns"},
            paramLabel = "ADDRESS",
            description = "resolver told to the guest, repeatable; none: tell none (default: resolv.conf's)")
    List<String> dns = new ArrayList<>();

    @Option(
            names = {"-S", "--search"},
            paramLabel = "DOMAIN",
            description = "search domain told to the guest, repeatable; none: tell none (default: resolv.conf's)")
    List<String> search = new ArrayList<>();

    @Option(names = "--no-dhcp-dns", description = "tell no resolver by DHCP")
    boolean noDhcpDns;

    @Option(names = "--no-dhcp-search", description = "tell no search domain by DHCP")
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

    @Option(names = "--no-icmp", description = "no echo to the host side")
    boolean noIcmp;

    @Option(
            names = "--map-host-loopback",
            paramLabel = "ADDRESS",
            description =
                    "guest traffic to this address reaches the host's loopback; none: no address does (default: the gateway)")
    @Nullable
    String mapHostLoopback;

    @Option(names = "--no-map-gw", description = "same as --map-host-loopback none")
    boolean noMapGateway;

    @Option(
            names = {"-4", "--ipv4-only"},
            description = "accepted: IPv4 is all there is for now")
    boolean ipv4Only;

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
                .search(search)
                .hostname(hostname)
                .fqdn(fqdn)
                .dhcpDns(!noDhcpDns)
                .dhcpSearch(!noDhcpSearch)
                .dhcp(!noDhcp)
                .icmp(!noIcmp)
                .mapHostLoopback(noMapGateway ? "none" : mapHostLoopback)
                .outbound(outbound)
                .outboundInterface(outboundInterface)
                .build();
    }
}
