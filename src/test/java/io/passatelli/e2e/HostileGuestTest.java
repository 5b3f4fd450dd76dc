package io.passatelli.e2e;

import io.passatelli.lab.Lab;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

/** passt as a process, at the mercy of a guest that follows no rule, or of a host that gives it little. */
@Tag("netns")
class HostileGuestTest {
    private static final int STORM_FRAMES = 1_000_000;
    private static final int FLOOD_FRAMES = 1_500_000;
    private static final int FLOOD_CHUNK_FRAMES = 10_000;
    private static final int WARM_UP_FRAMES = 100_000;

    /**
     * The budget of a process with 1,000 flows, KiB: the storm leaves as many echo conversations behind as there may be. It holds for the heap
     * (48 MiB at most), compiled code and buffers together.
     */
    private static final long MEMORY_KIB = 100 << 10;

    /** By how much the storm may let the process grow, KiB: the heap has its limit at 48 MiB, of which the warm-up needed some. */
    private static final long STORM_KIB = 32 << 10;

    /** The answers to the flood would take more than 65 MiB; compiled code and the young generation grow by some at any time. */
    private static final long FLOOD_KIB = 32 << 10;

    private static Lab lab;

    @BeforeAll
    static void up() throws Exception {
        lab = Lab.up();
    }

    @AfterAll
    static void down() {
        if (lab != null) { // null where up() failed
            lab.close();
        }
    }

    @Test
    void secondGuestIsSentAwayAndTheFirstStays() throws Exception {
        try (Passt passt = Passt.start(lab);
                StreamGuest first = StreamGuest.connect(passt.socket())) {
            first.resolve();
            try (StreamGuest second = StreamGuest.connect(passt.socket())) {
                second.awaitEnd();
            }
            String us = "process " + ProcessHandle.current().pid();
            assertThat(passt.awaitLine(line -> line.contains(us) && line.contains("sent away")))
                    .startsWith("warning: ");
            first.resolve();
            assertThat(passt.terminate()).isZero();
        }
    }

    @Test
    void guestThatEndsWithinAFrameMakesRoomForTheNext() throws Exception {
        try (Passt passt = Passt.start(lab)) {
            for (int sent = 1; sent <= 4 + 42; sent += 15) {
                try (StreamGuest guest = StreamGuest.connect(passt.socket())) {
                    guest.resolve();
                    guest.write(
                            StreamGuest.framed(Frames.arpRequest(Frames.PEER)).limit(sent));
                }
            }
            try (StreamGuest guest = StreamGuest.connect(passt.socket())) {
                guest.resolve();
            }
        }
    }

    @Test
    void processOnAConnectedSocketEndsWithItsGuest() throws Exception {
        try (Passt passt = Passt.startConnected(lab)) {
            try (StreamGuest guest = StreamGuest.connect(passt.socket())) {
                guest.resolve();
            }
            assertThat(passt.awaitExit()).isZero();
            assertThat(passt.lines()).contains("serving descriptor 0").noneMatch(line -> line.contains("exited with"));
        }
    }

