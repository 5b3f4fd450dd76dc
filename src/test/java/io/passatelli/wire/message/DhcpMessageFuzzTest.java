package io.passatelli.wire.message;

import com.code_intelligence.jazzer.junit.FuzzTest;
import io.passatelli.base.Drop;
import io.passatelli.wire.message.DhcpMessage.Malformed;
import io.passatelli.wire.message.DhcpMessage.Ok;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HashSet;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;

/** Any bytes are a message or are refused; a message survives being written and read again. JAZZER_FUZZ=1 mutates, else the seeds are replayed. */
@Tag("fuzz")
class DhcpMessageFuzzTest {
    private static final int MESSAGE = 42; // in a frame: behind the headers of Ethernet, IPv4 and UDP

    /** What Debian's DHCP programs sent, and our replies. */
    static Stream<byte[]> messages() {
        return Stream.of(
                        "dhclient-discover",
                        "dhclient-request",
                        "dhclient-fqdn-discover",
                        "dhclient-fqdn-request",
                        "dhcpcd-discover",
                        "dhcpcd-request",
                        "systemd-networkd-discover",
                        "systemd-networkd-request",
                        "udhcpc-discover",
                        "udhcpc-request",
                        "udhcpc-fqdn-discover",
                        "udhcpc-fqdn-request")
                .flatMap(name -> Stream.of("/dhcp/" + name + ".txt", "/dhcp/" + name + ".reply.txt"))
                .map(HexDump::one)
                .map(frame -> Arrays.copyOfRange(frame, MESSAGE, frame.length));
    }

    static Stream<byte[]> options() {
        return messages().map(message -> Arrays.copyOfRange(message, DhcpMessage.FIXED_LENGTH, message.length));
    }

    @MethodSource("messages")
    @FuzzTest(maxDuration = "1m")
    void anyBytesAreReadOrRefused(byte[] bytes) {
        switch (DhcpMessage.parse(ByteBuffer.wrap(bytes))) {
            case Malformed(Drop why) -> assertThat(why).isNotEqualTo(Drop.NONE);
            case Ok(DhcpMessage message) -> assertSurvives(message, bytes.length);
        }
    }

    /** From a message that is right but for its options, so that the mutator need not find the cookie. */
    @MethodSource("options")
    @FuzzTest(maxDuration = "1m")
    void anyOptionsAreReadOrRefused(byte[] options) {
        byte[] bytes = new byte[DhcpMessage.FIXED_LENGTH + options.length];
        ByteBuffer out = ByteBuffer.wrap(bytes);
        out.put((byte) 1).put((byte) 1).put((byte) 6).putInt(236, 0x63825363);
        // sname and file hold options too, where option 52 says so
        System.arraycopy(options, 0, bytes, 44, Math.min(options.length, 192));
        System.arraycopy(options, 0, bytes, 240, options.length);
        if (DhcpMessage.parse(out.rewind()) instanceof Ok(DhcpMessage message)) {
            assertSurvives(message, bytes.length);
        }
    }

    private static void assertSurvives(DhcpMessage message, int length) {
        int room = DhcpMessage.FIXED_LENGTH + 1;
        var codes = new HashSet<Integer>();
        for (DhcpOption option : message.options()) {
            assertThat(codes.add(option.code())).isTrue();
            assertThat(option.length()).isLessThan(length);
            room += option.wireLength();
        }
        if (message.option(DhcpOption.OVERLOAD) != null) {
            return; // what is written has no options in sname and file
        }
        byte[] written = message.toBytes(Math.max(DhcpMessage.MIN_LENGTH, room));
        assertThat(DhcpMessage.parse(ByteBuffer.wrap(written))).isEqualTo(new Ok(message));
    }
}
