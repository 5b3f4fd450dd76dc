package io.passatelli.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import static org.assertj.core.api.Assertions.fail;

/** A control group (v1) whose processes may have so much memory, the kernel's for their sockets too, as a container with a limit has it. Root. */
public final class MemoryBox implements AutoCloseable {
    private static final int PATIENCE = 1_000;
    private static final AtomicInteger NUMBERS = new AtomicInteger();

    private final Path group;

    private MemoryBox(Path group) {
        this.group = group;
    }

    public static MemoryBox of(long bytes) throws IOException {
        String name = "passatelli-" + ProcessHandle.current().pid() + "-" + NUMBERS.incrementAndGet();
        Path group =
                Files.createDirectory(Path.of("/sys/fs/cgroup/memory" + own()).resolve(name));
        Files.writeString(group.resolve("memory.limit_in_bytes"), String.valueOf(bytes));
        return new MemoryBox(group);
    }

    /** Where we are in this hierarchy. */
    private static String own() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/cgroup")).stream()
                .map(line -> line.split(":", 3))
                .filter(fields -> fields[1].equals("memory"))
                .map(fields -> fields[2])
                .findFirst()
                .orElseGet(() -> fail("this machine has no hierarchy of cgroups v1 for memory"));
    }

    /** The words of a command that takes a command and runs it in here. */
    public List<String> starter() {
        return List.of("sh", "-c", "echo $$ > " + group.resolve("cgroup.procs") + " && exec \"$@\"", "sh");
    }

    /** The most that its processes have had. */
    public long peakBytes() throws IOException {
        return Long.parseLong(
                Files.readString(group.resolve("memory.max_usage_in_bytes")).strip());
    }

    /** When the last process has ended. */
    @Override
    public void close() throws IOException {
        try {
            for (int i = 0;
                    i < PATIENCE
                            && !Files.readString(group.resolve("cgroup.procs")).isEmpty();
                    i++) {
                Thread.sleep(10);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        Files.delete(group);
    }
}
