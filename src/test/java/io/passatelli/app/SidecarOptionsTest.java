package io.passatelli.app;

import io.passatelli.base.Log;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.file.Path;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class SidecarOptionsTest {
    private static final Map<String, String> KUBEVIRT =
            Map.of("CONTAINER_NAME", "hook-sidecar-0", "NETWORK_BINDING_PLUGIN_NAME", "our.binding");

    @Test
    void kubeVirtSaysAllThatIsNeeded() {
        SidecarOptions options = SidecarOptions.parse(KUBEVIRT);
        assertThat(options.containerName()).isEqualTo("hook-sidecar-0");
        assertThat(options.bindingName()).isEqualTo("our.binding");
        assertThat(options.socket()).isEqualTo(Path.of("/var/run/kubevirt-hooks/net/0.sock"));
        assertThat(options.socketOfQemu()).isEqualTo("/var/run/kubevirt-hooks/hook-sidecar-0/net/0.sock");
        assertThat(options.threshold()).isEqualTo(Log.Level.INFO);
    }

    @Test
    void olderKubeVirtDoesNotNameTheBinding() {
        assertThat(SidecarOptions.parse(Map.of("CONTAINER_NAME", "x")).bindingName())
                .isEqualTo("passatelli");
    }

    @Test
    void directoriesCanBeElsewhere() {
        SidecarOptions options =
                SidecarOptions.parse(KUBEVIRT, "--hook-directory", "/a", "--compute-directory", "/b", "--debug");
        assertThat(options.socket()).isEqualTo(Path.of("/a/net/0.sock"));
        assertThat(options.socketOfQemu()).isEqualTo("/b/net/0.sock");
        assertThat(options.threshold()).isEqualTo(Log.Level.DEBUG);
    }

    @Test
    void containerHasToHaveAName() {
        assertThatThrownBy(() -> SidecarOptions.parse(Map.of()))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("CONTAINER_NAME is not set: KubeVirt sets it from version 1.6 on, and QEMU finds the socket"
                        + " by it");
    }

    @ParameterizedTest
    @ValueSource(strings = {"../x", "A", "a/b", "a b", "-a", "a'b"})
    void namesThatCannotBeAreRefused(String name) {
        assertThatThrownBy(() -> SidecarOptions.parse(Map.of("CONTAINER_NAME", name)))
                .hasMessage("CONTAINER_NAME: '" + name + "' is no container's name");
    }

    @ParameterizedTest
    @CsvSource({
        "--hook-directory, --hook-directory needs a value",
        "--nonsense, '''--nonsense'' is no option of the sidecar; ''passatelli sidecar --help'' lists them'"
    })
    void wrongOptionsAreRefused(String option, String sentence) {
        assertThatThrownBy(() -> SidecarOptions.parse(KUBEVIRT, option)).hasMessage(sentence);
    }
}
