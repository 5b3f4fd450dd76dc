package io.passatelli.app.monitor;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;

import java.util.Objects;

/** Live: the plane's loop answers. Says too how often something broke since the sidecar began. */
@Liveness
@Singleton
class LoopCheck implements HealthCheck {
    private final Pulse pulse;
    private final Setbacks setbacks;

    @Inject
    LoopCheck(Pulse pulse) {
        this(pulse, Objects.requireNonNull(Monitored.current()).setbacks());
    }

    LoopCheck(Pulse pulse, Setbacks setbacks) {
        this.pulse = pulse;
        this.setbacks = setbacks;
    }

    @Override
    public HealthCheckResponse call() {
        return HealthCheckResponse.named("loop")
                .status(pulse.stats() != null)
                .withData("restarts", setbacks.loopRestarts())
                .withData("threadFailures", setbacks.threadFailures())
                .build();
    }
}
