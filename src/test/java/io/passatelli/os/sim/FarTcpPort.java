package io.passatelli.os.sim;

import io.passatelli.os.SockAddr;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/** A TCP port of a far host on which a program listens, played by a test. It accepts what comes. */
public final class FarTcpPort {
    private final SimKernel kernel;
    private final SimTcp socket;
    private final List<FarTcp> connections = new ArrayList<>();
    private Consumer<FarTcp> manner = connection -> {};
    private boolean accepts = true;
    private boolean closed;

    FarTcpPort(SimKernel kernel, SimTcp socket) {
        this.kernel = kernel;
        this.socket = socket;
        socket.ownedBy(this::soon);
    }

    /** What each new connection is told first, such as {@code c -> c.readsNothing()}. */
    public FarTcpPort onConnection(Consumer<FarTcp> what) {
        manner = what;
        return this;
    }

    /** From now on connections stay in the backlog of {@code most}, and further SYNs are not answered. */
    public FarTcpPort acceptsNothing(int most) {
        accepts = false;
        socket.listen(most);
        return this;
    }

    /** What has been accepted, the oldest first. */
    public List<FarTcp> connections() {
        return List.copyOf(connections);
    }

    /** The connection, where there was only one. */
    public FarTcp only() {
        if (connections.size() != 1) {
            throw new AssertionError(connections.size() + " connections have come, not one");
        }
        return connections.getFirst();
    }

    /** Nobody listens any more; connections stay. */
    public void close() {
        closed = true;
        socket.close();
    }

    private void soon() {
        kernel.clock.in(0, this::acceptAll);
    }

    private void acceptAll() {
        while (accepts && !closed && kernel.exactly(() -> socket.mayAccept(0)) == 0) {
            FarTcp connection = new FarTcp(kernel, (SimTcp) socket.accept(new SockAddr()));
            connections.add(connection);
            manner.accept(connection);
        }
    }
}
