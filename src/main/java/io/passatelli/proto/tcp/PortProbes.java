package io.passatelli.proto.tcp;

import io.passatelli.base.HotPath;
import io.passatelli.base.Ip;
import io.passatelli.config.DesiredForwards;
import io.passatelli.flow.SipHash;
import io.passatelli.forward.PortAnswers;
import io.passatelli.guest.FrameComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.link.Link;
import io.passatelli.wire.Checksum;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Tcp;
import io.passatelli.wire.TcpOptions;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;

/**
 * Asks the guest whether its ports are open: the first segment of a handshake that goes no further, RFC 9293 §3.10.7.2. A server does not hear of
 * it, since the handshake ends by our RST before there is anything to accept. It comes from our address, as a connection of the gateway's would.
 *
 * <p>Nothing is kept of a question. Its number is a keyed hash, so an answer that acknowledges it is one.
 */
public final class PortProbes {
    /** A port of the pod that is never forwarded, and none that a connection is given: so no peer that the guest sees at our address has it. */
    private static final int OUR_PORT = DesiredForwards.CONTROL_PORT;

    /** What an Ethernet has, bytes: some firewalls drop a SYN that says less, or nothing. No data follow. */
    private static final int MSS = 1_460;

    private static final int LENGTH = Tcp.LENGTH + TcpOptions.LENGTH;

    private final Link link;
    private final GuestState guest;
    private final FrameComposer composer;
    private final TcpControl control;
    private final LongSupplier seeds;
    private final MemorySegment out = Arena.ofAuto().allocate(FrameComposer.ETHERNET_IP6 + LENGTH, Long.BYTES);
    private final Offload plain = new Offload();
    private @Nullable SipHash hash;
    private @Nullable PortAnswers answers;

    PortProbes(TcpTranslator.Parts parts, TcpControl control) {
        link = parts.link();
        guest = parts.guest();
        composer = parts.composer();
        seeds = parts.seeds();
        this.control = control;
    }

    /** Who hears what the guest says; without anybody nothing is asked. */
    public void answersTo(PortAnswers whose) {
        answers = whose;
        hash = new SipHash(seeds.getAsLong(), seeds.getAsLong());
    }

    /** Asks at the address that peers of a family would reach. Only if the guest was heard by that. False: the link has no room. */
    public boolean ask(boolean v4, int port) {
        if (v4) {
            return syn(0, Ip.low(guest.our4()), 0, Ip.low(guest.seen4()), port);
        }
        return syn(guest.our6().high(), guest.our6().low(), guest.seen6High(), guest.seen6Low(), port);
    }

    private boolean syn(long srcHigh, long srcLow, long dstHigh, long dstLow, int port) {
        int tcp = FrameComposer.ipHeaders(dstHigh, dstLow);
        int options = TcpOptions.write(out, tcp + Tcp.LENGTH, MSS, true, 0);
        int length = Tcp.LENGTH + options;
        composer.ip(out, 0, Ip4.TCP, length, srcHigh, srcLow, dstHigh, dstLow);
        Tcp.start(out, tcp, OUR_PORT, port, length);
        Tcp.seq(out, tcp, number(Ip.isV4(dstHigh, dstLow), port));
        Tcp.ack(out, tcp, 0);
        Tcp.flags(out, tcp, Tcp.SYN);
        Tcp.window(out, tcp, Tcp.WINDOW_MAX);
        int sum = Checksum.pseudo(srcHigh, srcLow, dstHigh, dstLow, Ip4.TCP, length);
        Tcp.checksum(out, tcp, Checksum.of(Checksum.add(sum, 0, out, tcp, length)));
        return link.control(0, out, 0, tcp + length, plain);
    }

    @HotPath
    private int number(boolean v4, int port) {
        SipHash keyed = hash;
        if (keyed == null) {
            return 0;
        }
        long h = keyed.begin().word((long) port << 1 | (v4 ? 1 : 0)).end(1);
        return (int) (h ^ h >>> 32);
    }

    /** Takes a segment that belongs to no connection, if it answers a question. */
    @HotPath
    boolean isAnswer(Frame f, int flags, int queue, long nowNs) {
        PortAnswers whose = answers;
        boolean mayBe = (flags & Tcp.ACK) != 0
                && (flags & (Tcp.SYN | Tcp.RST)) != 0
                && Tcp.dstPort(f.bytes(), f.l4()) == OUR_PORT;
        if (whose == null || !mayBe) {
            return false;
        }
        boolean v4 = f.etherType() == Ethernet.IP4;
        int port = Tcp.srcPort(f.bytes(), f.l4());
        if (Tcp.ack(f.bytes(), f.l4()) != number(v4, port) + 1) {
            return false;
        }
        boolean open = (flags & Tcp.RST) == 0;
        if (open) {
            boolean ignored = control.resetUnknown(f, queue); // it says it again if that is lost, and then so do we
        }
        whose.onAnswer(v4, port, open, nowNs);
        return true;
    }
}
