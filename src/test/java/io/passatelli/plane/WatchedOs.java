package io.passatelli.plane;

import io.passatelli.base.Ip;
import io.passatelli.os.DelegatingOs;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import org.jspecify.annotations.Nullable;

import java.util.HashMap;
import java.util.Map;

import static org.assertj.core.api.Assertions.assertThat;

/** What a plane asks of the kernel about TCP: who has which descriptor, and how much went through it. */
final class WatchedOs extends DelegatingOs {
    /** One TCP socket that is connected or about to be. */
    static final class Connection {
        final int fd;
        /** The other end; null: not yet connected. */
        @Nullable
        Ip peer;

        int peerPort;
        long sent;
        long received;
        boolean shutWrite;
        boolean closed;

        Connection(int fd) {
            this.fd = fd;
        }
    }

    private record Endpoint(Ip address, int port) {}

    private final Map<Integer, Connection> open = new HashMap<>();
    private final Map<Endpoint, Connection> byPeer = new HashMap<>();
    private int listeners;
    private long moved;
    private int events;

    WatchedOs(Os os) {
        super(os);
    }

    /** The connection to this far end, the latest; null if there was none. */
    @Nullable
    Connection to(Ip address, int port) {
        return byPeer.get(new Endpoint(address, port));
    }

    /** TCP sockets that are open and do not listen. */
    int connections() {
        return open.size();
    }

    int listeners() {
        return listeners;
    }

    /** Grows with everything that was done to a socket. */
    long moved() {
        return moved;
    }

    /** Of the last wait. */
    int events() {
        return events;
    }

    @Override
    public int epollWait(int epoll, EpollEvents out, long timeoutNs) {
        events = super.epollWait(epoll, out, timeoutNs);
        return events;
    }

    @Override
    public int socket(int family, int type, int protocol) {
        int fd = super.socket(family, type, protocol);
        if (fd >= 0 && type == Socket.SOCK_STREAM && family != Socket.AF_UNIX) {
            assertThat(open.put(fd, new Connection(fd))).as("owner of %s", fd).isNull();
            moved++;
        }
        return fd;
    }

    @Override
    public int listen(int fd, int backlog) {
        int rc = super.listen(fd, backlog);
        if (rc == 0 && open.remove(fd) != null) {
            listeners++;
        }
        return rc;
    }

    @Override
    public int connect(int fd, SockAddr peer) {
        int rc = super.connect(fd, peer);
        Connection connection = open.get(fd);
        if (connection != null && (rc == 0 || rc == -Errno.EINPROGRESS)) {
            name(connection, peer);
        }
        return rc;
    }

    private void name(Connection connection, SockAddr peer) {
        connection.peer = new Ip(peer.high(), peer.low());
        connection.peerPort = peer.port();
        byPeer.put(new Endpoint(connection.peer, connection.peerPort), connection);
        moved++;
    }

    @Override
    public int accept(int fd, SockAddr peerOut) {
        int made = super.accept(fd, peerOut);
        if (made >= 0) {
            Connection connection = new Connection(made);
            assertThat(open.put(made, connection)).as("owner of %s", made).isNull();
            name(connection, peerOut);
        }
        return made;
    }

    @Override
    public int shutdown(int fd, int how) {
        Connection connection = open.get(fd);
        if (connection != null && how != Socket.SHUT_RD) {
            connection.shutWrite = true;
        }
        moved++;
        return super.shutdown(fd, how);
    }

    @Override
    public int close(int fd) {
        int rc = super.close(fd);
        assertThat(rc).as("close of %s", fd).isNotEqualTo(-Errno.EBADF);
        Connection connection = open.remove(fd);
        if (connection != null) {
            connection.closed = true;
            moved++;
        }
        return rc;
    }

    @Override
    public long recvmsg(int fd, IoVec into, int flags) {
        long n = super.recvmsg(fd, into, flags);
        Connection connection = open.get(fd);
        if (connection != null && n > 0 && (flags & Socket.MSG_PEEK) == 0) {
            connection.received += n;
            moved++;
        }
        assertThat(n).as("recvmsg of %s", fd).isNotEqualTo(-Errno.EBADF);
        return n;
    }

    @Override
    public long sendmsg(int fd, IoVec from, int flags) {
        long n = super.sendmsg(fd, from, flags);
        Connection connection = open.get(fd);
        if (connection != null && n > 0) {
            connection.sent += n;
            moved++;
        }
        assertThat(n).as("sendmsg of %s", fd).isNotEqualTo(-Errno.EBADF);
        return n;
    }
}
