package io.passatelli.plane;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.base.Mac;
import io.passatelli.base.PoolUse;
import io.passatelli.base.RateLimit;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.guest.GuestState;
import io.passatelli.guest.Reassembler;
import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.RxBatch;
import io.passatelli.proto.dhcp.DhcpResponder;
import io.passatelli.proto.dhcpv6.Dhcp6Responder;
import io.passatelli.proto.ndp.NdpResponder;
import io.passatelli.wire.Ethernet;
import io.passatelli.wire.Frame;
import io.passatelli.wire.Icmp6;
import io.passatelli.wire.Ip4;
import io.passatelli.wire.Ip6;
import io.passatelli.wire.Udp;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;

/**
 * Takes batches of frames off the link and gives each to the translator or responder of its protocol. Every frame is counted under exactly one
 * {@link Drop}, {@link Drop#NONE} for those that were handled. A throwable on behalf of one frame ends that frame's way and nothing else.
 */
final class FrameRouter implements Link.Listener {
    private final Link link;
    private final GuestState guest;
    private final Counters counters;
    private final Log log;
    private final Responders responders;
    private final PlaneEvents events;
    private final RxBatch batch = new RxBatch(Limits.RX_BATCH_FRAMES);
    private final Reassembler reassembler;
    private final RateLimit macLines = new RateLimit();
    private final RateLimit bugLines = new RateLimit();
    private long violations;
    private int last;
    private boolean up;
    private boolean on4;
    private boolean on6;

    FrameRouter(PlaneConfig config, Link link, GuestState guest, Responders responders, Reports reports) {
        this.link = link;
        this.guest = guest;
        this.responders = responders;
        counters = reports.counters();
        log = reports.log();
        events = reports.events();
        reassembler = new Reassembler(counters);
        adopt(config);
    }

    /** What is on may change. */
    void adopt(PlaneConfig config) {
        on4 = config.has(Service.IP4);
        on6 = config.has(Service.IP6);
    }

    /** Where the router says what it saw. */
    record Reports(Counters counters, Log log, PlaneEvents events) {}

    /** Use of the memory for the guest's fragments. */
    PoolUse fragments() {
        return reassembler.use();
    }

    boolean isUp() {
        return up;
    }

    /** Throwables caught here. */
    long violations() {
        return violations;
    }

    /** In hexadecimal; empty before the first frame. */
    String lastFrame() {
        return head(batch.frame(last));
    }

    /** One batch for each call: the link calls again as long as it may have more, so others get their turn between. */
    @HotPath
    @Override
    public void onReadable(int queue, long nowNs) {
        int count = link.receive(queue, batch);
        if (count <= 0) {
            return; // of a link that is gone onDown tells
        }
        try {
            for (int i = 0; i < count; i++) {
                counters.count(guarded(i, queue, nowNs));
            }
            endBatch(nowNs);
        } finally {
            link.release(queue, batch);
        }
    }

    /** What translators gathered of the frames leaves before their memory goes back. */
    @HotPath
    private void endBatch(long nowNs) {
        try {
            responders.udp().endBatch(nowNs);
        } catch (Throwable t) {
            counters.count(violated(batch.frame(last), t, nowNs));
        }
        try {
            responders.tcp().endBatch(nowNs);
        } catch (Throwable t) {
            counters.count(violated(batch.frame(last), t, nowNs));
        }
    }

    @HotPath
    private Drop guarded(int i, int queue, long nowNs) {
        last = i;
        try {
            return route(i, queue, nowNs);
        } catch (Throwable t) {
            return violated(batch.frame(i), t, nowNs);
        }
    }

    @HotPath
    private Drop route(int i, int queue, long nowNs) {
        Frame frame = batch.frame(i);
        Drop drop = frame.parse();
        if (isOff(frame.etherType())) {
            return frame.etherType() == Ethernet.IP6 ? Drop.IP6_OFF : Drop.IP4_OFF;
        }
        return switch (drop) {
            case NONE -> routeWhole(batch, i, queue, nowNs);
            case IP4_FRAGMENT, IP6_FRAGMENT -> routeFragment(i, queue, nowNs);
            default -> drop;
        };
    }

    /** A fragment that completes a datagram is counted as what comes of that. */
    @HotPath
    private Drop routeFragment(int i, int queue, long nowNs) {
        Drop drop = reassembler.take(batch, i, nowNs);
        if (drop != Drop.NONE) {
            return drop;
        }
        try {
            return routeWhole(reassembler.whole(), 0, queue, nowNs);
        } finally {
            endBatch(nowNs);
            reassembler.release();
        }
    }

    /** The guest's other family speaks for itself: of a frame of a family that is off, nothing is learnt. */
    @HotPath
    private boolean isOff(int etherType) {
        return switch (etherType) {
            case Ethernet.ARP, Ethernet.IP4 -> !on4;
            case Ethernet.IP6 -> !on6 || !guest.has6();
            default -> false;
        };
    }

