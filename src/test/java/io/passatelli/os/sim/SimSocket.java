package io.passatelli.os.sim;

import io.passatelli.os.Errno;
import io.passatelli.os.MemInfo;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.SocketError;
import org.jspecify.annotations.Nullable;

import java.util.HashMap;
import java.util.Map;

/** socket(7): what sockets of every family have. */
abstract class SimSocket extends SimFile {
    private static final int SNDBUF_LEAST = 4_608; // SOCK_MIN_SNDBUF on x86-64
    private static final int RCVBUF_LEAST = 2_304; // SOCK_MIN_RCVBUF
    private static final int BUFFER_MOST = 212_992; // net.core.wmem_max, rmem_max

    private final Map<Long, Integer> options = new HashMap<>();
    private int error;
    boolean shutRead;
    boolean shutWrite;

    SimSocket(SimKernel kernel) {
        super(kernel);
    }

    abstract int bind(SockAddr address);

    abstract int connect(SockAddr to);

    int listen(int backlog) {
        return -Errno.EOPNOTSUPP;
    }

    /** 0 if {@link #accept} has a connection now, for which {@code nextFd} is free. */
    int mayAccept(int nextFd) {
        return -Errno.EOPNOTSUPP;
    }

    SimSocket accept(SockAddr peerOut) {
        throw new AssertionError("nothing to accept");
    }

    abstract int shutdown(int how);

    abstract void localAddress(SockAddr out);

    int peerPid() {
        return -Errno.ENOPROTOOPT;
    }

    abstract long receive(byte[] into, int flags);

    /** Who sent what {@link #receive} gave last, recvmsg(2). */
    void sender(SockAddr out) {
        throw new UnsupportedOperationException("the sender of a stream's bytes is not modelled by SimOs yet");
    }

    abstract long send(byte[] data, int flags);

    /** recvmsg(2) with MSG_ERRQUEUE; 0, or {@code -EAGAIN} where nothing is queued. */
    int takeQueuedError(SocketError out) {
        return -Errno.EAGAIN;
    }

    @Override
    long read(byte[] into) {
        return receive(into, 0);
    }

    @Override
    long write(byte[] data) {
        return send(data, 0);
    }

    /** getsockopt(2). SO_ERROR is read once; options that mean nothing here are remembered. */
    int option(int level, int name) {
        if (level == Socket.SOL_SOCKET && name == Socket.SO_ERROR) {
            return takeError();
        }
        @Nullable Integer value = options.get(key(level, name));
        if (value != null) {
            return value;
        }
        if (level == Socket.SOL_SOCKET && name == Socket.SO_SNDBUF) {
            return sendBuffer();
        }
        if (level == Socket.SOL_SOCKET && name == Socket.SO_RCVBUF) {
            return BUFFER_MOST;
        }
        return -Errno.ENOPROTOOPT;
    }

    /** setsockopt(2). The kernel doubles SO_SNDBUF and SO_RCVBUF for its own needs, socket(7). */
    int setOption(int level, int name, int value) {
        int kept = value;
        if (level == Socket.SOL_SOCKET && name == Socket.SO_SNDBUF) {
            kept = Math.max(2 * Math.min(value, BUFFER_MOST), SNDBUF_LEAST);
            sendBuffer(kept);
        } else if (level == Socket.SOL_SOCKET && name == Socket.SO_RCVBUF) {
            kept = Math.max(2 * Math.min(value, BUFFER_MOST), RCVBUF_LEAST);
        }
        options.put(key(level, name), kept);
        return 0;
    }

    /** accept(2): what was set on the listener holds for the connection. */
    final void inherit(SimSocket listener) {
        options.putAll(listener.options);
    }

    final boolean isSet(int level, int name) {
        return options.getOrDefault(key(level, name), 0) != 0;
    }

    /** SO_LINGER on with no time: means something to TCP only. */
    void linger0() {}

    /** SO_MEMINFO. */
    void memInfo(MemInfo out) {
        throw new UnsupportedOperationException("the memory of " + this + " is not modelled by SimOs yet");
    }

    int sendBuffer() {
        return kernel.settings.sendBufferBytes();
    }

    void sendBuffer(int bytes) {}

    private static long key(int level, int name) {
        return (long) level << 32 | name;
    }

    final void fail(int errno) {
        error = errno;
    }

    final boolean hasError() {
        return error != 0;
    }

    final int error() {
        return error;
    }

    /** {@code sock_error}: gives the pending error, and forgets it. */
    final int takeError() {
        int was = error;
        error = 0;
        return was;
    }

    /** Bits of a {@code how}: 1 receive, 2 send; 0 if it is none of the three. */
    static int shutdownBits(int how) {
        return how >= Socket.SHUT_RD && how <= Socket.SHUT_RDWR ? how + 1 : 0;
    }
}
