package io.passatelli.os.sim;

import io.passatelli.Seeds;
import io.passatelli.os.LinuxOs;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;

/** SimOs against the running kernel: it has to admit whatever Linux answers to random programs. */
@Tag("sim")
class ConformanceTest {
    private static final int PROGRAMS = Integer.getInteger("conformance.programs", 150);

    @Test
    void everyAnswerToLocalProgramsIsAdmitted(@TempDir Path directory) {
        runPrograms(directory, false);
    }

    @Test
    void everyAnswerToTcpProgramsIsAdmitted(@TempDir Path directory) {
        runPrograms(directory, true);
    }

    @Test
    void everyAnswerToUdpProgramsIsAdmitted() {
        Seeds.firstOf(PROGRAMS)
                .forEach(seed -> Seeds.run(seed, () -> {
                    try (RandomUdpProgram program = new RandomUdpProgram(new LinuxOs(), seed)) {
                        program.run();
                    }
                }));
    }

    private static void runPrograms(Path directory, boolean withTcp) {
        Seeds.firstOf(PROGRAMS)
                .forEach(seed -> Seeds.run(seed, () -> {
                    try (RandomProgram program =
                            new RandomProgram(new LinuxOs(), seed, withTcp, directory + "/" + seed)) {
                        program.run();
                    }
                }));
    }
}
