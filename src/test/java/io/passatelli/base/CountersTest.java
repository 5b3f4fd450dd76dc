package io.passatelli.base;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import static org.assertj.core.api.Assertions.assertThat;

class CountersTest {
    private final Counters counters = new Counters();

    @ParameterizedTest
    @EnumSource(Drop.class)
    void eachReasonHasACountOfItsOwn(Drop reason) {
        counters.count(reason);
        counters.count(reason);
        for (Drop each : Drop.values()) {
            assertThat(counters.of(each)).isEqualTo(each == reason ? 2 : 0);
        }
    }

    @Test
    void snapshotStaysAsItWas() {
        counters.count(Drop.LINK_FULL);
        long[] before = counters.snapshot();
        counters.count(Drop.LINK_FULL);
        before[0] = 99;

        assertThat(before).hasSize(Drop.values().length).contains(1L).doesNotContain(2L);
        assertThat(counters.of(Drop.LINK_FULL)).isEqualTo(2);
        assertThat(counters.of(Drop.NONE)).isZero();
    }
}
