package io.passatelli.wire;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.Arrays;
import java.util.stream.Stream;

/** Options of TCP that Jazzer invents, starting from those of the vector file; what is read of them has to be what the reference reads. */
@Tag("fuzz")
class TcpOptionsFuzzTest {
    static Stream<byte[]> options() {
        return VectorFile.read("tcp").stream()
                .filter(vector -> vector.field("drop").equals("NONE"))
                .map(vector -> {
                    byte[] bytes = vector.bytes();
                    Frame frame = Packets.frame(bytes);
                    frame.parse();
                    int from = (int) (frame.l4() - frame.l2()) + Tcp.LENGTH;
                    return Arrays.copyOfRange(bytes, from, (int) (frame.payload() - frame.l2()));
                });
    }

    @MethodSource("options")
    @FuzzTest(maxDuration = "1m")
    void anyOptionsAreReadAsFarAsTheyAreGood(byte[] options) {
        TcpOptionsTest.assertReadsAsTheReference(Arrays.copyOf(options, Math.min(options.length, 40)));
    }
}
