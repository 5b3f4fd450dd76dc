package io.passatelli.os.sim;

import io.passatelli.os.SockAddr;
import org.jspecify.annotations.Nullable;

/** A listening TCP socket of a far host, played by a test. */
public final class FarListener {
    private final SimKernel kernel;
    private final SimTcp socket;

    FarListener(SimKernel kernel, SimTcp socket) {
        this.kernel = kernel;
        this.socket = socket;
    }

    /** The next connection whose handshake is over, or null. */
    public @Nullable StreamPeer accept() {
        return kernel.exactly(() -> socket.mayAccept(0)) != 0
                ? null
                : new StreamPeer(kernel, socket.accept(new SockAddr()));
    }

    public void close() {
        socket.close();
    }
}
