package io.passatelli.control.api;

import java.util.List;

/**
 * What became of frames.
 *
 * @param handled those that went where they should
 * @param drops the others, where there were any
 */
public record DropsAnswer(long handled, List<Count> drops) {
    /**
     * Frames of one reason.
     *
     * @param reason name in {@code base.Drop}
     */
    public record Count(String reason, long count) {}
}
