package io.passatelli.control.server;

import io.passatelli.control.api.CaptureAnswer;
import io.passatelli.control.api.ControlException;
import io.passatelli.control.api.DropsAnswer;
import io.passatelli.control.api.FlowsAnswer;
import io.passatelli.control.api.ForwardsAnswer;
import io.passatelli.control.api.StatusAnswer;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;

/** A role whose answers are known beforehand. */
public class KnownTarget implements ControlTarget {
    /** A flow of TCP with a number for everything. */
    public static final FlowsAnswer.Flow TCP = new FlowsAnswer.Flow(
            "tcp",
            "guest",
            "192.0.2.10:40000",
            "192.0.2.1:443",
            "127.0.0.1:443",
            "established",
            83_000L,
            1_500L,
            70_000L,
            5_000_000L,
            350L,
            65_535L,
            131_072L,
            14_600L,
            0L,
            3L,
            0L);

    /** One of ping, of which less is known. */
    public static final FlowsAnswer.Flow PING = new FlowsAnswer.Flow(
            "icmp",
            "guest",
            "fd00::10",
            "2001:db8::1",
            null,
            null,
            900L,
            100L,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null,
            null);

    private List<String> rules = List.of("tcp:8080:80");

    @Override
    public String version() {
        return "passatelli 0.1.0";
    }

    @Override
    public CompletableFuture<StatusAnswer> status() {
        return CompletableFuture.completedFuture(new StatusAnswer(
                version(),
                4_711,
                7_384_000,
                true,
                "52:54:00:12:34:56",
                List.of("192.0.2.10", "fd00::10"),
                new StatusAnswer.FlowCounts(12, 9, 2, 1),
                4,
                new StatusAnswer.Traffic(123_456, 98_765_432),
                new StatusAnswer.Traffic(234_567, 345_678_901),
                0,
                new StatusAnswer.Memory(9_900_000, 50_331_648, 41_000_000L)));
    }

    @Override
    public CompletableFuture<FlowsAnswer> flows(int most) {
        List<FlowsAnswer.Flow> flows = new ArrayList<>(Collections.nCopies(most - 1, TCP));
        flows.add(PING);
        return CompletableFuture.completedFuture(new FlowsAnswer(1_234, flows));
    }

    @Override
    public CompletableFuture<DropsAnswer> drops() {
        return CompletableFuture.completedFuture(new DropsAnswer(
                1_000,
                List.of(new DropsAnswer.Count("ARP_ANNOUNCEMENT", 2), new DropsAnswer.Count("TCP_NO_FLOW", 1_234))));
    }

    @Override
    public CompletableFuture<ForwardsAnswer> forwards() {
        return CompletableFuture.completedFuture(
                new ForwardsAnswer(rules.stream().map(KnownTarget::forward).toList()));
    }

    private static ForwardsAnswer.Forward forward(String rule) {
        return rule.endsWith("22")
                ? new ForwardsAnswer.Forward(rule, false, 0, 2, "TCP port 22: cannot listen: Permission denied")
                : new ForwardsAnswer.Forward(rule, true, 2, 2, null);
    }

    @Override
    public CompletableFuture<ForwardsAnswer> replaceForwards(List<String> rules) {
        this.rules = rules;
        return forwards();
    }

    @Override
    public CompletableFuture<CaptureAnswer> startCapture(String file, List<String> filter, @Nullable Long mostBytes) {
        return CompletableFuture.completedFuture(new CaptureAnswer(
                file + " " + String.join(" ", filter) + (mostBytes == null ? "" : " " + mostBytes), true, 0, 24));
    }

    @Override
    public CompletableFuture<CaptureAnswer> stopCapture() {
        return CompletableFuture.failedFuture(
                new ControlException(ControlException.REFUSED, "there is no capture to stop"));
    }
}
