package io.passatelli.app.monitor;

import io.quarkus.runtime.Application;

import java.io.IOException;
import java.net.BindException;
import java.net.InetSocketAddress;
import java.net.ServerSocket;

/**
 * Starts Quarkus in a process that has long been doing its work. The application class is started by itself, as Quarkus' integrations with functions
 * do it: without {@code Quarkus.run}, which would wait for the process' end, and register what ends it.
 */
public final class Monitor {
    /** Where Prometheus finds a sidecar. */
    public static final int PORT = 15_988;

    private Monitor() {}

    /** Returns once health and metrics are served. Throws {@link IOException} with one sentence if they cannot be; then nothing of them is left. */
    public static void start(Monitored monitored) throws IOException {
        int port = monitored.port();
        requireFree(port);
        monitored.makeCurrent();
        try {
            Class<?> application = Class.forName(Application.APP_CLASS_NAME);
            ((Application) application.getDeclaredConstructor().newInstance()).start(new String[0]);
        } catch (ReflectiveOperationException | RuntimeException | LinkageError e) {
            if (isTaken(e)) {
                throw taken(port, e);
            }
            throw new IOException("health and metrics cannot be served: " + innermost(e), e);
        }
    }

    /** Before Quarkus is loaded in vain. */
    private static void requireFree(int port) throws IOException {
        try (ServerSocket probe = new ServerSocket()) {
            probe.bind(new InetSocketAddress(port));
        } catch (BindException e) {
            throw taken(port, e);
        }
    }

    private static IOException taken(int port, Throwable why) {
        return new IOException(
                "health and metrics are not served: something else in the pod has TCP port " + port + ", free it there",
                why);
    }

    private static boolean isTaken(Throwable thrown) {
        for (Throwable t = thrown; t != null; t = t.getCause()) {
            if (t instanceof BindException || t instanceof io.quarkus.runtime.QuarkusBindException) {
                return true;
            }
        }
        return false;
    }

    private static Throwable innermost(Throwable thrown) {
        Throwable t = thrown;
        while (t.getCause() != null) {
            t = t.getCause();
        }
        return t;
    }
}
