package io.passatelli.plane;

import io.passatelli.Seeds;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.config.Cidr;
import io.passatelli.config.GuestNetwork;
import io.passatelli.config.HostSide;
import io.passatelli.config.Ip6Network;
import io.passatelli.config.PlaneConfig;
import io.passatelli.wire.Packets;
import io.passatelli.wire.Packets6;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.ExtendWith;

import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

import static io.passatelli.plane.PlaneScenario.GATEWAY;
import static io.passatelli.plane.PlaneScenario.GUEST;
import static io.passatelli.plane.PlaneScenario.GUEST6;
import static io.passatelli.plane.PlaneScenario.ROUTER6;
import static java.util.Objects.requireNonNull;
import static org.assertj.core.api.Assertions.assertThat;

/** A hostile guest: frames that are almost right, without end. */
@Tag("sim")
@ExtendWith(Seeds.Named.class)
class StormTest {
    private static final int FRAMES = 1_000_000;
    private static final int SOCKETS = 200;
    private static final long TURN_NS = 10_000_000;
    private static final long SLACK_BYTES = 8 << 20;

    @Test
    @Timeout(120)
    void millionOfMutatedFramesAreAllCountedAndNothingGrows() {
        var random = new SplittableRandom(Seeds.first());
        var os = new EchoOs(SOCKETS);
        var guest = new StormLink(TEMPLATES, random);
        long[] nowNs = {1};
        var network = new GuestNetwork(
                new Cidr(Ip.parse(GUEST), 24),
                false,
                Ip.parse(GATEWAY),
                GuestNetwork.MTU_MAX,
                List.of(),
                List.of(),
                "web",
                null,
                GuestNetwork.DEFAULT_MAC,
                new Ip6Network(new Cidr(Ip.parse(GUEST6), 64), false, Ip.parse(ROUTER6), List.of()));
        var config = PlaneConfig.of(network)
                .host4(HostSide.mapping(Ip.parse(GATEWAY)))
                .host6(HostSide.mapping(Ip.parse(ROUTER6)));
        long[] lines = {0};
        var log = new Log(Log.Level.INFO, (level, line) -> lines[0]++);
        var around = new Surroundings(os, () -> nowNs[0], log, random::nextLong);
        try (var plane = new DataPlane(config, around, (its, counters, its2) -> guest, PlaneEvents.NOBODY)) {
            turn(plane, guest, FRAMES / 5, nowNs);
            long before = liveBytes();
            turn(plane, guest, FRAMES, nowNs);
            assertThat(liveBytes() - before).isLessThan(SLACK_BYTES);

            PlaneStats stats = plane.snapshot();
            long timedOut =
                    requireNonNull(stats.drops().get(Drop.FRAGMENT_TIMED_OUT)); // datagrams, beside their frames
            assertThat(stats.drops().values().stream()
                                    .mapToLong(Long::longValue)
                                    .sum()
                            - timedOut)
                    .isEqualTo(FRAMES)
                    .isEqualTo(stats.traffic().framesFromGuest());
            assertThat(stats.invariantViolations()).isZero();
            assertThat(stats.flows()).isEqualTo(os.openSockets()).isLessThanOrEqualTo(SOCKETS);
            for (Drop expected : EXPECTED) {
                assertThat(stats.drops().get(expected)).as("%s", expected).isPositive();
            }
            long seconds = nowNs[0] / 1_000_000_000 + 1;
            assertThat(lines[0]).isLessThanOrEqualTo(2 * Limits.LOG_LINES_PER_SECOND * seconds);
        }
        assertThat(os.openSockets()).isZero();
    }

    /** The storm comes to these places, so that it is not the first check that takes it all. */
    private static final List<Drop> EXPECTED = List.of(
            Drop.NONE,
            Drop.ETHERNET_TYPE_UNKNOWN,
            Drop.ARP_NOT_REQUEST,
            Drop.IP4_BAD_CHECKSUM,
            Drop.ICMP_BAD_CHECKSUM,
            Drop.ICMP_NOT_ECHO_REQUEST,
            Drop.DESCRIPTORS_EXHAUSTED,
            Drop.UDP_BAD_LENGTH,
            Drop.UDP_BAD_CHECKSUM,
            Drop.UDP_SOCKET_REFUSED,
            Drop.DHCP_BAD_OPTION,
            Drop.TCP_TRUNCATED,
            Drop.IP6_BAD_VERSION,
            Drop.IP6_BAD_PAYLOAD_LENGTH,
            Drop.IP6_EXTENSION_TRUNCATED,
            Drop.IP6_BAD_OPTION,
            Drop.IP6_BAD_HEADER_ORDER,
            Drop.IP6_PROTOCOL_UNKNOWN,
            Drop.FRAGMENT_HELD,
            Drop.FRAGMENT_DUPLICATE,
            Drop.FRAGMENT_OVERLAP,
            Drop.FRAGMENT_BAD,
            Drop.FRAGMENT_TABLE_FULL,
            Drop.FRAGMENT_TIMED_OUT);

