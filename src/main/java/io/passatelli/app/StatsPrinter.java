package io.passatelli.app;

import io.passatelli.base.Drop;
import io.passatelli.plane.PlaneHandle;
import io.passatelli.plane.PlaneStats;
import org.jspecify.annotations.Nullable;

import java.io.PrintStream;
import java.util.EnumMap;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

/** {@code --stats}: a table of what was counted, at most once in so many seconds, and only when something has changed. A thread of its own. */
final class StatsPrinter implements Runnable {
    private static final long PATIENCE_SECONDS = 10;

    private final PlaneHandle plane;
    private final int everySeconds;
    private final PrintStream out;

    private StatsPrinter(PlaneHandle plane, int everySeconds, PrintStream out) {
        this.plane = plane;
        this.everySeconds = everySeconds;
        this.out = out;
    }

    /** Prints until the process ends. */
    static void start(PlaneHandle plane, int everySeconds, PrintStream out) {
        Thread.ofPlatform().daemon().name("stats").start(new StatsPrinter(plane, everySeconds, out));
    }

    @Override
    public void run() {
        String said = "";
        try {
            while (true) {
                TimeUnit.SECONDS.sleep(everySeconds);
                PlaneStats now = now();
                String table = now == null ? said : table(now);
                if (!table.equals(said)) {
                    out.print(table);
                    said = table;
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private @Nullable PlaneStats now() throws InterruptedException {
        try {
            return plane.stats().get(PATIENCE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            return null; // the plane has more urgent things to do
        }
    }

    static String table(PlaneStats stats) {
        StringBuilder text = new StringBuilder();
        PlaneStats.Traffic traffic = stats.traffic();
        row(text, "frames from the guest", traffic.framesFromGuest());
        row(text, "bytes from the guest", traffic.bytesFromGuest());
        row(text, "frames to the guest", traffic.framesToGuest());
        row(text, "bytes to the guest", traffic.bytesToGuest());
        row(text, "flows", stats.flows());
        Map<Drop, Long> drops = new EnumMap<>(Drop.class);
        drops.putAll(stats.drops());
        drops.forEach((reason, count) -> {
            if (count > 0) {
                row(text, reason == Drop.NONE ? "frames handled" : reason.name(), count);
            }
        });
        return text.append('\n').toString();
    }

    private static void row(StringBuilder text, String name, long count) {
        text.append("%-32s %16d%n".formatted(name, count));
    }
}
