package io.passatelli.os.sim;

import io.passatelli.os.Errno;
import io.passatelli.os.Socket;

/** The remote end of a stream connection, played by a test: it does exactly what it is told. One send is one piece on the way. */
public final class StreamPeer {
    private static final int MOST = 1 << 20;

    private final SimKernel kernel;
    private final SimSocket socket;

    StreamPeer(SimKernel kernel, SimSocket socket) {
        this.kernel = kernel;
        this.socket = socket;
    }

    /** Sends as much as fits; returns how much, or {@code -errno}. */
    public long send(byte[] data) {
        return kernel.exactly(() -> socket.send(data, Socket.MSG_NOSIGNAL));
    }

    /** Sends all of it in pieces of {@code pieceBytes}; throws if it does not fit. */
    public StreamPeer sendAll(byte[] data, int pieceBytes) {
        for (int at = 0; at < data.length; at += pieceBytes) {
            byte[] piece = java.util.Arrays.copyOfRange(data, at, Math.min(data.length, at + pieceBytes));
            long sent = send(piece);
            if (sent != piece.length) {
                throw new AssertionError("only " + sent + " of " + piece.length + " bytes went, at " + at);
            }
        }
        return this;
    }

    public StreamPeer sendAll(byte[] data) {
        return sendAll(data, Math.max(1, data.length));
    }

    /** Reads what is there, at most {@code most} bytes; empty if nothing, at the end, or after a reset. */
    public byte[] receive(int most) {
        byte[] into = new byte[most];
        long n = kernel.exactly(() -> socket.receive(into, 0));
        return n <= 0 ? new byte[0] : java.util.Arrays.copyOf(into, (int) n);
    }

    public byte[] receive() {
        return receive(MOST);
    }

    /** recvmsg(2): bytes, 0 at the end, or {@code -errno}. */
    public long read(byte[] into) {
        return kernel.exactly(() -> socket.receive(into, 0));
    }

    /** Whether the handshake that it began is still under way. */
    public boolean isConnecting() {
        return socket instanceof SimTcp tcp && tcp.isConnecting();
    }

    /** What a read would answer: bytes there, 0 at the end, or {@code -errno}. Takes a pending error. */
    public long peek() {
        return kernel.exactly(() -> socket.receive(new byte[MOST], Socket.MSG_PEEK));
    }

    /** Whether the other end has said that nothing more comes, and all before it is read. */
    public boolean atEnd() {
        return peek() == 0;
    }

    /** Whether the connection was reset; asks once. */
    public boolean wasReset() {
        long result = peek();
        return result == -Errno.ECONNRESET || result == -Errno.EPIPE;
    }

    public void shutdownWrite() {
        kernel.exactly(() -> socket.shutdown(Socket.SHUT_WR));
    }

    public void setSendBuffer(int bytes) {
        socket.setOption(Socket.SOL_SOCKET, Socket.SO_SNDBUF, bytes);
    }

    /** close(2) with SO_LINGER on and no time: a reset. */
    public void reset() {
        socket.linger0();
        close();
    }

    public void close() {
        kernel.exactly(() -> {
            socket.close();
            return 0;
        });
    }
}
