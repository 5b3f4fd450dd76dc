package io.passatelli.app;

import io.passatelli.base.Clock;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.hook.HookRefusal;
import io.passatelli.link.LoopbackSocket;
import io.passatelli.link.SimLink;
import io.passatelli.os.Errno;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import io.passatelli.plane.DataPlane;
import io.passatelli.plane.PlaneEvents;
import io.passatelli.plane.Surroundings;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** Calls of virt-launcher, and what they do to a plane that the test turns. The pod's network is this machine's. */
@Timeout(30)
class SidecarHooksTest {
    private static final byte[] DOMAIN = "<domain type=\"kvm\"><devices/></domain>".getBytes(StandardCharsets.UTF_8);

    private final List<String> lines = new CopyOnWriteArrayList<>();
    private final Clock clock = Clock.system();
    private SidecarLife life = new SidecarLife(clock.nowNs());
    private final LinuxOs os = new LinuxOs();
    private final JsonLog json = new JsonLog(new PrintStream(OutputStream.nullOutputStream()));
    private final List<String> door = new ArrayList<>();

    @TempDir
    private Path directory = Path.of("");

    private @Nullable SidecarHooks hooks;
    private @Nullable DataPlane plane;
    private @Nullable LoopbackSocket loopback;

    private SidecarHooks served(Os kernel, Map<String, Integer> ofDoor) throws IOException {
        Log log = new Log(Log.Level.INFO, (level, line) -> lines.add(line));
        Files.createDirectories(directory.resolve("net"));
        SidecarOptions options = SidecarOptions.parse(
                Map.of("CONTAINER_NAME", "hook-sidecar-0"), "--hook-directory", directory.toString());
        SidecarHooks made = new SidecarHooks(new SidecarHooks.Parts(options, kernel, clock, json, log, life));
        hooks = made;
        plane = new DataPlane(
                made.begin(),
                new Surroundings(os, clock, log, () -> 7),
                (its, counters, out) -> SimLink.plain(),
                PlaneEvents.NOBODY);
        loopback = LoopbackSocket.make(FaultyOs.of(os, ofDoor, door));
        made.serve(plane.handle(), new BootForwards(plane.handle(), clock, log, Long.MAX_VALUE), loopback);
        return made;
    }

    private SidecarHooks served() throws IOException {
        return served(os, Map.of("bind", 0, "listen", 0));
    }

    @AfterEach
    void close() {
        end();
        json.close();
        os.close();
    }

    private void end() {
        Objects.requireNonNull(hooks).close();
        Objects.requireNonNull(plane).close();
        Objects.requireNonNull(loopback).close();
    }

    /** Another process in the place of the one that was killed now. */
    private SidecarHooks servedAnew() throws IOException {
        end();
        lines.clear();
        life = new SidecarLife(clock.nowNs());
        SidecarHooks its = served();
        its.resume();
        return its;
    }

    private Path state() {
        return directory.resolve("net/state.json");
    }

    private static byte[] vmi(int mtu, String annotations, String status) {
        return """
                {"metadata": {"name": "web", "namespace": "tenant-a", "uid": "1", "annotations": {
                    "passatelli.io/forward": "none", "passatelli.io/mtu": "%d"%s}},
                 "spec": {"domain": {"devices": {"interfaces": [{"name": "default", "binding": {"name": "passatelli"}}]}},
                  "networks": [{"name": "default", "pod": {}}]},
                 "status": {%s}}
                """.formatted(mtu, annotations, status).getBytes(StandardCharsets.UTF_8);
    }

    private static byte[] vmi(int mtu) {
        return vmi(mtu, "", "");
    }

    /** The MTU of each guest network that the plane was given. */
    private List<String> taken() {
        return lines.stream()
                .filter(line -> line.startsWith("guest network: "))
                .map(line -> line.replaceAll(".*; MTU (\\d+),.*", "$1"))
                .toList();
    }

    private List<String> late() {
        return lines.stream()
                .filter(line -> line.contains("has no effect before"))
                .toList();
    }

