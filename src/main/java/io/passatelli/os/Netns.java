package io.passatelli.os;

import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;
import java.util.function.IntSupplier;

/** setns(2). Results are ≥ 0 or {@code -errno}. */
@Syscalls({"openat", "setns", "close"})
final class Netns {
    /** linux/sched.h. */
    static final int CLONE_NEWNET = 0x40000000;

    private static final MemorySegment SETNS = LibC.function("setns");

    private Netns() {}

    /** Moves the calling thread, and it alone, for good: callers give it a thread that ends afterwards. */
    private static int enter(String path) {
        int fd = Files.open(path, Files.O_RDONLY);
        if (fd < 0) {
            return fd;
        }
        int rc = LibC.callInt(SETNS, fd, CLONE_NEWNET, 0, 0, 0, 0);
        Files.close(fd);
        return rc;
    }

    /** See {@link NamespaceOs#within}. What {@code work} throws is thrown to the caller. */
    static int within(String path, IntSupplier work) {
        Visit visit = new Visit(path, work);
        Thread thread = Thread.ofPlatform().name("netns").unstarted(visit);
        thread.start();
        boolean interrupted = false;
        while (true) {
            try {
                thread.join();
                break;
            } catch (InterruptedException e) {
                interrupted = true; // not before the result is here: it may be a descriptor that nobody else knows
            }
        }
        if (interrupted) {
            Thread.currentThread().interrupt();
        }
        return visit.result();
    }

    private static final class Visit implements Runnable {
        private final String path;
        private final IntSupplier work;
        private int result;
        private @Nullable RuntimeException exception;
        private @Nullable Error error;

        Visit(String path, IntSupplier work) {
            this.path = path;
            this.work = work;
        }

        @Override
        public void run() {
            try {
                int rc = enter(path);
                result = rc < 0 ? rc : work.getAsInt();
            } catch (RuntimeException e) {
                exception = e;
            } catch (Error e) {
                error = e;
            }
        }

        int result() {
            if (exception != null) {
                throw exception;
            }
            if (error != null) {
                throw error;
            }
            return result;
        }
    }
}
