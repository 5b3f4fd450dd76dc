package io.passatelli.app;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.json.JsonWriteFeature;
import io.passatelli.base.HookLimits;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;

import java.io.IOException;
import java.io.PrintStream;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Locale;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * A container's log: each event is one JSON object on one line of printable ASCII, {@code {"time":…,"level":…,"message":…,"vm":…}}. Written by a
 * thread of its own: whoever reads the pipe may be slow, and the loop does not wait for that. Any thread.
 */
final class JsonLog implements AutoCloseable {
    private static final long LAST_WORDS_MS = 500;
    private static final String END = "";
    private static final int VM_CHARS = HookLimits.VMI_NAMESPACE_CHARS + 1 + HookLimits.VMI_NAME_CHARS;

    private final PrintStream out;
    private final JsonFactory json =
            JsonFactory.builder().enable(JsonWriteFeature.ESCAPE_NON_ASCII).build();
    private final BlockingQueue<String> lines = new LinkedBlockingQueue<>(Limits.LOG_LINES_WAITING);
    private final AtomicLong lost = new AtomicLong();
    private final Thread writer = Thread.ofPlatform().daemon().name("log").unstarted(this::write);
    private volatile String vm = "";

    JsonLog(PrintStream out) {
        this.out = out;
        writer.start();
    }

    Log log(Log.Level threshold) {
        return new Log(threshold, this::say);
    }

    /** Whose sidecar this is, NAMESPACE/NAME: said in each line from now on. */
    void vm(String name) {
        vm = shown(name, VM_CHARS);
    }

    /** Throws nothing: who says something is busy with what matters more. */
    private void say(Log.Level level, String text) {
        try {
            long missing = lost.getAndSet(0);
            if (missing > 0 && !lines.offer(line(Log.Level.WARNING, missing + " lines were lost here"))) {
                lost.addAndGet(missing);
            }
            if (!lines.offer(line(level, text))) {
                lost.incrementAndGet();
            }
        } catch (Throwable t) { // no memory
            lost.incrementAndGet();
        }
    }

    /** Lines that could not be written since the last that told so. */
    long lost() {
        return lost.get();
    }

    /** A text that is too long is cut. */
    String line(Log.Level level, String text) {
        StringWriter line = new StringWriter(160);
        try (JsonGenerator object = json.createGenerator(line)) {
            object.writeStartObject();
            object.writeStringField(
                    "time", Instant.now().truncatedTo(ChronoUnit.MILLIS).toString());
            object.writeStringField("level", level.name().toLowerCase(Locale.ROOT));
            object.writeStringField("message", shown(text, Limits.LOG_LINE_BYTES));
            if (!vm.isEmpty()) {
                object.writeStringField("vm", vm);
            }
            object.writeEndObject();
        } catch (IOException e) {
            throw new UncheckedIOException(e); // a StringWriter has none
        }
        return line.toString();
    }

    /** JSON escapes all that is not printable, but for one. */
    private static String shown(String text, int most) {
        return text.substring(0, Math.min(text.length(), most)).replace('\u007f', '?');
    }

    private void write() {
        try {
            for (String line = lines.take(); !line.equals(END); line = lines.take()) {
                print(line);
            }
            out.flush();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private void print(String line) {
        try {
            out.println(line);
        } catch (Throwable t) { // no memory
            lost.incrementAndGet();
        }
    }

    /** What was said is written, unless that takes long. */
    @Override
    public void close() {
        try {
            if (lines.offer(END, LAST_WORDS_MS, TimeUnit.MILLISECONDS)) {
                writer.join(LAST_WORDS_MS);
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
