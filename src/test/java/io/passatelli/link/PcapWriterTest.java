package io.passatelli.link;

import io.passatelli.base.Allocation;
import io.passatelli.base.Log;
import io.passatelli.wire.Packets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Files of frames that are made on demand; what is in them, {@link PcapLinkTest} looks at. */
class PcapWriterTest {
    private static final int FILE_HEADER = 24;
    private static final int RECORD_HEADER = 16;
    private static final int ROUNDS = 1_000;
    private static final int FRAMES_A_ROUND = 100;

    private final List<String> lines = new ArrayList<>();
    private final Log log = new Log(Log.Level.INFO, (level, line) -> lines.add(line));
    private final MemorySegment buffer = PcapWriter.newBuffer();
    private final Path directory;
    private final Path file;

    PcapWriterTest(@TempDir Path directory) {
        this.directory = directory;
        file = directory.resolve("capture.pcap");
    }

    private PcapWriter create(String filter, long mostBytes) throws IOException {
        return PcapWriter.create(file, CaptureFilter.parse(filter), mostBytes, buffer, () -> 0, log);
    }

    private static void send(PcapWriter writer, byte[] frame) {
        writer.sent(Packets.memory(frame), 0, frame.length, 0);
    }

    private static byte[] udp(String from, int fromPort, String to, int toPort, int length) {
        byte[] datagram = Packets.udp(from, fromPort, to, toPort, new byte[length]);
        return Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, Packets.ip4(17, from, to, datagram));
    }

    @Test
    void fileIsMadeForItsOwnerOnly() throws IOException {
        create("", 1_000).close();
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                .isEqualTo("rw-------");
        assertThat(PcapFile.read(file).frames()).isEmpty();
    }

    @Test
    void whatIsThereIsNotTouched() throws IOException {
        Files.writeString(file, "precious");
        assertThatThrownBy(() -> create("", 1_000))
                .isInstanceOf(IOException.class)
                .hasMessage("cannot capture to '" + file + "': File exists");
        assertThat(file).hasContent("precious");
    }

    @Test
    void linkIsNotFollowed() throws IOException {
        Path elsewhere = directory.resolve("elsewhere");
        Files.createSymbolicLink(file, elsewhere);
        assertThatThrownBy(() -> create("", 1_000)).hasMessageEndingWith("': File exists");
        assertThat(elsewhere).doesNotExist();
    }

    @Test
    void onlyFramesOfTheFilterAreThereEitherWay() throws IOException {
        PcapWriter writer = create("port 53", 100_000);
        byte[] asked = udp("10.0.0.1", 1000, "10.0.0.2", 53, 20);
        byte[] answered = udp("10.0.0.2", 53, "10.0.0.1", 1000, 200);
        byte[] other = udp("10.0.0.1", 1000, "10.0.0.2", 54, 20);
        RxBatch in = new RxBatch(4);
        for (byte[] frame : List.of(other, asked, other)) {
            int i = in.add(Packets.memory(frame), 0, 42);
            in.addPiece(i, Packets.memory(frame), 42, frame.length - 42);
        }
        writer.received(in, 3, 0);
        TxBatch out = new TxBatch(4);
        for (byte[] frame : List.of(answered, other)) {
            out.add(Packets.memory(frame), 0, 42, frame.length - 42);
            out.borrow(out.count() - 1, Packets.memory(frame), 42, frame.length - 42);
        }
        writer.sent(out, 2, 0);
        writer.received(in, -104, 0); // a link that is down
        send(writer, asked);
        send(writer, other);
        assertThat(writer.frameCount()).isEqualTo(3);
        writer.close();
        PcapFile capture = PcapFile.read(file);
        assertThat(capture.frames()).containsExactly(asked, answered, asked);
        assertThat(writer.byteCount()).isEqualTo(capture.length());
        assertThat(lines).isEmpty();
    }

    @Test
    void fileIsNeverLongerThanItsBoundAndSaysThatItIsFull() throws IOException {
        byte[] frame = udp("10.0.0.1", 1, "10.0.0.2", 2, 58); // of 100 bytes
        int three = FILE_HEADER + 3 * (RECORD_HEADER + frame.length);
        PcapWriter writer = create("", three);
        for (int i = 0; i < 3; i++) {
            send(writer, frame);
        }
        assertThat(writer.isOpen()).isTrue();
        send(writer, frame);
        assertThat(writer.isOpen()).isFalse();
        String why = "the next frame would make it longer than " + three + " bytes";
        assertThat(writer.ending()).isEqualTo(why);
        assertThat(lines).containsExactly("capturing to '" + file + "' ended: " + why);
        send(writer, frame);
        writer.close();
        assertThat(writer.frameCount()).isEqualTo(3);
        assertThat(Files.size(file)).isEqualTo(three);
        assertThat(PcapFile.read(file).frames()).hasSize(3);
        assertThat(lines).hasSize(1);
    }

    @Test
    void whatIsMadeInVainIsRemoved() throws IOException {
        create("", 1_000).discard();
        assertThat(file).doesNotExist();
        create("", 1_000).close();
        assertThat(file).exists();
    }

    /** 10⁵ frames each time, half of which are recorded. */
    @Test
    void framesAllocateNothing() throws IOException {
        PcapWriter writer = create("port 53 host 10.0.0.2", 4L << 30);
        MemorySegment taken = Packets.memory(udp("10.0.0.1", 1000, "10.0.0.2", 53, 20));
        MemorySegment other = Packets.memory(udp("10.0.0.1", 1000, "10.0.0.2", 54, 20));
        RxBatch batch = new RxBatch(FRAMES_A_ROUND);
        for (int i = 0; i < FRAMES_A_ROUND; i++) {
            MemorySegment frame = i % 2 == 0 ? taken : other;
            batch.add(frame, 0, (int) frame.byteSize());
        }
        assertThat(Allocation.leastBytes(1, () -> {
                    for (int round = 0; round < ROUNDS; round++) {
                        writer.received(batch, FRAMES_A_ROUND, round);
                        writer.spill();
                    }
                }))
                .isZero();
        writer.close();
        assertThat(writer.isOpen()).isFalse();
        assertThat(writer.frameCount()).isPositive();
        assertThat(Files.size(file)).isEqualTo(writer.byteCount());
    }
}
