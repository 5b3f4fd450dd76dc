package io.passatelli.app;

import io.passatelli.control.api.StatusAnswer;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Memory of this process, as the JVM and the kernel see it. Takes milliseconds: not for the loop thread. */
final class ProcessMemory {
    private static final Path ROLLUP = Path.of("/proc/self/smaps_rollup");
    private static final String PRIVATE = "Private_Dirty:";

    private ProcessMemory() {}

    static StatusAnswer.Memory now() {
        Runtime heap = Runtime.getRuntime();
        return new StatusAnswer.Memory(heap.totalMemory() - heap.freeMemory(), heap.maxMemory(), privateDirty());
    }

    /** Bytes, proc(5); null if the kernel does not tell. */
    private static @Nullable Long privateDirty() {
        try {
            for (String line : Files.readAllLines(ROLLUP)) {
                if (line.startsWith(PRIVATE)) {
                    String kib =
                            line.substring(PRIVATE.length()).replace("kB", "").strip();
                    return Long.parseLong(kib) << 10;
                }
            }
            return null;
        } catch (IOException | NumberFormatException e) {
            return null;
        }
    }
}
