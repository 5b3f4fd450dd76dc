package io.passatelli.hook;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;

/** Any bytes are a VMI that can be put into a domain, or are refused by one sentence. JAZZER_FUZZ=1 mutates. */
@Tag("fuzz")
class VmiFuzzTest {
    static Stream<byte[]> vmis() throws IOException {
        return Stream.concat(
                Stream.of("", "null", "{}", "[[[", new VmiJson().toString())
                        .map(text -> text.getBytes(StandardCharsets.UTF_8)),
                Recording.all().filter(its -> its.name().endsWith("call1")).map(Recording::vmi));
    }

    @MethodSource("vmis")
    @FuzzTest(maxDuration = "1m")
    void anyBytesAreAVmiOrRefused(byte[] json) {
        byte[] domain = "<domain/>".getBytes(StandardCharsets.UTF_8);
        try {
            Vmi vmi = Vmi.parse(json, "passatelli");
            XmlShape.root(DomainXml.apply(domain, vmi, DomainXmlTest.settings(Transport.STREAM)));
        } catch (HookRefusal e) {
            assertThat(e.sentence()).matches("[ -~]{1,600}");
        }
    }
}
