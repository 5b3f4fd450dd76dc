package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import io.passatelli.os.Calls;
import io.passatelli.os.Epoll;
import io.passatelli.os.MemInfo;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import org.jspecify.annotations.Nullable;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.ToIntFunction;

/**
 * A random program of up to 40 calls. Each call runs on a kernel first, goes into the log, and is then put to a {@link SimOs} in lockstep with that
 * kernel's result: SimOs throws {@link NotAdmitted} if by its rules no kernel may answer so. Time stands still in the model; where the other
 * kernel may need some, for TCP, the program "settles": it waits until what the model knows to be under way has arrived.
 */
final class RandomProgram implements AutoCloseable {
    private static final int CALLS = 40;
    private static final int MOST_THINGS = 10;
    private static final int[] SIZES = {1, 1, 7, 100, 1_000, 5_000, 70_000};
    private static final int[] INTERESTS = {
        Epoll.IN, Epoll.OUT, Epoll.IN | Epoll.OUT, Epoll.IN | Epoll.RDHUP, Epoll.IN | Epoll.OUT | Epoll.RDHUP, 0
    };

    private static final int[][] SWITCHES = {
        {Socket.IPPROTO_TCP, Socket.TCP_NODELAY},
        {Socket.SOL_SOCKET, Socket.SO_KEEPALIVE},
        {Socket.SOL_SOCKET, Socket.SO_OOBINLINE},
        {Socket.SOL_SOCKET, Socket.SO_REUSEADDR}
    };

    private static final MemInfo REAL_MEMORY = new MemInfo();
    private static final MemInfo MODEL_MEMORY = new MemInfo();
    private static final MemorySegment REAL = Calls.newBuffer();
    private static final MemorySegment MODEL = Calls.newBuffer();

    private enum Kind {
        EVENTFD,
        UNIX,
        TCP,
        UNIX_LISTENER,
        TCP_LISTENER,
        EPOLL
    }

    private static final class Thing {
        final Kind kind;
        final String name;
        final int real;
        final int model;
        int sent;

        Thing(Kind kind, String name, int real, int model) {
            this.kind = kind;
            this.name = name;
            this.real = real;
            this.model = model;
        }
    }

    private final Calls real;
    private final SimOs model;
    private final Calls modelCalls;
    private final RecordedChooser chooser;
    private final StringBuilder log = new StringBuilder();
    private final SplittableRandom random;
    private final boolean withTcp;
    private final String path;
    private final List<Thing> things = new ArrayList<>();
    private final List<Thing> closed = new ArrayList<>();
    private final List<Thing> epolls = new ArrayList<>();
    private final int port;
    private final int closedPort;
    private final Thing unixListener;
    private final Thing tcpListener;
    private int names;

    RandomProgram(Os os, long seed, boolean withTcp, String path) {
        this.real = new Calls(os, REAL);
        this.random = new SplittableRandom(seed);
        this.withTcp = withTcp;
        this.path = path;
        log.append("seed ").append(seed).append(withTcp ? " with TCP" : "").append('\n');
        chooser = new RecordedChooser(log);
        model = new SimOs(SimSettings.standard().withLockstep(), new SimClock(), chooser);
        modelCalls = new Calls(model, MODEL);
        for (int i = 0; i < 2; i++) {
            epolls.add(open(Kind.EPOLL, "epoll_create", c -> c.os.epollCreate()));
        }
        unixListener = open(Kind.UNIX_LISTENER, "socket", Calls::unixSocket);
        both("bind", unixListener, (c, fd) -> c.bindPath(fd, path));
        both("listen", unixListener, (c, fd) -> c.os.listen(fd, 3));
        tcpListener = open(Kind.TCP_LISTENER, "socket", Calls::tcpSocket);
        port = bindSomewhere(tcpListener);
        both("listen", tcpListener, (c, fd) -> c.os.listen(fd, 64));
        Thing reserved = open(Kind.TCP, "socket", Calls::tcpSocket);
        closedPort = bindSomewhere(reserved);
        things.remove(reserved);
        closed.add(reserved); // open, but not the program's to use
    }

    private int bindSomewhere(Thing thing) {
        int rc = real.bind(thing.real, Ip.LOOPBACK4, 0);
        int taken = real.port(thing.real);
        check("bind", rc, modelCalls.bind(thing.model, Ip.LOOPBACK4, taken));
        return taken;
    }

    String log() {
        return log.toString();
    }

    /** Runs the program; throws {@link NotAdmitted} at the first answer that SimOs does not admit. */
    void run() {
        for (int i = 0; i < CALLS; i++) {
            step();
        }
    }

