package io.passatelli.control.server;

import io.passatelli.base.Limits;
import io.passatelli.control.api.ControlException;
import io.passatelli.control.api.Request;
import io.passatelli.control.api.VersionAnswer;

import java.io.IOException;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** From requests to the target, and from what goes wrong there to what the client hears. */
final class Dispatcher {
    private final ControlTarget target;

    Dispatcher(ControlTarget target) {
        this.target = target;
    }

    /** The answer to come: a record of the API. */
    CompletableFuture<?> ask(Request request) {
        try {
            return switch (request) {
                case Request.Status _ -> target.status();
                case Request.Flows flows -> target.flows(flows.most() == null ? Limits.CONTROL_FLOWS : flows.most());
                case Request.Drops _ -> target.drops();
                case Request.Forwards _ -> target.forwards();
                case Request.SetForwards set -> target.replaceForwards(set.rules());
                case Request.StartCapture start -> {
                    List<String> filter = start.filter();
                    yield target.startCapture(start.file(), filter == null ? List.of() : filter, start.bytes());
                }
                case Request.StopCapture _ -> target.stopCapture();
                case Request.Version _ ->
                    CompletableFuture.completedFuture(new VersionAnswer(target.version(), VersionAnswer.API));
            };
        } catch (RuntimeException e) {
            return CompletableFuture.failedFuture(e);
        }
    }

    /** What the client hears of a failure. */
    static ControlException sayable(Throwable failure) {
        Throwable cause =
                failure instanceof CompletionException && failure.getCause() != null ? failure.getCause() : failure;
        return switch (cause) {
            case ControlException said -> said;
            case IllegalArgumentException wrong -> refused(wrong);
            case IllegalStateException untimely -> refused(untimely);
            case IOException io -> refused(io);
            default -> new ControlException(ControlException.INTERNAL, "a bug of this program: see its log");
        };
    }

    private static ControlException refused(Exception why) {
        return new ControlException(ControlException.REFUSED, String.valueOf(why.getMessage()));
    }
}
