package io.passatelli.link;

import io.passatelli.Seeds;
import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.Tap;
import io.passatelli.os.sim.Chooser;
import io.passatelli.os.sim.SimClock;
import io.passatelli.os.sim.SimOs;
import io.passatelli.os.sim.SimTap;
import io.passatelli.wire.Offload;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** A tap link over a simulated tap: what a real one rarely does. */
@Tag("sim")
@ExtendWith(Seeds.Named.class)
@ParameterizedClass
@ValueSource(booleans = {false, true})
class TapLinkSimulationTest {
    private static final int HEADER = 54;

    private final SimClock clock = new SimClock();
    private final SimOs kernel = new SimOs(clock, Chooser.seeded(Seeds.first()));
    private int writesLeft = Integer.MAX_VALUE;
    private int writeErrno;
    private int readErrno;
    private int failingReads = Integer.MAX_VALUE;
    /** The kernel, but that reads and writes may fail. */
    private final Os os = (Os) Proxy.newProxyInstance(
            TapLinkSimulationTest.class.getClassLoader(), new Class<?>[] {Os.class}, (self, method, arguments) -> {
                if (method.getName().equals("writev") && writesLeft-- <= 0) {
                    return (long) -writeErrno;
                }
                if (method.getName().equals("readv") && readErrno != 0 && failingReads-- > 0) {
                    return (long) -readErrno;
                }
                try {
                    return method.invoke(kernel, arguments);
                } catch (InvocationTargetException e) {
                    throw e.getCause();
                }
            });

    private final Counters counters = new Counters();
    private final EventLoop loop = new EventLoop(os, clock, Log.silent());
    private final LinkEar ear = new LinkEar();
    private final TxBatch batch = new TxBatch(Limits.TX_BATCH_FRAMES);
    private final SimTap guest = kernel.tap("tap0");
    private final boolean offloads;
    private final TapLink link;

    TapLinkSimulationTest(boolean offloads) {
        this.offloads = offloads;
        if (!offloads) {
            guest.refuseOffloads();
        }
        link = new TapLink(os, Tap.open(kernel, "", "tap0"), counters);
    }

    @BeforeEach
    void bind() {
        ear.link = link;
        link.bind(loop, ear);
        loop.onTurnEnd(now -> link.flush(0));
        guest.inject(Frames.frame(100, 0)); // before the first turn: not forgotten either
        turns();
        assertThat(ear.log).containsExactly("up");
        assertThat(link.caps().toGuest()).isEqualTo(new Caps.Offloads(offloads, offloads, offloads, false));
        assertThat(link.caps().fromGuest()).isEqualTo(link.caps().toGuest());
        assertThat(ear.frames).containsExactly(Frames.frame(100, 0));
        ear.frames.clear();
    }

    @AfterEach
    void close() {
        link.close();
        assertThat(loop.invariantViolations()).isZero();
        loop.close();
        assertThat(kernel.openDescriptors()).isZero();
    }

    @Test
    void moreFramesThanABatchAndThanTheBufferComeInOrder() {
        byte[][] frames = new byte[200][];
        Arrays.setAll(frames, i -> Frames.frame(i % 3 == 0 ? 65_535 - i : 60 + i, i));
        guest.inject(frames);
        turns();
        assertThat(ear.frames).containsExactly(frames);
    }

    @Test
    void framesOfImpossibleLengthsAreCountedAndTheOthersCome() {
        guest.inject(new byte[13], Frames.frame(14, 1), new byte[65_536], new byte[65_540], Frames.frame(65_535, 2));
        turns();
        assertThat(ear.frames).containsExactly(Frames.frame(14, 1), Frames.frame(65_535, 2));
        assertThat(counters.of(Drop.LINK_BAD_LENGTH)).isEqualTo(3);
    }

    @Test
    void framesAreWrittenOneByOneAndPadded() {
        assertThat(commit(Frames.frame(HEADER, 1), Frames.frame(1_514, 2), Frames.frame(65_535, 3)))
                .isEqualTo(3);
        assertThat(control(Frames.frame(42, 4))).isTrue();
        assertThat(guest.takeFrames())
                .containsExactly(
                        Frames.padded(Frames.frame(HEADER, 1)),
                        Frames.frame(1_514, 2),
                        Frames.frame(65_535, 3),
                        Frames.padded(Frames.frame(42, 4)));
    }

