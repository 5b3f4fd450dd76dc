package io.passatelli.config;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;

/** Any text is ports to forward, or is refused by one sentence; what is read can be written and is read as the same. JAZZER_FUZZ=1 mutates. */
@Tag("fuzz")
class PasstPortsFuzzTest {
    static Stream<byte[]> specs() {
        return Stream.of(
                        "none",
                        "auto",
                        "all",
                        "~80",
                        "all,~80-90,~7",
                        "22,80:8080,1000-1999:2000-2999,~1500",
                        "192.0.2.1/53:10.0.0.2/54",
                        "[2001:db8::1]%eth0/50-59:[fd00::2]/60-69",
                        "fe80::1%eth0/all:fe80::2,~1-1023",
                        "*%eth0/53,54",
                        "%eth0/~53",
                        "0.0.0.0/1-65535:10.0.0.2")
                .map(text -> text.getBytes(StandardCharsets.ISO_8859_1));
    }

    @MethodSource("specs")
    @FuzzTest(maxDuration = "1m")
    void anyTextIsReadOrRefused(byte[] bytes) {
        PassedText.assertReadOrRefused(new String(bytes, StandardCharsets.ISO_8859_1));
    }
}
