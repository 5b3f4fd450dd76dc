package io.passatelli.loop;

import io.passatelli.os.Datagrams;
import io.passatelli.os.Epoll;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.MemInfo;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.SocketError;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.ToIntFunction;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

/** A kernel that knows epoll and one eventfd, and whose waits answer what the test says. Not thread-safe. */
class ScriptedOs implements Os {
    /** One registration, and the reference that comes with its events. */
    record Watched(int events, long ref) {}

    /** What each wait was asked for, ns. */
    final List<Long> timeouts = new ArrayList<>();

    /** Answers of the coming waits; then 0 events. */
    final Deque<ToIntFunction<EpollEvents>> waits = new ArrayDeque<>();

    /** By descriptor. */
    final SortedMap<Integer, Watched> watched = new TreeMap<>();

    /** Open descriptors and what they are. */
    final SortedMap<Integer, String> open = new TreeMap<>();

    int epollCreateAnswer;
    int eventfdAnswer;
    int epollCtlAnswer;
    long counter;
    int eventfdWrites;
    int eventfdReads;

    int openLowest(String what) {
        int fd = 3;
        while (open.containsKey(fd)) {
            fd++;
        }
        open.put(fd, what);
        return fd;
    }

    /** The next wait brings one event of {@code fd}. */
    void happens(int fd, int events) {
        waits.add(out -> {
            out.set(0, events, refOf(fd));
            return 1;
        });
    }

    /** The reference that {@code fd} is registered with. */
    long refOf(int fd) {
        Watched registration = watched.get(fd);
        if (registration == null) {
            throw new AssertionError("descriptor " + fd + " is not watched");
        }
        return registration.ref();
    }

    @Override
    public int epollCreate() {
        return epollCreateAnswer < 0 ? epollCreateAnswer : openLowest("epoll");
    }

    @Override
    public int epollCtl(int epoll, int op, int fd, int events, long ref) {
        if (epollCtlAnswer < 0) {
            return epollCtlAnswer;
        }
        if (!"epoll".equals(open.get(epoll)) || !open.containsKey(fd)) {
            return -Errno.EBADF;
        }
        boolean known = watched.containsKey(fd);
        return switch (op) {
            case Epoll.ADD -> known ? -Errno.EEXIST : put(fd, events, ref);
            case Epoll.MOD -> known ? put(fd, events, ref) : -Errno.ENOENT;
            case Epoll.DEL -> watched.remove(fd) == null ? -Errno.ENOENT : 0;
            default -> -Errno.EINVAL;
        };
    }

    private int put(int fd, int events, long ref) {
        watched.put(fd, new Watched(events, ref));
        return 0;
    }

    @Override
    public int epollWait(int epoll, EpollEvents out, long timeoutNs) {
        timeouts.add(timeoutNs);
        ToIntFunction<EpollEvents> answer = waits.poll();
        return answer == null ? 0 : answer.applyAsInt(out);
    }

    @Override
    public int eventfd() {
        return eventfdAnswer < 0 ? eventfdAnswer : openLowest("eventfd");
    }

    @Override
    public int close(int fd) {
        watched.remove(fd); // the kernel forgets a registration with the last descriptor of it
        return open.remove(fd) == null ? -Errno.EBADF : 0;
    }

    @Override
    public long readv(int fd, IoVec into) {
        if (!"eventfd".equals(open.get(fd))) {
            return -Errno.EBADF;
        }
        eventfdReads++;
        if (counter == 0) {
            return -Errno.EAGAIN;
        }
        into.segment(0).set(JAVA_LONG, into.offset(0), counter);
        counter = 0;
        return Long.BYTES;
    }

    @Override
    public long writev(int fd, IoVec from) {
        if (!"eventfd".equals(open.get(fd))) {
            return -Errno.EBADF;
        }
        eventfdWrites++;
        counter += from.segment(0).get(JAVA_LONG, from.offset(0));
        return Long.BYTES;
    }

    @Override
    public int socket(int family, int type, int protocol) {
        return -Errno.ENOSYS;
    }

    @Override
    public int bind(int fd, SockAddr address) {
        return -Errno.ENOSYS;
    }

    @Override
    public int connect(int fd, SockAddr peer) {
        return -Errno.ENOSYS;
    }

    @Override
    public int listen(int fd, int backlog) {
        return -Errno.ENOSYS;
    }

    @Override
    public int accept(int fd, SockAddr peerOut) {
        return -Errno.ENOSYS;
    }

    @Override
    public int shutdown(int fd, int how) {
        return -Errno.ENOSYS;
    }

    @Override
    public int localAddress(int fd, SockAddr out) {
        return -Errno.ENOSYS;
    }

    @Override
    public int option(int fd, int level, int name) {
        return -Errno.ENOSYS;
    }

    @Override
    public int setOption(int fd, int level, int name, int value) {
        return -Errno.ENOSYS;
    }

    @Override
    public int bindToDevice(int fd, String device) {
        return -Errno.ENOSYS;
    }

    @Override
    public int linger0(int fd) {
        return -Errno.ENOSYS;
    }

    @Override
    public int memInfo(int fd, MemInfo out) {
        return -Errno.ENOSYS;
    }

    @Override
    public int peerPid(int fd) {
        return -Errno.ENOSYS;
    }

    @Override
    public long recvmsg(int fd, IoVec into, int flags) {
        return -Errno.ENOSYS;
    }

    @Override
    public long recvmsg(int fd, IoVec into, int flags, SockAddr fromOut) {
        return -Errno.ENOSYS;
    }

    @Override
    public long sendmsg(int fd, IoVec from, int flags) {
        return -Errno.ENOSYS;
    }

    @Override
    public void close() {}

    @Override
    public int recvmmsg(int fd, Datagrams into, int flags) {
        return -Errno.ENOSYS;
    }

    @Override
    public int sendmmsg(int fd, Datagrams from, int first, int count, int flags) {
        return -Errno.ENOSYS;
    }

    @Override
    public int recvError(int fd, SocketError out) {
        return -Errno.ENOSYS;
    }
}
