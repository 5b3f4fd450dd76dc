package io.passatelli.sim;

import io.passatelli.os.Errno;
import io.passatelli.os.sim.SimClock;
import io.passatelli.os.sim.StreamPeer;
import org.jspecify.annotations.Nullable;

import java.util.Arrays;

/** A program in a host elsewhere. */
public final class FarParty extends Party {
    private @Nullable StreamPeer peer;
    private byte[] buffer = new byte[0];
    private long error;

    public FarParty(SimClock clock, Plan plan, Plan peers) {
        super(clock, plan, peers);
    }

    /** Its connection, once it is there. */
    public FarParty on(StreamPeer value) {
        peer = value;
        return this;
    }

    public boolean isConnected() {
        return peer != null;
    }

    private StreamPeer socket() {
        StreamPeer socket = peer;
        if (socket == null) {
            throw new AssertionError("no connection yet");
        }
        return socket;
    }

    @Override
    protected boolean isOpen() {
        return peer != null && !peer.isConnecting();
    }

    @Override
    protected boolean isBroken() {
        return error != 0;
    }

    @Override
    protected long write(long position, long most) {
        long n = socket().send(Pattern.bytes(plan.seed(), position, (int) most));
        return Math.max(0, noted(n));
    }

    @Override
    protected byte @Nullable [] read(int most) {
        if (buffer.length != most) {
            buffer = new byte[most];
        }
        long n = noted(socket().read(buffer));
        return n < 0 ? null : Arrays.copyOf(buffer, (int) n);
    }

    private long noted(long result) {
        if (result < 0 && result != -Errno.EAGAIN && error == 0) {
            error = -result;
        }
        return result;
    }

    @Override
    protected void shutdownWrite() {
        socket().shutdownWrite();
    }

    @Override
    protected void close() {
        if (peer != null) {
            peer.close();
        }
    }

    @Override
    protected void abort() {
        if (peer != null) {
            peer.reset();
        }
    }

    @Override
    public String toString() {
        return "far " + super.toString() + (error == 0 ? "" : " (" + Errno.name((int) error) + ")");
    }
}
