package io.passatelli.app.monitor;

import io.passatelli.plane.PlaneStats;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.util.concurrent.CompletableFuture;

import static org.assertj.core.api.Assertions.assertThat;

@Timeout(30)
class PulseTest {
    private long nowNs = 1;
    private int asked;
    private CompletableFuture<PlaneStats> answer =
            CompletableFuture.failedFuture(new IllegalStateException("too busy"));
    private final Pulse pulse = new Pulse(
            () -> {
                asked++;
                return answer;
            },
            () -> nowNs);

    @Test
    void theLoopIsAskedOnceInAWhileHoweverManyAskHere() {
        for (int i = 0; i < 100; i++) {
            assertThat(pulse.stats()).isNull();
        }
        assertThat(asked).isEqualTo(1);
        nowNs += Pulse.FRESH_NS;
        assertThat(pulse.stats()).isNull();
        assertThat(asked).isEqualTo(2);
    }

    @Test
    void aLoopThatSaysNothingIsWaitedForOnce() {
        answer = new CompletableFuture<>();
        long begin = System.nanoTime();
        assertThat(pulse.stats()).isNull();
        assertThat(System.nanoTime() - begin).isGreaterThanOrEqualTo(Pulse.PATIENCE_NS);
        begin = System.nanoTime();
        assertThat(pulse.stats()).isNull();
        assertThat(System.nanoTime() - begin).isLessThan(Pulse.PATIENCE_NS / 2);
        assertThat(asked).isEqualTo(1);
    }
}
