package io.passatelli.control.api;

import org.jspecify.annotations.Nullable;

import java.util.List;

/** The forwards, in the order of the rules. */
public record ForwardsAnswer(List<Forward> forwards) {
    /**
     * One of them.
     *
     * @param rule its text
     * @param listeners sockets that listen for it
     * @param wanted sockets that are to listen for it
     * @param refusal why it, or some of it, cannot be had; null: all is there
     */
    public record Forward(
            String rule,
            int listeners,
            int wanted,
            @Nullable String refusal) {}
}
