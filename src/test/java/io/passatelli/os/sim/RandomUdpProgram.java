package io.passatelli.os.sim;

import io.passatelli.base.Ip;
import io.passatelli.os.Calls;
import io.passatelli.os.Epoll;
import io.passatelli.os.Os;
import io.passatelli.os.Socket;
import io.passatelli.os.SocketError;
import io.passatelli.os.UdpCalls;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;

/**
 * As {@link RandomProgram}, of UDP sockets on a few addresses and ports, so that they meet: who may bind, who gets what, what the error queues say.
 * Datagrams over loopback are there when the sender's call is over, so nothing needs to settle.
 */
final class RandomUdpProgram implements AutoCloseable {
    private static final int CALLS = 60;
    private static final int MOST_SOCKETS = 7;
    private static final int MOST_COST =
            180_000; // less than a receive buffer: what Linux drops is not for a program to say
    private static final int MOST_SEGMENT = 400;
    private static final long SEGMENT_COST = SimDatagram.cost(1) + MOST_SEGMENT;
    private static final int FIRST_PORT = 10_000; // below the ephemeral ones
    private static final int LAST_PORT = 32_000;
    private static final int[] SIZES = {0, 1, 7, 7, 100, 100, 1_000, 5_000, 65_507, 65_508, 65_527, 65_528};
    private static final int[] ROOMS = {0, 3, 10, 100, 2_000, 65_536};
    private static final List<Ip> ADDRESSES = List.of(
            Ip.LOOPBACK4,
            Ip.LOOPBACK4,
            Ip.v4(0x7f000002),
            Ip.UNSPECIFIED4,
            Ip.LOOPBACK6,
            Ip.UNSPECIFIED6,
            Ip.v4(0xc6336401)); // not ours
    private static final Ip BROADCAST = Ip.v4(0x7fffffff);
    private static final List<Ip> PEERS = List.of(
            Ip.LOOPBACK4, Ip.LOOPBACK4, Ip.v4(0x7f000002), Ip.UNSPECIFIED4, Ip.LOOPBACK6, Ip.UNSPECIFIED6, BROADCAST);
    private static final int[] INTERESTS = {Epoll.IN, Epoll.OUT, Epoll.IN | Epoll.OUT, Epoll.IN | Epoll.RDHUP, 0};

    private record Option(int level, int name, int least, int most) {}

    private static final List<Option> OPTIONS = List.of(
            new Option(Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 0, 1),
            new Option(Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 0, 1),
            new Option(Socket.SOL_SOCKET, Socket.SO_BROADCAST, 0, 1),
            new Option(Socket.IPPROTO_IP, Socket.IP_RECVERR, 0, 1),
            new Option(Socket.IPPROTO_IPV6, Socket.IPV6_RECVERR, 0, 1),
            new Option(Socket.IPPROTO_IP, Socket.IP_PKTINFO, 0, 1),
            new Option(Socket.IPPROTO_IPV6, Socket.IPV6_RECVPKTINFO, 0, 1),
            new Option(Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, 0, 1),
            new Option(Socket.IPPROTO_IP, Socket.IP_FREEBIND, 0, 1),
            new Option(Socket.IPPROTO_IP, Socket.IP_MTU_DISCOVER, -1, Socket.PMTUDISC_DO),
            new Option(Socket.IPPROTO_IPV6, Socket.IPV6_MTU_DISCOVER, -1, Socket.PMTUDISC_DO),
            new Option(Socket.IPPROTO_IP, Socket.IP_TTL, -2, 256),
            new Option(Socket.IPPROTO_IP, Socket.IP_MULTICAST_TTL, -2, 256),
            new Option(Socket.IPPROTO_IPV6, Socket.IPV6_UNICAST_HOPS, -2, 256),
            new Option(Socket.IPPROTO_IPV6, Socket.IPV6_MULTICAST_HOPS, -2, 256));
    /** What may be asked, too. */
    private static final List<Option> NUMBERS =
            OPTIONS.stream().filter(option -> option.least < 0).toList();

    private record Twin(String name, int real, int model) {}

    @FunctionalInterface
    private interface Call {
        long on(Calls calls, UdpCalls udp, int fd);
    }

