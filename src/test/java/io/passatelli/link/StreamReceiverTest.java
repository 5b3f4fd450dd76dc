package io.passatelli.link;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.constraints.Size;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

class StreamReceiverTest {
    private static final byte[] SMALL = Frames.frame(14, 1);
    private static final byte[] ORDINARY = Frames.frame(90, 2);
    private static final byte[] LARGEST = Frames.frame(65_535, 3);

    private final Counters counters = new Counters();
    private final StreamReceiver receiver = new StreamReceiver(counters);
    private final ScriptedSocket socket = new ScriptedSocket();
    private final RxBatch batch = new RxBatch(64);

    @Test
    void framesArriveWholeWhereverTheStreamIsCut() {
        byte[] stream = Frames.stream(SMALL, ORDINARY, Frames.frame(300, 4));
        for (int cut = 0; cut <= stream.length; cut++) {
            socket.arrivals.clear();
            if (cut > 0) {
                socket.arrivals.add(Arrays.copyOf(stream, cut));
            }
            if (cut < stream.length) {
                socket.arrivals.add(Arrays.copyOfRange(stream, cut, stream.length));
            }
            assertThat(receiveAll()).as("cut at %d", cut).containsExactly(SMALL, ORDINARY, Frames.frame(300, 4));
        }
    }

    @Test
    void framesArriveWholeByteByByte() {
        for (byte b : Frames.stream(SMALL, ORDINARY, SMALL)) {
            socket.arrivals.add(new byte[] {b});
        }
        assertThat(receiveAll()).containsExactly(SMALL, ORDINARY, SMALL);
    }

    @Test
    void aShortReadSaysThatTheSocketIsEmptyUnlessPassedDescriptorsEndedIt() {
        socket.arrivals.add(Frames.stream(SMALL));
        assertThat(receiver.read(socket.os, 3)).isEqualTo(18);
        assertThat(receiver.isDrained()).isTrue();
        socket.descriptorsPassed = true;
        socket.arrivals.add(Frames.stream(SMALL));
        assertThat(receiver.read(socket.os, 3)).isEqualTo(18);
        assertThat(receiver.isDrained()).isFalse();
    }

    @Test
    void manyFramesComeWithOneRead() {
        byte[][] frames = new byte[60][];
        Arrays.setAll(frames, i -> Frames.frame(1_514, i));
        socket.arrivals.add(Frames.stream(frames));
        assertThat(receiveAll()).containsExactly(frames);
        assertThat(socket.reads).isEqualTo(2); // the second finds nothing
    }

    @Test
    void aFullBatchLeavesTheOthersForTheNext() {
        var two = new RxBatch(2);
        socket.arrivals.add(Frames.stream(SMALL, ORDINARY, SMALL));
        receiver.read(socket.os, 3);
        receiver.take(two);
        assertThat(two.count()).isEqualTo(2);
        two.clear();
        receiver.take(two);
        assertThat(two.count()).isEqualTo(1);
        assertThat(Frames.bytes(two, 0)).isEqualTo(SMALL);
    }

    @Test
    void theLargestFramesFollowEachOtherThroughTheBufferForLong() {
        byte[] stream = Frames.stream(LARGEST, ORDINARY, LARGEST, LARGEST);
        for (int piece : new int[] {stream.length, 70_001, 4_097}) {
            for (int round = 0; round < 20; round++) {
                for (int at = 0; at < stream.length; at += piece) {
                    socket.arrivals.add(Arrays.copyOfRange(stream, at, Math.min(at + piece, stream.length)));
                }
                assertThat(receiveAll()).containsExactly(LARGEST, ORDINARY, LARGEST, LARGEST);
            }
        }
        assertThat(counters.of(Drop.LINK_BAD_LENGTH)).isZero();
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 13, 65_536, 100_000, 131_072})
    void aBadLengthIsSkippedAndCounted(int length) {
        byte[] stream = Frames.concat(
                Frames.stream(SMALL), Frames.prefix(length), Frames.frame(length, 9), Frames.stream(ORDINARY));
        for (int piece : new int[] {stream.length, 50_000, 7}) {
            for (int at = 0; at < stream.length; at += piece) {
                socket.arrivals.add(Arrays.copyOfRange(stream, at, Math.min(at + piece, stream.length)));
            }
            assertThat(receiveAll()).containsExactly(SMALL, ORDINARY);
        }
        assertThat(counters.of(Drop.LINK_BAD_LENGTH)).isEqualTo(3);
        assertThat(receiver.isLost()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {131_073, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff})
    void anAbsurdLengthEndsFramingAfterTheFramesAheadOfIt(int length) {
        socket.arrivals.add(Frames.concat(Frames.stream(SMALL), Frames.prefix(length), Frames.stream(ORDINARY)));
        assertThat(receiveAll()).containsExactly(SMALL);
        assertThat(receiver.isLost()).isTrue();
        assertThat(counters.of(Drop.LINK_BAD_LENGTH)).isEqualTo(1);
        receiver.reset();
        socket.arrivals.add(Frames.stream(ORDINARY));
        assertThat(receiveAll()).containsExactly(ORDINARY);
    }

    @Test
    void anotherGuestIsNotGivenHalfAFrameOfTheOneBefore() {
        byte[] stream = Frames.stream(ORDINARY);
        socket.arrivals.add(Arrays.copyOf(stream, 50));
        assertThat(receiveAll()).isEmpty();
        receiver.reset();
        socket.arrivals.add(Frames.stream(SMALL));
        assertThat(receiveAll()).containsExactly(SMALL);
    }

    @Property(tries = 200)
    void whatIsSentIsReceivedHoweverItIsCut(
            @ForAll @Size(min = 1, max = 30) List<@IntRange(min = 14, max = 65_535) Integer> lengths,
            @ForAll @Size(min = 1, max = 10) List<@IntRange(min = 1, max = 150_000) Integer> pieces) {
        byte[][] frames = new byte[lengths.size()][];
        Arrays.setAll(frames, i -> Frames.frame(lengths.get(i), i));
        byte[] stream = Frames.stream(frames);
        int piece = 0;
        for (int at = 0; at < stream.length; piece++) {
            int end = Math.min(at + pieces.get(piece % pieces.size()), stream.length);
            socket.arrivals.add(Arrays.copyOfRange(stream, at, end));
            at = end;
        }
        assertThat(receiveAll()).containsExactly(frames);
    }

    /** What all arrivals hold. */
    private List<byte[]> receiveAll() {
        List<byte[]> frames = new ArrayList<>();
        boolean more = true;
        while (more) {
            batch.clear();
            receiver.take(batch);
            for (int i = 0; i < batch.count(); i++) {
                frames.add(Frames.bytes(batch, i));
            }
            more = batch.count() > 0 || receiver.read(socket.os, 3) > 0;
            more &= !receiver.isLost();
        }
        return frames;
    }
}
