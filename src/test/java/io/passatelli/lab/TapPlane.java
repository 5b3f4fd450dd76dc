package io.passatelli.lab;

import io.passatelli.base.Clock;
import io.passatelli.base.Drop;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.config.GuestOptions;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.flow.FlowView;
import io.passatelli.host.GuestNetworks;
import io.passatelli.host.HostDiscovery;
import io.passatelli.host.ResolvConf;
import io.passatelli.link.CaptureFilter;
import io.passatelli.link.FaultLink;
import io.passatelli.link.FaultLink.Faults;
import io.passatelli.link.Link;
import io.passatelli.link.TapLink;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Tap;
import io.passatelli.plane.DataPlane;
import io.passatelli.plane.PlaneEvents;
import io.passatelli.plane.PlaneHandle;
import io.passatelli.plane.PlaneStats;
import io.passatelli.plane.Surroundings;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * A plane over a TAP in another namespace, as a program. Arguments are {@code NAME=VALUE}: {@code namespace}, the path of the guest's; those
 * that stand for passt's options, {@code address}, {@code gateway}, {@code mtu}, {@code hostname}, {@code fqdn}, {@code outbound}, {@code interface},
 * {@code tcp}, {@code udp}, {@code icmp=no}; the file {@code resolv.conf}; {@code loss} and {@code loss-from-guest}, the shares of the frames that are lost on their
 * way, 0 to 1. The rest it learns from the namespace it runs in. Says {@code ready}, answers
 * {@code stats}, {@code flows}, {@code capture FILE FILTER} and {@code stop-capture} with a line each, and ends with its input.
 */
public final class TapPlane {
    static final String TAP = "tap0";

    private static final long SEED = 1;
    private static final int FLOWS = 100;

    private TapPlane() {}

    public static void main(String[] arguments) throws IOException {
        Map<String, String> given = new TreeMap<>();
        for (String argument : arguments) {
            int equals = argument.indexOf('=');
            given.put(argument.substring(0, equals), argument.substring(equals + 1));
        }
        LinuxOs os = new LinuxOs();
        Tap tap = Tap.open(os, given.getOrDefault("namespace", ""), TAP);
        if (tap.fd() < 0) {
            throw new IOException("cannot open the TAP '" + TAP + "': errno " + -tap.fd());
        }
        Log log = new Log(Log.Level.DEBUG, (level, line) -> System.err.println(level + " " + line));
        Surroundings around = new Surroundings(os, Clock.system(), log, new SecureRandom()::nextLong);
        try (DataPlane plane = new DataPlane(
                config(os, given),
                around,
                (its, counters, lines) -> lossy(new TapLink(its, tap, counters), given),
                PlaneEvents.NOBODY)) {
            plane.followNeighbours();
            Thread.ofPlatform().daemon().start(() -> converse(plane.handle()));
            plane.run();
        }
    }

    private static Link lossy(Link link, Map<String, String> given) {
        Faults toGuest = Faults.loss(Double.parseDouble(given.getOrDefault("loss", "0")));
        Faults fromGuest = Faults.loss(Double.parseDouble(given.getOrDefault("loss-from-guest", "0")));
        boolean loses = toGuest.drop() + fromGuest.drop() > 0;
        return loses ? new FaultLink(link, toGuest, fromGuest, SEED) : link;
    }

    private static void converse(PlaneHandle plane) {
        try (BufferedReader questions = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))) {
            plane.stats().join(); // the loop turns
            System.out.println("ready");
            for (String line = questions.readLine(); line != null; line = questions.readLine()) {
                System.out.println(answer(plane, line.split(" ", 3)));
            }
        } catch (IOException e) {
            System.err.println(e);
        } finally {
            plane.stop();
        }
    }

    private static String answer(PlaneHandle plane, String[] words) {
        return switch (words[0]) {
            case "stats" -> text(plane.stats().join());
            case "flows" ->
                plane.flows(FLOWS).join().first().stream().map(TapPlane::text).collect(Collectors.joining("\t"));
            case "capture" ->
                plane.startCapture(Path.of(words[1]), CaptureFilter.parse(words[2]), Limits.CAPTURE_BYTES)
                        .join()
                        .toString();
            case "stop-capture" -> Long.toString(plane.stopCapture().join().frames());
            default -> throw new IllegalArgumentException("'" + words[0] + "' is no question");
        };
    }

    private static String text(FlowView flow) {
        FlowView.Tcp tcp = flow.tcp();
        String more = tcp == null
                ? ""
                : " resent=%d timeOuts=%d rttUs=%d inFlight=%d"
                        .formatted(tcp.resent(), tcp.timeOuts(), tcp.rttUs(), tcp.inFlight());
        return "protocol=%s origin=%s guest=%s far=%s bytesToHost=%d bytesToGuest=%d state=%s%s"
                .formatted(
                        flow.protocol(),
                        flow.origin(),
                        flow.guest(),
                        flow.far(),
                        flow.bytesToHost(),
                        flow.bytesToGuest(),
                        flow.state().replace(' ', '_'),
                        more);
    }

    private static String text(PlaneStats stats) {
        StringJoiner line = new StringJoiner(" ");
        line.add("flows=" + stats.flows());
        line.add("invariantViolations=" + stats.invariantViolations());
        line.add("staleEvents=" + stats.staleEvents());
        line.add("framesFromGuest=" + stats.traffic().framesFromGuest());
        line.add("framesToGuest=" + stats.traffic().framesToGuest());
        for (Drop reason : Drop.values()) {
            long count = stats.drops().getOrDefault(reason, 0L);
            if (count > 0) {
                line.add(reason + "=" + count);
            }
        }
        return line.toString();
    }

    /** What the passt role does at its start, with the namespace's network and the given resolv.conf. */
    private static PlaneConfig config(LinuxOs os, Map<String, String> given) throws IOException {
        GuestOptions.Builder options = GuestOptions.builder()
                .addresses(words(given, "address"))
                .gateways(words(given, "gateway"))
                .hostname(given.get("hostname"))
                .fqdn(given.get("fqdn"))
                .dhcpDns(true)
                .dhcpSearch(true)
                .outbound(words(given, "outbound"))
                .outboundInterface4(given.get("interface"))
                .tcpPorts(words(given, "tcp"))
                .tcpPorts(words(given, "tcp"))
                .udpPorts(words(given, "udp"))
                .with(Service.ICMP, !"no".equals(given.get("icmp")));
        String mtu = given.get("mtu");
        if (mtu != null) {
            options.mtu(mtu);
        }
        String resolvConf = given.get("resolv.conf");
        return GuestNetworks.plan(
                        options.build(),
                        HostDiscovery.discover(os),
                        resolvConf == null ? ResolvConf.EMPTY : ResolvConf.read(Path.of(resolvConf)))
                .plane();
    }

    private static List<String> words(Map<String, String> given, String name) {
        String value = given.get(name);
        return value == null ? List.of() : List.of(value.split(",", -1));
    }
}
