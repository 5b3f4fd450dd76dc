package io.passatelli.os.sim;

import io.passatelli.Seeds;
import io.passatelli.base.Ip;
import io.passatelli.os.Calls;
import io.passatelli.os.Epoll;
import io.passatelli.os.Errno;
import io.passatelli.os.MemInfo;
import io.passatelli.os.Socket;
import org.junit.jupiter.api.Test;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;

import static org.assertj.core.api.Assertions.assertThat;

/** TCP between this host and others: what the tests of other packages build on. */
class FarTcpTest {
    private static final Ip OURS = Ip.parse("192.0.2.2");
    private static final Ip OURS6 = Ip.parse("2001:db8:1::2");
    private static final Ip FAR = Ip.parse("203.0.113.5");
    private static final Ip FAR6 = Ip.parse("2001:db8::5");
    private static final int PORT = 80;
    private static final int ALL = Epoll.IN | Epoll.OUT | Epoll.RDHUP;
    private static final int GONE = ALL | Epoll.HUP;
    private static final long MS = 1_000_000;
    private static final long SECOND = 1_000 * MS;
    private static final int LONG = 1_000_000;

    private SimClock clock = new SimClock();
    private SimOs os = simOs(SimSettings.standard(), Chooser.largest());
    private Calls calls = new Calls(os);

    private SimOs simOs(SimSettings settings, Chooser chooser) {
        SimOs made = new SimOs(settings, clock, chooser);
        made.addAddress(OURS);
        made.addAddress(OURS6);
        return made;
    }

    private void boot(SimSettings settings, Chooser chooser) {
        clock = new SimClock();
        os = simOs(settings, chooser);
        calls = new Calls(os);
    }

    /** Runs {@code story} in a kernel that does all at once, and in twenty that do as they like. */
    private void inManyKernels(Runnable story) {
        story.run();
        Seeds.firstOf(20)
                .forEach(seed -> Seeds.run(seed, () -> {
                    boot(SimSettings.standard(), Chooser.seeded(seed));
                    story.run();
                }));
    }

    private int socket(Ip like) {
        return os.socket(like.isV4() ? Socket.AF_INET : Socket.AF_INET6, Socket.SOCK_STREAM, 0);
    }

    private int connecting(Ip to) {
        int fd = socket(to);
        assertThat(calls.connect(fd, to, PORT)).isEqualTo(-Errno.EINPROGRESS);
        return fd;
    }

    private int connected(Ip to) {
        int fd = connecting(to);
        assertThat(calls.await(fd, Epoll.OUT)).isEqualTo(Epoll.OUT);
        assertThat(calls.error(fd)).isZero();
        return fd;
    }

    private int listener(Ip at, int backlog) {
        int fd = socket(at);
        assertThat(os.setOption(fd, Socket.SOL_SOCKET, Socket.SO_REUSEADDR, 1)).isZero();
        if (!at.isV4()) {
            assertThat(os.setOption(fd, Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, 1))
                    .isZero();
        }
        assertThat(calls.bind(fd, at, 8_080)).isZero();
        assertThat(os.listen(fd, backlog)).isZero();
        return fd;
    }

    private int accepted(int listener) {
        assertThat(calls.await(listener, Epoll.IN)).isEqualTo(Epoll.IN);
        return calls.accept(listener);
    }

    private int events(int fd) {
        clock.advance(0);
        int epoll = os.epollCreate();
        calls.add(epoll, fd, ALL);
        int events = calls.eventsOf(epoll, fd);
        os.close(epoll);
        return events;
    }

    /** Lets everything happen that is under way. */
    private void settle() {
        clock.advance(10 * MS);
    }

    /** Edge-triggered: {@code work} runs at each event, until {@code done}. */
    private void loop(int fd, Consumer<Integer> work, BooleanSupplier done) {
        int epoll = os.epollCreate();
        calls.add(epoll, fd, ALL | Epoll.ET);
        for (int turn = 0; !done.getAsBoolean(); turn++) {
            assertThat(turn).as("turns").isLessThan(100_000);
            int events = calls.events(epoll, 1, 60 * SECOND).getOrDefault((long) fd, 0);
            assertThat(events).as("an event, in a minute").isNotZero();
            work.accept(events);
        }
        os.close(epoll);
    }

    /** Sends the pattern from {@code from} to {@code to} as events allow. */
    private void sendPattern(int fd, long from, long to) {
        long[] at = {from};
        loop(fd, events -> at[0] = sendWhatGoes(fd, at[0], to), () -> at[0] == to);
    }

