package io.passatelli.plane;

import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.config.HostSide;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.PortForward;
import io.passatelli.link.FaultLink;
import io.passatelli.link.GuestFrame;
import io.passatelli.link.SimLink;
import io.passatelli.os.Errno;
import io.passatelli.os.sim.Chooser;
import io.passatelli.os.sim.FarUdp;
import io.passatelli.os.sim.SimSettings;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import org.jspecify.annotations.Nullable;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.SplittableRandom;

import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.GUEST6;
import static io.passatelli.plane.PlaneScenario.MS;
import static io.passatelli.plane.PlaneScenario.S;
import static org.assertj.core.api.Assertions.assertThat;

/**
 * A guest that talks UDP and pings, of both families and in both directions, through a plane whose kernel, link and network are as friendly or
 * unfriendly as the seed wants them. Whatever they do: nobody gets what was not sent to him, nor more copies than faults made, nor in another
 * order than faults made; what got lost was counted; flows and descriptors end.
 */
final class DatagramWorld implements AutoCloseable {
    private static final int TO_FAR = 0;
    private static final int TO_GUEST = 1;
    private static final int HEADER = 12;
    private static final int FORWARDED = 7_000;
    private static final int TARGET = 8_000;
    private static final int FORWARDS = 4;
    /** Without time passing, more turns than this are a plane that finds no rest. */
    private static final int MOST_TURNS = 20_000;

    private enum Kind {
        /** The guest speaks first. */
        OUTBOUND,
        /** A far host speaks first, to a forwarded port. */
        INBOUND,
        /** The guest speaks to a port that nobody has. */
        CLOSED,
        PING
    }

    /** One conversation. Lists are for each direction. */
    private static final class Talk {
        private final Kind kind;
        private final int id;
        private final String guest;
        private final int guestPort;
        private final String far;
        private final int farPort;
        private final List<List<byte[]>> sent = List.of(new ArrayList<>(), new ArrayList<>());
        private final List<Map<Integer, Integer>> copies = List.of(new HashMap<>(), new HashMap<>());
        private final int[] last = {-1, -1};
        private final int[] emptySent = {0, 0};
        private final int[] emptyHeard = {0, 0};
        private @Nullable FarUdp socket;
        private int seen;
        private FarUdp.@Nullable Arrival answerTo;
        private boolean heard;

        Talk(Kind kind, int id, boolean v4, int guestPort, int farPort) {
            this.kind = kind;
            this.id = id;
            this.guestPort = guestPort;
            this.farPort = farPort;
            guest = v4 ? GUEST : GUEST6;
            String number = Integer.toString(10 + id % 200);
            far = v4 ? "198.51.100." + number : "2001:db8::" + number;
        }

        boolean isV4() {
            return guest.equals(GUEST);
        }

        @Override
        public String toString() {
            return kind + " " + id + " (" + guest + " " + guestPort + ", " + far + " " + farPort + ")";
        }
    }

    private final SplittableRandom random;
    private final boolean choosy;
    private final boolean unreliable;
    private final FaultLink.Faults faults;
    private final PlaneScenario scenario;
    private final FaultLink link;
    private final GuestEar ear = new GuestEar();
    private final List<Talk> talks = new ArrayList<>();
    private final Map<String, Talk> hostEndpoints = new HashMap<>();
    private int fragmentId;
    private Ip mapped = Ip.parse(PlaneScenario.GATEWAY);
    private boolean lossy;
    private boolean forgotten;
    private int step;

