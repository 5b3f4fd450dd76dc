package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import io.passatelli.plane.UdpFrames;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;

/** Frames of a guest out to break something: valid ones with octets changed, cut off or added, noise, and lengths that are none. Seeded. */
final class Storm {
    private static final List<byte[]> VALID = valid();
    private static final int CHUNK_BYTES = 256 << 10;
    private static final int NOISE_BYTES = 1_514;
    private static final int SKIPPED_BYTES = 128 << 10;

    /** The peer has nobody at the ports, so there are errors too. */
    private static List<byte[]> valid() {
        List<byte[]> frames = new ArrayList<>(List.of(
                Frames.arpRequest(Frames.GATEWAY),
                Frames.echoRequest(Frames.PEER, 7, 1),
                Frames.echoRequest(Frames.GATEWAY, 8, 1),
                Frames.dhcpDiscover(),
                Frames6.routerSolicitation(),
                Frames6.neighborSolicitation(
                        Frames6.LINK_LOCAL, Frames6.solicitedNode(Frames6.PEER), Frames6.PEER, Frames6.CARD),
                Frames6.dhcp6(Frames6.solicit()),
                Frames6.echoRequest(Frames6.GUEST, Frames6.PEER, 9, 1),
                Frames6.echoRequest(Frames6.LINK_LOCAL, Frames6.ROUTER, 10, 1),
                UdpFrames.frame(Lab.POD, 40_001, Lab.PEER, 9, new byte[20]),
                UdpFrames.frame(Frames6.GUEST, 40_001, Frames6.PEER, 9, new byte[20]),
                Packets6.fromGuest(0, Frames6.GUEST, Frames6.PEER, Packets6.options(60, 8, optional()))));
        byte[] long4 = Packets.udp(Lab.POD, 40_002, Lab.PEER, 9, new byte[200]);
        frames.addAll(Packets6.fragments4(17, Lab.POD, Lab.PEER, 1, long4, 80));
        byte[] long6 = Packets6.udp(Frames6.GUEST, 40_002, Frames6.PEER, 9, new byte[200]);
        frames.addAll(Packets6.fragments(17, Frames6.GUEST, Frames6.PEER, 1, long6, 80));
        return List.copyOf(frames);
    }

    private static byte[] optional() {
        return Packets6.options(17, 16, Packets6.udp(Frames6.GUEST, 40_003, Frames6.PEER, 9, new byte[20]));
    }

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
