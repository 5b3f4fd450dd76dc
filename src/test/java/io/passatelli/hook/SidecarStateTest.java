package io.passatelli.hook;

import io.passatelli.base.HookLimits;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.stream.Stream;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class SidecarStateTest {
    private static final String BINDING = "passatelli";

    @TempDir
    private Path directory = Path.of("");

    private Path file() {
        return directory.resolve("state.json");
    }

    static Stream<Vmi> vmis() throws Exception {
        Stream<Vmi> made = Stream.of(
                new VmiJson().parsed(),
                VmiJson.withNic(
                                "\"model\":\"e1000\",\"macAddress\":\"52:54:00:12:34:56\",\"pciAddress\":\"0000:81:00.0\","
                                        + "\"acpiIndex\":7,\"bootOrder\":1,\"state\":\"down\","
                                        + "\"ports\":[{\"port\":80},{\"port\":53,\"protocol\":\"UDP\"}]")
                        .parsed(),
                new VmiJson()
                        .annotations("\"passatelli.io/forward\":\"tcp:2222:22, \\u00fc\","
                                + "\"sidecar.istio.io/inject\":\"true\",\"passatelli.io/mtu\":\"1400\"")
                        .domain("\"cpu\":{\"cores\":2,\"sockets\":3},\"memory\":{\"hugepages\":{\"pageSize\":\"2Mi\"}}")
                        .devices("\"networkInterfaceMultiqueue\":true,\"useVirtioTransitional\":true")
                        .status("\"interfaces\":[{\"name\":\"default\",\"podInterfaceName\":\"pod37\"}],"
                                + "\"migrationState\":{},\"launcherContainerImageVersion\":\"a/virt-launcher:v1.9.0\"")
                        .parsed(),
                new VmiJson().domain("\"launchSecurity\":{\"tdx\":{}}").parsed(),
                new VmiJson().domain("\"launchSecurity\":{\"sev\":{}}").parsed());
        return Stream.concat(made, Recording.all().map(call -> {
            try {
                return call.parsed();
            } catch (HookRefusal e) {
                throw new AssertionError(e);
            }
        }));
    }

    /** Warnings were said. */
    private static Vmi withoutWarnings(Vmi vmi) {
        return new Vmi(
                vmi.uid(),
                vmi.namespace(),
                vmi.name(),
                vmi.annotations(),
                vmi.nic(),
                vmi.istio(),
                vmi.interfaces(),
                vmi.machine(),
                vmi.migrating(),
                vmi.launcherImage(),
                vmi.graceSeconds(),
                List.of());
    }

    @ParameterizedTest
    @MethodSource("vmis")
    void whatIsWrittenIsReadAgain(Vmi vmi) throws Exception {
        for (boolean came : new boolean[] {false, true}) {
            new SidecarState(came, vmi).write(file(), BINDING);
            assertThat(SidecarState.read(file(), BINDING)).isEqualTo(new SidecarState(came, withoutWarnings(vmi)));
        }
        assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file())))
                .isEqualTo("rw-------");
        try (var all = Files.list(directory)) {
            assertThat(all).containsExactly(file());
        }
    }

    /** The VMI may hold passwords for its guest. */
    @Test
    void nothingElseOfTheVmiIsKept() throws Exception {
        byte[] json = new VmiJson()
                .toString()
                .replace("\"spec\":{", "\"spec\":{\"volumes\":[{\"cloudInitNoCloud\":{\"userData\":\"secret\"}}],")
                .replace("\"annotations\":{", "\"annotations\":{\"example.org/token\":\"secret\"")
                .getBytes(StandardCharsets.UTF_8);
        new SidecarState(true, Vmi.parse(json, BINDING)).write(file(), BINDING);
        assertThat(Files.readString(file()))
                .startsWith("{\"version\":1,\"qemuCame\":true,\"vmi\":{")
                .doesNotContain("secret");
    }

    @Test
    void withoutAFileThereIsNone() throws Exception {
        assertThat(SidecarState.read(file(), BINDING)).isNull();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{}",
                "[]",
                "{\"version\":2,\"vmi\":{}}",
                "{\"version\":\"1\"}",
                "{\"vmi\":{},\"version\":1}",
                "{\"version\":1}",
                "{\"version\":1,\"qemuCame\":true",
                "{\"version\":1,\"vmi\":7}",
                "{\"version\":1,\"vmi\":{}}",
                "{\"version\":1,\"vmi\":{\"metadata\":7}}",
                "\u0000\u0001",
            })
    void whatMakesNoSenseIsSaidInOneSentence(String text) throws Exception {
        Files.writeString(file(), text);
        assertThatThrownBy(() -> SidecarState.read(file(), BINDING))
                .isInstanceOf(IOException.class)
                .hasMessageStartingWith("'" + file() + "' cannot be read: ");
    }

    @Test
    void whatIsNoFileOrTooLongIsNotRead() throws Exception {
        Files.createSymbolicLink(file(), Path.of("/dev/zero"));
        assertThatThrownBy(() -> SidecarState.read(file(), BINDING)).hasMessageContaining("is no file of at most");
        Files.delete(file());
        try (RandomAccessFile made = new RandomAccessFile(file().toFile(), "rw")) {
            made.setLength(HookLimits.STATE_BYTES + 1L);
        }
        assertThatThrownBy(() -> SidecarState.read(file(), BINDING)).hasMessageContaining("is no file of at most");
    }

    @Test
    void aLinkThatWasLaidInTheWayLeadsNowhere() throws Exception {
        Path other = Files.writeString(directory.resolve("other"), "mine");
        Files.createSymbolicLink(directory.resolve("state.json.part"), other);
        new SidecarState(false, new VmiJson().parsed()).write(file(), BINDING);
        assertThat(other).hasContent("mine");
        assertThat(SidecarState.read(file(), BINDING)).isNotNull();
    }
}
