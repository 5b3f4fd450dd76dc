package io.passatelli.plane;

import io.passatelli.base.Limits;
import io.passatelli.link.CaptureFilter;
import io.passatelli.link.PcapFile;
import io.passatelli.os.sim.FarUdp;
import io.passatelli.wire.TcpSegment;
import org.assertj.core.api.ThrowableAssertAlternative;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;

import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.TcpScenario.FAR4;
import static io.passatelli.plane.TcpScenario.bytes;
import static io.passatelli.plane.TcpTalk.data;
import static io.passatelli.plane.TcpTalk.seg;
import static org.assertj.core.api.Assertions.assertThat;

/** Captures that begin and end while the plane runs. */
@Tag("sim")
class CaptureScenarioTest {
    private static final long MIB = 1 << 20;

    private final Path directory;
    private final Path file;

    CaptureScenarioTest(@TempDir Path directory) {
        this.directory = directory;
        file = directory.resolve("capture.pcap");
    }

    private static <T> CompletableFuture<T> answered(PlaneScenario t, CompletableFuture<T> question) {
        t.runs(0);
        assertThat(question).isDone();
        return question;
    }

    private void starts(PlaneScenario t, String filter, long mostBytes) {
        assertThat(answered(t, start(t, file, filter, mostBytes))).isCompletedWithValue(file);
    }

    private static CompletableFuture<Path> start(PlaneScenario t, Path file, String filter, long mostBytes) {
        return t.plane.handle().startCapture(file, CaptureFilter.parse(filter), mostBytes);
    }

    private static CompletableFuture<CaptureEnd> stop(PlaneScenario t) {
        return answered(t, t.plane.handle().stopCapture());
    }

    private static ThrowableAssertAlternative<?> assertFails(CompletableFuture<?> answer) {
        return assertThat(answer).failsWithin(Duration.ZERO).withThrowableThat();
    }

    private static PlaneScenario pings(PlaneScenario t, int sequence) {
        t.guestPings(FAR4, 7, sequence).runs(MS).guestGetsReply(FAR4, 7, sequence);
        return t;
    }

    @Test
    void framesBetweenStartAndStopAreThereAndNoOthers() throws IOException {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR4).answersEcho(0);
            pings(t, 1);
            starts(t, "", MIB);
            pings(pings(t, 2), 3);
            CaptureEnd end = stop(t).join();
            pings(t, 4);

