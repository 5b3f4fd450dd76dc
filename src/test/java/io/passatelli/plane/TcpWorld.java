package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.config.PortForward;
import io.passatelli.link.Caps;
import io.passatelli.link.FaultLink;
import io.passatelli.link.GuestFrame;
import io.passatelli.link.Link;
import io.passatelli.link.SimLink;
import io.passatelli.link.WatchedLink;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.sim.Chooser;
import io.passatelli.os.sim.FarListener;
import io.passatelli.os.sim.SimClock;
import io.passatelli.os.sim.StreamPeer;
import io.passatelli.proto.tcp.TcpInside;
import io.passatelli.sim.FarParty;
import io.passatelli.sim.GuestParty;
import io.passatelli.sim.GuestTcp;
import io.passatelli.sim.Party;
import io.passatelli.sim.Plan;
import io.passatelli.sim.SimGuest;
import io.passatelli.sim.Traits;
import io.passatelli.wire.Packets;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.UnaryOperator;

import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.GUEST6;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.S;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * A guest whose TCP is Linux's, and programs there and far away that speak with each other through a plane, whose kernel, link and network are as
 * friendly or unfriendly as the seed wants them. Whatever they do: each reads what the other wrote, the plane keeps the rules of TCP toward the guest
 * ({@link WatchedTcp}), nothing that can go waits, nothing turns idly, and in the end nothing is left.
 */
final class TcpWorld implements AutoCloseable {
    private static final int FORWARDED = 7_000;
    private static final int TARGET = 8_000;
    private static final int FORWARDS = 64;
    private static final int FIRST_PORT = 40_000;
    /** Turns in a row in which time stands still and nothing moves. */
    private static final int MOST_IDLE_TURNS = 300;

    /** What a world lives in. */
    record Shape(
            Caps caps,
            int mtu,
            boolean choosy,
            FaultLink.Faults faults,
            long guestLatencyNs,
            long farLatencyNs,
            int most,
            int interruptions) {
        static Shape calm() {
            return new Shape(SimLink.plain().caps(), 1_500, false, FaultLink.Faults.NONE, 50_000, 0, 300_000, 0);
        }

        Shape withGuestLatency(long ns) {
            return new Shape(caps, mtu, choosy, faults, ns, farLatencyNs, most, interruptions);
        }

        boolean isFaultless() {
            return faults.equals(FaultLink.Faults.NONE) && interruptions == 0;
        }

        static Shape any(SplittableRandom random) {
            boolean offload = random.nextInt(3) == 0;
            Caps.Offloads offloads = offload ? new Caps.Offloads(true, true, true, false) : Caps.Offloads.NONE;
            Caps plain = SimLink.plain().caps();
            Caps caps = new Caps(1, plain.maxFrameBytes(), true, offloads, offloads);
            FaultLink.Faults faults = random.nextInt(2) == 0
                    ? FaultLink.Faults.NONE
                    : new FaultLink.Faults(
                            some(random, 0.05),
                            some(random, 0.05),
                            some(random, 0.1),
                            offload ? 0 : some(random, 0.02),
                            some(random, 0.3));
            int mtu = random.nextInt(4) == 0 ? 1_280 + random.nextInt(8_000) : 1_500;
            return new Shape(
                    caps,
                    mtu,
                    random.nextInt(3) > 0,
                    faults,
                    random.nextInt(2) == 0 ? 0 : random.nextLong(300_000),
                    random.nextInt(2) == 0 ? 0 : random.nextLong(30 * MS),
                    random.nextInt(12) == 0 ? 3_000_000 : 200_000,
                    random.nextInt(8) == 0 ? 1 + random.nextInt(3) : 0);
        }

        private static double some(SplittableRandom random, double most) {
            return random.nextBoolean() ? 0 : random.nextDouble(most);
        }
    }

    /** What a test changes between the plane and its world, to see that it is found. */
    record Tampering(UnaryOperator<Os> os, UnaryOperator<Link> link) {
        static final Tampering NONE = new Tampering(os -> os, link -> link);
    }

    enum Kind {
        OUTBOUND,
        INBOUND,
        /** The guest connects to a port that nobody has. */
        REFUSED
    }

    /** Two programs, one in the guest. */
    static final class Talk {
        final Kind kind;
        final int id;
        final Ip guestIp;
        final int guestPort;
        final Ip farIp;
        final int farPort;
        final GuestParty guest;
        final FarParty far;
        private @Nullable FarListener listener;
        private boolean started;

