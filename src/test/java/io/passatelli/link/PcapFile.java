package io.passatelli.link;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** A capture, read back: every header is checked. */
public record PcapFile(List<byte[]> frames, List<Long> timesUs, long length) {
    public static PcapFile read(Path file) throws IOException {
        byte[] capture = Files.readAllBytes(file);
        List<byte[]> frames = new ArrayList<>();
        List<Long> timesUs = new ArrayList<>();
        ByteBuffer in = ByteBuffer.wrap(capture).order(ByteOrder.nativeOrder());
        assertThat(in.getInt()).isEqualTo(0xa1b2c3d4);
        assertThat(in.getShort()).isEqualTo((short) 2);
        assertThat(in.getShort()).isEqualTo((short) 4);
        assertThat(in.getLong()).isZero();
        assertThat(in.getInt()).isEqualTo(65_535);
        assertThat(in.getInt()).isEqualTo(1);
        while (in.hasRemaining()) {
            long seconds = in.getInt();
            int micros = in.getInt();
            assertThat(micros).isBetween(0, 999_999);
            timesUs.add(seconds * 1_000_000 + micros);
            byte[] frame = new byte[in.getInt()];
            assertThat(in.getInt()).isEqualTo(frame.length);
            in.get(frame);
            frames.add(frame);
        }
        return new PcapFile(frames, timesUs, capture.length);
    }
}
