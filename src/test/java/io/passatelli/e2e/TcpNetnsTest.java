package io.passatelli.e2e;

import io.passatelli.e2e.TcpWorld.Family;
import io.passatelli.e2e.TcpWorld.Pair;
import io.passatelli.e2e.TcpWorld.Way;
import io.passatelli.lab.TcpEnd;
import io.passatelli.lab.TcpService;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.AfterParameterizedClassInvocation;
import org.junit.jupiter.params.BeforeParameterizedClassInvocation;
import org.junit.jupiter.params.ParameterizedClass;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetAddress;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.Future;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

/** TCP between programs on a Linux stack behind our links and programs on the pod's peer and the pod, on real sockets. */
@Tag("netns")
@ParameterizedClass
@EnumSource(TcpNetnsTest.Link.class)
class TcpNetnsTest {
    /** Nobody listens there. */
    private static final int CLOSED = 7_999;
    /** Is the guest's, where nobody listens. */
    private static final int CLOSED_IN_GUEST = 7_119;

    private static final int CONNECTIONS = 1_000;
    private static final int AT_ONCE = 16;
    private static final long BULK_BYTES = 48 << 20;
    private static final Duration LIMIT = Duration.ofSeconds(60);

    @SuppressWarnings("NullAway.Init") // by up()
    private static TcpWorld world;

    enum Link {
        TAP(true, 65_520),
        ETHERNET_TAP(true, 1_500),
        STREAM(false, 65_520),
        ETHERNET_STREAM(false, 1_500);

        final boolean isTap;
        final int mtu;

        Link(boolean isTap, int mtu) {
            this.isTap = isTap;
            this.mtu = mtu;
        }

        TcpWorld start() throws IOException, InterruptedException {
            return isTap
                    ? TapGuest.start(mtu)
                    : NetnsGuest.start("-m", String.valueOf(mtu), "-t", TcpWorld.PORTS)
                            .configured(mtu);
        }
    }

    private final Link link;

    TcpNetnsTest(Link link) {
        this.link = link;
    }

    @BeforeParameterizedClassInvocation
    static void up(Link link) throws Exception {
        world = link.start();
    }

    @AfterParameterizedClassInvocation
    static void down() throws Exception {
        if (world != null) { // null where up() failed
            world.close();
        }
    }

    @AfterEach
    void nothingIsLeft() throws Exception {
        world.awaitQuiet();
    }

    @Test
    void bytesArriveAsTheyWereSent() throws Exception {
        for (Family family : Family.values()) {
            for (Way way : Way.values()) {
                for (long bytes : new long[] {0, 1, 2 << 10, 5 << 10, 1 << 20}) {
                    for (boolean ofGuest : new boolean[] {true, false}) {
                        carry(way, family, ofGuest, bytes);
                    }
                }
                carryBothWays(way, family);
            }
        }
    }

    @Test
    void bulkArrivesWholeBothWays() throws Exception {
        for (Family family : Family.values()) {
            for (Way way : Way.values()) {
                for (boolean ofGuest : new boolean[] {true, false}) {
                    carry(way, family, ofGuest, link.mtu > 9_000 ? BULK_BYTES : BULK_BYTES / 2);
                }
            }
        }
    }

    private static void carry(Way way, Family family, boolean ofGuest, long bytes) throws Exception {
        try (Pair pair = world.connection(way, family);
                TcpBulk bulk = new TcpBulk()) {
            bulk.add(pair.end(ofGuest), pair.end(!ofGuest), bytes);
            bulk.await(LIMIT);
        }
    }

    private static void carryBothWays(Way way, Family family) throws Exception {
        try (Pair pair = world.connection(way, family);
                TcpBulk bulk = new TcpBulk()) {
            bulk.add(pair.guest(), pair.peer(), 4 << 20);
            bulk.add(pair.peer(), pair.guest(), 4 << 20);
            bulk.await(LIMIT);
        }
    }

