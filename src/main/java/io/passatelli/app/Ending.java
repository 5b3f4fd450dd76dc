package io.passatelli.app;

import io.passatelli.plane.PlaneEvents;
import io.passatelli.plane.PlaneHandle;
import org.jspecify.annotations.Nullable;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Ends a role in good order: at a signal, or, as the listener of a plane, when its guest leaves. The JVM turns SIGTERM, SIGINT and SIGHUP into
 * shutdown hooks, and would then end with 128 + the signal's number; a role ends with 0. Any thread.
 */
final class Ending implements PlaneEvents {
    private static final long PATIENCE_SECONDS = 2;

    private final CountDownLatch ended = new CountDownLatch(1);
    private @Nullable PlaneHandle plane;
    private boolean signalled;

    private Ending() {}

    /** One that hears signals from now on, also while the role starts. */
    static Ending onSignal() {
        Ending ending = new Ending();
        Runtime.getRuntime().addShutdownHook(new Thread(ending::atShutdown));
        return ending;
    }

    /** The plane that is to be stopped; at once, if the signal came before it. */
    synchronized void of(PlaneHandle handle) {
        plane = handle;
        if (signalled) {
            handle.stop();
        }
    }

    /** The role has closed what it had. */
    void ended() {
        ended.countDown();
    }

    @Override
    public synchronized void onGuestDown(int errno) {
        if (plane != null) {
            plane.stop();
        }
    }

    private void atShutdown() {
        if (ended.getCount() == 0) {
            return; // the role has ended by itself, with its own exit code
        }
        stop();
        try {
            if (!ended.await(PATIENCE_SECONDS, TimeUnit.SECONDS)) {
                System.err.println("warning: not everything was closed in time");
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Runtime.getRuntime().halt(ExitCode.OK);
    }

    private synchronized void stop() {
        signalled = true;
        if (plane != null) {
            plane.stop();
        }
    }
}
