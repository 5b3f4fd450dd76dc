package io.passatelli.base;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

class RateLimitTest {
    private static final long SECOND_NS = 1_000_000_000L;

    private final RateLimit limit = new RateLimit();

    @ParameterizedTest
    @ValueSource(longs = {0, -5, Long.MIN_VALUE, Long.MAX_VALUE})
    void secondBringsItsLinesAndNoMoreWhereverTheClockIs(long startNs) {
        assertThat(allowedOf(100, startNs)).isEqualTo(Limits.LOG_LINES_PER_SECOND);
        assertThat(allowedOf(100, startNs + SECOND_NS - 1)).isZero();
        assertThat(allowedOf(100, startNs + SECOND_NS)).isEqualTo(Limits.LOG_LINES_PER_SECOND);
    }

    @Test
    void suppressedLinesAreCountedAndTakenOnce() {
        allowedOf(Limits.LOG_LINES_PER_SECOND, 0);
        assertThat(limit.takeSuppressed()).isZero();
        allowedOf(7, 1);
        allowedOf(2, 2);
        assertThat(limit.takeSuppressed()).isEqualTo(9);
        assertThat(limit.takeSuppressed()).isZero();
    }

    @Test
    void nextLineSaysHowManyWereLeftOut() {
        assertThat(limit.leftOut()).isEmpty();
        allowedOf(Limits.LOG_LINES_PER_SECOND + 3, 0);
        assertThat(limit.leftOut()).isEqualTo(" (3 such lines left out)");
        assertThat(limit.leftOut()).isEmpty();
    }

    @Test
    void unusedLinesAreNotSavedUp() {
        allowedOf(1, 0);
        assertThat(allowedOf(100, 10 * SECOND_NS)).isEqualTo(Limits.LOG_LINES_PER_SECOND);
    }

    private int allowedOf(int lines, long nowNs) {
        int allowed = 0;
        for (int i = 0; i < lines; i++) {
            if (limit.allows(nowNs)) {
                allowed++;
            }
        }
        return allowed;
    }
}