    @Test
    void endsSeeEachOthersAddresses() throws Exception {
        for (Family family : Family.values()) {
            for (Way way : Way.values()) {
                try (Pair pair = world.connection(way, family)) {
                    assertThat(pair.guest().peer().getAddress().getHostAddress())
                            .isEqualTo(text(family.peer));
                    assertThat(pair.peer().peer().getAddress().getHostAddress()).isEqualTo(text(family.guest));
                    if (way == Way.TO_GUEST) {
                        assertThat(pair.guest().peer().getPort())
                                .isEqualTo(pair.peer().port());
                    }
                }
            }
        }
    }

    private static String text(String address) throws IOException {
        return InetAddress.getByName(address).getHostAddress();
    }

    /** As SMTP and SSH do. */
    @Test
    void serverThatSpeaksFirstIsHeard() throws Exception {
        byte[] banner = "220 at your service\r\n".getBytes(StandardCharsets.US_ASCII);
        byte[] answer = "EHLO\r\n".getBytes(StandardCharsets.US_ASCII);
        for (Family family : Family.values()) {
            for (Way way : Way.values()) {
                try (Pair pair = world.connection(way, family)) {
                    TcpEnd server = pair.end(way == Way.TO_GUEST);
                    TcpEnd client = pair.end(way == Way.FROM_GUEST);
                    server.send(banner);
                    assertThat(client.receive(banner.length)).isEqualTo(banner);
                    client.send(answer);
                    assertThat(server.receive(answer.length)).isEqualTo(answer);
                }
            }
        }
    }

    /** What nc -N does: all is said, and the answer is still awaited. */
    @Test
    void sideThatHasFinishedStillReceives() throws Exception {
        byte[] question = bytes(100_000);
        byte[] answer = bytes(300_000);
        for (Family family : Family.values()) {
            for (Way way : Way.values()) {
                for (boolean guestFirst : new boolean[] {true, false}) {
                    try (Pair pair = world.connection(way, family)) {
                        TcpEnd first = pair.end(guestFirst);
                        TcpEnd second = pair.end(!guestFirst);
                        first.send(question);
                        first.finish();
                        assertSame(second.receiveAll(), question);
                        second.send(answer);
                        assertSame(first.receive(answer.length), answer);
                        second.send(question);
                        second.finish();
                        assertSame(first.receiveAll(), question);
                    }
                }
            }
        }
    }

    @Test
    void bothSidesMayFinishAtOnce() throws Exception {
        for (Family family : Family.values()) {
            for (Way way : Way.values()) {
                for (int round = 0; round < 20; round++) {
                    try (Pair pair = world.connection(way, family)) {
                        pair.guest().finish();
                        pair.peer().finish();
                        pair.guest().awaitEnd();
                        pair.peer().awaitEnd();
                    }
                }
            }
        }
    }

    @Test
    void closedPortOfThePeerRefusesTheGuest() throws Exception {
        for (Family family : Family.values()) {
            assertRefused(family.peer, Duration.ofSeconds(2));
        }
    }

    @Test
    void closedPortOfThePodsLoopbackRefusesTheGuest() throws Exception {
        for (Family family : Family.values()) {
            assertRefused(family.gateway, Duration.ofSeconds(2));
        }
    }

    /** The pod's kernel gives up after three questions for the address, of a second each. */
    @Test
    void addressThatNobodyHasIsAnErrorBeforeTheGuestGivesUp() throws Exception {
        for (Family family : Family.values()) {
            assertRefused(family.nobody, Duration.ofSeconds(15));
        }
    }

    @Test
    void unreachableNetworkIsAnErrorAtOnce() throws Exception {
        world.sh(
                world.guest(),
                "ip -6 route replace fd88::/64 via fd77::1 dev $(ip -6 route show fd77::/64 | sed 's/.*dev \\([^ ]*\\).*/\\1/')");
        world.sh(world.lab().pod(), "ip route add unreachable 192.0.2.0/24; ip -6 route add unreachable fd88::/64");
        assertRefused("192.0.2.1", Duration.ofSeconds(2));
        assertRefused("fd88::1", Duration.ofSeconds(2));
    }

