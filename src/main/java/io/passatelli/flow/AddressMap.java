package io.passatelli.flow;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.config.Cidr;
import io.passatelli.config.HostSide;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig;
import org.jspecify.annotations.Nullable;

/**
 * Which host-side address stands for one that the guest uses, and back. Answers are left in {@link #high} and {@link #low}. Loop thread only.
 *
 * <p>For each family there are at most three addresses that stand for others, looked at in this order:
 * <ul>
 *   <li>The one behind which the host's resolver is: to its ports 53 and 853.
 *   <li>The guest's name of the host's loopback. To it: the host's 127.0.0.1 or ::1. From these two, and nothing else of 127/8: that name.
 *   <li>The guest's name of a host that has the guest's own address, the one that was assigned to it. To it: that address; from that address: it.
 * </ul>
 * Every other address stands for itself.
 *
 * <p>Where the host itself is closed to the guest, {@link #isClosed} says of each answer for the host side whether the guest may begin anything with it:
 * what is asked is the address that traffic really goes to, whatever the guest calls it.
 */
@HotPath
public final class AddressMap {
    private static final int DOMAIN = 53;
    private static final int DOMAIN_S = 853;

    /** Never an address of anybody: what a mapping that is not there has in its place. */
    private static final Ip NOBODY = Ip.UNSPECIFIED6;

    private Ip loopback4 = NOBODY;
    private Ip loopback6 = NOBODY;
    private Ip mapGuest4 = NOBODY;
    private Ip mapGuest6 = NOBODY;
    private Ip guest4 = NOBODY;
    private Ip guest6 = NOBODY;
    private Ip dnsForward4 = NOBODY;
    private Ip dnsForward6 = NOBODY;
    private Ip dnsHost4 = NOBODY;
    private Ip dnsHost6 = NOBODY;
    private final ClosedAddresses closed = new ClosedAddresses();
    private long high;
    private long low;

    public AddressMap(PlaneConfig config) {
        adopt(config);
    }

    /** Maps as {@code config} says from now on. */
    public void adopt(PlaneConfig config) {
        HostSide host4 = config.host4();
        HostSide host6 = config.host6();
        loopback4 = orNobody(host4.mapHostLoopback());
        loopback6 = orNobody(host6.mapHostLoopback());
        Ip6Network ip6 = config.guest().ip6();
        Cidr address6 = ip6 == null ? null : ip6.address();
        guest4 = config.guest().address().address();
        guest6 = address6 == null ? NOBODY : address6.address();
        mapGuest4 = orNobody(host4.mapGuest());
        mapGuest6 = address6 == null ? NOBODY : orNobody(host6.mapGuest());
        dnsForward4 = orNobody(host4.dnsForward());
        dnsForward6 = orNobody(host6.dnsForward());
        dnsHost4 = orNobody(host4.dnsHost());
        dnsHost6 = orNobody(host6.dnsHost());
        closed.adopt(config.closed());
    }

    private static Ip orNobody(@Nullable Ip ip) {
        return ip == null ? NOBODY : ip;
    }

    /** Where traffic of the guest to the given address goes on the host side, whatever its port. */
    public void toHost(long guestViewHigh, long guestViewLow) {
        if (is(loopback4, guestViewHigh, guestViewLow)) {
            answer(Ip.LOOPBACK4);
        } else if (is(loopback6, guestViewHigh, guestViewLow)) {
            answer(Ip.LOOPBACK6);
        } else if (is(mapGuest4, guestViewHigh, guestViewLow)) {
            answer(guest4);
        } else if (is(mapGuest6, guestViewHigh, guestViewLow)) {
            answer(guest6);
        } else {
            answer(guestViewHigh, guestViewLow);
        }
    }

    /** Where traffic of the guest to the given endpoint, of UDP or TCP, goes on the host side; the port stays. */
    public void toHost(long guestViewHigh, long guestViewLow, int port) {
        if (port == DOMAIN || port == DOMAIN_S) {
            if (is(dnsForward4, guestViewHigh, guestViewLow)) {
                answer(dnsHost4);
                return;
            }
            if (is(dnsForward6, guestViewHigh, guestViewLow)) {
                answer(dnsHost6);
                return;
            }
        }
        toHost(guestViewHigh, guestViewLow);
    }

    /** How the guest sees traffic from the given host-side address. Without a mapping a loopback address stays one: no guest can answer it. */
    public void toGuest(long hostViewHigh, long hostViewLow) {
        boolean v4 = Ip.isV4(hostViewHigh, hostViewLow);
        Ip loopback = v4 ? loopback4 : loopback6;
        Ip mapGuest = v4 ? mapGuest4 : mapGuest6;
        if (!loopback.isUnspecified() && is(v4 ? Ip.LOOPBACK4 : Ip.LOOPBACK6, hostViewHigh, hostViewLow)) {
            answer(loopback);
        } else if (!mapGuest.isUnspecified() && is(v4 ? guest4 : guest6, hostViewHigh, hostViewLow)) {
            answer(mapGuest);
        } else {
            answer(hostViewHigh, hostViewLow);
        }
    }

    /** Whether the last answer of {@code toHost} is the host itself, which is closed to the guest. */
    public boolean isClosed() {
        return closed.has(high, low);
    }

    public long high() {
        return high;
    }

    public long low() {
        return low;
    }

    private static boolean is(Ip mapped, long high, long low) {
        return mapped.low() == low && mapped.high() == high && !mapped.isUnspecified();
    }

    private void answer(Ip ip) {
        answer(ip.high(), ip.low());
    }

    private void answer(long answerHigh, long answerLow) {
        high = answerHigh;
        low = answerLow;
    }
}