    @Test
    void mendedVmiIsTakenAfterAStartThatFailed() throws Exception {
        SidecarHooks its = served();
        its.onDefineDomain(DOMAIN, vmi(1_400));
        life.onGuestUp();
        its.onDefineDomain(DOMAIN, vmi(1_300));
        its.onDefineDomain(DOMAIN, vmi(1_300));
        assertThat(taken()).containsExactly("1400");
        assertThat(late()).hasSize(1);
        life.onGuestDown(clock.nowNs());
        its.onDefineDomain(DOMAIN, vmi(1_300));
        its.onDefineDomain(DOMAIN, vmi(1_300));
        assertThat(taken()).containsExactly("1400", "1300");
    }

    @Test
    void qemuThatCameBeforeAnythingWasTakenIsNoReasonToSkip() throws Exception {
        SidecarHooks its = served();
        life.onGuestUp();
        its.onDefineDomain(DOMAIN, vmi(1_400));
        assertThat(taken()).containsExactly("1400");
        assertThat(late()).isEmpty();
    }

    @Test
    void oldSettingsAreTakenAgainBehindNewOnesThatCouldNotBe() throws Exception {
        SidecarHooks its = served();
        DataPlane busy = Objects.requireNonNull(plane);
        its.onDefineDomain(DOMAIN, vmi(1_400));
        while (!busy.handle().stats().isCompletedExceptionally()) {
            assertThat(taken()).hasSize(1);
        }
        assertThatThrownBy(() -> its.onDefineDomain(DOMAIN, vmi(1_300)))
                .isInstanceOf(HookRefusal.class)
                .hasMessageContaining("too busy");
        while (!busy.handle().adopt(its.begin())) {
            busy.turn(0);
        }
        busy.turn(0);
        its.onDefineDomain(DOMAIN, vmi(1_400));
        assertThat(taken()).containsExactly("1400", "1400");
    }

    @Test
    void watchThatCannotBeginSaysThatWhatIsClosedStaysAsItIs() throws Exception {
        SidecarHooks its = served(FaultyOs.of(os, Map.of("eventfd", -Errno.EMFILE)), Map.of());
        its.onDefineDomain(DOMAIN, vmi(1_400));
        assertThat(lines).anyMatch(line -> line.contains("later is not closed to it"));
    }

    @ParameterizedTest
    @CsvSource({"false, stream, false", "false, stream-tcp, true", "true, stream, true", "true, stream-tcp, true"})
    void doorOnTheLoopbackIsOpenForThoseWhoMayComeByIt(boolean target, String transport, boolean open)
            throws Exception {
        SidecarHooks its = served();
        its.onDefineDomain(DOMAIN, vmi(1_400, ", \"passatelli.io/transport\": \"" + transport + "\"", status(target)));
        assertThat(door.contains("listen")).isEqualTo(open);
    }

    @Test
    void doorIsClosedAgainWhenTheMendedVmiDoesNotWantIt() throws Exception {
        SidecarHooks its = served(os, Map.of("bind", 0, "listen", 0, "shutdown", 0));
        String tcp = ", \"passatelli.io/transport\": \"stream-tcp\"";
        its.onDefineDomain(DOMAIN, vmi(1_400, tcp, ""));
        assertThat(door).containsExactly("bind", "listen");
        its.onDefineDomain(DOMAIN, vmi(1_400));
        assertThat(door).containsExactly("bind", "listen", "shutdown");
        its.onDefineDomain(DOMAIN, vmi(1_300));
        its.onDefineDomain(DOMAIN, vmi(1_400, tcp, ""));
        assertThat(door).containsExactly("bind", "listen", "shutdown", "listen");
    }

    /** What QEMU came by is not touched, and neither is the door. */
    @Test
    void doorStaysAsItIsWhileQemuIsThere() throws Exception {
        SidecarHooks its = served(os, Map.of("bind", 0, "listen", 0, "shutdown", 0));
        its.onDefineDomain(DOMAIN, vmi(1_400, ", \"passatelli.io/transport\": \"stream-tcp\"", ""));
        life.onGuestUp();
        its.onDefineDomain(DOMAIN, vmi(1_400));
        assertThat(door).containsExactly("bind", "listen");
    }

