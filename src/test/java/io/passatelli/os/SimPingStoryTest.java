package io.passatelli.os;

import io.passatelli.base.Ip;
import io.passatelli.os.sim.SimOs;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

@ParameterizedClass
@EnumSource(
        value = World.class,
        names = {"SIM_LARGEST", "SIM_SEED_1", "SIM_SEED_2"})
class SimPingStoryTest extends PingStory {
    @BeforeEach
    void noRoute() {
        ((SimOs) os).host(UNROUTED).unreachable(Errno.ENETUNREACH);
    }

    @Override
    int pingSocket(int family, int protocol) {
        return os.socket(family, Socket.SOCK_DGRAM, protocol);
    }

    @Override
    void arrives(Ip from, byte[] message) {
        ((SimOs) os).echoReply(from, message);
    }
}
