package io.passatelli.lab;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;

import static org.assertj.core.api.Assertions.fail;

/** A control group (v1) whose processes share so many thousandths of a processor, as a container with a limit has them. Root. */
public final class CpuQuota implements AutoCloseable {
    private static final int PERIOD_US = 100_000; // what the kubelet takes
    private static final int PATIENCE = 1_000;
    private static final AtomicInteger NUMBERS = new AtomicInteger();

    private final Path group;

    private CpuQuota(Path group) {
        this.group = group;
    }

    public static CpuQuota of(int millicores) throws IOException {
        String name = "passatelli-" + ProcessHandle.current().pid() + "-" + NUMBERS.incrementAndGet();
        Path group = Files.createDirectory(Path.of("/sys/fs/cgroup/cpu" + own()).resolve(name));
        Files.writeString(group.resolve("cpu.cfs_period_us"), String.valueOf(PERIOD_US));
        Files.writeString(group.resolve("cpu.cfs_quota_us"), String.valueOf(PERIOD_US / 1_000 * millicores));
        // the kernel lets others than root move themselves, if they may write
        Files.setAttribute(group.resolve("cgroup.procs"), "unix:mode", 0666);
        return new CpuQuota(group);
    }

    /** Where we are in this hierarchy. */
    private static String own() throws IOException {
        return Files.readAllLines(Path.of("/proc/self/cgroup")).stream()
                .map(line -> line.split(":", 3))
                .filter(fields -> fields[1].equals("cpu"))
                .map(fields -> fields[2])
                .findFirst()
                .orElseGet(() -> fail("this machine has no hierarchy of cgroups v1 for cpu"));
    }

    /** The words of a command that takes a command and runs it in here: anybody's. */
    public List<String> starter() {
        return List.of("sh", "-c", "echo $$ > " + group.resolve("cgroup.procs") + " && exec \"$@\"", "sh");
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
