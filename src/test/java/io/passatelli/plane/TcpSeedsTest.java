package io.passatelli.plane;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Worlds that found something, and what that was. */
@Tag("sim")
class TcpSeedsTest {
    private static void live(long seed) {
        try (TcpWorld world = new TcpWorld(seed, TcpWorld.Tampering.NONE)) {
            world.live();
        }
    }

    @Test
    void whatASocketDoesNotTakeIsKept() {
        live(21);
    }

    @Test
    void theWindowDoesNotGoOnWithTheAcknowledgmentInASegmentThatComesAgain() {
        live(874);
    }

    @Test
    void aGuestThatHasClosedCannotResetWhatItsPeerHasNotRead() {
        live(4_045);
    }

    @Test
    void aConnectionThatOnlyOwesAcknowledgmentsCannotBeResetEither() {
        live(101_964);
    }
}
