package io.passatelli.forward;

import io.passatelli.base.Clock;
import io.passatelli.base.Counters;
import io.passatelli.base.Log;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.config.Service;
import io.passatelli.flow.Descriptors;
import io.passatelli.lab.Command;
import io.passatelli.lab.Namespace;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.LinuxOs;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.net.URISyntaxException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.List;
import java.util.concurrent.atomic.AtomicReference;

import static org.assertj.core.api.Assertions.assertThat;

/** What the kernel refuses: ports of the privileged, descriptors beyond a limit, interfaces that are gone. */
@Tag("netns")
class ListenerLimitsNetnsTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final int USER = 61_234;

    private static Path home(Class<?> type) {
        try {
            return Path.of(
                    type.getProtectionDomain().getCodeSource().getLocation().toURI());
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    /** The child's lines, one for each rule. */
    private static List<String> child(List<String> before, String... rules) throws IOException, InterruptedException {
        Path java = Path.of(System.getProperty("java.home"));
        Path ours = home(ListenerSet.class);
        Path tests = home(ListenerChild.class);
        List<String> words = new ArrayList<>();
        for (String word : before) {
            if (word.equals("@readable")) {
                words.addAll(List.of("-r", java.toString(), "-r", ours.toString(), "-r", tests.toString()));
            } else {
                words.add(word);
            }
        }
        words.addAll(List.of(
                java.resolve("bin/java").toString(),
                "-Xmx48m",
                "-XX:+UseSerialGC",
                "--enable-native-access=ALL-UNNAMED",
                "-cp",
                ours + ":" + tests,
                ListenerChild.class.getName()));
        words.addAll(List.of(rules));
        return Command.run(LIMIT, words).succeeded().out().lines().toList();
    }

    @Test
    void lowPortOfAnUnprivilegedUserIsRefusedWithTheNameOfTheSysctl() throws Exception {
        try (Namespace fresh = Namespace.make("lowport")) {
            List<String> before = List.of(
                    "ip", "netns", "exec", fresh.name(), "scripts/unprivileged.sh", "@readable", String.valueOf(USER));
            assertThat(child(before, "1023-1025", "1024-1025", "~1020-1029", "~1-9"))
                    .containsExactly(
                            "0/3 TCP port 1023: cannot listen: Permission denied; the sysctl "
                                    + "net.ipv4.ip_unprivileged_port_start must be at most 1023",
                            "2/2 null",
                            "6/10 TCP ports 1020-1029: 4 of them cannot be had, the first: TCP port 1020: cannot listen: "
                                    + "Permission denied; the sysctl net.ipv4.ip_unprivileged_port_start must be at most 1020",
                            "0/9 TCP ports 1-9: 9 of them cannot be had, the first: TCP port 1: cannot listen: "
                                    + "Permission denied; the sysctl net.ipv4.ip_unprivileged_port_start must be at most 1");
        }
    }

    @Test
    void descriptorsThatRunOutMidwayAreSaidAndTheRestListens() throws Exception {
        try (Namespace fresh = Namespace.make("nofile")) {
            List<String> before = List.of("ip", "netns", "exec", fresh.name(), "prlimit", "--nofile=400:400");
            List<String> lines = child(before, "1000-1099", "2000-2999", "~3000-3999", "4000");
            assertThat(lines).hasSize(4);
            assertThat(lines.get(0)).isEqualTo("100/100 null");
            assertThat(lines.get(1)).startsWith("0/1000 TCP port 2").contains(": cannot listen: Too many open files; ");
            assertThat(lines.get(2)) // what the second gave back
                    .matches("[1-9][0-9]*/1000 TCP ports 3000-3999: [0-9]+ of them cannot be had, the first: .*");
            assertThat(lines.get(3)).startsWith("0/1 TCP port 4000: cannot listen: Too many open files; ");
        }
    }

    /** With a heap of 48 MiB, as the launcher gives. */
    @Test
    void ofAllPortsThereIsWhatTheLimitOfOpenFilesLeavesRoomFor() throws Exception {
        try (Namespace fresh = Namespace.make("allports")) {
            List<String> before = List.of("ip", "netns", "exec", fresh.name(), "prlimit", "--nofile=16000:16000");
            assertThat(child(before, "limit=16000", "~1-32767", "~61000-65535"))
                    .containsExactly(
                            "7488/32767 TCP ports 1-32767: 25279 of them cannot be had, the first: TCP port 7489: cannot listen: "
                                    + "no more than 7488 ports can be listened at with a limit of 16000 open files (ulimit -n)",
                            "0/4536 TCP ports 61000-65535: 4536 of them cannot be had, the first: TCP port 61000: cannot listen: "
                                    + "no more than 7488 ports can be listened at with a limit of 16000 open files (ulimit -n)");
        }
    }

    @Test
    void interfaceThatVanishesIsSaidAndOneThatComesBackIsHeard() throws Exception {
        try (Namespace fresh = Namespace.make("vanish");
                Namespace far = Namespace.make("vanishfar");
                LinuxOs os = new LinuxOs()) {
            var thrown = new AtomicReference<Throwable>();
            os.within(fresh.path(), () -> {
                try {
                    vanish(os, fresh, far);
                } catch (Throwable t) {
                    thrown.set(t);
                }
                return 0;
            });
            if (thrown.get() != null) {
                throw new AssertionError(thrown.get());
            }
        }
    }

    private static void vanish(LinuxOs os, Namespace here, Namespace far) throws IOException, InterruptedException {
        PortForward bound = new PortForward(Protocol.TCP, null, "up0", 80, 80, 8080);
        PortForward free = new PortForward(Protocol.TCP, null, null, 81, 81, 8081);
        Wanted wanted = new Wanted(List.of(bound, free), EnumSet.allOf(Service.class));
        int[] accepted = {0};
        try (EventLoop loop = new EventLoop(os, Clock.system(), Log.silent())) {
            ListenerSet set = new ListenerSet(
                    loop,
                    new ListenerSet.Acceptors((listener, allowance, now) -> 0, (listener, fd, peer, now) -> {
                        accepted[0]++;
                        os.close(fd);
                    }),
                    new Counters(),
                    new Descriptors(Long.MAX_VALUE));
            addInterface(here, far);
            assertThat(set.apply(wanted)).allMatch(state -> state.refusal() == null);
            hears(loop, far, accepted, 1);

            here.run("ip", "link", "delete", "up0");
            List<RuleState> states = set.apply(wanted);
            assertThat(states.get(0).refusal())
                    .isEqualTo("TCP port 80 of up0: cannot listen: No such device; there is no interface of that name");
            assertThat(states.get(1).isRefused()).isFalse();
            assertThat(set.count()).isEqualTo(1);

            addInterface(here, far);
            assertThat(set.apply(wanted)).allMatch(state -> state.refusal() == null);
            hears(loop, far, accepted, 2);

            here.run("ip", "link", "delete", "up0"); // and comes back before anybody looked
            addInterface(here, far);
            set.apply(wanted);
            hears(loop, far, accepted, 3);
            set.close();
        }
    }

    private static void addInterface(Namespace here, Namespace far) throws IOException, InterruptedException {
        Command.run(
                        LIMIT,
                        List.of(
                                "ip",
                                "-n",
                                here.name(),
                                "link",
                                "add",
                                "up0",
                                "type",
                                "veth",
                                "peer",
                                "name",
                                "far0",
                                "netns",
                                far.name()))
                .succeeded();
        here.run("ip", "address", "add", "10.77.0.2/24", "dev", "up0");
        here.run("ip", "link", "set", "up0", "up");
        far.run("ip", "address", "add", "10.77.0.1/24", "dev", "far0");
        far.run("ip", "link", "set", "far0", "up");
    }

    /** The other end can connect to the port of the interface. */
    private static void hears(EventLoop loop, Namespace far, int[] accepted, int count)
            throws IOException, InterruptedException {
        far.run("timeout", "10", "bash", "-c", "exec 3<>/dev/tcp/10.77.0.2/80");
        for (int i = 0; i < 100 && accepted[0] < count; i++) {
            loop.turn(10_000_000);
        }
        assertThat(accepted[0]).isEqualTo(count);
    }
}