    DatagramWorld(long seed) {
        random = new SplittableRandom(seed);
        choosy = random.nextInt(3) > 0;
        unreliable = choosy && random.nextBoolean();
        faults = random.nextInt(3) == 0
                ? FaultLink.Faults.NONE
                : new FaultLink.Faults(some(0.1), some(0.1), some(0.2), 0, some(0.3));
        SimSettings settings = SimSettings.standard();
        @Nullable FaultLink[] made = new FaultLink[1];
        scenario = PlaneScenario.setup()
                .ip6()
                .settings(unreliable ? settings.withUnreliableWays() : settings)
                .chooser(choosy ? Chooser.seeded(seed) : Chooser.largest())
                .link(choosy ? new SimLink(SimLink.plain().caps(), seed) : SimLink.plain())
                .aroundLink(inner -> made[0] = new FaultLink(inner, faults, faults, seed))
                .change(config -> config.forwards(List.of(new PortForward(
                        PortForward.Protocol.UDP, null, null, FORWARDED, FORWARDED + FORWARDS - 1, TARGET))))
                .start();
        link = Objects.requireNonNull(made[0]);
        int count = 1 + random.nextInt(12);
        for (int id = 0; id < count; id++) {
            talks.add(talk(id));
        }
    }

    private double some(double most) {
        return random.nextBoolean() ? 0 : random.nextDouble(most);
    }

    private Talk talk(int id) {
        Kind kind = Kind.values()[random.nextInt(Kind.values().length)];
        boolean v4 = random.nextBoolean();
        int guestPort = kind == Kind.INBOUND ? TARGET + random.nextInt(FORWARDS) : 40_000 + random.nextInt(3);
        Talk talk = new Talk(kind, id, v4, kind == Kind.PING ? id + 1 : guestPort, 5_000 + id);
        switch (kind) {
            case OUTBOUND, INBOUND -> talk.socket = scenario.host(talk.far).udp(talk.farPort);
            case CLOSED -> scenario.host(talk.far).up();
            case PING -> scenario.host(talk.far).answersEcho(random.nextInt(3) * MS);
        }
        return talk;
    }

    /** In one line: what kind of a world this is. */
    String story() {
        return "world of " + talks + (choosy ? ", choosy kernel and link" : "")
                + (unreliable ? ", unreliable network" : "") + ", " + faults + ", step " + step;
    }

    void live() {
        int steps = 20 + random.nextInt(30);
        for (step = 0; step < steps; step++) {
            for (Talk talk : talks) {
                if (random.nextInt(3) == 0) {
                    speak(talk);
                }
            }
            runs(random.nextInt(3) * MS);
            listen();
            if (random.nextInt(12) == 0) {
                somethingHappens();
            }
        }
        for (int i = 0; i < 20; i++) {
            runs(100 * MS);
            listen();
        }
        nothingVanished();
        int turns = runs(200 * S);
        assertThat(turns).as("turns while nobody speaks").isLessThan(5_000);
        listen();
        assertThat(scenario.stats().flows()).as("flows at the end").isZero();
    }

    /** What is not of one conversation. */
    private void somethingHappens() {
        switch (random.nextInt(3)) {
            case 0 -> theGuestComesAgain();
            case 1 -> {
                runs(200 * S); // flows end, and begin anew
                assertThat(scenario.stats().flows()).as("flows of the idle").isZero();
                listen(); // to what came before that
                hostEndpoints.clear(); // their ports are free for others
                talks.forEach(talk -> talk.answerTo = null);
                forgotten = true;
            }
            default -> {
                Ip loopback = Ip.parse(random.nextBoolean() ? PlaneScenario.GATEWAY : "10.77.0.9");
                PlaneConfig config = scenario.config.host4(HostSide.mapping(loopback));
                assertThat(scenario.plane.handle().adopt(config)).isTrue();
                lossy |= !loopback.equals(mapped); // flows of IPv4 end, and what is under way to them has no socket
                mapped = loopback;
            }
        }
    }

    /** What was between the plane and a guest that left is gone, and nobody counts it. */
    private void theGuestComesAgain() {
        scenario.link.guestLeaves(Errno.ENOTCONN);
        runs(random.nextInt(3) * MS);
        listen();
        scenario.link.guestComes();
        runs(0);
        lossy = true;
    }

