package io.passatelli.link;

import io.passatelli.Seeds;
import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.sim.Chooser;
import io.passatelli.os.sim.SimClock;
import io.passatelli.os.sim.SimOs;
import io.passatelli.os.sim.StreamPeer;
import io.passatelli.wire.Offload;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.ByteArrayOutputStream;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import java.util.Random;
import java.util.stream.LongStream;

import static org.assertj.core.api.Assertions.assertThat;

/** A stream link over a kernel that does as little, as much and as late as it may. Every seed is a run of its own. */
@Tag("sim")
class StreamLinkSimulationTest {
    private static final int HEADER = 54;
    private static final int ROUNDS = 80;
    private static final int LAST_TURNS = 20_000;

    @ParameterizedTest
    @MethodSource("seeds")
    void everyFrameArrivesWholeInOrderAndWithoutAnyFurtherPush(long seed) {
        Seeds.run(seed, () -> new Run(seed).play());
    }

    private static LongStream seeds() {
        return Seeds.firstOf(40);
    }

    /** A guest that sends and reads by fits and starts; frames toward it are sent whenever the link says so. */
    private static final class Run implements Link.Listener {
        private final Random random;
        private final SimClock clock = new SimClock();
        private final SimOs os;
        private final EventLoop loop;
        private final StreamPeer guest;
        private final StreamLink link;
        private final Counters counters = new Counters();
        private final RxBatch batch;
        private final TxBatch reply = new TxBatch(16);
        private final List<byte[]> fromGuest = new ArrayList<>();
        private final List<byte[]> received = new ArrayList<>();
        private final Deque<byte[]> toSend = new ArrayDeque<>();
        private final List<byte[]> accepted = new ArrayList<>();
        private final ByteArrayOutputStream guestGot = new ByteArrayOutputStream();
        private byte[] unsent = {};
        private boolean waits = true;

        Run(long seed) {
            random = new Random(seed);
            os = new SimOs(clock, Chooser.seeded(seed));
            loop = new EventLoop(os, clock, Log.silent());
            batch = new RxBatch(1 + random.nextInt(Limits.RX_BATCH_FRAMES));
            int door = os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0);
            SockAddr address = new SockAddr();
            address.setPath("/door");
            assertThat(os.bind(door, address)).isZero();
            assertThat(os.listen(door, 1)).isZero();
            guest = os.connectUnix("/door", 7);
            link = StreamLink.connected(os, os.accept(door, address), counters, Log.silent());
            link.bind(loop, this);
            loop.onTurnEnd(now -> link.flush(0));
        }

        void play() {
            for (int round = 0; round < ROUNDS; round++) {
                for (int i = random.nextInt(6); i > 0; i--) {
                    guestSends(round * 10 + i);
                }
                for (int i = random.nextInt(6); i > 0; i--) {
                    toSend.add(frame(round * 10 + i));
                }
                guestMoves(random.nextInt(3));
                sendIfMay();
                loop.turn(0);
            }
            int badLengths = (int) counters.of(Drop.LINK_BAD_LENGTH);
            for (int i = 0; i < LAST_TURNS && !isDone(); i++) {
                guestMoves(1);
                loop.turn(0);
            }
            assertThat(received).containsExactlyElementsOf(fromGuest);
            assertThat(toSend).isEmpty();
            assertThat(Frames.parse(guestGot.toByteArray())).containsExactlyElementsOf(accepted);
            assertThat(counters.of(Drop.LINK_BAD_LENGTH)).isGreaterThanOrEqualTo(badLengths);
            assertThat(loop.invariantViolations()).isZero();
            link.close();
            loop.close();
        }

        private boolean isDone() {
            return unsent.length == 0 && toSend.isEmpty() && received.size() == fromGuest.size() && isAllRead();
        }

        private boolean isAllRead() {
            int bytes = 0;
            for (byte[] frame : accepted) {
                bytes += frame.length + 4;
            }
            return guestGot.size() == bytes;
        }

        private byte[] frame(int of) {
            int most = random.nextInt(12) == 0 ? Limits.FRAME_BYTES : Limits.CONTROL_FRAME_BYTES;
            return Frames.frame(HEADER + random.nextInt(most - HEADER + 1), of);
        }

        private void guestSends(int of) {
            if (random.nextInt(20) == 0) {
                int bad = random.nextBoolean() ? random.nextInt(14) : 65_536 + random.nextInt(65_537);
                unsent = Frames.concat(unsent, Frames.prefix(bad), Frames.frame(bad, of));
            }
            byte[] frame = frame(of);
            fromGuest.add(frame);
            unsent = Frames.concat(unsent, Frames.stream(frame));
        }

        private void guestMoves(int kind) {
            if (kind != 0 && unsent.length > 0) {
                int most = Math.min(unsent.length, 1 + random.nextInt(random.nextBoolean() ? 100 : 100_000));
                int sent = (int) Math.max(0, guest.send(Arrays.copyOf(unsent, most)));
                unsent = Arrays.copyOfRange(unsent, sent, unsent.length);
            }
            if (kind != 2) {
                guestGot.writeBytes(guest.receive(1 + random.nextInt(random.nextBoolean() ? 100 : 400_000)));
            }
        }

        /** As a translator does: until the link says no; then only onWritable helps. */
        private void sendIfMay() {
            while (!waits && !toSend.isEmpty()) {
                byte[] first = toSend.element();
                if (first.length <= Limits.CONTROL_FRAME_BYTES && random.nextInt(3) == 0) {
                    waits = !link.control(0, Frames.inMemory(first), 0, first.length, new Offload());
                    if (!waits) {
                        accepted.add(Frames.padded(toSend.remove()));
                    }
                    continue;
                }
                sendSome();
            }
        }

        private void sendSome() {
            int wanted = Math.min(toSend.size(), 1 + random.nextInt(16));
            int count = link.reserve(0, reply, wanted, HEADER, Limits.FRAME_BYTES - HEADER);
            waits = count == 0;
            int i = 0;
            for (byte[] frame : toSend) {
                if (i < count) {
                    Frames.fill(reply, i++, frame);
                }
            }
            if (count > 0) {
                int taken = link.commit(0, reply, count);
                assertThat(taken).isNotNegative();
                for (int k = 0; k < taken; k++) {
                    accepted.add(Frames.padded(toSend.remove()));
                }
                waits = taken < count;
            }
        }

        @Override
        public void onReadable(int queue, long nowNs) {
            int n = link.receive(queue, batch);
            for (int i = 0; i < n; i++) {
                received.add(Frames.bytes(batch, i));
            }
            if (n > 0) {
                link.release(queue, batch);
            }
        }

        @Override
        public void onWritable(int queue, long nowNs) {
            assertThat(waits).isTrue();
            waits = false;
            sendIfMay();
        }

        @Override
        public void onUp(Caps caps, long nowNs) {
            waits = false;
            sendIfMay();
        }

        @Override
        public void onReset(int queue, long nowNs) {
            throw new AssertionError("a stream has no rings");
        }

        @Override
        public void onDown(int errno, long nowNs) {
            throw new AssertionError("down: " + errno);
        }
    }
}
