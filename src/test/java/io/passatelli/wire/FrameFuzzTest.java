package io.passatelli.wire;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

import java.util.Arrays;
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

    /** What follows the fixed header of IPv6, so that the mutator need not find a good one; the first byte says what comes first. */
    @MethodSource("chains")
    @FuzzTest(maxDuration = "1m")
    void extensionHeadersKeepTheirPromises(byte[] chain) {
        if (chain.length == 0) {
            return;
        }
        byte[] payload = Arrays.copyOfRange(chain, 1, Math.min(chain.length, 60_000));
        byte[] bytes = Packets6.frame(Packets6.ip6(chain[0] & 0xff, "fd77::2", "2001:db8::1", payload));
        FramePropertyTest.assertPromises(Packets.frame(bytes));
        for (int head = 54; head < Math.min(bytes.length, 200); head += 7) {
            FramePropertyTest.assertPromises(Packets.frame(bytes, head));
        }
    }

    /** A segment of TCP, so that the mutator need not find IP headers that fit; over both families, with heads that end anywhere in its header. */
    @MethodSource("segments")
    @FuzzTest(maxDuration = "1m")
    void segmentsKeepTheirPromises(byte[] segment) {
        byte[] tcp = Arrays.copyOf(segment, Math.min(segment.length, 60_000));
        byte[] over4 = Packets.ethernet(
                Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, Packets.ip4(6, "10.0.2.15", "192.0.2.1", tcp));
        byte[] over6 = Packets6.fromGuest(6, "fd77::2", "2001:db8::1", tcp);
        FramePropertyTest.assertPromises(Packets.frame(over4));
        FramePropertyTest.assertPromises(Packets.frame(over6));
        for (int head = 0; head <= Math.min(tcp.length, 62); head += 3) {
            FramePropertyTest.assertPromises(Packets.frame(over4, 34 + head));
            FramePropertyTest.assertPromises(Packets.frame(over6, 54 + head));
        }
    }

    static Stream<byte[]> segments() {
        return VectorFile.read("tcp").stream()
                .map(VectorFile.Vector::bytes)
                .map(bytes -> Arrays.copyOfRange(bytes, bytes[12] == 8 ? 34 : 54, bytes.length));
    }

    static Stream<byte[]> chains() {
        return Stream.of("ip6", "icmp6", "tcp", "fragments")
                .flatMap(name -> VectorFile.read(name).stream())
                .map(VectorFile.Vector::bytes)
                .filter(bytes -> bytes.length > 54 && bytes[12] == (byte) 0x86)
                .map(bytes -> {
                    byte[] chain = Arrays.copyOfRange(bytes, 53, bytes.length);
                    chain[0] = bytes[20];
                    return chain;
                });
    }
}
