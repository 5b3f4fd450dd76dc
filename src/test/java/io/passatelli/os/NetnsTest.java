package io.passatelli.os;

import io.passatelli.lab.Namespace;
import io.passatelli.wire.Checksum;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.function.IntPredicate;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** A namespace with a TAP, and frames through it to and from a real Linux stack. */
@Tag("netns")
@Timeout(60)
class NetnsTest {
    private static final String TAP = "tap0";
    private static final Path OWN = Path.of("/proc/thread-self/ns/net");
    private static final int FRAME_BYTES = 2048;
    private static final int ARP = 0x0806;
    private static final int IPV4 = 0x0800;
    private static final ValueLayout.OfShort U16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.BIG_ENDIAN);

    private final LinuxOs os = new LinuxOs();
    private final MemorySegment frame = Arena.global().allocate(FRAME_BYTES);
    private final MemorySegment spare = Arena.global().allocate(16);

    private final Namespace namespace;

    NetnsTest() throws Exception {
        namespace = Namespace.make("os");
    }

    @AfterEach
    void removeNamespace() {
        namespace.close();
    }

    @Test
    void onlyTheThreadThatDoesTheWorkIsInside() throws Exception {
        Path before = java.nio.file.Files.readSymbolicLink(OWN);
        Path[] inside = new Path[1];
        int rc = os.within(namespace.path(), () -> {
            try {
                inside[0] = java.nio.file.Files.readSymbolicLink(OWN);
            } catch (java.io.IOException e) {
                return -Errno.EIO;
            }
            return 42;
        });
        assertThat(rc).isEqualTo(42);
        assertThat(inside[0]).isNotNull().isNotEqualTo(before);
        assertThat(java.nio.file.Files.readSymbolicLink(OWN)).isEqualTo(before);
    }

    @Test
    void whatCannotBeEnteredIsSaid(@TempDir Path directory) throws Exception {
        Path file = java.nio.file.Files.createFile(directory.resolve("f"));
        assertThat(os.within(namespace.path() + "-absent", () -> 1)).isEqualTo(-Errno.ENOENT);
        assertThat(os.within(file.toString(), () -> 1)).isEqualTo(-Errno.EINVAL);
    }

    @Test
    void whatTheWorkThrowsComesOut() {
        assertThatThrownBy(() -> os.within(namespace.path(), () -> {
                    throw new IllegalStateException("inside");
                }))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("inside");
        assertThatThrownBy(() -> os.within(namespace.path(), () -> {
                    throw new AssertionError("inside");
                }))
                .isInstanceOf(AssertionError.class)
                .hasMessage("inside");
    }

    @Test
    void anInterruptWaitsForTheResult() {
        Thread.currentThread().interrupt();
        assertThat(os.within(namespace.path(), () -> 5)).isEqualTo(5);
        assertThat(Thread.interrupted()).isTrue();
    }

    @Test
    void socketsStayInTheNamespaceTheyWereMadeIn() throws Exception {
        namespace.run("ip", "address", "add", "192.0.2.1/32", "dev", "lo");
        int inside = os.within(namespace.path(), () -> os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, 0));
        int outside = os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, 0);
        SockAddr address = new SockAddr();
        address.set(0, io.passatelli.base.Ip.low(0xc0000201), 0, 0);
        assertThat(os.bind(inside, address)).isZero();
        assertThat(os.bind(outside, address)).isEqualTo(-Errno.EADDRNOTAVAIL);
        assertThat(os.close(inside)).isZero();
        assertThat(os.close(outside)).isZero();
    }

    @Test
    void aTapHasOneOwnerAndAProperName() throws Exception {
        int fd = os.within(namespace.path(), () -> os.openTap(TAP));
        assertThat(fd).isNotNegative();
        assertThat(os.within(namespace.path(), () -> os.openTap(TAP))).isEqualTo(-Errno.EBUSY);
        assertThat(os.within(namespace.path(), () -> os.openTap("lo"))).isEqualTo(-Errno.EINVAL);
        assertThat(os.openTap("")).isEqualTo(-Errno.EINVAL);
        assertThat(os.openTap("name-of-16-bytes")).isEqualTo(-Errno.EINVAL);
        assertThat(namespace.run("ip", "-details", "link", "show", TAP)).contains("tun type tap");
        assertThat(os.close(fd)).isZero();
        assertThat(namespace.run("ip", "link", "show")).doesNotContain(TAP); // it goes with its descriptor
    }

    @Test
    void aTapThatOutlivesItsUsersLeavesNothingToOneForPlainFrames() throws Exception {
        namespace.run("ip", "tuntap", "add", "mode", "tap", "name", TAP);
        try {
            Tap first = Tap.open(os, namespace.path(), TAP);
            assertThat(first.offloads()).isTrue();
            namespace.run("ip", "address", "add", "192.0.2.1/24", "dev", TAP);
            namespace.run("ip", "link", "set", TAP, "up");
            namespace.run("ip", "neighbour", "add", "192.0.2.2", "lladdr", "02:00:00:00:00:02", "dev", TAP);
            assertThat(udpSum(first.fd(), VnetHeader.LENGTH)).isNotEqualTo(Checksum.GOOD);
            assertThat(os.close(first.fd())).isZero();
            int second = os.within(namespace.path(), () -> os.openTap(TAP));
            namespace.run("ip", "link", "set", TAP, "up");
            assertThat(udpSum(second, 0)).isEqualTo(Checksum.GOOD);
            assertThat(os.close(second)).isZero();
        } finally {
            namespace.run("ip", "link", "delete", TAP);
        }
    }

    /** Of a datagram that the stack sends by the TAP, with its checksum. */
    private int udpSum(int tap, int before) {
        int socket = os.within(namespace.path(), () -> os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, 0));
        SockAddr address = new SockAddr();
        address.set(0, io.passatelli.base.Ip.low(0xc0000202), 9, 0);
        assertThat(os.connect(socket, address)).isZero();
        assertThat(os.sendmsg(socket, range(8), 0)).isEqualTo(8);
        assertThat(os.close(socket)).isZero();
        long length;
        do {
            length = awaitRead(tap);
        } while (length != before + 50 || bytes(before + 12, 2)[0] != 8);
        int pseudo = Checksum.pseudo4(0xc0000201, 0xc0000202, 17, 16);
        return Checksum.add(pseudo, 0, frame, before + 34, 16);
    }

    private long awaitRead(int tap) {
        int epoll = os.epollCreate();
        assertThat(os.epollCtl(epoll, Epoll.ADD, tap, Epoll.IN, 1)).isZero();
        assertThat(os.epollWait(epoll, new EpollEvents(1), 20_000_000_000L)).isEqualTo(1);
        assertThat(os.close(epoll)).isZero();
        return os.readv(tap, whole());
    }

    @Test
    void framesGoBothWays() throws Exception {
        int tap = os.within(namespace.path(), () -> os.openTap(TAP));
        assertThat(tap).isNotNegative();
        assertThat(os.readv(tap, whole())).isEqualTo(-Errno.EAGAIN); // non-blocking
        namespace.run("ip", "address", "add", "192.0.2.1/24", "dev", TAP);
        namespace.run("ip", "link", "set", TAP, "up");
        Process ping = new ProcessBuilder(
                        "ip", "netns", "exec", namespace.name(), "ping", "-c", "1", "-W", "20", "192.0.2.2")
                .redirectErrorStream(true)
                .start();
        try {
            long request = awaitFrame(tap, type -> type == ARP);
            assertThat(request).isGreaterThanOrEqualTo(42);
            assertThat(bytes(38, 4)).containsExactly(192, 0, 2, 2);
            answerArp();
            assertThat(os.writev(tap, range(42))).isEqualTo(42);

            long echo = awaitFrame(tap, type -> type == IPV4);
            assertThat(frame.get(JAVA_BYTE, 34)).isEqualTo((byte) 8);
            answerEcho();
            assertThat(os.writev(tap, range(echo))).isEqualTo(echo);

            String said = new String(ping.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
            assertThat(ping.waitFor()).as(said).isZero();
            assertThat(said).contains("64 bytes from 192.0.2.2");
        } finally {
            ping.destroyForcibly().waitFor();
            assertThat(os.close(tap)).isZero();
        }
    }

    /** Reads frames until one is of the wanted type; the stack also sends what it likes to a new interface. */
    private long awaitFrame(int tap, IntPredicate wanted) {
        int epoll = os.epollCreate();
        EpollEvents events = new EpollEvents(1);
        assertThat(os.epollCtl(epoll, Epoll.ADD, tap, Epoll.IN, 1)).isZero();
        try {
            while (true) {
                assertThat(os.epollWait(epoll, events, 20_000_000_000L)).isEqualTo(1);
                long length = os.readv(tap, whole());
                assertThat(length).isGreaterThanOrEqualTo(14);
                if (wanted.test(frame.get(U16, 12) & 0xffff)) {
                    return length;
                }
            }
        } finally {
            assertThat(os.close(epoll)).isZero();
        }
    }

    /** Turns the ARP request in {@code frame} into our reply, RFC 826. */
    private void answerArp() {
        swap(0, 6, 6);
        byte[] us = {2, 0, 0, 0, 0, 2};
        MemorySegment.copy(us, 0, frame, JAVA_BYTE, 6, 6);
        frame.set(U16, 20, (short) 2);
        swap(22, 32, 10);
        MemorySegment.copy(us, 0, frame, JAVA_BYTE, 22, 6);
    }

    /** Turns the echo request in {@code frame} into its reply: the checksum grows by what the type loses, RFC 1624. */
    private void answerEcho() {
        swap(0, 6, 6);
        swap(26, 30, 4);
        frame.set(JAVA_BYTE, 34, (byte) 0);
        int sum = (frame.get(U16, 36) & 0xffff) + 0x0800;
        frame.set(U16, 36, (short) (sum + (sum >>> 16)));
    }

    private void swap(long a, long b, long length) {
        MemorySegment.copy(frame, a, spare, 0, length);
        MemorySegment.copy(frame, b, frame, a, length);
        MemorySegment.copy(spare, 0, frame, b, length);
    }

    private byte[] bytes(long offset, long length) {
        return frame.asSlice(offset, length).toArray(JAVA_BYTE);
    }

    private IoVec whole() {
        return range(FRAME_BYTES);
    }

    private IoVec range(long length) {
        IoVec vector = new IoVec(1);
        vector.add(frame, 0, length);
        return vector;
    }
}
