package io.passatelli.os;

import io.passatelli.base.Ip;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.FutureTask;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

/** Sockets of the real kernel: what each call answers, on loopback and UNIX sockets. */
class LinuxOsTest {
    private static final int NO_PROTOCOL_OPTION = 92;
    private static final int FLAGS = Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL;
    private static final long FOR_EVER = -1;

    private final LinuxOs os = new LinuxOs();
    private final List<Integer> open = new ArrayList<>();
    private final MemorySegment memory = Arena.global().allocate(1 << 16, 8);
    private final SockAddr address = new SockAddr();

    @AfterEach
    void closeAll() {
        for (int fd : open) {
            assertThat(os.close(fd)).isZero();
        }
        os.close();
    }

    @Test
    void connectIsInProgressAndEndsWritableWithoutError() {
        int listener = listener(Ip.LOOPBACK4);
        int fd = own(os.socket(Socket.AF_INET, Socket.SOCK_STREAM, 0));
        assertThat(os.connect(fd, address)).isEqualTo(-Errno.EINPROGRESS);
        assertThat(await(fd, Epoll.OUT)).isEqualTo(Epoll.OUT);
        assertThat(os.option(fd, Socket.SOL_SOCKET, Socket.SO_ERROR)).isZero();
        assertThat(os.connect(fd, address)).isZero(); // the second one only fetches the result
        assertThat(os.connect(fd, address)).isEqualTo(-Errno.EISCONN);
        assertThat(own(os.accept(listener, new SockAddr()))).isPositive();
    }

    @Test
    void refusedConnectionIsAnErrorThatIsReadOnce() {
        int listener = listener(Ip.LOOPBACK4);
        release(listener);
        int fd = own(os.socket(Socket.AF_INET, Socket.SOCK_STREAM, 0));
        assertThat(os.connect(fd, address)).isEqualTo(-Errno.EINPROGRESS);
        assertThat(await(fd, Epoll.OUT)).isEqualTo(Epoll.OUT | Epoll.ERR | Epoll.HUP);
        assertThat(os.option(fd, Socket.SOL_SOCKET, Socket.SO_ERROR)).isEqualTo(Errno.ECONNREFUSED);
        assertThat(os.option(fd, Socket.SOL_SOCKET, Socket.SO_ERROR)).isZero();
    }

