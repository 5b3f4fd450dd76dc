package io.passatelli.app.monitor;

import io.passatelli.plane.PlaneStats;
import jakarta.inject.Inject;
import jakarta.inject.Singleton;
import org.eclipse.microprofile.health.HealthCheck;
import org.eclipse.microprofile.health.HealthCheckResponse;
import org.eclipse.microprofile.health.Readiness;

/** Ready: the plane runs, and its guest is connected. */
@Readiness
@Singleton
class LinkCheck implements HealthCheck {
    private final Pulse pulse;

    @Inject
    LinkCheck(Pulse pulse) {
        this.pulse = pulse;
    }

    @Override
    public HealthCheckResponse call() {
        PlaneStats stats = pulse.stats();
        return HealthCheckResponse.named("link")
                .status(stats != null && stats.guestUp())
                .build();
    }
}
