package io.passatelli.wire;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.stream.Stream;

/**
 * Parses what Jazzer invents, starting from the vector files. {@code mvn test -Dtest=FrameFuzzTest -Dtest.excluded=} runs those only;
 * with {@code JAZZER_FUZZ=1} before it, Jazzer goes on from there.
 * The second run is over the same bytes with the right IPv4 checksum, which a fuzzer would hardly find.
 */
@Tag("fuzz")
class FrameFuzzTest {
    static Stream<byte[]> vectors() {
        return VectorFile.NAMES.stream()
                .flatMap(name -> VectorFile.read(name).stream())
                .map(VectorFile.Vector::bytes);
    }

    @MethodSource("vectors")
    @FuzzTest(maxDuration = "1m")
    void parseKeepsItsPromises(byte[] bytes) {
        FramePropertyTest.assertPromises(Packets.frame(bytes));
        FramePropertyTest.assertPromises(Packets.frame(bytes, Math.min(bytes.length, 160)));
        if (bytes.length > 0) {
            FramePropertyTest.assertPromises(Packets.frame(bytes, (bytes[bytes.length - 1] & 0xff) % bytes.length));
        }
        FramePropertyTest.assertPromises(Packets.frame(Packets.withIp4Checksum(bytes.clone(), 14)));
    }
}
