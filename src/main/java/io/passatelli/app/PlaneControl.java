package io.passatelli.app;

import io.passatelli.base.Clock;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.config.PortForward;
import io.passatelli.control.api.CaptureAnswer;
import io.passatelli.control.api.DropsAnswer;
import io.passatelli.control.api.FlowsAnswer;
import io.passatelli.control.api.ForwardsAnswer;
import io.passatelli.control.api.StatusAnswer;
import io.passatelli.control.server.ControlServer;
import io.passatelli.control.server.ControlTarget;
import io.passatelli.flow.FlowView;
import io.passatelli.forward.RuleState;
import io.passatelli.link.CaptureFilter;
import io.passatelli.link.PcapWriter;
import io.passatelli.plane.PlaneHandle;
import io.passatelli.plane.PlaneStats;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/** What the control socket says of a plane. On the control server's thread, {@code here}: the loop's does no more than take its counters. */
final class PlaneControl implements ControlTarget {
    private final PlaneHandle plane;
    private final Executor here;
    private final String version = Version.line();

    private PlaneControl(PlaneHandle plane, Executor here) {
        this.plane = plane;
        this.here = here;
    }

    /** The server's first user, so that nothing of it is loaded without it. Throws {@link IOException} with one sentence. */
    static ControlServer serve(Path socket, PlaneHandle plane, Clock clock, Log log) throws IOException {
        return ControlServer.start(socket, clock, log, here -> new PlaneControl(plane, here));
    }

    @Override
    public String version() {
        return version;
    }

    @Override
    public CompletableFuture<StatusAnswer> status() {
        return plane.stats().thenApplyAsync(this::status, here);
    }

    private StatusAnswer status(PlaneStats stats) {
        PlaneStats.Traffic traffic = stats.traffic();
        PlaneStats.FlowCounts flows = stats.flowCounts();
        PlaneStats.Guest guest = stats.guest();
        List<String> addresses = Stream.concat(guest.seen().stream(), guest.assigned().stream())
                .map(Ip::toString)
                .distinct()
                .toList();
        return new StatusAnswer(
                version,
                ProcessHandle.current().pid(),
                TimeUnit.NANOSECONDS.toMillis(stats.uptimeNs()),
                stats.guestUp(),
                guest.mac() == null ? null : guest.mac().toString(),
                addresses,
                new StatusAnswer.FlowCounts(stats.flows(), flows.tcp(), flows.udp(), flows.icmp()),
                stats.listeners(),
                new StatusAnswer.Traffic(traffic.framesFromGuest(), traffic.bytesFromGuest()),
                new StatusAnswer.Traffic(traffic.framesToGuest(), traffic.bytesToGuest()),
                stats.invariantViolations(),
                ProcessMemory.now());
    }

    @Override
    public CompletableFuture<DropsAnswer> drops() {
        return plane.stats().thenApplyAsync(PlaneControl::drops, here);
    }

    private static DropsAnswer drops(PlaneStats stats) {
        List<DropsAnswer.Count> drops = stats.drops().entrySet().stream()
                .filter(drop -> drop.getKey() != Drop.NONE && drop.getValue() != 0)
                .sorted(Map.Entry.comparingByKey())
                .map(drop -> new DropsAnswer.Count(drop.getKey().name(), drop.getValue()))
                .toList();
        return new DropsAnswer(stats.drops().getOrDefault(Drop.NONE, 0L), drops);
    }

    @Override
    public CompletableFuture<FlowsAnswer> flows(int most) {
        return plane.flows(most)
                .thenApplyAsync(
                        views -> new FlowsAnswer(
                                views.total(),
                                views.first().stream().map(PlaneControl::flow).toList()),
                        here);
    }

    private static FlowsAnswer.Flow flow(FlowView view) {
        FlowView.Tcp tcp = view.tcp();
        return new FlowsAnswer.Flow(
                view.protocol().name().toLowerCase(Locale.ROOT),
                view.origin().name().toLowerCase(Locale.ROOT),
                view.guest().toString(),
                view.far().toString(),
                view.host().toString(),
                view.state(),
                TimeUnit.NANOSECONDS.toMillis(view.ageNs()),
                TimeUnit.NANOSECONDS.toMillis(view.quietNs()),
                view.bytesToHost(),
                view.bytesToGuest(),
                tcp == null || tcp.rttUs() == FlowView.Tcp.RTT_UNKNOWN ? null : (Long) tcp.rttUs(),
                tcp == null ? null : (long) tcp.guestWindow(),
                tcp == null ? null : (long) tcp.ourWindow(),
                tcp == null ? null : (long) tcp.inFlight(),
                tcp == null ? null : (long) tcp.stash(),
                tcp == null ? null : tcp.resent(),
                tcp == null ? null : tcp.timeOuts());
    }

    @Override
    public CompletableFuture<ForwardsAnswer> forwards() {
        return plane.forwards().thenApplyAsync(PlaneControl::forwards, here);
    }

    @Override
    public CompletableFuture<ForwardsAnswer> replaceForwards(List<String> rules) {
        return ForwardTexts.replace(rules, PortForward::parse, parsed -> plane.replaceForwards(parsed)
                .thenApplyAsync(PlaneControl::forwards, here));
    }

    private static ForwardsAnswer forwards(List<RuleState> states) {
        return new ForwardsAnswer(states.stream()
                .map(state -> new ForwardsAnswer.Forward(
                        state.rule().text(), !state.isRefused(), state.listeners(), state.wanted(), state.refusal()))
                .toList());
    }

    @Override
    public CompletableFuture<CaptureAnswer> startCapture(String file, List<String> filter, @Nullable Long mostBytes) {
        long most = mostBytes == null ? Limits.CAPTURE_BYTES : mostBytes;
        return plane.startCapture(Path.of(file), CaptureFilter.parse(String.join(" ", filter)), most)
                .thenApplyAsync(
                        path -> new CaptureAnswer(path.toString(), true, 0, PcapWriter.FILE_HEADER_BYTES), here);
    }

    @Override
    public CompletableFuture<CaptureAnswer> stopCapture() {
        return plane.stopCapture()
                .thenApplyAsync(
                        end -> new CaptureAnswer(end.file().toString(), false, end.frames(), end.bytes()), here);
    }
}