            PcapFile capture = PcapFile.read(file);
            assertThat(end).isEqualTo(new CaptureEnd(file, 4, capture.length(), ""));
            byte[] payload = "abcdefgh".getBytes(StandardCharsets.US_ASCII);
            assertThat(capture.frames())
                    .containsExactly(
                            PlaneScenario.echoRequest(GUEST, FAR4, 7, 2, payload),
                            PlaneScenario.echoReply(FAR4, GUEST, 7, 2, payload),
                            PlaneScenario.echoRequest(GUEST, FAR4, 7, 3, payload),
                            PlaneScenario.echoReply(FAR4, GUEST, 7, 3, payload));
            assertThat(capture.timesUs().get(2) - capture.timesUs().get(0)).isBetween(900L, 1_200L);
            assertThat(t.lines)
                    .containsSubsequence(
                            "capturing to '" + file + "'",
                            "the capture '" + file + "' ended: 4 frames, " + end.bytes() + " bytes");
        }
    }

    /** Both sides' segments, those with data from our buffers too, and acknowledgments, which are control frames. */
    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void filterTakesOneConversationOfTwo(boolean v4) throws IOException {
        try (var t = TcpScenario.standard()) {
            TcpTalk mine = t.connected(v4);
            TcpTalk other = t.connected(v4);
            starts(t.plane, "port 40000 host " + TcpScenario.far(v4), MIB);
            for (TcpTalk c : List.of(mine, other, mine)) {
                c.sends(data(bytes(100))).gets(seg("A"));
                c.farSends(bytes(3_000), 0);
                assertThat(c.takeAll()).hasSize(3);
                c.sends(seg("A")).silent();
            }
            assertThat(stop(t.plane).join().frames()).isEqualTo(2 * (1 + 1 + 3 + 1));
            for (byte[] frame : PcapFile.read(file).frames()) {
                TcpSegment segment = TcpSegment.parse(frame);
                assertThat(List.of(segment.srcPort(), segment.dstPort())).contains(40_000);
            }
        }
    }

    @Test
    void fragmentsToTheGuestAreTakenWhateverThePort() throws IOException {
        try (var t = PlaneScenario.setup().ip6().start()) {
            for (String far : List.of(FAR4, TcpScenario.FAR6)) {
                FarUdp server = t.host(far).udp(53);
                String guest = TcpScenario.guest(far.equals(FAR4));
                t.guestSends(UdpFrames.frame(guest, 4_000, far, 53, new byte[1]))
                        .runs(MS);
                starts(t, "port 9", MIB);
                server.reply(new byte[100]);
                server.reply(new byte[3_000]);
                t.runs(MS);
                CaptureEnd end = stop(t).join();
                assertThat(end.frames()).isEqualTo(3);
                assertThat(PcapFile.read(file).frames()).hasSize(3);
                Files.delete(file);
                t.link.forgetSeen();
            }
        }
    }

    @Test
    void secondOneIsRefusedWhileTheFirstRuns() {
        try (var t = PlaneScenario.standard()) {
            starts(t, "", MIB);
            Path second = directory.resolve("second");
            assertFails(answered(t, start(t, second, "", MIB)))
                    .withMessageContaining("a capture is running already; stop it first");
            assertThat(second).doesNotExist();
            assertThat(stop(t).join().frames()).isZero();
            assertThat(answered(t, start(t, second, "", MIB))).isCompletedWithValue(second);
            assertThat(stop(t)).isCompleted();
            assertFails(stop(t)).withMessageContaining("no capture is running");
        }
    }

    @Test
    void fileThatIsThereOrCannotBeMadeIsRefusedAndLeavesThePlaceFree() throws IOException {
        try (var t = PlaneScenario.standard()) {
            Files.writeString(file, "precious");
            assertFails(start(t, file, "", MIB)).withMessageContaining("cannot capture to '" + file + "': File exists");
            Path nowhere = directory.resolve("no/where");
            assertFails(start(t, nowhere, "", MIB)).withMessageContaining("No such file or directory");
            assertFails(start(t, file, "", 0)).withMessageContaining("a capture has 1 to 4294967296 bytes, not 0");
            assertFails(start(t, file, "", Limits.CAPTURE_BYTES_MOST + 1))
                    .withMessageContaining("bytes, not 4294967297");
            assertFails(stop(t)).withMessageContaining("no capture is running");
            assertThat(file).hasContent("precious");
            Files.delete(file);
            starts(t, "", MIB);
            assertThat(stop(t)).isCompleted();
        }
    }

    @Test
    void oneThatIsFullEndsByItselfTellsOnceAndMakesPlace() throws IOException {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR4).answersEcho(0);
            starts(t, "", 200);
            for (int i = 1; i <= 5; i++) {
                pings(t, i);
            }
            CaptureEnd end = stop(t).join();
            assertThat(end.why()).isEqualTo("the next frame would make it longer than 200 bytes");
            assertThat(end.frames())
                    .isEqualTo(PcapFile.read(file).frames().size())
                    .isBetween(1L, 3L);
            assertThat(end.bytes()).isEqualTo(Files.size(file)).isLessThanOrEqualTo(200);
            assertFails(stop(t)).withMessageContaining("no capture is running");

            Path again = directory.resolve("again");
            assertThat(answered(t, start(t, again, "", 100))).isCompletedWithValue(again);
            pings(pings(t, 6), 7); // it ends by itself, and nobody asks
            Path third = directory.resolve("third");
            assertThat(answered(t, start(t, third, "", MIB))).isCompletedWithValue(third);
            pings(t, 8);
            assertThat(stop(t).join()).isEqualTo(new CaptureEnd(third, 2, Files.size(third), ""));
        }
    }

    @Test
    void endOfThePlaneEndsTheCaptureWell() throws IOException {
        PlaneScenario t = PlaneScenario.standard();
        t.host(FAR4).answersEcho(0);
        starts(t, "", MIB);
        pings(t, 1);
        CompletableFuture<CaptureEnd> waiting = t.plane.handle().stopCapture();
        t.close();
        assertThat(PcapFile.read(file).frames()).hasSize(2);
        assertFails(waiting).withMessageContaining("the plane has ended");
        assertFails(t.plane.handle().stopCapture()).withMessageContaining("the plane has ended");
        Path late = directory.resolve("late");
        assertFails(start(t, late, "", MIB)).withMessageContaining("the plane has ended");
        assertThat(late).doesNotExist();
    }

    @Test
    void questionThatThePlaneDoesNotLiveToHearLeavesNoFile() {
        PlaneScenario t = PlaneScenario.standard();
        CompletableFuture<Path> waiting = start(t, file, "", MIB);
        assertThat(file).exists();
        t.close();
        assertFails(waiting).withMessageContaining("the plane has ended");
        assertThat(file).doesNotExist();
    }

    @Test
    void whoGivesUpBeforeItBeganLeavesNothing() {
        try (var t = PlaneScenario.standard()) {
            t.host(FAR4).answersEcho(0);
            assertThat(start(t, file, "", MIB).cancel(true)).isTrue();
            t.runs(0);
            assertThat(file).doesNotExist();
            pings(t, 1);
            starts(t, "", MIB);
            assertThat(stop(t).join().frames()).isZero();
        }
    }
}
