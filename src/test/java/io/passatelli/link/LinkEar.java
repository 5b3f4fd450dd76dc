package io.passatelli.link;

import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/** The listener that the contract asks for at least: one receive and its release for each onReadable. It notes what it is told. */
class LinkEar implements Link.Listener {
    @Nullable
    Link link;

    final RxBatch batch;
    final List<byte[]> frames = new ArrayList<>();
    final List<String> log = new ArrayList<>();
    /** How many frames each receive brought that brought some. */
    final List<Integer> counts = new ArrayList<>();

    LinkEar() {
        this(8);
    }

    LinkEar(int batchFrames) {
        batch = new RxBatch(batchFrames);
    }

    @Override
    public void onReadable(int queue, long nowNs) {
        Link from = Objects.requireNonNull(link);
        int n = from.receive(queue, batch);
        for (int i = 0; i < n; i++) {
            frames.add(Frames.bytes(batch, i));
        }
        if (n > 0) {
            counts.add(n);
            from.release(queue, batch);
        }
    }

    @Override
    public void onWritable(int queue, long nowNs) {
        log.add("writable " + queue);
    }

    @Override
    public void onUp(Caps caps, long nowNs) {
        log.add("up");
    }

    @Override
    public void onReset(int queue, long nowNs) {
        log.add("reset " + queue);
    }

    @Override
    public void onDown(int errno, long nowNs) {
        log.add("down " + errno);
    }
}
