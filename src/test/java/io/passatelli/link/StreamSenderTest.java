package io.passatelli.link;

import io.passatelli.base.Limits;
import io.passatelli.os.Errno;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

import static org.assertj.core.api.Assertions.assertThat;

class StreamSenderTest {
    private static final int HEADER = 54;

    private final StreamSender sender = new StreamSender();
    private final ScriptedSocket socket = new ScriptedSocket();
    private final TxBatch batch = new TxBatch(Limits.TX_BATCH_FRAMES);

    @Test
    void manyFramesLeaveWithOneCall() {
        int count = sender.reserve(batch, 40, HEADER, 1_460);
        assertThat(count).isEqualTo(40);
        List<byte[]> frames = new ArrayList<>();
        for (int i = 0; i < count; i++) {
            frames.add(Frames.frame(i == 39 ? 100 : HEADER + 1_460, i));
            Frames.fill(batch, i, frames.get(i));
        }
        assertThat(sender.commit(socket.os, 3, batch, count)).isEqualTo(40);
        assertThat(socket.sends).isEqualTo(1);
        assertThat(seen()).containsExactlyElementsOf(frames);
    }

    @Test
    void severalLargestFramesFitOneReservation() {
        assertThat(sender.reserve(batch, 64, HEADER, 65_535 - HEADER)).isGreaterThanOrEqualTo(8);
    }

    @Test
    void shortFramesArePaddedWithZerosWhateverTheSlotHeld() {
        sender.reserve(batch, 1, HEADER, 1_460);
        Frames.fill(batch, 0, Frames.frame(HEADER + 1_460, 1));
        sender.commit(socket.os, 3, batch, 1);
        sender.reserve(batch, 2, HEADER, 100);
        Frames.fill(batch, 0, Frames.frame(HEADER, 2));
        MemorySegment.copy(Frames.inMemory(Frames.frame(HEADER, 3)), 0, batch.header(1), batch.headerAt(1), HEADER);
        batch.borrow(1, Frames.inMemory(new byte[] {7, 7}), 0, 2);
        sender.commit(socket.os, 3, batch, 2);
        assertThat(sender.control(Frames.inMemory(Frames.frame(42, 4)), 0, 42)).isTrue();
        sender.flush(socket.os, 3);
        byte[] borrowed = Frames.concat(Frames.frame(HEADER, 3), new byte[] {7, 7});
        assertThat(seen())
                .containsExactly(
                        Frames.frame(HEADER + 1_460, 1),
                        Frames.padded(Frames.frame(HEADER, 2)),
                        Frames.padded(borrowed),
                        Frames.padded(Frames.frame(42, 4)));
    }

    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void framesStayWholeWhereverTheSocketStops(boolean borrowed) {
        byte[] control = Frames.frame(61, 9);
        List<byte[]> frames = List.of(Frames.frame(70, 1), Frames.frame(58, 2), Frames.frame(120, 3));
        int total = 65 + 74 + 64 + 124;
        for (int room = 0; room <= total; room++) {
            socket.sent.reset();
            sender.reset();
            sender.control(Frames.inMemory(control), 0, control.length);
            put(frames, borrowed);
            socket.room = room;
            int taken = sender.commit(socket.os, 3, batch, 3);
            scribble(borrowed);
            int expected = room <= 65 ? 0 : room <= 139 ? 1 : room <= 203 ? 2 : 3;
            assertThat(taken).as("room %d", room).isEqualTo(expected);
            assertThat(sender.isBlocked()).isEqualTo(room < total);
            assertThat(sender.reserve(batch, 1, HEADER, 0)).isEqualTo(room < total ? 0 : 1);
            sender.control(Frames.inMemory(control), 0, control.length);
            trickle();
            List<byte[]> all = new ArrayList<>(List.of(control));
            frames.subList(0, taken).forEach(f -> all.add(Frames.padded(f)));
            all.add(control);
            assertThat(seen()).as("room %d", room).containsExactlyElementsOf(all);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {Errno.EAGAIN, Errno.ENOBUFS, Errno.ENOMEM})
    void aSocketThatTakesNoneForNowBlocksAndLosesNothing(int errno) {
        socket.room = 0;
        socket.fullErrno = errno;
        List<byte[]> frames = List.of(Frames.frame(70, 1), Frames.frame(80, 2));
        sender.control(Frames.inMemory(Frames.frame(66, 9)), 0, 66);
        assertThat(sender.flush(socket.os, 3)).isZero();
        assertThat(sender.isBlocked()).isTrue();
        assertThat(sender.isStarved()).isEqualTo(errno != Errno.EAGAIN);
        socket.room = 70;
        assertThat(sender.flush(socket.os, 3)).isZero();
        assertThat(sender.isBlocked()).isFalse();
        assertThat(sender.isStarved()).isFalse();
        socket.room = 0;
        put(frames, false);
        assertThat(sender.commit(socket.os, 3, batch, 2)).isZero();
        assertThat(sender.isBlocked()).isTrue();
        assertThat(sender.isStarved()).isEqualTo(errno != Errno.EAGAIN);
        assertThat(sender.flush(socket.os, 3)).isZero(); // nothing of it is ours
        assertThat(sender.isBlocked()).isFalse();
        assertThat(seen()).containsExactly(Frames.frame(66, 9));
    }

    @Test
    void whatTheSocketNeverTakesIsAnError() {
        socket.room = 0;
        socket.fullErrno = Errno.EPIPE;
        sender.control(Frames.inMemory(Frames.frame(66, 9)), 0, 66);
        assertThat(sender.flush(socket.os, 3)).isEqualTo(-Errno.EPIPE);
        put(List.of(Frames.frame(70, 1)), false);
        assertThat(sender.commit(socket.os, 3, batch, 1)).isEqualTo(-Errno.EPIPE);
    }

    @Test
    void theQueueOfControlFramesIsBounded() {
        MemorySegment ack = Frames.inMemory(Frames.frame(54, 1));
        socket.room = 0;
        int taken = 0;
        while (sender.control(ack, 0, 54)) {
            taken++;
        }
        assertThat(taken).isEqualTo(Limits.STREAM_CONTROL_BYTES / 64);
        sender.flush(socket.os, 3);
        assertThat(sender.isBlocked()).isTrue();
        socket.room = 100;
        sender.flush(socket.os, 3);
        assertThat(sender.control(ack, 0, 54)).isTrue(); // in the place of the one that left
        assertThat(sender.control(ack, 0, 54)).isFalse();
        trickle();
        assertThat(seen()).hasSize(taken + 1).containsOnly(Frames.padded(Frames.frame(54, 1)));
    }

    @Test
    void aCancelledReservationSendsNothing() {
        sender.reserve(batch, 3, HEADER, 10);
        assertThat(sender.commit(socket.os, 3, batch, 0)).isZero();
        assertThat(socket.sends).isZero();
        assertThat(sender.reserve(batch, 3, HEADER, 10)).isEqualTo(3);
    }

    @Property(tries = 300)
    void theGuestSeesExactlyWhatWasTakenInOrder(
            @ForAll Random random, @ForAll @IntRange(min = 1, max = 40) int rounds) {
        List<byte[]> taken = new ArrayList<>();
        socket.sent.reset();
        socket.room = 0;
        for (int round = 0; round < rounds; round++) {
            socket.room += random.nextInt(random.nextBoolean() ? 300 : 200_000);
            if (random.nextInt(3) == 0) {
                byte[] control = Frames.frame(14 + random.nextInt(Limits.CONTROL_FRAME_BYTES - 13), round);
                if (sender.control(Frames.inMemory(control), 0, control.length)) {
                    taken.add(Frames.padded(control));
                }
            }
            if (random.nextInt(3) == 0) {
                assertThat(sender.flush(socket.os, 3)).isZero();
            }
            int payload = random.nextInt(random.nextBoolean() ? 60 : 65_000);
            int count = sender.reserve(batch, 1 + random.nextInt(20), HEADER, payload);
            List<byte[]> frames = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                frames.add(Frames.frame(HEADER + random.nextInt(payload + 1), round * 100 + i));
            }
            if (count > 0) {
                put(frames, HEADER, payload, random.nextBoolean());
                int k = sender.commit(socket.os, 3, batch, count);
                frames.subList(0, k).forEach(f -> taken.add(Frames.padded(f)));
            }
        }
        trickle();
        assertThat(seen()).containsExactlyElementsOf(taken);
    }