        Talk(Kind kind, int id, boolean v4, Party[] parties) {
            this.kind = kind;
            this.id = id;
            guestIp = Ip.parse(v4 ? GUEST : GUEST6);
            guestPort = (kind == Kind.INBOUND ? TARGET : FIRST_PORT) + id;
            farIp = Ip.parse(v4 ? "198.51.100." + (10 + id) : "2001:db8::" + (10 + id));
            farPort = 5_000 + id;
            guest = (GuestParty) parties[0];
            far = (FarParty) parties[1];
        }

        boolean isOrderly() {
            return guest.plan.ending().isOrderly() && far.plan.ending().isOrderly();
        }

        boolean isOver() {
            boolean neverCame = kind == Kind.INBOUND && guest.connection() == null && far.leftEarly();
            return started && (guest.isGone() || neverCame) && (kind == Kind.REFUSED || far.isGone());
        }

        @Override
        public String toString() {
            return kind + " " + id + ": " + guest + "; " + far + "; " + guest.plan + "; " + far.plan;
        }
    }

    final PlaneScenario scenario;
    final SimClock clock;
    final SimGuest guest;
    final Shape shape;
    final List<Talk> talks = new ArrayList<>();
    private final SplittableRandom random;
    private final WatchedTcp watched;
    private final WatchedOs os;
    private final TcpInside inside;
    private long turns;
    private int idleTurns;
    private boolean gaveUp;

    /** Any world of that seed. */
    TcpWorld(long seed, Tampering tampering) {
        this(seed, Shape.any(new SplittableRandom(~seed)), tampering);
        for (int i = 0; i < shape.interruptions(); i++) {
            clock.in((1 + i) * (300 * MS) + random.nextLong(100 * MS), this::interrupt);
        }
        int count = random.nextInt(10) == 0 ? 30 : 1 + random.nextInt(6);
        for (int id = 0; id < count; id++) {
            talk(id, count);
        }
    }

    /** The guest's driver begins anew, or the guest leaves and comes back with all its connections; what was on the way is gone. */
    private void interrupt() {
        if (random.nextBoolean()) {
            scenario.link.guestResets(0);
            return;
        }
        scenario.link.guestLeaves(Errno.ENOTCONN);
        long awayNs = random.nextLong(150 * MS); // it is back before the next interruption
        clock.in(awayNs, scenario.link::guestComes);
    }

    /** Nobody speaks in it yet. */
    TcpWorld(long seed, Shape shape, Tampering tampering) {
        random = new SplittableRandom(seed);
        this.shape = shape;
        WatchedOs[] madeOs = new WatchedOs[1];
        SimClock[] hisClock = new SimClock[1];
        watched = new WatchedTcp(
                () -> Objects.requireNonNull(madeOs[0]),
                shape.mtu(),
                () -> hisClock[0] == null ? 0 : hisClock[0].nowNs());
        scenario = PlaneScenario.setup()
                .ip6()
                .mtu(shape.mtu())
                .chooser(shape.choosy() ? Chooser.seeded(seed) : Chooser.largest())
                .link(shape.choosy() ? new SimLink(shape.caps(), seed) : new SimLink(shape.caps()))
                .around(inner -> {
                    WatchedOs made = new WatchedOs(inner);
                    madeOs[0] = made;
                    return tampering.os().apply(made);
                })
                .aroundLink(inner -> tampering
                        .link()
                        .apply(new WatchedLink(
                                shape.isFaultless()
                                        ? inner
                                        : new FaultLink(inner, shape.faults(), shape.faults(), seed),
                                watched)))
                .change(config -> config.forwards(List.of(new PortForward(
                        PortForward.Protocol.TCP, null, null, FORWARDED, FORWARDED + FORWARDS - 1, TARGET))))
                .start();
        os = Objects.requireNonNull(madeOs[0]);
        inside = new TcpInside(scenario.plane.tcp);
        clock = scenario.clock;
        hisClock[0] = clock;
        Caps.Offloads offloads = shape.caps().fromGuest();
        guest = new SimGuest(
                clock,
                new SimGuest.Nic(shape.mtu(), offloads.csum(), offloads.tso4()),
                (frame, offload) -> scenario.link.guestSends(0, frame, offload));
        scenario.guestSends(Packets.ethernet(
                Packets.BROADCAST,
                Packets.GUEST_MAC,
                0x0806,
                Packets.arp(1, Packets.GUEST_MAC, GUEST, "00:00:00:00:00:00", GATEWAY)));
    }

