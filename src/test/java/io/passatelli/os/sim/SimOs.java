package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import io.passatelli.os.Datagrams;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;
import io.passatelli.os.IoVec;
import io.passatelli.os.MemInfo;
import io.passatelli.os.NamespaceOs;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.Socket;
import io.passatelli.os.SocketError;
import io.passatelli.os.TunOs;
import org.jspecify.annotations.Nullable;

import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.function.IntSupplier;

/**
 * A Linux kernel in memory, as {@link Os} shows it: deterministic, in virtual time. It is a specification: where Linux is free to answer one
 * thing or another (how many bytes, which of the possible events, how long something takes) a {@link Chooser} picks. epoll_wait(2) never
 * sleeps: it moves the {@link SimClock} to the next happening or to its time-out. What it does not model, it refuses loudly.
 *
 * <p>The rules are those of the man pages named at each file: {@link SimEpoll}, {@link SimEventFd}, {@link SimUnix}, {@link SimUnixProbe},
 * {@link SimTcp}, {@link SimPing}, {@link SimUdp}, {@link SimTap}; the conformance suite holds them against the running kernel.
 */
public final class SimOs implements Os, TunOs, NamespaceOs {
    /** net.core.somaxconn bounds each backlog, listen(2). */
    private static final int SOMAXCONN = 4_096;

    /** Who connects to us where a test does not mind: of the blocks for documentation. */
    private static final Ip SOMEBODY4 = Ip.parse("198.51.100.77");

    private static final Ip SOMEBODY6 = Ip.parse("2001:db8:ffff::77");

    private static final int FIRST_DESCRIPTOR = 3;
    private static final int TAP_QUEUE = 500; // txqueuelen of a fresh TAP is 500 or 1000
    private static final int OWN_PID = (int) ProcessHandle.current().pid();

    private final SimKernel kernel;
    private final TreeMap<Integer, SimFile> files = new TreeMap<>();
    private final Map<String, SimTap> taps = new HashMap<>();

    public SimOs(SimSettings settings, SimClock clock, Chooser chooser) {
        kernel = new SimKernel(settings, clock, chooser);
    }

    public SimOs(SimClock clock, Chooser chooser) {
        this(SimSettings.standard(), clock, chooser);
    }

    // epoll(7), eventfd(2).

    @Override
    public int epollCreate() {
        return open(new SimEpoll(kernel));
    }

    @Override
    public int epollCtl(int epoll, int op, int fd, int events, long ref) {
        SimFile instance = files.get(epoll);
        SimFile file = files.get(fd);
        if (instance == null || file == null) {
            return -Errno.EBADF;
        }
        return instance instanceof SimEpoll e && e != file ? e.control(op, file, fd, events, ref) : -Errno.EINVAL;
    }

    @Override
    public int epollWait(int epoll, EpollEvents out, long timeoutNs) {
        SimFile file = files.get(epoll);
        if (!(file instanceof SimEpoll instance)) {
            return file == null ? -Errno.EBADF : -Errno.EINVAL;
        }
        SimClock clock = kernel.clock;
        clock.advance(0);
        long untilNs = timeoutNs < 0 ? Long.MAX_VALUE : clock.nowNs() + timeoutNs;
        while (true) {
            int count = instance.collect(out);
            if (count > 0 || timeoutNs == 0) {
                return count;
            }
            long nextNs = clock.nextNs();
            if (nextNs > untilNs) {
                clock.advance(untilNs - clock.nowNs());
                return 0;
            }
            if (nextNs == Long.MAX_VALUE) {
                return lastChance(instance, out);
            }
            clock.step();
        }
    }

    /** Nothing more will happen: what is only possible has to be shown now, or the caller waits for ever. */
    private int lastChance(SimEpoll instance, EpollEvents out) {
        int count = kernel.exactly(() -> instance.collect(out));
        if (count == 0) {
            throw kernel.notAdmitted("epoll_wait without time-out would never return: nothing is going to happen");
        }
        return count;
    }

    @Override
    public int eventfd() {
        return open(new SimEventFd(kernel));
    }

    // Sockets.

    @Override
    public int socket(int family, int type, int protocol) {
        boolean v4 = family == Socket.AF_INET;
        boolean inet = v4 || family == Socket.AF_INET6;
        int icmp = v4 ? Socket.IPPROTO_ICMP : Socket.IPPROTO_ICMPV6;
        if (family == Socket.AF_UNIX && type == Socket.SOCK_STREAM && protocol == 0) {
            return open(new SimUnix(kernel, OWN_PID));
        }
        if (family == Socket.AF_UNIX && type == Socket.SOCK_DGRAM && protocol == 0) {
            return open(new SimUnixProbe(kernel));
        }
        if (inet && type == Socket.SOCK_STREAM && (protocol == 0 || protocol == 6)) {
            return open(new SimTcp(kernel, v4));
        }
        if (inet && type == Socket.SOCK_DGRAM && (protocol == 0 || protocol == Socket.IPPROTO_UDP)) {
            return open(new SimUdp(kernel, v4));
        }
        if (inet && type == Socket.SOCK_DGRAM && protocol == icmp) {
            return kernel.settings.pingAllowed() ? open(new SimPing(kernel, v4)) : -Errno.EACCES;
        }
        throw new UnsupportedOperationException(
                "socket(" + family + ", " + type + ", " + protocol + ") is not modelled by SimOs yet");
    }

