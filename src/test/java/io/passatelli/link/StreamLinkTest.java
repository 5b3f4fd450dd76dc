package io.passatelli.link;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.sim.Chooser;
import io.passatelli.os.sim.SimClock;
import io.passatelli.os.sim.SimOs;
import io.passatelli.wire.Offload;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** A stream link at a real loop, over UNIX sockets of the real kernel and of the simulated one. */
@ParameterizedClass
@EnumSource(StreamLinkTest.Kernel.class)
class StreamLinkTest {
    private static final int HEADER = 54;
    private static final Offload NO_OFFLOAD = new Offload();
    private static final int MANY_TURNS = 2_000;

    enum Kernel {
        LINUX,
        SIMULATED;

        Os os() {
            return this == LINUX ? new LinuxOs() : new SimOs(new SimClock(), Chooser.largest());
        }
    }

    private final Os kernel;
    private final long guestPid = ProcessHandle.current().pid();
    private int refusedAccepts;
    private int refusedWatches;
    private int sendErrno;
    /** The kernel, but that accept may have no descriptors left, epoll no more watches, and a send no memory. */
    private final Os os;

    private long nowNs = 1_000_000_000;
    private final List<String> lines = new ArrayList<>();
    private final Counters counters = new Counters();
    private final EventLoop loop;
    private final LinkEar ear = new LinkEar();
    private final TxBatch batch = new TxBatch(Limits.TX_BATCH_FRAMES);
    private final Path path;
    private final StreamLink link;

    StreamLinkTest(Kernel kind, @TempDir Path directory) throws IOException {
        kernel = kind.os();
        otherEnd = new StreamGuest(kernel, Os.NONE);
        os = (Os) Proxy.newProxyInstance(
                StreamLinkTest.class.getClassLoader(), new Class<?>[] {Os.class}, (self, method, arguments) -> {
                    if (method.getName().equals("accept") && refusedAccepts > 0) {
                        refusedAccepts--;
                        return -Errno.EMFILE;
                    }
                    if (method.getName().equals("epollCtl") && (int) arguments[1] == Epoll.ADD && refusedWatches > 0) {
                        refusedWatches--;
                        return -Errno.ENOMEM;
                    }
                    if (method.getName().equals("sendmsg") && sendErrno != 0) {
                        return (long) -sendErrno;
                    }
                    try {
                        return method.invoke(kernel, arguments);
                    } catch (InvocationTargetException e) {
                        throw e.getCause();
                    }
                });
        path = directory.resolve("s");
        Log log = new Log(Log.Level.INFO, (level, line) -> lines.add(level + " " + line));
        loop = new EventLoop(os, () -> nowNs, log);
        link = StreamLink.listening(os, StreamSocket.listen(os, path), counters, log);
        ear.link = link;
        link.bind(loop, ear);
        loop.onTurnEnd(now -> link.flush(0));
    }

    @AfterEach
    void close() {
        link.close();
        loop.close();
        assertThat(Files.exists(path)).isFalse();
        assertThat(loop.invariantViolations()).isZero();
    }

    @Test
    void theGuestsFramesComeAfterUp() {
        try (StreamGuest guest = connected()) {
            assertThat(ear.log).containsExactly("up");
            guest.sends(Frames.stream(Frames.frame(14, 1), Frames.frame(65_535, 2), Frames.frame(1_514, 3)));
            turns();
            assertThat(ear.frames)
                    .containsExactly(Frames.frame(14, 1), Frames.frame(65_535, 2), Frames.frame(1_514, 3));
            assertThat(lines).anyMatch(l -> l.contains("guest connected: process " + guestPid));
        }
    }

    @Test
    void framesSentBeforeTheFirstTurnAreNotForgotten() {
        try (StreamGuest guest = StreamGuest.connect(kernel, path)) {
            guest.sends(Frames.stream(Frames.frame(60, 1)));
            turns();
            assertThat(ear.frames).containsExactly(Frames.frame(60, 1));
        }
    }

    @Test
    void aSmallBatchIsFilledAgainWithoutAnyFurtherEvent() {
        byte[][] frames = new byte[500][];
        Arrays.setAll(frames, i -> Frames.frame(60 + i, i));
        try (StreamGuest guest = connected()) {
            byte[] stream = Frames.stream(frames);
            assertThat(guest.sends(stream)).isEqualTo(stream.length);
            turns();
            assertThat(ear.frames).containsExactly(frames);
        }
    }

