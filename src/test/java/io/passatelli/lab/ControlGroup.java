package io.passatelli.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import static org.assertj.core.api.Assertions.fail;

/** A control group (v1) of the test's own, whose processes are limited as those of a container with a limit are. Root. */
public final class ControlGroup implements AutoCloseable {
    private static final int PERIOD_US = 100_000; // what the kubelet takes
    private static final int PATIENCE = 1_000;
    private static final AtomicInteger NUMBERS = new AtomicInteger();

    private final Path group;

    private ControlGroup(String hierarchy) throws IOException {
        String name = "passatelli-" + ProcessHandle.current().pid() + "-" + NUMBERS.incrementAndGet();
        group = Files.createDirectory(
                Path.of("/sys/fs/cgroup/" + hierarchy + own(hierarchy)).resolve(name));
    }

    /** Its processes share so many thousandths of a processor. */
    public static ControlGroup ofProcessor(int millicores) throws IOException {
        ControlGroup made = new ControlGroup("cpu");
        made.set("cpu.cfs_period_us", PERIOD_US);
        made.set("cpu.cfs_quota_us", PERIOD_US / 1_000L * millicores);
        // the kernel lets others than root move themselves, if they may write
        Files.setAttribute(made.group.resolve("cgroup.procs"), "unix:mode", 0666);
        return made;
    }

    /** Its processes may have so much memory, the kernel's for their sockets too. */
    public static ControlGroup ofMemory(long bytes) throws IOException {
        ControlGroup made = new ControlGroup("memory");
        made.set("memory.limit_in_bytes", bytes);
        return made;
    }

    private void set(String file, long value) throws IOException {
        Files.writeString(group.resolve(file), String.valueOf(value));
    }

    /** Where we are in this hierarchy. */
    private static String own(String hierarchy) throws IOException {
        return Files.readAllLines(Path.of("/proc/self/cgroup")).stream()
                .map(line -> line.split(":", 3))
                .filter(fields -> fields[1].equals(hierarchy))
                .map(fields -> fields[2])
                .findFirst()
                .orElseGet(() -> fail("this machine has no hierarchy of cgroups v1 for %s", hierarchy));
    }

    /** The words of a command that takes a command and runs it in here; with {@link #ofProcessor}, anybody's. */
    public List<String> starter() {
        return List.of("sh", "-c", "echo $$ > " + group.resolve("cgroup.procs") + " && exec \"$@\"", "sh");
    }

    /** The most memory that its processes have had. */
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
