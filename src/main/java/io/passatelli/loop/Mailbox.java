package io.passatelli.loop;

/** The way into a loop from other threads: a bounded queue of commands and an eventfd(2) that wakes the loop. */
public final class Mailbox {
    Mailbox() {}

    /** Any thread: asks the loop to run {@code command}. False when full or when the loop has ended. */
    public boolean offer(Runnable command) {
        throw new AssertionError("skeleton");
    }
}
