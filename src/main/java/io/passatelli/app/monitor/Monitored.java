package io.passatelli.app.monitor;

import io.passatelli.base.Clock;
import io.passatelli.plane.PlaneHandle;
import org.jspecify.annotations.Nullable;

/**
 * What is monitored, and where that is told. Quarkus makes its beans by itself and has nobody to ask for it, so it stands here before Quarkus starts.
 *
 * @param setbacks what broke, and was lived through
 * @param version what this program calls itself
 * @param port to listen at, at every address of the pod
 */
public record Monitored(PlaneHandle plane, HookTimes hooks, Setbacks setbacks, Clock clock, String version, int port) {
    private static volatile @Nullable Monitored current;

    /** Null: this process is none of ours, such as the build's. */
    static @Nullable Monitored current() {
        return current;
    }

    void makeCurrent() {
        current = this;
    }
}
