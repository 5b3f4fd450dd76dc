package io.passatelli.hook;

import io.passatelli.base.HookLimits;
import io.passatelli.lab.Command;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.w3c.dom.Element;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;

/** What real virt-launchers sent. Each call by itself, as it came: what KubeVirt makes of our last answer is in the next one. */
class RecordingsTest {
    private static final Path GOLDEN = Command.ROOT.resolve("src/test/resources/kubevirt/golden.txt");

    static Stream<Recording> all() throws IOException {
        return Recording.all();
    }

    static Stream<Recording> answered() throws IOException {
        return all().filter(its -> its.name().startsWith("stream/"));
    }

    static boolean mayBe(Transport transport, Vmi vmi) {
        return switch (transport) {
            case STREAM, STREAM_TCP -> true;
            case STREAM_ARGV -> vmi.nic().pciAddress() == null && !vmi.nic().down();
            case VHOST_USER -> vmi.nic().isVirtio();
        };
    }

    private static byte[] applied(byte[] xml, Vmi vmi, Transport transport) throws HookRefusal {
        return DomainXml.apply(xml, vmi, DomainXmlTest.settings(transport));
    }

    @ParameterizedTest
    @MethodSource("all")
    void whatIsNotOursSurvives(Recording call) throws HookRefusal {
        Vmi vmi = call.parsed();
        for (Transport transport : Transport.values()) {
            if (mayBe(transport, vmi)) {
                Element before = XmlShape.root(call.xml());
                Element after = XmlShape.root(applied(call.xml(), vmi, transport));
                for (Element domain : List.of(before, after)) {
                    XmlShape.takeOut(domain, vmi.nic().name());
                    if (transport == Transport.VHOST_USER) {
                        XmlShape.all(domain, null, "memoryBacking").forEach(domain::removeChild);
                    }
                }
                assertThat(XmlShape.of(after)).as("%s", transport).isEqualTo(XmlShape.of(before));
            }
        }
    }

    @ParameterizedTest
    @MethodSource("all")
    void twiceIsOnceWhateverTransportWasBefore(Recording call) throws HookRefusal {
        Vmi vmi = call.parsed();
        for (Transport transport : Transport.values()) {
            if (!mayBe(transport, vmi)) {
                continue;
            }
            byte[] once = applied(call.xml(), vmi, transport);
            assertThat(new String(applied(once, vmi, transport), StandardCharsets.UTF_8))
                    .as("%s", transport)
                    .isEqualTo(new String(once, StandardCharsets.UTF_8));
            for (Transport before : List.of(Transport.STREAM, Transport.STREAM_TCP, Transport.STREAM_ARGV)) {
                if (mayBe(before, vmi)) {
                    String afterIt =
                            XmlShape.ofDomain(XmlShape.root(applied(applied(call.xml(), vmi, before), vmi, transport)));
                    String withoutIt = XmlShape.ofDomain(XmlShape.root(once));
                    if (before == Transport.STREAM_ARGV) { // nothing in it carries an address or a MAC on
                        continue;
                    }
                    assertThat(afterIt).as("%s after %s", transport, before).isEqualTo(withoutIt);
                }
            }
        }
    }

    /**
     * A stub answered these calls with what the transport needs, and the VM ran: ours says the same, but for the ROM, a MAC where the VMI has none, and
     * that QEMU is to connect again, which the QEMU of the recordings could not.
     */
    @ParameterizedTest
    @MethodSource("answered")
    void theAnswerIsTheOneWithWhichAVmRan(Recording call) throws HookRefusal {
        Vmi vmi = call.parsed();
        Element theirs = XmlShape.root(call.returned());
        Element ours = XmlShape.root(applied(call.xml(), vmi, Transport.STREAM));
        for (Element domain : List.of(theirs, ours)) {
            for (Element os : XmlShape.all(domain, null, "os")) { // the stub booted a kernel of its own
                for (String own : List.of("kernel", "initrd", "cmdline")) {
                    XmlShape.all(os, null, own).forEach(os::removeChild);
                }
            }
            for (Element its : XmlShape.interfaces(domain)) {
                if (XmlShape.alias(its).equals("ua-default")) {
                    XmlShape.all(its, null, "rom").forEach(its::removeChild);
                    XmlShape.all(its, null, "acpi").forEach(acpi -> its.insertBefore(acpi, its.getFirstChild()));
                    if (vmi.nic().mac() == null) {
                        XmlShape.all(its, null, "mac").getFirst().setAttribute("address", "any");
                    }
                    XmlShape.all(its, null, "mac")
                            .getFirst()
                            .setAttribute(
                                    "address",
                                    XmlShape.all(its, null, "mac")
                                            .getFirst()
                                            .getAttribute("address")
                                            .toLowerCase(Locale.ROOT));
                }
            }
        }
        String again = ",\"reconnect-ms\":" + HookLimits.QEMU_RECONNECT_MS;
        assertThat(XmlShape.ofDomain(ours)).contains(again);
        assertThat(XmlShape.ofDomain(ours).replace(again, "")).isEqualTo(XmlShape.ofDomain(theirs));
    }

