package io.passatelli.os;

import io.passatelli.os.sim.Chooser;
import io.passatelli.os.sim.ReplayOs;
import io.passatelli.os.sim.SimClock;
import io.passatelli.os.sim.SimOs;

/** The kernels that one story has to hold on. */
public enum World {
    LINUX,
    /** Linux, and SimOs has to admit each of its answers. */
    LINUX_REPLAYED,
    SIM_LARGEST,
    SIM_SEED_1,
    SIM_SEED_2;

    Os os() {
        return switch (this) {
            case LINUX -> new LinuxOs();
            case LINUX_REPLAYED -> new ReplayOs(new LinuxOs());
            case SIM_LARGEST -> new SimOs(new SimClock(), Chooser.largest());
            case SIM_SEED_1 -> new SimOs(new SimClock(), Chooser.seeded(1));
            case SIM_SEED_2 -> new SimOs(new SimClock(), Chooser.seeded(2));
        };
    }
}
