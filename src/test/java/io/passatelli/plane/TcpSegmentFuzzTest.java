package io.passatelli.plane;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.passatelli.link.GuestFrame;
import io.passatelli.os.sim.FarListener;
import io.passatelli.os.sim.StreamPeer;
import io.passatelli.wire.TcpSegment;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

import java.nio.ByteBuffer;
import java.util.stream.Stream;

import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.TcpScenario.FAR4;
import static io.passatelli.plane.TcpScenario.FAR_PORT;
import static io.passatelli.plane.TcpScenario.bytes;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * Reads a program out of the fuzzer's bytes, eight to a step: what the guest sends (flags, how far its numbers are from the right ones, window,
 * length) or what the host does, and how much time passes. Whatever comes, nothing in the plane fails, the host reads at each place what the
 * guest sent for it, our window does not move left, and no reset is answered.
 */
@Tag("fuzz")
class TcpSegmentFuzzTest {
    private static final int STEP = 8;
    private static final int MOST_STEPS = 120;
    private static final int HOST = 0x80;
    private static final int SENDS = 0;
    private static final int READS = 1;
    private static final int ENDS = 2;
    private static final int RESETS = 3;
    private static final int PASSES = 0x40;

    /** Steps of a whole connection, and some more. */
    static Stream<byte[]> programs() {
        int push = TcpSegment.ACK | TcpSegment.PSH;
        byte[] whole = program(
                new int[] {TcpSegment.SYN, 0, 0, 0, 0},
                new int[] {TcpSegment.ACK, 0, 0, 0, 0},
                new int[] {push, 0, 500, 0, 0},
                new int[] {HOST, SENDS, 1900, 0, 0},
                new int[] {push, 0, 300, 100, 0},
                new int[] {push, PASSES | 5, 300, -100, 0},
                new int[] {HOST, READS, 0, 0, 0},
                new int[] {TcpSegment.FIN | TcpSegment.ACK, 0, 0, 0, 0},
                new int[] {HOST, ENDS, 0, 0, 0},
                new int[] {TcpSegment.ACK, 0, 0, 0, 0});
        byte[] reset = program(
                new int[] {TcpSegment.SYN, 0, 0, 0, 0},
                new int[] {push, 0, 1400, 0, 0},
                new int[] {HOST, RESETS, 0, 0, 0},
                new int[] {push, 0, 1400, 0, 0});
        return Stream.of(whole, reset, new byte[20 * STEP], bytes(40 * STEP), bytes(120 * STEP));
    }

    private static byte[] program(int[]... steps) {
        ByteBuffer program = ByteBuffer.allocate(steps.length * STEP);
        for (int[] s : steps) {
            program.put((byte) s[0]).put((byte) s[1]);
            program.putShort((short) s[2]).putShort((short) s[3]).putShort((short) s[4]);
        }
        return program.array();
    }

    @MethodSource("programs")
    @FuzzTest(maxDuration = "1m")
    void anySegmentsKeepTheOrder(byte[] program) {
        Shared at = Shared.take();
        new Run(at.t, at.nextPort++).all(ByteBuffer.wrap(program, 0, Math.min(program.length, MOST_STEPS * STEP)));
        at.give();
    }

    /** Memory of planes is for good: so many programs have one, as long as they leave nothing behind and none fails. */
    private static final class Shared {
        private static @Nullable Shared last;
        final TcpScenario t = TcpScenario.standard();
        int nextPort = 1_024;

        static Shared take() {
            Shared one = last == null ? new Shared() : last;
            last = null;
            return one;
        }

        void give() {
            if (t.plane.stats().flows() == 0 && nextPort < 60_000) {
                last = this;
            } else {
                t.close();
            }
        }
    }

    /** One program. */
    private static final class Run {
        private final TcpScenario t;
        private final int port;
        private final FarListener listener;
        private @Nullable StreamPeer peer;
        /** The number of what the host reads next. */
        private int read;
        /** Numbers by which the guest is right. */
        private int next = 1_000_000;

        private int expected;
        private int edge;
        /** Of our SYN,ACK: what the guest's first byte is to have. */
        private int first;