    private void step() {
        switch (random.nextInt(20)) {
            case 0 -> openSomething();
            case 1, 2 -> connect();
            case 3 -> accept();
            case 4, 5, 6 -> control();
            case 7, 8, 9, 10 -> waitForEvents();
            case 11, 12, 13 -> send();
            case 14, 15 -> receive();
            case 16 -> shutdown();
            case 17 -> closeOne();
            case 18 -> option();
            default -> things.forEach(this::settle);
        }
        if (random.nextInt(3) > 0) {
            things.forEach(this::settle);
        }
    }

    private void openSomething() {
        if (things.size() < MOST_THINGS) {
            Kind kind = random.nextInt(3) == 0 ? socketKind() : Kind.EVENTFD;
            open(kind, "open", c -> fresh(c, kind));
        }
    }

    private Kind socketKind() {
        return withTcp && random.nextBoolean() ? Kind.TCP : Kind.UNIX;
    }

    private static int fresh(Calls c, Kind kind) {
        return switch (kind) {
            case EVENTFD -> c.os.eventfd();
            case UNIX, UNIX_LISTENER -> c.unixSocket();
            case TCP, TCP_LISTENER -> c.tcpSocket();
            case EPOLL -> c.os.epollCreate();
        };
    }

    private void connect() {
        if (things.size() >= MOST_THINGS) {
            return;
        }
        Kind kind = socketKind();
        Thing thing = open(kind, "socket", c -> fresh(c, kind));
        if (random.nextInt(3) == 0) {
            control(thing);
        }
        if (kind == Kind.UNIX) {
            both("connect", thing, (c, fd) -> c.connectPath(fd, path));
            if (random.nextInt(4) > 0) {
                accept(unixListener, Kind.UNIX);
            }
            return;
        }
        int to = random.nextInt(6) == 0 ? closedPort : port;
        both("connect to " + (to == port ? "listener" : "nobody"), thing, (c, fd) -> c.connect(fd, Ip.LOOPBACK4, to));
        if (to == port && random.nextInt(4) > 0) {
            settle(thing);
            settle(tcpListener);
            accept(tcpListener, Kind.TCP);
        }
    }

    private void accept() {
        if (things.size() < MOST_THINGS) {
            boolean tcp = socketKind() == Kind.TCP;
            accept(tcp ? tcpListener : unixListener, tcp ? Kind.TCP : Kind.UNIX);
        }
    }

    private void accept(Thing listener, Kind kind) {
        int theirs = real.accept(listener.real);
        chooser.recorded(theirs);
        note("accept", listener, theirs);
        int ours = modelCalls.accept(listener.model);
        if (theirs >= 0 && ours >= 0) {
            things.add(new Thing(kind, name(kind), theirs, ours));
            return;
        }
        check("accept", theirs, ours);
    }

    private void control() {
        List<Thing> candidates = new ArrayList<>(things);
        candidates.add(unixListener);
        candidates.addAll(closed);
        Thing thing = pick(candidates);
        if (!closed.contains(thing)) {
            control(thing);
        }
    }

    private void control(Thing thing) {
        Thing epoll = pick(epolls);
        int op = 1 + random.nextInt(3);
        int events = INTERESTS[random.nextInt(INTERESTS.length)] | (random.nextBoolean() ? Epoll.ET : 0);
        both(
                "epoll_ctl %s op %d events %#x".formatted(epoll.name, op, events),
                thing,
                (c, fd) -> c.os.epollCtl(c == real ? epoll.real : epoll.model, op, fd, events, thing.model));
    }

    private void waitForEvents() {
        Thing epoll = pick(epolls);
        int capacity = 1 + random.nextInt(5);
        Map<Long, Integer> theirs = real.events(epoll.real, capacity, 0);
        chooser.recorded(theirs);
        log.append("epoll_wait(%s, %d) = ".formatted(epoll.name, capacity));
        theirs.forEach((ref, mask) -> log.append("%s:%#x ".formatted(byModel(ref), mask)));
        log.append('\n');
        Map<Long, Integer> ours = modelCalls.events(epoll.model, capacity, 0);
        if (!ours.equals(theirs) || !chooser.unexplained().isEmpty()) {
            throw new NotAdmitted("no reason for events " + chooser.unexplained() + "\n" + log);
        }
    }

    private String byModel(long ref) {
        for (Thing thing : things) {
            if (thing.model == ref) {
                return thing.name;
            }
        }
        return ref == unixListener.model ? unixListener.name : "?" + ref;
    }