    private long sendWhatGoes(int fd, long from, long to) {
        long at = from;
        while (at < to) {
            int length = (int) Math.min(to - at, 100_000);
            long n = calls.send(fd, FarTcp.pattern(at, length));
            if (n == -Errno.EAGAIN) {
                break;
            }
            assertThat(n).isPositive();
            at += n;
            if (n < length) {
                break; // full: an edge comes
            }
        }
        return at;
    }

    /** Reads until the end of the stream; checks that it is the pattern, and returns how long it was. */
    private long readPattern(int fd) {
        long[] at = {0};
        boolean[] over = {false};
        loop(
                fd,
                events -> {
                    while (true) {
                        long n = calls.receive(fd, 50_000);
                        if (n == -Errno.EAGAIN) {
                            return;
                        }
                        if (n == 0) {
                            over[0] = true;
                            return;
                        }
                        assertThat(calls.bytes(n)).isEqualTo(FarTcp.pattern(at[0], (int) n));
                        at[0] += n;
                    }
                },
                () -> over[0]);
        return at[0];
    }

    @Test
    void connectionsGoOutAndComeInWithTheirNames() {
        inManyKernels(() -> {
            for (Ip far : List.of(FAR, FAR6)) {
                Ip ours = far.isV4() ? OURS : OURS6;
                FarTcpPort port = os.host(far).listen(PORT);
                int fd = connected(far);
                settle();
                FarTcp out = port.only();
                assertThat(calls.port(fd)).isEqualTo(out.peerPort());
                assertThat(calls.address().low()).isEqualTo(ours.low());
                assertThat(out.peerAddress()).isEqualTo(ours);
                assertThat(out.port()).isEqualTo(PORT);

                int listener = listener(far.isV4() ? Ip.UNSPECIFIED4 : Ip.UNSPECIFIED6, 4);
                FarTcp in = os.host(far).connect(40_000, ours, 8_080);
                int accepted = accepted(listener);
                assertThat(calls.address().port()).isEqualTo(40_000);
                assertThat(calls.address().low()).isEqualTo(far.low());
                assertThat(calls.port(accepted)).isEqualTo(8_080);
                assertThat(calls.address().low()).isEqualTo(ours.low());
                in.send("hello".getBytes(StandardCharsets.US_ASCII));
                assertThat(calls.await(accepted, Epoll.IN) & Epoll.IN).isEqualTo(Epoll.IN);
                os.close(listener);
            }
        });
    }

    @Test
    void longStreamsArriveWholeAndInOrderBothWays() {
        inManyKernels(() -> {
            FarTcpPort port = os.host(FAR).listen(PORT);
            int out = connected(FAR);
            sendPattern(out, 0, LONG);
            os.shutdown(out, Socket.SHUT_WR);
            settle();
            assertThat(port.only().received()).isEqualTo(LONG);
            assertThat(port.only().firstWrong()).isEqualTo(-1);
            assertThat(port.only().sawEof()).isTrue();
            port.only().sendPattern(LONG).shutdown();
            assertThat(readPattern(out)).isEqualTo(LONG);
            assertThat(events(out)).isEqualTo(GONE);
            assertThat(port.only().error()).isZero();
        });
    }

    @Test
    void wrongByteIsFound() {
        FarTcpPort port = os.host(FAR).listen(PORT);
        int fd = connected(FAR);
        calls.send(fd, FarTcp.pattern(0, 100));
        calls.send(fd, FarTcp.pattern(101, 100));
        settle();
        assertThat(port.only().firstWrong()).isEqualTo(100);
        assertThat(port.only().bytes()).startsWith(FarTcp.pattern(0, 100));
    }

    @Test
    void slowReaderSetsThePaceAndNothingIsLost() {
        inManyKernels(() -> {
            FarTcpPort port = os.host(FAR).away(2 * MS).listen(PORT).onConnection(c -> c.readsAtMost(20_000, 5 * MS));
            int fd = connected(FAR);
            long before = clock.nowNs();
            sendPattern(fd, 0, LONG);
            clock.advance(SECOND);
            assertThat(port.only().received()).isEqualTo(LONG);
            assertThat(port.only().firstWrong()).isEqualTo(-1);
            assertThat(clock.nowNs() - before).isGreaterThan(LONG / 20_000 * 5 * MS);
        });
    }

