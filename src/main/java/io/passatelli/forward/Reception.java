package io.passatelli.forward;

import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.base.TimerWheel;
import io.passatelli.loop.EventLoop;
import io.passatelli.loop.ReadyList;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;

import java.util.concurrent.TimeUnit;

/**
 * Takes connections from the sockets that listen, accept(2), and gives each to who has it from then on.
 *
 * <p><b>Want.</b> Without a descriptor a connection stays in its socket's queue, the kernel says it again at once, and no event tells of a
 * descriptor that came free. So one listener's failure stands for all: who has something waits in a list of its own, one timer lets them try
 * again, and the first that fails sends the others back. That is one call in vain each time, however many ask, and however many come. Who
 * failed joins that list behind those who did not have their turn.
 */
final class Reception {
    private static final long RETRY_NS = TimeUnit.MILLISECONDS.toNanos(Limits.TCP_ACCEPT_RETRY_MS);

    private final ConnectionAcceptor acceptor;
    private final Counters counters;
    private final Os os;
    private final TimerWheel timers;
    private final ReadyList ready;
    private final ReadyList wanting = new ReadyList();
    private final Retry retry = new Retry();
    private final SockAddr peer = new SockAddr();

    Reception(EventLoop loop, ConnectionAcceptor acceptor, Counters counters) {
        this.acceptor = acceptor;
        this.counters = counters;
        os = loop.os();
        timers = loop.timers();
        ready = loop.ready();
    }

    /** Takes what waits at {@code listener}, up to a bound; for what is left then, it is listed again. */
    @HotPath
    void accept(ConnectionListener listener, long nowNs) {
        if (retry.isScheduled()) {
            wanting.add(listener);
            return;
        }
        boolean inVain = true;
        int errno = 0;
        for (int i = 0; i < Limits.TCP_ACCEPTS_PER_VISIT && listener.fd() != Os.NONE; i++) {
            int fd = os.accept(listener.fd(), peer);
            if (fd >= 0) {
                inVain = false;
                acceptor.onConnection(listener, fd, peer, nowNs);
                continue;
            }
            errno = -fd;
            if (errno == Errno.EAGAIN) {
                return;
            }
            if (!isOfConnection(errno)) {
                inVain = true;
                break;
            }
        }
        if (inVain) {
            later(errno, nowNs);
        }
        if (listener.fd() != Os.NONE) {
            ready.add(listener);
        }
    }

    /**
     * Whether one connection is the worse for it, and the next may be well: it ended before it was accepted, or what accept(2) calls "already-pending
     * network errors". More of them in one visit than it may take is something else.
     */
    @HotPath
    private static boolean isOfConnection(int errno) {
        return switch (errno) {
            case Errno.ECONNABORTED,
                    Errno.EPROTO,
                    Errno.ENETDOWN,
                    Errno.ENOPROTOOPT,
                    Errno.EHOSTDOWN,
                    Errno.ENONET,
                    Errno.EHOSTUNREACH,
                    Errno.EOPNOTSUPP,
                    Errno.ENETUNREACH -> true;
            default -> false;
        };
    }

    @HotPath
    private void later(int errno, long nowNs) {
        if (errno == Errno.EMFILE || errno == Errno.ENFILE || errno == Errno.ENOBUFS || errno == Errno.ENOMEM) {
            counters.count(Drop.DESCRIPTORS_EXHAUSTED);
        }
        timers.schedule(retry, nowNs + RETRY_NS);
    }

    void close() {
        timers.cancel(retry);
    }

    private final class Retry extends TimerWheel.Timer {
        @Override
        protected void due(long nowNs) {
            wanting.moveTo(ready);
        }
    }
}
