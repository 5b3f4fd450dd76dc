package io.passatelli.hook;

import io.passatelli.config.Annotations;
import io.passatelli.config.DesiredForwards;
import io.passatelli.config.EphemeralPorts;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.w3c.dom.Element;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/**
 * What KubeVirt's own tests of its passt sidecar demand (configurator_test.go, callback_test.go), with our numbers U1 to U24, and U25 to U30 of our
 * own. Where we differ, the row says how.
 */
class DomainXmlTest {
    private static final String PATH = "/var/run/kubevirt-hooks/hook-sidecar-0/net/0.sock";
    private static final String DOMAIN = "<domain><devices/></domain>";

    static DomainXml.Settings settings(Transport transport) {
        return new DomainXml.Settings(transport, PATH, 65_520);
    }

    private static Element applied(Transport transport, VmiJson vmi, String domain) throws HookRefusal {
        return XmlShape.root(
                DomainXml.apply(domain.getBytes(StandardCharsets.UTF_8), vmi.parsed(), settings(transport)));
    }

    private static String ours(Element domain) {
        return XmlShape.interfaces(domain).stream()
                .filter(its -> XmlShape.alias(its).equals("ua-default"))
                .map(XmlShape::of)
                .collect(Collectors.joining("\n"));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                // networks | interfaces | sentence
                "U1 | {\"name\":\"blue\",\"multus\":{\"networkName\":\"b\"}} | {\"name\":\"blue\",\"bridge\":{}} | the VMI has no pod network (pod: {}, or multus with default: true) for the binding 'passatelli'",
                "U2 | {\"name\":\"default\",\"pod\":{}} | {\"name\":\"blue\",\"bridge\":{}} | no interface of the VMI has the name of its pod network, 'default'",
                "U3 | {\"name\":\"default\",\"pod\":{}} | {\"name\":\"default\",\"bridge\":{}} | interface 'default' has no binding plugin, and 'passatelli' is wanted",
                "U4 | {\"name\":\"default\",\"pod\":{}} | {\"name\":\"default\",\"binding\":{\"name\":\"other\"}} | interface 'default' has the binding 'other', and 'passatelli' is wanted (KubeVirt before 1.9 does not tell us another name, so register the plugin under this one)",
                "two | {\"name\":\"a\",\"pod\":{}},{\"name\":\"b\",\"multus\":{}} | {\"name\":\"a\",\"binding\":{\"name\":\"passatelli\"}},{\"name\":\"b\",\"binding\":{\"name\":\"passatelli\"}} | interfaces 'a' and 'b' both have the binding 'passatelli': it serves one, that of the pod's network",
                "second | {\"name\":\"a\",\"pod\":{}},{\"name\":\"b\",\"multus\":{}} | {\"name\":\"b\",\"binding\":{\"name\":\"passatelli\"}} | interface 'b' is on a secondary network: the binding 'passatelli' serves only that of the pod (pod: {}, or multus with default: true)",
                "none | {\"name\":\"a\",\"pod\":{}} | {\"name\":\"b\",\"binding\":{\"name\":\"passatelli\"}} | interface 'b' has no network of its name",
            })
    void aVmiWithoutOurNicIsRefused(String row, String networks, String interfaces, String sentence) {
        assertThatThrownBy(() ->
                        new VmiJson().networks(networks).interfaces(interfaces).parsed())
                .as(row)
                .isInstanceOf(HookRefusal.class)
                .hasMessage(sentence);
    }

    /** Others fail here. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "U5 | \"phase\":\"Scheduled\"",
                "U5 | \"interfaces\":[{\"name\":\"other\",\"podInterfaceName\":\"eth1\"}]",
                "U6 | \"interfaces\":[{\"name\":\"default\",\"podInterfaceName\":\"\"}]",
            })
    void withoutTheNameOfThePodsInterfaceItIsGuessed(String row, String status) throws HookRefusal {
        Vmi vmi = new VmiJson().status(status).parsed();
        assertThat(vmi.nic().podInterface()).as(row).isEqualTo("eth0");
        assertThat(vmi.warnings())
                .containsExactly(
                        "the VMI's status does not say which interface of the pod is network default, so eth0 is taken");
    }

    @Test
    void u20ThePodsInterfaceIsTheOneOfTheStatus() throws HookRefusal {
        Vmi vmi = new VmiJson()
                .status("\"interfaces\":[{\"name\":\"default\",\"podInterfaceName\":\"ovn-udn1\"}]")
                .parsed();
        assertThat(vmi.nic().podInterface()).isEqualTo("ovn-udn1");
        assertThat(vmi.warnings()).isEmpty();
    }

    @Test
    void u7AMalformedPciAddressIsRefused() {
        assertThatThrownBy(() ->
                        applied(Transport.STREAM, VmiJson.withNic("\"pciAddress\":\"invalid-pci-address\""), DOMAIN))
                .isInstanceOf(HookRefusal.class)
                .hasMessageContaining("'invalid-pci-address'");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "U8 | -none- | <interface type='client'><source address='127.0.0.1' port='1'></><mac address='02:b6:81:a8:0d:20'></><model type='virtio-non-transitional'></><rom enabled='no'></><alias name='ua-default'></></>",
                "U9 | \"pciAddress\":\"0000:02:02.0\" | <address bus='0x02' domain='0x0000' function='0x0' slot='0x02' type='pci'></>",
                "U10 | \"macAddress\":\"02:02:02:02:02:02\" | <mac address='02:02:02:02:02:02'></>",
                "U10 | \"macAddress\":\"02-AA-02-02-02-02\" | <mac address='02:aa:02:02:02:02'></>",
                "U11 | \"acpiIndex\":2 | <acpi index='2'></>",
                "U12 | \"model\":\"e1000\" | <model type='e1000'></>",
                "boot | \"bootOrder\":3 | <model type='virtio-non-transitional'></><boot order='3'></><alias",
                "down | \"state\":\"down\" | <link state='down'></>",
                "up | \"state\":\"up\" | <model type='virtio-non-transitional'></><rom enabled='no'></><alias",
            })
    void theNicIsAsTheVmiHasIt(String row, String members, String part) throws HookRefusal {
        String nic = members.equals("-none-") ? "" : members;
        assertThat(ours(applied(Transport.STREAM, VmiJson.withNic(nic), DOMAIN)))
                .as(row)
                .contains(part);
    }

    /** Of QEMU's models only virtio knows {@code host_mtu}: with it another would not start. */
    @ParameterizedTest
    @CsvSource({"STREAM, true", "STREAM_TCP, false"})
    void aModelWithoutHostMtuIsNotGivenOne(Transport transport, boolean hasOverride) throws HookRefusal {
        Element domain = applied(transport, VmiJson.withNic("\"model\":\"rtl8139\""), DOMAIN);
        String override = XmlShape.all(domain, XmlShape.QEMU, "override").stream()
                .map(XmlShape::of)
                .collect(Collectors.joining());
        assertThat(override).doesNotContain("host_mtu");
        assertThat(override.contains("netdev")).isEqualTo(hasOverride);
        assertThat(override.isEmpty()).isEqualTo(!hasOverride);
    }

    /** U8: others forward UDP too. */
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "U8 | | false | tcp:1-15986, tcp:15990-15998, tcp:16000-49151",
                "U13 | {\"port\":1,\"protocol\":\"TCP\"},{\"port\":4,\"protocol\":\"TCP\"} | false | tcp:1, tcp:4",
                "U14 | {\"port\":2,\"protocol\":\"UDP\"},{\"port\":3,\"protocol\":\"UDP\"} | false | udp:2-3",
                "U15 | {\"port\":1},{\"port\":2,\"protocol\":\"UDP\"},{\"port\":3,\"protocol\":\"udp\"},{\"port\":4,\"protocol\":\"tcp\"} | false | tcp:1, tcp:4, udp:2-3",
                "U15 | {\"port\":1,\"protocol\":\"\"} | false | tcp:1",
                "U17 | {\"port\":15000},{\"port\":15001,\"protocol\":\"UDP\"},{\"port\":15002} | true | tcp:15002, udp:15001",
                "U17 | | true | tcp:1-14999, tcp:15002-15003, tcp:15005, tcp:15007, tcp:15010-15019, tcp:15022-15052, tcp:15054-15089, tcp:15091-15986, tcp:15990-15998, tcp:16000-49151",
            })
    void thePortsAreForwarded(String row, @Nullable String ports, boolean istio, String expected) throws HookRefusal {
        Vmi vmi = VmiJson.withNic(ports == null ? "" : "\"ports\":[" + ports + "]")
                .annotations(istio ? "\"sidecar.istio.io/inject\":\"True\"" : "")
                .parsed();
        String forwards = DesiredForwards.of(
                        vmi.nic().ports(),
                        vmi.annotations().get(Annotations.FORWARD),
                        vmi.istio(),
                        EphemeralPorts.STANDARD)
                .forwards()
                .stream()
                .map(its -> its.text())
                .collect(Collectors.joining(", "));
        assertThat(forwards).as(row).isEqualTo(expected);
    }

    /** Its domain comes from where the guest runs, and what we answer is not used. */
    @ParameterizedTest
    @ValueSource(strings = {"\"pciAddress\":\"0000:02:02.0\"", "\"state\":\"down\""})
    void whatATransportCannotDoIsNotRefusedToATarget(String members) throws HookRefusal {
        assertThatThrownBy(() -> applied(Transport.STREAM_ARGV, VmiJson.withNic(members), DOMAIN))
                .isInstanceOf(HookRefusal.class)
                .hasMessageContaining("stream-argv");
        VmiJson target = VmiJson.withNic(members).status("\"migrationState\":{}");
        assertThat(applied(Transport.STREAM_ARGV, target, DOMAIN)).isNotNull();
    }

    @Test
    void u16TransitionalDevicesAreAsked() throws HookRefusal {
        VmiJson vmi = new VmiJson().devices("\"useVirtioTransitional\":true");
        assertThat(ours(applied(Transport.STREAM, vmi, DOMAIN))).contains("<model type='virtio-transitional'>");
    }

    @Test
    void u18OtherInterfacesStayAsTheyAreInFrontOfOurs() throws HookRefusal {
        String other = "<interface type='bridge'><alias name='ua-other'/><model type='x'/></interface>";
        Element domain =
                applied(Transport.STREAM, new VmiJson(), "<domain><devices>" + other + "<disk/></devices></domain>");
        List<Element> interfaces = XmlShape.interfaces(domain);
        assertThat(interfaces).extracting(XmlShape::alias).containsExactly("ua-other", "ua-default");
        assertThat(XmlShape.of(interfaces.getFirst()))
                .isEqualTo("<interface type='bridge'><alias name='ua-other'></><model type='x'></></>");
    }

    @Test
    void u18InterfacesAreInTheOrderOfTheVmi() throws HookRefusal {
        VmiJson vmi = new VmiJson()
                .interfaces(
                        "{\"name\":\"a\"},{\"name\":\"default\",\"binding\":{\"name\":\"passatelli\"}},{\"name\":\"b\"}");
        String of = "<interface type='bridge'><alias name='%s'/></interface>";
        for (String domain : List.of(
                of.formatted("ua-a") + of.formatted("ua-b") + of.formatted("placeholder-0"),
                of.formatted("ua-a")
                        + of.formatted("ua-b")
                        + of.formatted("placeholder-0")
                        + of.formatted("ua-default"),
                of.formatted("ua-default")
                        + of.formatted("ua-a")
                        + of.formatted("ua-b")
                        + of.formatted("placeholder-0"))) {
            assertThat(XmlShape.interfaces(
                            applied(Transport.STREAM, vmi, "<domain><devices>" + domain + "</devices></domain>")))
                    .extracting(XmlShape::alias)
                    .containsExactly("ua-a", "ua-default", "ua-b", "placeholder-0");
        }
    }

    @Test
    void u19TwiceIsOnce() throws HookRefusal {
        for (Transport transport : Transport.values()) {
            byte[] once = DomainXml.apply(
                    DOMAIN.getBytes(StandardCharsets.UTF_8), new VmiJson().parsed(), settings(transport));
            byte[] twice = DomainXml.apply(once, new VmiJson().parsed(), settings(transport));
            assertThat(new String(twice, StandardCharsets.UTF_8)).isEqualTo(new String(once, StandardCharsets.UTF_8));
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "U21 | '' | <access mode='shared'></><source type='memfd'></>",
                "U23 | <memoryBacking><access mode='shared'/><source type='file'/></memoryBacking> | <access mode='shared'></><source type='file'></>",
                "U27 | <memoryBacking><hugepages/></memoryBacking> | <hugepages></><access mode='shared'></>",
                "U27 | <memoryBacking><hugepages/><source type='memfd'/></memoryBacking> | <hugepages></><source type='memfd'></><access mode='shared'></>",
                "locked | <memoryBacking><locked/></memoryBacking> | <locked></><access mode='shared'></><source type='memfd'></>",
                "cells | <cpu><numa><cell id='0' memAccess='shared'/></numa></cpu> | <access mode='shared'></><source type='memfd'></>",
            })
    void vhostUserSharesTheMemory(String row, String backing, String expected) throws HookRefusal {
        Element domain = applied(Transport.VHOST_USER, new VmiJson(), "<domain>" + backing + "</domain>");
        assertThat(XmlShape.all(domain, null, "memoryBacking"))
                .as(row)
                .singleElement()
                .extracting(XmlShape::of)
                .isEqualTo("<memoryBacking>" + expected + "</>");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "U22 | '' | <memoryBacking><access mode='private'/></memoryBacking> | access mode 'private'",
                "cells | '' | <cpu><numa><cell id='3' memAccess='private'/></numa></cpu> | NUMA cell 3",
                "U12 | \"model\":\"e1000\" | '' | of model 'e1000', only virtio",
            })
    void vhostUserIsRefusedWhereItCannotBe(String row, String members, String inDomain, String part) {
        assertThatThrownBy(() ->
                        applied(Transport.VHOST_USER, VmiJson.withNic(members), "<domain>" + inDomain + "</domain>"))
                .as(row)
                .isInstanceOf(HookRefusal.class)
                .hasMessageContaining(part);
    }

    @Test
    void vhostUserIsRefusedForEncryptedMemory() {
        assertThatThrownBy(() ->
                        applied(Transport.VHOST_USER, new VmiJson().domain("\"launchSecurity\":{\"sev\":{}}"), DOMAIN))
                .isInstanceOf(HookRefusal.class)
                .hasMessageContaining("launchSecurity");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "'' | the domain XML is empty",
                "' ' | no good XML",
                "<domain> | no good XML, line 1",
                "<domain></domain><domain/> | no good XML",
                "<network/> | begins with <network>",
                "<d:domain xmlns:d='urn:d'/> | begins with <d:domain>",
                "<domain a='1' a='2'/> | no good XML",
                "<domain>&nbsp;</domain> | no good XML",
                "<?xml version='1.1'?><domain/> | version 1.1",
            })
    void u24WhatIsNoDomainIsRefused(String xml, String part) {
        assertThatThrownBy(() -> applied(Transport.STREAM, new VmiJson(), xml))
                .isInstanceOf(HookRefusal.class)
                .hasMessageContaining(part)
                .hasMessageMatching("[ -~]{1,600}");
    }

    @Test
    void u24WhatIsNoVmiIsRefused() {
        assertThatThrownBy(() -> Vmi.parse("{not json".getBytes(StandardCharsets.UTF_8), null))
                .isInstanceOf(HookRefusal.class)
                .hasMessageStartingWith("the VMI is no good JSON");
    }

    @Test
    void u25OurselvesWithoutASourceIsRepairedAndKeepsAddressAndMac() throws HookRefusal {
        String lossy = "<domain><devices><interface type='client'><source/><mac address='02:00:00:00:00:99'/>"
                + "<address type='pci' domain='0x0000' bus='0x01' slot='0x00' function='0x0'/>"
                + "<alias name='ua-default'/></interface></devices></domain>";
        String ours = ours(applied(Transport.STREAM, new VmiJson(), lossy));
        assertThat(ours)
                .contains("<source address='127.0.0.1' port='1'></>")
                .contains("<mac address='02:00:00:00:00:99'></>")
                .contains("<address bus='0x01' domain='0x0000' function='0x0' slot='0x00' type='pci'></>");
        String asTheVmiSays = ours(applied(
                Transport.STREAM,
                VmiJson.withNic("\"macAddress\":\"02:00:00:00:00:01\",\"pciAddress\":\"0000:05:00.0\""),
                lossy));
        assertThat(asTheVmiSays)
                .contains("<mac address='02:00:00:00:00:01'></>")
                .contains("bus='0x05'")
                .doesNotContain("bus='0x01'");
    }

    @Test
    void u25OurselvesTwiceIsOnce() throws HookRefusal {
        String one = "<interface type='client'><alias name='ua-default'/></interface>";
        Element domain =
                applied(Transport.STREAM, new VmiJson(), "<domain><devices>" + one + one + "</devices></domain>");
        assertThat(XmlShape.interfaces(domain)).hasSize(1);
    }

    @Test
    void u26PlaceholdersStay() throws Exception {
        Recording first = Recording.of("default/call1");
        Element domain = XmlShape.root(DomainXml.apply(first.xml(), first.parsed(), settings(Transport.STREAM)));
        assertThat(XmlShape.interfaces(domain))
                .extracting(XmlShape::alias)
                .containsExactly("ua-default", "placeholder-0", "placeholder-1", "placeholder-2");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "with prefix | <domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>%s</domain> | <qemu:commandline><qemu:arg value='-foo'/></qemu:commandline>",
                "another prefix | <domain xmlns:q='http://libvirt.org/schemas/domain/qemu/1.0'>%s</domain> | <q:commandline><q:arg value='-foo'/></q:commandline>",
                "without | <domain>%s</domain> | <commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'><arg value='-foo'/></commandline>",
                "taken | <domain xmlns:qemu='urn:other'>%s</domain> | <commandline xmlns='http://libvirt.org/schemas/domain/qemu/1.0'><arg value='-foo'/></commandline>",
            })
    void u28ArgumentsOfOthersStay(String row, String domain, String commandline) throws HookRefusal {
        String xml = domain.formatted(commandline);
        Element once = applied(Transport.STREAM, new VmiJson(), xml);
        assertThat(XmlShape.all(once, XmlShape.QEMU, "commandline"))
                .as(row)
                .singleElement()
                .extracting(XmlShape::of)
                .isEqualTo("<qemu:commandline><qemu:arg value='-foo'></><qemu:arg value='-netdev'></>"
                        + "<qemu:arg value='{\"type\":\"stream\",\"id\":\"sdefault\",\"server\":false,"
                        + "\"addr\":{\"type\":\"unix\",\"path\":\"" + PATH + "\"}}'></></>");
        assertThat(XmlShape.all(once, XmlShape.QEMU, "override"))
                .singleElement()
                .extracting(XmlShape::of)
                .isEqualTo("<qemu:override><qemu:device alias='ua-default'><qemu:frontend>"
                        + "<qemu:property name='netdev' type='string' value='sdefault'></>"
                        + "<qemu:property name='host_mtu' type='unsigned' value='65520'></></></></>");
    }

    @Test
    void u28OverridesOfOthersStay() throws HookRefusal {
        String property = "<qemu:frontend><qemu:property name='%s' type='bool' value='true'/></qemu:frontend>";
        String xml = "<domain xmlns:qemu='" + XmlShape.QEMU + "'><qemu:override>"
                + "<qemu:device alias='ua-other'>" + property.formatted("netdev") + "</qemu:device>"
                + "<qemu:device alias='ua-default'>" + property.formatted("rss") + "</qemu:device>"
                + "</qemu:override></domain>";
        Element domain = applied(Transport.STREAM, new VmiJson(), xml);
        assertThat(XmlShape.of(XmlShape.all(domain, XmlShape.QEMU, "override").getFirst()))
                .isEqualTo("<qemu:override><qemu:device alias='ua-other'><qemu:frontend>"
                        + "<qemu:property name='netdev' type='bool' value='true'></></></>"
                        + "<qemu:device alias='ua-default'><qemu:frontend>"
                        + "<qemu:property name='rss' type='bool' value='true'></>"
                        + "<qemu:property name='netdev' type='string' value='sdefault'></>"
                        + "<qemu:property name='host_mtu' type='unsigned' value='65520'></></></></>");
    }

    @Test
    void u28ANetdevOfOurIdLeavesHoweverItIsWritten() throws HookRefusal {
        String xml = "<domain xmlns:qemu='" + XmlShape.QEMU + "'><qemu:commandline>"
                + "<qemu:arg value='-netdev'/><qemu:arg value='user,id=sdefault'/>"
                + "<qemu:arg value='-netdev'/><qemu:arg value='{\"id\" : \"sdefault\",\"type\":\"user\"}'/>"
                + "<qemu:arg value='-netdev'/><qemu:arg value='user,id=sdefault2'/>"
                + "<qemu:arg value='-device'/><qemu:arg value='{\"driver\":\"e1000\",\"netdev\":\"sdefault\"}'/>"
                + "<qemu:arg value='-netdev'/></qemu:commandline></domain>";
        Element domain = applied(Transport.STREAM_TCP, new VmiJson(), xml);
        assertThat(XmlShape.of(
                        XmlShape.all(domain, XmlShape.QEMU, "commandline").getFirst()))
                .isEqualTo("<qemu:commandline><qemu:arg value='-netdev'></><qemu:arg value='user,id=sdefault2'></>"
                        + "<qemu:arg value='-netdev'></></>");
    }

    @Test
    void u29S390xHasNeitherPciNorRomNorMemfd() throws HookRefusal {
        VmiJson vmi = new VmiJson().architecture("s390x");
        assertThat(ours(applied(Transport.STREAM, vmi, DOMAIN)))
                .contains("<model type='virtio'></>")
                .doesNotContain("rom");
        Element shared = applied(Transport.VHOST_USER, vmi, DOMAIN);
        assertThat(XmlShape.of(XmlShape.all(shared, null, "memoryBacking").getFirst()))
                .isEqualTo("<memoryBacking><access mode='shared'></></>");
        assertThat(XmlShape.of(applied(Transport.STREAM_ARGV, vmi, DOMAIN))).contains("virtio-net-ccw");
    }

    @Test
    void u30QueuesAndOrdersAreNumbersAsGoReadsThem() throws HookRefusal {
        VmiJson vmi = VmiJson.withNic("\"bootOrder\":1")
                .devices("\"networkInterfaceMultiqueue\":true")
                .domain("\"cpu\":{\"cores\":4}");
        assertThat(ours(applied(Transport.VHOST_USER, vmi, DOMAIN)))
                .isEqualTo("<interface type='vhostuser'><source mode='client' path='" + PATH
                        + "' type='unix'><reconnect enabled='yes' timeout='1'></></>"
                        + "<mac address='02:b6:81:a8:0d:20'></><model type='virtio-non-transitional'></>"
                        + "<driver name='vhost' queues='4'></><boot order='1'></><alias name='ua-default'></></>");
        vmi.domain("\"cpu\":{\"cores\":64}");
        assertThat(ours(applied(Transport.VHOST_USER, vmi, DOMAIN))).contains("queues='8'");
        assertThat(ours(applied(Transport.STREAM, vmi, DOMAIN))).doesNotContain("queues");
    }

    @Test
    void encryptedMemoryNeedsTheIommuAndNoRom() throws HookRefusal {
        VmiJson vmi = VmiJson.withNic("\"bootOrder\":1").domain("\"launchSecurity\":{\"sev\":{}}");
        assertThat(ours(applied(Transport.STREAM, vmi, DOMAIN)))
                .contains("<driver iommu='on'></><boot order='1'></><rom enabled='no'></>");
        assertThat(XmlShape.of(applied(Transport.STREAM_ARGV, vmi, DOMAIN)))
                .contains("\"iommu_platform\":true,\"bootindex\":1,\"romfile\":\"\"");
    }

    @Test
    void streamTcpNamesNoPath() throws HookRefusal {
        Element domain = applied(Transport.STREAM_TCP, new VmiJson(), DOMAIN);
        assertThat(ours(domain)).contains("<source address='127.0.0.1' port='15999'></>");
        assertThat(XmlShape.all(domain, XmlShape.QEMU, "commandline")).isEmpty();
        assertThat(XmlShape.of(XmlShape.all(domain, XmlShape.QEMU, "override").getFirst()))
                .isEqualTo("<qemu:override><qemu:device alias='ua-default'><qemu:frontend>"
                        + "<qemu:property name='host_mtu' type='unsigned' value='65520'></></></></>");
    }

    /** An option that QEMU does not know keeps it from starting; and libvirt has none for a NIC of its own. */
    @ParameterizedTest
    @CsvSource({
        "STREAM, v1.9.0, true",
        "STREAM_ARGV, v1.9.0, true",
        "STREAM, v1.7.0, false",
        "STREAM_ARGV, v1.7.0, false",
        "STREAM_TCP, v1.9.0, false"
    })
    void qemuConnectsAgainWhereItCan(Transport transport, String version, boolean again) throws HookRefusal {
        VmiJson vmi = new VmiJson()
                .status("\"launcherContainerImageVersion\":\"quay.io/kubevirt/virt-launcher:" + version + "\"");
        Element once = applied(transport, vmi, DOMAIN);
        String arguments = XmlShape.of(once);
        assertThat(arguments.contains("\"path\":\"" + PATH + "\"},\"reconnect-ms\":500}"))
                .isEqualTo(again);
        assertThat(arguments.contains("reconnect")).isEqualTo(again);
    }

    @Test
    void streamArgvIsArgumentsOnly() throws HookRefusal {
        Element domain = applied(Transport.STREAM_ARGV, VmiJson.withNic("\"acpiIndex\":7"), DOMAIN);
        assertThat(XmlShape.interfaces(domain)).isEmpty();
        assertThat(XmlShape.all(domain, XmlShape.QEMU, "override")).isEmpty();
        assertThat(XmlShape.of(
                        XmlShape.all(domain, XmlShape.QEMU, "commandline").getFirst()))
                .isEqualTo("<qemu:commandline><qemu:arg value='-netdev'></>"
                        + "<qemu:arg value='{\"type\":\"stream\",\"id\":\"sdefault\",\"server\":false,"
                        + "\"addr\":{\"type\":\"unix\",\"path\":\"" + PATH + "\"}}'></><qemu:arg value='-device'></>"
                        + "<qemu:arg value='{\"driver\":\"virtio-net-pci-non-transitional\",\"netdev\":\"sdefault\","
                        + "\"id\":\"passatelli-default\",\"mac\":\"02:b6:81:a8:0d:20\",\"host_mtu\":65520,"
                        + "\"romfile\":\"\",\"acpi-index\":7}'></></>");
    }

    @ParameterizedTest
    @CsvSource({"'\"pciAddress\":\"0000:81:00.0\"', pciAddress", "'\"state\":\"down\"', state: down"})
    void streamArgvRefusesWhatItCannot(String members, String part) {
        assertThatThrownBy(() -> applied(Transport.STREAM_ARGV, VmiJson.withNic(members), DOMAIN))
                .isInstanceOf(HookRefusal.class)
                .hasMessageContaining("stream-argv")
                .hasMessageContaining(part);
    }

    /** KubeVirt finds the interface by the alias, so a capital letter stays; it puts into lower case only what it changes itself, which is never ours. */
    @Test
    void capitalLettersOfANameStay() throws HookRefusal {
        VmiJson vmi = new VmiJson()
                .interfaces("{\"name\":\"Default\",\"binding\":{\"name\":\"passatelli\"}}")
                .networks("{\"name\":\"Default\",\"pod\":{}}");
        assertThat(XmlShape.of(applied(Transport.STREAM, vmi, DOMAIN)))
                .contains("<alias name='ua-Default'></>")
                .contains("<qemu:device alias='ua-Default'>")
                .contains("\"id\":\"sDefault\"");
    }

    @Test
    void theMacIsTheSameForAVmiAndOthersForOthers() throws HookRefusal {
        String one = mac(new VmiJson());
        assertThat(one).isEqualTo(mac(new VmiJson().annotations("\"a\":\"b\""))).startsWith("02:");
        assertThat(mac(new VmiJson().metadata("\"uid\":\"bf2f058f-c65e-46f1-b433-65c8452e0fd8\"")))
                .startsWith("02:")
                .isNotEqualTo(one);
    }

    private static String mac(VmiJson vmi) throws HookRefusal {
        return XmlShape.all(
                        XmlShape.interfaces(applied(Transport.STREAM, vmi, DOMAIN))
                                .getFirst(),
                        null,
                        "mac")
                .getFirst()
                .getAttribute("address");
    }

    @ParameterizedTest
    @CsvSource({
        "stream, STREAM",
        "' stream-tcp ', STREAM_TCP",
        "stream-argv, STREAM_ARGV",
    })
    void theTransportIsChosenByAnnotation(String value, Transport transport) throws HookRefusal {
        assertThat(Transport.of(Map.of(Annotations.TRANSPORT, value))).isEqualTo(transport);
        assertThat(Transport.of(Map.of())).isEqualTo(Transport.STREAM);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "vhost-user | passatelli.io/transport: vhost-user is not in this version: take the annotation away, or say stream",
                "tap | passatelli.io/transport: 'tap' is neither stream, stream-tcp nor stream-argv",
                "Stream | passatelli.io/transport: 'Stream' is neither stream, stream-tcp nor stream-argv",
                "'' | passatelli.io/transport: '' is neither stream, stream-tcp nor stream-argv",
            })
    void anotherTransportIsRefused(String value, String sentence) {
        assertThatThrownBy(() -> Transport.of(Map.of(Annotations.TRANSPORT, value)))
                .isInstanceOf(HookRefusal.class)
                .hasMessage(sentence);
    }

    @Test
    void aPathThatKubeVirtOrJsonWouldChangeIsNotTaken() {
        for (String path : List.of("/Net/0.sock", "net/0.sock", "/net/\"0.sock", "/" + "x".repeat(107))) {
            assertThatThrownBy(() -> new DomainXml.Settings(Transport.STREAM, path, 65_520))
                    .isInstanceOf(IllegalArgumentException.class);
        }
        assertThatThrownBy(() -> new DomainXml.Settings(Transport.STREAM, PATH, 67))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