    private final StringBuilder log = new StringBuilder();
    private final RecordedChooser chooser = new RecordedChooser(log);
    private final SimOs model = new SimOs(SimSettings.standard().withLockstep(), new SimClock(), chooser);
    private final Calls modelCalls = new Calls(model);
    private final UdpCalls modelUdp = new UdpCalls(model);
    private final Calls real;
    private final UdpCalls realUdp;
    private final SplittableRandom random;
    private final List<Twin> sockets = new ArrayList<>();
    private final Twin epoll;
    private final Set<Twin> connectedAnew = new HashSet<>();
    private final List<Integer> ports = new ArrayList<>();
    private long cost;
    private int names;

    RandomUdpProgram(Os os, long seed) {
        real = new Calls(os);
        realUdp = new UdpCalls(os);
        random = new SplittableRandom(seed);
        log.append("seed ").append(seed).append(" with UDP\n");
        epoll = new Twin("epoll", os.epollCreate(), model.epollCreate());
        while (ports.size() < 3) {
            int port = random.nextInt(FIRST_PORT, LAST_PORT);
            int probe = realUdp.socket(false);
            if (real.bind(probe, Ip.UNSPECIFIED6, port) == 0) {
                ports.add(port);
            }
            os.close(probe);
        }
        for (int i = 0; i < 2; i++) {
            open();
        }
    }

    /** Runs the program; throws {@link NotAdmitted} at the first answer that SimOs does not admit. */
    void run() {
        for (int i = 0; i < CALLS; i++) {
            step();
        }
    }

    private void step() {
        switch (random.nextInt(20)) {
            case 0, 1 -> open();
            case 2 -> bind(pickOne());
            case 3, 4 -> connect(pickOne());
            case 5, 6, 7, 8 -> send(pickOne());
            case 9, 10, 11 -> receive(pickOne());
            case 12 -> receiveOne(pickOne());
            case 13 -> readError(pickOne());
            case 14 -> both("SO_ERROR", pickOne(), (c, u, fd) -> c.error(fd));
            case 15 -> {
                option(pickOne());
                number(pickOne());
            }
            case 16 -> control(pickOne());
            case 17, 18 -> waitForEvents();
            default -> end(pickOne());
        }
    }

    private Twin pickOne() {
        if (sockets.isEmpty()) {
            open();
        }
        return sockets.get(random.nextInt(sockets.size()));
    }

    private <T> T pick(List<T> from) {
        return from.get(random.nextInt(from.size()));
    }

    private int pick(int[] from) {
        return from[random.nextInt(from.length)];
    }

    /** A socket that is often bound and watched at once. */
    private void open() {
        if (sockets.size() == MOST_SOCKETS) {
            return;
        }
        boolean v4 = random.nextInt(3) > 0;
        Twin twin = new Twin((v4 ? "four" : "six") + names++, realUdp.socket(v4), modelUdp.socket(v4));
        sockets.add(twin);
        log.append(twin.name).append(": socket\n");
        for (int i = random.nextInt(4); i > 0; i--) {
            option(twin);
        }
        if (random.nextInt(4) > 0) {
            set(twin, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 1);
        }
        if (random.nextInt(4) > 0) {
            bind(twin);
        }
        if (random.nextBoolean()) {
            control(twin);
        }
    }

    private void option(Twin twin) {
        Option option = pick(OPTIONS);
        int value = random.nextInt(option.least, option.most + 1);
        if (option.name == Socket.SO_BROADCAST && model.udp(twin.model).isPeerAddress(BROADCAST)) {
            value = 1; // it was asked for when the route was looked up, which the kernel may or may not do again
        }
        set(twin, option.level, option.name, value);
    }

    private void number(Twin twin) {
        Option option = pick(NUMBERS);
        both(
                "get %d %d".formatted(option.level, option.name),
                twin,
                (c, u, fd) -> c.os.option(fd, option.level, option.name));
    }

    private void set(Twin twin, int level, int name, int value) {
        String what = "set %d %d to %d".formatted(level, name, value);
        both(what, twin, (c, u, fd) -> c.os.setOption(fd, level, name, value));
    }