    @Override
    public int bind(int fd, SockAddr address) {
        SimFile file = files.get(fd);
        return file instanceof SimSocket s ? s.bind(address) : noSocket(file);
    }

    @Override
    public int connect(int fd, SockAddr peer) {
        SimFile file = files.get(fd);
        return file instanceof SimSocket s ? s.connect(peer) : noSocket(file);
    }

    @Override
    public int listen(int fd, int backlog) {
        SimFile file = files.get(fd);
        int most = backlog < 0 || backlog > SOMAXCONN ? SOMAXCONN : backlog;
        return file instanceof SimSocket s ? s.listen(most) : noSocket(file);
    }

    /** The descriptor is taken first: with none left a connection stays in the queue, accept(2). */
    @Override
    public int accept(int fd, SockAddr peerOut) {
        SimFile file = files.get(fd);
        if (!(file instanceof SimSocket listener)) {
            return noSocket(file);
        }
        int next = lowestFree();
        if (next < 0) {
            return next;
        }
        int refused = listener.mayAccept(next);
        return refused != 0 ? refused : open(listener.accept(peerOut));
    }

    @Override
    public int shutdown(int fd, int how) {
        SimFile file = files.get(fd);
        return file instanceof SimSocket s ? s.shutdown(how) : noSocket(file);
    }

    @Override
    public int close(int fd) {
        SimFile file = files.remove(fd);
        if (file == null) {
            return -Errno.EBADF;
        }
        file.close();
        return 0;
    }

    @Override
    public int localAddress(int fd, SockAddr out) {
        SimFile file = files.get(fd);
        if (file instanceof SimSocket s) {
            s.localAddress(out);
            return 0;
        }
        return noSocket(file);
    }

    @Override
    public int option(int fd, int level, int name) {
        SimFile file = files.get(fd);
        return file instanceof SimSocket s ? s.option(level, name) : noSocket(file);
    }

    @Override
    public int setOption(int fd, int level, int name, int value) {
        SimFile file = files.get(fd);
        return file instanceof SimSocket s ? s.setOption(level, name, value) : noSocket(file);
    }

    /** Accepted and without meaning: there are no devices to be bound to. */
    @Override
    public int bindToDevice(int fd, String device) {
        SimFile file = files.get(fd);
        return file instanceof SimSocket ? 0 : noSocket(file);
    }

    @Override
    public int linger0(int fd) {
        SimFile file = files.get(fd);
        if (!(file instanceof SimSocket socket)) {
            return noSocket(file);
        }
        socket.linger0();
        return 0;
    }

    @Override
    public int memInfo(int fd, MemInfo out) {
        SimFile file = files.get(fd);
        if (!(file instanceof SimSocket socket)) {
            return noSocket(file);
        }
        socket.memInfo(out);
        return 0;
    }

    @Override
    public int peerPid(int fd) {
        SimFile file = files.get(fd);
        return file instanceof SimSocket s ? s.peerPid() : noSocket(file);
    }

    @Override
    public long recvmsg(int fd, IoVec into, int flags) {
        SimFile file = files.get(fd);
        if (!(file instanceof SimSocket socket)) {
            return noSocket(file);
        }
        byte[] bytes = new byte[Math.toIntExact(into.total())];
        return given(bytes, socket.receive(bytes, flags), into);
    }

    @Override
    public long recvmsg(int fd, IoVec into, int flags, SockAddr fromOut) {
        SimFile file = files.get(fd);
        long n = recvmsg(fd, into, flags);
        if (n >= 0 && file instanceof SimSocket socket) {
            socket.sender(fromOut);
        }
        return n;
    }

    @Override
    public long sendmsg(int fd, IoVec from, int flags) {
        SimFile file = files.get(fd);
        return file instanceof SimSocket s ? s.send(SimBytes.gather(from), flags) : noSocket(file);
    }

    @Override
    public int recvmmsg(int fd, Datagrams into, int flags) {
        SimFile file = files.get(fd);
        return file instanceof SimUdp s ? s.receiveMany(into, flags) : noBatches(file);
    }

    @Override
    public int sendmmsg(int fd, Datagrams from, int first, int count, int flags) {
        SimFile file = files.get(fd);
        return file instanceof SimUdp s ? s.sendMany(from, first, count) : noBatches(file);
    }

    private static int noBatches(@Nullable SimFile file) {
        if (file instanceof SimSocket) {
            throw new UnsupportedOperationException("batches of " + file + " are not modelled by SimOs yet");
        }
        return noSocket(file);
    }