    @Test
    void moreThanTheBufferHoldsArrivesWhole() {
        byte[][] frames = new byte[64][];
        Arrays.setAll(frames, i -> Frames.frame(40_000 + 400 * i, i));
        byte[] stream = Frames.stream(frames);
        try (StreamGuest guest = connected()) {
            int sent = 0;
            while (sent < stream.length) {
                sent += guest.sends(Arrays.copyOfRange(stream, sent, stream.length));
                turns();
            }
            assertThat(ear.frames).containsExactly(frames);
        }
    }

    @Test
    void framesFromTheGuestAreWholeWhereverItStops() {
        byte[][] frames = {Frames.frame(14, 1), Frames.frame(75, 2), Frames.frame(60, 3)};
        byte[] stream = Frames.stream(frames);
        try (StreamGuest guest = connected()) {
            for (int cut = 1; cut < stream.length; cut++) {
                guest.sends(Arrays.copyOf(stream, cut));
                turns();
                guest.sends(Arrays.copyOfRange(stream, cut, stream.length));
                turns();
                assertThat(ear.frames).as("cut at %d", cut).containsExactly(frames);
                ear.frames.clear();
            }
        }
    }

    @Test
    void theGuestGetsPayloadAtOnceAndControlAtTheEndOfTheTurn() {
        try (StreamGuest guest = connected()) {
            control(Frames.frame(42, 1));
            assertThat(Frames.parse(guest.takesAll().got.toByteArray())).isEmpty();
            assertThat(commit(Frames.frame(HEADER, 2), Frames.frame(1_514, 3))).isEqualTo(2);
            control(Frames.frame(80, 4));
            assertThat(Frames.parse(guest.takesAll().got.toByteArray()))
                    .containsExactly(
                            Frames.padded(Frames.frame(42, 1)),
                            Frames.padded(Frames.frame(HEADER, 2)),
                            Frames.frame(1_514, 3));
            turns();
            assertThat(Frames.parse(guest.takesAll().got.toByteArray()))
                    .hasSize(4)
                    .contains(Frames.frame(80, 4));
        }
    }

    @Test
    void aGuestThatDoesNotReadStopsUsAndGetsAllThatWasTakenInTheEnd() {
        try (StreamGuest guest = connected()) {
            for (int round = 0; round < 3; round++) {
                List<byte[]> taken = new ArrayList<>();
                fill(taken, round);
                assertThat(ear.log).doesNotContain("writable 0");
                turns();
                assertThat(ear.log).doesNotContain("writable 0");
                guest.got.reset();
                int piece = 1 + 4_999 * round;
                while (guest.takes(Math.max(piece, guest.got.size() > 10_000 ? 70_000 : 0)) > 0) {
                    loop.turn(0);
                }
                turns();
                guest.takesAll();
                assertThat(ear.log).containsOnlyOnce("writable 0");
                ear.log.clear();
                List<byte[]> got = Frames.parse(guest.got.toByteArray());
                assertThat(got).hasSameSizeAs(taken);
                for (int i = 0; i < got.size(); i++) {
                    assertThat(got.get(i)).isEqualTo(taken.get(i));
                }
            }
        }
    }

    /** Sends until nothing of any kind is taken any more. */
    private void fill(List<byte[]> taken, int round) {
        boolean moved = true;
        for (int i = 0; moved; i++) {
            byte[][] frames = {Frames.frame(60_000 + i, i), Frames.frame(1_514, i), Frames.frame(61, i)};
            int k = round == 1 ? commitBorrowed(frames) : commit(frames);
            taken.addAll(Arrays.asList(frames).subList(0, k));
            moved = k > 0;
        }
        byte[] ack = Frames.frame(66, round);
        while (control(ack)) {
            taken.add(ack);
        }
        assertThat(link.reserve(0, batch, 1, HEADER, 0)).isZero();
        assertThat(taken).hasSizeLessThan(10_000);
    }

    @Test
    void badLengthsAreSkippedAndTheGuestStays() {
        try (StreamGuest guest = connected()) {
            for (int length : new int[] {0, 13, 65_536, 131_072}) {
                guest.sends(Frames.prefix(length));
                guest.sends(Frames.frame(length, 9));
                turns();
            }
            guest.sends(Frames.stream(Frames.frame(60, 1)));
            turns();
            assertThat(ear.frames).containsExactly(Frames.frame(60, 1));
            assertThat(counters.of(Drop.LINK_BAD_LENGTH)).isEqualTo(4);
            assertThat(ear.log).containsExactly("up");
        }
    }

