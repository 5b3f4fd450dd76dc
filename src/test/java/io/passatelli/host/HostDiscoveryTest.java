package io.passatelli.host;

import io.passatelli.base.Ip;
import io.passatelli.lab.Namespace;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.LinuxOs;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import io.passatelli.wire.message.HexDump;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicReference;

import static io.passatelli.host.RtNetlinkTest.cidr;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class HostDiscoveryTest {
    /** A kernel that answers each request with recorded datagrams. */
    private static final class RecordedKernel {
        private final Deque<byte[]> answers = new ArrayDeque<>();
        private final List<Integer> requests = new ArrayList<>();
        private final List<Integer> open = new ArrayList<>();
        int interruptedDumps;
        int refusedFamily = -1;
        int emptyReads;
        int socketErrno;
        boolean silent;

        Os os() {
            return (Os) Proxy.newProxyInstance(
                    Os.class.getClassLoader(), new Class<?>[] {Os.class}, (proxy, method, args) -> call(method, args));
        }

        private Object call(Method method, Object @Nullable [] args) {
            return switch (method.getName()) {
                case "socket" -> socketErrno != 0 ? -socketErrno : opened(7);
                case "epollCreate" -> opened(8);
                case "connect", "epollCtl" -> 0;
                case "epollWait" -> 1;
                case "close" -> {
                    open.remove((Integer) Objects.requireNonNull(args)[0]);
                    yield 0;
                }
                case "sendmsg" -> request((IoVec) Objects.requireNonNull(args)[1]);
                case "recvmsg" -> answer((IoVec) Objects.requireNonNull(args)[1], (int) args[2]);
                default -> throw new IllegalStateException(method.getName());
            };
        }

        private int opened(int fd) {
            open.add(fd);
            return fd;
        }

        private long request(IoVec from) {
            ByteBuffer in = from.segment(0)
                    .asSlice(from.offset(0), from.length(0))
                    .asByteBuffer()
                    .order(ByteOrder.nativeOrder());
            int type = in.getShort(4);
            int family = in.get(16);
            requests.add(type);
            answers.clear();
            if (family == refusedFamily) {
                answers.add(RtNetlinkTest.end(2, in.getInt(8), -Errno.EAFNOSUPPORT));
                return from.total();
            }
            String name = type == RtNetlink.RTM_GETLINK
                    ? "links"
                    : (type == RtNetlink.RTM_GETADDR ? "addresses" : "routes") + (family == Socket.AF_INET ? "4" : "6");
            boolean interrupt = interruptedDumps > 0;
            interruptedDumps -= interrupt ? 1 : 0;
            for (byte[] datagram : HexDump.all("/rtnetlink/" + name + ".txt")) {
                answers.add(stamped(datagram, in.getInt(8), interrupt));
            }
            return from.total();
        }

        /** With the sequence of the request in each message. */
        private static byte[] stamped(byte[] datagram, int sequence, boolean interrupt) {
            ByteBuffer out = ByteBuffer.wrap(datagram).order(ByteOrder.nativeOrder());
            for (int at = 0; at < datagram.length; at += out.getInt(at) + 3 & ~3) {
                out.putInt(at + 8, sequence);
                out.putShort(at + 6, (short) (out.getShort(at + 6) | (interrupt ? 0x10 : 0)));
            }
            return datagram;
        }

        private long answer(IoVec into, int flags) {
            assertThat(flags).isEqualTo(Socket.MSG_TRUNC);
            if (silent || emptyReads-- > 0) {
                return -Errno.EAGAIN;
            }
            byte[] datagram = answers.removeFirst();
            MemorySegment.copy(datagram, 0, into.segment(0), ValueLayout.JAVA_BYTE, into.offset(0), datagram.length);
            return datagram.length;
        }
    }

    private final RecordedKernel kernel = new RecordedKernel();

    @Test
    void allDumpsComeTogether() throws IOException {
        assertThat(HostDiscovery.discover(kernel.os())).isEqualTo(RtNetlinkTest.recorded());
        assertThat(kernel.requests).containsExactly(18, 22, 26, 22, 26);
        assertThat(kernel.open).isEmpty();
    }

    @Test
    void aKernelThatAnswersLaterIsWaitedFor() throws IOException {
        kernel.emptyReads = 1;

        assertThat(HostDiscovery.discover(kernel.os()).interfaces()).isNotEmpty();
        assertThat(kernel.open).isEmpty();
    }

    @Test
    void aKernelThatNeverAnswersIsAnError() {
        kernel.silent = true;

        assertThatThrownBy(() -> HostDiscovery.discover(kernel.os()))
                .isInstanceOf(IOException.class)
                .hasMessage("rtnetlink: recvmsg: Resource temporarily unavailable");
        assertThat(kernel.open).isEmpty();
    }

    @Test
    void aKernelWithoutIpv6HasNothingOfIt() throws IOException {
        kernel.refusedFamily = Socket.AF_INET6;
        HostNetwork found = HostDiscovery.discover(kernel.os());

        assertThat(found.routes())
                .isNotEmpty()
                .allMatch(r -> r.destination().address().isV4());
        assertThat(found.addresses())
                .isNotEmpty()
                .allMatch(a -> a.cidr().address().isV4());
    }

    @Test
    void anInterruptedLookIsRepeatedFromTheStart() throws IOException {
        kernel.interruptedDumps = 2;

        assertThat(HostDiscovery.discover(kernel.os())).isEqualTo(RtNetlinkTest.recorded());
        assertThat(kernel.requests).hasSize(10);
    }

    @Test
    void aNetworkThatNeverRestsIsAnError() {
        kernel.interruptedDumps = 1000;

        assertThatThrownBy(() -> HostDiscovery.discover(kernel.os()))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("changed during each of 5 looks");
        assertThat(kernel.open).isEmpty();
    }

    @Test
    void withoutSocketThereIsOneSentence() {
        kernel.socketErrno = Errno.EACCES;

        assertThatThrownBy(() -> HostDiscovery.discover(kernel.os()))
                .isInstanceOf(IOException.class)
                .hasMessage("rtnetlink: socket: Permission denied");
    }

    @Test
    void thisMachineHasALoopbackInterface() throws IOException {
        try (var os = new LinuxOs()) {
            assertThat(HostDiscovery.discover(os).interfaces()).anySatisfy(i -> {
                assertThat(i.name()).isEqualTo("lo");
                assertThat(i.loopback()).isTrue();
            });
        }
    }

    /** 600 addresses and 3,000 routes: dumps of many datagrams. */
    @Test
    @Tag("netns")
    void aLargeNamespaceIsReadWhole(@TempDir Path directory) throws Exception {
        try (Namespace namespace = Namespace.make("hostdisc")) {
            namespace.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "up1");
            namespace.run("ip", "link", "set", "up1", "up");
            namespace.run("ip", "link", "set", "up0", "up");
            var batch = new StringBuilder("address add 10.77.0.2/24 dev up0\n");
            for (int i = 0; i < 600; i++) {
                batch.append("address add 10.78.%d.%d/32 dev up0\n".formatted(i / 200, i % 200 + 1));
            }
            for (int i = 0; i < 3000; i++) {
                batch.append("route add 10.%d.%d.0/24 via 10.77.0.1\n".formatted(100 + i / 250, i % 250));
            }
            batch.append("route add default via 10.77.0.1 metric 300\n");
            Path file = Files.writeString(directory.resolve("batch"), batch);
            namespace.run("ip", "-batch", file.toString());

            HostNetwork found = within(namespace.path());
            assertThat(found.addresses()).hasSizeGreaterThanOrEqualTo(601);
            assertThat(found.routes()).hasSizeGreaterThanOrEqualTo(3001);
            var template = Objects.requireNonNull(found.template4());
            assertThat(template.link().name()).isEqualTo("up0");
            assertThat(template.address()).isEqualTo(cidr("10.77.0.2/24"));
            assertThat(template.gateway()).isEqualTo(Ip.parse("10.77.0.1"));
        }
    }

    private static HostNetwork within(String path) throws Exception {
        var found = new AtomicReference<HostNetwork>(HostNetwork.EMPTY);
        var failed = new AtomicReference<@Nullable IOException>();
        try (var os = new LinuxOs()) {
            int entered = os.within(path, () -> {
                try (var inside = new LinuxOs()) {
                    found.set(HostDiscovery.discover(inside));
                } catch (IOException e) {
                    failed.set(e);
                }
                return 0;
            });
            assertThat(entered).isZero();
            assertThat(failed.get()).isNull();
        }
        return found.get();
    }
}
