package io.passatelli.guest;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.GuestNetwork;
import org.jspecify.annotations.Nullable;

/**
 * The host's neighbours as the guest is to see them: frames from a host of the local network bear its real MAC, so the guest's ARP cache looks as
 * on that network. Others bear the gateway's, and what is mapped to the host itself, or unknown, bears ours. Bounded by {@link Limits#NEIGHBOURS}.
 * Loop thread only.
 */
public final class Neighbours {
    private static final int SLOT_BITS = 10;
    private static final int SLOTS = 1 << SLOT_BITS;
    private static final int NONE = -1;

    static {
        assert Limits.NEIGHBOURS * 2 <= SLOTS;
    }

    private final int[] addresses = new int[SLOTS];
    /** Of the address in the same slot; 0: the slot is free. */
    private final long[] macs = new long[SLOTS];

    private final long ourMac;
    private final int gateway;
    private final int mapped;
    private int count;

    /** {@code mapped}: the address that stands for the host itself, if any; it has no other MAC than ours. */
    public Neighbours(GuestNetwork network, @Nullable Ip mapped) {
        ourMac = network.ourMac().bits();
        gateway = bits(network.gateway());
        this.mapped = bits(mapped);
    }

    private static int bits(@Nullable Ip ip) {
        return ip == null || !ip.isV4() ? 0 : ip.v4();
    }

    /** The MAC that the guest is to see for an IPv4 address, 32 bits. */
    @HotPath
    public long macOf(int address) {
        if (count == 0 || address == mapped) {
            return ourMac;
        }
        int slot = find(address);
        if (slot == NONE && gateway != mapped) {
            slot = find(gateway);
        }
        return slot == NONE ? ourMac : macs[slot];
    }

    /** The host has, or had, {@code address} at {@code mac}. Whether that is news for the guest. */
    public boolean put(int address, long mac) {
        int slot = find(address);
        if (slot != NONE) {
            boolean moved = macs[slot] != mac;
            macs[slot] = mac;
            return moved && address != mapped;
        }
        if (count == Limits.NEIGHBOURS || mac == 0) {
            return false;
        }
        slot = home(address);
        while (macs[slot] != 0) {
            slot = slot + 1 & SLOTS - 1;
        }
        addresses[slot] = address;
        macs[slot] = mac;
        count++;
        return address != mapped && mac != ourMac;
    }

    /** The host knows {@code address} no more. */
    public void remove(int address) {
        int gap = find(address);
        if (gap == NONE) {
            return;
        }
        for (int slot = gap + 1 & SLOTS - 1; macs[slot] != 0; slot = slot + 1 & SLOTS - 1) {
            boolean passesGap = (slot - home(addresses[slot]) & SLOTS - 1) >= (slot - gap & SLOTS - 1);
            if (passesGap) {
                addresses[gap] = addresses[slot];
                macs[gap] = macs[slot];
                gap = slot;
            }
        }
        macs[gap] = 0;
        count--;
    }

    public int count() {
        return count;
    }

    @HotPath
    private int find(int address) {
        for (int slot = home(address); macs[slot] != 0; slot = slot + 1 & SLOTS - 1) {
            if (addresses[slot] == address) {
                return slot;
            }
        }
        return NONE;
    }

    @HotPath
    private static int home(int address) {
        return address * 0x9e3779b1 >>> 32 - SLOT_BITS;
    }
}
