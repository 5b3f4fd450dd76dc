package io.passatelli.control.api;

import io.passatelli.base.Limits;
import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * What a client asks. In JSON an object whose member {@code request} is the {@link #name}, with the record's components beside it and, if the
 * client wants, an {@code id}. Constructors throw {@link IllegalArgumentException} with one sentence.
 */
public sealed interface Request {
    /** As JSON says it. */
    default String name() {
        return switch (this) {
            case Status _ -> "status";
            case Flows _ -> "flows";
            case Drops _ -> "drops";
            case Forwards _ -> "forwards";
            case SetForwards _ -> "set-forwards";
            case StartCapture _ -> "start-capture";
            case StopCapture _ -> "stop-capture";
            case Version _ -> "version";
        };
    }

    /** The request of this name, or null. */
    static @Nullable Class<? extends Request> named(String name) {
        return switch (name) {
            case "status" -> Status.class;
            case "flows" -> Flows.class;
            case "drops" -> Drops.class;
            case "forwards" -> Forwards.class;
            case "set-forwards" -> SetForwards.class;
            case "start-capture" -> StartCapture.class;
            case "stop-capture" -> StopCapture.class;
            case "version" -> Version.class;
            default -> null;
        };
    }

    /** How it goes: {@link StatusAnswer}. */
    record Status() implements Request {}

    /**
     * The conversations: {@link FlowsAnswer}.
     *
     * @param most of them; null: {@link Limits#CONTROL_FLOWS}
     */
    record Flows(@Nullable Integer most) implements Request {
        public Flows {
            if (most != null && (most < 1 || most > Limits.CONTROL_FLOWS)) {
                throw new IllegalArgumentException("'most' is 1 to " + Limits.CONTROL_FLOWS);
            }
        }
    }

    /** What became of frames that went no further: {@link DropsAnswer}. */
    record Drops() implements Request {}

    /** The forwards: {@link ForwardsAnswer}. */
    record Forwards() implements Request {}

    /**
     * From now on these forwards and no others: {@link ForwardsAnswer}. Listeners of rules that stay are not touched.
     *
     * @param rules such as {@code tcp:8080:80}; none: no forwards
     */
    record SetForwards(List<String> rules) implements Request {
        public SetForwards {
            rules = Checks.texts(rules, "rules", Limits.FORWARD_RULES);
        }
    }

    /**
     * Write the guest's frames to a file: {@link CaptureAnswer}.
     *
     * @param file absolute path, as the role sees it
     * @param filter words such as {@code port 53 host 192.0.2.1}; null or none: all frames
     * @param bytes the file grows no larger; null: the role's own bound
     */
    record StartCapture(
            String file,
            @Nullable List<String> filter,
            @Nullable Long bytes) implements Request {
        public StartCapture {
            file = Checks.text(file, "file");
            if (!file.startsWith("/")) {
                throw new IllegalArgumentException("'file' is an absolute path");
            }
            filter = filter == null ? List.of() : Checks.texts(filter, "filter", Limits.CONTROL_FILTER_WORDS);
            if (bytes != null && bytes < 1) {
                throw new IllegalArgumentException("'bytes' is above 0");
            }
        }
    }

    /** No more of it: {@link CaptureAnswer}. */
    record StopCapture() implements Request {}

    /** Who answers: {@link VersionAnswer}. */
    record Version() implements Request {}
}
