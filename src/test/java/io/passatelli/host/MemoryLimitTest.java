package io.passatelli.host;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import static org.assertj.core.api.Assertions.assertThat;

/** On files as kernels and container runtimes lay them out. */
class MemoryLimitTest {
    private static final String CONTROLLERS = "13:misc:/\n12:hugetlb:/box\n11:cpuset:/box\n10:blkio:/box\n";

    @TempDir
    private Path root = Path.of("");

    private void file(String path, String text) throws IOException {
        Path file = root.resolve(path);
        Files.createDirectories(file.resolveSibling(""));
        Files.writeString(file, text);
    }

    private void group(String text) throws IOException {
        file("proc/self/cgroup", text);
    }

    /** containerd and CRI-O with the second version: a namespace of groups, so the container's own is the root. */
    @Test
    void containersGroupIsTheRootOfWhatItSees() throws IOException {
        group("0::/\n");
        file("sys/fs/cgroup/memory.max", "67108864\n");
        assertThat(MemoryLimit.bytes(root)).isEqualTo(64 << 20);
    }

    @Test
    void noLimitIsNone() throws IOException {
        group("0::/\n");
        file("sys/fs/cgroup/memory.max", "max\n");
        assertThat(MemoryLimit.bytes(root)).isEqualTo(MemoryLimit.NONE);
    }

    /** On a node itself: the root has no such file. */
    @Test
    void theLeastOfAllAboveCounts() throws IOException {
        group("0::/kubepods.slice/kubepods-burstable.slice/cri-containerd-1f.scope\n");
        file("sys/fs/cgroup/cgroup.controllers", "cpuset cpu io memory pids\n");
        file("sys/fs/cgroup/kubepods.slice/memory.max", "33285996544\n");
        file("sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/memory.max", "209715200\n");
        file("sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/cri-containerd-1f.scope/memory.max", "max\n");
        assertThat(MemoryLimit.bytes(root)).isEqualTo(200 << 20);
    }

    /** Without a namespace of groups the path is the node's, and what is mounted is the container's own. */
    @Test
    void pathThatLeadsNowhereIsNotNeeded() throws IOException {
        group("0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-1f.scope\n");
        file("sys/fs/cgroup/memory.max", "268435456\n");
        assertThat(MemoryLimit.bytes(root)).isEqualTo(256 << 20);
    }

    @Test
    void groupBeyondOurNamespaceLeadsNowhereElse() throws IOException {
        group("0::/../../other\n");
        file("other/memory.max", "1048576\n");
        file("sys/fs/cgroup/memory.max", "268435456\n");
        assertThat(MemoryLimit.bytes(root)).isEqualTo(256 << 20);
    }

    @Test
    void firstVersionHasItsOwnPlaceAndWords() throws IOException {
        group(CONTROLLERS + "9:memory:/kubepods/burstable/pod1/1f\n1:name=systemd:/kubepods/burstable/pod1/1f\n0::/\n");
        file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        file("sys/fs/cgroup/memory/kubepods/burstable/memory.limit_in_bytes", "9223372036854771712\n");
        file("sys/fs/cgroup/memory/kubepods/burstable/pod1/memory.limit_in_bytes", "134217728\n");
        file("sys/fs/cgroup/memory/kubepods/burstable/pod1/1f/memory.limit_in_bytes", "67108864\n");
        assertThat(MemoryLimit.bytes(root)).isEqualTo(64 << 20);
    }

    @Test
    void firstVersionWithoutLimitIsNone() throws IOException {
        group(CONTROLLERS + "9:memory:/\n0::/\n");
        file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        file("sys/fs/cgroup/memory.max", "1048576\n"); // of nobody
        assertThat(MemoryLimit.bytes(root)).isEqualTo(MemoryLimit.NONE);
    }

    /** Memory may share its hierarchy with others. */
    @Test
    void firstVersionWithOtherControllersBesideIt() throws IOException {
        group("4:cpu,memory,cpuacct:/box\n");
        file("sys/fs/cgroup/memory/box/memory.limit_in_bytes", "67108864\n");
        assertThat(MemoryLimit.bytes(root)).isEqualTo(64 << 20);
    }

    @Test
    void whatCannotBeReadIsNoLimit() throws IOException {
        assertThat(MemoryLimit.bytes(root)).isEqualTo(MemoryLimit.NONE);
        group("nonsense\n\n0:\n::\n");
        file("sys/fs/cgroup/memory.max", "many\n");
        assertThat(MemoryLimit.bytes(root)).isEqualTo(MemoryLimit.NONE);
        file("sys/fs/cgroup/memory.max", "0\n");
        assertThat(MemoryLimit.bytes(root)).isEqualTo(MemoryLimit.NONE);
    }

    @Test
    void ofThisProcessIsPositive() {
        assertThat(MemoryLimit.bytes()).isPositive();
    }
}
