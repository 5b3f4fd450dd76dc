package io.passatelli.os;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

/** epoll(7) and eventfd(2) of the real kernel. */
class LinuxEpollTest {
    private final LinuxOs os = new LinuxOs();
    private final EpollEvents events = new EpollEvents(2);
    private final MemorySegment memory = Arena.global().allocate(8, 8);
    private final IoVec counter = new IoVec(1);
    private final int epoll = os.epollCreate();
    private final int fd = os.eventfd();

    @BeforeEach
    void setUp() {
        assertThat(epoll).isNotNegative();
        assertThat(fd).isNotNegative();
        counter.add(memory, 0, 8);
    }

    @AfterEach
    void tearDown() {
        assertThat(os.close(fd)).isZero();
        assertThat(os.close(epoll)).isZero();
        os.close();
    }

    @Test
    void eventfdAddsUpAndIsEmptiedByOneRead() {
        assertThat(os.readv(fd, counter)).isEqualTo(-Errno.EAGAIN);
        add(3);
        add(4);
        assertThat(os.readv(fd, counter)).isEqualTo(8);
        assertThat(memory.get(JAVA_LONG, 0)).isEqualTo(7);
        assertThat(os.readv(fd, counter)).isEqualTo(-Errno.EAGAIN);
        add(-2); // the most it holds: all ones less one
        memory.set(JAVA_LONG, 0, 1);
        assertThat(os.writev(fd, counter)).isEqualTo(-Errno.EAGAIN);
    }

    @Test
    void edgeTriggeredDescriptorIsReportedOncePerChange() {
        watch(Epoll.IN | Epoll.ET, 7);
        assertThat(os.epollWait(epoll, events, 0)).isZero();
        add(1);
        assertThat(os.epollWait(epoll, events, 0)).isEqualTo(1);
        assertThat(events.ref(0)).isEqualTo(7);
        assertThat(events.events(0)).isEqualTo(Epoll.IN);
        assertThat(os.epollWait(epoll, events, 0)).isZero();
        add(1);
        assertThat(os.epollWait(epoll, events, 0)).isEqualTo(1);
        assertThat(os.epollCtl(epoll, Epoll.MOD, fd, Epoll.IN | Epoll.ET, 8)).isZero();
        assertThat(os.epollWait(epoll, events, 0)).isEqualTo(1); // a change of interest asks again
        assertThat(events.ref(0)).isEqualTo(8);
    }

    @Test
    void levelTriggeredDescriptorIsReportedWhileItIsReady() {
        watch(Epoll.IN, Long.MIN_VALUE + 1);
        add(1);
        for (int i = 0; i < 3; i++) {
            assertThat(os.epollWait(epoll, events, -1)).isEqualTo(1);
            assertThat(events.ref(0)).isEqualTo(Long.MIN_VALUE + 1);
        }
        assertThat(os.readv(fd, counter)).isEqualTo(8);
        assertThat(os.epollWait(epoll, events, 0)).isZero();
    }

    @Test
    void interestIsAddedOnceAndTakenAway() {
        watch(Epoll.IN, 1);
        assertThat(os.epollCtl(epoll, Epoll.ADD, fd, Epoll.IN, 1)).isEqualTo(-Errno.EEXIST);
        assertThat(os.epollCtl(epoll, Epoll.DEL, fd, 0, 0)).isZero();
        add(1);
        assertThat(os.epollWait(epoll, events, 0)).isZero();
        assertThat(os.epollCtl(epoll, Epoll.DEL, fd, 0, 0)).isEqualTo(-Errno.ENOENT);
        assertThat(os.epollCtl(epoll, Epoll.MOD, fd, Epoll.IN, 0)).isEqualTo(-Errno.ENOENT);
    }

