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
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

import static org.assertj.core.api.Assertions.assertThat;

/** Four threads offer to one loop that sleeps whenever it can: no command is lost, doubled or slept over. */
class MailboxStressTest {
    private static final int PRODUCERS = 4;
    private static final int EACH = 25_000;

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

    /** Offers race with close: each is either refused or taken, and none writes to the closed descriptor. */
    @Test
    @Timeout(120)
    void closeWaitsForOffersUnderWay() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(PRODUCERS)) {
            for (int round = 0; round < 200; round++) {
                var os = new BlockingOs();
                var mailbox = new Mailbox(os, os.eventfd());
                mailbox.maySleep();
                List<Future<Integer>> refusals = new ArrayList<>();
                for (int p = 0; p < PRODUCERS; p++) {
                    refusals.add(threads.submit(() -> offerUntilRefused(mailbox)));
                }
                while (mailbox.isEmpty()) {
                    Thread.onSpinWait();
                }
                mailbox.close();
                for (Future<Integer> each : refusals) {
                    assertThat(each.get())
                            .isNotNegative(); // Mailbox.write asserts its result, so EBADF would have thrown
                }
                assertThat(os.open).isEmpty();
            }
        }
    }

    private static int offerUntilRefused(Mailbox mailbox) {
        int taken = 0;
        while (mailbox.offer(() -> {})) {
            mailbox.wake();
            taken++;
        }
        return taken;
    }
}