    /** What is ours in each answer, reviewed once; a change of it is seen in the file's. Calls of one boot with the same answer stand together. */
    @Test
    void ourPartsAreAsReviewed() throws Exception {
        Map<String, List<String>> callsByAnswer = new LinkedHashMap<>();
        for (Recording call : all().toList()) {
            Vmi vmi = call.parsed();
            int slash = call.name().lastIndexOf('/');
            for (Transport transport : Transport.values()) {
                if (mayBe(transport, vmi)) {
                    Element domain = XmlShape.root(applied(call.xml(), vmi, transport));
                    String order = XmlShape.interfaces(domain).stream()
                            .map(its -> " " + XmlShape.alias(its))
                            .collect(Collectors.joining());
                    callsByAnswer
                            .computeIfAbsent(
                                    "# " + call.name().substring(0, slash) + ", " + transport + "\n"
                                            + ours(domain, transport),
                                    answer -> new ArrayList<>())
                            .add(call.name().substring(slash + 1) + ":" + order);
                }
            }
        }
        StringBuilder actual = new StringBuilder();
        callsByAnswer.forEach((answer, calls) ->
                actual.append(answer).append(String.join("\n", calls)).append("\n\n"));
        Path file = Command.ROOT.resolve("target/golden.txt");
        Files.createDirectories(file.getParent());
        Files.writeString(file, actual);
        String expected = Files.exists(GOLDEN) ? Files.readString(GOLDEN) : "";
        assertThat(actual.toString()).as("%s is as %s", file, GOLDEN).isEqualTo(expected);
    }

    private static String ours(Element domain, Transport transport) {
        List<Element> ours = new ArrayList<>(XmlShape.interfaces(domain));
        ours.removeIf(its -> !XmlShape.alias(its).equals("ua-default"));
        ours.addAll(XmlShape.all(domain, XmlShape.QEMU, "commandline"));
        ours.addAll(XmlShape.all(domain, XmlShape.QEMU, "override"));
        if (transport == Transport.VHOST_USER) {
            ours.addAll(XmlShape.all(domain, null, "memoryBacking"));
        }
        return ours.stream().map(its -> XmlShape.of(its) + "\n").collect(Collectors.joining());
    }

    /** What KubeVirt's structs keep of a passt interface: another binding's interface under our alias. */
    @Test
    void theInterfaceOfAnotherBindingIsReplaced() throws Exception {
        byte[] kept =
                Files.readAllBytes(Command.ROOT.resolve("src/test/resources/kubevirt/domain/plugged/passt-kept.xml"));
        Vmi vmi = Recording.of("default/call1").parsed();
        Element domain = XmlShape.root(applied(kept, vmi, Transport.STREAM));
        assertThat(XmlShape.interfaces(domain))
                .filteredOn(its -> XmlShape.alias(its).equals("ua-default"))
                .singleElement()
                .extracting(XmlShape::of)
                .asString()
                .startsWith("<interface type='client'>")
                .doesNotContain("portForward");
    }

    /** 15 ms on a machine with nothing else to do. */
    @Test
    void aMegabyteIsQuick() throws Exception {
        Recording call = Recording.of("default/call3");
        String xml = new String(call.xml(), StandardCharsets.UTF_8);
        String entry = "\t\t\t<entry name=\"family\">KubeVirt &amp; others &lt;here&gt;</entry>\n";
        String large = xml.replace("\t\t</system>", entry.repeat((1 << 20) / entry.length()) + "\t\t</system>");
        byte[] bytes = large.getBytes(StandardCharsets.UTF_8);
        assertThat(bytes).hasSizeGreaterThan(1_000_000);
        Vmi vmi = call.parsed();
        long best = Long.MAX_VALUE;
        byte[] answer = {};
        for (int i = 0; i < 40; i++) {
            long began = System.nanoTime();
            answer = applied(bytes, vmi, Transport.STREAM);
            best = Math.min(best, System.nanoTime() - began);
        }
        assertThat(XmlShape.interfaces(XmlShape.root(answer))).hasSize(1);
        assertThat(best).isLessThan(200_000_000);
    }
}