    /** Frame {@code i} of {@code frames}, found good. */
    @HotPath
    private Drop routeWhole(RxBatch frames, int i, int queue, long nowNs) {
        Frame frame = frames.frame(i);
        learn(frame, nowNs);
        return switch (frame.etherType()) {
            case Ethernet.ARP -> responders.arp().onFrame(frame, queue, nowNs);
            case Ethernet.IP4 -> route4(frames, i, queue, nowNs);
            default -> route6(frames, i, queue, nowNs);
        };
    }

    @HotPath
    private Drop route4(RxBatch frames, int i, int queue, long nowNs) {
        Frame frame = frames.frame(i);
        return switch (frame.protocol()) {
            case Ip4.ICMP -> responders.icmp().onMessage(frames, i, queue, nowNs);
            case Ip4.UDP ->
                Udp.dstPort(frame.bytes(), frame.l4()) == DhcpResponder.PORT
                        ? responders.dhcp().onDatagram(frames, i, queue, nowNs)
                        : responders.udp().onDatagram(frames, i, queue, nowNs);
            case Ip4.TCP -> responders.tcp().onSegment(frames, i, queue, nowNs);
            default -> Drop.IP4_PROTOCOL_UNKNOWN;
        };
    }

    @HotPath
    private Drop route6(RxBatch frames, int i, int queue, long nowNs) {
        Frame frame = frames.frame(i);
        return switch (frame.protocol()) {
            case Ip6.ICMP ->
                NdpResponder.handles(Icmp6.type(frame.bytes(), frame.l4()))
                        ? responders.ndp().onMessage(frames, i, queue, nowNs)
                        : responders.icmp().onMessage(frames, i, queue, nowNs);
            case Ip4.UDP ->
                isDhcp6(frame)
                        ? responders.dhcp6().onDatagram(frames, i, queue, nowNs)
                        : responders.udp().onDatagram(frames, i, queue, nowNs);
            case Ip4.TCP -> responders.tcp().onSegment(frames, i, queue, nowNs);
            default -> Drop.IP6_PROTOCOL_UNKNOWN;
        };
    }

    @HotPath
    private boolean isDhcp6(Frame frame) {
        return Udp.dstPort(frame.bytes(), frame.l4()) == Dhcp6Responder.PORT
                && responders.dhcp6().isFor(frame.dstHigh(), frame.dstLow());
    }

    @HotPath
    private void learn(Frame frame, long nowNs) {
        long before = guest.guestMac();
        guest.learn(frame);
        if (guest.guestMac() != before) {
            sayMac(before, nowNs);
        }
    }

    private void sayMac(long before, long nowNs) {
        if (!log.at(Log.Level.INFO) || !macLines.allows(nowNs)) {
            return;
        }
        Mac now = new Mac(guest.guestMac());
        boolean first = before == Mac.BROADCAST.bits();
        log.info("the guest's MAC is " + now + (first ? "" : ", was " + new Mac(before)) + macLines.leftOut());
    }

    private Drop violated(Frame frame, Throwable t, long nowNs) {
        violations++;
        if (bugLines.allows(nowNs)) {
            log.error("bug: " + t + at(t) + " on a frame of " + frame.length() + " bytes: " + head(frame)
                    + bugLines.leftOut());
        }
        return Drop.INVARIANT_VIOLATED;
    }

    private static String at(Throwable t) {
        StackTraceElement[] trace = t.getStackTrace();
        return trace.length == 0 ? "" : " at " + trace[0];
    }

    private static String head(Frame frame) {
        int length = Math.min(frame.contiguous(), Limits.HEADER_BYTES);
        byte[] bytes = new byte[length];
        MemorySegment.copy(frame.bytes(), ValueLayout.JAVA_BYTE, frame.l2(), bytes, 0, length);
        return HexFormat.of().formatHex(bytes);
    }

    @Override
    public void onWritable(int queue, long nowNs) {
        responders.icmp().onLinkWritable();
        responders.udp().onLinkWritable();
        responders.tcp().onLinkWritable();
    }

    @Override
    public void onUp(Caps caps, long nowNs) {
        up = true;
        responders.icmp().onLinkUp(caps);
        responders.udp().onLinkUp(caps);
        responders.tcp().onLinkUp(caps);
        countLost(responders.arp().requestGuest(0));
        countLost(responders.ndp().onLinkUp(nowNs));
        events.onGuestUp();
    }

    private void countLost(Drop drop) {
        if (drop != Drop.NONE) {
            counters.count(drop); // NONE is for frames of the guest
        }
    }

    /** Echo and UDP keep nothing that depends on the rings. */
    @Override
    public void onReset(int queue, long nowNs) {
        responders.icmp().onLinkWritable();
        responders.udp().onLinkWritable();
        responders.tcp().onLinkReset();
    }

    @Override
    public void onDown(int errno, long nowNs) {
        up = false;
        reassembler.clear();
        responders.icmp().onLinkDown();
        responders.ndp().onLinkDown();
        responders.udp().onLinkDown();
        responders.tcp().onLinkDown();
        events.onGuestDown(errno);
    }
}