    private void speak(Talk talk) {
        int count = 1 + random.nextInt(8);
        int length = random.nextInt(1_400);
        if (random.nextInt(12) == 0) {
            count = 1;
            length = 1_400 + random.nextInt(5_000); // in fragments
        }
        boolean byFar = talk.socket != null && (talk.kind == Kind.INBOUND ? !talk.heard : talk.answerTo != null)
                || talk.kind == Kind.INBOUND && random.nextBoolean();
        byFar &= talk.kind == Kind.INBOUND || random.nextBoolean();
        int direction = byFar ? TO_GUEST : TO_FAR;
        boolean empty = talk.socket != null && random.nextInt(8) == 0;
        talk.emptySent[direction] += empty ? count : 0;
        for (int i = 0; i < count; i++) {
            byte[] body = empty ? new byte[0] : body(talk, direction, length);
            if (byFar) {
                farSends(talk, body);
            } else {
                guestSends(talk, body);
            }
        }
    }

    /** A payload that nobody else has sent; it is written down as sent. */
    private byte[] body(Talk talk, int direction, int length) {
        List<byte[]> sent = talk.sent.get(direction);
        byte[] body = new byte[HEADER + length];
        ByteBuffer.wrap(body).putInt(talk.id).putInt(direction).putInt(sent.size());
        for (int i = HEADER; i < body.length; i++) {
            body[i] = (byte) (i * 31 + sent.size() * 7 + talk.id);
        }
        sent.add(body);
        return body;
    }

    private void farSends(Talk talk, byte[] body) {
        FarUdp socket = Objects.requireNonNull(talk.socket);
        if (talk.kind == Kind.INBOUND) {
            socket.send(
                    Ip.parse(talk.guest),
                    FORWARDED + talk.guestPort - TARGET,
                    body); // the host has the guest's address
        } else {
            FarUdp.Arrival to = Objects.requireNonNull(talk.answerTo);
            socket.send(to.from(), to.fromPort(), body);
        }
    }

    private void guestSends(Talk talk, byte[] body) {
        boolean ping = talk.kind == Kind.PING;
        int sequence = talk.sent.get(TO_FAR).size();
        if (talk.isV4()) {
            byte[] whole = ping
                    ? Packets.icmp4(8, talk.guestPort, sequence, body)
                    : Packets.udp(talk.guest, talk.guestPort, talk.far, talk.farPort, body);
            fragments4(ping ? 1 : 17, talk, whole);
        } else {
            byte[] whole = ping
                    ? Packets6.icmp6(128, talk.guest, talk.far, talk.guestPort, sequence, body)
                    : Packets6.udp(talk.guest, talk.guestPort, talk.far, talk.farPort, body);
            if (whole.length <= 1_460) {
                scenario.guestSends(Packets6.fromGuest(ping ? 58 : 17, talk.guest, talk.far, whole));
            } else {
                Packets6.fragments(ping ? 58 : 17, talk.guest, talk.far, ++fragmentId, whole, 1_448)
                        .forEach(scenario::guestSends);
            }
        }
    }

