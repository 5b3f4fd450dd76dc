package io.passatelli.e2e;

import io.passatelli.hook.LauncherDouble;
import io.passatelli.hook.RecordedBoot;
import io.passatelli.lab.Command;
import io.passatelli.lab.Lab;
import io.passatelli.lab.LibvirtLab;

import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

/** The assembled sidecar (make build) in its container of a launcher pod, and virt-launcher's calls. Ends with its pod. */
final class SidecarContainer implements AutoCloseable {
    private static final String PROGRAM =
            Command.ROOT.resolve("target/passatelli/bin/passatelli").toString();
    private static final long PAUSE_MS = 50;

    private final LibvirtLab pod;
    private final LauncherDouble launcher;
    private final int linesBefore;
    private final Process process;

    private SidecarContainer(LibvirtLab pod) throws IOException {
        this.pod = pod;
        linesBefore = pod.transcript(LauncherWorld.CONTAINER).lines().size();
        process = pod.startSidecar(LauncherWorld.CONTAINER, PROGRAM, "sidecar");
        launcher = new LauncherDouble(pod.hooks(), 1);
    }

    /** In a pod that may have had another one: its volume is as new. virt-launcher has found it. */
    static SidecarContainer start(LibvirtLab pod) throws Exception {
        Lab.delete(pod.hooks().resolve(LauncherWorld.CONTAINER));
        SidecarContainer made = new SidecarContainer(pod);
        try {
            made.launcher.collect(LauncherWorld.LIMIT);
        } catch (Exception | Error e) {
            made.close();
            throw e;
        }
        return made;
    }

    LibvirtLab pod() {
        return pod;
    }

    LauncherDouble launcher() {
        return launcher;
    }

    /** virt-launcher gets ready for the VM, which is to come by migration. */
    void expect() throws Exception {
        launcher.prepareMigrationTarget(RecordedBoot.of("migration-target").with(LauncherWorld.migratingVmi()));
    }

    private List<String> lines() throws IOException {
        List<String> all = pod.transcript(LauncherWorld.CONTAINER).lines();
        return all.subList(linesBefore, all.size());
    }

    /** Waits until it has said something. */
    void awaitLine(String part) throws IOException, InterruptedException {
        long end = System.nanoTime() + LauncherWorld.LIMIT.toNanos();
        while (lines().stream().noneMatch(line -> line.contains(part))) {
            if (System.nanoTime() > end) {
                fail("the sidecar did not say '%s', but: %s", part, String.join("\n", lines()));
            }
            Thread.sleep(PAUSE_MS);
        }
    }

    /** It has to end by itself within {@code limit}. */
    void endsWell(Duration limit) throws IOException, InterruptedException {
        boolean ended = process.waitFor(limit.toMillis(), TimeUnit.MILLISECONDS);
        String said = String.join("\n", lines());
        assertThat(ended).as(said).isTrue();
        assertThat(process.exitValue()).as(said).isZero();
        assertThat(said).doesNotContain("bug:");
    }

    @Override
    public void close() {
        launcher.close();
    }
}
