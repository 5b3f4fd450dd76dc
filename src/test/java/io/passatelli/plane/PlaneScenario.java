package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Log;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.HostSide;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlainNetwork;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.Service;
import io.passatelli.link.Link;
import io.passatelli.link.SimLink;
import io.passatelli.os.Os;
import io.passatelli.os.sim.Chooser;
import io.passatelli.os.sim.FarHost;
import io.passatelli.os.sim.SimClock;
import io.passatelli.os.sim.SimOs;
import io.passatelli.os.sim.SimSettings;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import org.jspecify.annotations.Nullable;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.LongSupplier;
import java.util.function.UnaryOperator;

import static org.assertj.core.api.Assertions.assertThat;

/**
 * A whole plane over a simulated kernel and link, in virtual time: what the guest sends goes in as frames, what it gets comes out as frames.
 * The guest is 10.77.0.2, its gateway .1 stands for the host's loopback.
 */
final class PlaneScenario implements AutoCloseable {
    static final String GUEST = "10.77.0.2";
    static final String GATEWAY = "10.77.0.1";
    static final String GUEST6 = "fd77::2";
    static final String ROUTER6 = "fe80::1";
    static final long MS = 1_000_000;
    static final long S = 1_000 * MS;

    final SimClock clock = new SimClock();
    final SimOs os;
    final SimLink link;
    /** What the plane started with. */
    final PlaneConfig config;

    final DataPlane plane;
    final List<String> lines = new ArrayList<>();
    final List<String> events = new ArrayList<>();
    private String source = GUEST;
    private final Map<Drop, Long> atStart;
    private long violations;

    /** How a scenario differs from the standard one. */
    static final class Setup {
        private SimSettings settings = SimSettings.standard();
        private Chooser chooser = Chooser.largest();
        private SimLink link = SimLink.plain();
        private UnaryOperator<Os> around = os -> os;
        private UnaryOperator<Link> aroundLink = link -> link;
        private int mtu = 1500;
        private long openFiles = Long.MAX_VALUE;
        private int sweptListeners;
        private boolean icmp = true;
        private @Nullable String outbound;
        private @Nullable Ip6Network ip6;
        private LongSupplier seeds = () -> 42;
        private UnaryOperator<PlaneConfig> change = config -> config;

        Setup settings(SimSettings value) {
            settings = value;
            return this;
        }

        Setup chooser(Chooser value) {
            chooser = value;
            return this;
        }

        Setup link(SimLink value) {
            link = value;
            return this;
        }

        /** Puts something between the plane and the kernel. */
        Setup around(UnaryOperator<Os> value) {
            around = value;
            return this;
        }

        /** Puts something between the plane and the link. */
        Setup aroundLink(UnaryOperator<Link> value) {
            aroundLink = value;
            return this;
        }

        /** How many descriptors the plane takes itself to have. */
        Setup openFiles(long value) {
            openFiles = value;
            return this;
        }

        /** TCP ports wait for the guest, and of "all" those are listened at that it answers on, up to {@code most}. */
        Setup sweeps(int most) {
            sweptListeners = most;
            return this;
        }

        /** Where the plane's secrets come from. */
        Setup seeds(LongSupplier value) {
            seeds = value;
            return this;
        }

        Setup mtu(int value) {
            mtu = value;
            return this;
        }

        Setup withoutIcmp() {
            icmp = false;
            return this;
        }

        Setup outbound(String value) {
            outbound = value;
            return this;
        }

        /** The guest has IPv6 as well: fd77::2/64 behind the router fe80::1, which stands for the host's loopback, and does not advertise itself. */
        Setup ip6() {
            ip6 = new Ip6Network(new Cidr(Ip.parse(GUEST6), 64), false, Ip.parse(ROUTER6), List.of());
            return change(
                    config -> config.host6(HostSide.mapping(Ip.parse(ROUTER6))).without(Service.RA));
        }

        /** {@link #ip6} with router advertisements. */
        Setup advertisedIp6() {
            return ip6().change(config -> config.with(Service.RA, true));
        }

        /** Changes the configuration that the plane starts with; later changes see what earlier ones did. */
        Setup change(UnaryOperator<PlaneConfig> value) {
            UnaryOperator<PlaneConfig> before = change;
            change = config -> value.apply(before.apply(config));
            return this;
        }

        PlaneScenario start() {
            return new PlaneScenario(this);
        }
    }

    static Setup setup() {
        return new Setup();
    }

    static PlaneScenario standard() {
        return setup().start();
    }

