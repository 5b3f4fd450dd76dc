package io.passatelli.wire.message;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.passatelli.base.Drop;
import io.passatelli.wire.message.Dhcp6Message.Malformed;
import io.passatelli.wire.message.Dhcp6Message.Ok;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;

/** Any bytes are a message or are refused; what was read is written as it came. JAZZER_FUZZ=1 mutates, else the seeds are replayed. */
@Tag("fuzz")
class Dhcp6MessageFuzzTest {
    private static final int MESSAGE = 62; // in a frame: behind the headers of Ethernet, IPv6 and UDP

    /** What Debian's DHCP programs sent, and our replies. */
    static Stream<byte[]> messages() {
        return Dhcp6MessageTest.recordings()
                .flatMap(name -> Stream.of("/dhcp6/" + name + ".txt", "/dhcp6/" + name + ".reply.txt"))
                .map(HexDump::one)
                .map(frame -> Arrays.copyOfRange(frame, MESSAGE, frame.length));
    }

    @MethodSource("messages")
    @FuzzTest(maxDuration = "1m")
    void anyBytesAreReadOrRefused(byte[] bytes) {
        switch (Dhcp6Message.parse(ByteBuffer.wrap(bytes))) {
            case Malformed(Drop why) -> assertThat(why).isNotEqualTo(Drop.NONE);
            case Ok(Dhcp6Message message) -> {
                assertThat(message.toBytes(bytes.length)).isEqualTo(bytes);
                for (Dhcp6Option option : message.options()) {
                    Dhcp6Association read = Dhcp6Association.isOne(option) ? Dhcp6Association.of(option) : null;
                    if (read != null) {
                        assertThat(read.toOption()).isEqualTo(option);
                        assertThat(read.addresses()).hasSizeLessThan(bytes.length);
                    }
                }
            }
        }
    }
}
