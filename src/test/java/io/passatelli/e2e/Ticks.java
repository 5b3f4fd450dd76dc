package io.passatelli.e2e;

import io.passatelli.lab.UdpEnd;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.fail;

/** When datagrams came to a port, and from where: read by a thread of its own. Any thread; times of {@link System#nanoTime}. */
final class Ticks implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final Duration NAP = Duration.ofMillis(200);

    private record Tick(String from, long ns) {}

    private final UdpEnd end;
    private final Thread reader = new Thread(this::read, "ticks");
    private final List<Tick> ticks = new ArrayList<>();
    private volatile boolean closed;

    private Ticks(UdpEnd end) {
        this.end = end;
    }

    static Ticks heardAt(String namespace, int port) throws IOException {
        Ticks made = new Ticks(UdpEnd.bound(namespace, "0.0.0.0", port));
        made.reader.setDaemon(true);
        made.reader.start();
        return made;
    }

    private void read() {
        try {
            while (!closed) {
                if (end.receive(NAP) != null) {
                    Tick tick = new Tick(end.fromAddress(), System.nanoTime());
                    synchronized (ticks) {
                        ticks.add(tick);
                        ticks.notifyAll();
                    }
                }
            }
        } catch (IOException e) {
            if (!closed) {
                throw new AssertionError(e);
            }
        }
    }

    int count() {
        synchronized (ticks) {
            return ticks.size();
        }
    }

    /** From the last tick from {@code before} to the first from {@code after}, which has to come, of those behind the first {@code skipped}. */
    long gapMs(int skipped, String before, String after) throws InterruptedException {
        Tick first = first(skipped, after);
        synchronized (ticks) {
            long last = ticks.stream()
                    .filter(tick -> tick.from().equals(before) && tick.ns() < first.ns())
                    .mapToLong(Tick::ns)
                    .max()
                    .orElseGet(() -> fail("no tick from %s", before));
            return TimeUnit.NANOSECONDS.toMillis(first.ns() - last);
        }
    }

    /** Since the first from {@code after}. */
    long sinceFirstMs(int skipped, String after) throws InterruptedException {
        return TimeUnit.NANOSECONDS.toMillis(
                System.nanoTime() - first(skipped, after).ns());
    }

    private Tick first(int skipped, String from) throws InterruptedException {
        long end = System.nanoTime() + LIMIT.toNanos();
        synchronized (ticks) {
            for (int at = skipped; ; at++) {
                while (at == ticks.size()) {
                    long leftMs = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
                    if (leftMs <= 0) {
                        return fail("no tick from %s within %s", from, LIMIT);
                    }
                    ticks.wait(leftMs);
                }
                if (ticks.get(at).from().equals(from)) {
                    return ticks.get(at);
                }
            }
        }
    }

    @Override
    public void close() throws IOException {
        closed = true;
        end.close();
    }
}
