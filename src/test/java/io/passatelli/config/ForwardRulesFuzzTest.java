package io.passatelli.config;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;

/** Any text is rules, or is refused by one sentence; what is read can be written and is read as the same. JAZZER_FUZZ=1 mutates. */
@Tag("fuzz")
class ForwardRulesFuzzTest {
    static Stream<byte[]> annotations() {
        return Stream.of(
                        "",
                        "tcp:2222:22, tcp:8000-8010, udp:53",
                        "none, tcp:443:8443",
                        "!tcp:9100",
                        "auto",
                        "all !any:1-1023 tcp:80:8080/4\n\tudp:all/6",
                        "[\"none\", \"tcp:80:8080\" , \"!udp:all\"]",
                        "[]",
                        "R\u008c\u008c\u008c\u008c\u008c\u008c\u008c\u008c\u008c\u008c\u008c\u008c\u008c\u008c\u008c\u008c\u008cc")
                .map(text -> text.getBytes(StandardCharsets.UTF_8));
    }

    @MethodSource("annotations")
    @FuzzTest(maxDuration = "1m")
    void anyTextIsReadOrRefused(byte[] bytes) {
        PassedText.assertAnnotationReadOrRefused(new String(bytes, StandardCharsets.UTF_8));
    }
}
