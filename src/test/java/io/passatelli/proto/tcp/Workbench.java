package io.passatelli.proto.tcp;

import io.passatelli.base.Counters;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.config.Cidr;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import io.passatelli.flow.AddressMap;
import io.passatelli.flow.Descriptors;
import io.passatelli.flow.FlowKey;
import io.passatelli.flow.FlowTable;
import io.passatelli.guest.FrameComposer;
import io.passatelli.guest.GuestState;
import io.passatelli.guest.Neighbours;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.sim.Chooser;
import io.passatelli.os.sim.SimClock;
import io.passatelli.os.sim.SimOs;
import io.passatelli.proto.arp.RecordingLink;
import io.passatelli.wire.Ip4;

import java.lang.foreign.Arena;
import java.util.Objects;

/** A translator by itself, and flows of it whose numbers a test chooses. */
final class Workbench {
    private static final PlaneConfig CONFIG =
            PlaneConfig.of(PlainNetwork.of(new Cidr(Ip.parse("10.77.0.2"), 24), Ip.parse("10.77.0.1"), 1500, null));

    final SimClock clock = new SimClock();
    final RecordingLink link = new RecordingLink();
    final TcpTranslator.Parts parts = parts();
    final TcpTranslator owner = new TcpTranslator(CONFIG, new AddressMap(CONFIG), parts);

    private TcpTranslator.Parts parts() {
        GuestState guest = new GuestState(CONFIG.guest());
        EventLoop loop = new EventLoop(new SimOs(clock, Chooser.seeded(1)), clock, Log.silent());
        return new TcpTranslator.Parts(
                loop,
                new FlowTable(Limits.FLOWS, 1, 2),
                link,
                guest,
                new FrameComposer(guest, new Neighbours(CONFIG)),
                new Counters(),
                () -> 7,
                new Descriptors(1024),
                Arena.ofAuto());
    }

    /** A connection of the guest, whose first number to it is 1. */
    TcpFlow established() {
        Ip guest = Ip.parse("10.77.0.2");
        Ip far = Ip.parse("192.0.2.7");
        FlowKey key = new FlowKey();
        key.set(Ip4.TCP, guest.high(), guest.low(), 40_000, far.high(), far.low(), 80);
        TcpFlow flow = Objects.requireNonNull(owner.flows().start(key, false, clock.nowNs()));
        flow.become(TcpFlow.Phase.SYN_ACK_TO_GUEST);
        flow.become(TcpFlow.Phase.ESTABLISHED);
        flow.startAt(1);
        return flow;
    }
}
