package io.passatelli.app;

import io.passatelli.base.Ip;
import io.passatelli.config.Cidr;
import io.passatelli.config.EphemeralPorts;
import io.passatelli.config.GuestOptions;
import io.passatelli.config.PortForward;
import io.passatelli.hook.HookRefusal;
import io.passatelli.hook.Transport;
import io.passatelli.hook.Vmi;
import io.passatelli.host.HostNetwork;
import io.passatelli.host.HostNetwork.Address;
import io.passatelli.host.HostNetwork.Interface;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class VmiSettingsTest {
    private static final HostNetwork POD = new HostNetwork(
            List.of(
                    new Interface(1, "lo", true, true, 65_536, null),
                    new Interface(2, "eth0", true, false, 1_500, null),
                    new Interface(3, "ovn-udn1", true, false, 1_400, null)),
            List.of(address(1, "127.0.0.1", 8), address(2, "10.77.0.2", 24), address(2, "fd77::2", 64)),
            List.of());

    private static Address address(int index, String ip, int length) {
        return new Address(index, new Cidr(Ip.parse(ip), length), true, false, false, false);
    }

    /** {@code annotation}: KEY=VALUE of our prefix; empty: none. */
    private static Vmi vmi(String annotation, String podInterface, String status) throws HookRefusal {
        int equals = annotation.indexOf('=');
        String json = """
                {"metadata": {"name": "web", "namespace": "tenant-a", "uid": "1", "annotations": {%s}},
                 "spec": {"domain": {"devices": {"interfaces": [
                    {"name": "default", "binding": {"name": "passatelli"}, "ports": [{"port": 80}]}]}},
                  "networks": [{"name": "default", "pod": {}}]},
                 "status": {"interfaces": [{"name": "default"%s}]%s}}
                """.formatted(
                        equals < 0
                                ? ""
                                : "\"passatelli.io/%s\": \"%s\""
                                        .formatted(annotation.substring(0, equals), annotation.substring(equals + 1)),
                        podInterface.isEmpty() ? "" : ", \"podInterfaceName\": \"" + podInterface + "\"",
                        status);
        return Vmi.parse(json.getBytes(StandardCharsets.UTF_8), "passatelli");
    }

    private static VmiSettings of(String annotation) throws HookRefusal {
        return VmiSettings.of(vmi(annotation, "eth0", ""), POD, EphemeralPorts.STANDARD);
    }

    private static VmiSettings ofTarget(String annotation) throws HookRefusal {
        Vmi vmi = vmi(annotation, "eth0", ", \"migrationState\": {\"targetNode\": \"b\"}");
        return VmiSettings.of(vmi, POD, EphemeralPorts.STANDARD);
    }

    @Test
    void aVmThatAsksForNothingHasThePodsNetworkAndItsPorts() throws Exception {
        VmiSettings settings = of("");
        GuestOptions options = settings.options();
        assertThat(options.hostClosed()).isTrue();
        assertThat(options.mapHostLoopback()).containsExactly("none");
        assertThat(options.templateInterface()).isEqualTo("eth0");
        assertThat(options.dns()).isEmpty();
        assertThat(options.outbound()).isEmpty();
        assertThat(settings.mtu()).isEqualTo(65_520);
        assertThat(settings.transport()).isEqualTo(Transport.STREAM);
        assertThat(settings.forwards()).extracting(PortForward::text).containsExactly("tcp:80");
        assertThat(settings.remarks()).isEmpty();
    }

    /** 127.0.0.1 would be a way to a guest that has no IPv4 to answer with. */
    @ParameterizedTest
    @CsvSource({
        "127.0.0.1 fd77::2, tcp:80/6 tcp:2222:22/6 udp:53/4",
        "127.0.0.1 10.77.0.2, tcp:80 tcp:2222:22 udp:53/4",
        "127.0.0.1 ::1, tcp:80 tcp:2222:22 udp:53/4"
    })
    void podWithoutIp4ListensByIp6(String has, String listens) throws Exception {
        List<Address> addresses =
                Stream.of(has.split(" ", -1)).map(ip -> address(2, ip, 8)).toList();
        HostNetwork pod = new HostNetwork(POD.interfaces(), addresses, List.of());
        VmiSettings settings =
                VmiSettings.of(vmi("forward=tcp:2222:22 udp:53/4", "eth0", ""), pod, EphemeralPorts.STANDARD);
        assertThat(settings.forwards()).extracting(PortForward::text).containsExactlyInAnyOrder(listens.split(" ", -1));
    }

    @Test
    void statusNamesThePodsInterface() throws Exception {
        VmiSettings settings = VmiSettings.of(vmi("", "ovn-udn1", ""), POD, EphemeralPorts.STANDARD);
        assertThat(settings.options().templateInterface()).isEqualTo("ovn-udn1");
        assertThat(settings.remarks()).isEmpty();
    }

    @Test
    void withoutThatItIsEth0WithAWarning() throws Exception {
        VmiSettings settings = VmiSettings.of(vmi("", "", ""), POD, EphemeralPorts.STANDARD);
        assertThat(settings.options().templateInterface()).isEqualTo("eth0");
        assertThat(settings.remarks()).hasSize(1);
    }

    @Test
    void anInterfaceThatThePodHasNotIsNotWaitedFor() throws Exception {
        VmiSettings settings = VmiSettings.of(vmi("", "net1", ""), POD, EphemeralPorts.STANDARD);
        assertThat(settings.options().templateInterface()).isNull();
        assertThat(settings.remarks())
                .containsExactly("this pod has no interface 'net1', so the guest gets the network of the best route");
    }

    @Test
    void annotationsAreTaken() throws Exception {
        assertThat(of("mtu=1400").mtu()).isEqualTo(1_400);
        assertThat(of("mtu=1400").options().mtu()).isEqualTo("1400");
        assertThat(of("transport=stream-argv").transport()).isEqualTo(Transport.STREAM_ARGV);
        assertThat(of("dns=192.0.2.1, fd77::53 192.0.2.2").options().dns())
                .containsExactly("192.0.2.1", "fd77::53", "192.0.2.2");
        assertThat(of("dns=none").options().dns()).containsExactly("none");
        assertThat(of("dns= ").options().dns()).isEmpty();
        assertThat(of("outbound=10.77.0.2,fd77::2").options().outbound()).containsExactly("10.77.0.2", "fd77::2");
        assertThat(of("outbound=ovn-udn1").options().outboundInterface4()).isEqualTo("ovn-udn1");
        assertThat(of("outbound=ovn-udn1").options().outboundInterface6()).isEqualTo("ovn-udn1");
        assertThat(of("forward=tcp:2222:22").forwards())
                .extracting(PortForward::text)
                .containsExactly("tcp:80", "tcp:2222:22");
        assertThat(of("forward=tcp:15987, tcp:81").forwards())
                .extracting(PortForward::text)
                .containsExactly("tcp:80-81");
        assertThat(of("forward=tcp:15987").remarks()).hasSize(1);
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "mtu=1000 | passatelli.io/mtu: '1000' is not a number of bytes from 1280 to 65520",
                "dns=10.0.0 | passatelli.io/dns: '10.0.0' is no IP address",
                "dns=127.0.0.53 | passatelli.io/dns: '127.0.0.53' is no resolver's address: the guest has to reach it",
                "dns=224.0.0.1 | passatelli.io/dns: '224.0.0.1' is no resolver's address",
                "dns=none 10.0.0.1 | passatelli.io/dns: 'none' is no IP address",
                "dns=1.1.1.1 1.1.1.2 1.1.1.3 1.1.1.4 | passatelli.io/dns: at most 3 resolvers of one family",
                "outbound=10.1.2.3 | passatelli.io/outbound: '10.1.2.3' is neither an address nor an interface of this pod",
                "outbound=eth7 | passatelli.io/outbound: 'eth7' is neither an address nor an interface of this pod",
                "outbound=127.0.0.1 | passatelli.io/outbound: '127.0.0.1' is neither an address nor an interface",
                "outbound=lo | passatelli.io/outbound: 'lo' is neither an address nor an interface of this pod",
                "outbound=10.77.0.2 10.77.0.2 | passatelli.io/outbound: one address of each family",
                "forward=tcp:0 | passatelli.io/forward, column 5",
                "transport=vhost-user | passatelli.io/transport: vhost-user is not in this version"
            })
    void wrongAnnotationsAreRefusedWithOneSentence(String annotation, String sentence) {
        assertThatThrownBy(() -> of(annotation)).isInstanceOf(HookRefusal.class).hasMessageStartingWith(sentence);
    }

    @ParameterizedTest
    @ValueSource(strings = {"dns", "outbound"})
    void listThatIsTooLongIsNotLookedAt(String annotation) throws Exception {
        String list = annotation + "=" + ",".repeat(1_025);
        String sentence = "passatelli.io/" + annotation + ": 1025 characters are more than 1024";
        assertThatThrownBy(() -> of(list)).isInstanceOf(HookRefusal.class).hasMessage(sentence);
        assertThat(ofTarget(list).remarks()).containsExactly(sentence + "; it has no effect on this migration");
    }

    /** Its guest runs already. */
    @ParameterizedTest
    @CsvSource({"mtu=1000", "dns=10.0.0", "outbound=10.1.2.3", "forward=tcp:0"})
    void targetOfAMigrationTakesWhatItCan(String annotation) throws Exception {
        VmiSettings settings = ofTarget(annotation);
        assertThat(settings.remarks()).hasSize(1).first().asString().endsWith("it has no effect on this migration");
        assertThat(settings.forwards()).extracting(PortForward::text).containsExactly("tcp:80");
        assertThat(settings.mtu()).isEqualTo(65_520);
    }
}
