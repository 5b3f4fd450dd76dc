package io.passatelli.guest;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.Cidr;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig;

import java.util.Arrays;

/**
 * The host's neighbours as the guest is to see them: frames from a host of the local network bear its real MAC, so the guest's ARP cache looks as
 * on that network. Others bear the gateway's, and what is mapped to the host itself, or unknown, bears ours. Bounded by {@link Limits#NEIGHBOURS}.
 * Loop thread only.
 *
 * <p>In IPv6 the guest has as neighbours only link-local addresses and those of its own prefix. Its router, though that may be the address of
 * the host's, has our MAC: we speak from that address ourselves, and the router's MAC must not change when the host forgets its own router's.
 */
public final class Neighbours {
    private static final int SLOT_BITS = 10;
    private static final int SLOTS = 1 << SLOT_BITS;
    private static final int NONE = -1;

    static {
        assert Limits.NEIGHBOURS * 2 <= SLOTS;
    }

    private final long[] highs = new long[SLOTS];
    private final long[] lows = new long[SLOTS];
    /** Of the address in the same slot; 0: the slot is free. */
    private final long[] macs = new long[SLOTS];

    private long ourMac;
    private Ip gateway4 = Ip.UNSPECIFIED4;
    private Ip mapped4 = Ip.UNSPECIFIED4;
    private Ip mapped6 = Ip.UNSPECIFIED6;
    private Ip guestAtHost4 = Ip.UNSPECIFIED4;
    private Ip guestAtHost6 = Ip.UNSPECIFIED6;
    private Ip router6 = Ip.UNSPECIFIED6;
    /** High half of the guest's addresses. */
    private long prefix6;

    private int count;

    public Neighbours(PlaneConfig config) {
        adopt(config);
    }

    /** Our own MAC, the gateway and what is mapped to the host itself are those of {@code config} from now on; an address that is mapped has no other MAC than ours. */
    public void adopt(PlaneConfig config) {
        Ip gateway = config.guest().gateway();
        Ip host4 = config.host4().mapHostLoopback();
        Ip host6 = config.host6().mapHostLoopback();
        ourMac = config.guest().ourMac().bits();
        gateway4 = gateway == null ? Ip.UNSPECIFIED4 : gateway;
        mapped4 = host4 == null ? Ip.UNSPECIFIED4 : host4;
        mapped6 = host6 == null ? Ip.UNSPECIFIED6 : host6;
        Ip guest4 = config.host4().mapGuest();
        Ip guest6 = config.host6().mapGuest();
        guestAtHost4 = guest4 == null ? Ip.UNSPECIFIED4 : guest4;
        guestAtHost6 = guest6 == null ? Ip.UNSPECIFIED6 : guest6;
        Ip6Network ip6 = config.guest().ip6();
        Cidr address6 = ip6 == null ? null : ip6.address();
        router6 = ip6 == null ? Ip.UNSPECIFIED6 : ip6.router();
        prefix6 = address6 == null ? 0 : address6.address().high();
    }

    /** The MAC that the guest is to see for an address. */
    @HotPath
    public long macOf(long high, long low) {
        if (count == 0 || isOurs(high, low)) {
            return ourMac;
        }
        int slot = find(high, low);
        if (slot == NONE && Ip.isV4(high, low) && !gateway4.equals(mapped4)) {
            slot = find(gateway4.high(), gateway4.low());
        }
        return slot == NONE ? ourMac : macs[slot];
    }

    @HotPath
    private boolean isOurs(long high, long low) {
        if (Ip.isV4(high, low)) {
            return low == mapped4.low() || low == guestAtHost4.low();
        }
        boolean onLink = high == prefix6 || Ip.isLinkLocal(high, low);
        return !onLink
                || high == mapped6.high() && low == mapped6.low()
                || high == guestAtHost6.high() && low == guestAtHost6.low()
                || high == router6.high() && low == router6.low();
    }

    /** The host has, or had, an address at {@code mac}. Whether that is news for the guest. */
    public boolean put(long high, long low, long mac) {
        int slot = find(high, low);
        if (slot != NONE) {
            boolean moved = macs[slot] != mac;
            macs[slot] = mac;
            return moved && !isOurs(high, low);
        }
        if (count == Limits.NEIGHBOURS || mac == 0) {
            return false;
        }
        slot = home(high, low);
        while (macs[slot] != 0) {
            slot = slot + 1 & SLOTS - 1;
        }
        highs[slot] = high;
        lows[slot] = low;
        macs[slot] = mac;
        count++;
        return !isOurs(high, low) && mac != ourMac;
    }

    /** The host knows an address no more. */
    public void remove(long high, long low) {
        int gap = find(high, low);
        if (gap == NONE) {
            return;
        }
        for (int slot = gap + 1 & SLOTS - 1; macs[slot] != 0; slot = slot + 1 & SLOTS - 1) {
            boolean passesGap = (slot - home(highs[slot], lows[slot]) & SLOTS - 1) >= (slot - gap & SLOTS - 1);
            if (passesGap) {
                highs[gap] = highs[slot];
                lows[gap] = lows[slot];
                macs[gap] = macs[slot];
                gap = slot;
            }
        }
        macs[gap] = 0;
        count--;
    }

    /** The host's neighbours are others from now on. */
    public void clear() {
        Arrays.fill(macs, 0);
        count = 0;
    }

    public int count() {
        return count;
    }

    @HotPath
    private int find(long high, long low) {
        for (int slot = home(high, low); macs[slot] != 0; slot = slot + 1 & SLOTS - 1) {
            if (lows[slot] == low && highs[slot] == high) {
                return slot;
            }
        }
        return NONE;
    }

    @HotPath
    private static int home(long high, long low) {
        return (int) ((high * 31 + low) * 0x9e37_79b9_7f4a_7c15L >>> Long.SIZE - SLOT_BITS);
    }
}
