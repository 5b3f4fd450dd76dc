package io.passatelli.os;

import io.passatelli.os.sim.SimOs;
import io.passatelli.os.sim.SimTap;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Udp;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(
        value = World.class,
        names = {"SIM_LARGEST", "SIM_SEED_1"})
class SimTapStoryTest extends TapStory {
    private SimTap tap() {
        return ((SimOs) os).tap("tap0");
    }

    @Override
    int openTap() {
        return own(((SimOs) os).openTap("tap0"));
    }

    @Override
    int openOffloadTap() {
        return own(((SimOs) os).openOffloadTap("tap0"));
    }

    @Override
    void stackSends(int payload) {
        Offload offload = new Offload();
        offload.flags = Offload.NEEDS_CSUM;
        offload.csumStart = HEADERS - Udp.LENGTH;
        offload.csumOffset = Udp.CHECKSUM;
        tap().inject(offload, new byte[HEADERS + payload]);
    }

    @Override
    void setUp(boolean up) {
        tap().setUp(up);
    }
}
