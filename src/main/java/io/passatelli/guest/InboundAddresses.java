package io.passatelli.guest;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.flow.AddressMap;
import org.jspecify.annotations.Nullable;

/**
 * Who a peer that speaks first is for the guest, and which of the guest's addresses it speaks to. The guest sees a peer by its own address;
 * one that it could not answer to (the host's loopback without a name for it, its own) as ours. Which of the guest's it is, a rule may say; else
 * it is the one that the guest uses. Reused for each look-up. Loop thread only.
 */
@HotPath
public final class InboundAddresses {
    private final GuestState guest;
    private final AddressMap addresses;
    private long guestHigh;
    private long guestLow;
    private long farHigh;
    private long farLow;

    /** {@code addresses} is the plane's, which keeps it up to date. */
    public InboundAddresses(GuestState guest, AddressMap addresses) {
        this.guest = guest;
        this.addresses = addresses;
    }

    public long guestHigh() {
        return guestHigh;
    }

    public long guestLow() {
        return guestLow;
    }

    public long farHigh() {
        return farHigh;
    }

    public long farLow() {
        return farLow;
    }

    /** Looks at the peer; false if the guest has no address of its kind, as far as we know. {@code target}: the guest's address by rule. */
    public boolean see(long peerHigh, long peerLow, @Nullable Ip target) {
        seePeer(peerHigh, peerLow, target);
        return seeGuest(target);
    }

    private void seePeer(long peerHigh, long peerLow, @Nullable Ip target) {
        addresses.toGuest(peerHigh, peerLow);
        farHigh = addresses.high();
        farLow = addresses.low();
        boolean mayAnswer = !Ip.isLoopback(farHigh, farLow)
                && !Ip.isUnspecified(farHigh, farLow)
                && !guest.isGuests(farHigh, farLow)
                && (target == null || target.high() != farHigh || target.low() != farLow);
        if (mayAnswer) {
            return;
        }
        if (Ip.isV4(peerHigh, peerLow)) {
            farHigh = 0;
            farLow = Ip.low(guest.our4());
        } else {
            farHigh = guest.our6().high();
            farLow = guest.our6().low();
        }
    }

    /** Whom the guest sees at a link-local address it answers from its own link-local one, RFC 6724 §5, so that one is spoken to, as soon as it is known. */
    private boolean seeGuest(@Nullable Ip target) {
        if (target != null) {
            guestHigh = target.high();
            guestLow = target.low();
            return target.isV4() || guest.has6();
        }
        if (Ip.isV4(farHigh, farLow)) {
            guestHigh = 0;
            guestLow = Ip.low(guest.seen4());
            return true;
        }
        boolean linkLocal =
                Ip.isLinkLocal(farHigh, farLow) && !Ip.isUnspecified(guest.linkLocal6High(), guest.linkLocal6Low());
        guestHigh = linkLocal ? guest.linkLocal6High() : guest.seen6High();
        guestLow = linkLocal ? guest.linkLocal6Low() : guest.seen6Low();
        return guest.has6() && !Ip.isUnspecified(guestHigh, guestLow);
    }
}