    private static void assertRefused(String address, Duration limit) throws Exception {
        long began = System.nanoTime();
        assertThatThrownBy(() -> TcpEnd.connect(world.guest(), address, CLOSED))
                .as("%s", address)
                .isInstanceOf(ConnectException.class)
                .hasMessage("Connection refused");
        assertThat(Duration.ofNanos(System.nanoTime() - began))
                .as("%s", address)
                .isLessThan(limit);
    }

    /** The pod has taken the connection by then; the reset may be there before connect(2) has returned. */
    @Test
    void portThatIsForwardedToNobodyIsResetForThePeer() throws Exception {
        for (Family family : Family.values()) {
            assertReset(() -> {
                try (TcpEnd peer = TcpEnd.connect(world.lab().peer(), family.peer, family.guest, CLOSED_IN_GUEST)) {
                    peer.receive(1);
                }
            });
        }
    }

    @Test
    void resetOfOneSideIsSeenByTheOther() throws Exception {
        byte[] some = bytes(1_000);
        for (Family family : Family.values()) {
            for (Way way : Way.values()) {
                for (boolean ofGuest : new boolean[] {true, false}) {
                    try (Pair pair = world.connection(way, family)) {
                        pair.end(ofGuest).send(some);
                        assertThat(pair.end(!ofGuest).receive(some.length)).isEqualTo(some);
                        pair.end(ofGuest).reset();
                        assertReset(() -> pair.end(!ofGuest).receive(1));
                    }
                }
            }
        }
    }

    @Test
    void resetInTheMidstOfBulkIsSeenByTheSender() throws Exception {
        for (Family family : Family.values()) {
            for (Way way : Way.values()) {
                for (boolean ofGuest : new boolean[] {true, false}) {
                    try (Pair pair = world.connection(way, family);
                            Background sender = new Background(world::complaint)) {
                        Future<String> failure = sender.run(pair.end(ofGuest)::writeUntilItFails);
                        pair.end(!ofGuest).receive(3 << 20);
                        pair.end(!ofGuest).reset();
                        assertThat(sender.result(failure)).matches("Connection reset.*|Broken pipe");
                    }
                }
            }
        }
    }

    private static void assertReset(ThrowingCallable read) {
        assertThatThrownBy(read).isInstanceOf(IOException.class).hasMessageMatching("Connection reset.*");
    }

    @Test
    void loopbackOfThePodIsReachedThroughTheGateway() throws Exception {
        byte[] some = bytes(5_000);
        for (Family family : Family.values()) {
            try (TcpService service = TcpService.at(world.lab().pod(), family.loopback, 7_000);
                    TcpEnd guest = TcpEnd.connect(world.guest(), family.gateway, 7_000);
                    TcpEnd pod = service.accept()) {
                assertThat(pod.peer().getAddress().isLoopbackAddress()).isTrue();
                guest.send(some);
                assertThat(pod.receive(some.length)).isEqualTo(some);
                pod.send(some);
                assertThat(guest.receive(some.length)).isEqualTo(some);
            }
        }
    }

    /** Where the source is link-local, so is the destination. */
    @Test
    void programsOfThePodReachTheGuestAndAreSeenAtTheGateway() throws Exception {
        byte[] some = bytes(5_000);
        for (Family family : Family.values()) {
            for (String address : List.of(family.loopback, family.guest)) {
                try (TcpService service = TcpService.at(world.guest(), family.any, TcpWorld.FIRST_PORT);
                        TcpEnd pod = TcpEnd.connect(world.lab().pod(), address, TcpWorld.FIRST_PORT);
                        TcpEnd guest = service.accept()) {
                    pod.send(some);
                    assertThat(guest.receive(some.length)).isEqualTo(some);
                    guest.send(some);
                    assertThat(pod.receive(some.length)).isEqualTo(some);
                    assertThat(guest.peer().getAddress().getHostAddress())
                            .as("%s", address)
                            .isNotEqualTo(text(family.guest));
                }
            }
        }
    }

