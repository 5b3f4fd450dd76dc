package io.passatelli.app.monitor;

import org.junit.jupiter.api.Test;

import static io.passatelli.app.monitor.HookTimes.Call.ON_DEFINE_DOMAIN;
import static io.passatelli.app.monitor.HookTimes.Call.SHUTDOWN;
import static org.assertj.core.api.Assertions.assertThat;

class HookTimesTest {
    private long nowNs = 1_000;
    private final HookTimes times = new HookTimes(() -> nowNs);

    @Test
    void aCallIsCountedWhenItIsAnswered() {
        try (var _ = times.begin(ON_DEFINE_DOMAIN)) {
            assertThat(times.isBusy()).isTrue();
            nowNs += 5_000_000;
            assertThat(times.snapshot(ON_DEFINE_DOMAIN).count()).isZero();
            assertThat(times.sinceDefinedNs()).isEqualTo(-1);
        }
        assertThat(times.isBusy()).isFalse();
        assertThat(times.snapshot(ON_DEFINE_DOMAIN).count()).isEqualTo(1);
        assertThat(times.snapshot(ON_DEFINE_DOMAIN).sumNs()).isEqualTo(5_000_000);
        assertThat(times.snapshot(SHUTDOWN).count()).isZero();
        nowNs += 7;
        assertThat(times.sinceDefinedNs()).isEqualTo(7);
    }

    @Test
    void onlyADomainCountsAsDefined() {
        times.begin(SHUTDOWN).close();
        assertThat(times.sinceDefinedNs()).isEqualTo(-1);
        assertThat(times.snapshot(SHUTDOWN).count()).isEqualTo(1);
    }

    @Test
    void itIsBusyUntilTheLastCallIsAnswered() {
        var one = times.begin(SHUTDOWN);
        var two = times.begin(SHUTDOWN);
        one.close();
        assertThat(times.isBusy()).isTrue();
        two.close();
        assertThat(times.isBusy()).isFalse();
    }
}
