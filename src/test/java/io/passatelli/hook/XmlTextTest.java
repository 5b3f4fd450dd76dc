package io.passatelli.hook;

import io.passatelli.base.HookLimits;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.SocketTimeoutException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

@Timeout(30)
class XmlTextTest {
    private static String again(String xml) throws HookRefusal {
        return new String(XmlText.write(XmlText.parse(xml.getBytes(StandardCharsets.UTF_8))), StandardCharsets.UTF_8);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "<domain/>",
                "<domain a=\"1\" b=\"&lt;&gt;&amp;&quot;'&#10;&#9;&#13;\">&lt;&gt;&amp;\"'&#13;\n\t</domain>",
                "<!--in front--><?pi data?><domain><!--inside--><![CDATA[<a>&]]]><?pi?></domain><!--behind-->",
                "<d:domain d:x=\"1\" xml:lang=\"en\" xmlns=\"urn:a\" xmlns:d=\"urn:d\"><a/><d:a/></d:domain>",
                "<domain>\u00e4\u20ac\ud83d\ude00</domain>",
                "<domain>]]&gt;</domain>",
            })
    void whatIsReadIsWritten(String xml) throws HookRefusal {
        String written = again(xml);
        assertThat(written).isEqualTo(xml.replace("<?pi?>", "<?pi ?>"));
        assertThat(again(written)).isEqualTo(written);
        assertThat(XmlShape.of(XmlShape.root(written.getBytes(StandardCharsets.UTF_8))))
                .isEqualTo(XmlShape.of(XmlShape.root(xml.getBytes(StandardCharsets.UTF_8))));
    }

    @Test
    void aDeclarationIsNotNeeded() throws HookRefusal {
        assertThat(again("\ufeff<?xml version='1.0' encoding='UTF-8'?>\n<domain/>"))
                .isEqualTo("<domain/>");
    }

    @Test
    void anExponentialEntityIsNoEntity() {
        StringBuilder dtd = new StringBuilder("<!DOCTYPE domain [<!ENTITY a0 \"lol\">");
        for (int i = 1; i < 20; i++) {
            dtd.append("<!ENTITY a")
                    .append(i)
                    .append(" \"")
                    .append(("&a" + (i - 1) + ";").repeat(10))
                    .append("\">");
        }
        assertRefused(dtd + "]><domain>&a19;</domain>", "DOCTYPE");
    }

    @Test
    void nothingOutsideIsRead(@TempDir Path directory) throws IOException {
        Path secret = Files.writeString(directory.resolve("secret"), "hidden");
        assertRefused(
                "<!DOCTYPE domain [<!ENTITY a SYSTEM \"" + secret.toUri() + "\">]><domain>&a;</domain>", "DOCTYPE");
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            server.setSoTimeout(300);
            String url = "http://127.0.0.1:" + server.getLocalPort() + "/x.dtd";
            assertRefused("<!DOCTYPE domain SYSTEM \"" + url + "\"><domain/>", "DOCTYPE");
            assertRefused("<!DOCTYPE domain [<!ENTITY % a SYSTEM \"" + url + "\"> %a;]><domain/>", "DOCTYPE");
            assertThatThrownBy(server::accept).isInstanceOf(SocketTimeoutException.class);
        }
    }

    @Test
    void whatIncludesIsOnlyAnElement(@TempDir Path directory) throws Exception {
        Path secret = Files.writeString(directory.resolve("secret"), "hidden");
        String xml = "<domain><i:include href=\"" + secret.toUri()
                + "\" parse=\"text\" xmlns:i=\"http://www.w3.org/2001/XInclude\"/></domain>";
        assertThat(again(xml)).doesNotContain("hidden").contains("include");
    }

    @Test
    void sizeDepthAndNumberOfPartsAreBounded() throws HookRefusal {
        assertThatThrownBy(() -> XmlText.parse(new byte[HookLimits.DOMAIN_XML_BYTES + 1]))
                .isInstanceOf(HookRefusal.class)
                .hasMessageContaining("bytes, more than");
        assertRefused("<domain>" + "<a/>".repeat(HookLimits.DOMAIN_XML_PARTS) + "</domain>", "tags and attributes");
        assertRefused(
                "<domain>" + "<a>".repeat(HookLimits.DOMAIN_XML_DEPTH) + "</a>".repeat(HookLimits.DOMAIN_XML_DEPTH)
                        + "</domain>",
                "depth");
        int deepest = HookLimits.DOMAIN_XML_DEPTH - 1;
        assertThat(again("<domain>" + "<a>".repeat(deepest) + "</a>".repeat(deepest) + "</domain>"))
                .contains("<a/>");
    }

    @Test
    void longTextsAreRead() throws HookRefusal {
        String text = "&amp;&lt;&#65;".repeat(100_000);
        assertThat(again("<domain a=\"" + text + "\">" + text + "</domain>")).hasSizeGreaterThan(1_000_000);
    }

    @Test
    void anotherEncodingIsRefused() {
        byte[] utf16 = "<domain/>".getBytes(StandardCharsets.UTF_16LE);
        assertThatThrownBy(() -> XmlText.parse(utf16)).isInstanceOf(HookRefusal.class);
        byte[] latin1 = "<domain>\u00e4</domain>".getBytes(StandardCharsets.ISO_8859_1);
        assertThatThrownBy(() -> XmlText.parse(latin1)).isInstanceOf(HookRefusal.class);
    }

    private static void assertRefused(String xml, String part) {
        assertThatThrownBy(() -> XmlText.parse(xml.getBytes(StandardCharsets.UTF_8)))
                .isInstanceOf(HookRefusal.class)
                .hasMessageContaining(part)
                .hasMessageMatching("[ -~]{1,600}");
    }

    @ParameterizedTest
    @ValueSource(strings = {"<domain a='%s'/>", "<domain>%s</domain>"})
    void whatWouldBeTooLongForVirtLauncherIsRefusedWhileItIsWritten(String domain) {
        String text = domain.contains("=") ? "\"" : ">";
        assertThatThrownBy(() -> again(domain.formatted(text.repeat(3 << 20))))
                .isInstanceOf(HookRefusal.class)
                .hasMessage("the domain XML would have more than 4193280 bytes with the NIC in it, which virt-launcher"
                        + " does not take");
    }
}
