package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.EphemeralPorts;
import io.passatelli.config.GuestOptions;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig.UdpTimeouts;
import io.passatelli.config.Service;
import io.passatelli.host.HostNetwork.Address;
import io.passatelli.host.HostNetwork.Interface;
import io.passatelli.host.HostNetwork.Route;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import static io.passatelli.host.GuestNetworksTest.options;
import static io.passatelli.host.RtNetlinkTest.cidr;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class HostWatchTest implements HostWatch.Listener {
    private static final long LIMIT_S = 20;
    /** Waits in vain within which everything that is to be heard was heard. */
    private static final int A_WHILE = 20;

    private final BlockingQueue<NetworkPlan> changes = new LinkedBlockingQueue<>();
    private final BlockingQueue<String> troubles = new LinkedBlockingQueue<>();
    private final List<HostWatch> started = new ArrayList<>();
    private final AtomicInteger refusals = new AtomicInteger();

    @TempDir
    private Path directory = Path.of("");

    private Path resolvConf = Path.of("");
    private ChangingKernel kernel = new ChangingKernel(HostNetwork.EMPTY);

    @Override
    public boolean onChange(NetworkPlan now, NetworkPlan before) {
        if (refusals.getAndUpdate(left -> Math.max(0, left - 1)) > 0) {
            return false;
        }
        changes.add(now);
        return true;
    }

    @Override
    public void onTrouble(String why) {
        troubles.add(why);
    }

    @BeforeEach
    void makeResolvConf() throws IOException {
        resolvConf = Files.writeString(directory.resolve("resolv.conf"), "nameserver 192.0.2.53\n");
    }

    @AfterEach
    void close() {
        started.forEach(HostWatch::close);
        assertThat(kernel.open()).isZero();
    }

    private static final HostNetwork HOST = host("10.77.0.2/24", "10.77.0.1", "fd77::2/64", false);

    private static HostNetwork host(String address4, String gateway4, String address6, boolean tentative) {
        return new HostNetwork(
                List.of(new Interface(1, "lo", true, true, 0, null), new Interface(2, "eth0", true, false, 0, null)),
                List.of(
                        new Address(1, cidr("::1/128"), false, false, false, false),
                        new Address(2, cidr(address4), true, false, false, false),
                        new Address(2, cidr(address6), true, false, false, tentative)),
                List.of(
                        new Route(cidr("0.0.0.0/0"), 2, Ip.parse(gateway4), 0),
                        new Route(cidr("::/0"), 2, Ip.parse("fe80::99"), 1024)));
    }

    private static HostNetwork withoutRoutes(HostNetwork host) {
        return new HostNetwork(host.interfaces(), host.addresses(), List.of());
    }

    private void follow(GuestOptions options, HostNetwork first) throws IOException {
        kernel = new ChangingKernel(first);
        NetworkPlan plan =
                GuestNetworks.plan(options, first, ResolvConf.read(resolvConf)).udpTimeouts(new UdpTimeouts(7, 77));
        start(options, plan);
    }

    private void start(GuestOptions options, NetworkPlan plan) throws IOException {
        var around = new HostWatch.Surroundings(kernel.os(), kernel, options, EphemeralPorts.STANDARD, resolvConf);
        started.add(HostWatch.start(around, plan, this));
    }

    private NetworkPlan change() throws InterruptedException {
        return Objects.requireNonNull(changes.poll(LIMIT_S, TimeUnit.SECONDS), "no change was told");
    }

    private String trouble() throws InterruptedException {
        return Objects.requireNonNull(troubles.poll(LIMIT_S, TimeUnit.SECONDS), "no trouble was told");
    }

    private void nothingMore() throws InterruptedException {
        kernel.awaitIdle(A_WHILE);
        assertThat(changes).isEmpty();
        assertThat(troubles).isEmpty();
    }

    private static Ip6Network ip6(NetworkPlan plan) {
        return Objects.requireNonNull(plan.plane().guest().ip6());
    }

    @Test
    void aHostThatDoesNotChangeIsLookedAtOnce() throws Exception {
        follow(options(""), HOST);
        nothingMore();
        assertThat(kernel.looks()).isEqualTo(1);
    }

    @Test
    void aBurstOfMessagesIsOneChange() throws Exception {
        follow(options(""), HOST);
        kernel.awaitIdle(3);
        kernel.become(host("10.77.0.5/24", "10.77.0.9", "fd77::2/64", false), 100);

        NetworkPlan now = change();
        assertThat(now.plane().guest().address()).isEqualTo(cidr("10.77.0.5/24"));
        assertThat(now.plane().guest().gateway()).isEqualTo(Ip.parse("10.77.0.9"));
        assertThat(now.plane().host4().mapHostLoopback()).isEqualTo(Ip.parse("10.77.0.9"));
        assertThat(now.plane().udpTimeouts()).isEqualTo(new UdpTimeouts(7, 77));
        nothingMore();
        assertThat(kernel.looks()).isEqualTo(2);
    }

    @Test
    void whatChangedBeforeTheWatchBeganIsTold() throws Exception {
        kernel = new ChangingKernel(host("10.77.0.5/24", "10.77.0.1", "fd77::2/64", false));
        start(options(""), GuestNetworks.plan(options(""), HOST, ResolvConf.read(resolvConf)));

        assertThat(change().plane().guest().address()).isEqualTo(cidr("10.77.0.5/24"));
        nothingMore();
    }

    @Test
    void messagesThatWereLostAreMessages() throws Exception {
        follow(options(""), HOST);
        kernel.awaitIdle(3);
        kernel.becomeUnheard(host("10.77.0.6/24", "10.77.0.1", "fd77::2/64", false));

        assertThat(change().plane().guest().address()).isEqualTo(cidr("10.77.0.6/24"));
        nothingMore();
    }

    @Test
    void anAddressOfTheUsersStays() throws Exception {
        follow(options("-a 10.1.1.1/24 -a fd01::1 -g 10.1.1.9"), HOST);
        kernel.awaitIdle(3);
        kernel.become(host("10.77.0.5/24", "10.77.0.9", "fd77::5/64", false), 3);
        NetworkPlan now = change();
        assertThat(now.plane().guest().address()).isEqualTo(cidr("10.1.1.1/24"));
        assertThat(now.plane().guest().gateway()).hasToString("10.1.1.9");
        assertThat(now.plane().host4().address())
                .as("for sockets to begin anew")
                .hasToString("10.77.0.5");
        nothingMore();
    }

    @Test
    void anAddressThatIsBeingCheckedIsWaitedFor() throws Exception {
        follow(options(""), HOST);
        kernel.awaitIdle(3);
        kernel.become(host("10.77.0.2/24", "10.77.0.1", "fd77::5/64", true), 2);
        kernel.awaitIdle(2);
        assertThat(changes).isEmpty();
        kernel.become(host("10.77.0.2/24", "10.77.0.1", "fd77::5/64", false), 1);

        assertThat(ip6(change()).address()).isEqualTo(cidr("fd77::5/64"));
        nothingMore();
    }

    @Test
    void anAddressThatIsCheckedForEverHoldsUpNothing() throws Exception {
        follow(options(""), HOST);
        kernel.awaitIdle(3);
        long beganNs = kernel.nowNs();
        kernel.become(host("10.77.0.5/24", "10.77.0.1", "fd77::5/64", true), 1);

        NetworkPlan now = change();
        assertThat(kernel.nowNs() - beganNs).isGreaterThanOrEqualTo(Limits.HOST_TENTATIVE_MS * 1_000_000L);
        assertThat(now.plane().guest().address()).isEqualTo(cidr("10.77.0.5/24"));
        assertThat(ip6(now).address()).isEqualTo(cidr("fd77::2/64")); // what it had
    }

    /** The guest's network waits for an address that the host is still checking, but what is closed does not. */
    @Test
    void anAddressIsClosedAtOnceAndUsedWhenItMayBe() throws Exception {
        GuestOptions closing = GuestOptions.builder().hostClosed(true).build();
        follow(closing, HOST);
        kernel.awaitIdle(3);
        kernel.become(host("10.77.0.5/24", "10.77.0.9", "fd77::5/64", true), 1);

        NetworkPlan first = change();
        assertThat(first.plane().closed()).contains(cidr("10.77.0.5/32"), cidr("fd77::5/128"));
        assertThat(first.plane().guest().address()).isEqualTo(cidr("10.77.0.2/24"));
        NetworkPlan then = change();
        assertThat(then.plane().guest().address()).isEqualTo(cidr("10.77.0.5/24"));
        assertThat(then.plane().closed()).isEqualTo(first.plane().closed());
        assertThat(trouble()).startsWith("the host has no IPv6 network now"); // the check does not end
        nothingMore();
    }

    @Test
    void aLostNetworkIsKeptAndSaidOnce() throws Exception {
        follow(options(""), HOST);
        kernel.awaitIdle(3);
        kernel.become(withoutRoutes(HOST), 1);
        assertThat(trouble())
                .isEqualTo("the host has no IPv4 and IPv6 network now, so the guest keeps the one it was told");
        kernel.become(withoutRoutes(HOST), 1);
        nothingMore();
        kernel.become(HOST, 1);
        nothingMore();
        kernel.become(withoutRoutes(HOST), 1);
        assertThat(trouble()).startsWith("the host has no IPv4 and IPv6 network now");
    }

    @Test
    void aNetworkThatComesLaterIsTold() throws Exception {
        HostNetwork only4 = new HostNetwork(
                HOST.interfaces(), HOST.addresses().subList(0, 2), HOST.routes().subList(0, 1));
        follow(options(""), only4);
        kernel.awaitIdle(3);
        kernel.become(HOST, 4);

        NetworkPlan now = change();
        assertThat(ip6(now).address()).isEqualTo(cidr("fd77::2/64"));
        assertThat(now.plane().has(Service.IP6)).isTrue();
        nothingMore();
    }

    @Test
    void aHostThatDoesNotFitTheOptionsChangesNothing() throws Exception {
        follow(options("-i eth0"), HOST);
        kernel.awaitIdle(3);
        kernel.become(HostNetwork.EMPTY, 1);
        assertThat(trouble()).isEqualTo("-i, --interface: there is no interface 'eth0'");
        kernel.become(HOST, 1);
        nothingMore();
    }

    @Test
    void aKernelThatDoesNotTellChangesNothing() throws Exception {
        follow(options(""), HOST);
        kernel.awaitIdle(3);
        kernel.refuse("sendmsg");
        kernel.become(HOST, 1);
        assertThat(trouble()).isEqualTo("rtnetlink: sendmsg: Permission denied");
        kernel.refuse("");
        kernel.become(host("10.77.0.5/24", "10.77.0.1", "fd77::2/64", false), 1);
        assertThat(change().plane().guest().address()).isEqualTo(cidr("10.77.0.5/24"));
    }

    @Test
    void aPlaneThatCouldNotIsToldAgain() throws Exception {
        follow(options(""), HOST);
        kernel.awaitIdle(3);
        refusals.set(3);
        kernel.become(host("10.77.0.5/24", "10.77.0.1", "fd77::2/64", false), 1);

        assertThat(change().plane().guest().address()).isEqualTo(cidr("10.77.0.5/24"));
        assertThat(refusals).hasValue(0);
        nothingMore();
    }

    @Test
    void resolvConfIsFollowedHoweverItIsReplaced() throws Exception {
        follow(options(""), HOST);
        Files.writeString(resolvConf, "nameserver 192.0.2.54\nsearch a.test\n");
        NetworkPlan written = lastChange();
        assertThat(written.plane().guest().resolvers()).containsExactly(Ip.parse("192.0.2.54"));
        assertThat(written.plane().guest().search()).containsExactly("a.test");

        Path other = Files.writeString(directory.resolve("new"), "nameserver 2001:db8::53\n");
        Files.move(other, resolvConf, StandardCopyOption.ATOMIC_MOVE);
        assertThat(ip6(lastChange()).resolvers()).containsExactly(Ip.parse("2001:db8::53"));

        Path target = Files.writeString(directory.resolve("target"), "nameserver 192.0.2.55\n");
        Files.delete(resolvConf);
        Files.createSymbolicLink(resolvConf, target);
        assertThat(lastChange().plane().guest().resolvers()).containsExactly(Ip.parse("192.0.2.55"));

        Files.writeString(target, "nameserver 127.0.0.53\n");
        NetworkPlan redirected = lastChange();
        assertThat(redirected.plane().guest().resolvers()).containsExactly(Ip.parse("10.77.0.1"));
        assertThat(redirected.plane().host4().dnsHost()).isEqualTo(Ip.parse("127.0.0.53"));
    }

    /** What is half-way done may be seen too. */
    private NetworkPlan lastChange() throws InterruptedException {
        NetworkPlan last = change();
        kernel.awaitIdle(A_WHILE);
        while (!changes.isEmpty()) {
            last = changes.remove();
        }
        return last;
    }

    @Test
    void anUnreadableResolvConfChangesNothing() throws Exception {
        follow(options(""), HOST);
        kernel.awaitIdle(3);
        Files.createSymbolicLink(directory.resolve("new"), Files.createDirectory(directory.resolve("directory")));
        Files.move(directory.resolve("new"), resolvConf, StandardCopyOption.ATOMIC_MOVE);
        assertThat(trouble()).startsWith("cannot read " + resolvConf);
    }

    @ParameterizedTest
    @ValueSource(strings = {"socket", "bind", "eventfd", "epollCreate", "epollCtl"})
    void aKernelThatRefusesIsOneSentenceAndNothingStaysOpen(String call) throws IOException {
        kernel = new ChangingKernel(HOST);
        kernel.refuse(call);
        NetworkPlan plan = GuestNetworks.plan(options(""), HOST, ResolvConf.read(resolvConf));

        assertThatThrownBy(() -> start(options(""), plan))
                .isInstanceOf(IOException.class)
                .hasMessageMatching("the host's network cannot be followed: [a-z0-9_]+: Permission denied");
        assertThat(kernel.open()).isZero();
    }
}
