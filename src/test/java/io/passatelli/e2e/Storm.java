package io.passatelli.e2e;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.SplittableRandom;

/** Frames of a guest out to break something: valid ones with octets changed, cut off or added, noise, and lengths that are none. Seeded. */
final class Storm {
    private static final List<byte[]> VALID = List.of(
            Frames.arpRequest(Frames.GATEWAY),
            Frames.echoRequest(Frames.PEER, 7, 1),
            Frames.echoRequest(Frames.GATEWAY, 8, 1),
            Frames.dhcpDiscover());
    private static final int CHUNK_BYTES = 256 << 10;
    private static final int NOISE_BYTES = 1_514;
    private static final int SKIPPED_BYTES = 128 << 10;

    private final SplittableRandom random;
    private final ByteBuffer chunk = ByteBuffer.allocate(CHUNK_BYTES);

    Storm(long seed) {
        random = new SplittableRandom(seed);
    }

    /** Sends {@code frames} of them, and reads what is answered. */
    void blow(StreamGuest guest, int frames) throws IOException {
        for (int i = 0; i < frames; i++) {
            if (chunk.remaining() < 4 + SKIPPED_BYTES) {
                flush(guest);
            }
            put();
        }
        flush(guest);
    }

    private void flush(StreamGuest guest) throws IOException {
        guest.write(chunk.flip());
        guest.forget();
        chunk.clear();
    }

    private void put() {
        int kind = random.nextInt(10_000);
        if (kind == 0) {
            noise(random.nextInt(65_536, SKIPPED_BYTES + 1));
        } else if (kind < 100) {
            noise(random.nextInt(14));
        } else if (kind < 300) {
            noise(random.nextInt(14, NOISE_BYTES + 1));
        } else if (kind < 1_000) {
            noise(random.nextInt(14, 64));
        } else {
            mutant(VALID.get(random.nextInt(VALID.size())));
        }
    }

    /** Arbitrary bytes behind their length. */
    private void noise(int length) {
        chunk.putInt(length);
        int at = chunk.position();
        chunk.position(at + length);
        for (int i = 0; i < length; i += 8) {
            long octets = random.nextLong();
            for (int j = i; j < Math.min(i + 8, length); j++, octets >>>= 8) {
                chunk.put(at + j, (byte) octets);
            }
        }
    }

    private void mutant(byte[] valid) {
        int length = valid.length;
        int change = random.nextInt(4);
        if (change == 0) {
            length = random.nextInt(14, valid.length);
        } else if (change == 1) {
            length += random.nextInt(64);
        }
        chunk.putInt(length);
        int at = chunk.position();
        chunk.position(at + length);
        chunk.put(at, valid, 0, Math.min(length, valid.length));
        for (int i = valid.length; i < length; i++) {
            chunk.put(at + i, (byte) 0);
        }
        // most of what is decided on lies in the first 64 octets
        for (int i = random.nextInt(4); i >= 0; i--) {
            int where = random.nextInt(random.nextBoolean() ? Math.min(64, length) : length);
            chunk.put(at + where, (byte) random.nextInt(256));
        }
    }
}
