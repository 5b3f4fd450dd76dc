package io.passatelli.loop;

import io.passatelli.base.Limits;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicReferenceArray;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

/**
 * The way into a loop from other threads: a bounded queue of commands and an eventfd(2) that wakes the loop. Many producers, one consumer, the
 * loop thread; no locks, and a producer never waits for another.
 *
 * <p><b>Queue.</b> A ring. A producer claims position {@code tail} by compare-and-set, then stores its command in the slot; the consumer takes
 * the slot at {@code head}, empties it, then moves {@code head} on. A producer claims only a position less than a ring's length past the
 * {@code head} that it read, and the consumer had emptied that slot before it moved {@code head} there (release, acquire): no command is
 * overwritten. A slot that is claimed and not yet stored looks empty; the consumer stops there and comes back, since its producer has yet to
 * look whether the loop sleeps.
 *
 * <p><b>Wake-up</b> (the store-buffer pattern; both sides need sequential consistency, which volatile accesses give). The producer stores the
 * slot, then reads {@code asleep}. The consumer stores {@code asleep}, then reads the slot, and sleeps only if that is empty. In the one
 * order of all four accesses either the producer sees {@code asleep}, and writes the eventfd, or the consumer sees the command. Who turns
 * {@code asleep} off writes, so a burst costs one write.
 *
 * <p><b>Closing.</b> A producer is counted in {@code producers} before it reads {@code closed}, and until it has written the eventfd;
 * {@link #close} sets {@code closed}, then waits for the count to be zero before the descriptor is closed. So nobody writes to a descriptor
 * that may have a new owner. The wait is short, as no producer blocks.
 */
public final class Mailbox {
    private static final int CAPACITY = Limits.MAILBOX_COMMANDS;
    private static final int MASK = CAPACITY - 1;

    static {
        assert Integer.bitCount(CAPACITY) == 1 : CAPACITY;
    }

    private final Os os;
    private final int eventfd;
    private final IoVec one = counter(1); // never changes, so that any thread may write from it
    private final MemorySegment read = Arena.ofAuto().allocate(JAVA_LONG);
    private final IoVec readInto = new IoVec(1);

    private final AtomicReferenceArray<@Nullable Runnable> slots = new AtomicReferenceArray<>(CAPACITY);
    private final AtomicLong tail = new AtomicLong();
    private final AtomicLong head = new AtomicLong();
    private final AtomicBoolean asleep = new AtomicBoolean();
    private final AtomicInteger producers = new AtomicInteger();
    private volatile boolean closed;

    /** Wakes through {@code eventfd}, which {@link #close} closes. */
    Mailbox(Os os, int eventfd) {
        this.os = os;
        this.eventfd = eventfd;
        readInto.add(read, 0, JAVA_LONG.byteSize());
    }

    private static IoVec counter(long value) {
        MemorySegment segment = Arena.global().allocate(JAVA_LONG);
        segment.set(JAVA_LONG, 0, value);
        IoVec vector = new IoVec(1);
        vector.add(segment, 0, JAVA_LONG.byteSize());
        return vector;
    }

    /**
     * Any thread: asks the loop to run {@code command}. False when full or when the loop has ended. A command that was taken is run once, in
     * the order of its thread's offers, unless the loop ends before: then never, so a caller that waits for an answer needs a time limit.
     */
    public boolean offer(Runnable command) {
        if (!enter()) {
            return false;
        }
        try {
            return enqueue(command);
        } finally {
            leave();
        }
    }

    /** False once closed. Looks before it counts as well, so that callers who go on asking do not keep {@link #close} waiting. */
    private boolean enter() {
        if (closed) {
            return false;
        }
        producers.incrementAndGet();
        if (closed) {
            leave();
            return false;
        }
        return true;
    }

    private void leave() {
        producers.decrementAndGet();
    }

    private boolean enqueue(Runnable command) {
        long position = tail.get();
        while (true) {
            if (position - head.get() >= CAPACITY) {
                return false;
            }
            long seen = tail.compareAndExchange(position, position + 1);
            if (seen == position) {
                break;
            }
            position = seen;
        }
        slots.set((int) position & MASK, command);
        if (asleep.get() && asleep.compareAndSet(true, false)) {
            write();
        }
        return true;
    }

    /** Any thread: ends the loop's sleep, or its next one. Nothing happens once closed. */
    void wake() {
        if (!enter()) {
            return;
        }
        try {
            write();
        } finally {
            leave();
        }
    }

    /** -EAGAIN means that the counter is at its most: readable, so the loop wakes all the same. No other failure is possible while open. */
    private void write() {
        long rc = os.writev(eventfd, one);
        assert rc == JAVA_LONG.byteSize() || rc == -Errno.EAGAIN : rc;
    }

    /** Loop thread: from here on offers write the eventfd. False: a command waits, do not sleep. */
    boolean maySleep() {
        asleep.set(true);
        if (isEmpty()) {
            return true;
        }
        awake();
        return false;
    }

    /** Loop thread: offers need not wake it. A producer that misses this writes once too often, and does no harm. */
    void awake() {
        asleep.setRelease(false);
    }

    /** Loop thread: the eventfd is readable. */
    void clear() {
        long rc = os.readv(eventfd, readInto);
        assert rc == JAVA_LONG.byteSize() || rc == -Errno.EAGAIN : rc;
    }

    /** Loop thread: whether {@link #poll} would find nothing. */
    boolean isEmpty() {
        return slots.get((int) head.get() & MASK) == null;
    }

    /** Loop thread: the next command, or null. */
    @Nullable
    Runnable poll() {
        long position = head.getPlain();
        int slot = (int) position & MASK;
        Runnable command = slots.get(slot);
        if (command == null) {
            return null;
        }
        slots.set(slot, null);
        head.set(position + 1);
        return command;
    }

    /** Loop thread: refuses what comes, forgets what waits, closes the eventfd. */
    void close() {
        if (closed) {
            return;
        }
        closed = true;
        while (producers.get() != 0) {
            Thread.onSpinWait();
        }
        while (poll() != null) {
            // a command whose loop has ended is not run
        }
        os.close(eventfd);
    }
}