    private void put(List<byte[]> frames, boolean borrowed) {
        put(frames, HEADER, 100, borrowed);
    }

    private void put(List<byte[]> frames, int header, int payload, boolean borrowed) {
        int count = sender.reserve(batch, frames.size(), header, payload);
        assertThat(count).isEqualTo(frames.size());
        for (int i = 0; i < count; i++) {
            byte[] frame = frames.get(i);
            if (borrowed) {
                MemorySegment all = Frames.inMemory(frame);
                MemorySegment.copy(all, 0, batch.header(i), batch.headerAt(i), header);
                batch.borrow(i, all, header, frame.length - header);
            } else {
                Frames.fill(batch, i, frame);
            }
        }
    }

    /** What was lent may change once commit has returned. */
    private void scribble(boolean borrowed) {
        for (int i = 0; borrowed && i < batch.count(); i++) {
            batch.borrowed(i).fill((byte) 0xee);
        }
    }

    /** The guest takes a few bytes at a time until nothing is left. */
    private void trickle() {
        while (sender.isBlocked() || !sender.isEmpty()) {
            socket.room = 1L + socket.sent.size() % 7 + (socket.sent.size() > 2_000 ? 50_000 : 0);
            assertThat(sender.flush(socket.os, 3)).isZero();
        }
    }

    private List<byte[]> seen() {
        return Frames.parse(socket.sent.toByteArray());
    }
}