    private void fragments4(int protocol, Talk talk, byte[] whole) {
        int id = ++fragmentId;
        for (int at = 0; at < whole.length; at += 1_480) {
            byte[] part = Arrays.copyOfRange(whole, at, Math.min(at + 1_480, whole.length));
            byte[] packet = Packets.ip4(protocol, talk.guest, talk.far, part);
            int field = at / 8 | (at + part.length < whole.length ? 0x2000 : 0);
            ByteBuffer.wrap(packet).putShort(4, (short) id).putShort(6, (short) field);
            scenario.guestSends(
                    Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, Packets.withIp4Checksum(packet, 0)));
        }
    }

    /** Lets time pass; returns how many turns that took. */
    private int runs(long ns) {
        long endNs = scenario.clock.nowNs() + ns;
        int turns = 0;
        for (int settled = 0; settled < 8; turns++) {
            scenario.plane.turn(Math.max(0, endNs - scenario.clock.nowNs()));
            settled = scenario.clock.nowNs() >= endNs ? settled + 1 : 0;
            assertThat(turns).as("turns").isLessThan(MOST_TURNS);
        }
        return turns;
    }

    private void listen() {
        for (GuestFrame frame : scenario.link.seen()) {
            ear.hear(frame.bytes).ifPresent(this::guestHears);
        }
        scenario.link.forgetSeen();
        for (Talk talk : talks) {
            FarUdp socket = talk.socket;
            if (socket != null) {
                List<FarUdp.Arrival> arrivals = socket.arrivals();
                arrivals.subList(talk.seen, arrivals.size()).forEach(arrival -> farHears(talk, arrival));
                talk.seen = arrivals.size();
            }
        }
    }

    private void guestHears(GuestEar.Heard heard) {
        if (heard.protocol == 17) {
            if (heard.u16(0) < 1_024) {
                return; // what configures the guest
            }
            if (heard.from(8).length == 0) {
                emptyArrived(talkWith(heard), TO_GUEST);
                return;
            }
            Talk talk = talkOf(heard.from(8));
            assertThat(heard.src).as("source").isEqualTo(Ip.parse(talk.far));
            assertThat(heard.dst).as("destination").isEqualTo(Ip.parse(talk.guest));
            assertThat(heard.u16(0)).as("source port").isEqualTo(talk.farPort);
            assertThat(heard.u16(2)).as("destination port").isEqualTo(talk.guestPort);
            talk.heard = true;
            arrived(talk, TO_GUEST, TO_GUEST, heard.from(8), false);
            return;
        }
        boolean v4 = heard.protocol == 1;
        int type = heard.u8(0);
        if (type == (v4 ? 0 : 129)) {
            Talk talk = talkOf(heard.from(8));
            assertThat(talk.kind).isEqualTo(Kind.PING);
            assertThat(heard.src).as("source").isEqualTo(Ip.parse(talk.far));
            assertThat(heard.u16(4)).as("identifier").isEqualTo(talk.guestPort);
            arrived(talk, TO_GUEST, TO_FAR, heard.from(8), true);
        } else if (type == (v4 ? 3 : 1)) {
            complained(heard, v4);
        }
    }

    /** Port unreachable, and about nothing but what the guest sent to such a port. */
    private void complained(GuestEar.Heard heard, boolean v4) {
        assertThat(heard.u8(1)).as("code").isEqualTo(v4 ? 3 : 4);
        int udp = 8 + (v4 ? 20 : 40);
        int guestPort = heard.u16(udp);
        int farPort = heard.u16(udp + 2);
        assertThat(talks)
                .as("conversations that a port %s of %s is closed to", farPort, heard.src)
                .anyMatch(talk -> talk.kind == Kind.CLOSED
                        && talk.guestPort == guestPort
                        && talk.farPort == farPort
                        && heard.src.equals(Ip.parse(talk.far))
                        && heard.dst.equals(Ip.parse(talk.guest))
                        && !talk.sent.get(TO_FAR).isEmpty());
    }

    private Talk talkWith(GuestEar.Heard heard) {
        return talks.stream()
                .filter(talk -> heard.src.equals(Ip.parse(talk.far)) && heard.u16(0) == talk.farPort)
                .findAny()
                .orElseThrow(() -> new AssertionError("nobody sends from " + heard.src));
    }

    /** One without a payload does not say which it is; there are no more of them than were sent. */
    private void emptyArrived(Talk talk, int direction) {
        talk.emptyHeard[direction]++;
        int most = (faults.duplicate() > 0 ? 2 : 1) * (unreliable ? 2 : 1) * talk.emptySent[direction];
        assertThat(talk.emptyHeard[direction]).as("empty datagrams of %s", talk).isLessThanOrEqualTo(most);
    }

    private void farHears(Talk talk, FarUdp.Arrival arrival) {
        if (arrival.bytes().length == 0) {
            emptyArrived(talk, TO_FAR);
            return;
        }
        Talk owner = talkOf(arrival.bytes());
        assertThat(owner).as("conversation of what came to " + talk).isSameAs(talk);
        assertThat(arrival.from()).as("the host's address").isEqualTo(Ip.parse(talk.guest));
        if (talk.kind == Kind.INBOUND) {
            int forwarded = FORWARDED + talk.guestPort - TARGET;
            assertThat(arrival.fromPort())
                    .as("port, which is the guest's where it speaks first")
                    .isIn(forwarded, forgotten ? talk.guestPort : forwarded);
        }
        Talk other = hostEndpoints.putIfAbsent(
                arrival.from() + " " + arrival.fromPort() + " to " + talk.far + " " + talk.farPort, talk);
        assertThat(other == null || other == talk)
                .as("one host port for one conversation")
                .isTrue();
        talk.answerTo = arrival;
        arrived(talk, TO_FAR, TO_FAR, arrival.bytes(), false);
    }

    private Talk talkOf(byte[] body) {
        assertThat(body.length).as("bytes").isGreaterThanOrEqualTo(HEADER);
        int id = ByteBuffer.wrap(body).getInt();
        assertThat(id).as("conversation").isBetween(0, talks.size() - 1);
        return talks.get(id);
    }

    /** {@code direction}: in which it came; {@code origin}: in which it was sent, for an echo comes back. */
    private void arrived(Talk talk, int direction, int origin, byte[] body, boolean thereAndBack) {
        int number = ByteBuffer.wrap(body).getInt(8);
        List<byte[]> sent = talk.sent.get(origin);
        assertThat(number).as("number of a datagram of " + talk).isBetween(0, sent.size() - 1);
        assertThat(body).as("datagram %s of %s", number, talk).isEqualTo(sent.get(number));
        int copies = talk.copies.get(direction).merge(number, 1, Integer::sum);
        int most = (faults.duplicate() > 0 ? thereAndBack ? 4 : 2 : 1) * (unreliable ? 2 : 1);
        assertThat(copies).as("copies of datagram %s of %s", number, talk).isLessThanOrEqualTo(most);
        if (!unreliable && faults.reorder() == 0 && !(thereAndBack && faults.duplicate() > 0)) {
            assertThat(number).as("order of " + talk).isGreaterThanOrEqualTo(talk.last[direction]);
        }
        talk.last[direction] = number;
    }

    /** What is missing was lost by a fault of the link or was counted by the plane. Of an unreliable network, a guest that left and flows that
     * a new configuration ended nobody knows. */
    private void nothingVanished() {
        if (unreliable || lossy) {
            return;
        }
        long counted = link.dropped();
        Map<Drop, Long> dropped = new EnumMap<>(Drop.class);
        for (Drop reason : Drop.values()) {
            boolean harmless = reason == Drop.NONE || reason == Drop.FRAGMENT_HELD || reason == Drop.FRAGMENT_DUPLICATE;
            long count = harmless ? 0 : scenario.count(reason);
            if (count > 0) {
                dropped.put(reason, count);
                counted += count;
            }
        }
        long missing = 0;
        for (Talk talk : talks) {
            switch (talk.kind) {
                case PING ->
                    missing += talk.sent.get(TO_FAR).size()
                            - talk.copies.get(TO_GUEST).size();
                case CLOSED -> {}
                default -> {
                    missing += talk.sent.get(TO_FAR).size()
                            - talk.copies.get(TO_FAR).size();
                    missing += talk.sent.get(TO_GUEST).size()
                            - talk.copies.get(TO_GUEST).size();
                }
            }
        }
        assertThat(missing)
                .as(
                        "datagrams that are missing; the link dropped %s, the plane %s; %s",
                        link.dropped(), dropped, missing())
                .isLessThanOrEqualTo(counted);
    }

    /** Of each conversation with a far host, what did not come, and what the host had no port for. */
    private String missing() {
        StringBuilder text = new StringBuilder();
        for (Talk talk : talks) {
            FarUdp socket = talk.socket;
            if (socket == null) {
                continue;
            }
            for (int direction = TO_FAR; direction <= TO_GUEST; direction++) {
                List<Integer> numbers = new ArrayList<>();
                for (int i = 0; i < talk.sent.get(direction).size(); i++) {
                    if (!talk.copies.get(direction).containsKey(i)) {
                        numbers.add(i);
                    }
                }
                text.append(talk.id)
                        .append(direction == TO_FAR ? " to far " : " to guest ")
                        .append(numbers)
                        .append(' ');
            }
            text.append("refused ").append(socket.refused()).append("; ");
        }
        return text.toString();
    }

    @Override
    public void close() {
        scenario.close();
    }
}
