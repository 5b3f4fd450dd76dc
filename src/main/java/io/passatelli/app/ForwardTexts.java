package io.passatelli.app;

import io.passatelli.config.PortForward;
import io.passatelli.control.api.ForwardsAnswer;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.function.Function;

/** A client's rules: all of them make sense, or none is taken, so a slip of the pen closes no port. */
final class ForwardTexts {
    private static final String LEFT_OUT = "not applied, since another rule is wrong";

    private ForwardTexts() {}

    /**
     * Reads each rule by {@code grammar}, which throws {@link IllegalArgumentException} with one sentence, and gives them to {@code apply}; or answers
     * what is wrong with which of them.
     */
    static CompletableFuture<ForwardsAnswer> replace(
            List<String> texts,
            Function<String, PortForward> grammar,
            Function<List<PortForward>, CompletableFuture<ForwardsAnswer>> apply) {
        List<PortForward> rules = new ArrayList<>();
        List<ForwardsAnswer.Forward> answer = new ArrayList<>();
        for (String text : texts) {
            String why = LEFT_OUT;
            try {
                rules.add(grammar.apply(text));
            } catch (IllegalArgumentException e) {
                why = String.valueOf(e.getMessage());
            }
            answer.add(new ForwardsAnswer.Forward(text, false, 0, 0, why));
        }
        return rules.size() == texts.size()
                ? apply.apply(rules)
                : CompletableFuture.completedFuture(new ForwardsAnswer(answer));
    }
}
