package io.passatelli.os.sim;

import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.SockAddr;
import io.passatelli.os.SockAddrs;
import io.passatelli.os.Socket;
import org.jspecify.annotations.Nullable;

import java.util.ArrayDeque;

/**
 * unix(7), SOCK_STREAM. Synchronous: what is sent is there at once. The sender is charged for what is unread, in units of {@code sk_buff}s
 * whose cost depends on the kernel's allocator; so how much fits is a range. EPOLLOUT below a quarter of SO_SNDBUF ({@code unix_writable}),
 * with an edge whenever an sk_buff was read and that holds.
 */
final class SimUnix extends SimSocket {
    /** Largest data of one sk_buff: SKB_MAX_ALLOC and 32 KiB of fragments. */
    private static final int PIECE = 48_832;

    private enum State {
        NEW,
        LISTEN,
        CONNECTED
    }

    private final SimBytes unread = new SimBytes();
    private final ArrayDeque<SimUnix> pending = new ArrayDeque<>();
    private final int pid;
    private State state = State.NEW;
    private String path = "";
    private @Nullable SimUnix peer;
    private boolean dead;
    private int backlog;
    private int sendBuffer;

    SimUnix(SimKernel kernel, int pid) {
        super(kernel);
        this.pid = pid;
        this.sendBuffer = kernel.settings.sendBufferBytes();
    }

    @Override
    int bind(SockAddr address) {
        if (address.family() != Socket.AF_UNIX || !path.isEmpty()) {
            return -Errno.EINVAL;
        }
        if (!kernel.net.bindPath(address.path(), this)) {
            return -Errno.EADDRINUSE;
        }
        path = address.path();
        return 0;
    }

    @Override
    int listen(int most) {
        if (path.isEmpty() || state == State.CONNECTED) {
            return -Errno.EINVAL;
        }
        state = State.LISTEN;
        backlog = most;
        return 0;
    }

    @Override
    int connect(SockAddr to) {
        if (to.family() != Socket.AF_UNIX) {
            return -Errno.EINVAL;
        }
        if (!kernel.net.hasPath(to.path())) {
            return -Errno.ENOENT;
        }
        SimUnix listener = kernel.net.boundTo(to.path());
        if (listener == null || listener.state != State.LISTEN || listener.shutRead) {
            return -Errno.ECONNREFUSED;
        }
        if (listener.pending.size() > listener.backlog) {
            return -Errno.EAGAIN;
        }
        if (state != State.NEW) {
            return state == State.CONNECTED ? -Errno.EISCONN : -Errno.EINVAL;
        }
        SimUnix child = new SimUnix(kernel, listener.pid);
        child.path = listener.path;
        join(child);
        listener.pending.add(child);
        listener.wake(Epoll.IN);
        return 0;
    }

    private void join(SimUnix other) {
        peer = other;
        other.peer = this;
        state = State.CONNECTED;
        other.state = State.CONNECTED;
    }

    @Override
    int mayAccept(int nextFd) {
        if (state != State.LISTEN) {
            return -Errno.EINVAL;
        }
        return pending.isEmpty() ? -Errno.EAGAIN : 0;
    }

    @Override
    SimSocket accept(SockAddr peerOut) {
        SimUnix child = pending.remove();
        SimUnix other = child.peer;
        if (other == null || other.path.isEmpty()) {
            SockAddrs.setUnnamed(peerOut);
        } else {
            peerOut.setPath(other.path);
        }
        return child;
    }

    @Override
    void localAddress(SockAddr out) {
        if (path.isEmpty()) {
            SockAddrs.setUnnamed(out);
        } else {
            out.setPath(path);
        }
    }

    @Override
    int peerPid() {
        SimUnix other = peer;
        return other == null ? 0 : other.pid;
    }

    /** Tells the other end at once: its EPOLLRDHUP, its EPIPE. Never refused, not even unconnected. */
    @Override
    int shutdown(int how) {
        int bits = shutdownBits(how);
        if (bits == 0) {
            return -Errno.EINVAL;
        }
        shutRead |= (bits & 1) != 0;
        shutWrite |= (bits & 2) != 0;
        SimUnix other = peer;
        if (other != null) {
            other.shutWrite |= (bits & 1) != 0;
            other.shutRead |= (bits & 2) != 0;
            other.wake(ANY);
        }
        wake(ANY);
        return 0;
    }

