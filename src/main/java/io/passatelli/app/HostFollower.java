package io.passatelli.app;

import io.passatelli.base.Clock;
import io.passatelli.base.Log;
import io.passatelli.base.RateLimit;
import io.passatelli.host.HostWatch;
import io.passatelli.host.NetworkPlan;
import io.passatelli.plane.PlaneHandle;

/** Gives the plane what the host has become, and says so. On the watch's thread. */
final class HostFollower implements HostWatch.Listener {
    private final PlaneHandle plane;
    private final Clock clock;
    private final Log log;
    private final RateLimit lines = new RateLimit();

    HostFollower(PlaneHandle plane, Clock clock, Log log) {
        this.plane = plane;
        this.clock = clock;
        this.log = log;
    }

    @Override
    public boolean onChange(NetworkPlan now, NetworkPlan before) {
        if (!plane.adopt(now.plane())) {
            return false;
        }
        if (lines.allows(clock.nowNs())) {
            String changes = now.changesSince(before);
            log.info((changes.isEmpty() ? "the host has another address" : "guest network changed: " + changes)
                    + lines.leftOut());
        }
        return true;
    }

    @Override
    public void onTrouble(String why) {
        if (lines.allows(clock.nowNs())) {
            log.warn(why + lines.leftOut());
        }
    }
}
