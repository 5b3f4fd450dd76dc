package io.passatelli.e2e;

import io.passatelli.hook.LauncherDouble;
import io.passatelli.hook.LauncherDouble.Timing;
import io.passatelli.hook.RecordedBoot;
import io.passatelli.lab.Command;
import io.passatelli.lab.ControlGroup;
import io.passatelli.lab.Lab;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

/**
 * The assembled sidecar (make build) in a pod, 45 VMs in a row. {@link LauncherDouble} throws when an Info is late, by virt-launcher's measure, one second,
 * which is the end of a VM; or when the calls of a start take longer than the 20 seconds that virt-handler waits. How much sooner they are answered is no
 * matter of tests: figures are printed. {@code -Dsidecar.slow=45} has all VMs start on 200 millicores, which takes minutes.
 */
@Tag("netns")
class SidecarBootsTest {
    private static final int BOOTS = 45;
    private static final int SLOW_BOOTS = Integer.getInteger("sidecar.slow", 8);
    /** What KubeVirt gives the sidecar of a VM with processors of its own. */
    private static final int MILLICORES = 200;

    private static final int USER = 107;
    private static final String CONTAINER = "hook-sidecar-0";
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final Path TREE = Command.ROOT.resolve("target/passatelli");

    /** Two ports, and all of them. */
    private static final List<RecordedBoot> VMS =
            List.of(RecordedBoot.of("ports"), RecordedBoot.of("stream/default-nonroot"));

    @Test
    void vmsStartInARowOn200MillicoresAndNoInfoIsLate() throws Exception {
        Figures figures = new Figures();
        try (Lab lab = Lab.up()) {
            for (int boot = 0; boot < SLOW_BOOTS; boot++) {
                try (ControlGroup quota = ControlGroup.ofProcessor(MILLICORES)) {
                    boot(lab, boot, quota.starter(), figures);
                }
            }
        }
        figures.print(SLOW_BOOTS + " VMs on " + MILLICORES + " millicores");
    }

    @Test
    void theOtherVmsStartInARowAndNoInfoIsLate() throws Exception {
        Figures figures = new Figures();
        try (Lab lab = Lab.up()) {
            for (int boot = SLOW_BOOTS; boot < BOOTS; boot++) {
                boot(lab, boot, List.of(), figures);
            }
        }
        figures.print(BOOTS - SLOW_BOOTS + " VMs");
    }

    /** A VM from its sidecar's start to its end, without QEMU. */
    private static void boot(Lab lab, int boot, List<String> starter, Figures figures) throws Exception {
        Path volume = Files.createDirectory(lab.directory().resolve(String.valueOf(boot)));
        Path hooks = Files.createDirectory(volume.resolve(CONTAINER));
        Path said = volume.resolve("said");
        Files.setAttribute(lab.directory(), "unix:mode", 0755);
        Files.setAttribute(hooks, "unix:uid", USER);
        long begin = System.nanoTime();
        Process sidecar = new ProcessBuilder(words(lab, starter, hooks))
                .directory(Command.ROOT.toFile())
                .redirectInput(new File("/dev/null"))
                .redirectErrorStream(true)
                .redirectOutput(said.toFile())
                .start();
        try (LauncherDouble launcher = new LauncherDouble(volume, 1)) {
            launcher.collect(LIMIT);
            long found = System.nanoTime();
            launcher.sync(VMS.get(boot % VMS.size()));
            long defined = System.nanoTime();
            launcher.shutdown();
            assertThat(sidecar.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(sidecar.exitValue()).as(Files.readString(said)).isZero();
            figures.add(launcher.timings(), found - begin, defined - found);
        } catch (LauncherDouble.Panic | LauncherDouble.SyncFailed e) {
            fail("the sidecar said: " + Files.readString(said), e);
        } finally {
            Command.kill(sidecar);
        }
    }

    private static List<String> words(Lab lab, List<String> starter, Path hooks) throws IOException {
        String java = Files.readString(TREE.resolve("lib/java-home")).strip();
        // ip(8) would hide the control groups
        List<String> words = new ArrayList<>(List.of("nsenter", "--net=" + Lab.pathOf(lab.pod())));
        words.addAll(List.of("scripts/unprivileged.sh", "-r", TREE.toString(), "-r", java, String.valueOf(USER)));
        words.addAll(starter);
        words.addAll(List.of("env", "CONTAINER_NAME=" + CONTAINER, "NETWORK_BINDING_PLUGIN_NAME=passatelli"));
        words.addAll(List.of(TREE.resolve("bin/passatelli").toString(), "sidecar"));
        words.addAll(List.of("--hook-directory", hooks.toString()));
        return words;
    }

    /** Milliseconds. */
    private static final class Figures {
        private final List<Long> founds = new ArrayList<>();
        private final List<Long> infos = new ArrayList<>();
        private final List<Long> calls = new ArrayList<>();
        private final List<Long> syncs = new ArrayList<>();

        void add(List<Timing> timings, long foundNs, long syncNs) {
            founds.add(TimeUnit.NANOSECONDS.toMillis(foundNs));
            syncs.add(TimeUnit.NANOSECONDS.toMillis(syncNs));
            for (Timing timing : timings) {
                switch (timing.call()) {
                    case "Info" -> infos.add(timing.answerMs());
                    case "OnDefineDomain" -> calls.add(timing.dialMs() + timing.answerMs());
                    default -> {} // nobody waits for it
                }
            }
        }

        void print(String what) {
            System.out.println(what + ", ms: found " + text(founds) + ", Info " + text(infos) + ", OnDefineDomain "
                    + text(calls) + ", a VM's calls " + text(syncs));
        }

        private static String text(List<Long> figures) {
            List<Long> sorted = figures.stream().sorted().toList();
            return sorted.isEmpty() ? "-" : sorted.get(sorted.size() / 2) + " (at most " + sorted.getLast() + ")";
        }
    }
}
