package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import io.passatelli.os.Datagrams;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.MemInfo;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.SocketError;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.IntSupplier;
import java.util.function.LongSupplier;

/**
 * A kernel whose every answer is put to a {@link SimOs} in lockstep, as it comes: {@link NotAdmitted} if by its rules no kernel may answer so.
 * Where the model would have to know what is still under way (close(2) and shutdown(2) ask for that), the replay ends and the kernel goes on
 * alone. For TCP, epoll and eventfd.
 */
public final class ReplayOs implements Os {
    private static final Map<Integer, EpollEvents> COPIES = new ConcurrentHashMap<>(); // of each capacity; never freed

    private final Os real;
    private final StringBuilder log = new StringBuilder();
    private final RecordedChooser chooser = new RecordedChooser(log);
    private final SimOs model = new SimOs(SimSettings.standard().withLockstep(), new SimClock(), chooser);
    private final Map<Integer, Integer> twins = new HashMap<>();
    private final SockAddr name = new SockAddr();
    private final MemInfo memory = new MemInfo();
    private boolean over;

    public ReplayOs(Os real) {
        this.real = real;
    }

    private int twin(int fd) {
        return twins.getOrDefault(fd, -1);
    }

    private int both(String what, int theirs, IntSupplier ours) {
        return (int) bothLong(what, theirs, ours::getAsInt);
    }

    private long bothLong(String what, long theirs, LongSupplier ours) {
        if (over) {
            return theirs;
        }
        chooser.recorded(theirs);
        log.append(what).append(" = ").append(theirs).append('\n');
        try {
            long answer = ours.getAsLong();
            if (answer != theirs) {
                throw new NotAdmitted(what + " answers " + theirs + ", SimOs admits " + answer + "\n" + log);
            }
        } catch (IllegalStateException unknowable) {
            over = true;
        }
        return theirs;
    }

    private int opened(String what, int theirs, IntSupplier ours) {
        if (over) {
            return theirs;
        }
        chooser.recorded(theirs);
        log.append(what).append(" = ").append(theirs).append('\n');
        int answer = ours.getAsInt();
        if (theirs < 0 ? answer != theirs : answer < 0) {
            throw new NotAdmitted(what + " answers " + theirs + ", SimOs admits " + answer + "\n" + log);
        }
        if (theirs >= 0) {
            twins.put(theirs, answer);
        }
        return theirs;
    }

    @Override
    public int epollCreate() {
        return opened("epoll_create", real.epollCreate(), model::epollCreate);
    }

    @Override
    public int epollCtl(int epoll, int op, int fd, int events, long ref) {
        return both(
                "epoll_ctl %d op %d of %d events %#x".formatted(epoll, op, fd, events),
                real.epollCtl(epoll, op, fd, events, ref),
                () -> model.epollCtl(twin(epoll), op, twin(fd), events, ref));
    }

    @Override
    public int epollWait(int epoll, EpollEvents out, long timeoutNs) {
        int n = real.epollWait(epoll, out, timeoutNs);
        if (over) {
            return n;
        }
        Map<Long, Integer> theirs = eventsOf(out, Math.max(0, n));
        log.append("epoll_wait ").append(epoll).append(" = ").append(theirs).append('\n');
        chooser.recorded(theirs);
        int capacity = out.capacity();
        EpollEvents copy = COPIES.computeIfAbsent(capacity, EpollEvents::new);
        int ours = model.epollWait(twin(epoll), copy, 0);
        if (ours != n
                || !eventsOf(copy, Math.max(0, ours)).equals(theirs)
                || !chooser.unexplained().isEmpty()) {
            throw new NotAdmitted("no reason for events " + theirs + "\n" + log);
        }
        return n;
    }

    private static Map<Long, Integer> eventsOf(EpollEvents events, int n) {
        Map<Long, Integer> all = new TreeMap<>();
        for (int i = 0; i < n; i++) {
            all.put(events.ref(i), events.events(i));
        }
        return all;
    }

    @Override
    public int eventfd() {
        return opened("eventfd", real.eventfd(), model::eventfd);
    }

    @Override
    public int socket(int family, int type, int protocol) {
        return opened("socket", real.socket(family, type, protocol), () -> model.socket(family, type, protocol));
    }

    /** The port that the kernel gave is the model's too. */
    @Override
    public int bind(int fd, SockAddr address) {
        int rc = real.bind(fd, address);
        SockAddr same = new SockAddr();
        same.set(address.high(), address.low(), rc == 0 ? port(fd) : address.port(), 0);
        return both("bind " + fd, rc, () -> {
            SimTcp socket = model.tcp(twin(fd));
            return rc == 0 && address.port() == 0 && socket != null
                    ? socket.bindAs(new Ip(address.high(), address.low()), same.port())
                    : model.bind(twin(fd), same);
        });
    }

    private int port(int fd) {
        return real.localAddress(fd, name) < 0 ? 0 : name.port();
    }

    @Override
    public int connect(int fd, SockAddr peer) {
        int rc = real.connect(fd, peer);
        return both("connect " + fd, rc, () -> {
            SimTcp socket = model.tcp(twin(fd));
            if (rc == -Errno.EINPROGRESS && socket != null && socket.local().port() == 0) {
                socket.bindAs(socket.local().address(), port(fd));
            }
            return model.connect(twin(fd), peer);
        });
    }

    @Override
    public int listen(int fd, int backlog) {
        int rc = real.listen(fd, backlog);
        return both("listen " + fd, rc, () -> {
            SimTcp socket = model.tcp(twin(fd));
            if (rc == 0 && socket != null && socket.local().port() == 0) {
                socket.bindAs(socket.local().address(), port(fd));
            }
            return model.listen(twin(fd), backlog);
        });
    }

