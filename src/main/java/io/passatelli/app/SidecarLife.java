package io.passatelli.app;

import io.passatelli.hook.Vmi;
import org.jspecify.annotations.Nullable;

import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

/**
 * When a sidecar ends. SIGTERM is not the end: the kubelet sends it to all containers of the pod when the guest only begins to shut down, and the
 * guest wants its network until it has. What ends a sidecar is virt-launcher's word that QEMU is gone, QEMU's absence, and deadlines for what may never
 * come. Any thread; times are a clock's that only goes forward, in ns.
 */
final class SidecarLife {
    /** What KubeVirt adds to that for the pod, s: after all of it the kubelet kills us, so we end a little earlier. */
    private static final int POD_GRACE_S = 30;

    private static final int EARLIER_S = 5;

    /** After SIGTERM, for virt-launcher to say that QEMU is gone, s: it says so one second behind QEMU's end. */
    private static final int LAST_WORD_S = 5;

    /** No call at all: whoever should call is not there. */
    private static final int NEVER_CALLED_S = 600;

    /** Defined, and QEMU did not come: on a migration's target it may take long. */
    private static final int NEVER_CAME_S = 900;

    /** QEMU was there and is gone, and nobody says so: virt-launcher went with it. */
    private static final int GONE_S = 120;

    /** The same on a migration's target: the migration failed, and KubeVirt begins no other one before this pod has ended. */
    private static final int TARGET_GONE_S = 10;

    private final long startNs;
    private boolean called;
    private long calledNs;
    private boolean up;
    private boolean came;
    /** QEMU was connected to the process before this one, and cannot connect again. */
    private boolean lost;

    private long goneNs;
    private boolean target;
    private boolean terminated;
    private long terminatedNs;
    private boolean shutDown;
    private int graceS = Vmi.GRACE_SECONDS;
    private final Semaphore news = new Semaphore(0);

    SidecarLife(long startNs) {
        this.startNs = startNs;
    }

    /** virt-launcher called. */
    synchronized void onCall(long nowNs) {
        called = true;
        calledNs = nowNs;
    }

    /** Takes the place of a process that was killed; with {@code qemuCame} QEMU lived then, and may not be able to connect again. */
    synchronized void onResume(boolean qemuCame, long nowNs) {
        onCall(nowNs);
        came = qemuCame;
        lost = qemuCame;
        goneNs = nowNs;
    }

    /** QEMU can, and so would have by and by if it lived. */
    synchronized void qemuReconnects() {
        lost = false;
    }

    /** The VM has so long to shut down. */
    synchronized void grace(int seconds) {
        graceS = seconds;
    }

    /** Whether the VM comes, or came, by migration. */
    synchronized void target(boolean comesByMigration) {
        target = comesByMigration;
    }

    synchronized void onGuestUp() {
        up = true;
        came = true;
        lost = false;
        changed();
    }

    synchronized void onGuestDown(long nowNs) {
        up = false;
        goneNs = nowNs;
        changed();
    }

    /** virt-launcher says that QEMU is gone. */
    synchronized void onShutdown() {
        shutDown = true;
        changed();
    }

    synchronized void onTerminate(long nowNs) {
        if (!terminated) {
            terminated = true;
            terminatedNs = nowNs;
            changed();
        }
    }

    /** Whether QEMU is connected: as long as it is, a guest lives by what it was told. */
    synchronized boolean isUp() {
        return up;
    }

    /** Whether QEMU has been connected, to this process or the one before. */
    synchronized boolean hasCome() {
        return came;
    }

    /** Whether the pod is to end. */
    synchronized boolean isTerminated() {
        return terminated;
    }

    /** Why it is over; null: it is not. */
    synchronized @Nullable String end(long nowNs) {
        if (shutDown) {
            return "virt-launcher says that QEMU has ended";
        }
        if (terminated) {
            return endOfTerminated(nowNs);
        }
        if (up || lost) {
            return null; // a VM without network can still be migrated, but only from a pod in which all containers run
        }
        if (came && !isExpectedAgain()) {
            int patienceS = target ? TARGET_GONE_S : GONE_S;
            return isOver(goneNs, patienceS, nowNs) ? "QEMU has been gone for " + patienceS + " s" : null;
        }
        if (called) {
            return isOver(calledNs, NEVER_CAME_S, nowNs)
                    ? "QEMU did not come within " + NEVER_CAME_S + " s of the last hook call"
                    : null;
        }
        return isOver(startNs, NEVER_CALLED_S, nowNs)
                ? "virt-launcher did not call within " + NEVER_CALLED_S + " s"
                : null;
    }

    /** QEMU's start failed, and virt-launcher tries another one. */
    private boolean isExpectedAgain() {
        return called && calledNs - goneNs > 0;
    }

    private @Nullable String endOfTerminated(long nowNs) {
        long graceInAllS = (long) graceS + POD_GRACE_S - EARLIER_S;
        if (isOver(terminatedNs, graceInAllS, nowNs)) {
            return "SIGTERM came " + graceInAllS + " s ago, and the pod's time is over";
        }
        long sinceNs = came && !lost && goneNs - terminatedNs > 0 ? goneNs : terminatedNs;
        return !up && isOver(sinceNs, LAST_WORD_S, nowNs) ? "SIGTERM came, and there is no QEMU" : null;
    }

    private static boolean isOver(long sinceNs, long seconds, long nowNs) {
        return nowNs - sinceNs >= TimeUnit.SECONDS.toNanos(seconds);
    }

    private void changed() {
        news.release();
    }

    /** Waits until something of importance has happened since the last call, or for so long. */
    void await(long mostMs) throws InterruptedException {
        if (news.tryAcquire(mostMs, TimeUnit.MILLISECONDS)) {
            news.drainPermits();
        }
    }
}
