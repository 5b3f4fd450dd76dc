package io.passatelli.host;

import io.passatelli.config.PlaneConfig.UdpTimeouts;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

import static org.assertj.core.api.Assertions.assertThat;

class ConntrackTest {
    @ParameterizedTest
    @CsvSource({
        "60, 180, 60, 180",
        ", , 30, 120",
        "60, , 60, 120",
        "'', x, 30, 120",
        "0, -1, 30, 120",
        "1, 86400, 1, 86400",
        "86401, 2147483648, 86400, 86400",
        "99999999999999999999, 5, 86400, 5",
    })
    void timesAreTheKernelsWhereItHasThem(
            String single, String stream, int expectedSingle, int expectedStream, @TempDir Path directory)
            throws IOException {
        if (single != null) {
            Files.writeString(directory.resolve("nf_conntrack_udp_timeout"), single + "\n");
        }
        if (stream != null) {
            Files.writeString(directory.resolve("nf_conntrack_udp_timeout_stream"), stream + "\n");
        }
        assertThat(Conntrack.udpTimeouts(directory)).isEqualTo(new UdpTimeouts(expectedSingle, expectedStream));
    }
}
