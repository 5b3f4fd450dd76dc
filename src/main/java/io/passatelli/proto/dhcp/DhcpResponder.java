package io.passatelli.proto.dhcp;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.guest.FrameComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.link.Link;
import io.passatelli.link.RxBatch;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Udp;
import io.passatelli.wire.message.DhcpMessage;
import io.passatelli.wire.message.DhcpOption;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;

/**
 * Answers the guest's DHCP and BOOTP requests with the one address that it is to have, RFC 2131 and RFC 951; what is answered how stands at
 * {@link DhcpAnswers}. Keeps nothing between two messages. Allocates: a guest asks a few times per lease. Loop thread only.
 */
public final class DhcpResponder {
    /** The port that the router sends here. */
    public static final int PORT = 67;

    private static final int GUEST_PORT = 68;

    private final GuestState guest;
    private final FrameComposer composer;
    private final Link link;
    private @Nullable DhcpAnswers answers;
    private final MemorySegment in = Arena.ofAuto().allocate(Udp.LENGTH + Limits.DHCP_MESSAGE_BYTES, 8);
    private final MemorySegment out = Arena.ofAuto().allocate(Limits.CONTROL_FRAME_BYTES, 8);
    private final Offload offload = new Offload();

    public DhcpResponder(PlaneConfig config, GuestState guest, FrameComposer composer, Link link) {
        this.guest = guest;
        this.composer = composer;
        this.link = link;
        answers = answersFrom(config);
    }

    /** Answers as {@code config} says from now on; the guest learns it when it asks. {@link GuestState} has adopted it before. */
    public void adopt(PlaneConfig config) {
        answers = answersFrom(config);
    }

    private @Nullable DhcpAnswers answersFrom(PlaneConfig config) {
        Ip gateway = config.guest().gateway();
        return config.has(Service.DHCP) && gateway != null
                ? new DhcpAnswers(config.guest(), guest.our4(), gateway.v4())
                : null;
    }

    /** Codes of options that a guest does not get unless it says that it takes messages of more than 576 bytes; for a line in the log at start. */
    public List<Integer> optionsTooLong() {
        DhcpAnswers now = answers;
        if (now == null) {
            return List.of();
        }
        List<Integer> codes = new ArrayList<>();
        for (DhcpOption option : now.tooLong()) {
            codes.add(option.code());
        }
        return codes;
    }

    /** Frame {@code i} is a UDP datagram to {@link #PORT}, parsed well; {@link Drop#NONE} when it was answered. */
    public Drop onDatagram(RxBatch batch, int i, int queue, long nowNs) {
        DhcpAnswers now = answers;
        if (now == null) {
            return Drop.DHCP_OFF;
        }
        Frame frame = batch.frame(i);
        int length = frame.l4Length();
        if (length > in.byteSize()) {
            return Drop.DHCP_TOO_LONG;
        }
        batch.copy(i, (int) (frame.l4() - frame.l2()), length, in, 0);
        if (!isGood(frame)) {
            return Drop.UDP_BAD_CHECKSUM;
        }
        // no switch over types: the JVM links one at its first run, from code that no ahead-of-time cache holds
        DhcpMessage.Parsed parsed =
                DhcpMessage.parse(in.asSlice(Udp.LENGTH, length - Udp.LENGTH).asByteBuffer());
        if (parsed instanceof DhcpMessage.Malformed(Drop why)) {
            return why;
        }
        return answer(now, ((DhcpMessage.Ok) parsed).message(), queue);
    }

    /** A guest that offloads leaves the sum of the pseudo-header, or vouches for the checksum. */
    private boolean isGood(Frame frame) {
        if (frame.offload().vouchesForChecksum()) {
            return true;
        }
        int length = frame.l4Length();
        int sum = Checksum.pseudo4((int) frame.srcLow(), (int) frame.dstLow(), Ip4.UDP, length);
        return Udp.isGood(in, 0, Checksum.add(sum, 0, in, 0, length));
    }

    private Drop answer(DhcpAnswers answers, DhcpMessage request, int queue) {
        DhcpMessage reply = answers.to(request);
        if (reply == null) {
            return Drop.DHCP_TYPE_IGNORED;
        }
        byte[] bytes = reply.toBytes(answers.mostBytes(request));
        MemorySegment.copy(bytes, 0, out, ValueLayout.JAVA_BYTE, FrameComposer.ETHERNET_IP4_UDP, bytes.length);
        int to = request.wantsBroadcast() ? Ip.BROADCAST4.v4() : reply.yiaddr();
        composer.udp4(out, 0, bytes.length, guest.our4(), PORT, to, GUEST_PORT);
        int length = FrameComposer.ETHERNET_IP4_UDP + bytes.length;
        return link.control(queue, out, 0, length, offload) ? Drop.NONE : Drop.LINK_FULL;
    }
}
