package io.passatelli.app;

import io.passatelli.app.monitor.Monitor;
import io.passatelli.app.monitor.Monitored;
import io.passatelli.base.LibraryLog;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.plane.PlaneStats;

import java.io.IOException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.BooleanSupplier;

/**
 * Starts stage 2 of the sidecar, which monitors it, when nobody waits for stage 1: Quarkus takes seconds of processor time to start, and a call of KubeVirt
 * that comes in between would be answered late. So it starts once the guest's link has been up for {@link #SETTLED_NS}, or {@link #QUIET_NS} after the
 * last domain was defined, never while a call is answered, and not any more when the pod is to end. It is left out where there is too little memory for it. A thread of its own.
 */
final class StageTwo implements Runnable {
    /** Less than this is not enough for a plane with many flows and Quarkus beside it, bytes. */
    static final long LEAST_MEMORY_BYTES = Limits.SIDECAR_WHOLE_LEAST_BYTES;

    /** QEMU has connected, and no call has come: it has started, and does not fail at once. */
    static final long SETTLED_NS = TimeUnit.SECONDS.toNanos(5);

    /** No QEMU has connected for so long after the last call: there may be none, and nobody waits for us. */
    static final long QUIET_NS = TimeUnit.SECONDS.toNanos(30);

    private static final long LOOK_MS = 500;
    private static final long MIB = 1 << 20;

    private final Monitored monitored;
    private final BooleanSupplier ending;
    private final Log log;
    private boolean wasUp;
    private long upNs;

    private StageTwo(Monitored monitored, BooleanSupplier ending, Log log) {
        this.monitored = monitored;
        this.ending = ending;
        this.log = log;
    }

    /** Waits for the moment on a thread of its own; with a memory limit (bytes) that is too low, says so and does nothing. */
    static void start(Monitored monitored, long memoryLimitBytes, BooleanSupplier ending, Log log) {
        if (memoryLimitBytes < LEAST_MEMORY_BYTES) {
            log.warn("health and metrics are left out, and forwards stay as they are at boot: the memory limit of "
                    + memoryLimitBytes / MIB + " MiB is below " + LEAST_MEMORY_BYTES / MIB
                    + " MiB; raise it by supportContainerResources (type sidecar) of the KubeVirt CR");
            return;
        }
        Thread.ofPlatform().daemon().name("stage 2").start(new StageTwo(monitored, ending, log));
    }

    @Override
    public void run() {
        try {
            while (!isTime()) {
                TimeUnit.MILLISECONDS.sleep(LOOK_MS);
            }
            if (ending.getAsBoolean()) {
                return;
            }
            log.info("health and metrics are being started");
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return;
        }
        try {
            LibraryLog.into(log);
            LibraryLog.haveItComplain();
            Monitor.start(monitored);
            log.info("health and metrics are served on TCP port " + monitored.port());
        } catch (IOException e) {
            log.error(e.getMessage() + "; the network goes on");
        } catch (Throwable t) {
            log.error("bug: health and metrics are not served: " + t + "; the network goes on");
        }
    }

    private boolean isTime() throws InterruptedException {
        long sinceNs = monitored.hooks().sinceDefinedNs();
        boolean settled = isLinkUpFor(SETTLED_NS) && (sinceNs < 0 || sinceNs >= SETTLED_NS);
        return !monitored.hooks().isBusy() && (settled || sinceNs >= QUIET_NS);
    }

    private boolean isLinkUpFor(long ns) throws InterruptedException {
        boolean isUp = isLinkUp();
        long nowNs = monitored.clock().nowNs();
        if (isUp && !wasUp) {
            upNs = nowNs;
        }
        wasUp = isUp;
        return isUp && nowNs - upNs >= ns;
    }

    private boolean isLinkUp() throws InterruptedException {
        try {
            PlaneStats stats = monitored.plane().stats().get(LOOK_MS, TimeUnit.MILLISECONDS);
            return stats.guestUp();
        } catch (ExecutionException | TimeoutException e) {
            return false; // the plane has more urgent things to do
        }
    }
}