    @Test
    void readerThatReadsNothingFillsTheSocketUntilItReads() {
        inManyKernels(() -> {
            FarTcpPort port = os.host(FAR).listen(PORT).onConnection(FarTcp::readsNothing);
            int fd = connected(FAR);
            settle();
            long sent = 0;
            for (int full = 0; full < 3; ) {
                long next = sendWhatGoes(fd, sent, Long.MAX_VALUE);
                full = next == sent ? full + 1 : 0;
                sent = next;
                settle();
            }
            MemInfo memory = new MemInfo();
            os.memInfo(fd, memory);
            assertThat(memory.wmemQueued()).isGreaterThanOrEqualTo(memory.sndbuf());
            assertThat(events(fd)).isZero();
            assertThat(port.only().received()).isZero();
            port.only().readsAll();
            assertThat(calls.await(fd, Epoll.OUT)).isEqualTo(Epoll.OUT);
            settle();
            os.memInfo(fd, memory);
            assertThat(memory.wmemQueued()).isZero();
            assertThat(port.only().received()).isEqualTo(sent);
            assertThat(port.only().firstWrong()).isEqualTo(-1);
        });
    }

    @Test
    void sendersPaceIsKept() {
        FarTcpPort port = os.host(FAR).listen(PORT);
        int fd = connected(FAR);
        settle();
        port.only().sendsAtMost(1_000, MS).sendPattern(10_000).shutdown();
        long before = clock.nowNs();
        assertThat(readPattern(fd)).isEqualTo(10_000);
        assertThat(clock.nowNs() - before).isBetween(9 * MS, 11 * MS);
    }

    @Test
    void echoComesBack() {
        inManyKernels(() -> {
            os.host(FAR).listen(PORT).onConnection(FarTcp::echoes);
            int fd = connected(FAR);
            calls.send(fd, "x");
            assertThat(calls.await(fd, Epoll.IN) & Epoll.IN).isEqualTo(Epoll.IN);
            assertThat(calls.receive(fd, 10)).isEqualTo(1);
        });
    }

    @Test
    void farEndEndsFirst() {
        inManyKernels(() -> {
            FarTcpPort port = os.host(FAR).listen(PORT).onConnection(c -> c.sendPattern(5_000)
                    .shutdown());
            int fd = connected(FAR);
            assertThat(readPattern(fd)).isEqualTo(5_000);
            assertThat(events(fd)).isEqualTo(ALL);
            sendPattern(fd, 0, 5_000);
            settle();
            assertThat(port.only().received()).isEqualTo(5_000);
            assertThat(port.only().sawEof()).isFalse();
            os.shutdown(fd, Socket.SHUT_WR);
            settle();
            assertThat(port.only().sawEof()).isTrue();
            assertThat(events(fd)).isEqualTo(GONE);
        });
    }

    @Test
    void resetIsAnErrorWhateverWasUnderWay() {
        inManyKernels(() -> {
            FarTcpPort port = os.host(FAR).listen(PORT);
            int fd = connected(FAR);
            settle();
            calls.send(fd, new byte[5_000]);
            port.only().sendPattern(5_000).reset();
            assertThat(calls.await(fd, Epoll.HUP) & Epoll.ERR).isEqualTo(Epoll.ERR);
            assertThat(calls.error(fd)).isEqualTo(Errno.ECONNRESET);
            assertThat(calls.send(fd, "x")).isEqualTo(-Errno.EPIPE);
            assertThat(port.only().isClosed()).isTrue();
        });
    }

    @Test
    void ourResetIsSeenThere() {
        inManyKernels(() -> {
            FarTcpPort port = os.host(FAR).listen(PORT);
            int reset = connected(FAR);
            settle();
            os.linger0(reset);
            os.close(reset);
            settle();
            assertThat(port.only().error()).isEqualTo(Errno.ECONNRESET);
            assertThat(port.only().sawReset()).isTrue();
            assertThat(port.only().sawEof()).isFalse();
        });
    }

    @Test
    void closedFarEndAnswersDataByAReset() {
        inManyKernels(() -> {
            os.host(FAR).listen(PORT).onConnection(FarTcp::close);
            int fd = connected(FAR);
            assertThat(calls.await(fd, Epoll.RDHUP)).isEqualTo(Epoll.RDHUP);
            assertThat(calls.send(fd, "x")).isEqualTo(1);
            assertThat(calls.await(fd, Epoll.HUP) & Epoll.ERR).isEqualTo(Epoll.ERR);
            assertThat(calls.error(fd)).isEqualTo(Errno.EPIPE);
        });
    }