    private void bind(Twin twin) {
        Ip address = pick(ADDRESSES);
        int port = pick(ports);
        both("bind " + address + " " + port, twin, (c, u, fd) -> c.bind(fd, address, port));
        name(twin);
    }

    private void name(Twin twin) {
        both("port", twin, (c, u, fd) -> c.port(fd));
        both("address", twin, (c, u, fd) -> {
            c.port(fd);
            return c.address().high() ^ c.address().low();
        });
    }

    /** Connecting and sending are not for sockets without a port, since which one they would get is the kernel's to choose. */
    private boolean hasPort(Twin twin) {
        if (modelCalls.port(twin.model) == 0) {
            bind(twin);
        }
        return modelCalls.port(twin.model) != 0;
    }

    private void connect(Twin twin) {
        SimUdp socket = model.udp(twin.model);
        if (!hasPort(twin)) {
            return;
        }
        Ip to = pick(PEERS);
        if (socket.isConnected() && to.isV4() != socket.localIp().isV4()) { // half of it would stay of the other family
            return;
        }
        if (to.equals(BROADCAST) && random.nextInt(4) > 0) {
            set(twin, Socket.SOL_SOCKET, Socket.SO_BROADCAST, 1);
        }
        int port = pick(ports);
        boolean connected = socket.isConnected();
        if (rivals(twin, port, connected)) {
            return;
        }
        long result = both("connect " + to + " " + port, twin, (c, u, fd) -> c.connect(fd, to, port));
        name(twin);
        if (connected && result < 0) {
            close(twin); // Linux sends to the old peer once, and then to the one that it refused
        }
    }

    /** Whether two sockets could be connected alike, one of them anew: which of them hears then depends on the kernel's hash tables. */
    private boolean rivals(Twin twin, int peerPort, boolean anew) {
        int port = model.udp(twin.model).port();
        boolean any = false;
        for (Twin other : sockets) {
            SimUdp socket = model.udp(other.model);
            boolean alike = !other.equals(twin) && socket.port() == port && socket.peerPort() == peerPort;
            any |= alike && (anew || connectedAnew.contains(other));
        }
        if (anew && !any) {
            connectedAnew.add(twin);
        }
        return any;
    }

    private void send(Twin twin) {
        if (!hasPort(twin)) {
            return;
        }
        int count = 1 + random.nextInt(4);
        byte[][] datagrams = new byte[count][];
        for (int i = 0; i < count; i++) {
            int size = pick(SIZES);
            if (cost + SimDatagram.cost(size) > MOST_COST) {
                size = random.nextInt(3);
            }
            cost += SimDatagram.cost(size);
            datagrams[i] = bytes(size);
        }
        if (random.nextInt(6) == 0) {
            sendSegmented(twin);
            return;
        }
        StringBuilder what = new StringBuilder("send");
        for (byte[] datagram : datagrams) {
            what.append(' ').append(datagram.length);
        }
        both(what.toString(), twin, (c, u, fd) -> u.send(fd, datagrams));
    }

    /** Up to, and beyond, as many segments as any kernel takes. */
    private void sendSegmented(Twin twin) {
        int segment = 1 + random.nextInt(MOST_SEGMENT);
        int most = random.nextBoolean() ? 10 : 2 * Socket.UDP_MAX_SEGMENTS + 2;
        int size = Math.min(random.nextInt(most * segment + 1), 65_536);
        long wouldCost = (size / segment + 1) * SEGMENT_COST;
        if (cost + wouldCost < MOST_COST) {
            cost += wouldCost;
            byte[] all = bytes(size);
            both("send %d by %d".formatted(size, segment), twin, (c, u, fd) -> u.sendSegmented(fd, all, segment));
        }
    }

