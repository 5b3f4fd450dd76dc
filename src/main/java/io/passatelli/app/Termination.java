package io.passatelli.app;

import io.passatelli.base.Clock;

import java.util.concurrent.CountDownLatch;

/**
 * SIGTERM, and SIGINT and SIGHUP, as a sidecar takes them. The JVM answers them with its shutdown hooks, and when all of those have returned it ends. Ours
 * tells {@link SidecarLife}, and returns only when that is over; all other threads go on meanwhile. The exit code is the sidecar's own, not 128 + the
 * signal's number.
 */
final class Termination {
    private final SidecarLife life;
    private final Clock clock;
    private final CountDownLatch ended = new CountDownLatch(1);
    private volatile int code = ExitCode.FAILURE;

    private Termination(SidecarLife life, Clock clock) {
        this.life = life;
        this.clock = clock;
    }

    /** From now on. */
    static Termination heard(SidecarLife life, Clock clock) {
        Termination made = new Termination(life, clock);
        Runtime.getRuntime().addShutdownHook(new Thread(made::atShutdown, "termination"));
        return made;
    }

    /** The sidecar has closed what it had. */
    void ended(int exitCode) {
        code = exitCode;
        ended.countDown();
    }

    private void atShutdown() {
        if (ended.getCount() == 0) {
            return; // it ended by itself, and is about to return its exit code
        }
        life.onTerminate(clock.nowNs());
        try {
            ended.await(); // there are deadlines for all that it waits for
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Runtime.getRuntime().halt(code);
    }
}
