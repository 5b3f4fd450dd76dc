package io.passatelli.link;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;

import java.io.IOException;

/**
 * A TCP socket on the loopback, for a guest whose QEMU does not come by a path. It listens only while it is told to, which any thread may do while the
 * link watches it already: until then, and after, nobody can connect, and accept(2) says EINVAL.
 */
public final class LoopbackSocket implements AutoCloseable {
    private final Os os;
    private final int fd;
    /** Bound to this one; 0: to none yet. */
    private int port;

    private boolean listening;

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

    /** Listens from now on, if it does not already, always at the same port. Throws {@link IOException} with one sentence. */
    public synchronized void listen(int at) throws IOException {
        assert port == 0 || port == at : at;
        if (listening) {
            return;
        }
        int rc = port == at ? 0 : bind(at);
        if (rc >= 0) {
            port = at;
            rc = os.listen(fd, Limits.STREAM_BACKLOG);
        }
        if (rc < 0) {
            throw new IOException("cannot listen at " + Ip.LOOPBACK4 + " port " + at + ": " + Errno.text(-rc));
        }
        listening = true;
    }

    private int bind(int at) {
        SockAddr address = new SockAddr();
        address.set(Ip.LOOPBACK4.high(), Ip.LOOPBACK4.low(), at, 0);
        int rc = os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 1);
        return rc < 0 ? rc : os.bind(fd, address);
    }

    /** Nobody can connect from now on, and who waits to be accepted is reset; who was accepted stays. */
    public synchronized void stopListening() {
        if (listening) {
            int ignored = os.shutdown(fd, Socket.SHUT_RDWR); // Linux makes it what it was before listen(2)
            listening = false;
        }
    }

    int fd() {
        return fd;
    }

    @Override
    public void close() {
        os.close(fd);
    }
}
