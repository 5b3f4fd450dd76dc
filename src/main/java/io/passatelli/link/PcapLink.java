package io.passatelli.link;

import io.passatelli.base.Clock;
import io.passatelli.base.HotPath;
import io.passatelli.base.Log;
import io.passatelli.loop.EventLoop;
import io.passatelli.wire.Offload;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Objects;

/** A link that also writes what passes to a file, {@link PcapWriter}. When that ends the network goes on. */
public final class PcapLink implements Link {
    private final Link link;
    private final PcapWriter capture;
    private @Nullable EventLoop loop;

    private PcapLink(Link link, PcapWriter capture) {
        this.link = link;
        this.capture = capture;
    }

    /**
     * Captures what passes {@code link}, which it owns from now on, in {@code file}: emptied if it is there, else made for its owner only. Throws
     * {@link IOException} with one sentence.
     */
    public static PcapLink open(Link link, Path file, Clock clock, Log log) throws IOException {
        return new PcapLink(link, PcapWriter.overwrite(file, clock, log));
    }

    private long nowNs() {
        return Objects.requireNonNull(loop).nowNs();
    }

    @Override
    public String kind() {
        return link.kind();
    }

    @Override
    public Caps caps() {
        return link.caps();
    }

    @HotPath
    @Override
    public int receive(int queue, RxBatch batch) {
        int n = link.receive(queue, batch);
        capture.received(batch, n, nowNs());
        return n;
    }

    @HotPath
    @Override
    public void release(int queue, RxBatch batch) {
        link.release(queue, batch);
    }

    @HotPath
    @Override
    public int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach) {
        return link.reserve(queue, batch, wanted, headerBytes, payloadEach);
    }

    @HotPath
    @Override
    public int commit(int queue, TxBatch batch, int n) {
        int taken = link.commit(queue, batch, n);
        capture.sent(batch, taken, nowNs());
        return taken;
    }

    @HotPath
    @Override
    public boolean control(int queue, MemorySegment segment, long at, int length, Offload offload) {
        if (!link.control(queue, segment, at, length, offload)) {
            return false;
        }
        capture.sent(segment, at, length, nowNs());
        return true;
    }

    @HotPath
    @Override
    public void flush(int queue) {
        link.flush(queue);
        capture.spill();
    }

    @Override
    public void bind(EventLoop loop, Listener listener) {
        this.loop = loop;
        link.bind(loop, listener);
    }

    @Override
    public void close() {
        link.close();
        capture.close();
    }
}
