package io.passatelli.hook;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.Objects;

import static org.assertj.core.api.Assertions.assertThat;

/** The double's picture of KubeVirt against KubeVirt, byte for byte. */
class RemarshalledTest {
    private static byte[] recorded(String path) throws IOException {
        try (InputStream in = RemarshalledTest.class.getResourceAsStream("/kubevirt/domain/" + path)) {
            return Objects.requireNonNull(in, path).readAllBytes();
        }
    }

    private static void assertSame(byte[] ours, byte[] kubevirts) {
        assertThat(new String(ours, StandardCharsets.UTF_8)).isEqualTo(new String(kubevirts, StandardCharsets.UTF_8));
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "stream/default-nonroot",
                "stream/kubevirt-own-qemuargs-nonroot",
                "stream/mac-pci-acpi-nonroot",
                "plugged/default+vhostuser",
                "plugged/hugepages+vhostuser",
                "plugged/tcg-plug-user"
            })
    void theLastCallBringsWhatKubeVirtKeepsOfTheAnswerBefore(String name) throws IOException {
        assertSame(Remarshalled.of(recorded(name + "/call2.returned.xml")), recorded(name + "/call3.xml"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"stream/four-nics-nonroot", "plugged/four-nics+vhostuser"})
    void withManyNicsTheSecondCallIsTheLastAndHasLibvirtsAddresses(String name) throws IOException {
        byte[] call = recorded(name + "/call2.xml");
        assertSame(Remarshalled.withDevicesOf(call, recorded(name + "/call1.returned.xml")), call);
    }

    /** In the first call of three nothing of an answer is left; what the second brings is recorded. */
    @ParameterizedTest
    @ValueSource(strings = {"default-nonroot", "kubevirt-own-qemuargs-nonroot", "mac-pci-acpi-nonroot"})
    void theSecondOfThreeCallsHasNothingOfTheFirstAnswer(String name) throws IOException {
        String call = new String(recorded("stream/" + name + "/call2.xml"), StandardCharsets.UTF_8);
        assertThat(call).doesNotContain("ua-default", "sdefault");
    }
}
