package io.passatelli.plane;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import static org.assertj.core.api.Assertions.fail;

/** Each {@link TcpMutant} is found by some world: {@code make mutants} tries ten thousand of each. */
@Tag("long")
class TcpMutantTest {
    private static final int SEEDS = Integer.getInteger("sim.mutants", 300);
    /** So many finds are enough to say how often one is to be expected. */
    private static final int ENOUGH = Math.max(1, SEEDS / 300);

    @ParameterizedTest
    @EnumSource
    void isFound(TcpMutant mutant) {
        int found = 0;
        int lived = 0;
        while (lived < SEEDS && found < ENOUGH) {
            found += isFound(mutant, ++lived) ? 1 : 0;
        }
        if (found == 0) {
            fail(mutant + " was found in none of " + lived + " worlds");
        }
        System.out.println(mutant + " was found in " + found + " of " + lived + " worlds");
    }

    private static boolean isFound(TcpMutant mutant, long seed) {
        try (TcpWorld world = new TcpWorld(seed, mutant.tampering(seed))) {
            world.live();
            return false;
        } catch (AssertionError | RuntimeException e) {
            return true;
        }
    }
}