    @Override
    public int accept(int fd, SockAddr peerOut) {
        return opened("accept " + fd, real.accept(fd, peerOut), () -> model.accept(twin(fd), name));
    }

    @Override
    public int shutdown(int fd, int how) {
        return both("shutdown " + fd + " " + how, real.shutdown(fd, how), () -> model.shutdown(twin(fd), how));
    }

    @Override
    public int close(int fd) {
        int rc = both("close " + fd, real.close(fd), () -> model.close(twin(fd)));
        twins.remove(fd);
        return rc;
    }

    @Override
    public int localAddress(int fd, SockAddr out) {
        return both("getsockname " + fd, real.localAddress(fd, out), () -> model.localAddress(twin(fd), name));
    }

    /** Sizes of buffers are the kernel's own unless they were set. */
    @Override
    public int option(int fd, int level, int option) {
        int rc = real.option(fd, level, option);
        SimTcp socket = over ? null : model.tcp(twin(fd));
        boolean free = level == Socket.SOL_SOCKET
                && (option == Socket.SO_RCVBUF
                        || option == Socket.SO_SNDBUF && socket != null && !socket.isSendBufferFixed());
        return free
                ? rc
                : both(
                        "getsockopt %d %d %d".formatted(fd, level, option),
                        rc,
                        () -> model.option(twin(fd), level, option));
    }

    @Override
    public int setOption(int fd, int level, int option, int value) {
        return both(
                "setsockopt %d %d %d %d".formatted(fd, level, option, value),
                real.setOption(fd, level, option, value),
                () -> model.setOption(twin(fd), level, option, value));
    }

    @Override
    public int bindToDevice(int fd, String device) {
        return both("bindToDevice", real.bindToDevice(fd, device), () -> model.bindToDevice(twin(fd), device));
    }

    @Override
    public int linger0(int fd) {
        return both("linger0 " + fd, real.linger0(fd), () -> model.linger0(twin(fd)));
    }

    @Override
    public int memInfo(int fd, MemInfo out) {
        int rc = real.memInfo(fd, out);
        if (over) {
            return rc;
        }
        chooser.recorded(rc < 0 ? rc : out.wmemQueued());
        log.append("SO_MEMINFO %d = %d, %d of %d%n".formatted(fd, rc, out.wmemQueued(), out.sndbuf()));
        int ours = model.memInfo(twin(fd), memory);
        SimTcp socket = model.tcp(twin(fd));
        boolean sized = rc < 0
                || (socket != null && socket.isSendBufferFixed()
                        ? out.sndbuf() == memory.sndbuf()
                        : out.sndbuf() >= memory.sndbuf());
        if (ours != rc || rc == 0 && out.wmemQueued() != memory.wmemQueued() || !sized) {
            throw new NotAdmitted("SimOs says " + memory.wmemQueued() + " of " + memory.sndbuf() + "\n" + log);
        }
        return rc;
    }

    @Override
    public int peerPid(int fd) {
        return both("peerPid", real.peerPid(fd), () -> model.peerPid(twin(fd)));
    }

    private static IoVec like(IoVec vector) {
        IoVec copy = new IoVec(1);
        copy.add(Arena.ofAuto().allocate(Math.max(1, vector.total())), 0, vector.total());
        return copy;
    }

    private long read(String what, long theirs, IoVec into, IoVec copy, LongSupplier ours) {
        bothLong(what, theirs, ours);
        if (!over && theirs > 0 && !Arrays.equals(head(into, theirs), head(copy, theirs))) {
            throw new NotAdmitted("other bytes\n" + log);
        }
        return theirs;
    }

    private static byte[] head(IoVec vector, long n) {
        return Arrays.copyOf(SimBytes.gather(vector), (int) n);
    }

    @Override
    public long recvmsg(int fd, IoVec into, int flags) {
        IoVec copy = like(into);
        return read(
                "recvmsg %d of %d flags %d".formatted(fd, into.total(), flags),
                real.recvmsg(fd, into, flags),
                into,
                copy,
                () -> model.recvmsg(twin(fd), copy, flags));
    }

    @Override
    public long recvmsg(int fd, IoVec into, int flags, SockAddr fromOut) {
        throw new UnsupportedOperationException("senders of datagrams are not replayed");
    }

    @Override
    public long sendmsg(int fd, IoVec from, int flags) {
        return bothLong(
                "sendmsg %d of %d".formatted(fd, from.total()),
                real.sendmsg(fd, from, flags),
                () -> model.sendmsg(twin(fd), from, flags));
    }

    @Override
    public int recvmmsg(int fd, Datagrams into, int flags) {
        throw new UnsupportedOperationException("datagrams are not replayed");
    }

    @Override
    public int sendmmsg(int fd, Datagrams from, int first, int count, int flags) {
        throw new UnsupportedOperationException("datagrams are not replayed");
    }

    @Override
    public int recvError(int fd, SocketError out) {
        return both("recvError", real.recvError(fd, out), () -> model.recvError(twin(fd), out));
    }

    @Override
    public long readv(int fd, IoVec into) {
        IoVec copy = like(into);
        return read("readv " + fd, real.readv(fd, into), into, copy, () -> model.readv(twin(fd), copy));
    }

    @Override
    public long writev(int fd, IoVec from) {
        return bothLong("writev " + fd, real.writev(fd, from), () -> model.writev(twin(fd), from));
    }

    @Override
    public void close() {
        real.close();
    }
}
