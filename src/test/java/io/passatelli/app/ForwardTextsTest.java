package io.passatelli.app;

import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.control.api.ForwardsAnswer;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;

import static org.assertj.core.api.Assertions.assertThat;

class ForwardTextsTest {
    private final List<List<PortForward>> applied = new ArrayList<>();

    private static PortForward parse(String text) {
        if (!text.startsWith("tcp:")) {
            throw new IllegalArgumentException("column 1: '" + text + "' is no rule");
        }
        int port = Integer.parseInt(text.substring("tcp:".length()));
        return new PortForward(Protocol.TCP, null, null, port, port, port);
    }

    private ForwardsAnswer replace(String... texts) {
        return ForwardTexts.replace(List.of(texts), ForwardTextsTest::parse, rules -> {
                    applied.add(rules);
                    return CompletableFuture.completedFuture(new ForwardsAnswer(List.of()));
                })
                .join();
    }

    @Test
    void rulesThatMakeSenseAreApplied() {
        assertThat(replace("tcp:80", "tcp:81").forwards()).isEmpty();
        assertThat(applied).containsExactly(List.of(parse("tcp:80"), parse("tcp:81")));
        replace();
        assertThat(applied).hasSize(2).last().isEqualTo(List.of());
    }

    @Test
    void oneThatMakesNoneLeavesAllAsItWasAndIsNamed() {
        assertThat(replace("tcp:80", "sctp:81").forwards())
                .containsExactly(
                        new ForwardsAnswer.Forward("tcp:80", false, 0, 0, "not applied, since another rule is wrong"),
                        new ForwardsAnswer.Forward("sctp:81", false, 0, 0, "column 1: 'sctp:81' is no rule"));
        assertThat(applied).isEmpty();
    }
}
