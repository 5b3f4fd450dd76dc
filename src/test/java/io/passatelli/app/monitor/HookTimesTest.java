package io.passatelli.app.monitor;

import org.junit.jupiter.api.Test;

import java.io.IOException;

import static io.passatelli.app.monitor.HookTimes.Call.ON_DEFINE_DOMAIN;
import static io.passatelli.app.monitor.HookTimes.Call.SHUTDOWN;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class HookTimesTest {
    private long nowNs = 1_000;
    private final HookTimes times = new HookTimes(() -> nowNs);

    @Test
    void aCallIsCountedWhenItIsAnswered() {
        String answer = times.time(ON_DEFINE_DOMAIN, () -> {
            assertThat(times.isBusy()).isTrue();
            nowNs += 5_000_000;
            assertThat(times.snapshot(ON_DEFINE_DOMAIN).count()).isZero();
            assertThat(times.sinceDefinedNs()).isEqualTo(-1);
            return "answer";
        });
        assertThat(answer).isEqualTo("answer");
        assertThat(times.isBusy()).isFalse();
        assertThat(times.snapshot(ON_DEFINE_DOMAIN).count()).isEqualTo(1);
        assertThat(times.snapshot(ON_DEFINE_DOMAIN).sumNs()).isEqualTo(5_000_000);
        assertThat(times.snapshot(SHUTDOWN).count()).isZero();
        nowNs += 7;
        assertThat(times.sinceDefinedNs()).isEqualTo(7);
    }

    @Test
    void aRefusalIsAnAnswerToo() {
        assertThatThrownBy(() -> times.time(ON_DEFINE_DOMAIN, () -> {
                    throw new IOException("refused");
                }))
                .isInstanceOf(IOException.class);
        assertThat(times.isBusy()).isFalse();
        assertThat(times.snapshot(ON_DEFINE_DOMAIN).count()).isEqualTo(1);
        assertThat(times.sinceDefinedNs()).isZero();
    }

    @Test
    void onlyADomainCountsAsDefined() {
        times.time(SHUTDOWN, () -> 1);
        assertThat(times.sinceDefinedNs()).isEqualTo(-1);
        assertThat(times.snapshot(SHUTDOWN).count()).isEqualTo(1);
    }

    @Test
    void itIsBusyUntilTheLastCallIsAnswered() {
        times.time(SHUTDOWN, () -> {
            times.time(SHUTDOWN, () -> 1);
            assertThat(times.isBusy()).isTrue();
            return 2;
        });
        assertThat(times.isBusy()).isFalse();
    }
}
