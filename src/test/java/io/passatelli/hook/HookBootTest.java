package io.passatelli.hook;

import io.passatelli.base.Log;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** VMs start with our hook server in this process. */
@Timeout(120)
class HookBootTest {
    private static final Duration PATIENCE = Duration.ofSeconds(10);

    @TempDir
    private Path hooks = Path.of("");

    private HookServer server(StubCalls calls) throws IOException {
        Path directory = Files.createDirectories(hooks.resolve("hook-sidecar-0"));
        return HookServer.start(directory, "hook-sidecar-0", calls, new StubCalls(), Log.silent());
    }

    @Test
    void aVmStartsRunsAndEnds() throws Exception {
        StubCalls calls = new StubCalls();
        try (LauncherDouble launcher = new LauncherDouble(hooks, 1);
                HookServer server = server(calls)) {
            server.publish();
            assertThat(launcher.collect(PATIENCE)).singleElement().satisfies(sidecar -> {
                assertThat(sidecar.version()).isEqualTo("v1alpha3");
                assertThat(sidecar.hookPoints()).containsExactlyInAnyOrder("OnDefineDomain", "Shutdown");
            });
            launcher.sync(RecordedBoot.of("stream/default-nonroot"));
            assertThat(calls.defined.get()).isEqualTo(3);
            launcher.shutdown();
            assertThat(calls.shutDown.get()).isEqualTo(1);
        }
    }

    @Test
    void anotherSidecarBesideOursIsNotDisturbed() throws Exception {
        StubCalls calls = new StubCalls();
        try (LauncherDouble launcher = new LauncherDouble(hooks, 2);
                StubSidecar other = new StubSidecar(hooks.resolve("hook-sidecar-1/other.sock"), "v1alpha3");
                HookServer server = server(calls)) {
            Thread.ofPlatform().start(() -> {
                try {
                    Thread.sleep(1_000); // virt-launcher looks and looks
                    server.publish();
                } catch (IOException | InterruptedException e) {
                    throw new IllegalStateException(e);
                }
            });
            launcher.collect(PATIENCE);
            launcher.sync(RecordedBoot.of("stream/default-nonroot"));
            launcher.shutdown();
            assertThat(List.of(calls.defined.get(), other.defined.get())).containsExactly(3, 3);
            assertThat(List.of(calls.shutDown.get(), other.shutDown.get())).containsExactly(1, 1);
            assertThat(launcher.timings())
                    .filteredOn(timing -> timing.call().equals("Info"))
                    .hasSize(2)
                    .allMatch(timing -> timing.answerMs() <= 100, "answered within 100 ms");
        }
    }
}
