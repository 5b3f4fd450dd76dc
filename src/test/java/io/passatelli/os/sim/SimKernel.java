package io.passatelli.os.sim;

import java.util.function.Supplier;

/** What the files of one simulated machine share. */
final class SimKernel {
    final SimSettings settings;
    final SimClock clock;
    final SimNet net = new SimNet(this);
    private Chooser chooser;

    SimKernel(SimSettings settings, SimClock clock, Chooser chooser) {
        this.settings = settings;
        this.clock = clock;
        this.chooser = chooser;
    }

    Chooser chooser() {
        return chooser;
    }

    NotAdmitted notAdmitted(String why) {
        return new NotAdmitted(why + " [" + chooser.story() + "]");
    }

    /** Does {@code work} as the test says it, without short counts: the remote ends of scenarios. Delays stay the chooser's. */
    <T> T exactly(Supplier<T> work) {
        Chooser before = chooser;
        chooser = new Exact(before);
        try {
            return work.get();
        } finally {
            chooser = before;
        }
    }

    private record Exact(Chooser delays) implements Chooser {
        @Override
        public long count(Choice what, long least, long most) {
            return (what == Choice.LATENCY_NS ? delays : Chooser.largest()).count(what, least, most);
        }

        @Override
        public boolean maybe(Choice what, long result) {
            return true;
        }

        @Override
        public int events(long ref, boolean certain, int must, int may) {
            return may;
        }

        @Override
        public String story() {
            return delays.story();
        }
    }

    /** Lets {@code what} happen after a time on the way; never in lockstep, where the other kernel's answers tell. */
    void onTheWay(Runnable what) {
        if (settings.lockstep()) {
            return;
        }
        long delayNs = chooser.count(Choice.LATENCY_NS, 0, settings.latencyMostNs());
        if (delayNs == 0) {
            what.run();
        } else {
            clock.in(delayNs, what);
        }
    }
}