    @Test
    void vanishedHostNeitherReadsNorEnds() {
        FarTcpPort port = os.host(FAR).listen(PORT);
        int fd = connected(FAR);
        settle();
        port.only().vanish();
        assertThat(calls.send(fd, new byte[1_000])).isEqualTo(1_000);
        port.only().sendPattern(10).shutdown().reset();
        clock.advance(60 * SECOND);
        MemInfo memory = new MemInfo();
        os.memInfo(fd, memory);
        assertThat(memory.wmemQueued()).isGreaterThanOrEqualTo(1_000);
        assertThat(events(fd)).isEqualTo(Epoll.OUT);
        assertThat(port.only().received()).isZero();
    }

    @Test
    void whoSendsToAVanishedHostGivesUpAfterAQuarterOfAnHour() {
        FarTcpPort port = os.host(FAR).listen(PORT);
        int fd = connected(FAR);
        settle();
        port.only().vanish();
        clock.advance(3_600 * SECOND);
        assertThat(events(fd)).isEqualTo(Epoll.OUT);
        calls.send(fd, "x");
        clock.advance(900 * SECOND);
        assertThat(events(fd)).isEqualTo(Epoll.OUT);
        clock.advance(60 * SECOND);
        assertThat(events(fd)).isEqualTo(GONE | Epoll.ERR);
        assertThat(calls.error(fd)).isEqualTo(Errno.ETIMEDOUT);
    }

    @Test
    void smallReceiveBufferClosesTheWindowEarly() {
        inManyKernels(() -> {
            FarTcpPort port = os.host(FAR).listen(PORT).onConnection(c -> c.receiveBuffer(2_000)
                    .readsNothing());
            int fd = connected(FAR);
            settle();
            long sent = 0;
            while (sent < 10_000) {
                sent = sendWhatGoes(fd, sent, 10_000);
                settle();
            }
            MemInfo memory = new MemInfo();
            os.memInfo(fd, memory);
            assertThat(memory.wmemQueued()).isBetween(8_000, 70_000);
            port.only().readsAll();
            clock.advance(SECOND);
            os.memInfo(fd, memory);
            assertThat(memory.wmemQueued()).isZero();
            assertThat(port.only().received()).isEqualTo(10_000);
        });
    }

    @Test
    void otherProgramsOfThisHostListenAndConnectToo() {
        FarTcpPort port = os.host(Ip.LOOPBACK4).listen(PORT);
        int fd = connected(Ip.LOOPBACK4);
        settle();
        assertThat(port.only().peerAddress()).isEqualTo(Ip.LOOPBACK4);
        os.close(fd);
        settle();
        assertThat(port.only().sawEof()).isTrue();
        int listener = listener(Ip.UNSPECIFIED4, 4);
        os.host(Ip.LOOPBACK4).connect(Ip.LOOPBACK4, 8_080);
        assertThat(accepted(listener)).isPositive();
        assertThat(calls.address().low()).isEqualTo(Ip.LOOPBACK4.low());
        int refused = socket(Ip.LOOPBACK4);
        calls.connect(refused, Ip.LOOPBACK4, 81);
        clock.advance(MS);
        assertThat(calls.error(refused)).isEqualTo(Errno.ECONNREFUSED);
    }

    @Test
    void hostThatIsUpRefusesAndOneThatIsNotIsSilentForTwoMinutes() {
        os.host(FAR).up();
        int refused = connecting(FAR);
        assertThat(calls.await(refused, Epoll.OUT) & Epoll.ERR).isEqualTo(Epoll.ERR);
        assertThat(calls.error(refused)).isEqualTo(Errno.ECONNREFUSED);
        int silent = connecting(FAR6);
        clock.advance(126 * SECOND);
        assertThat(calls.connect(silent, FAR6, PORT)).isEqualTo(-Errno.EALREADY);
        assertThat(events(silent)).isZero();
        clock.advance(SECOND);
        assertThat(events(silent)).isEqualTo(GONE | Epoll.ERR);
        assertThat(calls.error(silent)).isEqualTo(Errno.ETIMEDOUT);
    }

    @Test
    void hostThatComesUpIsReachedByTheNextSyn() {
        int fd = connecting(FAR);
        clock.advance(2 * SECOND);
        os.host(FAR).listen(PORT);
        clock.advance(SECOND);
        assertThat(events(fd)).isEqualTo(Epoll.OUT);
    }

