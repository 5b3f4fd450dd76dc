package io.passatelli.proto.tcp;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import static org.assertj.core.api.Assertions.assertThat;

class GuestWindowTest {
    private final TcpFlow flow = new Workbench().established();

    /**
     * Nobody looks again at a window that is not short. A guest that sees less than a segment of it, since the field is rounded down, sends
     * nothing more and asks ever more rarely: so what it sees counts.
     */
    @ParameterizedTest
    @ValueSource(ints = {0, 7, 8, 14})
    void windowThatIsNotShortShowsTheGuestASegmentHoweverItIsRounded(int scale) {
        flow.ourScale = scale;
        flow.mss = 1_448;
        flow.offered = 1 << 20;
        flow.next = -1_000; // across the end of the numbers
        int shorter = 0;
        for (int room = 0; room < 100_000; room++) {
            if (GuestWindow.isShort(flow, flow.next + room)) {
                shorter++;
                continue;
            }
            assertThat(room >> scale << scale).as("seen of %s", room).isGreaterThanOrEqualTo(flow.mss);
        }
        assertThat(shorter).as("and it is short no longer than it has to be").isLessThan(flow.mss + (1 << scale));
    }
}
