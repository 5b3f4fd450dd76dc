package io.passatelli.os;

import io.passatelli.base.HotPath;

import java.lang.foreign.MemorySegment;

import static java.lang.foreign.ValueLayout.JAVA_INT;

/** socket(2), bind(2), connect(2), listen(2), accept4(2), shutdown(2), getsockname(2). Results are ≥ 0 or {@code -errno}. */
@HotPath
@Syscalls({"socket", "bind", "connect", "listen", "accept4", "shutdown", "getsockname"})
final class Sockets {
    /** bits/socket_type.h. */
    static final int SOCK_NONBLOCK = 0x800;

    static final int SOCK_CLOEXEC = 0x80000;

    private static final MemorySegment SOCKET = LibC.function("socket");
    private static final MemorySegment BIND = LibC.function("bind");
    private static final MemorySegment CONNECT = LibC.function("connect");
    private static final MemorySegment LISTEN = LibC.function("listen");
    private static final MemorySegment ACCEPT4 = LibC.function("accept4");
    private static final MemorySegment SHUTDOWN = LibC.function("shutdown");
    private static final MemorySegment GETSOCKNAME = LibC.function("getsockname");

    private Sockets() {}

    static int socket(int family, int type, int protocol) {
        return LibC.callInt(SOCKET, family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol, 0, 0, 0);
    }

    static int bind(int fd, SockAddr address) {
        return LibC.callInt(BIND, fd, address.segment.address(), address.length(), 0, 0, 0);
    }

    /** On a non-blocking TCP socket {@code -EINPROGRESS} is the usual answer. */
    static int connect(int fd, SockAddr peer) {
        return LibC.callInt(CONNECT, fd, peer.segment.address(), peer.length(), 0, 0, 0);
    }

    static int listen(int fd, int backlog) {
        return LibC.callInt(LISTEN, fd, backlog, 0, 0, 0, 0);
    }

    static int accept4(int fd, SockAddr peerOut) {
        MemorySegment length = CallState.current().scratch;
        length.set(JAVA_INT, 0, SockAddr.CAPACITY);
        int rc = LibC.callInt(
                ACCEPT4, fd, peerOut.segment.address(), length.address(), SOCK_NONBLOCK | SOCK_CLOEXEC, 0, 0);
        if (rc >= 0) {
            peerOut.length(length.get(JAVA_INT, 0));
        }
        return rc;
    }

    static int shutdown(int fd, int how) {
        return LibC.callInt(SHUTDOWN, fd, how, 0, 0, 0, 0);
    }

    static int getsockname(int fd, SockAddr out) {
        MemorySegment length = CallState.current().scratch;
        length.set(JAVA_INT, 0, SockAddr.CAPACITY);
        int rc = LibC.callInt(GETSOCKNAME, fd, out.segment.address(), length.address(), 0, 0, 0);
        if (rc >= 0) {
            out.length(length.get(JAVA_INT, 0));
        }
        return rc;
    }
}