    private void talk(int id, int count) {
        Kind kind = random.nextInt(12) == 0 ? Kind.REFUSED : random.nextBoolean() ? Kind.OUTBOUND : Kind.INBOUND;
        Plan[] plans = Plan.pair(random, Math.max(1_000, shape.most() / count));
        boolean v4 = random.nextBoolean();
        talk(kind, id, v4, plans, traits(v4), random.nextInt(3) == 0 ? 0 : random.nextLong(200 * MS));
    }

    private Traits traits(boolean v4) {
        Traits any = Traits.any(v4, random);
        int most = shape.mtu() - (v4 ? 40 : 60);
        return any.mss() >= 1_400 ? any.withMss(most) : any;
    }

    /** Two programs that begin in {@code delayNs}. */
    Talk talk(Kind kind, int id, boolean v4, Plan[] plans, Traits traits, long delayNs) {
        Party[] parties = {new GuestParty(clock, plans[0], plans[1]), new FarParty(clock, plans[1], plans[0])};
        Talk talk = new Talk(kind, id, v4, parties);
        talks.add(talk);
        scenario.os.host(talk.farIp).away(shape.farLatencyNs());
        switch (kind) {
            case OUTBOUND -> talk.listener = scenario.os.listenFar(talk.farIp, talk.farPort);
            case INBOUND -> guest.listen(talk.guestPort, () -> traits, talk.guest::on);
            case REFUSED -> scenario.os.host(talk.farIp).fails(Errno.ECONNREFUSED, random.nextLong(3 * MS));
        }
        clock.in(delayNs, () -> start(talk, traits));
        return talk;
    }

    private void start(Talk talk, Traits traits) {
        talk.started = true;
        if (talk.kind == Kind.INBOUND) {
            talk.far.on(scenario.os.host(talk.farIp).dial(talk.guestIp, FORWARDED + talk.guestPort - TARGET));
        } else {
            talk.guest.on(guest.connect(talk.guestIp, talk.guestPort, talk.farIp, talk.farPort, traits));
        }
    }

    /** In one line: what kind of a world this is. */
    String story() {
        return shape + ", after " + (clock.nowNs() - S) / MS + " ms and " + turns + " turns";
    }

    /** All programs do what they mean to do, or fail; then nothing is left. */
    void live() {
        runsUntilAllAreOver(1_200 * S);
        boolean mayHang =
                (shape.choosy() || !shape.isFaultless()) && talks.stream().anyMatch(talk -> !talk.isOrderly());
        for (Talk talk : talks) {
            if (!talk.isOver()) {
                assertThat(mayHang && !talk.isOrderly())
                        .as("it never ends: %s", talk)
                        .isTrue();
                talk.guest.giveUp(); // it was not told of a reset that got lost
                talk.far.giveUp();
                gaveUp = true;
            }
        }
        talks.forEach(this::judge);
        nothingIsLeft();
    }

    /** Lets time pass, no more than {@code mostNs}. */
    void runsUntilAllAreOver(long mostNs) {
        long endNs = clock.nowNs() + mostNs;
        while (clock.nowNs() < endNs && !talks.stream().allMatch(Talk::isOver)) {
            turn(endNs);
        }
    }

    void runs(long ns) {
        long endNs = clock.nowNs() + ns;
        while (clock.nowNs() < endNs) {
            turn(endNs);
        }
    }

    /** One turn of the plane, which ends no later than the next thing happens elsewhere. */
    private void turn(long endNs) {
        long beforeNs = clock.nowNs();
        long movedBefore = os.moved() + watched.frames();
        scenario.plane.turn(Math.max(0, Math.min(clock.nextNs(), endNs) - beforeNs));
        turns++;
        for (GuestFrame frame : scenario.link.seen()) {
            if (shape.guestLatencyNs() == 0) {
                guest.receive(frame.bytes, frame.offload);
            } else {
                clock.in(shape.guestLatencyNs(), () -> guest.receive(frame.bytes, frame.offload));
            }
        }
        scenario.link.forgetSeen();
        for (Talk talk : talks) {
            act(talk);
        }
        boolean stood = clock.nowNs() == beforeNs && os.moved() + watched.frames() == movedBefore;
        idleTurns = stood ? idleTurns + 1 : 0;
        check();
    }

