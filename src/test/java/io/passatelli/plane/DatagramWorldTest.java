package io.passatelli.plane;

import io.passatelli.Seeds;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.stream.LongStream;

/** Many {@link DatagramWorld}s: {@code make sim SEED=N WORLDS=M} lives through M of them from seed N on. */
@Tag("sim")
class DatagramWorldTest {
    private static LongStream seeds() {
        return Seeds.firstOf(Integer.getInteger("sim.worlds", 40));
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void nobodyGetsWhatWasNotSentToHim(long seed) {
        Seeds.run(seed, () -> {
            DatagramWorld world = new DatagramWorld(seed);
            try {
                world.live();
                world.close();
            } catch (RuntimeException | AssertionError e) {
                throw new AssertionError(world.story() + ": " + e.getMessage(), e);
            }
        });
    }
}
