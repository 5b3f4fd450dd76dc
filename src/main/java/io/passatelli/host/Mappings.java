package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.config.GuestOptions;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

import static io.passatelli.host.OptionText.NONE;
import static io.passatelli.host.OptionText.wrong;

/** Which addresses stand, for the guest, for those of its host that it could not reach otherwise: the loopback, and its own. Pure. */
final class Mappings {
    private static final String LOOPBACK = "--map-host-loopback";
    private static final String GUEST = "--map-guest-addr";

    private final Map<Family, Ip> loopback;
    private final Map<Family, Ip> guest;
    private final boolean mapsGateway;

    /** Finds what is wrong in the options. */
    Mappings(GuestOptions options) {
        mapsGateway = !options.mapHostLoopback().contains(NONE);
        loopback = mapped(LOOPBACK, options.mapHostLoopback());
        guest = mapped(GUEST, options.mapGuest());
        for (Map.Entry<Family, Ip> each : guest.entrySet()) {
            if (each.getValue().equals(loopback.get(each.getKey()))) {
                throw wrong(GUEST, each.getValue() + " stands for the host's loopback, by " + LOOPBACK);
            }
        }
    }

    /** What stands behind the last {@code none}. */
    private static Map<Family, Ip> mapped(String option, List<String> said) {
        List<String> left = new ArrayList<>(said.subList(said.lastIndexOf(NONE) + 1, said.size()));
        return OptionText.eachOnce(option, left, text -> OptionText.unicast(option, text), ip -> ip);
    }

    /** The name of the host's loopback: what the user said, else the gateway. {@code own} is the guest's address. */
    @Nullable
    Ip loopback(Family family, @Nullable Ip gateway, @Nullable Ip own) {
        Ip said = loopback.get(family);
        return said == null ? mapsGateway ? gateway : null : notOwn(LOOPBACK, said, own);
    }

    /** The name of the host at the guest's address {@code own}, without which it has no use. {@code remarks} grows by what the user should know. */
    @Nullable
    Ip guest(Family family, @Nullable Ip mappedLoopback, @Nullable Ip own, List<String> remarks) {
        Ip said = guest.get(family);
        if (said == null) {
            return null;
        }
        if (own == null) {
            remarks.add(GUEST + ": the guest has no " + family + " address that " + said + " could stand for");
            return null;
        }
        if (said.equals(mappedLoopback)) {
            remarks.add(GUEST + ": " + said + " is the gateway and stands for the host's loopback; with --no-map-gw it"
                    + " would not");
        }
        return notOwn(GUEST, said, own);
    }

    private static Ip notOwn(String option, Ip said, @Nullable Ip own) {
        if (said.equals(own)) {
            throw wrong(option, said + " is the guest's own address");
        }
        return said;
    }
}
