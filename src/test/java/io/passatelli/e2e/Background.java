package io.passatelli.e2e;

import java.io.IOException;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;

/** What goes on beside the test. */
final class Background implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(60);

    private final Complaint complaint;
    private final ExecutorService threads = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "beside the test");
        thread.setDaemon(true);
        return thread;
    });

    /** What is said with a failure. */
    interface Complaint {
        String text() throws IOException;
    }

    Background(Complaint complaint) {
        this.complaint = complaint;
    }

    <T> Future<T> run(Callable<T> work) {
        return threads.submit(work);
    }

    <T> T result(Future<T> future) throws Exception {
        try {
            return future.get(LIMIT.toMillis(), TimeUnit.MILLISECONDS);
        } catch (ExecutionException e) {
            throw new AssertionError("what went on beside the test failed: " + complaint.text(), e.getCause());
        }
    }

    @Override
    public void close() {
        threads.shutdownNow();
    }
}