    private byte[] bytes(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (names + i);
        }
        names++;
        return bytes;
    }

    private void receive(Twin twin) {
        int count = 1 + random.nextInt(random.nextBoolean() ? 4 : UdpCalls.MOST);
        int room = pick(ROOMS);
        List<UdpCalls.Datagram> theirs = new ArrayList<>();
        List<UdpCalls.Datagram> ours = new ArrayList<>();
        both(
                "receive %d of %d".formatted(count, room),
                twin,
                (c, u, fd) -> u.receive(fd, count, room, c == real ? theirs : ours));
        same(theirs, ours);
    }

    private void receiveOne(Twin twin) {
        int most = pick(ROOMS);
        int flags = (random.nextBoolean() ? Socket.MSG_PEEK : 0) | (random.nextBoolean() ? Socket.MSG_TRUNC : 0);
        List<String> theirs = new ArrayList<>();
        List<String> ours = new ArrayList<>();
        both("recv %d flags %#x".formatted(most, flags), twin, (c, u, fd) -> {
            long n = c.receive(fd, most, flags);
            (c == real ? theirs : ours).add(c.text(Math.clamp(n, 0, most)));
            return n;
        });
        same(theirs, ours);
    }

    private void readError(Twin twin) {
        List<UdpCalls.Trouble> theirs = new ArrayList<>();
        List<UdpCalls.Trouble> ours = new ArrayList<>();
        both("read an error", twin, (c, u, fd) -> u.error(fd, c == real ? theirs : ours));
        same(theirs.stream().map(RandomUdpProgram::plain).toList(), ours);
    }

    /** The MTU of loopback is told as it is set, 65536, or as the longest packet there is; which one depends on what the route was used for before. */
    private static UdpCalls.Trouble plain(UdpCalls.Trouble told) {
        if (told.origin() != SocketError.ORIGIN_LOCAL || told.info() != SimUdp.LOOPBACK_MTU + 1) {
            return told;
        }
        return new UdpCalls.Trouble(
                told.errno(),
                told.origin(),
                told.type(),
                told.code(),
                SimUdp.LOOPBACK_MTU,
                told.offender(),
                told.destination(),
                told.destinationPort(),
                told.payload());
    }

    private void control(Twin twin) {
        int op = 1 + random.nextInt(3);
        int events = pick(INTERESTS) | (random.nextBoolean() ? Epoll.ET : 0);
        both(
                "epoll_ctl op %d events %#x".formatted(op, events),
                twin,
                (c, u, fd) -> c.os.epollCtl(c == real ? epoll.real : epoll.model, op, fd, events, twin.model));
    }

    private void waitForEvents() {
        int capacity = 1 + random.nextInt(5);
        Map<Long, Integer> theirs = real.events(epoll.real, capacity, 0);
        chooser.recorded(theirs);
        Map<String, Integer> named = new TreeMap<>();
        theirs.forEach((ref, mask) -> named.put(nameOf(ref), mask));
        log.append("epoll_wait(%d) = %s%n".formatted(capacity, named));
        Map<Long, Integer> ours = modelCalls.events(epoll.model, capacity, 0);
        if (!ours.equals(theirs) || !chooser.unexplained().isEmpty()) {
            throw new NotAdmitted("no reason for events " + chooser.unexplained() + "\n" + log);
        }
    }

    private String nameOf(long ref) {
        return sockets.stream()
                .filter(t -> t.model == ref)
                .map(t -> t.name)
                .findAny()
                .orElse("?" + ref);
    }

    private void end(Twin twin) {
        if (random.nextBoolean()) {
            int how = random.nextInt(3);
            both("shutdown " + how, twin, (c, u, fd) -> c.os.shutdown(fd, how));
            return;
        }
        close(twin);
    }

    private void close(Twin twin) {
        both("close", twin, (c, u, fd) -> c.os.close(fd));
        sockets.remove(twin);
    }

    private long both(String what, Twin twin, Call call) {
        long theirs = call.on(real, realUdp, twin.real);
        chooser.recorded(theirs);
        log.append("%s: %s = %d%n".formatted(twin.name, what, theirs));
        long ours = call.on(modelCalls, modelUdp, twin.model);
        if (ours != theirs) {
            throw new NotAdmitted(what + " answers " + theirs + ", SimOs admits " + ours + "\n" + log);
        }
        return ours;
    }

    private void same(Object theirs, Object ours) {
        if (!theirs.equals(ours)) {
            String shown = theirs + "\n" + ours;
            throw new NotAdmitted(shown.substring(0, Math.min(2_000, shown.length())) + "\n" + log);
        }
    }

    @Override
    public void close() {
        sockets.forEach(twin -> real.os.close(twin.real));
        real.os.close(epoll.real);
    }
}
