package io.passatelli.link;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;

import java.io.IOException;

/**
 * A TCP socket on the loopback, for a guest whose QEMU does not come by a path. It listens only once it is told to, which any thread may do while the
 * link watches it already: until then nobody can connect, and accept(2) says EINVAL.
 */
public final class LoopbackSocket implements AutoCloseable {
    private final Os os;
    private final int fd;
    private int port;

    private LoopbackSocket(Os os, int fd) {
        this.os = os;
        this.fd = fd;
    }

    /** One that does not listen. Throws {@link IOException} with one sentence. */
    public static LoopbackSocket make(Os os) throws IOException {
        int fd = os.socket(Socket.AF_INET, Socket.SOCK_STREAM, Socket.IPPROTO_TCP);
        if (fd < 0) {
            throw new IOException("cannot make a socket: " + Errno.text(-fd));
        }
        return new LoopbackSocket(os, fd);
    }

    /** Listens from now on, if it does not already. Throws {@link IOException} with one sentence. */
    public synchronized void listen(int at) throws IOException {
        if (port == at) {
            return;
        }
        SockAddr address = new SockAddr();
        address.set(Ip.LOOPBACK4.high(), Ip.LOOPBACK4.low(), at, 0);
        int rc = os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 1);
        if (rc >= 0) {
            rc = os.bind(fd, address);
        }
        if (rc >= 0) {
            rc = os.listen(fd, Limits.STREAM_BACKLOG);
        }
        if (rc < 0) {
            throw new IOException("cannot listen at " + Ip.LOOPBACK4 + " port " + at + ": " + Errno.text(-rc));
        }
        port = at;
    }

    int fd() {
        return fd;
    }

    @Override
    public void close() {
        os.close(fd);
    }
}
