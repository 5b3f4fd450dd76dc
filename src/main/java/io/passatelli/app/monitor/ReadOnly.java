package io.passatelli.app.monitor;

import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;

/** Nothing here can be changed, so there is nothing to send either: who tries is told so, and left. */
@Singleton
class ReadOnly {
    private static final int FIRST = 10_000;
    private static final int METHOD_NOT_ALLOWED = 405;

    void install(@Observes Filters filters) {
        filters.register(ReadOnly::check, FIRST);
    }

    private static void check(RoutingContext context) {
        HttpMethod method = context.request().method();
        if (method.equals(HttpMethod.GET) || method.equals(HttpMethod.HEAD)) {
            context.next();
            return;
        }
        var ignored = context.response()
                .setStatusCode(METHOD_NOT_ALLOWED)
                .putHeader("Allow", "GET, HEAD")
                .putHeader("Connection", "close")
                .end();
    }
}