    @Test
    void doorThatCannotBeOpenedIsNoReasonToRefuseATarget() throws Exception {
        SidecarHooks its = served(os, Map.of("bind", -Errno.EADDRINUSE));
        its.onDefineDomain(DOMAIN, vmi(1_400, "", status(true)));
        assertThat(taken()).containsExactly("1400");
        assertThat(lines).anyMatch(line -> line.contains("a guest that comes by it has no network here"));
        String tcp = ", \"passatelli.io/transport\": \"stream-tcp\"";
        assertThatThrownBy(() -> its.onDefineDomain(DOMAIN, vmi(1_400, tcp, "")))
                .isInstanceOf(HookRefusal.class)
                .hasMessageStartingWith("passatelli.io/transport: stream-tcp: cannot listen at 127.0.0.1 port 15999");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void onlyATargetsGuestIsExpectedToHaveAnAddressAlready(boolean target) throws Exception {
        SidecarHooks its = served();
        String addresses =
                "\"interfaces\": [{\"name\": \"default\", \"ipAddresses\": [\"198.51.100.9\", \"what?\", \"198.51.100.10\"]}]";
        its.onDefineDomain(DOMAIN, vmi(1_400, "", addresses + (target ? ", " + status(true) : "")));
        DataPlane turning = Objects.requireNonNull(plane);
        var stats = turning.handle().stats();
        while (!stats.isDone()) {
            turning.turn(0);
        }
        assertThat(stats.join().guest().seen().contains(Ip.parse("198.51.100.9")))
                .isEqualTo(target);
    }

    @Test
    void whoTakesTheirPlaceBeginsWhereTheyLeftOff() throws Exception {
        SidecarHooks its = served();
        its.onDefineDomain(DOMAIN, vmi(1_400));
        SidecarHooks second = servedAnew();
        assertThat(second.isResumed()).isTrue();
        assertThat(taken()).containsExactly("1400");
        assertThat(life.hasCome()).isFalse();
        assertThat(lines)
                .contains("a process before this one was killed: its connections are gone, and the VM has no network"
                        + " until it is migrated or started again");
        life.onGuestUp();
        second.keep();
        servedAnew();
        assertThat(life.hasCome()).isTrue();
        assertThat(taken()).containsExactly("1400");
    }

    @Test
    void whoseQemuCanComeAgainIsWaitedFor() throws Exception {
        String image = "\"launcherContainerImageVersion\": \"quay.io/kubevirt/virt-launcher:v1.9.0\"";
        SidecarHooks its = served();
        byte[] xml = its.onDefineDomain(DOMAIN, vmi(1_400, "", image));
        assertThat(new String(xml, StandardCharsets.UTF_8)).contains("&quot;reconnect-ms&quot;:500");
        servedAnew();
        assertThat(lines)
                .contains("a process before this one was killed: its connections are gone, and the VM is connected"
                        + " again when its QEMU tries");
    }

    @Test
    void onlyWhatIsInForceIsKept() throws Exception {
        SidecarHooks its = served();
        its.onDefineDomain(DOMAIN, vmi(1_400));
        life.onGuestUp();
        its.onDefineDomain(DOMAIN, vmi(1_300));
        its.keep();
        servedAnew();
        assertThat(taken()).containsExactly("1400");
    }

    @Test
    void anOrderlyEndLeavesNothing() throws Exception {
        SidecarHooks its = served();
        its.onDefineDomain(DOMAIN, vmi(1_400));
        assertThat(state()).exists();
        its.forget();
        assertThat(servedAnew().isResumed()).isFalse();
        assertThat(lines).isEmpty();
    }

    @Test
    void stateThatMakesNoSenseIsSaidAndNotTaken() throws Exception {
        Files.createDirectories(directory.resolve("net"));
        Files.writeString(state(), "{\"version\":7}");
        SidecarHooks its = served();
        its.resume();
        assertThat(its.isResumed()).isFalse();
        assertThat(lines)
                .containsExactly("what a process before this one left is not taken up: '" + state()
                        + "' cannot be read: it is not of version 1");
        its.onDefineDomain(DOMAIN, vmi(1_400));
        assertThat(taken()).containsExactly("1400");
    }

    @Test
    void aDiskThatIsFullIsSaidOnceAndTheVmStarts() throws Exception {
        SidecarHooks its = served();
        Files.delete(directory.resolve("net"));
        its.onDefineDomain(DOMAIN, vmi(1_400));
        its.keep();
        assertThat(taken()).containsExactly("1400");
        assertThat(lines).filteredOn(line -> line.contains("cannot be written")).hasSize(1);
    }

    private static String status(boolean target) {
        return target ? "\"migrationState\": {\"targetNode\": \"b\"}" : "";
    }
}
