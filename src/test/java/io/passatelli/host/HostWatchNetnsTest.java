package io.passatelli.host;

import io.passatelli.base.Clock;
import io.passatelli.base.Ip;
import io.passatelli.config.EphemeralPorts;
import io.passatelli.config.Ip6Network;
import io.passatelli.lab.Namespace;
import io.passatelli.os.LinuxOs;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;

import static io.passatelli.host.GuestNetworksTest.options;
import static io.passatelli.host.RtNetlinkTest.cidr;
import static org.assertj.core.api.Assertions.assertThat;

/** The network of a real namespace changes, as DHCP clients and administrators change it, and is followed. */
@Tag("netns")
class HostWatchNetnsTest implements HostWatch.Listener {
    private static final long LIMIT_NS = 20_000_000_000L;

    private final BlockingQueue<NetworkPlan> changes = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> troubles = new LinkedBlockingQueue<>();

    @TempDir
    private Path directory = Path.of("");

    private Path resolvConf = Path.of("");
    private @Nullable Namespace namespace;
    private @Nullable HostWatch watch;

    @Override
    public boolean onChange(NetworkPlan now, NetworkPlan before) {
        assertThat(now.changesSince(before)).isNotEmpty();
        changes.add(now);
        return true;
    }

    @Override
    public void onTrouble(String why) {
        troubles.add(why);
    }

    @BeforeEach
    void begin() throws Exception {
        resolvConf = Files.writeString(directory.resolve("resolv.conf"), "nameserver 192.0.2.53\n");
        namespace = namespace();
        watch = follow(namespace, resolvConf);
    }

    @AfterEach
    void end() {
        if (watch != null) {
            watch.close();
        }
        if (namespace != null) {
            namespace.close();
        }
    }

    private void run(String... words) throws IOException, InterruptedException {
        Objects.requireNonNull(namespace).run(words);
    }

    private static Namespace namespace() throws IOException, InterruptedException {
        Namespace made = Namespace.make("hostwatch");
        made.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1");
        made.run("ip", "address", "add", "10.77.0.2/24", "dev", "up0");
        made.run("ip", "address", "add", "fd77::2/64", "dev", "up0", "nodad");
        made.run("ip", "link", "set", "up1", "up");
        made.run("ip", "link", "set", "up0", "up");
        made.run("ip", "route", "add", "default", "via", "10.77.0.1");
        made.run("ip", "-6", "route", "add", "default", "via", "fe80::99", "dev", "up0");
        return made;
    }

    /** In the namespace, which its thread stays in. */
    private HostWatch follow(Namespace namespace, Path resolvConf) throws IOException {
        var os = new LinuxOs();
        var started = new AtomicReference<@Nullable HostWatch>();
        var failed = new AtomicReference<@Nullable IOException>();
        int rc = os.within(namespace.path(), () -> {
            try {
                NetworkPlan first =
                        GuestNetworks.plan(options(""), HostDiscovery.discover(os), ResolvConf.read(resolvConf));
                assertThat(first.plane().guest().address()).isEqualTo(cidr("10.77.0.2/24"));
                assertThat(first.interface6()).isEqualTo("up0");
                var around = new HostWatch.Surroundings(
                        os, Clock.system(), options(""), EphemeralPorts.STANDARD, resolvConf);
                started.set(HostWatch.start(around, first, this));
            } catch (IOException e) {
                failed.set(e);
            }
            return 0;
        });
        assertThat(rc).isZero();
        assertThat(failed.get()).isNull();
        return Objects.requireNonNull(started.get());
    }

    /** What the guest has once it is like this; how many changes that took. */
    private int await(Predicate<NetworkPlan> wanted) throws InterruptedException {
        int count = 0;
        long endNs = System.nanoTime() + LIMIT_NS;
        while (true) {
            NetworkPlan now = changes.poll(endNs - System.nanoTime(), TimeUnit.NANOSECONDS);
            assertThat(now).as("after %d changes", count).isNotNull();
            count++;
            if (wanted.test(Objects.requireNonNull(now))) {
                return count;
            }
            Ip6Network ip6 = now.plane().guest().ip6();
            assertThat(ip6).isNotNull();
            assertThat(ip6.address()).isNotNull();
        }
    }

    @Test
    void addressesAndRoutesAreFollowed() throws Exception {
        var batch = new StringBuilder("address del 10.77.0.2/24 dev up0\naddress add 10.77.0.5/24 dev up0\n");
        for (int i = 0; i < 200; i++) {
            batch.append("address add 10.78.0.%d/32 dev up0\n".formatted(i + 1));
        }
        batch.append("route add default via 10.77.0.9\n");
        run("ip", "-batch", Files.writeString(directory.resolve("b"), batch).toString());
        int burst = await(p -> p.plane().guest().address().equals(cidr("10.77.0.5/24"))
                && Ip.parse("10.77.0.9").equals(p.plane().guest().gateway()));
        assertThat(burst).isLessThanOrEqualTo(3); // one, unless this machine stops in the middle

        run("ip", "route", "replace", "default", "via", "10.77.0.7");
        await(p -> Ip.parse("10.77.0.7").equals(p.plane().host4().mapHostLoopback()));

        run("ip", "-6", "route", "replace", "default", "via", "fe80::77", "dev", "up0");
        await(p -> Ip.parse("fe80::77").equals(p.plane().host6().mapHostLoopback()));
        assertThat(troubles).isEmpty();
    }

    /** With duplicate address detection, which takes the kernel a second or two. */
    @Test
    void anIpv6AddressIsTakenOnceItMayBeUsed() throws Exception {
        run("ip", "address", "add", "fd88::5/64", "dev", "up0");
        run("ip", "address", "del", "fd77::2/64", "dev", "up0");
        await(p -> String.valueOf(p.plane().guest().ip6()).contains("fd88::5/64"));
    }

    @Test
    void aLinkThatGoesDownAndComesBackChangesNothing() throws Exception {
        run("ip", "link", "set", "up0", "down");
        assertThat(troubles.poll(LIMIT_NS, TimeUnit.NANOSECONDS)).startsWith("the host has no IPv4 and IPv6 network");
        run("ip", "link", "set", "up0", "up");
        run("ip", "route", "add", "default", "via", "10.77.0.1");
        run("ip", "address", "add", "fd77::2/64", "dev", "up0", "nodad");
        run("ip", "-6", "route", "add", "default", "via", "fe80::77", "dev", "up0");
        await(p -> Ip.parse("fe80::77").equals(p.plane().host6().mapHostLoopback()));
        assertThat(changes).isEmpty();
    }

    @Test
    void resolvConfIsFollowed() throws Exception {
        Path next = Files.writeString(directory.resolve("next"), "nameserver ::1\nnameserver 192.0.2.54\n");
        Files.move(next, resolvConf, StandardCopyOption.ATOMIC_MOVE);
        await(p -> p.plane().guest().resolvers().equals(List.of(Ip.parse("192.0.2.54")))
                && Ip.LOOPBACK6.equals(p.plane().host6().dnsHost()));
    }
}
