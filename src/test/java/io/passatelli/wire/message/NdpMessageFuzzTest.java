package io.passatelli.wire.message;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.passatelli.base.Drop;
import io.passatelli.wire.message.NdpMessage.Malformed;
import io.passatelli.wire.message.NdpMessage.Ok;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;

/** Any bytes are a message or are refused; a message survives being written and read again. JAZZER_FUZZ=1 mutates, else the seeds are replayed. */
@Tag("fuzz")
class NdpMessageFuzzTest {
    private static final int MESSAGE = 54; // in a frame: behind the headers of Ethernet and IPv6

    static Stream<byte[]> messages() {
        return Stream.of(
                        "linux-router-solicitation",
                        "linux-router-solicitation.reply",
                        "linux-neighbor-solicitation",
                        "linux-neighbor-solicitation.reply",
                        "dhcpcd-neighbor-advertisement")
                .map(name -> HexDump.one("/ndp/" + name + ".txt"))
                .map(frame -> Arrays.copyOfRange(frame, MESSAGE, frame.length));
    }

    @MethodSource("messages")
    @FuzzTest(maxDuration = "1m")
    void anyBytesAreReadOrRefused(byte[] bytes) {
        switch (NdpMessage.parse(ByteBuffer.wrap(bytes))) {
            case Malformed(Drop why) -> assertThat(why).isNotEqualTo(Drop.NONE);
            case Ok(NdpMessage message) -> {
                byte[] written = message.toBytes();
                assertThat(written).hasSameSizeAs(bytes);
                assertThat(NdpMessage.parse(ByteBuffer.wrap(written))).isEqualTo(new Ok(message));
            }
        }
    }
}
