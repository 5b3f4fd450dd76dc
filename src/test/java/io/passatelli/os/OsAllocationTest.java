package io.passatelli.os;

import io.passatelli.base.Allocation;
import io.passatelli.base.Ip;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

/** The calls of the data path allocate nothing once the JIT compiler has seen them. */
class OsAllocationTest {
    private static final int CALLS = 100_000;

    private final LinuxOs os = new LinuxOs();
    private final EpollEvents events = new EpollEvents(4);
    private final MemorySegment memory = Arena.global().allocate(64, 8);
    private final IoVec vector = new IoVec(2);

    @AfterEach
    void close() {
        os.close();
    }

    @Test
    void eventfdsAreWrittenAwaitedAndReadWithoutAllocation() {
        int fd = os.eventfd();
        int epoll = os.epollCreate();
        assertThat(os.epollCtl(epoll, Epoll.ADD, fd, Epoll.IN, 5)).isZero();
        memory.set(JAVA_LONG, 0, 1);
        vector.add(memory, 0, 8);
        assertThat(Allocation.leastBytes(CALLS, () -> eventfdTurn(epoll, fd))).isZero();
        assertThat(os.close(fd)).isZero();
        assertThat(os.close(epoll)).isZero();
    }

    @Test
    void messagesAreSentAndReceivedWithoutAllocation(@TempDir Path directory) {
        UnixPair pair = UnixPair.connect(os, directory.resolve("s"));
        vector.add(memory, 0, 16);
        vector.add(memory, 32, 16);
        assertThat(Allocation.leastBytes(CALLS, () -> messageTurn(pair.here(), pair.there())))
                .isZero();
        pair.close(os);
    }

    @Test
    void messagesAreReceivedWithTheirSendersWithoutAllocation(@TempDir Path directory) {
        UnixPair pair = UnixPair.connect(os, directory.resolve("s"));
        vector.add(memory, 0, 16);
        SockAddr from = new SockAddr();
        assertThat(Allocation.leastBytes(CALLS, () -> {
                    long sent = os.sendmsg(pair.here(), vector, Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL);
                    long received = os.recvmsg(pair.there(), vector, Socket.MSG_DONTWAIT, from);
                    if (sent != 16 || received != 16) {
                        throw new AssertionError(sent + " " + received);
                    }
                }))
                .isZero();
        pair.close(os);
    }

    @Test
    void datagramsAreSentAndReceivedWithoutAllocation() {
        Calls calls = new Calls(os);
        UdpCalls udp = new UdpCalls(os);
        int to = udp.socket(true);
        int from = udp.socket(true);
        assertThat(calls.bind(to, Ip.LOOPBACK4, 0)).isZero();
        assertThat(calls.connect(from, Ip.LOOPBACK4, calls.port(to))).isZero();
        assertThat(os.setOption(to, Socket.IPPROTO_IP, Socket.IP_PKTINFO, 1)).isZero();
        Datagrams out = new Datagrams(2, 1);
        Datagrams in = new Datagrams(2, 2);
        SocketError error = new SocketError();
        assertThat(Allocation.leastBytes(CALLS, () -> datagramTurn(from, to, out, in, error)))
                .isZero();
        assertThat(os.close(from)).isZero();
        assertThat(os.close(to)).isZero();
    }

    private void datagramTurn(int from, int to, Datagrams out, Datagrams in, SocketError error) {
        out.clear();
        in.clear();
        for (int i = 0; i < 2; i++) {
            out.range(out.add(), memory, 0, 10 + i);
            int d = in.add();
            in.range(d, memory, 16, 8);
            in.range(d, memory, 24, 8);
            in.wantPeer(d);
            in.wantLocal(d);
        }
        int sent = os.sendmmsg(from, out, 0, 2, Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL);
        int received = os.recvmmsg(to, in, Socket.MSG_DONTWAIT);
        int none = os.recvError(from, error);
        boolean told = in.length(1) == 11 && in.localLow(0) == Ip.LOOPBACK4.low() && in.peerPort(1) != 0;
        if (sent != 2 || received != 2 || none != -Errno.EAGAIN || !told) {
            throw new AssertionError(sent + " " + received + " " + none);
        }
    }

    private void eventfdTurn(int epoll, int fd) {
        long wrote = os.writev(fd, vector);
        int count = os.epollWait(epoll, events, 0);
        long read = os.readv(fd, vector);
        long nothing = os.readv(fd, vector);
        if (wrote != 8 || count != 1 || events.ref(0) != 5 || read != 8 || nothing != -Errno.EAGAIN) {
            throw new AssertionError(wrote + " " + count + " " + read + " " + nothing);
        }
    }

    private void messageTurn(int from, int to) {
        long sent = os.sendmsg(from, vector, Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL);
        long received = os.recvmsg(to, vector, Socket.MSG_DONTWAIT);
        int error = os.option(to, Socket.SOL_SOCKET, Socket.SO_ERROR);
        if (sent != 32 || received != 32 || error != 0) {
            throw new AssertionError(sent + " " + received + " " + error);
        }
    }
}