    @Override
    public int recvError(int fd, SocketError out) {
        SimFile file = files.get(fd);
        return file instanceof SimSocket s ? s.takeQueuedError(out) : noSocket(file);
    }

    @Override
    public long readv(int fd, IoVec into) {
        SimFile file = files.get(fd);
        if (file == null) {
            return -Errno.EBADF;
        }
        byte[] bytes = new byte[Math.toIntExact(into.total())];
        return given(bytes, file.read(bytes), into);
    }

    @Override
    public long writev(int fd, IoVec from) {
        SimFile file = files.get(fd);
        return file == null ? -Errno.EBADF : file.write(SimBytes.gather(from));
    }

    private static long given(byte[] bytes, long result, IoVec into) {
        if (result > 0) {
            SimBytes.scatter(bytes, Math.min(result, bytes.length), into);
        }
        return result;
    }

    private static int noSocket(@Nullable SimFile file) {
        return file == null ? -Errno.EBADF : -Errno.ENOTSOCK;
    }

    @Override
    public void close() {}

    // TunOs, NamespaceOs.

    /** Opens the TAP that {@link #tap} gave, or gives, to the test. A second open of a queue is refused as Linux does (EBUSY). */
    @Override
    public int openTap(String name) {
        return openTap(name, false);
    }

    @Override
    public int openOffloadTap(String name) {
        return tap(name).isRefusing() ? -Errno.EOPNOTSUPP : openTap(name, true);
    }

    private int openTap(String name, boolean offloads) {
        SimTap tap = tap(name);
        if (files.containsValue(tap)) {
            return -Errno.EBUSY;
        }
        tap.opened(offloads);
        return open(tap);
    }

    /** There is one namespace. */
    @Override
    public int within(String path, IntSupplier work) {
        return work.getAsInt();
    }

    // Descriptors.

    private int open(SimFile file) {
        int fd = lowestFree();
        if (fd < 0) {
            return fd;
        }
        files.put(fd, file);
        return fd;
    }

    /** open(2): the lowest-numbered descriptor not open. */
    private int lowestFree() {
        int fd = FIRST_DESCRIPTOR;
        while (files.containsKey(fd)) {
            fd++;
        }
        return fd < kernel.settings.openFiles() ? fd : -Errno.EMFILE;
    }

    /** How many descriptors are open: at the end of a test, whether each had an owner that closed it. */
    public int openDescriptors() {
        return files.size();
    }

    // The other side, for tests.

    /** A process {@code pid} connects to the UNIX socket at {@code path}. Throws if connect(2) would fail. */
    public StreamPeer connectUnix(String path, int pid) {
        SimUnix socket = new SimUnix(kernel, pid);
        SockAddr to = new SockAddr();
        to.setPath(path);
        expect("connect to " + path, socket.connect(to), 0);
        return new StreamPeer(kernel, socket);
    }

    /** unlink(2) of a UNIX socket's path; false if there is none. */
    public boolean unlink(String path) {
        return kernel.net.unlink(path);
    }

    /** Makes {@code address} one of ours, beside loopback. */
    public void addAddress(Ip address) {
        kernel.net.addLocal(address);
    }

    /** How the host at {@code address} behaves. */
    public FarHost host(Ip address) {
        return kernel.net.host(address);
    }

    /** An echo reply arrives that nobody asked for, or a forged one; the identifier in it says which socket gets it, whoever it is {@code from}. */
    public void echoReply(Ip from, byte[] message) {
        kernel.net.echoReply(from, message);
    }

    /** Bytes that have arrived at the TCP socket {@code fd} and are not read; 0 if it is none. */
    public long readable(int fd) {
        return files.get(fd) instanceof SimTcp socket ? socket.readable() : 0;
    }

    /** A host elsewhere listens at {@code address} and {@code port}. */
    public FarListener listenFar(Ip address, int port) {
        return new FarListener(kernel, kernel.net.host(address).listening(port));
    }

    /** A host elsewhere connects to our listener at {@code address} and {@code port}; the handshake takes the chooser's time. */
    public StreamPeer connectTcp(Ip address, int port) {
        return new StreamPeer(
                kernel, kernel.net.host(address.isV4() ? SOMEBODY4 : SOMEBODY6).connecting(address, port));
    }

    /** The TAP called {@code name}, whose other side the test plays. */
    public SimTap tap(String name) {
        return taps.computeIfAbsent(name, n -> new SimTap(kernel, TAP_QUEUE));
    }

    /** For the conformance suite. */
    @Nullable
    SimTcp tcp(int fd) {
        return files.get(fd) instanceof SimTcp socket ? socket : null;
    }

    SimUdp udp(int fd) {
        return (SimUdp) Objects.requireNonNull(files.get(fd));
    }

    private static void expect(String what, int result, int expected) {
        if (result != expected) {
            throw new AssertionError(what + " answers " + result);
        }
    }
}
