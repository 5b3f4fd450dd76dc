package io.passatelli.proto.tcp;

import io.passatelli.base.Limits;
import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

/** What takes gigabytes in a conversation, by numbers alone. */
class RecoveryTest {
    private static final int WINDOW = 1 << 20;
    private static final int GUEST_SEQ = 5_000;

    private final Workbench bench = new Workbench();
    private final TcpControl control = new TcpControl(bench.link, bench.parts.composer());
    private final ChunkPool chunks = new ChunkPool(bench.parts.memory(), Limits.TCP_FLIGHT_BYTES);
    private final HostData data = new HostData(bench.owner, bench.parts, control, chunks);
    private final Recovery recovery = new Recovery(bench.owner, control, data);

    private TcpFlow established() {
        TcpFlow flow = bench.established();
        flow.window = flow.windowMost = WINDOW;
        return flow;
    }

    /** {@code bytes} are in flight. */
    private static void sends(TcpFlow flow, int bytes) {
        flow.seq = flow.high = flow.una + bytes;
    }

    private void acknowledges(TcpFlow flow, int ack) {
        assertThat(recovery.onAck(flow, GUEST_SEQ, ack, WINDOW, 0, bench.clock.nowNs()))
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
            bench.owner.end(flow);
        }
    }
}