    private void send() {
        Thing thing = pickOne();
        if (thing == null) {
            return;
        }
        if (thing.kind == Kind.EVENTFD) {
            long value = random.nextInt(8) == 0 ? -2 : 1 + random.nextInt(3);
            bothLong("write " + value, thing, (c, fd) -> c.addToEventfd(fd, value));
            return;
        }
        if (isBlurred(thing)) {
            return;
        }
        byte[] bytes = new byte[SIZES[random.nextInt(SIZES.length)]];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) (thing.sent + i);
        }
        thing.sent += (int) Math.max(0, bothLong("send " + bytes.length, thing, (c, fd) -> c.send(fd, bytes)));
    }

    private boolean isBlurred(Thing thing) {
        SimTcp tcp = model.tcp(thing.model);
        return tcp != null && tcp.isBlurred();
    }

    private void receive() {
        Thing thing = pickOne();
        if (thing == null) {
            return;
        }
        if (thing.kind == Kind.EVENTFD) {
            bothLong("read", thing, Calls::readEventfd);
            return;
        }
        int most = SIZES[random.nextInt(SIZES.length)];
        int flags = random.nextInt(5) == 0 ? Socket.MSG_PEEK : 0;
        long n = bothLong("recv " + most + (flags == 0 ? "" : " peek"), thing, (c, fd) -> c.receive(fd, most, flags));
        if (n > 0 && !Arrays.equals(real.bytes(n), modelCalls.bytes(n))) {
            throw new NotAdmitted("other bytes\n" + log);
        }
    }

    private void shutdown() {
        Thing thing = pickOne();
        if (thing == null || thing.kind == Kind.EVENTFD) {
            return;
        }
        SimTcp tcp = model.tcp(thing.model);
        if (tcp != null) {
            settle(thing); // whether data came before or after counts
        }
        if (tcp == null || !tcp.isConnecting() && tcp.arriving() == tcp.unread()) {
            int how = random.nextInt(3);
            both("shutdown " + how, thing, (c, fd) -> c.os.shutdown(fd, how));
        }
    }

    private void closeOne() {
        Thing thing = pickOne();
        if (thing == null) {
            return;
        }
        // Whether data under way counts as unread, or a FIN overtakes a reset, only time tells.
        things.forEach(this::settle);
        if (isBlurred(thing)) {
            return;
        }
        SimTcp tcp = model.tcp(thing.model);
        if (tcp != null && !tcp.isSending() && random.nextInt(3) == 0) {
            both("linger0", thing, (c, fd) -> c.os.linger0(fd));
        }
        things.remove(thing);
        both("close", thing, (c, fd) -> c.os.close(fd));
    }

    private void option() {
        Thing thing = pickOne();
        if (thing == null || thing.kind == Kind.EVENTFD) {
            return;
        }
        if (random.nextBoolean()) {
            both("SO_ERROR", thing, Calls::error);
            return;
        }
        if (model.tcp(thing.model) != null && random.nextInt(3) > 0) {
            tcpOption(thing);
            return;
        }
        int bytes = 1 << 11 + random.nextInt(5);
        both("SO_SNDBUF " + bytes, thing, (c, fd) -> c.os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_SNDBUF, bytes));
        both("SO_SNDBUF", thing, (c, fd) -> c.os.option(fd, Socket.SOL_SOCKET, Socket.SO_SNDBUF));
    }

    private void tcpOption(Thing thing) {
        if (random.nextInt(4) > 0) {
            memory(thing);
            return;
        }
        int[] option = SWITCHES[random.nextInt(SWITCHES.length)];
        int value = random.nextInt(3);
        both(
                "option %d %d to %d".formatted(option[0], option[1], value),
                thing,
                (c, fd) -> c.os.setOption(fd, option[0], option[1], value));
        both("option", thing, (c, fd) -> c.os.option(fd, option[0], option[1]));
    }

    /** How much is queued is for the model to admit; buffers grow as the kernel likes, but those that were set. */
    private void memory(Thing thing) {
        check("SO_MEMINFO", real.os.memInfo(thing.real, REAL_MEMORY), 0);
        chooser.recorded(REAL_MEMORY.wmemQueued());
        note("SO_MEMINFO, of " + REAL_MEMORY.sndbuf() + " bytes queued", thing, REAL_MEMORY.wmemQueued());
        model.memInfo(thing.model, MODEL_MEMORY);
        check("bytes queued", REAL_MEMORY.wmemQueued(), MODEL_MEMORY.wmemQueued());
        SimTcp tcp = Objects.requireNonNull(model.tcp(thing.model));
        boolean admitted = tcp.isSendBufferFixed()
                ? REAL_MEMORY.sndbuf() == MODEL_MEMORY.sndbuf()
                : REAL_MEMORY.sndbuf() >= MODEL_MEMORY.sndbuf();
        if (!admitted) {
            throw new NotAdmitted(
                    "a send buffer of " + REAL_MEMORY.sndbuf() + " instead of " + MODEL_MEMORY.sndbuf() + "\n" + log);
        }
    }

    // Waiting for what is under way.

    private void settle(Thing thing) {
        SimTcp tcp = model.tcp(thing.model);
        if (tcp == null) {
            return;
        }
        boolean something = tcp.isListening()
                ? tcp.isExpectingConnection()
                : tcp.isConnecting() || tcp.unread() > 0 || tcp.isEnding() || tcp.isReset() || tcp.isDraining();
        if (!something) {
            return;
        }
        log.append("settle ").append(thing.name).append('\n');
        if (tcp.isListening()) {
            awaitEvents(thing, Epoll.IN);
        } else if (tcp.isReset()) {
            awaitEvents(thing, 0);
        } else {
            awaitEvents(thing, tcp.isConnecting() ? Epoll.OUT : -1);
            awaitBytes(thing, tcp.arriving());
            awaitEvents(thing, tcp.isEnding() ? Epoll.RDHUP : -1);
        }
        tcp.settle();
        if (tcp.isDraining()) {
            awaitEvents(thing, Epoll.OUT);
            tcp.drained();
        }
    }

    /** Until one of {@code events} or EPOLLHUP shows; -1: nothing to wait for. */
    private void awaitEvents(Thing thing, int events) {
        if (events < 0) {
            return;
        }
        int epoll = real.os.epollCreate();
        real.add(epoll, thing.real, events);
        boolean came = !real.events(epoll, 1, Calls.PATIENCE_NS).isEmpty();
        real.os.close(epoll);
        if (!came) {
            throw new NotAdmitted("%s: %#x never came\n".formatted(thing.name, events) + log);
        }
    }

    private void awaitBytes(Thing thing, long bytes) {
        int epoll = real.os.epollCreate();
        real.add(epoll, thing.real, Epoll.IN | Epoll.ET);
        long there = bytes == 0 ? 0 : real.receive(thing.real, (int) bytes, Socket.MSG_PEEK);
        while (there < bytes) {
            if (real.events(epoll, 1, Calls.PATIENCE_NS).isEmpty()) {
                throw new NotAdmitted(thing.name + ": " + there + " of " + bytes + " bytes came\n" + log);
            }
            there = real.receive(thing.real, (int) bytes, Socket.MSG_PEEK);
        }
        real.os.close(epoll);
    }

    // One call on both.

    @FunctionalInterface
    private interface Call {
        int on(Calls calls, int fd);
    }

    @FunctionalInterface
    private interface LongCall {
        long on(Calls calls, int fd);
    }

    private void both(String what, Thing thing, Call call) {
        bothLong(what, thing, call::on);
    }

    private long bothLong(String what, Thing thing, LongCall call) {
        long theirs = call.on(real, thing.real);
        chooser.recorded(theirs);
        note(what, thing, theirs);
        check(what, theirs, call.on(modelCalls, thing.model));
        return theirs;
    }

    private Thing open(Kind kind, String what, ToIntFunction<Calls> call) {
        int theirs = call.applyAsInt(real);
        int ours = call.applyAsInt(modelCalls);
        Thing thing = new Thing(kind, name(kind), theirs, ours);
        note(what, thing, theirs);
        if (theirs < 0 || ours < 0) {
            throw new NotAdmitted(what + " answers " + theirs + " and " + ours + "\n" + log);
        }
        if (kind == Kind.EVENTFD || kind == Kind.UNIX || kind == Kind.TCP) {
            things.add(thing);
        }
        return thing;
    }

    private String name(Kind kind) {
        return kind.name().toLowerCase(java.util.Locale.ROOT) + names++;
    }

    private void note(String what, Thing thing, long result) {
        log.append(thing.name)
                .append(": ")
                .append(what)
                .append(" = ")
                .append(result)
                .append('\n');
    }

    private void check(String what, long theirs, long ours) {
        if (theirs != ours) {
            throw new NotAdmitted(what + " answers " + theirs + ", SimOs admits " + ours + "\n" + log);
        }
    }

    private <T> T pick(List<T> from) {
        return from.get(random.nextInt(from.size()));
    }

    private @Nullable Thing pickOne() {
        return things.isEmpty() ? null : pick(things);
    }

    @Override
    public void close() {
        things.forEach(thing -> real.os.close(thing.real));
        closed.forEach(thing -> real.os.close(thing.real));
        epolls.forEach(thing -> real.os.close(thing.real));
        real.os.close(unixListener.real);
        real.os.close(tcpListener.real);
    }
}
