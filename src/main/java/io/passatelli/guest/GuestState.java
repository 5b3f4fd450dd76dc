package io.passatelli.guest;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;

/** What we know of the guest: what it was told, and what its traffic shows. Loop thread only. */
@HotPath
public final class GuestState {
    /** Ours where the guest has no gateway: link-local, RFC 3927. */
    private static final int LINK_LOCAL_OUR4 = 0xa9fe_0202;

    private final GuestNetwork network;
    private final long ourMac;
    private final int assigned4;
    private final int our4;
    private final int broadcast4;
    private long guestMac = Mac.BROADCAST.bits();
    private int seen4;

    public GuestState(GuestNetwork network) {
        this.network = network;
        Cidr address = network.address();
        Ip gateway = network.gateway();
        ourMac = network.ourMac().bits();
        assigned4 = address.address().v4();
        our4 = gateway == null ? LINK_LOCAL_OUR4 : gateway.v4();
        broadcast4 = address.prefixLength() < 31 ? assigned4 | ~address.mask4() : -1; // RFC 3021: /31 has none
        seen4 = assigned4;
    }

    public GuestNetwork network() {
        return network;
    }

    /** Learns the MAC and the address from a frame after {@link Frame#parse}, as far as that found them good. Returns whether either changed. */
    public boolean learn(Frame frame) {
        if (frame.contiguous() < Ethernet.LENGTH) {
            return false;
        }
        long mac = Ethernet.src(frame.bytes(), frame.l2());
        if (Mac.isGroup(mac) || mac == 0 || mac == ourMac) {
            return false;
        }
        boolean moved = mac != guestMac;
        guestMac = mac;
        boolean renumbered = learnAddress(frame);
        return moved || renumbered;
    }

    private boolean learnAddress(Frame frame) {
        if (network.addressFixed() || !Ip.isV4(frame.srcHigh(), frame.srcLow())) {
            return false;
        }
        int address = (int) frame.srcLow();
        if (address == seen4 || !mayBeGuest(address)) {
            return false;
        }
        seen4 = address;
        return true;
    }

    /** Our own address stays ours: a guest that took it would be sent what it sends to us. */
    private boolean mayBeGuest(int address) {
        int first = address >>> 24;
        return first != 0
                && first != 127
                && first >>> 4 != 0xe
                && address != -1
                && address != broadcast4
                && address != our4;
    }

    public long ourMac() {
        return ourMac;
    }

    /** The last source MAC seen; broadcast before the first. */
    public long guestMac() {
        return guestMac;
    }

    /** The address that was assigned to the guest, IPv4, 32 bits. */
    public int assigned4() {
        return assigned4;
    }

    /** The address that the guest uses, IPv4, 32 bits; the assigned one until its traffic shows another. */
    public int seen4() {
        return seen4;
    }

    /** The address we speak from, IPv4, 32 bits: the guest's gateway; in its absence link-local 169.254.2.2. */
    public int our4() {
        return our4;
    }
}