    private PlaneScenario(Setup setup) {
        os = new SimOs(setup.settings, clock, setup.chooser);
        os.addAddress(Ip.parse(GUEST)); // the guest has the host's own, as everywhere
        link = setup.link;
        GuestNetwork network = PlainNetwork.of(new Cidr(Ip.parse(GUEST), 24), Ip.parse(GATEWAY), setup.mtu, setup.ip6);
        PlaneConfig config = PlaneConfig.of(network)
                .host4(new HostSide(
                        Ip.parse(GATEWAY),
                        setup.outbound == null ? null : Ip.parse(setup.outbound),
                        null,
                        0,
                        null,
                        null))
                .with(Service.ICMP, setup.icmp);
        Log log = new Log(Log.Level.INFO, (level, line) -> lines.add(line));
        PlaneEvents heard = new PlaneEvents() {
            @Override
            public void onGuestUp() {
                events.add("up");
            }

            @Override
            public void onGuestDown(int errno) {
                events.add("down " + errno);
            }
        };
        if (setup.ip6 != null) {
            os.addAddress(Ip.parse(GUEST6));
        }
        this.config = setup.change.apply(config);
        plane = new DataPlane(
                this.config,
                new Surroundings(
                        setup.around.apply(os), clock, log, setup.seeds, setup.openFiles, false, setup.sweptListeners),
                (its, counters, lines) -> setup.aroundLink.apply(link),
                heard);
        runs(0);
        link.forgetSeen(); // our ARP request at the start
        atStart = stats().drops();
    }

    FarHost host(String address) {
        return os.host(Ip.parse(address));
    }

    /** From now on the guest sends from another address. */
    PlaneScenario as(String address) {
        source = address;
        return this;
    }

    PlaneScenario guestSends(byte[] frame) {
        link.guestSends(frame);
        return this;
    }

    /** An echo request, and time for what it causes at once. */
    PlaneScenario guestPings(String to, int id, int sequence) {
        return guestPings(to, id, sequence, "abcdefgh".getBytes(StandardCharsets.US_ASCII));
    }

    PlaneScenario guestPings(String to, int id, int sequence, byte[] data) {
        guestSends(echoRequest(sourceFor(to), to, id, sequence, data));
        return runs(0);
    }

    /** The guest's address that it speaks to {@code peer} from: the one that a scenario chose, if it is of the family. */
    private String sourceFor(String peer) {
        return isIp6(peer) && !isIp6(source) ? GUEST6 : source;
    }

    static boolean isIp6(String address) {
        return address.indexOf(':') >= 0;
    }

    static byte[] echoRequest(String from, String to, int id, int sequence, byte[] data) {
        if (isIp6(to)) {
            return Packets6.fromGuest(58, from, to, Packets6.icmp6(128, from, to, id, sequence, data));
        }
        return icmp(from, to, Packets.icmp4(8, id, sequence, data));
    }

    static byte[] icmp(String from, String to, byte[] message) {
        return Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, Packets.ip4(1, from, to, message));
    }

    /** Lets {@code ns} of virtual time pass; 0: only what is due now. */
    PlaneScenario runs(long ns) {
        long endNs = clock.nowNs() + ns;
        for (int settled = 0; settled < 4; ) { // a turn may leave work for the next in the ready list
            long leftNs = Math.max(0, endNs - clock.nowNs());
            plane.turn(leftNs);
            settled = clock.nowNs() >= endNs ? settled + 1 : 0;
        }
        return this;
    }

    /** The next frame the guest gets is an echo reply, right in every octet. */
    PlaneScenario guestGetsReply(String from, int id, int sequence) {
        return guestGetsReply(from, id, sequence, "abcdefgh".getBytes(StandardCharsets.US_ASCII));
    }

    PlaneScenario guestGetsReply(String from, int id, int sequence, byte[] data) {
        byte[] got = link.next().bytes;
        byte[] wanted = echoReply(from, sourceFor(from), id, sequence, data);
        assertThat(got).isEqualTo(Arrays.copyOf(wanted, Math.max(60, wanted.length)));
        return this;
    }

    /** As we send it to the guest. */
    static byte[] echoReply(String from, String to, int id, int sequence, byte[] data) {
        if (isIp6(from)) {
            return Packets6.toGuest(58, from, to, Packets6.icmp6(129, from, to, id, sequence, data));
        }
        byte[] message = Packets.icmp4(0, id, sequence, data);
        byte[] ip = Packets.ip4(1, from, to, message);
        ip[4] = 0; // identification: we send atomic datagrams, RFC 6864
        ip[5] = 0;
        ip[8] = (byte) 255;
        return Packets.ethernet(Packets.GUEST_MAC, Packets.OUR_MAC, 0x0800, Packets.withIp4Checksum(ip, 0));
    }

    PlaneScenario guestGetsNothing() {
        assertThat(link.seen()).isEmpty();
        return this;
    }

    PlaneStats stats() {
        return plane.snapshot();
    }

    /** How often it was counted, but for our first words to the guest, which a choosy link may have refused. */
    long count(Drop reason) {
        return Objects.requireNonNull(stats().drops().get(reason)) - Objects.requireNonNull(atStart.get(reason));
    }

    /** Nothing was counted but these, once each, beside what was handled. */
    PlaneScenario dropped(Drop... reasons) {
        for (Drop reason : Drop.values()) {
            long expected = Arrays.stream(reasons).filter(reason::equals).count();
            if (reason != Drop.NONE) {
                assertThat(count(reason)).as("%s", reason).isEqualTo(expected);
            }
        }
        return this;
    }

    /** So many throwables are the scenario's own. */
    PlaneScenario provoked(long count) {
        violations = count;
        return this;
    }

    /** Ends the plane: every descriptor has to be closed by then. */
    @Override
    public void close() {
        assertThat(stats().invariantViolations()).isEqualTo(violations);
        link.assertSettled();
        plane.close();
        assertThat(os.openDescriptors()).isZero();
    }
}