    @Test
    void noMoreEventsAreGivenThanThereIsRoomForAndNoneIsLost() {
        int[] more = {os.eventfd(), os.eventfd()};
        watch(Epoll.OUT | Epoll.ET, 0);
        for (int i = 0; i < more.length; i++) {
            assertThat(os.epollCtl(epoll, Epoll.ADD, more[i], Epoll.OUT | Epoll.ET, i + 1))
                    .isZero();
        }
        assertThat(os.epollWait(epoll, events, 0)).isEqualTo(2);
        long seen = 1L << events.ref(0) | 1L << events.ref(1);
        assertThat(os.epollWait(epoll, events, 0)).isEqualTo(1);
        assertThat(seen | 1L << events.ref(0)).isEqualTo(0b111);
        for (int each : more) {
            assertThat(os.close(each)).isZero();
        }
    }

    @Test
    void aClosedDescriptorIsForgotten() {
        int other = os.eventfd();
        assertThat(os.epollCtl(epoll, Epoll.ADD, other, Epoll.OUT, 1)).isZero();
        assertThat(os.close(other)).isZero();
        assertThat(os.epollWait(epoll, events, 0)).isZero();
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 50_000, 1_000_000, 2_500_001})
    void waitingNeverEndsBeforeItsTime(long timeoutNs) {
        long start = System.nanoTime();
        assertThat(os.epollWait(epoll, events, timeoutNs)).isZero();
        assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(timeoutNs);
    }

    @ParameterizedTest
    @ValueSource(longs = {1, 50_000, 1_000_000, 2_500_001})
    void waitingTheOldWayNeverEndsBeforeItsTimeEither(long timeoutNs) {
        long start = System.nanoTime();
        assertThat(Epolls.pwait(epoll, events, timeoutNs)).isZero();
        assertThat(System.nanoTime() - start).isGreaterThanOrEqualTo(timeoutNs);
    }

    @Test
    void bothWaysReportTheSame() {
        watch(Epoll.IN | Epoll.OUT, 5);
        add(1);
        for (long timeout : new long[] {-1, 0, 1_000_000_000_000L}) {
            assertThat(Epolls.pwait(epoll, events, timeout)).isEqualTo(1);
            assertThat(events.events(0)).isEqualTo(Epoll.IN | Epoll.OUT);
            events.set(0, 0, 0);
            assertThat(Epolls.pwait2(epoll, events, timeout)).isEqualTo(1);
            assertThat(events.events(0)).isEqualTo(Epoll.IN | Epoll.OUT);
            assertThat(events.ref(0)).isEqualTo(5);
        }
    }

    @ParameterizedTest
    @CsvSource({
        "-1, -1",
        "-9223372036854775808, -1",
        "0, 0",
        "1, 1",
        "999999, 1",
        "1000000, 1",
        "1000001, 2",
        "2147483646000001, 2147483647",
        "2147483647000001, 2147483647",
        "9223372036854775807, 2147483647"
    })
    void millisecondsAreRoundedUp(long timeoutNs, int expected) {
        assertThat(Epolls.milliseconds(timeoutNs)).isEqualTo(expected);
    }

    /** Answers {@code errno} to epoll_pwait2(2) in a thread of its own, seccomp(2). */
    @ParameterizedTest
    @ValueSource(ints = {Errno.ENOSYS, Errno.EPERM})
    void whereTheKernelHasNoNanosecondsMillisecondsDo(int errno) throws Exception {
        watch(Epoll.IN, 5);
        FutureTask<int[]> task = new FutureTask<>(() -> {
            LinuxOs restricted = new LinuxOs();
            forbidPwait2(errno);
            int direct = Epolls.pwait2(epoll, events, 0);
            long start = System.nanoTime();
            int none = restricted.epollWait(epoll, events, 1_500_000);
            boolean early = System.nanoTime() - start < 1_500_000;
            add(1);
            return new int[] {direct, none, early ? 1 : 0, restricted.epollWait(epoll, events, -1)};
        });
        Thread.ofPlatform().start(task);
        assertThat(task.get()).containsExactly(-errno, 0, 0, 1);
        assertThat(events.ref(0)).isEqualTo(5);
    }

    @Test
    void theLongestTimeoutIsAccepted() {
        watch(Epoll.OUT, 1);
        assertThat(os.epollWait(epoll, events, Long.MAX_VALUE)).isEqualTo(1);
    }

    @Test
    void aSignalEndsTheWaitWithoutEvents() throws Exception {
        long tgkill = System.getProperty("os.arch").equals("amd64") ? 234 : 131;
        long gettid = System.getProperty("os.arch").equals("amd64") ? 186 : 178;
        int signal = 10; // SIGUSR1
        MemorySegment syscall = LibC.function("syscall");
        AtomicInteger thread = new AtomicInteger();
        ignoreUsr1();
        FutureTask<Integer> wait = new FutureTask<>(() -> {
            thread.set(LibC.callInt(syscall, gettid, 0, 0, 0, 0, 0));
            return os.epollWait(epoll, events, -1);
        });
        Thread.ofPlatform().start(wait);
        long pid = ProcessHandle.current().pid();
        int result = Integer.MIN_VALUE;
        while (result == Integer.MIN_VALUE) { // again and again: the first may come before the wait begins
            if (thread.get() > 0) {
                LibC.callInt(syscall, tgkill, pid, thread.get(), signal, 0, 0);
            }
            try {
                result = wait.get(1, TimeUnit.MILLISECONDS);
            } catch (TimeoutException e) {
                assertThat(wait.isDone()).isFalse();
            }
        }
        assertThat(result).isZero();
    }

    /** Has the JVM handle SIGUSR1, which would end the process; by reflection, since javac warns of the class. */
    private static void ignoreUsr1() throws Exception {
        Class<?> signal = Class.forName("sun.misc.Signal");
        Class<?> handler = Class.forName("sun.misc.SignalHandler");
        Object nothing = Proxy.newProxyInstance(
                LinuxEpollTest.class.getClassLoader(), new Class<?>[] {handler}, (proxy, method, arguments) -> null);
        Method handle = signal.getMethod("handle", signal, handler);
        assertThat(handle.invoke(null, signal.getConstructor(String.class).newInstance("USR1"), nothing))
                .isNotNull();
    }

    /** A filter of four instructions (linux/filter.h) for the calling thread. */
    private static void forbidPwait2(int errno) {
        MemorySegment prctl = LibC.function("prctl");
        int setSeccomp = 22;
        int filterMode = 2;
        int returnErrno = 0x00050000;
        int returnAllow = 0x7fff0000;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment program = arena.allocate(4 * 8, 8);
            instruction(program, 0, 0x20, 0, 0); // load the call's number, seccomp_data.nr
            instruction(program, 1, 0x15, 1, Epolls.SYS_EPOLL_PWAIT2); // skip one instruction unless equal
            instruction(program, 2, 0x06, 0, returnErrno | errno);
            instruction(program, 3, 0x06, 0, returnAllow);
            MemorySegment header = arena.allocate(16, 8);
            header.set(JAVA_SHORT, 0, (short) 4);
            header.set(JAVA_LONG, 8, program.address());
            assertThat(new LinuxOs().noNewPrivs()).isZero();
            assertThat(LibC.callInt(prctl, setSeccomp, filterMode, header.address(), 0, 0, 0))
                    .isZero();
        }
    }

    private static void instruction(MemorySegment program, int index, int code, int ifFalse, int k) {
        program.set(JAVA_SHORT, index * 8L, (short) code);
        program.set(JAVA_BYTE, index * 8L + 3, (byte) ifFalse);
        program.set(JAVA_INT, index * 8L + 4, k);
    }

    private void watch(int interest, long ref) {
        assertThat(os.epollCtl(epoll, Epoll.ADD, fd, interest, ref)).isZero();
    }

    private void add(long value) {
        memory.set(JAVA_LONG, 0, value);
        assertThat(os.writev(fd, counter)).isEqualTo(8);
    }
}
