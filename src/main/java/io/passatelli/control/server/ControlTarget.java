package io.passatelli.control.server;

import io.passatelli.control.api.CaptureAnswer;
import io.passatelli.control.api.DropsAnswer;
import io.passatelli.control.api.FlowsAnswer;
import io.passatelli.control.api.ForwardsAnswer;
import io.passatelli.control.api.StatusAnswer;
import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.concurrent.CompletableFuture;

/**
 * What a control server speaks for. Called on the server's thread; must not block. A future, or the call itself, fails with
 * {@code ControlException}, or with {@link IllegalArgumentException}, {@link IllegalStateException} or {@link java.io.IOException} and one sentence,
 * for what the client is to know; anything else is a bug.
 */
public interface ControlTarget {
    /** What this program calls itself. */
    String version();

    CompletableFuture<StatusAnswer> status();

    /** At most {@code most} of them. */
    CompletableFuture<FlowsAnswer> flows(int most);

    CompletableFuture<DropsAnswer> drops();

    CompletableFuture<ForwardsAnswer> forwards();

    /** These instead of those that are; if one of them makes no sense, all stays as it was. The answer says of each what became of it. */
    CompletableFuture<ForwardsAnswer> replaceForwards(List<String> rules);

    /** To this file, of at most so many bytes if that is not null. */
    CompletableFuture<CaptureAnswer> startCapture(String file, List<String> filter, @Nullable Long mostBytes);

    CompletableFuture<CaptureAnswer> stopCapture();
}
