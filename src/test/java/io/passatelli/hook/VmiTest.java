package io.passatelli.hook;

import io.passatelli.base.HookLimits;
import io.passatelli.base.Ip;
import io.passatelli.base.Mac;
import io.passatelli.config.PortForward;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class VmiTest {
    @Test
    void everythingIsReadFromARecording() throws Exception {
        Vmi vmi = Recording.of("mac-pci-acpi/call1").parsed();
        assertThat(vmi.uid()).isEqualTo("07527101-492f-4ee9-ab4a-45be98ce5007");
        assertThat(vmi.namespace()).isEqualTo("tenant-a");
        assertThat(vmi.name()).isEqualTo("mac-pci-acpi");
        assertThat(vmi.annotations()).isEqualTo(Map.of("passatelli.io/forward", "tcp:2222:22, udp:5000-5010"));
        assertThat(vmi.nic())
                .isEqualTo(new Vmi.Nic(
                        "default",
                        "eth0",
                        Mac.parse("02:00:00:aa:bb:01"),
                        "virtio",
                        "0000:81:00.0",
                        101,
                        0,
                        List.of(),
                        false,
                        List.of()));
        assertThat(vmi.machine()).isEqualTo(new Vmi.Machine("amd64", false, false, 1, false, false, false));
        assertThat(vmi.istio()).isFalse();
        assertThat(vmi.migrating()).isFalse();
        assertThat(vmi.warnings()).isEmpty();
    }

    @Test
    void everyRecordingIsRead() throws Exception {
        List<Recording> all = Recording.all().toList();
        assertThat(all).hasSizeGreaterThan(60);
        for (Recording call : all) {
            assertThat(call.parsed().warnings()).as("%s", call).isEmpty();
        }
        assertThat(recorded("ports").nic().ports())
                .containsExactly(
                        PortForward.parse("tcp:22"), PortForward.parse("udp:53"), PortForward.parse("tcp:8080"));
        assertThat(recorded("four-nics").interfaces()).containsExactly("default", "blue", "green", "red");
        assertThat(recorded("istio").istio()).isTrue();
        assertThat(recorded("migration-target").migrating()).isTrue();
        assertThat(recorded("migration-target").nic().addresses()).containsExactly(Ip.parse("10.244.1.15"));
        assertThat(recorded("ports").nic().addresses()).isEmpty();
        assertThat(recorded("s390x").machine().architecture()).isEqualTo("s390x");
        assertThat(recorded("arm64").machine().architecture()).isEqualTo("arm64");
        assertThat(recorded("multiqueue").machine())
                .isEqualTo(new Vmi.Machine("amd64", false, true, 4, false, false, false));
        assertThat(recorded("hugepages").machine().hugepages()).isTrue();
        assertThat(recorded("link-down").nic().down()).isTrue();
        assertThat(recorded("bootorder").nic().bootOrder()).isEqualTo(1);
        assertThat(recorded("e1000").nic().model()).isEqualTo("e1000");
    }

    private static Vmi recorded(String name) throws Exception {
        return Recording.of(name + "/call1").parsed();
    }

    @ParameterizedTest
    @ValueSource(strings = {"true", "TRUE", "True"})
    void istioIsAskedForByAnnotationOrLabel(String value) throws HookRefusal {
        assertThat(new VmiJson()
                        .annotations("\"sidecar.istio.io/inject\":\"" + value + "\"")
                        .parsed()
                        .istio())
                .isTrue();
        assertThat(new VmiJson()
                        .metadata("\"labels\":{\"sidecar.istio.io/inject\":\"" + value + "\"}")
                        .parsed()
                        .istio())
                .isTrue();
        assertThat(new VmiJson()
                        .annotations("\"sidecar.istio.io/inject\":\"false\"")
                        .parsed()
                        .istio())
                .isFalse();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"launchSecurity\":{\"sev\":{}} | true | true",
                "\"launchSecurity\":{\"snp\":{\"policy\":3}} | true | true",
                "\"launchSecurity\":{} | true | true",
                "\"launchSecurity\":{\"tdx\":{}} | true | false",
                "\"launchSecurity\":null | false | false",
            })
    void encryptedMemoryIsSeen(String domain, boolean confidential, boolean iommu) throws HookRefusal {
        Vmi.Machine machine = new VmiJson().domain(domain).parsed().machine();
        assertThat(machine.confidential()).isEqualTo(confidential);
        assertThat(machine.iommu()).isEqualTo(iommu);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"migrationState\":{} | true",
                "\"migrationState\":{\"targetPod\":\"p\",\"completed\":false} | true",
                "\"migrationState\":{\"completed\":true} | false",
                "\"migrationState\":{\"completed\":true,\"failed\":true} | false",
                "\"migrationState\":null | false",
                "\"phase\":\"Scheduled\" | false",
            })
    void aMigrationThatIsNotOverIsSeen(String status, boolean migrating) throws HookRefusal {
        assertThat(new VmiJson().status(status).parsed().migrating()).isEqualTo(migrating);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"cores\":2,\"sockets\":3,\"threads\":4,\"maxSockets\":99 | 24",
                "\"cores\":0 | 1",
                "\"model\":\"host-model\" | 1",
                "\"cores\":4096,\"sockets\":4096,\"threads\":4096 | 4096",
            })
    void cpusAreThoseOfTheBoot(String cpu, int cpus) throws HookRefusal {
        assertThat(new VmiJson()
                        .domain("\"cpu\":{" + cpu + "}")
                        .parsed()
                        .machine()
                        .cpus())
                .isEqualTo(cpus);
    }

    @Test
    void multusDefaultNetworkIsThePodsToo() throws HookRefusal {
        assertThat(new VmiJson()
                        .networks("{\"multus\":{\"networkName\":\"x\",\"default\":true},\"name\":\"default\"}")
                        .parsed()
                        .nic()
                        .name())
                .isEqualTo("default");
    }

    @Test
    void onlyOurAnnotationsAreKept() throws HookRefusal {
        Vmi vmi = new VmiJson()
                .annotations("\"passatelli.io/forward\":\"none\",\"example.com/a\":\"b\",\"passatelli.io/other\":\"x\"")
                .parsed();
        assertThat(vmi.annotations()).containsOnlyKeys("passatelli.io/forward", "passatelli.io/other");
    }

    @Test
    void anotherNameOfTheBindingIsTaken() throws HookRefusal {
        byte[] json = new VmiJson()
                .interfaces("{\"name\":\"default\",\"binding\":{\"name\":\"net-x\"}}")
                .bytes();
        assertThat(Vmi.parse(json, "net-x").nic().name()).isEqualTo("default");
        assertThatThrownBy(() -> Vmi.parse(json, null))
                .isInstanceOf(HookRefusal.class)
                .hasMessageContaining("'net-x'")
                .hasMessageContaining("'passatelli'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "-", "no/slash", "no colon:", "0123456789abcdef", ".", "..", "\\u0000eth0", "eth0 "})
    void aPodInterfaceThatIsNoneIsNotTaken(String name) throws HookRefusal {
        Vmi vmi = new VmiJson()
                .status("\"interfaces\":[{\"name\":\"default\",\"podInterfaceName\":\"" + name + "\"}]")
                .parsed();
        if (name.equals("-")) { // the kernel takes it
            assertThat(vmi.nic().podInterface()).isEqualTo("-");
        } else {
            assertThat(vmi.nic().podInterface()).isEqualTo("eth0");
            assertThat(vmi.warnings()).hasSize(1);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '`',
            value = {
                "{ | no good JSON, line 1, column",
                "[] | wrong at : an object is wanted",
                "\"x\" | an object is wanted",
                "{} {} | something follows",
                "{\"spec\":7} | wrong at /spec: an object is wanted",
                "{\"spec\":{\"networks\":{}}} | wrong at /spec/networks: an array is wanted",
                "{\"spec\":{\"networks\":[5]}} | wrong at /spec/networks/0: an object is wanted",
                "{\"metadata\":{\"uid\":7}} | wrong at /metadata/uid: a string is wanted",
                "{\"metadata\":{\"uid\":\"1\",\"uid\":\"2\"}} | Duplicate field 'uid'",
                "{\"metadata\":{\"annotations\":{\"passatelli.io/forward\":[\"tcp:1\"]}}} | a string is wanted",
                "{\"spec\":{\"domain\":{\"cpu\":{\"cores\":-1}}}} | wrong at /spec/domain/cpu/cores: a whole number from 0 to 4096",
                "{\"spec\":{\"domain\":{\"cpu\":{\"cores\":1.5}}}} | a whole number",
                "{\"spec\":{\"domain\":{\"cpu\":{\"cores\":99999999999999999999999}}}} | a whole number",
                "{\"spec\":{\"domain\":{\"cpu\":{\"cores\":\"2\"}}}} | a whole number",
                "{\"spec\":{\"domain\":{\"devices\":{\"useVirtioTransitional\":1}}}} | true or false is wanted",
                "{\"spec\":{\"domain\":{\"devices\":{\"interfaces\":[{\"ports\":[{}]}]}}}} | a port from 1 to 65535",
                "{\"spec\":{\"domain\":{\"devices\":{\"interfaces\":[{\"ports\":[{\"port\":70000}]}]}}}} | from 0 to 65535",
                "{\"spec\":{\"domain\":{\"devices\":{\"interfaces\":[{\"ports\":[{\"port\":1,\"protocol\":\"SCTP\"}]}]}}}} | 'SCTP' is neither TCP nor UDP",
                "{} | no pod network",
                "null | no pod network",
                "{\"spec\":null,\"status\":null,\"metadata\":null} | no pod network",
            })
    void whatIsWrongIsSaidInOneSentence(String json, String part) {
        assertThatThrownBy(() -> Vmi.parse(json.getBytes(StandardCharsets.UTF_8), null))
                .isInstanceOf(HookRefusal.class)
                .hasMessageContaining(part)
                .hasMessageMatching("[ -~]{1,600}");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "\"macAddress\":\"xx\" | macAddress 'xx' is not six hexadecimal octets",
                "\"macAddress\":\"03:00:00:00:00:01\" | is not that of one station",
                "\"macAddress\":\"00:00:00:00:00:00\" | is not that of one station",
                "\"model\":\"virtio'/><evil\" | is no model of a NIC",
                "\"pciAddress\":\"0000:02:20.0\" | pciAddress '0000:02:20.0' is not of the form",
                "\"pciAddress\":\"0000:02:02.8\" | is not of the form",
            })
    void aFieldOfTheNicThatIsWrongIsNamed(String members, String part) {
        assertThatThrownBy(() -> VmiJson.withNic(members).parsed())
                .isInstanceOf(HookRefusal.class)
                .hasMessageStartingWith("interface 'default': ")
                .hasMessageContaining(part);
    }

    @Test
    void aNameThatXmlOrQemuCouldMisreadIsRefused() {
        for (String name : List.of("a'b", "a b", "a,b", "\\u00e9", "a\\\"b", "x".repeat(254), "")) {
            VmiJson json = new VmiJson()
                    .interfaces("{\"name\":\"" + name + "\",\"binding\":{\"name\":\"passatelli\"}}")
                    .networks("{\"name\":\"" + name + "\",\"pod\":{}}");
            assertThatThrownBy(json::parsed)
                    .isInstanceOf(HookRefusal.class)
                    .hasMessageStartingWith("the name of interface '")
                    .hasMessageMatching("[ -~]{1,600}");
        }
    }

    @Test
    void everythingIsBounded() {
        String many = IntStream.rangeClosed(0, HookLimits.VMI_INTERFACES)
                .mapToObj(i -> "{\"name\":\"n" + i + "\"}")
                .collect(Collectors.joining(","));
        assertThatThrownBy(() -> new VmiJson().interfaces(many).parsed()).hasMessageContaining("256 interfaces");
        assertThatThrownBy(() -> new VmiJson().networks(many).parsed()).hasMessageContaining("256 networks");
        String annotations = IntStream.rangeClosed(0, HookLimits.VMI_ANNOTATIONS)
                .mapToObj(i -> "\"passatelli.io/a" + i + "\":\"\"")
                .collect(Collectors.joining(","));
        assertThatThrownBy(() -> new VmiJson().annotations(annotations).parsed())
                .hasMessageContaining("64 annotations");
        String ports = "{\"port\":1},".repeat(HookLimits.VMI_PORTS) + "{\"port\":1}";
        assertThatThrownBy(() -> VmiJson.withNic("\"ports\":[" + ports + "]").parsed())
                .hasMessageContaining("4096 ports");
        String deep = "\"other\":" + "[".repeat(HookLimits.VMI_DEPTH) + "]".repeat(HookLimits.VMI_DEPTH);
        assertThatThrownBy(() -> new VmiJson().status(deep).parsed()).hasMessageContaining("depth");
        assertThatThrownBy(() -> Vmi.parse(new byte[HookLimits.VMI_BYTES + 1], null))
                .hasMessageContaining("bytes of JSON");
        assertThatThrownBy(() -> Vmi.parse(new byte[0], null)).hasMessage("the VMI is empty");
        assertThatThrownBy(() -> Vmi.parse(new byte[] {'{', '"', (byte) 0xff, '"', ':', '1', '}'}, null))
                .isInstanceOf(HookRefusal.class);
    }

    @ParameterizedTest
    @CsvSource({"name, 253", "namespace, 63", "uid, 64"})
    void whatNamesAVmiIsBounded(String member, int most) throws HookRefusal {
        VmiJson longest = new VmiJson().metadata("\"" + member + "\":\"" + "x".repeat(most) + "\"");
        Vmi vmi = longest.parsed();
        assertThat(vmi.name() + vmi.namespace() + vmi.uid()).isEqualTo("x".repeat(most));
        VmiJson longer = new VmiJson().metadata("\"" + member + "\":\"" + "x".repeat(most + 1) + "\"");
        assertThatThrownBy(longer::parsed)
                .isInstanceOf(HookRefusal.class)
                .hasMessage("the VMI is wrong at /metadata/" + member + ": " + (most + 1) + " characters are more than "
                        + most);
    }

    /** Each name in an object is kept until its end, to see that it does not come twice. */
    @ParameterizedTest
    @ValueSource(strings = {"\"%d\":0", "\"%d\":[]"})
    void namesAreNotKeptWithoutABound(String member) {
        String many = IntStream.rangeClosed(0, HookLimits.VMI_TOKENS / 2)
                .mapToObj(member::formatted)
                .collect(Collectors.joining(","));
        for (VmiJson json : List.of(new VmiJson().metadata(many), new VmiJson().status("\"other\":{" + many + "}"))) {
            assertThatThrownBy(json::parsed)
                    .isInstanceOf(HookRefusal.class)
                    .hasMessageContaining("Token count")
                    .hasMessageContaining("500000");
        }
    }

    @ParameterizedTest
    @CsvSource({
        "null, 30",
        "0, 0",
        "180, 180",
        "2147483647, 2147483647",
        "2147483648, 2147483647",
        "9223372036854775807, 2147483647",
        "99999999999999999999, 2147483647"
    })
    void graceIsTheStandardOrAsLongAsWeCanCount(String value, int seconds) throws HookRefusal {
        String json = new VmiJson()
                .toString()
                .replace("\"spec\":{", "\"spec\":{\"terminationGracePeriodSeconds\":" + value + ",");
        assertThat(Vmi.parse(json.getBytes(StandardCharsets.UTF_8), "passatelli")
                        .graceSeconds())
                .isEqualTo(seconds);
    }

    @Test
    void aLargeVmiIsReadAll() throws HookRefusal {
        String fields = IntStream.range(0, 60_000)
                .mapToObj(i -> "\"f:field" + i + "\":{\".\":{}}")
                .collect(Collectors.joining(","));
        VmiJson json = new VmiJson().metadata("\"uid\":\"u\",\"managedFields\":[{" + fields + "}]");
        assertThat(json.bytes()).hasSizeGreaterThan(1 << 20);
        assertThat(json.parsed().uid()).isEqualTo("u");
    }

    /** The agent in the guest says what the guest has: it shall not keep a VM from being migrated. */
    @Test
    void aGuestWithManyInterfacesOfItsOwnIsNoMistake() throws HookRefusal {
        String many = "{\"interfaceName\":\"veth0\",\"infoSource\":\"guest-agent\"},".repeat(5_000);
        Vmi vmi = new VmiJson()
                .status("\"interfaces\":[" + many + "{\"name\":\"default\",\"podInterfaceName\":\"eth7\"}]")
                .parsed();
        assertThat(vmi.nic().podInterface()).isEqualTo("eth7");
    }

    @Test
    void onlyVirtioTakesALongMtu() throws HookRefusal {
        assertThat(new VmiJson().parsed().nic().mtu(65_520)).isEqualTo(65_520);
        Vmi.Nic old = VmiJson.withNic("\"model\":\"e1000\"").parsed().nic();
        assertThat(old.mtu(65_520)).isEqualTo(1_500);
        assertThat(old.mtu(1_280)).isEqualTo(1_280);
    }
}
