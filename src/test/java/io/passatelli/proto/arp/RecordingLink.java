package io.passatelli.proto.arp;

import io.passatelli.link.Caps;
import io.passatelli.link.Link;
import io.passatelli.link.RxBatch;
import io.passatelli.link.TxBatch;
import io.passatelli.loop.EventLoop;
import io.passatelli.wire.Offload;
import io.passatelli.wire.Packets;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/** Keeps what {@link #control} was given, or refuses it. */
public final class RecordingLink implements Link {
    public final List<byte[]> frames = new ArrayList<>();
    public final List<Integer> queues = new ArrayList<>();
    public final List<Integer> offloadFlags = new ArrayList<>();
    public boolean full;

    @Override
    public boolean control(int queue, MemorySegment segment, long at, int length, Offload offload) {
        if (full) {
            return false;
        }
        frames.add(Packets.bytes(segment, at, length));
        queues.add(queue);
        offloadFlags.add(offload.flags);
        return true;
    }

    @Override
    public Caps caps() {
        throw new AssertionError("not asked");
    }

    @Override
    public int receive(int queue, RxBatch batch) {
        throw new AssertionError("not asked");
    }

    @Override
    public void release(int queue, RxBatch batch) {
        throw new AssertionError("not asked");
    }

    @Override
    public int reserve(int queue, TxBatch batch, int wanted, int headerBytes, int payloadEach) {
        throw new AssertionError("not asked");
    }

    @Override
    public int commit(int queue, TxBatch batch, int n) {
        throw new AssertionError("not asked");
    }

    @Override
    public void flush(int queue) {
        throw new AssertionError("not asked");
    }

    @Override
    public void bind(EventLoop loop, Listener listener) {
        throw new AssertionError("not asked");
    }

    @Override
    public void close() {}
}
