package io.passatelli.link;

import java.io.ByteArrayOutputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

/** Frames for tests of links: bytes to tell them apart by, and their form on a stream. */
final class Frames {
    private Frames() {}

    /** {@code length} bytes that depend on {@code seed}, none of them 0. */
    static byte[] frame(int length, int seed) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (1 + (i * 31 + seed * 97 + i / 251) % 255);
        }
        return bytes;
    }

    /** The frames behind their lengths. */
    static byte[] stream(byte[]... frames) {
        var out = new ByteArrayOutputStream();
        for (byte[] frame : frames) {
            out.writeBytes(prefix(frame.length));
            out.writeBytes(frame);
        }
        return out.toByteArray();
    }

    static byte[] prefix(int length) {
        return ByteBuffer.allocate(4).putInt(length).array();
    }

    /** The frames of a stream, which holds nothing but whole ones. */
    static List<byte[]> parse(byte[] stream) {
        List<byte[]> frames = new ArrayList<>();
        var in = ByteBuffer.wrap(stream);
        while (in.hasRemaining()) {
            byte[] frame = new byte[in.getInt()];
            in.get(frame);
            frames.add(frame);
        }
        return frames;
    }

    /** As the guest sees it: with zeros up to 60 bytes. */
    static byte[] padded(byte[] frame) {
        return Arrays.copyOf(frame, Math.max(frame.length, 60));
    }

    static byte[] concat(byte[]... parts) {
        var out = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            out.writeBytes(part);
        }
        return out.toByteArray();
    }

    static MemorySegment inMemory(byte[] bytes) {
        MemorySegment segment = Arena.global().allocate(Math.max(bytes.length, 1));
        MemorySegment.copy(bytes, 0, segment, JAVA_BYTE, 0, bytes.length);
        return segment;
    }

    static byte[] bytes(RxBatch batch, int i) {
        int length = batch.frame(i).length();
        MemorySegment out = Arena.ofAuto().allocate(length);
        batch.copy(i, 0, length, out, 0);
        return out.toArray(JAVA_BYTE);
    }

    static byte[] bytes(TxBatch batch, int i) {
        int length = batch.length(i);
        MemorySegment out = Arena.ofAuto().allocate(length);
        batch.copy(i, 0, length, out, 0);
        return out.toArray(JAVA_BYTE);
    }

    /** Writes {@code frame} into slot {@code i} of a reservation: its header, and its payload over the ranges. */
    static void fill(TxBatch batch, int i, byte[] frame) {
        int header = batch.headerLength(i);
        MemorySegment.copy(frame, 0, batch.header(i), JAVA_BYTE, batch.headerAt(i), header);
        long skip = 0;
        for (int k = 0; k < i; k++) {
            skip += batch.capacity(k);
        }
        int done = header;
        for (int range = 0; done < frame.length; range++) {
            long here = batch.payload().length(range);
            if (skip >= here) {
                skip -= here;
                continue;
            }
            int n = (int) Math.min(here - skip, frame.length - done);
            long at = batch.payload().offset(range) + skip;
            MemorySegment.copy(frame, done, batch.payload().segment(range), JAVA_BYTE, at, n);
            done += n;
            skip = 0;
        }
        batch.length(i, frame.length);
    }
}
