package io.passatelli.app;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.stream.Collectors;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

/** What the command line says to who errs, and to who asks. Nothing here starts to serve. */
class CommandLineTest {
    /** A command line that is wrongly taken for right serves until this has passed. */
    private static final Duration LIMIT = Duration.ofSeconds(20);

    @TempDir
    private Path directory = Path.of("");

    private final PrintStream realOut = System.out;
    private final PrintStream realErr = System.err;
    private final ByteArrayOutputStream out = new ByteArrayOutputStream();
    private final ByteArrayOutputStream err = new ByteArrayOutputStream();

    @BeforeEach
    void listen() {
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
    }

    @AfterEach
    void silence() {
        System.setOut(realOut);
        System.setErr(realErr);
    }

    private int passt(String... options) {
        String[] line = Stream.concat(Stream.of("passt", "-s", socket().toString()), Arrays.stream(options))
                .toArray(String[]::new);
        return assertTimeoutPreemptively(LIMIT, () -> Main.run(line));
    }

    private Path socket() {
        return directory.resolve("socket");
    }

    /** Without what the fuzzer's agent says of classes, where it is in this JVM. */
    private String said() {
        return err.toString(StandardCharsets.UTF_8)
                .lines()
                .filter(line -> !line.startsWith("INFO: Instrumented "))
                .map(line -> line + "\n")
                .collect(Collectors.joining());
    }