    @Override
    long receive(byte[] into, int flags) {
        if (state != State.CONNECTED) {
            return -Errno.EINVAL;
        }
        if (unread.total() == 0) {
            int errno = takeError();
            if (errno != 0) {
                return -errno;
            }
            return shutRead ? 0 : -Errno.EAGAIN;
        }
        long all = Math.min(into.length, unread.total());
        long n = kernel.chooser().count(Choice.RECEIVE, kernel.settings.lockstep() ? all : Math.min(1, all), all);
        unread.peek(into);
        if ((flags & Socket.MSG_PEEK) != 0) {
            return n;
        }
        boolean freed = unread.drop(n);
        if (n < all) {
            wake(Epoll.IN); // as if the rest had come a moment later: a short read means "drained" (epoll(7), Q9)
        }
        SimUnix other = peer;
        if (freed && other != null && !other.dead) {
            other.roomMade();
        }
        return n;
    }

    private void roomMade() {
        if ((certain() & Epoll.OUT) != 0) {
            wake(Epoll.OUT);
        } else if ((possible() & Epoll.OUT) != 0) {
            mayWake(Epoll.OUT);
        }
    }

    @Override
    long send(byte[] data, int flags) {
        SimUnix other = peer;
        if (other == null) {
            return -Errno.ENOTCONN;
        }
        if (shutWrite) {
            return -Errno.EPIPE;
        }
        if (data.length == 0) {
            return 0;
        }
        if (hasError()) {
            return -takeError();
        }
        long most = other.unread.total() >= sendBuffer
                ? 0
                : Math.min(data.length, sendBuffer - other.unread.total() + PIECE);
        long piece =
                kernel.settings.lockstep() ? Math.min(sendBuffer / 2 - 64, 32 << 10) : 1; // simulated: cut anywhere
        long least = other.unread.highCharge() >= sendBuffer ? 0 : Math.min(most, piece);
        long n = kernel.chooser().count(Choice.SEND, least, most);
        if (n == 0) {
            return -Errno.EAGAIN;
        }
        other.unread.add(java.util.Arrays.copyOf(data, Math.toIntExact(n)));
        other.wake(Epoll.IN);
        return n;
    }

    @Override
    int sendBuffer() {
        return sendBuffer;
    }

    @Override
    void sendBuffer(int bytes) {
        sendBuffer = bytes;
        roomMade(); // sock_setsockopt wakes writers
    }

    @Override
    int certain() {
        return events(unreadByPeerAtMost());
    }

    @Override
    int possible() {
        SimUnix other = peer;
        return events(other == null ? 0 : other.unread.total());
    }

    private long unreadByPeerAtMost() {
        SimUnix other = peer;
        return other == null ? 0 : other.unread.highCharge();
    }

    private int events(long charged) {
        if (state == State.LISTEN) {
            return pending.isEmpty() ? 0 : Epoll.IN;
        }
        return (hasError() ? Epoll.ERR : 0)
                | (shutRead && shutWrite || state == State.NEW ? Epoll.HUP : 0)
                | (shutRead ? Epoll.RDHUP | Epoll.IN : 0)
                | (unread.total() > 0 ? Epoll.IN : 0)
                | (charged * 4 <= sendBuffer ? Epoll.OUT : 0);
    }

    /** The other end sees EOF, or ECONNRESET if we go with unread data or were never accepted. */
    @Override
    void released() {
        dead = true;
        kernel.net.forgetPath(path, this);
        for (SimUnix child : pending) {
            child.leave(true);
        }
        pending.clear();
        leave(false);
    }

    private void leave(boolean neverAccepted) {
        dead = true;
        SimUnix other = peer;
        if (other == null || other.dead) {
            return;
        }
        other.shutRead = true;
        other.shutWrite = true;
        if (unread.total() > 0 || neverAccepted) {
            other.fail(Errno.ECONNRESET);
        }
        unread.clear();
        other.wake(ANY);
    }
}
