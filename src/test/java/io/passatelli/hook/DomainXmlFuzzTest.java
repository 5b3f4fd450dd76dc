package io.passatelli.hook;

import com.code_intelligence.jazzer.junit.FuzzTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;

/** Any bytes are a domain, or are refused by one sentence; and what comes of a domain is one again. JAZZER_FUZZ=1 mutates. */
@Tag("fuzz")
class DomainXmlFuzzTest {
    static Stream<byte[]> domains() throws IOException {
        Stream<byte[]> few = Stream.of(
                        "",
                        "<domain/>",
                        "<domain><devices><interface><alias name='ua-default'/><mac address='x'/></interface></devices></domain>",
                        "<domain><commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'><arg value='-netdev'/>"
                                + "<arg value='{\"id\":\"sdefault\"}'/></commandline></domain>",
                        "<!DOCTYPE d [<!ENTITY a 'b'>]><domain>&a;</domain>")
                .map(text -> text.getBytes(StandardCharsets.UTF_8));
        return Stream.concat(
                few,
                Recording.all()
                        .filter(its ->
                                its.name().contains("default") || its.name().contains("four-nics"))
                        .map(Recording::xml));
    }

    @MethodSource("domains")
    @FuzzTest(maxDuration = "1m")
    void anyBytesAreADomainOrRefused(byte[] xml) throws HookRefusal {
        Vmi vmi = new VmiJson().parsed();
        for (Transport transport : Transport.values()) {
            byte[] once;
            try {
                once = DomainXml.apply(xml, vmi, DomainXmlTest.settings(transport));
            } catch (HookRefusal e) {
                assertThat(e.sentence()).matches("[ -~]{1,600}");
                continue;
            }
            assertThat(DomainXml.apply(once, vmi, DomainXmlTest.settings(transport)))
                    .isEqualTo(once);
        }
    }
}
