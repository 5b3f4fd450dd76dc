package io.passatelli.plane;

import io.passatelli.base.Clock;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.link.CaptureFilter;
import io.passatelli.link.PcapWriter;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Captures on a running plane, one at a time. A file is opened by whoever asks for it, since that may take long, and then handed to the loop. Loop
 * thread only, but for {@link #open} and {@link #release}.
 */
final class Captures {
    private final MeteredLink link;
    private final Clock clock;
    private final Log log;
    /** Somebody's file is open, or about to be: whoever sets this has {@link #buffer}. */
    private final AtomicBoolean taken = new AtomicBoolean();

    private @Nullable MemorySegment buffer;

    private @Nullable PcapWriter running;
    /** The last one ended by itself, and nobody was told. */
    private @Nullable CaptureEnd ended;

    Captures(MeteredLink link, Clock clock, Log log) {
        this.link = link;
        this.clock = clock;
        this.log = log;
    }

    /** Any thread: a file for {@link #begin}, or else {@link #release}. What it throws says in one sentence what is wrong. */
    PcapWriter open(Path file, CaptureFilter filter, long mostBytes) throws IOException {
        if (mostBytes < 1 || mostBytes > Limits.CAPTURE_BYTES_MOST) {
            throw new IllegalArgumentException(
                    "a capture has 1 to " + Limits.CAPTURE_BYTES_MOST + " bytes, not " + mostBytes);
        }
        if (!taken.compareAndSet(false, true)) {
            throw new IllegalStateException("a capture is running already; stop it first");
        }
        boolean made = false;
        try {
            MemorySegment memory = buffer == null ? PcapWriter.newBuffer() : buffer;
            buffer = memory;
            PcapWriter writer = PcapWriter.create(file, filter, mostBytes, memory, clock, log);
            made = true;
            return writer;
        } finally {
            if (!made) {
                taken.set(false);
            }
        }
    }

    /** Any thread: {@code opened} is not going to begin. */
    void release(PcapWriter opened) {
        opened.discard();
        taken.set(false);
    }

    /** From now on frames are recorded; unless nobody waits for {@code answer} any more, who has released the file then. */
    void begin(PcapWriter opened, CompletableFuture<Path> answer) {
        if (!answer.complete(opened.file())) {
            return;
        }
        link.capture(opened, this::onEnd);
        running = opened;
        ended = null;
        log.info("capturing to '" + opened.file() + "'");
    }

    /** It ended by itself. */
    private void onEnd() {
        if (running != null) {
            ended = close(running);
        }
    }

    void stop(CompletableFuture<CaptureEnd> answer) {
        PcapWriter last = running;
        CaptureEnd end = ended;
        if (last != null) {
            link.capture(null, this::onEnd);
            end = close(last);
            log.info("the capture '" + end.file() + "' ended: " + end.frames() + " frames, " + end.bytes() + " bytes");
        }
        ended = null;
        if (end == null) {
            answer.completeExceptionally(new IllegalStateException("no capture is running"));
        } else {
            answer.complete(end);
        }
    }

    private CaptureEnd close(PcapWriter last) {
        running = null;
        last.close();
        taken.set(false);
        return new CaptureEnd(last.file(), last.frameCount(), last.byteCount(), last.ending());
    }

    /** The plane ends. */
    void end() {
        if (running != null) {
            link.capture(null, this::onEnd);
            CaptureEnd ignored = close(running);
        }
    }
}
