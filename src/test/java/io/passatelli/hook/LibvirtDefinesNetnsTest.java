package io.passatelli.hook;

import io.passatelli.lab.Command;
import io.passatelli.lab.LibvirtLab;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.w3c.dom.Element;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;

/** A real libvirt, in session mode as KubeVirt has it, defines each of our answers, and what it makes of them is valid by its own schema. */
@Tag("netns")
class LibvirtDefinesNetnsTest {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static LibvirtLab lab;

    @BeforeAll
    static void up() throws IOException, InterruptedException {
        lab = LibvirtLab.up(LibvirtLab.Mode.SESSION);
    }

    @AfterAll
    static void down() {
        if (lab != null) {
            lab.close();
        }
    }

    /** No libvirt defines the target of a migration, and this one has no QEMU for other architectures. */
    static Stream<Recording> definable() throws IOException {
        return Recording.all().filter(its -> !its.name().matches("(migration-target|arm64|s390x)/.*"));
    }

    @ParameterizedTest
    @MethodSource("definable")
    void whatWeAnswerIsDefinedAndValid(Recording call, @TempDir Path directory) throws Exception {
        Vmi vmi = call.parsed();
        for (Transport transport : Transport.values()) {
            boolean isTried = transport == Transport.STREAM || call.isLast();
            if (isTried && RecordingsTest.mayBe(transport, vmi)) {
                Element domain =
                        defined(DomainXml.apply(call.xml(), vmi, DomainXmlTest.settings(transport)), directory);
                String ours = XmlShape.interfaces(domain).stream()
                        .filter(its -> XmlShape.alias(its).equals("ua-default"))
                        .map(XmlShape::of)
                        .collect(Collectors.joining());
                switch (transport) {
                    case STREAM ->
                        assertThat(ours)
                                .startsWith("<interface type='client'>")
                                .contains("<source address='127.0.0.1' port='1'>");
                    case STREAM_TCP -> assertThat(ours).contains("<source address='127.0.0.1' port='15999'>");
                    case STREAM_ARGV -> assertThat(ours).isEmpty();
                    case VHOST_USER ->
                        assertThat(ours)
                                .startsWith("<interface type='vhostuser'>")
                                .contains("/net/0.sock")
                                .contains("<reconnect enabled='yes' timeout='1'>");
                }
                boolean hasNetdev = transport == Transport.STREAM || transport == Transport.STREAM_ARGV;
                assertThat(XmlShape.of(domain).contains("\"id\":\"sdefault\"")).isEqualTo(hasNetdev);
                assertThat(XmlShape.of(domain).contains("<qemu:property name='netdev' type='string' value='sdefault'>"))
                        .isEqualTo(transport == Transport.STREAM);
            }
        }
    }

    /** As libvirt keeps it. */
    private static Element defined(byte[] xml, Path directory) throws Exception {
        String text = new String(xml, StandardCharsets.UTF_8).replace("<domain type=\"kvm\"", "<domain type=\"qemu\"");
        Path given = Files.writeString(directory.resolve("given.xml"), text);
        lab.virsh("define", given.toString());
        String name = XmlShape.all(XmlShape.root(xml), null, "name").getFirst().getTextContent();
        try {
            String kept = lab.virsh("dumpxml", "--inactive", name);
            Path file = Files.writeString(directory.resolve("kept.xml"), kept);
            Command valid = Command.run(LIMIT, List.of("virt-xml-validate", file.toString(), "domain"));
            assertThat(valid.exitCode()).as("%s%n%s", valid.err(), kept).isZero();
            return XmlShape.root(kept.getBytes(StandardCharsets.UTF_8));
        } finally {
            lab.virsh("undefine", name);
        }
    }
}
