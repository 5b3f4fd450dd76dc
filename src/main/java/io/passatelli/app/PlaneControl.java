package io.passatelli.app;

import io.passatelli.base.Clock;
import io.passatelli.base.Drop;
import io.passatelli.base.Log;
import io.passatelli.control.api.CaptureAnswer;
import io.passatelli.control.api.ControlException;
import io.passatelli.control.api.DropsAnswer;
import io.passatelli.control.api.FlowsAnswer;
import io.passatelli.control.api.ForwardsAnswer;
import io.passatelli.control.api.StatusAnswer;
import io.passatelli.control.server.ControlServer;
import io.passatelli.control.server.ControlTarget;
import io.passatelli.plane.PlaneHandle;
import io.passatelli.plane.PlaneStats;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;

/** What the control socket says of a plane. On the control server's thread, {@code here}: the loop's does no more than take its counters. */
final class PlaneControl implements ControlTarget {
    private final PlaneHandle plane;
    private final Clock clock;
    private final Executor here;
    private final long startNs;
    private final String version = Version.line();

    private PlaneControl(PlaneHandle plane, Clock clock, Executor here) {
        this.plane = plane;
        this.clock = clock;
        this.here = here;
        startNs = clock.nowNs();
    }

    /** The server's first user, so that nothing of it is loaded without it. Throws {@link IOException} with one sentence. */
    static ControlServer serve(Path socket, PlaneHandle plane, Clock clock, Log log) throws IOException {
        return ControlServer.start(socket, clock, log, here -> new PlaneControl(plane, clock, here));
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
        return new StatusAnswer(
                version,
                ProcessHandle.current().pid(),
                TimeUnit.NANOSECONDS.toMillis(clock.nowNs() - startNs),
                stats.guestUp(),
                null,
                List.of(),
                new StatusAnswer.FlowCounts(stats.flows(), null, null, null),
                null,
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
        return notAvailable("a list of flows");
    }

    @Override
    public CompletableFuture<ForwardsAnswer> forwards() {
        return notAvailable("a list of forwards");
    }

    @Override
    public CompletableFuture<ForwardsAnswer> replaceForwards(List<String> rules) {
        return notAvailable("other forwards than those of the start");
    }

    @Override
    public CompletableFuture<CaptureAnswer> startCapture(String file, List<String> filter, @Nullable Long mostBytes) {
        return notAvailable("a capture other than --pcap");
    }

    @Override
    public CompletableFuture<CaptureAnswer> stopCapture() {
        return notAvailable("an end of a capture");
    }

    private static <T> CompletableFuture<T> notAvailable(String what) {
        return CompletableFuture.failedFuture(
                new ControlException(ControlException.NOT_AVAILABLE, "not available in this version: " + what));
    }
}
