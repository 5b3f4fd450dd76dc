package io.passatelli.link;

import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.LinuxOs;
import io.passatelli.wire.Offload;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class PcapLinkTest {
    private static final int HEADER = 54;

    private long nowNs = 5_000_000_000L;
    private final List<String> lines = new ArrayList<>();
    private final Log log = new Log(Log.Level.INFO, (level, line) -> lines.add(line));
    private final EventLoop loop = new EventLoop(new LinuxOs(), () -> nowNs, log);
    private final SimLink sim = SimLink.plain();
    private final LinkEar ear = new LinkEar();
    private final TxBatch batch = new TxBatch(8);
    private final Path file;

    PcapLinkTest(@TempDir Path directory) {
        file = directory.resolve("capture.pcap");
    }

    @AfterEach
    void close() {
        loop.close();
    }

    @Test
    void whatPassesIsRecordedInOrderWithItsTime() throws IOException {
        long before = System.currentTimeMillis();
        PcapLink link = open(file);
        long after = System.currentTimeMillis();
        passAFew(link);
        link.close();

        PcapFile capture = PcapFile.read(file);
        List<Long> times = capture.timesUs();
        assertThat(capture.frames())
                .containsExactly(
                        Frames.frame(14, 1),
                        Frames.frame(65_535, 2),
                        Frames.frame(HEADER + 9, 10),
                        Frames.frame(42, 20));
        assertThat(times.get(0) / 1_000).isBetween(before, after);
        assertThat(times.get(1)).isEqualTo(times.get(0));
        assertThat(times.get(3)).isEqualTo(times.get(0) + 1_500_000);
    }

    @Test
    void theFileIsForItsOwnerAndEmptiedFirst() throws IOException {
        open(file).close();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        assertThat(Files.size(file)).isEqualTo(24);
        Files.write(file, new byte[1_000]);
        var another = new EventLoop(new LinuxOs(), () -> nowNs, log);
        PcapLink again = PcapLink.open(SimLink.plain(), file, () -> nowNs, log);
        again.bind(another, ear);
        again.close();
        another.close();
        assertThat(Files.size(file)).isEqualTo(24);
    }

    @Test
    void manyFramesAreMoreThanTheBuffer() throws IOException {
        PcapLink link = open(file);
        byte[] frame = Frames.frame(65_535, 3);
        for (int i = 0; i < 20; i++) {
            sim.guestSends(frame);
        }
        turns();
        link.close();
        assertThat(PcapFile.read(file).frames()).hasSize(20).containsOnly(frame);
    }

    @Test
    void aFullDiskEndsTheCaptureAndNotTheNetwork() throws IOException {
        PcapLink link = open(Path.of("/dev/full"));
        passAFew(link);
        assertThat(ear.frames).hasSize(2);
        assertThat(sim.seen()).hasSize(2);
        assertThat(lines).containsExactly("capturing to '/dev/full' ended: No space left on device");
        link.close();
    }

    @Test
    void aFileThatCannotBeMadeIsAnError() {
        Path nowhere = file.resolve("x");
        assertThatThrownBy(() -> PcapLink.open(sim, nowhere, () -> nowNs, log))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("cannot capture to '" + nowhere + "': ");
    }

    @Test
    @Tag("netns")
    void tsharkReadsIt() throws Exception {
        PcapLink link = open(file);
        byte[] arp = new byte[42];
        Arrays.fill(arp, 0, 6, (byte) 0xff);
        byte[] head = {0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1};
        System.arraycopy(head, 0, arp, 12, head.length);
        sim.guestSends(arp);
        turns();
        link.close();
        Process tshark = new ProcessBuilder("tshark", "-n", "-r", file.toString()).start();
        String out = new String(tshark.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        String err = new String(tshark.getErrorStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(tshark.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(tshark.exitValue()).as(err).isZero();
        assertThat(out).contains("ARP 42 ");
        assertThat(err.lines().filter(l -> !l.startsWith("Running as user"))).isEmpty();
    }

    private PcapLink open(Path path) throws IOException {
        PcapLink link = PcapLink.open(sim, path, () -> nowNs, log);
        ear.link = link;
        link.bind(loop, ear);
        loop.onTurnEnd(now -> link.flush(0));
        turns();
        return link;
    }

    /** Two frames from the guest; then, 1.5 s later, three to it of which it takes one, and a control frame. */
    private void passAFew(PcapLink link) {
        sim.guestSends(Frames.frame(14, 1));
        sim.guestSends(Frames.frame(65_535, 2));
        turns();
        nowNs += 1_500_000_000L;
        turns();
        assertThat(link.reserve(0, batch, 3, HEADER, Limits.CONTROL_FRAME_BYTES - HEADER))
                .isEqualTo(3);
        for (int i = 0; i < 3; i++) {
            Frames.fill(batch, i, Frames.frame(HEADER + 9 + i, 10 + i));
        }
        sim.guestStopsAfter(0, 1);
        assertThat(link.commit(0, batch, 3)).isEqualTo(1);
        byte[] control = Frames.frame(42, 20);
        assertThat(link.control(0, Frames.inMemory(control), 0, 42, new Offload()))
                .isFalse();
        sim.guestReads(0);
        turns();
        assertThat(link.control(0, Frames.inMemory(control), 0, 42, new Offload()))
                .isTrue();
        turns();
    }

    private void turns() {
        do {
            loop.turn(0);
        } while (!loop.ready().isEmpty());
    }
}
