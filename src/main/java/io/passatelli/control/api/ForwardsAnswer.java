package io.passatelli.control.api;

import org.jspecify.annotations.Nullable;

import java.util.List;

/** The forwards, in the order of the rules. */
public record ForwardsAnswer(List<Forward> forwards) {
    /**
     * One of them.
     *
     * @param rule its text
     * @param applied whether it holds; of one that may be had in part, that some of it does
     * @param listeners sockets that listen for it
     * @param wanted sockets that are to listen for it
     * @param refusal why not all of it can be had; null: all is there
     */
    public record Forward(
            String rule,
            boolean applied,
            int listeners,
            int wanted,
            @Nullable String refusal) {}
}
