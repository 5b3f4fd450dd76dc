package io.passatelli.wire;

import org.junit.jupiter.api.Test;

import static org.assertj.core.api.Assertions.assertThat;

class OffloadTest {
    private static Offload some() {
        Offload offload = new Offload();
        offload.flags = Offload.NEEDS_CSUM;
        offload.gsoType = Offload.GSO_TCPV4;
        offload.hdrLen = 54;
        offload.gsoSize = 1_448;
        offload.csumStart = 34;
        offload.csumOffset = 16;
        return offload;
    }

    @Test
    void copyHasEveryFieldAndClearLeavesNone() {
        Offload copy = new Offload();
        copy.set(some());
        assertThat(copy).usingRecursiveComparison().isEqualTo(some());
        copy.clear();
        assertThat(copy).usingRecursiveComparison().isEqualTo(new Offload());
    }

    @Test
    void checksumIsVouchedForWhenUnfinishedOrFoundGood() {
        Offload offload = new Offload();
        assertThat(offload.vouchesForChecksum()).isFalse();
        offload.flags = Offload.NEEDS_CSUM;
        assertThat(offload.vouchesForChecksum()).isTrue();
        offload.flags = Offload.DATA_VALID;
        assertThat(offload.vouchesForChecksum()).isTrue();
    }

    @Test
    void newFrameForgetsTheOffloadOfTheOldOne() {
        Frame frame = new Frame();
        frame.offload().set(some());
        frame.set(Packets.memory(new byte[60]), 0, 60);
        assertThat(frame.offload()).usingRecursiveComparison().isEqualTo(new Offload());
    }
}
