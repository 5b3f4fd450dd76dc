package io.passatelli.proto.tcp;

import io.passatelli.base.Counters;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
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
import org.junit.jupiter.api.Test;

import java.lang.foreign.Arena;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** What takes gigabytes in a conversation, by numbers alone. */
class RecoveryTest {
    private static final int WINDOW = 1 << 20;
    private static final int GUEST_SEQ = 5_000;

    private static final PlaneConfig CONFIG = PlaneConfig.of(new GuestNetwork(
            new Cidr(Ip.parse("10.77.0.2"), 24),
            false,
            Ip.parse("10.77.0.1"),
            1500,
            List.of(),
            List.of(),
            "guest",
            "guest.example.test",
            GuestNetwork.DEFAULT_MAC,
            null));

    private final SimClock clock = new SimClock();
    private final RecordingLink link = new RecordingLink();
    private final TcpTranslator.Parts parts = parts();
    private final TcpTranslator owner = new TcpTranslator(CONFIG, new AddressMap(CONFIG), parts);
    private final TcpControl control = new TcpControl(link, parts.composer());
    private final ChunkPool chunks = new ChunkPool(parts.memory(), Limits.TCP_FLIGHT_BYTES);
    private final HostData data = new HostData(owner, parts, control, chunks);
    private final Recovery recovery = new Recovery(owner, control, data);

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

    private TcpFlow established() {
        Ip guest = Ip.parse("10.77.0.2");
        Ip far = Ip.parse("192.0.2.7");
        FlowKey key = new FlowKey();
        key.set(Ip4.TCP, guest.high(), guest.low(), 40_000, far.high(), far.low(), 80);
        TcpFlow flow = owner.flows().start(key, false, clock.nowNs());
        assertThat(flow).isNotNull();
        flow.become(TcpFlow.Phase.SYN_ACK_TO_GUEST);
        flow.become(TcpFlow.Phase.ESTABLISHED);
        flow.startAt(1);
        flow.window = flow.windowMost = WINDOW;
        return flow;
    }

    /** {@code bytes} are in flight. */
    private static void sends(TcpFlow flow, int bytes) {
        flow.seq = flow.high = flow.una + bytes;
    }

    private void acknowledges(TcpFlow flow, int ack) {
        assertThat(recovery.onAck(flow, GUEST_SEQ, ack, WINDOW, 0, clock.nowNs()))
                .isTrue();
    }

    /** Numbers are compared within 2 GiB, RFC 9293 §3.4: where the last recovery ended must not lie ahead again. */
    @Test
    void lossIsRepairedFastHoweverMuchWentBefore() {
        for (long before = 0; before < (5L << 30); before += 1L << 29) {
            TcpFlow flow = established();
            for (long gone = 0; gone < before; gone += WINDOW) {
                sends(flow, WINDOW);
                acknowledges(flow, flow.una + WINDOW);
            }
            sends(flow, 10 * flow.mss);
            for (int i = 0; i < Limits.TCP_DUPLICATES; i++) {
                assertThat(flow.recovering).as("after %s MiB", before >> 20).isFalse();
                acknowledges(flow, flow.una);
            }
            assertThat(flow.recovering).as("after %s MiB", before >> 20).isTrue();
            owner.end(flow);
        }
    }
}