    private static final List<byte[]> TEMPLATES = List.of(
            Packets.ethernet(
                    Packets.BROADCAST,
                    Packets.GUEST_MAC,
                    0x0806,
                    Packets.arp(1, Packets.GUEST_MAC, GUEST, "00:00:00:00:00:00", GATEWAY)),
            PlaneScenario.echoRequest(GUEST, GATEWAY, 1, 1, new byte[56]),
            PlaneScenario.echoRequest(GUEST, "192.0.2.7", 2, 1, new byte[1400]),
            RouterScenarioTest.discover(),
            withoutUdpChecksum(RouterScenarioTest.discover()),
            Packets.ethernet(
                    Packets.OUR_MAC,
                    Packets.GUEST_MAC,
                    0x0800,
                    Packets.ip4(17, GUEST, GATEWAY, Packets.udp(GUEST, 4000, GATEWAY, 53, new byte[40]))),
            Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x0800, Packets.ip4(6, GUEST, GATEWAY, new byte[40])),
            Packets.ethernet(Packets.OUR_MAC, Packets.GUEST_MAC, 0x86dd, new byte[80]),
            Packets6.fragments4(1, GUEST, GATEWAY, 9, Packets.icmp4(8, 1, 1, new byte[900]), 800)
                    .get(0),
            Packets6.fragments4(1, GUEST, GATEWAY, 9, Packets.icmp4(8, 1, 1, new byte[900]), 800)
                    .get(1),
            Packets6.frame(
                    Packets6.ip6(58, GUEST6, ROUTER6, Packets6.echoRequest(GUEST6, ROUTER6, 3, 1, new byte[56]))),
            Packets6.frame(Packets6.ip6(
                    0,
                    GUEST6,
                    ROUTER6,
                    Packets6.options(
                            60,
                            8,
                            Packets6.options(
                                    44,
                                    16,
                                    Packets6.fragment(
                                            58,
                                            0,
                                            true,
                                            10,
                                            Arrays.copyOf(
                                                    Packets6.echoRequest(GUEST6, ROUTER6, 3, 1, new byte[64]), 64)))))),
            Packets6.frame(Packets6.ip6(44, GUEST6, ROUTER6, Packets6.fragment(58, 64, false, 10, new byte[8]))));

    /** RFC 768: 0 says that there is none, so that a change of the message is not taken for an accident. */
    private static byte[] withoutUdpChecksum(byte[] frame) {
        frame[40] = 0;
        frame[41] = 0;
        return frame;
    }

    private static void turn(DataPlane plane, StormLink guest, long until, long[] nowNs) {
        guest.storm(until);
        while (!guest.isDone()) {
            plane.turn(0);
            nowNs[0] += TURN_NS;
        }
        plane.turn(0); // the answers
    }

    private static long liveBytes() {
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        return runtime.totalMemory() - runtime.freeMemory();
    }

    /** Changes {@code frame} a little, in one of several ways; the IPv4 checksum is right again more often than not. Returns its length. */
    static int mutate(byte[] frame, int length, SplittableRandom random) {
        int changed = length;
        for (int i = random.nextInt(4); i > 0; i--) {
            switch (random.nextInt(4)) {
                case 0 -> frame[random.nextInt(changed)] = (byte) random.nextInt();
                case 1 -> frame[random.nextInt(changed)] ^= (byte) (1 << random.nextInt(8));
                case 2 -> changed = Math.max(14, random.nextInt(changed + 1));
                default -> {
                    int field = 12 + random.nextInt(32); // headers, more than their share
                    if (field + 1 < changed) {
                        frame[field] = (byte) random.nextInt();
                        frame[field + 1] = (byte) random.nextInt();
                    }
                }
            }
        }
        if (random.nextInt(4) != 0 && changed >= 34) {
            byte[] whole = Arrays.copyOf(frame, changed);
            System.arraycopy(Packets.withIp4Checksum(whole, 14), 0, frame, 0, changed);
            if (random.nextInt(2) != 0 && changed >= 42 && frame[23] == 1) {
                icmpChecksum(frame, changed);
            }
        }
        return changed;
    }

    private static void icmpChecksum(byte[] frame, int length) {
        int l4 = 14 + (frame[14] & 0xf) * 4;
        int end = Math.min(length, 14 + ((frame[16] & 0xff) << 8 | frame[17] & 0xff));
        if (l4 < 34 || end < l4 + 8) {
            return;
        }
        frame[l4 + 2] = 0;
        frame[l4 + 3] = 0;
        int sum = ~Packets.naiveSum(Arrays.copyOf(frame, end), l4, end - l4);
        frame[l4 + 2] = (byte) (sum >>> 8);
        frame[l4 + 3] = (byte) sum;
    }
}