        Run(TcpScenario t, int port) {
            this.t = t;
            this.port = port;
            listener = t.listens(true);
        }

        void all(ByteBuffer steps) {
            while (steps.remaining() >= STEP) {
                int flags = steps.get() & 0xff;
                int what = steps.get() & 0xff;
                int length = steps.getShort() & 0x7ff;
                int seqOff = steps.getShort();
                int ackOff = steps.getShort();
                boolean reset = (flags & TcpSegment.RST) != 0;
                if ((flags & HOST) != 0) {
                    host(what & 3, length);
                } else {
                    guest(flags & 0x3f, what, Math.min(length, 1460), seqOff, ackOff);
                }
                turns();
                hear(reset && (flags & HOST) == 0);
                if ((what & PASSES) != 0) {
                    t.runs((what & 0x3fL) * (what & 0x3f) * 10 * MS);
                    hear(false);
                }
                for (StreamPeer p = listener.accept(); p != null; p = listener.accept()) {
                    peer = p;
                    read = first;
                }
            }
            assertThat(t.plane.stats().flows()).isBetween(0, 1);
            assertThat(t.plane.stats().invariantViolations()).isZero();
            guest(TcpSegment.RST, 0, 0, 0, 0); // where it is right, the end
            turns();
            StreamPeer left = peer;
            if (left != null) {
                left.close();
            }
            turns();
            t.plane.link.forgetSeen();
        }

        /** One for what comes from the guest, one for what that leaves to others. */
        private void turns() {
            t.plane.plane.turn(0);
            t.plane.plane.turn(0);
        }

        private void guest(int flags, int what, int length, int seqOff, int ackOff) {
            int seq = next + seqOff;
            byte[] data = new byte[length];
            for (int i = 0; i < length; i++) {
                data[i] = at(seq + i + ((flags & TcpSegment.SYN) != 0 ? 1 : 0));
            }
            TcpSegment segment = TcpSegment.between(GUEST, port, FAR4, FAR_PORT)
                    .seq(seq)
                    .flags(flags)
                    .window((what & 0x80) != 0 ? 0 : 0xffff)
                    .payload(data);
            t.guestSends(((flags & TcpSegment.ACK) != 0 ? segment.ack(expected + ackOff) : segment).fromGuest());
        }

        /** So the same number always has the same byte, however often it is sent. */
        private static byte at(int seq) {
            return (byte) (seq * 31 >>> 2);
        }

        private void hear(boolean afterReset) {
            for (GuestFrame frame : t.plane.link.seen()) {
                if (!TcpSegment.isIn(frame.bytes)) {
                    continue;
                }
                TcpSegment s = TcpSegment.parse(frame.bytes);
                assertThat(s.dstPort()).isEqualTo(port);
                assertThat(afterReset && s.has(TcpSegment.RST))
                        .as("a reset for a reset")
                        .isFalse();
                if (s.has(TcpSegment.SYN)) {
                    first = s.ack();
                    edge = first;
                    expected = s.seq();
                }
                if (s.has(TcpSegment.ACK)) {
                    next = s.ack();
                }
                if (s.flags() == TcpSegment.ACK && s.has(TcpSegment.ACK)) {
                    int itsEdge = s.ack() + s.window(); // the guest does not scale
                    assertThat(itsEdge - edge).as("edge of our window").isNotNegative();
                    edge = itsEdge;
                }
                if (!s.has(TcpSegment.RST) && s.seq() == expected) {
                    expected = s.end();
                }
            }
            t.plane.link.forgetSeen();
        }

        private void host(int what, int length) {
            StreamPeer p = peer;
            if (p == null) {
                return;
            }
            switch (what) {
                case SENDS -> p.send(new byte[1 + length]);
                case READS -> {
                    for (byte one : p.receive(1 + length)) {
                        assertThat(one).isEqualTo(at(read++));
                    }
                }
                case ENDS -> p.shutdownWrite();
                default -> {
                    p.reset();
                    peer = null;
                }
            }
        }
    }
}
