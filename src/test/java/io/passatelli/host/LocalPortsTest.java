package io.passatelli.host;

import io.passatelli.config.EphemeralPorts;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import static org.assertj.core.api.Assertions.assertThat;

class LocalPortsTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'32768\t60999\n' | 32768 | 60999",
                "1 65535 | 1 | 65535",
                "5000 5000 | 5000 | 5000",
                "'' | 49152 | 65535",
                "32768 | 49152 | 65535",
                "32768 60999 1 | 49152 | 65535",
                "60999 32768 | 49152 | 65535",
                "0 60999 | 49152 | 65535",
                "32768 65536 | 49152 | 65535",
                "a b | 49152 | 65535",
                "99999999999 99999999999 | 49152 | 65535",
            })
    void portsAreTheKernelsWhereThatMakesSense(String text, int first, int last, @TempDir Path directory)
            throws IOException {
        Path file = Files.writeString(directory.resolve("ip_local_port_range"), text);
        assertThat(LocalPorts.ephemeral(file)).isEqualTo(new EphemeralPorts(first, last));
    }

    @Test
    void withoutTheFileTheyAreTheStandardOnes(@TempDir Path directory) {
        assertThat(LocalPorts.ephemeral(directory.resolve("none"))).isEqualTo(EphemeralPorts.STANDARD);
    }

    @Test
    void thisKernelHasSome() {
        assertThat(LocalPorts.PATH).isReadable();
        EphemeralPorts ports = LocalPorts.ephemeral(LocalPorts.PATH);
        assertThat(ports.last() - ports.first()).isGreaterThan(100);
    }
}