    @Test
    void acceptTellsWhoCameAndThenThatNobodyIsLeft() {
        int listener = listener(Ip.LOOPBACK4);
        assertThat(os.accept(listener, new SockAddr())).isEqualTo(-Errno.EAGAIN);
        int fd = own(os.socket(Socket.AF_INET, Socket.SOCK_STREAM, 0));
        assertThat(os.connect(fd, address)).isEqualTo(-Errno.EINPROGRESS);
        SockAddr peer = new SockAddr();
        SockAddr local = new SockAddr();
        int accepted = accept(listener, peer);
        assertThat(os.localAddress(fd, local)).isZero();
        assertThat(peer.length()).isEqualTo(16);
        assertThat(peer.port()).isEqualTo(local.port()).isPositive();
        assertThat(new Ip(peer.high(), peer.low())).isEqualTo(Ip.LOOPBACK4);
        assertThat(os.localAddress(accepted, local)).isZero();
        assertThat(local.port()).isEqualTo(address.port());
        assertThat(os.accept(listener, peer)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void ipv6ListensAndIsConnectedTo() {
        int probe = os.socket(Socket.AF_INET6, Socket.SOCK_STREAM, 0);
        assumeTrue(probe >= 0, "no IPv6 here");
        own(probe);
        address.set(Ip.LOOPBACK6.high(), Ip.LOOPBACK6.low(), 0, 0);
        assumeTrue(os.bind(probe, address) == 0, "no ::1 here");
        Pair pair = tcp(Ip.LOOPBACK6);
        SockAddr local = new SockAddr();
        assertThat(os.localAddress(pair.there, local)).isZero();
        assertThat(local.length()).isEqualTo(28);
        assertThat(new Ip(local.high(), local.low())).isEqualTo(Ip.LOOPBACK6);
    }

    @Test
    void dataIsGatheredAndScattered() {
        Pair pair = tcp(Ip.LOOPBACK4);
        fill(0, 100);
        IoVec from = new IoVec(2);
        from.add(memory, 50, 50);
        from.add(memory, 0, 50);
        assertThat(os.sendmsg(pair.here, from, FLAGS)).isEqualTo(100);
        await(pair.there, Epoll.IN);
        IoVec into = new IoVec(2);
        into.add(memory, 1050, 50);
        into.add(memory, 1000, 50);
        assertThat(os.recvmsg(pair.there, into, FLAGS | Socket.MSG_PEEK)).isEqualTo(100);
        MemorySegment.copy(memory, 1000, memory, 2000, 100);
        assertThat(os.recvmsg(pair.there, into, FLAGS)).isEqualTo(100);
        assertThat(memory.asSlice(1000, 100).mismatch(memory.asSlice(0, 100))).isEqualTo(-1);
        assertThat(memory.asSlice(2000, 100).mismatch(memory.asSlice(0, 100))).isEqualTo(-1);
        assertThat(os.recvmsg(pair.there, into, FLAGS)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void aFullSocketTakesAPartAndThenNothingAndTheRestArrivesInOrder() {
        Pair pair = tcp(Ip.LOOPBACK4);
        assertThat(os.setOption(pair.here, Socket.SOL_SOCKET, Socket.SO_SNDBUF, 8192))
                .isZero();
        fill(0, 1 << 16);
        long sent = 0;
        int calls = 0;
        long rc;
        boolean part = false;
        do {
            rc = os.sendmsg(pair.here, range(sent % 251, 60_000), FLAGS);
            part |= rc > 0 && rc < 60_000;
            sent += Math.max(rc, 0);
            assertThat(calls++).isLessThan(10_000);
        } while (rc > 0);
        assertThat(rc).isEqualTo(-Errno.EAGAIN);
        assertThat(part).isTrue();
        assertThat(os.shutdown(pair.here, Socket.SHUT_WR)).isZero();
        assertReceives(pair.there, sent);
    }

    @Test
    void shutdownIsTheEndOfTheOthersData() {
        Pair pair = tcp(Ip.LOOPBACK4);
        assertThat(os.sendmsg(pair.here, range(0, 5), FLAGS)).isEqualTo(5);
        assertThat(os.shutdown(pair.here, Socket.SHUT_WR)).isZero();
        await(pair.there, Epoll.RDHUP);
        assertThat(os.recvmsg(pair.there, range(0, 100), FLAGS)).isEqualTo(5);
        assertThat(os.recvmsg(pair.there, range(0, 100), FLAGS)).isZero();
        assertThat(os.sendmsg(pair.here, range(0, 5), FLAGS)).isEqualTo(-Errno.EPIPE);
        assertThat(os.sendmsg(pair.there, range(0, 5), FLAGS)).isEqualTo(5);
        await(pair.here, Epoll.IN);
        assertThat(os.recvmsg(pair.here, range(0, 100), FLAGS)).isEqualTo(5);
    }

    @Test
    void closingWithUnreadDataResetsTheOther() {
        Pair pair = tcp(Ip.LOOPBACK4);
        assertThat(os.sendmsg(pair.here, range(0, 5), FLAGS)).isEqualTo(5);
        await(pair.there, Epoll.IN);
        release(pair.there);
        await(pair.here, Epoll.HUP);
        assertThat(os.recvmsg(pair.here, range(0, 5), FLAGS)).isEqualTo(-Errno.ECONNRESET);
        assertThat(os.recvmsg(pair.here, range(0, 5), FLAGS)).isZero();
        assertThat(os.sendmsg(pair.here, range(0, 5), FLAGS)).isEqualTo(-Errno.EPIPE);
    }

    @Test
    void readvAndWritevMoveBytesAndGoOnAfterAPart() {
        Pair pair = tcp(Ip.LOOPBACK4);
        fill(0, 1 << 16);
        IoVec from = new IoVec(2);
        from.add(memory, 0, 30_000);
        from.add(memory, 30_000, 30_000);
        long sent = 0;
        while (from.total() > 0) {
            long rc = os.writev(pair.here, from);
            assertThat(rc).isPositive();
            from.consume(rc);
            sent += rc;
        }
        assertThat(os.writev(pair.here, range(0, 0))).isZero();
        assertThat(os.shutdown(pair.here, Socket.SHUT_WR)).isZero();
        assertReceives(pair.there, sent);
        assertThat(os.readv(pair.there, range(0, 10))).isZero();
    }

    @Test
    void optionsAreSetAndRead() {
        int fd = own(os.socket(Socket.AF_INET, Socket.SOCK_STREAM, 0));
        assertThat(os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_RCVBUF, 10_000))
                .isZero();
        assertThat(os.option(fd, Socket.SOL_SOCKET, Socket.SO_RCVBUF)).isEqualTo(20_000); // doubled, socket(7)
        assertThat(os.option(fd, Socket.SOL_SOCKET, 9999)).isEqualTo(-NO_PROTOCOL_OPTION);
        assertThat(os.setOption(fd, Socket.SOL_SOCKET, 9999, 1)).isEqualTo(-NO_PROTOCOL_OPTION);
    }

    @Test
    void bindToDeviceNeedsADeviceThatIsThere() {
        int fd = own(os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, 0));
        assertThat(os.bindToDevice(fd, "no-such-device")).isIn(-Errno.ENODEV, -Errno.EPERM);
        assertThat(os.bindToDevice(fd, "name-of-16-bytes")).isEqualTo(-Errno.EINVAL);
        assertThat(os.bindToDevice(fd, "lo")).isIn(0, -Errno.EPERM);
    }

    @Test
    void boundAddressIsTakenUntilItsOwnerCloses() {
        int first = listener(Ip.LOOPBACK4);
        int second = own(os.socket(Socket.AF_INET, Socket.SOCK_STREAM, 0));
        assertThat(os.bind(second, address)).isEqualTo(-Errno.EADDRINUSE);
        release(first);
        assertThat(os.bind(second, address)).isZero();
        Ip foreign = Ip.parse("192.0.2.1");
        address.set(foreign.high(), foreign.low(), 0, 0);
        int third = own(os.socket(Socket.AF_INET, Socket.SOCK_STREAM, 0));
        assertThat(os.bind(third, address)).isEqualTo(-Errno.EADDRNOTAVAIL);
    }

    @Test
    void unixSocketsTellPathsAndTheProcessAtTheOtherEnd(@TempDir Path directory) {
        String path = directory.resolve("s").toString();
        address.setPath(path);
        int fd = own(os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0));
        assertThat(os.connect(fd, address)).isEqualTo(-Errno.ENOENT);
        int listener = own(os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0));
        assertThat(os.bind(listener, address)).isZero();
        assertThat(os.connect(fd, address)).isEqualTo(-Errno.ECONNREFUSED);
        assertThat(os.listen(listener, 0)).isZero();
        assertThat(os.connect(fd, address)).isZero();
        int second = own(os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0));
        assertThat(os.connect(second, address)).isEqualTo(-Errno.EAGAIN); // backlog full
        SockAddr peer = new SockAddr();
        peer.setPath("/left/over");
        int accepted = own(os.accept(listener, peer));
        assertThat(peer.path()).isEmpty();
        assertThat(os.localAddress(accepted, peer)).isZero();
        assertThat(peer.path()).isEqualTo(path);
        assertThat(os.peerPid(accepted)).isEqualTo((int) ProcessHandle.current().pid());
        assertThat(os.bind(second, address)).isEqualTo(-Errno.EADDRINUSE);
    }

    @Test
    void theLongestPathOfAUnixSocketIsReadBackWhole(@TempDir Path directory) {
        String prefix = directory + "/";
        assumeTrue(prefix.length() < 100, "the temporary directory's name is too long");
        String path = prefix + "x".repeat(107 - prefix.length());
        address.setPath(path);
        int fd = own(os.socket(Socket.AF_UNIX, Socket.SOCK_STREAM, 0));
        assertThat(os.bind(fd, address)).isZero();
        SockAddr local = new SockAddr();
        assertThat(os.localAddress(fd, local)).isZero();
        assertThat(local.path()).isEqualTo(path);
    }

    @Test
    void aDatagramKeepsItsBoundsAndSaysHowLongItWas() {
        int receiver = own(os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, 0));
        bindLoopback(receiver, Ip.LOOPBACK4);
        int sender = own(os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, 0));
        assertThat(os.connect(sender, address)).isZero();
        assertThat(os.sendmsg(sender, range(0, 100), FLAGS)).isEqualTo(100);
        assertThat(os.sendmsg(sender, range(0, 0), FLAGS)).isZero();
        await(receiver, Epoll.IN);
        assertThat(os.recvmsg(receiver, range(0, 10), FLAGS | Socket.MSG_TRUNC)).isEqualTo(100);
        assertThat(os.recvmsg(receiver, range(0, 10), FLAGS)).isZero();
        assertThat(os.recvmsg(receiver, range(0, 10), FLAGS)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void anEchoGoesThroughAPingSocketWhereTheKernelPermitsOne() {
        int fd = os.socket(Socket.AF_INET, Socket.SOCK_DGRAM, Socket.IPPROTO_ICMP);
        if (fd == -Errno.EACCES) {
            return; // net.ipv4.ping_group_range leaves our group out
        }
        own(fd);
        address.set(Ip.LOOPBACK4.high(), Ip.LOOPBACK4.low(), 0, 0);
        assertThat(os.connect(fd, address)).isZero();
        memory.asSlice(0, 16).fill((byte) 0);
        memory.set(JAVA_BYTE, 0, (byte) 8); // echo request, RFC 792
        memory.set(JAVA_BYTE, 7, (byte) 77);
        memory.set(JAVA_BYTE, 15, (byte) 99);
        assertThat(os.sendmsg(fd, range(0, 16), FLAGS)).isEqualTo(16);
        await(fd, Epoll.IN);
        assertThat(os.recvmsg(fd, range(100, 100), FLAGS)).isEqualTo(16);
        assertThat(memory.get(JAVA_BYTE, 100)).isZero(); // echo reply
        assertThat(memory.get(JAVA_BYTE, 107)).isEqualTo((byte) 77);
        assertThat(memory.get(JAVA_BYTE, 115)).isEqualTo((byte) 99);
    }

    @Test
    void everyDescriptorIsNonBlockingAndCloseOnExec() throws Exception {
        Pair pair = tcp(Ip.LOOPBACK4);
        int closeOnExec = 02000000;
        int nonBlocking = 04000;
        for (int fd : List.of(pair.here, pair.there, own(os.eventfd()))) {
            assertThat(flags(fd) & (closeOnExec | nonBlocking)).isEqualTo(closeOnExec | nonBlocking);
        }
        assertThat(flags(own(os.epollCreate())) & closeOnExec).isEqualTo(closeOnExec);
    }

    @Test
    void whatIsNoDescriptorIsSaidByEveryCall() {
        int gone = 1_000_000_000; // above any limit, so that no other thread can have it
        int bad = -Errno.EBADF;
        assertThat(os.close(gone)).isEqualTo(bad);
        assertThat(os.bind(gone, address)).isEqualTo(bad);
        assertThat(os.connect(gone, address)).isEqualTo(bad);
        assertThat(os.listen(gone, 1)).isEqualTo(bad);
        assertThat(os.accept(gone, address)).isEqualTo(bad);
        assertThat(os.shutdown(gone, Socket.SHUT_WR)).isEqualTo(bad);
        assertThat(os.localAddress(gone, address)).isEqualTo(bad);
        assertThat(os.option(gone, Socket.SOL_SOCKET, Socket.SO_ERROR)).isEqualTo(bad);
        assertThat(os.setOption(gone, Socket.SOL_SOCKET, Socket.SO_SNDBUF, 1)).isEqualTo(bad);
        assertThat(os.bindToDevice(gone, "lo")).isEqualTo(bad);
        assertThat(os.peerPid(gone)).isEqualTo(bad);
        assertThat(os.recvmsg(gone, range(0, 1), 0)).isEqualTo(bad);
        assertThat(os.sendmsg(gone, range(0, 1), 0)).isEqualTo(bad);
        assertThat(os.readv(gone, range(0, 1))).isEqualTo(bad);
        assertThat(os.writev(gone, range(0, 1))).isEqualTo(bad);
        assertThat(os.epollCtl(gone, Epoll.ADD, gone, 0, 0)).isEqualTo(bad);
        assertThat(os.epollWait(gone, new EpollEvents(1), 0)).isEqualTo(bad);
        assertThat(os.socket(-1, Socket.SOCK_STREAM, 0)).isEqualTo(-Errno.EAFNOSUPPORT);
    }

    @Test
    void eachThreadReadsItsOwnError() throws Exception {
        int empty = own(os.eventfd());
        FutureTask<Boolean> other = new FutureTask<>(() -> {
            boolean right = true;
            for (int i = 0; i < 20_000; i++) {
                right &= os.shutdown(-1, Socket.SHUT_WR) == -Errno.EBADF;
            }
            return right;
        });
        Thread.ofPlatform().start(other);
        boolean right = true;
        IoVec vector = range(0, 8);
        for (int i = 0; i < 20_000; i++) {
            right &= os.readv(empty, vector) == -Errno.EAGAIN;
        }
        assertThat(right).isTrue();
        assertThat(other.get()).isTrue();
    }

    private record Pair(int here, int there) {}

    private Pair tcp(Ip ip) {
        int listener = listener(ip);
        int here = own(os.socket(ip.isV4() ? Socket.AF_INET : Socket.AF_INET6, Socket.SOCK_STREAM, 0));
        assertThat(os.connect(here, address)).isEqualTo(-Errno.EINPROGRESS);
        return new Pair(here, accept(listener, new SockAddr()));
    }

    /** A listener on a free port, left in {@code address}. */
    private int listener(Ip ip) {
        int fd = own(os.socket(ip.isV4() ? Socket.AF_INET : Socket.AF_INET6, Socket.SOCK_STREAM, 0));
        bindLoopback(fd, ip);
        assertThat(os.listen(fd, 16)).isZero();
        return fd;
    }

    private void bindLoopback(int fd, Ip ip) {
        address.set(ip.high(), ip.low(), 0, 0);
        assertThat(os.bind(fd, address)).isZero();
        assertThat(os.localAddress(fd, address)).isZero();
    }

    private int accept(int listener, SockAddr peer) {
        await(listener, Epoll.IN);
        return own(os.accept(listener, peer));
    }

    /** The events of {@code fd}, once one of {@code wanted} is among them. */
    private int await(int fd, int wanted) {
        int epoll = os.epollCreate();
        EpollEvents events = new EpollEvents(1);
        try {
            assertThat(os.epollCtl(epoll, Epoll.ADD, fd, wanted, fd)).isZero();
            assertThat(os.epollWait(epoll, events, FOR_EVER)).isEqualTo(1);
            assertThat(events.ref(0)).isEqualTo(fd);
            assertThat(events.events(0) & wanted).isEqualTo(wanted);
            return events.events(0);
        } finally {
            assertThat(os.close(epoll)).isZero();
        }
    }

    private int own(int fd) {
        assertThat(fd).isNotNegative();
        open.add(fd);
        return fd;
    }

    private void release(int fd) {
        open.remove(Integer.valueOf(fd));
        assertThat(os.close(fd)).isZero();
    }

    private IoVec range(long offset, long length) {
        IoVec vector = new IoVec(1);
        vector.add(memory, offset, length);
        return vector;
    }

    /** Byte i is i mod 251, so that the n-th byte of a stream can be told from its neighbours. */
    private void fill(int offset, int length) {
        for (int i = 0; i < length; i++) {
            memory.set(JAVA_BYTE, offset + i, (byte) (i % 251));
        }
    }

    /** Reads to the end: {@code total} bytes of the pattern of {@link #fill}. */
    private void assertReceives(int fd, long total) {
        MemorySegment into = Arena.global().allocate(1 << 15);
        IoVec vector = new IoVec(1);
        vector.add(into, 0, into.byteSize());
        long received = 0;
        while (true) {
            await(fd, Epoll.IN);
            long rc = os.recvmsg(fd, vector, FLAGS);
            if (rc == 0) {
                break;
            }
            assertThat(rc).isPositive();
            MemorySegment expected = memory.asSlice(received % 251, rc);
            assertThat(into.asSlice(0, rc).mismatch(expected)).isEqualTo(-1);
            received += rc;
        }
        assertThat(received).isEqualTo(total);
    }

    private static int flags(int fd) throws Exception {
        return java.nio.file.Files.readAllLines(Path.of("/proc/self/fdinfo/" + fd)).stream()
                .filter(line -> line.startsWith("flags:"))
                .mapToInt(line -> Integer.parseInt(line.substring(6).strip(), 8))
                .findFirst()
                .orElseThrow();
    }
}
