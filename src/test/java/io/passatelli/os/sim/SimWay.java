package io.passatelli.os.sim;

/** The way that datagrams of one sender take. They keep their order and arrive, unless {@link SimSettings#unreliable} leaves that to the chooser. */
final class SimWay {
    private final SimKernel kernel;
    private long lastArrivalNs;

    SimWay(SimKernel kernel) {
        this.kernel = kernel;
    }

    /** Within this host nothing gets lost; in lockstep it takes no time either, which is what Linux does over loopback. */
    void within(Runnable arrival) {
        if (kernel.settings.lockstep()) {
            arrival.run();
        } else {
            inOrder(arrival);
        }
    }

    void between(Runnable arrival) {
        if (!kernel.settings.unreliable()) {
            inOrder(arrival);
            return;
        }
        if (kernel.chooser().count(Choice.LOSS, 0, 1) == 1) {
            return;
        }
        kernel.onTheWay(arrival);
        if (kernel.chooser().count(Choice.DUPLICATE, 0, 1) == 1) {
            kernel.onTheWay(arrival);
        }
    }

    private void inOrder(Runnable arrival) {
        long nowNs = kernel.clock.nowNs();
        long latencyNs = kernel.chooser().count(Choice.LATENCY_NS, 0, kernel.settings.latencyMostNs());
        long atNs = Math.max(lastArrivalNs, nowNs + latencyNs);
        lastArrivalNs = atNs;
        if (atNs == nowNs) {
            arrival.run();
        } else {
            kernel.clock.in(atNs - nowNs, arrival);
        }
    }
}
