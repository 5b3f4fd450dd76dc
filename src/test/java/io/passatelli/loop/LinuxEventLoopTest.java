package io.passatelli.loop;

import io.passatelli.base.Clock;
import io.passatelli.base.Log;
import io.passatelli.base.TimerWheel;
import io.passatelli.os.Epoll;
import io.passatelli.os.IoVec;
import io.passatelli.os.LinuxOs;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static org.assertj.core.api.Assertions.assertThat;

/** The loop on this machine's kernel. No test sleeps: what must come is waited for, and a time limit ends what does not. */
@Timeout(60)
class LinuxEventLoopTest {
    private final LinuxOs os = new LinuxOs();
    private final Clock clock = Clock.system();
    private final EventLoop loop = new EventLoop(os, clock, Log.silent());
    private final ExecutorService threads = Executors.newFixedThreadPool(4);

    @AfterEach
    void close() {
        threads.shutdown();
        loop.close();
        os.close();
    }

    @Test
    void sleepingLoopRunsACommandOfAnotherThreadAndStops() throws Exception {
        Future<?> running = threads.submit(loop::run);
        for (int i = 0; i < 1_000; i++) {
            var ran = new CountDownLatch(1);
            assertThat(loop.mailbox().offer(ran::countDown)).isTrue();
            assertThat(ran.await(30, TimeUnit.SECONDS)).as("command %s", i).isTrue();
        }
        loop.stop();
        running.get(30, TimeUnit.SECONDS);
        assertThat(loop.invariantViolations()).isZero();
        assertThat(loop.staleEvents()).isZero();
    }

    @Test
    void commandsOfManyThreadsAllRun() throws Exception {
        int each = 10_000;
        Future<?> running = threads.submit(loop::run);
        var ran = new int[1]; // loop thread
        var seen = new AtomicInteger();
        List<Future<?>> producers = new ArrayList<>();
        for (int p = 0; p < 3; p++) {
            producers.add(threads.submit(() -> {
                for (int i = 0; i < each; i++) {
                    while (!loop.mailbox().offer(() -> seen.setRelease(++ran[0]))) {
                        Thread.onSpinWait();
                    }
                }
                return 0;
            }));
        }
        for (Future<?> producer : producers) {
            producer.get(30, TimeUnit.SECONDS);
        }
        while (seen.getAcquire() < 3 * each) {
            Thread.onSpinWait();
        }
        loop.stop();
        running.get(30, TimeUnit.SECONDS);
        assertThat(ran[0]).isEqualTo(3 * each);
    }

    @Test
    void timerEndsTheWaitAndIsNotEarly() {
        long startNs = clock.nowNs();
        var timer = new TimerWheel.Timer() {
            long firedAtNs;

            @Override
            protected void due(long nowNs) {
                firedAtNs = nowNs;
                loop.stop();
            }
        };
        loop.timers().schedule(timer, startNs + 5_000_000);
        loop.run();
        assertThat(timer.firedAtNs - startNs).isGreaterThanOrEqualTo(5_000_000);
    }

    /** The kernel's own descriptor numbers: two eventfds are ready at once, the first one's handler closes the second and opens a third. */
    @Test
    void reusedDescriptorGetsItsOwnEventsOnly() {
        var write = new IoVec(1);
        MemorySegment one = Arena.global().allocate(JAVA_LONG);
        one.set(JAVA_LONG, 0, 1);
        write.add(one, 0, 8);
        int[] fds = {os.eventfd(), os.eventfd()};
        var handler = new Handler() {
            final int[] generations = new int[2];
            int type;
            int delivered;

            @Override
            public int generation(int index) {
                return generations[index];
            }

            @Override
            public void onEvent(int index, int events, long nowNs) {
                delivered++;
                int other = 1 - index;
                if (generations[other] > 0) {
                    return;
                }
                assertThat(loop.unwatch(fds[other])).isZero();
                assertThat(os.close(fds[other])).isZero();
                generations[other]++;
                int reused = os.eventfd();
                assertThat(reused).isEqualTo(fds[other]);
                assertThat(loop.watch(reused, Epoll.IN | Epoll.ET, type, generations[other], other))
                        .isZero();
            }
        };
        handler.type = loop.register(handler);
        for (int i = 0; i < 2; i++) {
            assertThat(loop.watch(fds[i], Epoll.IN | Epoll.ET, handler.type, 0, i))
                    .isZero();
            assertThat(os.writev(fds[i], write)).isEqualTo(8);
        }
        loop.turn(0);
        assertThat(handler.delivered).isEqualTo(1);
        assertThat(loop.staleEvents()).isEqualTo(1);
        loop.turn(0);
        assertThat(handler.delivered).as("the new one is not readable").isEqualTo(1);
        assertThat(loop.staleEvents()).isEqualTo(1);
        assertThat(loop.invariantViolations()).isZero();
        assertThat(os.close(fds[0])).isZero();
        assertThat(os.close(fds[1])).isZero();
    }
}
