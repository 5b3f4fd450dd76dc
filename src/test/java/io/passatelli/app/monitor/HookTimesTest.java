package io.passatelli.app.monitor;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

class HookTimesTest {
    private long nowNs = 1_000;
    private final HookTimes times = new HookTimes(() -> nowNs);

    @Test
    void aCallIsCountedWhenItIsAnswered() {
        try (var timed = times.begin(HookTimes.Call.ON_DEFINE_DOMAIN)) {
            assertThat(timed).isNotNull();
            assertThat(times.isBusy()).isTrue();
            nowNs += 5_000_000;
            assertThat(times.snapshot(HookTimes.Call.ON_DEFINE_DOMAIN).count()).isZero();
            assertThat(times.sinceDefinedNs()).isEqualTo(-1);
        }
        assertThat(times.isBusy()).isFalse();
        assertThat(times.snapshot(HookTimes.Call.ON_DEFINE_DOMAIN).count()).isEqualTo(1);
        assertThat(times.snapshot(HookTimes.Call.ON_DEFINE_DOMAIN).sumNs()).isEqualTo(5_000_000);
        assertThat(times.snapshot(HookTimes.Call.SHUTDOWN).count()).isZero();
        nowNs += 7;
        assertThat(times.sinceDefinedNs()).isEqualTo(7);
    }

    @Test
    void onlyADomainCountsAsDefined() {
        times.begin(HookTimes.Call.SHUTDOWN).close();
        assertThat(times.sinceDefinedNs()).isEqualTo(-1);
    }

    @Test
    void itIsBusyUntilTheLastCallIsAnswered() {
        var one = times.begin(HookTimes.Call.SHUTDOWN);
        var two = times.begin(HookTimes.Call.SHUTDOWN);
        one.close();
        assertThat(times.isBusy()).isTrue();
        two.close();
        assertThat(times.isBusy()).isFalse();
    }
}
