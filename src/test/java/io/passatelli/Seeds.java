package io.passatelli;

import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.TestExecutionExceptionHandler;

import java.util.stream.LongStream;

/** Where simulations get their seeds from: {@code make sim SEED=N} sets the first one. A failure names the seed that it happened with. */
public final class Seeds {
    private static final long FIRST = Long.getLong("sim.seed", 1);

    private Seeds() {}

    /** The only seed of a test that runs once. */
    public static long first() {
        return FIRST;
    }

    /** Seeds of a test that runs often. */
    public static LongStream firstOf(int count) {
        return LongStream.range(FIRST, FIRST + count);
    }

    /** Runs what depends on this seed. */
    public static void run(long seed, Runnable test) {
        try {
            test.run();
        } catch (RuntimeException | AssertionError e) {
            throw named(seed, e);
        }
    }

    private static AssertionError named(long seed, Throwable failure) {
        return new AssertionError(
                "with seed " + seed + " (make sim SEED=" + seed + "): " + failure.getMessage(), failure);
    }

    /** For a class whose tests all depend on {@link #first}. */
    public static final class Named implements TestExecutionExceptionHandler {
        @Override
        public void handleTestExecutionException(ExtensionContext context, Throwable failure) {
            throw named(FIRST, failure);
        }
    }
}
