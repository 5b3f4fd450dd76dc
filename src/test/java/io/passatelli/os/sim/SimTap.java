package io.passatelli.os.sim;

import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;

/**
 * A TAP device (kernel's tuntap document), without packet information. Read gives one frame a call and cuts it to the buffer, write takes one.
 * Writing never says "full": beyond the backlog frames are dropped silently. The test plays the network stack behind it.
 */
public final class SimTap extends SimFile {
    private static final int ETHERNET_HEADER = 14;

    private final ArrayDeque<byte[]> toUs = new ArrayDeque<>();
    private final List<byte[]> fromUs = new ArrayList<>();
    private final int queueLength;
    private boolean up = true;
    private long dropped;

    SimTap(SimKernel kernel, int queueLength) {
        super(kernel);
        this.queueLength = queueLength;
    }

    /** The stack behind the device sends a frame; it is lost if the device's queue (txqueuelen) is full. */
    public void inject(byte[]... frames) {
        for (byte[] frame : frames) {
            if (toUs.size() == queueLength || !up) {
                dropped++;
                continue;
            }
            toUs.add(frame.clone());
            wake(Epoll.IN);
        }
    }

    /** Takes the frames that were written since. */
    public List<byte[]> takeFrames() {
        List<byte[]> all = List.copyOf(fromUs);
        fromUs.clear();
        return all;
    }

    /** {@code ip link set up} or {@code down}. */
    public void setUp(boolean isUp) {
        up = isUp;
        if (up) {
            wake(Epoll.OUT);
        }
    }

    /** Frames lost because the queue toward us was full or the device down. */
    public long dropped() {
        return dropped;
    }

    @Override
    long read(byte[] into) {
        byte[] frame = toUs.poll();
        if (frame == null) {
            return -Errno.EAGAIN;
        }
        int n = Math.min(frame.length, into.length);
        System.arraycopy(frame, 0, into, 0, n);
        return n;
    }

    @Override
    long write(byte[] data) {
        if (data.length < ETHERNET_HEADER) {
            return -Errno.EINVAL;
        }
        if (!up) {
            return -Errno.EIO;
        }
        fromUs.add(data);
        return data.length;
    }

    @Override
    int certain() {
        return (toUs.isEmpty() ? 0 : Epoll.IN) | (up ? Epoll.OUT : 0);
    }

    @Override
    void released() {}
}