    private static void act(Talk talk) {
        FarListener listener = talk.listener;
        if (listener != null && !talk.far.isConnected()) {
            StreamPeer peer = listener.accept();
            if (peer != null) {
                talk.far.on(peer);
            }
        }
        talk.guest.act();
        if (talk.far.isConnected()) {
            talk.far.act();
        }
    }

    private void check() {
        String failure = watched.failure();
        if (failure != null) {
            throw new AssertionError(failure);
        }
        if (idleTurns > MOST_IDLE_TURNS) {
            throw new AssertionError("the plane finds no rest\n" + watched.story());
        }
        if (shape.isFaultless()) {
            for (WatchedTcp.Track track : watched.tracks()) {
                watched.waits(track, mayGo(track));
            }
        }
        inside.check(shape.interruptions() == 0 || scenario.stats().guestUp());
        for (WatchedTcp.Track track : watched.tracks()) {
            counted(track);
        }
        if (turns % 32 == 0) {
            consistent();
            watched.tracks().forEach(this::shown);
        }
    }

    /** What can be seen of the flow is what was seen at its ends. */
    private void shown(WatchedTcp.Track track) {
        WatchedOs.Connection socket = os.to(track.far, track.farPort);
        if (socket != null && !socket.closed && !track.isOver()) {
            inside.shows(socket.fd, socket.sent, socket.received, track.again(), clock.nowNs());
        }
    }

    /** The plane believes that the kernel took what it took. */
    private void counted(WatchedTcp.Track track) {
        WatchedOs.Connection socket = os.to(track.far, track.farPort);
        if (socket != null && !socket.closed && !track.isOver()) {
            long taken = inside.taken(socket.fd, track.guestIsn());
            if (taken >= 0 && taken != socket.sent) {
                throw new AssertionError("the socket took " + socket.sent + ", not " + taken + ": " + track);
            }
        }
    }

    private void consistent() {
        PlaneStats stats = scenario.stats();
        assertThat(stats.invariantViolations())
                .as(() -> "throwables: " + scenario.lines)
                .isZero();
        assertThat(stats.flows()).as("flows, each with a socket").isEqualTo(os.connections());
    }

    /** Whether there is data for the guest that its window and the flow's bounds let go. */
    private boolean mayGo(WatchedTcp.Track track) {
        WatchedOs.Connection socket = os.to(track.far, track.farPort);
        if (socket == null || socket.closed || track.isOver() || !track.isEstablished()) {
            return false;
        }
        long pending = socket.received + scenario.os.readable(socket.fd) - track.sentBytes();
        return pending > 0 && track.usable() >= Math.min(pending, track.segmentBytes()) && track.inFlight() < 32 << 10;
    }

    private void judge(Talk talk) {
        GuestTcp tcp = talk.guest.connection();
        if (tcp != null) {
            assertThat(tcp.beyondSent())
                    .as("acknowledgments of what was not sent, %s", talk)
                    .isZero();
            assertThat(tcp.beyondWindow())
                    .as("data beyond the window, %s", talk)
                    .isZero();
            // a kernel that takes one byte when it has room for a million is none that was planned for
            if (shape.isFaultless() && !gaveUp && scenario.count(Drop.TCP_NO_ROOM) == 0) {
                assertThat(tcp.timeouts())
                        .as("time-outs of the guest, %s", talk)
                        .isZero();
            }
        }
        if (talk.kind == Kind.REFUSED) {
            assertThat(tcp == null ? null : tcp.end()).as("%s", talk).isEqualTo(GuestTcp.End.REFUSED);
        } else if (talk.isOrderly()) {
            assertThat(talk.guest.isComplete())
                    .as("%s\n%s", talk, watched.story())
                    .isTrue();
            assertThat(talk.far.isComplete())
                    .as("%s\n%s", talk, watched.story())
                    .isTrue();
        }
    }

    private void nothingIsLeft() {
        for (int i = 0; i < 20 && scenario.stats().flows() > 0; i++) {
            runs(60 * S);
        }
        consistent();
        assertThat(scenario.stats().flows()).as("flows at the end").isZero();
        assertThat(os.connections()).as("sockets at the end").isZero();
        long before = turns;
        runs(300 * S);
        assertThat(turns - before).as("turns while nobody speaks").isLessThan(1_000);
    }

    /** What the last segments were. */
    String segments() {
        return watched.story();
    }

    WatchedOs os() {
        return os;
    }

    @Override
    public void close() {
        scenario.close();
    }
}
