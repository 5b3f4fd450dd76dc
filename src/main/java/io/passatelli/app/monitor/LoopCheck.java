package io.passatelli.app.monitor;

import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Liveness;

/** Live: the plane's loop answers. */
@Liveness
@Singleton
class LoopCheck implements HealthCheck {
    private final Pulse pulse;

    @Inject
    LoopCheck(Pulse pulse) {
        this.pulse = pulse;
    }

    @Override
    public HealthCheckResponse call() {
        return HealthCheckResponse.named("loop").status(pulse.stats() != null).build();
    }
}