    @Test
    void framesOfABadLengthAreSkipped() throws Exception {
        try (Passt passt = Passt.start(lab);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            for (int length : new int[] {0, 1, 13, 65_536, 100_000, 128 << 10}) {
                guest.write(ByteBuffer.allocate(4 + length).putInt(0, length));
                guest.resolve();
            }
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {(128 << 10) + 1, Integer.MAX_VALUE, Integer.MIN_VALUE, -1})
    void lengthThatMeansThatFramingIsLostClosesTheGuestAlone(int length) throws Exception {
        try (Passt passt = Passt.start(lab)) {
            try (StreamGuest guest = StreamGuest.connect(passt.socket())) {
                guest.resolve();
                guest.write(ByteBuffer.allocate(64).putInt(0, length));
                guest.awaitEnd();
            }
            try (StreamGuest guest = StreamGuest.connect(passt.socket())) {
                guest.resolve();
            }
        }
    }

    @Test
    void stormOfMalformedFramesHarmsNothing() throws Exception {
        try (Passt passt = Passt.start(lab);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            new Storm(1).blow(guest, STORM_FRAMES / 4);
            guest.resolve();
            long before = passt.privateKib();
            new Storm(2).blow(guest, STORM_FRAMES);
            guest.resolve();
            long after = passt.privateKib();
            assertThat(after).isLessThan(MEMORY_KIB);
            assertThat(after - before).isLessThan(STORM_KIB);
            assertThat(passt.lines()).noneMatch(line -> line.contains("Exception") || line.contains("Error"));
            assertThat(passt.terminate()).isZero();
        }
    }

    @Test
    void guestThatDoesNotReadCostsNoMemoryAndFindsWholeFrames() throws Exception {
        try (Passt passt = Passt.start(lab);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            for (int i = 0; i < WARM_UP_FRAMES; i++) {
                guest.send(Frames.arpRequest(Frames.PEER));
                guest.forget();
            }
            guest.resolve();
            long before = passt.privateKib();
            int first = Frames.ip(11, 0, 0, 0);
            ByteBuffer question = StreamGuest.framed(Frames.arpRequest(0));
            ByteBuffer flood = ByteBuffer.allocate(FLOOD_CHUNK_FRAMES * question.remaining());
            for (int sent = 0; sent < FLOOD_FRAMES; sent += FLOOD_CHUNK_FRAMES) {
                flood.clear();
                for (int i = 0; i < FLOOD_CHUNK_FRAMES; i++) {
                    question.putInt(question.limit() - 4, first + sent + i); // the target protocol address
                    flood.put(question.duplicate());
                }
                guest.writeOnly(flood.flip());
            }
            assertThat(passt.privateKib() - before).isLessThan(FLOOD_KIB);

            List<Integer> resolved = new ArrayList<>();
            guest.resolveAtLast(frame -> {
                if (!Frames.isArpReply(frame)) {
                    fail("not an answer: %s", HexFormat.of().formatHex(frame));
                }
                resolved.add(Frames.resolved(frame));
            });
            assertThat(resolved).isSorted().doesNotHaveDuplicates().first().isEqualTo(first);
            guest.resolve();
        }
    }

    @Test
    void processWithFewDescriptorsDropsEchoesAndGoesOn() throws Exception {
        try (Passt passt = Passt.start(lab, List.of("prlimit", "--nofile=64:64"))) {
            try (StreamGuest guest = StreamGuest.connect(passt.socket())) {
                for (int identifier = 1; identifier <= 200; identifier++) {
                    guest.send(Frames.echoRequest(Frames.PEER, identifier, 1));
                }
                awaitEcho(guest, 1, 1);
                guest.resolve();
            }
            try (StreamGuest guest = StreamGuest.connect(passt.socket())) {
                guest.resolve();
                // conversations outlive the guest, and this one has its descriptor
                guest.send(Frames.echoRequest(Frames.PEER, 1, 2));
                awaitEcho(guest, 1, 2);
            }
            assertThat(passt.terminate()).isZero();
        }
    }

    @Test
    void refusedPingSocketsAreExplainedAndTheProcessGoesOn() throws Exception {
        lab.pingGroups("1 0");
        try (Passt passt = Passt.start(lab);
                StreamGuest guest = StreamGuest.connect(passt.socket())) {
            guest.send(Frames.echoRequest(Frames.PEER, 1, 1));
            passt.awaitLine(line -> line.contains("net.ipv4.ping_group_range"));
            guest.resolve();
            assertThat(passt.terminate()).isZero();
        } finally {
            lab.pingGroups("0 2147483647");
        }
    }

    /** Waits for the answer to an echo, past those to others. */
    private static void awaitEcho(StreamGuest guest, int identifier, int sequence) throws IOException {
        byte[] frame;
        do {
            frame = guest.receive();
        } while (!Frames.isEchoReply(frame)
                || Frames.identifier(frame) != identifier
                || Frames.sequence(frame) != sequence);
    }
}
