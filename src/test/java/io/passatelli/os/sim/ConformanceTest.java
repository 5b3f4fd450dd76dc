package io.passatelli.os.sim;

import io.passatelli.os.LinuxOs;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;

/** SimOs against the running kernel: it has to admit whatever Linux answers to random programs. */
@Tag("sim")
class ConformanceTest {
    private static final int PROGRAMS = Integer.getInteger("conformance.programs", 150);
    private static final long FIRST_SEED = Long.getLong("sim.seed", 1);

    @Test
    void everyAnswerToLocalProgramsIsAdmitted(@TempDir Path directory) {
        runPrograms(directory, false);
    }

    @Test
    void everyAnswerToTcpProgramsIsAdmitted(@TempDir Path directory) {
        runPrograms(directory, true);
    }

    private static void runPrograms(Path directory, boolean withTcp) {
        for (long seed = FIRST_SEED; seed < FIRST_SEED + PROGRAMS; seed++) {
            try (RandomProgram program = new RandomProgram(new LinuxOs(), seed, withTcp, directory + "/" + seed)) {
                program.run();
            }
        }
    }
}