    @ParameterizedTest
    @ValueSource(ints = {Errno.EAGAIN, Errno.ENOBUFS, Errno.ENOMEM})
    void withoutMemoryThePrefixIsTakenAndTheRestTriedLater(int errno) {
        writesLeft = 2;
        writeErrno = errno;
        assertThat(commit(Frames.frame(60, 1), Frames.frame(61, 2), Frames.frame(62, 3)))
                .isEqualTo(2);
        assertThat(control(Frames.frame(60, 4))).isFalse();
        turns();
        assertThat(ear.log).containsExactly("up");
        writesLeft = Integer.MAX_VALUE;
        clock.advance(Limits.LINK_RETRY_MS * 2_000_000L);
        turns();
        assertThat(ear.log).containsExactly("up", "writable 0");
        clock.advance(1_000_000_000);
        turns();
        assertThat(ear.log).containsExactly("up", "writable 0");
        assertThat(commit(Frames.frame(62, 3))).isEqualTo(1);
        assertThat(guest.takeFrames()).containsExactly(Frames.frame(60, 1), Frames.frame(61, 2), Frames.frame(62, 3));
    }

    @Test
    void anInterfaceThatIsDownOnlyLosesFrames() {
        guest.setUp(false);
        assertThat(commit(Frames.frame(60, 1), Frames.frame(61, 2))).isEqualTo(2);
        assertThat(counters.of(Drop.LINK_DOWN)).isEqualTo(2);
        guest.setUp(true);
        assertThat(commit(Frames.frame(60, 3))).isEqualTo(1);
        assertThat(guest.takeFrames()).containsExactly(Frames.frame(60, 3));
        turns();
        assertThat(ear.log).containsExactly("up");
    }

    @Test
    void aFrameOfTheKernelsThatItCannotDescribeIsLostAlone() {
        guest.inject(Frames.frame(60, 1));
        readErrno = Errno.EINVAL;
        failingReads = 1;
        turns();
        assertThat(ear.frames).containsExactly(Frames.frame(60, 1));
        assertThat(counters.of(Drop.LINK_BAD_OFFLOAD)).isEqualTo(1);
        assertThat(ear.log).containsExactly("up");
    }

    @Test
    void aBatchEndsWhileItsFramesAreInTheCache() {
        byte[][] frames = new byte[7][];
        Arrays.setAll(frames, i -> Frames.frame(65_240, i));
        ear.counts.clear();
        guest.inject(frames);
        turns();
        assertThat(ear.counts).containsExactly(4, 3);
        assertThat(ear.frames).containsExactly(frames);
    }

    @Test
    void aReadThatFailsEndsTheLinkAfterTheFramesAheadOfIt() {
        guest.inject(Frames.frame(60, 1));
        assertThat(link.receive(0, ear.batch)).isZero(); // no event came yet
        turns();
        readErrno = Errno.EBADFD;
        guest.inject(Frames.frame(60, 2));
        turns();
        assertThat(ear.frames).containsExactly(Frames.frame(60, 1));
        assertThat(ear.log).containsExactly("up", "down " + Errno.EBADFD);
        assertThat(link.commit(0, batch, 0)).isEqualTo(-Errno.ENOTCONN);
        assertThat(control(Frames.frame(60, 1))).isFalse();
    }

    @Test
    void aWriteThatFailsForGoodEndsTheLink() {
        writesLeft = 1;
        writeErrno = Errno.EBADFD;
        assertThat(commit(Frames.frame(60, 1), Frames.frame(61, 2))).isEqualTo(-Errno.ENOTCONN);
        assertThat(ear.log).containsExactly("up");
        turns();
        assertThat(ear.log).containsExactly("up", "down " + Errno.EBADFD);
    }

    private void turns() {
        do {
            loop.turn(0);
        } while (!loop.ready().isEmpty());
    }

    private boolean control(byte[] frame) {
        return link.control(0, Frames.inMemory(frame), 0, frame.length, new Offload());
    }

    /** Sends every other frame from memory of our own. */
    private int commit(byte[]... frames) {
        int count = link.reserve(0, batch, frames.length, HEADER, Limits.FRAME_BYTES - HEADER);
        assertThat(count).isEqualTo(frames.length);
        List<MemorySegment> lent = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            if (i % 2 == 0) {
                Frames.fill(batch, i, frames[i]);
                continue;
            }
            MemorySegment frame = Frames.inMemory(frames[i]);
            lent.add(frame);
            MemorySegment.copy(frame, 0, batch.header(i), batch.headerAt(i), HEADER);
            batch.borrow(i, frame, HEADER, frames[i].length - HEADER);
        }
        int taken = link.commit(0, batch, count);
        lent.forEach(memory -> memory.fill((byte) 0xee));
        return taken;
    }
}