    @Test
    void routesThatAreMissingFailConnectItself() {
        for (int errno : List.of(Errno.ENETUNREACH, Errno.EHOSTUNREACH)) {
            os.host(FAR).unreachable(errno);
            int fd = socket(FAR);
            assertThat(calls.connect(fd, FAR, PORT)).isEqualTo(-errno);
            os.close(fd);
        }
        os.host(FAR6).fails(Errno.EHOSTUNREACH, 5 * MS);
        int failing = connecting(FAR6);
        long before = clock.nowNs();
        assertThat(calls.await(failing, Epoll.OUT) & Epoll.ERR).isEqualTo(Epoll.ERR);
        assertThat(clock.nowNs() - before).isEqualTo(5 * MS);
        assertThat(calls.error(failing)).isEqualTo(Errno.EHOSTUNREACH);
    }

    @Test
    void nobodyListensHereAndTheFarEndIsRefused() {
        FarTcp far = os.host(FAR).connect(OURS, 8_080);
        settle();
        assertThat(far.error()).isEqualTo(Errno.ECONNREFUSED);
        assertThat(far.isConnected()).isFalse();
    }

    @Test
    void fullBacklogLeavesFurtherOnesUnansweredUntilSomebodyAccepts() {
        int listener = listener(Ip.UNSPECIFIED4, 1);
        List<FarTcp> all = new ArrayList<>();
        for (int i = 0; i < 4; i++) {
            all.add(os.host(FAR).connect(OURS, 8_080));
            settle();
        }
        assertThat(all).extracting(FarTcp::isConnected).containsExactly(true, true, false, false);
        assertThat(accepted(listener)).isPositive();
        clock.advance(SECOND);
        assertThat(all).extracting(FarTcp::isConnected).containsExactly(true, true, true, false);
        accepted(listener);
        accepted(listener);
        clock.advance(2 * SECOND);
        assertThat(all).extracting(FarTcp::isConnected).containsOnly(true);
    }

    @Test
    void acceptWithoutDescriptorsFailsAndTheConnectionWaits() {
        boot(SimSettings.standard().withOpenFiles(5), Chooser.largest());
        int listener = listener(Ip.UNSPECIFIED4, 4);
        int other = os.eventfd();
        FarTcp far = os.host(FAR).connect(OURS, 8_080).sendPattern(10);
        settle();
        assertThat(far.isConnected()).isTrue();
        assertThat(calls.accept(listener)).isEqualTo(-Errno.EMFILE);
        os.close(other);
        int fd = calls.accept(listener);
        assertThat(calls.receive(fd, 100)).isEqualTo(10);
    }

    @Test
    void connectionThatWasResetBeforeAcceptIsAcceptedAndFails() {
        int listener = listener(Ip.UNSPECIFIED4, 4);
        FarTcp far = os.host(FAR).connect(OURS, 8_080);
        settle();
        far.reset();
        settle();
        int fd = calls.accept(listener);
        assertThat(fd).isPositive();
        assertThat(calls.receive(fd, 1)).isEqualTo(-Errno.ECONNRESET);
    }

    @Test
    void bothFamiliesMayListenOnOnePortAndOneAddressOnlyOnce() {
        listener(Ip.UNSPECIFIED4, 4);
        listener(Ip.UNSPECIFIED6, 4);
        int second = socket(OURS);
        assertThat(calls.bind(second, OURS, 8_080)).isEqualTo(-Errno.EADDRINUSE);
        FarTcp four = os.host(FAR).connect(OURS, 8_080);
        FarTcp six = os.host(FAR6).connect(OURS6, 8_080);
        settle();
        assertThat(four.isConnected()).isTrue();
        assertThat(six.isConnected()).isTrue();
    }

    @Test
    void growthIsTheKernelsToGive() {
        List<Integer> sizes = new ArrayList<>();
        Seeds.firstOf(20).forEach(seed -> {
            boot(SimSettings.standard(), Chooser.seeded(seed));
            os.host(FAR).listen(PORT);
            int fd = connected(FAR);
            sendPattern(fd, 0, LONG);
            sizes.add(os.option(fd, Socket.SOL_SOCKET, Socket.SO_SNDBUF));
        });
        assertThat(sizes).allMatch(size -> size >= 69_120 && size <= 4 << 20);
        assertThat(sizes.stream().distinct().count()).isGreaterThan(5);
    }

    @Test
    void synThatWasWithdrawnIsNeverAccepted() {
        FarTcpPort port = os.host(FAR).away(10 * MS).listen(PORT);
        os.close(connecting(FAR));
        clock.advance(SECOND);
        assertThat(port.connections()).isEmpty();
    }
}
