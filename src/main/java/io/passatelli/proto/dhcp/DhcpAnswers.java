package io.passatelli.proto.dhcp;

import io.passatelli.config.GuestNetwork;
import io.passatelli.wire.message.DhcpMessage;
import io.passatelli.wire.message.DhcpOption;
import org.jspecify.annotations.Nullable;

import java.util.List;

/**
 * What we answer to a guest that asks for its address. There is one address and one guest, so nothing is remembered and nothing is refused:
 * a REQUEST for another address, or at another server, is acknowledged with the address that the guest is to have; a NAK would only send it
 * back to DISCOVER. RFC 2131 §4.3, RFC 4039, RFC 951. Pure.
 */
final class DhcpAnswers {
    /** Bytes of the IPv4 and UDP headers around a message. */
    private static final int IP4_UDP = 28;
    /** Every guest takes a datagram of this many bytes, RFC 2131 §2. */
    private static final int DATAGRAM_MIN = 576;
    /** We never make a datagram longer than an ordinary Ethernet frame carries. */
    private static final int DATAGRAM_MAX = 1_500;

    /** Option 53 is absent: plain BOOTP. No type is so large. */
    private static final int BOOTP = 0x100;
    /** Option 53 is not one byte. */
    private static final int UNREADABLE = 0x101;

    private final int address;
    private final int mtu;
    private final LeaseOptions options;

    /** {@code our4} and {@code gateway}: IPv4, 32 bits. */
    DhcpAnswers(GuestNetwork network, int our4, int gateway) {
        address = network.address().address().v4();
        mtu = network.mtu();
        options = new LeaseOptions(network, our4, gateway);
    }

    /** The reply; null: none is due. */
    @Nullable
    DhcpMessage to(DhcpMessage request) {
        boolean rapid = request.option(DhcpOption.RAPID_COMMIT) != null;
        return switch (type(request)) {
            case DhcpMessage.DISCOVER -> reply(request, rapid ? DhcpMessage.ACK : DhcpMessage.OFFER, rapid);
            case DhcpMessage.REQUEST, BOOTP -> reply(request, DhcpMessage.ACK, false);
            default -> null;
        };
    }

    private DhcpMessage reply(DhcpMessage request, int type, boolean rapidCommit) {
        return new DhcpMessage(
                DhcpMessage.BOOTREPLY,
                request.xid(),
                0,
                request.flags(),
                request.ciaddr(),
                address,
                0,
                request.giaddr(),
                request.hardware(),
                options.answer(request, type, rapidCommit));
    }

    private static int type(DhcpMessage request) {
        DhcpOption type = request.option(DhcpOption.MESSAGE_TYPE);
        if (type == null) {
            return BOOTP;
        }
        return type.length() == 1 ? type.octet(0) : UNREADABLE;
    }

    /**
     * Most bytes of the reply: what the guest says that it takes (option 57 counts the whole datagram), but no less than what everybody takes,
     * and no more than what goes through the guest's link unfragmented.
     */
    int mostBytes(DhcpMessage request) {
        DhcpOption said = request.option(DhcpOption.MAXIMUM_MESSAGE_SIZE);
        int datagram = said != null && said.length() == 2 ? said.octet(0) << 8 | said.octet(1) : DATAGRAM_MIN;
        int link = mtu == 0 ? DATAGRAM_MAX : Math.min(mtu, DATAGRAM_MAX);
        return Math.max(DATAGRAM_MIN, Math.min(datagram, link)) - IP4_UDP;
    }

    /** The options that a reply of the size that everybody takes has no room for, in the order of a guest that names none. */
    List<DhcpOption> tooLong() {
        List<DhcpOption> all = options.all();
        all.removeAll(DhcpMessage.fitting(all, DATAGRAM_MIN - IP4_UDP));
        return all;
    }
}
