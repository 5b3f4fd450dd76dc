package io.passatelli.loop;

import io.passatelli.base.Log;
import io.passatelli.os.Epoll;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.LockSupport;
import java.util.concurrent.locks.ReentrantLock;

import static org.assertj.core.api.Assertions.assertThat;

/** Four threads offer to one loop that sleeps whenever it can: no command is lost, doubled or slept over. */
class MailboxStressTest {
    private static final int PRODUCERS = 4;
    private static final int EACH = 25_000;
    private static final int LITMUS_ROUNDS = 20_000;
    private static final int CLOSINGS = 30;

    /** A sleep of this length with a command waiting is a lost wake-up, and fails the test; none is needed otherwise. */
    private static final long LOST_AFTER_S = 30;

    /** epoll and an eventfd that block and wake as the kernel's do, for any threads. */
    private static final class BlockingOs extends ScriptedOs {
        private final ReentrantLock lock = new ReentrantLock();
        private final Condition readable = lock.newCondition();
        int waitCount;

        @Override
        public int epollWait(int epoll, EpollEvents out, long timeoutNs) {
            lock.lock();
            try {
                waitCount++;
                if (timeoutNs < 0) {
                    long leftNs = TimeUnit.SECONDS.toNanos(LOST_AFTER_S);
                    while (counter == 0) {
                        if (leftNs <= 0) {
                            return -Errno.EIO;
                        }
                        leftNs = readable.awaitNanos(leftNs);
                    }
                }
                if (counter == 0) {
                    return 0;
                }
                out.set(0, Epoll.IN, Ref.of(0, 0, 0));
                return 1;
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                return -Errno.EIO;
            } finally {
                lock.unlock();
            }
        }

        @Override
        public int close(int fd) {
            lock.lock();
            try {
                return super.close(fd);
            } finally {
                lock.unlock();
            }
        }

        @Override
        public long readv(int fd, IoVec into) {
            lock.lock();
            try {
                return super.readv(fd, into);
            } finally {
                lock.unlock();
            }
        }

        @Override
        public long writev(int fd, IoVec from) {
            lock.lock();
            try {
                readable.signal();
                return super.writev(fd, from);
            } finally {
                lock.unlock();
            }
        }
    }

    /** Loop thread only: what arrived from each producer, which must be 0, 1, 2 and so on. */
    private final int[] arrived = new int[PRODUCERS];

    private int total;
    private int disorder;

    private final class Command implements Runnable {
        final int producer;
        final int number;
        final EventLoop loop;

        Command(int producer, int number, EventLoop loop) {
            this.producer = producer;
            this.number = number;
            this.loop = loop;
        }

        @Override
        public void run() {
            if (number != arrived[producer]++) {
                disorder++;
            }
            if (++total == PRODUCERS * EACH) {
                loop.stop();
            }
        }
    }

    @Test
    @Timeout(120)
    void everyOfferThatWasTakenIsRunOnceAndInOrder() throws Exception {
        var os = new BlockingOs();
        var loop = new EventLoop(os, () -> 0, Log.silent());
        try (ExecutorService threads = Executors.newFixedThreadPool(PRODUCERS + 1)) {
            Future<?> running = threads.submit(loop::run);
            List<Future<?>> producers = new ArrayList<>();
            for (int p = 0; p < PRODUCERS; p++) {
                int producer = p;
                producers.add(threads.submit(() -> offerAll(loop, producer)));
            }
            for (Future<?> each : producers) {
                each.get();
            }
            running.get();
        }
        assertThat(total).isEqualTo(PRODUCERS * EACH);
        assertThat(disorder).isZero();
        assertThat(arrived).containsOnly(EACH);
        assertThat(os.eventfdWrites).as("one for each wait, and one of stop()").isLessThanOrEqualTo(os.waitCount + 1);
        assertThat(loop.invariantViolations()).isZero();
        loop.close();
        assertThat(os.open).isEmpty();
    }

    private void offerAll(EventLoop loop, int producer) {
        for (int i = 0; i < EACH; i++) {
            var command = new Command(producer, i, loop);
            while (!loop.mailbox().offer(command)) {
                Thread.onSpinWait(); // full: the loop is at work
            }
        }
    }

    /** The store-buffer test: of one offer and one going to sleep, at the same moment, at least one side sees the other. */
    @Test
    @Timeout(120)
    void offerAndSleepNeverMissEachOther() throws Exception {
        var os = new ScriptedOs(); // written by the producer, read when its round is over
        var mailbox = new Mailbox(os, os.eventfd());
        var round = new AtomicInteger();
        var done = new AtomicInteger();
        try (ExecutorService threads = Executors.newFixedThreadPool(1)) {
            Future<?> producer = threads.submit(() -> {
                for (int i = 1; i <= LITMUS_ROUNDS; i++) {
                    awaitValue(round, i);
                    mailbox.offer(() -> {});
                    done.set(i);
                }
            });
            int missed = 0;
            for (int i = 1; i <= LITMUS_ROUNDS; i++) {
                int writesBefore = os.eventfdWrites;
                round.set(i);
                for (int phase = i & 63; phase > 0; phase--) {
                    Thread.onSpinWait(); // so that the two meet at every distance
                }
                boolean sleeps = mailbox.maySleep();
                awaitValue(done, i);
                if (sleeps && os.eventfdWrites == writesBefore) {
                    missed++;
                }
                mailbox.awake();
                assertThat(mailbox.poll()).isNotNull();
            }
            producer.get();
            assertThat(missed).isZero();
        }
    }

    private static void awaitValue(AtomicInteger variable, int value) {
        for (int spins = 0; variable.get() != value; spins++) {
            if (spins < 2_000) {
                Thread.onSpinWait();
            } else {
                LockSupport.parkNanos(1_000); // the other side has no processor now: leave it ours
            }
        }
    }

    /** Wake-ups race with close: none reaches the descriptor once it is closed (Mailbox asserts what the write says). */
    @Test
    @Timeout(120)
    void closeWaitsForWakeUpsUnderWay() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(PRODUCERS)) {
            for (int round = 0; round < CLOSINGS; round++) {
                var os = new BlockingOs();
                var mailbox = new Mailbox(os, os.eventfd());
                var over = new AtomicBoolean();
                var begun = new AtomicInteger();
                List<Future<?>> producers = new ArrayList<>();
                for (int p = 0; p < PRODUCERS; p++) {
                    producers.add(threads.submit(() -> {
                        begun.incrementAndGet();
                        while (!over.get()) {
                            mailbox.wake();
                        }
                    }));
                }
                awaitValue(begun, PRODUCERS);
                mailbox.close();
                over.set(true);
                for (Future<?> each : producers) {
                    each.get();
                }
                assertThat(os.open).isEmpty();
                assertThat(mailbox.offer(() -> {})).isFalse();
            }
        }
    }
}