    @ParameterizedTest
    @CsvSource({
        "--mtu, -m 65521",
        "--mtu, -m -1",
        "--mtu, -m 1500x",
        "--mtu, --mtu=",
        "--address, -a 192.0.2",
        "--address, -a 192.0.2.10/33",
        "--address, -a 192.0.2.10/",
        "--address, -a 127.0.0.1",
        "--address, -a 224.0.0.1/24",
        "--address, -a 255.255.255.255",
        "--address, -a 0.0.0.0",
        "--address, -a 192.0.2.10 -a 192.0.2.11",
        "--gateway, -a 192.0.2.10/24 -g 192.0.2.10",
        "--netmask, -a 192.0.2.10 -n 255.0.255.0",
        "--netmask, -a 192.0.2.10 -n 33",
        "--netmask, -a 192.0.2.10/24 -n 24",
        "--mac-addr, -M 9a:55:9a:55:9a",
        "--mac-addr, -M 9a:55:9a:55:9a:5g",
        "--mac-addr, -M 01:00:5e:00:00:01",
        "--mac-addr, -M 00:00:00:00:00:00",
        "--gateway, -g 192.0.2.x",
        "--gateway, -g 127.0.0.1",
        "--gateway, -g 224.0.0.1",
        "--gateway, -g 192.0.2.1 -g 192.0.2.2",
        "--interface, -i no-such-card",
        "--interface, -i a-name-longer-than-any",
        "--outbound, -o 192.0.2.256",
        "--outbound, -o 224.0.0.1",
        "--outbound-if4, --outbound-if4 no-such-card",
        "--dns, -D example.org",
        "--dns, -D 192.0.2.1 -D 192.0.2.2 -D 192.0.2.3 -D 192.0.2.4",
        "--search, -S example..org",
        "--search, -S -example.org-",
        "--search, -S a -S b -S c -S d -S e -S f -S g",
        "--hostname, -H a_very$odd!name",
        "--hostname, -H a.012345678901234567890123456789012345678901234567890123456789abcd",
        "--fqdn, --fqdn a..b",
        "--map-host-loopback, --map-host-loopback loopback",
        "--map-host-loopback, --map-host-loopback 127.0.0.1",
        "--map-host-loopback, -a 192.0.2.10/24 --map-host-loopback 192.0.2.10",
        "--address, -a fd00::1/129",
        "--address, -a fe80::1",
        "--address, -a ::1",
        "--address, -a fd00::1 -a fd00::2",
        "--address, -4 -a fd00::1",
        "--gateway, -4 -g fe80::1",
        "--gateway, -g fe80::1 -g fe80::2",
        "--outbound, -o fd00::1 -o fd00::2",
        "--outbound-if6, --outbound-if6 no-such-card",
        "--map-host-loopback, --map-host-loopback fd00::1 --map-host-loopback fd00::2",
        "--dns-forward, --dns-forward 127.0.0.1",
        "--dns-forward, --dns-forward 192.0.2.1 --dns-forward 192.0.2.2",
        "--dns-forward, -a 192.0.2.10/24 --dns-forward 192.0.2.10 --dns-host 192.0.2.53",
        "--dns-host, --dns-host 0.0.0.0",
        "--dns-host, --dns-host resolver",
        "--ipv4-only, -4 -6",
        "--tcp-ports, -t 0",
        "--tcp-ports, -t 22:65536",
        "--tcp-ports, -t 22 -t none",
        "--tcp-ports, -t auto",
        "--tcp-ports, -t 192.0.2/22",
        "--tcp-ports, -t 22:192.0.2.1/22",
        "--udp-ports, -u 0",
        "--udp-ports, -u 53 -u none",
        "--udp-ports, -u auto",
        "--udp-ports, -u %/53",
        "--map-guest-addr, --map-guest-addr guest",
        "--map-guest-addr, -a 192.0.2.10/24 --map-guest-addr 192.0.2.10",
        "--fd, -F x",
        "--fd, -F 1",
        "--fd, -F -3",
        "--fd, -F 19999",
        "--log-size, --log-size 40959",
        "--log-size, --log-size 1M",
        "--stats, --stats 5",
        "--stats, -f --stats 0",
        "--stats, -f --stats often",
    })
    void valueThatIsWrongIsOneSentenceWithTheOptionsName(String option, String line) {
        assertThat(passt(line.split(" "))).isEqualTo(1);
        assertThat(said().lines())
                .singleElement()
                .asString()
                .contains(option + ": ")
                .hasSizeLessThan(200);
        assertThat(out.toString(StandardCharsets.UTF_8)).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"--mtu", "-m", "--address", "-a", "-D", "--search", "--fd", "--pcap", "--map-host-loopback"})
    void optionWithoutItsValueIsOneSentenceWithItsName(String option) {
        assertThat(passt(option)).isEqualTo(1);
        assertThat(said().lines()).singleElement().asString().containsPattern("option '--[a-z-]+'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"--no-such-option", "--mt", "-z"})
    void optionThatIsNotThereIsRefusedByName(String option) {
        assertThat(passt(option, "1")).isEqualTo(1);
        assertThat(said()).contains("unknown option '" + option + "'").contains("Try 'passt --help'.");
    }

    @ParameterizedTest
    @CsvSource({
        "-T, pasta",
        "-Iveth0, pasta",
        "--tcp-ns, pasta",
        "--config-net, pasta",
        "--netns=/run/netns/a, pasta",
        "--no-copy-routes, pasta",
        "--vhost-user, vhost-user",
        "--repair-path=none, vhost-user",
        "-c, --control",
        "--conf-path=/tmp/a, --control",
    })
    void optionOfAnotherModeIsRefusedWithItsMode(String option, String mode) {
        assertThat(passt(option)).isEqualTo(1);
        assertThat(said().lines())
                .singleElement()
                .asString()
                .contains(option.startsWith("--") ? option.replaceAll("=.*", "") : option.substring(0, 2))
                .contains(mode);
    }

    @Test
    void argumentThatIsNoOptionIsRefused() {
        assertThat(passt("qemu")).isEqualTo(1);
        assertThat(said()).contains("'qemu'");
    }

    @Test
    void pathsThatCannotBeAreNamed() {
        String nowhere = directory.resolve("no/such").toString();
        for (String option : new String[] {"-s", "-p", "-P", "-l", "--control"}) {
            err.reset();
            assertThat(passt(option, nowhere)).isEqualTo(1);
            assertThat(said().lines().filter(line -> line.startsWith("error: ")))
                    .singleElement()
                    .asString()
                    .contains(nowhere);
        }
        err.reset();
        assertThat(passt("-s", nowhere + "x".repeat(108))).isEqualTo(1);
        assertThat(said().lines())
                .singleElement()
                .asString()
                .contains("-s, --socket")
                .contains("107");
        err.reset();
        assertThat(passt("-p", nowhere)).isEqualTo(1);
        assertThat(said()).contains("No such file or directory");
        assertThat(socket()).doesNotExist();
    }

    @Test
    void controlSocketThatCannotBeEndsTheStartWithOneSentence() throws Exception {
        Path file = Files.writeString(directory.resolve("file"), "precious");
        assertThat(passt("-q", "--control", file.toString())).isEqualTo(1);
        assertThat(said().lines().filter(line -> line.startsWith("error: ")))
                .singleElement()
                .asString()
                .contains("--control: cannot listen on '" + file + "': a file that is no socket is there");
        assertThat(file).hasContent("precious");
        assertThat(socket()).doesNotExist();
        err.reset();
        assertThat(passt("--control", socket().toString())).isEqualTo(1);
        assertThat(said()).contains("--control: ").contains("the socket is in use");
        assertThat(socket()).doesNotExist();
    }

    @Test
    void flagTakesNoValue() {
        assertThat(passt("--no-icmp=false")).isEqualTo(1);
        assertThat(said().lines()).singleElement().asString().contains("--no-icmp takes no value");
    }

    @Test
    void fileOfArgumentsIsNotRead() throws Exception {
        Path file = Files.writeString(directory.resolve("arguments"), "--version");
        assertThat(passt("@" + file)).isEqualTo(1);
        assertThat(said()).contains("unexpected argument '@" + file + "'");
    }

    @Test
    void lastOfSocketAndDescriptorWins() {
        assertThat(passt("-F", "1000000", "-s", "/dev/null/x")).isEqualTo(1);
        assertThat(said()).contains("/dev/null/x").doesNotContain("1000000");
        err.reset();
        assertThat(passt("-s", "/dev/null/x", "-F", "1000000")).isEqualTo(1);
        assertThat(said()).contains("-F, --fd: 1000000").doesNotContain("/dev/null/x");
    }

    @Test
    void lastOfARepeatedOptionWins() {
        assertThat(passt("-m", "1400", "-m", "99999")).isEqualTo(1);
        assertThat(said()).contains("'99999'");
    }

    @ParameterizedTest
    @ValueSource(strings = {"-h", "--help"})
    void helpListsEveryOptionAndIsNoFailure(String option) {
        assertThat(passt(option)).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8))
                .contains("Usage: passt")
                .contains("--socket", "--one-off", "--pcap", "--mtu", "--address", "--gateway", "--dns", "--search")
                .contains("--map-host-loopback", "--no-map-gw", "--fqdn", "--no-icmp", "--outbound-if4")
                .contains("--outbound-if6", "--dns-forward", "--dns-host", "--udp-ports", "--no-udp", "--ipv6-only")
                .contains("--tcp-ports", "--no-tcp", "--map-guest-addr", "--control")
                .contains("--no-dhcpv6", "--no-ndp", "--no-ra")
                .contains("--log-file", "--log-size", "--pid", "--runas", "--stats", "--trace", "--chroot-fallback");
        assertThat(said()).isEmpty();
    }

    @Test
    void versionIsOneLineAndNoFailure() {
        assertThat(passt("--version")).isZero();
        assertThat(out.toString(StandardCharsets.UTF_8).lines())
                .singleElement()
                .asString()
                .matches("passatelli \\d+\\.\\d+\\.\\d+.*");
        assertThat(said()).isEmpty();
    }

    @Test
    void roleThatIsNotThereIsRefused() {
        assertThat(Main.run("slirp")).isEqualTo(1);
        assertThat(said()).contains("'slirp'");
        assertThat(Main.run()).isEqualTo(1);
        assertThat(Main.run("--help")).isZero();
        assertThat(Main.run("--version")).isZero();
    }
}