    @Test
    void anAbsurdLengthEndsTheGuestAndTheNextMayCome() {
        try (StreamGuest guest = connected()) {
            guest.sends(Frames.concat(Frames.stream(Frames.frame(60, 1)), Frames.prefix(131_073)));
            turns();
            assertThat(ear.frames).containsExactly(Frames.frame(60, 1));
            assertThat(ear.log).containsExactly("up", "down " + Errno.EPROTO);
            guest.takes(1);
            assertThat(guest.sawEnd).isTrue();
        }
        try (StreamGuest next = connected()) {
            next.sends(Frames.stream(Frames.frame(61, 2)));
            turns();
            assertThat(ear.frames).containsExactly(Frames.frame(60, 1), Frames.frame(61, 2));
        }
    }

    @Test
    void aSecondGuestIsSentAway() {
        try (StreamGuest first = connected();
                StreamGuest second = connected()) {
            second.takes(1);
            assertThat(second.sawEnd).isTrue();
            assertThat(lines).contains("WARNING a guest is connected already: process " + guestPid + " was sent away");
            first.sends(Frames.stream(Frames.frame(60, 1)));
            turns();
            assertThat(ear.frames).containsExactly(Frames.frame(60, 1));
            assertThat(ear.log).containsExactly("up");
        }
    }

    @Test
    void aGuestMayLeaveAndComeBackAtAnyPoint() {
        byte[] stream = Frames.stream(Frames.frame(90, 1));
        for (int cut = 0; cut <= stream.length; cut += 11) {
            try (StreamGuest guest = connected()) {
                guest.sends(Arrays.copyOf(stream, cut));
                turns();
            }
            try (StreamGuest next = StreamGuest.connect(kernel, path)) { // before anybody saw that the other left
                next.sends(Frames.stream(Frames.frame(60, cut)));
                turns();
                assertThat(ear.log).containsExactly("up", "down 0", "up");
                assertThat(ear.frames).containsExactly(Frames.frame(60, cut));
                assertThat(link.reserve(0, batch, 1, HEADER, 0)).isEqualTo(1);
                assertThat(link.commit(0, batch, 0)).isZero();
            }
            turns();
            ear.log.clear();
            ear.frames.clear();
        }
    }

    @Test
    void whatALeavingGuestSentIsStillReceived() {
        byte[][] frames = new byte[300][];
        Arrays.setAll(frames, i -> Frames.frame(60, i));
        try (StreamGuest guest = connected()) {
            guest.sends(Frames.stream(frames));
        }
        turns();
        assertThat(ear.frames).containsExactly(frames);
        assertThat(ear.log).containsExactly("up", "down 0");
    }

    @Test
    void sendingToAGuestThatLeftIsNoError() {
        try (StreamGuest guest = connected()) {
            guest.sends(Frames.stream(Frames.frame(60, 7)));
        }
        assertThat(link.reserve(0, batch, 1, HEADER, 0)).isEqualTo(1);
        Frames.fill(batch, 0, Frames.frame(HEADER, 1));
        assertThat(link.commit(0, batch, 1)).isEqualTo(-Errno.ENOTCONN);
        assertThat(ear.log).containsExactly("up");
        assertThat(link.reserve(0, batch, 1, HEADER, 0)).isZero();
        assertThat(control(Frames.frame(60, 1))).isFalse();
        turns();
        assertThat(ear.frames).containsExactly(Frames.frame(60, 7)); // its last words
        assertThat(ear.log).containsExactly("up", "down 0");
        assertThat(link.receive(0, ear.batch)).isEqualTo(-Errno.ENOTCONN);
    }

    @Test
    void leavingWhileItWasFullForgetsTheShortage() {
        try (StreamGuest guest = connected()) {
            fill(new ArrayList<>(), 0);
            assertThat(guest.sawEnd).isFalse();
        }
        turns();
        try (StreamGuest next = connected()) {
            assertThat(ear.log).containsExactly("up", "down " + Errno.ECONNRESET, "up");
            assertThat(commit(Frames.frame(60, 1))).isEqualTo(1);
            assertThat(Frames.parse(next.takesAll().got.toByteArray())).containsExactly(Frames.frame(60, 1));
        }
    }

