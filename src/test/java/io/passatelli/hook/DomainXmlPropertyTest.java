package io.passatelli.hook;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import org.w3c.dom.Element;

import java.nio.charset.StandardCharsets;
import java.util.List;

import static org.assertj.core.api.Assertions.assertThat;

/** Domains as nobody writes them: what holds for any of them. */
class DomainXmlPropertyTest {
    private static final String[] NAMES = {
        "devices",
        "interface",
        "alias",
        "mac",
        "address",
        "source",
        "memoryBacking",
        "access",
        "cpu",
        "numa",
        "cell",
        "other",
        "q:commandline",
        "q:arg",
        "q:override",
        "q:device",
        "q:frontend",
        "q:property",
        "x:interface"
    };
    private static final String[] ATTRIBUTES = {
        " name=\"ua-default\"",
        " name=\"ua-blue\"",
        " name=\"placeholder-0\"",
        " type=\"client\"",
        " mode=\"shared\"",
        " address=\"02:00:00:00:00:01\"",
        " address=\"?\"",
        " alias=\"ua-default\"",
        " alias=\"ua-x\"",
        " value=\"-netdev\"",
        " value=\"user,id=sdefault\"",
        " value=\"{&quot;id&quot;:&quot;sdefault&quot;}\"",
        " value=\"-device\"",
        " value=\"a\"",
        " name=\"netdev\"",
        " name=\"host_mtu\"",
        " x:name=\"ua-default\"",
        ""
    };

    @Provide
    Arbitrary<String> domains() {
        return content(0)
                .map(content -> "<domain xmlns:q=\"" + XmlShape.QEMU + "\" xmlns:x=\"urn:x\"><devices>"
                        + "<interface><alias name=\"ua-blue\"/></interface></devices>" + content + "</domain>");
    }

    private static Arbitrary<String> content(int depth) {
        Arbitrary<String> leaf = Arbitraries.of("text &lt;", "\n\t", "<!--c-->", "<![CDATA[&]]>", "<?p i?>", "");
        if (depth == 4) {
            return leaf;
        }
        return Arbitraries.frequencyOf(Tuple.of(1, leaf), Tuple.of(3, Arbitraries.lazy(() -> element(depth))))
                .list()
                .ofMaxSize(5)
                .map(parts -> String.join("", parts));
    }

    private static Arbitrary<String> element(int depth) {
        return Combinators.combine(Arbitraries.of(NAMES), Arbitraries.of(ATTRIBUTES), content(depth + 1))
                .as((name, attribute, content) -> "<" + name + attribute + ">" + content + "</" + name + ">");
    }

    @Property(tries = 400)
    void twiceIsOnceAndOthersSurvive(@ForAll("domains") String xml, @ForAll Transport transport) throws HookRefusal {
        Vmi vmi = new VmiJson()
                .interfaces("{\"name\":\"default\",\"binding\":{\"name\":\"passatelli\"}},{\"name\":\"blue\"}")
                .parsed();
        byte[] once;
        try {
            once = DomainXml.apply(xml.getBytes(StandardCharsets.UTF_8), vmi, DomainXmlTest.settings(transport));
        } catch (HookRefusal e) {
            assertThat(transport).isEqualTo(Transport.VHOST_USER);
            assertThat(e).hasMessageContaining("vhost-user");
            return;
        }
        byte[] twice = DomainXml.apply(once, vmi, DomainXmlTest.settings(transport));
        assertThat(new String(twice, StandardCharsets.UTF_8)).isEqualTo(new String(once, StandardCharsets.UTF_8));
        Element before = XmlShape.root(xml.getBytes(StandardCharsets.UTF_8));
        Element after = XmlShape.root(once);
        long ours = XmlShape.interfaces(after).stream()
                .filter(its -> XmlShape.alias(its).equals("ua-default"))
                .count();
        assertThat(ours).isEqualTo(transport == Transport.STREAM_ARGV ? 0 : 1);
        assertThat(foreign(after)).isEqualTo(foreign(before));
    }

    /** Everything but the places where ours is, or may have been. */
    private static String foreign(Element domain) {
        for (String name : List.of("commandline", "override")) {
            XmlShape.all(domain, XmlShape.QEMU, name).forEach(domain::removeChild);
        }
        XmlShape.all(domain, null, "memoryBacking").forEach(domain::removeChild);
        XmlShape.interfaces(domain).stream()
                .filter(its -> XmlShape.alias(its).equals("ua-default"))
                .forEach(its -> its.getParentNode().removeChild(its));
        domain.normalize();
        return XmlShape.of(domain);
    }
}
