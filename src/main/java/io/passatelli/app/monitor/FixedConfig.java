package io.passatelli.app.monitor;

import io.smallrye.config.PropertiesConfigSource;
import io.smallrye.config.SmallRyeConfigBuilder;
import io.smallrye.config.SmallRyeConfigBuilderCustomizer;
import io.smallrye.config.SysPropConfigSource;

import java.util.Map;

/**
 * Quarkus is configured by our own application.properties alone. Whoever writes the pod's environment must not reach it: a service of Kubernetes called
 * {@code quarkus-http} is enough to set QUARKUS_HTTP_PORT to something that is no number.
 */
public final class FixedConfig implements SmallRyeConfigBuilderCustomizer {
    private static final int ABOVE_ALL_OTHERS = 1_000;

    @Override
    public void configBuilder(SmallRyeConfigBuilder builder) {
        Monitored monitored = Monitored.current();
        if (monitored == null) {
            return; // the build
        }
        builder.setAddDefaultSources(false).setAddSystemSources(false);
        builder.withSources(
                new SysPropConfigSource(), // the launcher's; defaults refer to some
                new PropertiesConfigSource(
                        Map.of("quarkus.http.port", String.valueOf(monitored.port())), "passatelli", ABOVE_ALL_OTHERS));
    }

    @Override
    public int priority() {
        return Integer.MAX_VALUE;
    }
}
