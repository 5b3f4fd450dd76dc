package io.passatelli.hook;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** The double punishes what virt-launcher punishes: else it would prove nothing of a sidecar. */
@Timeout(60)
class LauncherDoubleTest {
    private static final Duration PATIENCE = Duration.ofSeconds(10);
    private static final RecordedBoot BOOT = RecordedBoot.of("stream/default-nonroot");

    @TempDir
    private Path hooks = Path.of("");

    private final List<AutoCloseable> open = new ArrayList<>();

    @AfterEach
    void close() throws Exception {
        for (AutoCloseable one : open) {
            one.close();
        }
    }

    private StubSidecar sidecar(String path, String version) throws IOException {
        StubSidecar sidecar = new StubSidecar(hooks.resolve(path), version);
        open.add(sidecar);
        return sidecar;
    }

    private StubSidecar sidecar(String path) throws IOException {
        return sidecar(path, "v1alpha3");
    }

    private LauncherDouble launcher(int requested) {
        LauncherDouble launcher = new LauncherDouble(hooks, requested);
        open.add(launcher);
        return launcher;
    }

    private static long tookMs(Step step) throws Exception {
        long begin = System.nanoTime();
        step.run();
        return Duration.ofNanos(System.nanoTime() - begin).toMillis();
    }

    private interface Step {
        void run() throws Exception;
    }

    @Test
    void aLateInfoIsTheEnd() throws Exception {
        sidecar("hook-sidecar-0/a.sock").infoAfterMs = 1_500;
        LauncherDouble launcher = launcher(1);
        assertThatThrownBy(() -> launcher.collect(PATIENCE))
                .isInstanceOf(LauncherDouble.Panic.class)
                .hasMessageContaining("DEADLINE_EXCEEDED");
    }

    @Test
    void anUnknownVersionIsTheEnd() throws Exception {
        sidecar("hook-sidecar-0/a.sock", "v2");
        assertThatThrownBy(() -> launcher(1).collect(PATIENCE)).isInstanceOf(LauncherDouble.Panic.class);
    }

    @Test
    void aStrayFileCostsTwoSecondsInEachScan() throws Exception {
        sidecar("hook-sidecar-0/z.sock");
        Files.createFile(hooks.resolve("hook-sidecar-0/a.pid"));
        LauncherDouble launcher = launcher(1);
        assertThat(tookMs(() -> launcher.collect(PATIENCE))).isGreaterThanOrEqualTo(2_000);
    }

    @Test
    void aSocketThatSpeaksSomethingElseCostsTwoSecondsToo() throws Exception {
        sidecar("hook-sidecar-0/z.sock");
        try (ServerSocketChannel data = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            data.bind(UnixDomainSocketAddress.of(hooks.resolve("hook-sidecar-0/a.sock")));
            LauncherDouble launcher = launcher(1);
            assertThat(tookMs(() -> launcher.collect(PATIENCE))).isGreaterThanOrEqualTo(2_000);
        }
    }

    @Test
    void whatLiesInADirectoryBelowIsNotLookedAt() throws Exception {
        sidecar("hook-sidecar-0/z.sock");
        Files.createDirectories(hooks.resolve("hook-sidecar-0/net"));
        Files.createFile(hooks.resolve("hook-sidecar-0/net/0.sock"));
        LauncherDouble launcher = launcher(1);
        assertThat(tookMs(() -> launcher.collect(PATIENCE))).isLessThan(2_000);
    }

    @Test
    void oneNameTwiceIsOneSidecar() throws Exception {
        sidecar("hook-sidecar-0/a.sock");
        sidecar("hook-sidecar-1/a.sock");
        assertThatThrownBy(() -> launcher(2).collect(Duration.ofSeconds(2)))
                .isInstanceOf(LauncherDouble.Panic.class)
                .hasMessageContaining("within given timeout");
    }

    @Test
    void aRefusalBeginsAllOverAgain() throws Exception {
        StubSidecar first = sidecar("hook-sidecar-0/a.sock");
        StubSidecar second = sidecar("hook-sidecar-1/b.sock", "v1alpha1");
        LauncherDouble launcher = launcher(2);
        launcher.collect(PATIENCE);
        first.refuses = true;
        assertThatThrownBy(() -> launcher.syncAgain(BOOT, 2))
                .isInstanceOf(LauncherDouble.SyncFailed.class)
                .hasMessage("rpc error: code = UNKNOWN desc = not now");
        assertThat(first.defined.get()).isEqualTo(2);
        assertThat(second.defined.get()).isZero();
        launcher.shutdown();
        assertThat(first.shutDown.get()).as("there is no domain").isZero();
    }

    @Test
    void whoeverIsFoundFirstIsAskedFirstAndAnErrorEndsTheRound() throws Exception {
        StubSidecar first = sidecar("hook-sidecar-0/a.sock");
        StubSidecar second = sidecar("hook-sidecar-1/b.sock");
        LauncherDouble launcher = launcher(2);
        launcher.collect(PATIENCE);
        launcher.prepareMigrationTarget(BOOT);
        launcher.sync(BOOT);
        assertThat(second.defined.get()).isEqualTo(1 + BOOT.calls().size());
        first.refuses = true;
        launcher.shutdown();
        assertThat(first.shutDown.get()).isEqualTo(1);
        assertThat(second.shutDown.get()).isZero();
    }
}
