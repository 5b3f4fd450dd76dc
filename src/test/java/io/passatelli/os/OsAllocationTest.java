package io.passatelli.os;

import com.sun.management.ThreadMXBean;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

/** The calls of the data path allocate nothing once the JIT compiler has seen them. */
class OsAllocationTest {
    private static final int CALLS = 100_000;

    /** Until the compiler, which works in the background, is done. */
    private static final int ROUNDS_AT_MOST = 60;

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

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
        assertThat(leastAllocated(() -> eventfdTurn(epoll, fd))).isZero();
        assertThat(os.close(fd)).isZero();
        assertThat(os.close(epoll)).isZero();
    }

    @Test
    void messagesAreSentAndReceivedWithoutAllocation(@TempDir Path directory) {
        UnixPair pair = UnixPair.connect(os, directory.resolve("s"));
        vector.add(memory, 0, 16);
        vector.add(memory, 32, 16);
        assertThat(leastAllocated(() -> messageTurn(pair.here(), pair.there()))).isZero();
        pair.close(os);
    }

    @Test
    void messagesAreReceivedWithTheirSendersWithoutAllocation(@TempDir Path directory) {
        UnixPair pair = UnixPair.connect(os, directory.resolve("s"));
        vector.add(memory, 0, 16);
        SockAddr from = new SockAddr();
        assertThat(leastAllocated(() -> {
                    long sent = os.sendmsg(pair.here(), vector, Socket.MSG_DONTWAIT | Socket.MSG_NOSIGNAL);
                    long received = os.recvmsg(pair.there(), vector, Socket.MSG_DONTWAIT, from);
                    if (sent != 16 || received != 16) {
                        throw new AssertionError(sent + " " + received);
                    }
                }))
                .isZero();
        pair.close(os);
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

    /** Bytes per round beyond what asking itself costs; 0 once a round went by without any. */
    private static long leastAllocated(Runnable turn) {
        long least = Long.MAX_VALUE;
        for (int round = 0; round < ROUNDS_AT_MOST && least > 0; round++) {
            long asking = allocatedBy(turn, 0);
            long bytes = allocatedBy(turn, CALLS) - asking;
            least = Math.min(least, Math.max(0, bytes));
        }
        return least;
    }

    private static long allocatedBy(Runnable turn, int calls) {
        long before = THREADS.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < calls; i++) {
            turn.run();
        }
        return THREADS.getCurrentThreadAllocatedBytes() - before;
    }
}