    @Test
    void readerThatRestsAndReaderThatStopsGetAll() throws Exception {
        Duration stop = Duration.ofSeconds(5);
        List<Pair> pairs = new ArrayList<>();
        try (TcpBulk slow = new TcpBulk();
                TcpBulk others = new TcpBulk()) {
            for (Family family : Family.values()) {
                for (boolean ofGuest : new boolean[] {true, false}) {
                    Pair stopping = kept(pairs, world.connection(Way.FROM_GUEST, family));
                    slow.add(stopping.end(ofGuest), stopping.end(!ofGuest), 24 << 20)
                            .stoppingAt(1 << 20, stop);
                    Pair resting = kept(pairs, world.connection(Way.TO_GUEST, family));
                    slow.add(resting.end(ofGuest), resting.end(!ofGuest), 8 << 20)
                            .resting(Duration.ofMillis(20));
                    Pair lively = kept(pairs, world.connection(Way.FROM_GUEST, family));
                    others.add(lively.end(ofGuest), lively.end(!ofGuest), 8 << 20);
                }
            }
            slow.start();
            Thread.sleep(1_000); // by now those who stop have stopped
            others.await(LIMIT);
            assertThat(others.longestPause()).as("%s", others).isLessThan(Duration.ofSeconds(1));
            slow.await(LIMIT);
        } finally {
            for (Pair pair : pairs) {
                pair.close();
            }
        }
    }

    private static Pair kept(List<Pair> pairs, Pair pair) {
        pairs.add(pair);
        return pair;
    }

    @Test
    void thousandShortConnectionsFromTheGuest() throws Exception {
        for (Family family : Family.values()) {
            storm(world.guest(), world.lab().peer(), family.peer, CONNECTIONS / 2);
        }
    }

    @Test
    void thousandShortConnectionsToTheGuest() throws Exception {
        for (Family family : Family.values()) {
            storm(world.lab().peer(), world.guest(), family.guest, CONNECTIONS / 2);
        }
    }

    /** Each asks one question, hears one answer, and both sides finish. */
    private static void storm(String from, String to, String address, int count) throws Exception {
        try (TcpService service = TcpService.at(to, address, TcpWorld.FIRST_PORT);
                Background programs = new Background(world::complaint)) {
            List<Future<Integer>> served = new ArrayList<>();
            List<Future<Integer>> asked = new ArrayList<>();
            for (int i = 0; i < AT_ONCE; i++) {
                int share = count / AT_ONCE + (i < count % AT_ONCE ? 1 : 0);
                served.add(programs.run(() -> serve(service, share)));
                asked.add(programs.run(() -> ask(from, address, share)));
            }
            for (int i = 0; i < AT_ONCE; i++) {
                programs.result(asked.get(i));
                programs.result(served.get(i));
            }
        }
    }

    private static int serve(TcpService service, int count) throws IOException {
        for (int i = 0; i < count; i++) {
            try (TcpEnd end = service.accept()) {
                byte[] question = end.receiveAll();
                end.send(question);
                end.send(question);
            }
        }
        return count;
    }

    private static int ask(String from, String address, int count) throws IOException {
        SplittableRandom random = new SplittableRandom(count);
        for (int i = 0; i < count; i++) {
            byte[] question = new byte[1 + random.nextInt(3_000)];
            random.nextBytes(question);
            try (TcpEnd end = TcpEnd.connect(from, address, TcpWorld.FIRST_PORT)) {
                end.send(question);
                end.finish();
                assertThat(end.receive(question.length)).isEqualTo(question);
                assertThat(end.receiveAll()).isEqualTo(question);
            }
        }
        return count;
    }

    /** Says where they differ, not what they are. */
    private static void assertSame(byte[] actual, byte[] expected) {
        assertThat(Arrays.mismatch(actual, expected))
                .as("where %d bytes differ from the %d expected", actual.length, expected.length)
                .isEqualTo(-1);
    }

    private static byte[] bytes(int size) {
        byte[] bytes = new byte[size];
        new SplittableRandom(size).nextBytes(bytes);
        return bytes;
    }
}
