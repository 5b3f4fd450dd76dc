package io.passatelli.app.monitor;

import io.quarkus.vertx.http.runtime.filters.Filters;
import io.vertx.core.http.HttpMethod;
import io.vertx.ext.web.RoutingContext;
import jakarta.enterprise.event.Observes;
import jakarta.inject.Singleton;

import java.util.Set;

/** What is served is four pages, for reading. Nothing can be changed, so there is nothing to send either: who tries is told so, and left. */
@Singleton
class ReadOnly {
    private static final Set<String> PAGES = Set.of("/metrics", "/q/health", "/q/health/live", "/q/health/ready");
    private static final int FIRST = 10_000;
    private static final int NOT_FOUND = 404;
    private static final int METHOD_NOT_ALLOWED = 405;

    void install(@Observes Filters filters) {
        filters.register(ReadOnly::check, FIRST);
    }

    private static void check(RoutingContext context) {
        HttpMethod method = context.request().method();
        if (!method.equals(HttpMethod.GET) && !method.equals(HttpMethod.HEAD)) {
            context.response().putHeader("Allow", "GET, HEAD").putHeader("Connection", "close");
            end(context, METHOD_NOT_ALLOWED);
        } else if (PAGES.contains(context.request().path())) {
            context.next();
        } else {
            end(context, NOT_FOUND);
        }
    }

    private static void end(RoutingContext context, int status) {
        var ignored = context.response().setStatusCode(status).end();
    }
}
