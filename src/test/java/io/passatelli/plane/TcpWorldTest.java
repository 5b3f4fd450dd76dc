package io.passatelli.plane;

import io.passatelli.Seeds;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.stream.LongStream;

/** Many {@link TcpWorld}s: {@code make sim SEED=N WORLDS=M} lives through M of them from seed N on. */
@Tag("sim")
class TcpWorldTest {
    private static final int MANY = 2_000;
    /** Behind those that are lived through one by one. */
    private static final long MANY_FROM = 100_000;

    private static LongStream seeds() {
        return Seeds.firstOf(Integer.getInteger("sim.worlds", 40));
    }

    @ParameterizedTest
    @MethodSource("seeds")
    void programsReadWhatTheOtherWrote(long seed) {
        Seeds.run(seed, () -> live(seed));
    }

    @Test
    @Tag("long")
    void programsReadWhatTheOtherWroteInManyWorlds() {
        for (long seed = MANY_FROM; seed < MANY_FROM + MANY; seed++) {
            long one = seed;
            Seeds.run(seed, () -> live(one));
        }
    }

    private static void live(long seed) {
        TcpWorld world = new TcpWorld(seed, TcpWorld.Tampering.NONE);
        try {
            world.live();
            world.close();
        } catch (RuntimeException | AssertionError e) {
            throw new AssertionError(world.story() + ": " + e.getMessage(), e);
        }
    }
}
