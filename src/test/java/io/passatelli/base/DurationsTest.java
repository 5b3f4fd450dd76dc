package io.passatelli.base;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

class DurationsTest {
    @Test
    void eachIsCountedBelowTheFirstPowerOfTwoThatIsGreater() {
        Durations durations = new Durations();
        durations.add(0);
        durations.add(1);
        durations.add(1_023);
        durations.add(1_024);
        durations.add(Long.MAX_VALUE >> 1);
        Durations.Snapshot seen = durations.snapshot();
        assertThat(seen.below(0)).isEqualTo(1);
        assertThat(seen.below(1)).isEqualTo(2);
        assertThat(seen.below(9)).isEqualTo(2);
        assertThat(seen.below(10)).isEqualTo(3);
        assertThat(seen.below(11)).isEqualTo(4);
        assertThat(seen.count()).isEqualTo(5);
        assertThat(seen.sumNs()).isEqualTo(2_048 + (Long.MAX_VALUE >> 1));
    }

    @Test
    void theLongestHasAPlaceAndAClockThatWentBackCountsAsNothing() {
        Durations durations = new Durations();
        durations.add(Long.MAX_VALUE);
        durations.add(-5);
        Durations.Snapshot seen = durations.snapshot();
        assertThat(seen.count()).isEqualTo(2);
        assertThat(seen.below(0)).isEqualTo(1);
        assertThat(seen.below(62)).isEqualTo(1);
        assertThat(seen.below(63)).isEqualTo(2);
    }

    @Test
    void aSnapshotStaysAsItIs() {
        Durations durations = new Durations();
        Durations.Snapshot before = durations.snapshot();
        durations.add(7);
        assertThat(before.count()).isZero();
        assertThat(before.sumNs()).isZero();
    }
}