    @Test
    void withoutDescriptorsAcceptIsTriedAgainByTime() {
        refusedAccepts = 2;
        try (StreamGuest guest = connected()) {
            assertThat(ear.log).isEmpty();
            assertThat(refusedAccepts).isEqualTo(1);
            assertThat(counters.of(Drop.DESCRIPTORS_EXHAUSTED)).isEqualTo(1);
            later();
            later();
            assertThat(ear.log).containsExactly("up");
            assertThat(lines).filteredOn(l -> l.contains("cannot accept")).hasSize(2);
            assertThat(guest.sawEnd).isFalse();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {Errno.ENOBUFS, Errno.ENOMEM})
    void aKernelWithoutMemoryForAMomentCostsNeitherGuestNorFrame(int errno) {
        try (StreamGuest guest = connected()) {
            sendErrno = errno;
            assertThat(commit(Frames.frame(70, 1))).isZero();
            assertThat(control(Frames.frame(66, 2))).isTrue();
            turns();
            later(); // still none
            assertThat(ear.log).containsExactly("up");
            sendErrno = 0;
            turns();
            assertThat(guest.takesAll().got.size()).isZero(); // nobody tells but time
            later();
            assertThat(ear.log).containsExactly("up", "writable 0");
            assertThat(commit(Frames.frame(70, 1))).isEqualTo(1);
            later();
            assertThat(ear.log).containsExactly("up", "writable 0");
            assertThat(Frames.parse(guest.takesAll().got.toByteArray()))
                    .containsExactly(Frames.frame(66, 2), Frames.frame(70, 1));
        }
    }

    @Test
    void aGuestThatLeavesWhileThereIsNoMemoryIsForgotten() {
        try (StreamGuest guest = connected()) {
            sendErrno = Errno.ENOBUFS;
            assertThat(commit(Frames.frame(70, 1))).isZero();
            assertThat(guest.sawEnd).isFalse();
        }
        turns();
        sendErrno = 0;
        later();
        assertThat(ear.log).containsExactly("up", "down 0");
    }

    @Test
    void aGuestThatCannotBeWatchedIsSentAwayAndTheNextMayCome() {
        refusedWatches = 1;
        try (StreamGuest guest = connected()) {
            guest.takes(1);
            assertThat(guest.sawEnd).isTrue();
            assertThat(ear.log).isEmpty();
            assertThat(counters.of(Drop.DESCRIPTORS_EXHAUSTED)).isEqualTo(1);
            assertThat(lines)
                    .containsExactly("WARNING a guest was sent away, as it cannot be watched: Cannot allocate memory");
        }
        try (StreamGuest next = connected()) {
            next.sends(Frames.stream(Frames.frame(60, 1)));
            turns();
            assertThat(ear.log).containsExactly("up");
            assertThat(ear.frames).containsExactly(Frames.frame(60, 1));
        }
    }

    @Test
    void aConnectedDescriptorThatCannotBeWatchedEndsTheStart() {
        StreamLink own = StreamLink.connected(os, acceptedFd(), counters, Log.silent());
        var ownEar = new LinkEar();
        refusedWatches = 1;
        assertThatThrownBy(() -> own.bind(loop, ownEar))
                .hasMessage("cannot watch the guest's socket: Cannot allocate memory");
        own.close();
        turns();
        assertThat(ownEar.log).isEmpty();
        otherEnd.takes(1);
        assertThat(otherEnd.sawEnd).isTrue();
        otherEnd.close();
    }

    @Test
    void whatAConnectedGuestSentAndItsEndBeforeTheFirstTurnAreSeenBehindUp() {
        StreamLink own = StreamLink.connected(os, acceptedFd(), counters, Log.silent());
        var ownEar = new LinkEar(1);
        ownEar.link = own;
        otherEnd.sends(Frames.stream(Frames.frame(60, 1), Frames.frame(61, 2)));
        otherEnd.close();
        own.bind(loop, ownEar);
        turns();
        assertThat(ownEar.frames).containsExactly(Frames.frame(60, 1), Frames.frame(61, 2));
        assertThat(ownEar.log).containsExactly("up", "down 0");
        own.close();
    }

    @Test
    void comingsAndGoingsAreSaidUntilThereAreTooMany() {
        for (int i = 0; i < 10; i++) {
            connected().close();
            turns();
        }
        String came = "INFO guest connected: process " + guestPid;
        assertThat(lines).containsExactly(came, "INFO guest left", came, "INFO guest left", came);
        nowNs += 2_000_000_000;
        connected().close();
        assertThat(lines.get(5)).isEqualTo(came + " (15 such lines left out)");
    }

    @Test
    void theReasonOfAnEndIsSaid() {
        try (StreamGuest guest = connected()) {
            guest.sends(Frames.prefix(-2));
            turns();
            assertThat(lines).endsWith("WARNING guest dropped: framing lost (a frame length of 4294967294)");
        }
        try (StreamGuest guest = connected()) {
            commit(Frames.frame(70, 1)); // it leaves without reading this
            assertThat(guest.sawEnd).isFalse();
        }
        turns();
        assertThat(lines).endsWith("INFO guest left: Connection reset by peer");
    }

    @Test
    void aListenerThatThrowsForgetsNoFrame() {
        var angry = new LinkEar(1) {
            int calls;

            @Override
            public void onReadable(int queue, long nowNs) {
                if (calls++ % 2 == 0) {
                    throw new IllegalStateException("on purpose");
                }
                super.onReadable(queue, nowNs);
            }
        };
        var ownLoop = new EventLoop(os, () -> nowNs, Log.silent());
        StreamLink own = StreamLink.connected(os, acceptedFd(), counters, Log.silent());
        angry.link = own;
        own.bind(ownLoop, angry);
        ownLoop.turn(0);
        otherEnd.sends(Frames.stream(Frames.frame(60, 1), Frames.frame(60, 2), Frames.frame(60, 3)));
        for (int i = 0; i < 20; i++) {
            ownLoop.turn(0);
        }
        assertThat(angry.frames).containsExactly(Frames.frame(60, 1), Frames.frame(60, 2), Frames.frame(60, 3));
        own.close();
        ownLoop.close();
        otherEnd.close();
    }

    @Test
    void aConnectedDescriptorIsALinkForOneGuest() {
        StreamLink own = StreamLink.connected(os, acceptedFd(), counters, Log.silent());
        var ownEar = new LinkEar();
        ownEar.link = own;
        own.bind(loop, ownEar);
        assertThat(ownEar.log).isEmpty();
        otherEnd.sends(Frames.stream(Frames.frame(60, 1)));
        turns();
        otherEnd.close();
        turns();
        assertThat(ownEar.log).containsExactly("up", "down 0");
        assertThat(ownEar.frames).containsExactly(Frames.frame(60, 1));
        own.close();
    }

    @Test
    void closingEndsTheGuest() {
        StreamLink own = StreamLink.connected(os, acceptedFd(), counters, Log.silent());
        var ownEar = new LinkEar();
        ownEar.link = own;
        own.bind(loop, ownEar);
        turns();
        own.close();
        turns();
        otherEnd.takes(1);
        assertThat(otherEnd.sawEnd).isTrue();
        assertThat(ownEar.log).containsExactly("up");
        otherEnd.close();
    }

    private StreamGuest otherEnd;

    /** One end of a connected socket; the other is {@link #otherEnd}. */
    private int acceptedFd() {
        try (StreamSocket door = StreamSocket.listen(kernel, path.resolveSibling("own"))) {
            otherEnd = StreamGuest.connect(kernel, door.path());
            int fd = kernel.accept(door.fd(), new SockAddr());
            assertThat(fd).isNotNegative();
            return fd;
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private StreamGuest connected() {
        StreamGuest guest = StreamGuest.connect(kernel, path);
        turns();
        return guest;
    }

    /** Enough turns for all that is under way; none of them waits. */
    private void turns() {
        loop.turn(0);
        for (int i = 0; i < MANY_TURNS && !loop.ready().isEmpty(); i++) {
            loop.turn(0);
        }
        loop.turn(0);
        assertThat(loop.ready().isEmpty()).isTrue();
    }

    private void later() {
        nowNs += 200_000_000;
        turns();
    }

    private boolean control(byte[] frame) {
        return link.control(0, Frames.inMemory(frame), 0, frame.length, NO_OFFLOAD);
    }

    private int commit(byte[]... frames) {
        int count = link.reserve(0, batch, frames.length, HEADER, 65_535 - HEADER);
        if (count == 0) {
            return 0;
        }
        for (int i = 0; i < count; i++) {
            Frames.fill(batch, i, frames[i]);
        }
        return link.commit(0, batch, count);
    }

    private int commitBorrowed(byte[]... frames) {
        int count = link.reserve(0, batch, frames.length, HEADER, 65_535 - HEADER);
        if (count == 0) {
            return 0;
        }
        for (int i = 0; i < count; i++) {
            MemorySegment frame = Frames.inMemory(frames[i]);
            MemorySegment.copy(frame, 0, batch.header(i), batch.headerAt(i), HEADER);
            batch.borrow(i, frame, HEADER, frames[i].length - HEADER);
        }
        int taken = link.commit(0, batch, count);
        for (int i = 0; i < count; i++) {
            batch.borrowed(i).fill((byte) 0xee); // what was lent may change now
        }
        return taken;
    }
}
