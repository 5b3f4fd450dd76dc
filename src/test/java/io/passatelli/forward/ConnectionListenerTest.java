package io.passatelli.forward;

import io.passatelli.Seeds;
import io.passatelli.base.Counters;
import io.passatelli.base.Drop;
import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.config.PortForward;
import io.passatelli.config.PortForward.Protocol;
import io.passatelli.config.Service;
import io.passatelli.flow.Descriptors;
import io.passatelli.loop.EventLoop;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import io.passatelli.os.SockAddr;
import io.passatelli.os.sim.Chooser;
import io.passatelli.os.sim.SimClock;
import io.passatelli.os.sim.SimOs;
import io.passatelli.os.sim.SimSettings;
import io.passatelli.os.sim.StreamPeer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.util.ArrayList;
import java.util.List;
import java.util.Set;

import static org.assertj.core.api.Assertions.assertThat;

/** What becomes of connections that arrive at forwarded ports, in virtual time. */
class ConnectionListenerTest {
    private static final long MS = 1_000_000;
    private static final long S = 1_000 * MS;
    private static final long RETRY_NS = Limits.TCP_ACCEPT_RETRY_MS * MS;
    private static final int TURNS_MOST = 10_000;
    private static final Ip HERE = Ip.LOOPBACK4;

    private record Taken(ConnectionListener listener, int guestPort, int fd, int peerPort) {}

    /** A loop, a set of listeners, and somebody who keeps what they accept. */
    private static final class Scene implements AutoCloseable {
        private final SimClock clock = new SimClock();
        private final SimOs sim;
        private final AcceptWatch accepts;
        private final Os os;
        private final EventLoop loop;
        private final Counters counters = new Counters();
        private final List<Taken> taken = new ArrayList<>();
        private ConnectionAcceptor then = (listener, fd, peer, nowNs) -> {};
        private final ListenerSet set;
        private int turns;

        Scene(SimSettings settings, Chooser chooser) {
            sim = new SimOs(settings, clock, chooser);
            accepts = new AcceptWatch(sim);
            os = accepts.os();
            loop = new EventLoop(os, clock, Log.silent());
            DatagramAcceptor nobody = (listener, allowance, nowNs) -> {
                throw new AssertionError("nobody sends datagrams here");
            };
            set = new ListenerSet(
                    loop,
                    new ListenerSet.Acceptors(nobody, this::take),
                    counters,
                    new Descriptors(settings.openFiles()));
        }

        Scene() {
            this(SimSettings.standard(), Chooser.largest());
        }

        private void take(ConnectionListener listener, int fd, SockAddr peer, long nowNs) {
            assertThat(nowNs).isEqualTo(loop.nowNs());
            taken.add(new Taken(listener, listener.guestPort(), fd, peer.port()));
            then.onConnection(listener, fd, peer, nowNs);
        }

        Scene listens(PortForward... rules) {
            assertThat(set.apply(new Wanted(List.of(rules), Set.of(Service.TCP, Service.IP4))))
                    .noneMatch(RuleState::isRefused);
            return this;
        }

        /** So many at {@code port}, at the same moment. */
        List<StreamPeer> connect(int port, int count) {
            List<StreamPeer> peers = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                peers.add(sim.connectTcp(HERE, port));
            }
            return peers;
        }

        /** All turns that the loop makes of itself within {@code ns}. */
        Scene runs(long ns) {
            long end = clock.nowNs() + ns;
            do {
                loop.turn(end - clock.nowNs());
                assertThat(++turns).as("turns: the loop spins").isLessThan(TURNS_MOST);
            } while (clock.nowNs() < end);
            return this;
        }

        int takeTurns() {
            int was = turns;
            turns = 0;
            return was;
        }

        /** Descriptors until only {@code left} may be made. */
        List<Integer> useUpDescriptors(int left) {
            List<Integer> all = new ArrayList<>();
            for (int fd = sim.eventfd(); fd >= 0; fd = sim.eventfd()) {
                all.add(fd);
            }
            for (int i = 0; i < left; i++) {
                sim.close(all.removeLast());
            }
            return all;
        }

        /** How many were taken for each of these ports of the guest. */
        List<Long> perGuestPort(int... ports) {
            List<Long> counts = new ArrayList<>();
            for (int port : ports) {
                counts.add(taken.stream().filter(t -> t.guestPort == port).count());
            }
            return counts;
        }

        @Override
        public void close() {
            set.close();
            loop.close();
        }
    }

    private static PortForward rule(int port, int target) {
        return new PortForward(Protocol.TCP, null, null, port, port, target);
    }

    @Test
    void connectionIsGivenAwayOnceWithItsPeerAndTheGuestsPort() {
        try (Scene t = new Scene().listens(rule(8080, 80), rule(8022, 22))) {
            t.connect(8080, 1);
            t.connect(8022, 2);
            t.runs(S);
            assertThat(t.perGuestPort(80, 22)).containsExactly(1L, 2L);
            assertThat(t.taken.stream().map(Taken::peerPort))
                    .doesNotHaveDuplicates()
                    .doesNotContain(0);
            assertThat(t.taken.stream().map(Taken::fd)).doesNotHaveDuplicates();
            assertThat(t.taken).allMatch(one -> t.sim.shutdown(one.fd, 2) == 0, "is a connected socket");
            assertThat(t.taken.getFirst().listener.port()).isEqualTo(8080);
            assertThat(t.accepts.takeCalls()).isEqualTo(3 + 2); // and one EAGAIN each
            assertThat(t.takeTurns()).isLessThanOrEqualTo(4);
        }
    }

    @Test
    void whatOneVisitLeavesTheNextTurnTakesWithoutAnEvent() {
        int count = Limits.TCP_BACKLOG;
        try (Scene t = new Scene().listens(rule(80, 80))) {
            t.connect(80, count);
            t.clock.advance(S);
            List<Integer> perTurn = new ArrayList<>();
            int before = 0;
            do {
                before = t.taken.size();
                t.loop.turn(0);
                perTurn.add(t.taken.size() - before);
            } while (t.taken.size() > before);
            assertThat(perTurn)
                    .startsWith(Limits.TCP_ACCEPTS_PER_VISIT)
                    .allMatch(n -> n <= Limits.TCP_ACCEPTS_PER_VISIT);
            assertThat(t.taken).hasSize(count);
            assertThat(t.accepts.takeCalls()).isEqualTo(count + 1);
            assertThat(t.loop.ready().isEmpty()).isTrue();
        }
    }

    @Test
    void aStormAtOnePortDoesNotKeepAnotherWaiting() {
        try (Scene t = new Scene().listens(rule(80, 80), rule(22, 22))) {
            t.connect(80, Limits.TCP_BACKLOG);
            t.clock.advance(S);
            t.loop.turn(0);
            t.connect(22, 1);
            t.clock.advance(MS);
            t.loop.turn(0);
            assertThat(t.perGuestPort(22)).containsExactly(1L);
        }
    }

    @Test
    void everyConnectionOfAStormIsTakenWhateverTheKernelChooses() {
        Seeds.firstOf(100)
                .forEach(seed -> Seeds.run(seed, () -> {
                    try (Scene t = new Scene(SimSettings.standard(), Chooser.seeded(seed))
                            .listens(rule(80, 80), rule(22, 22))) {
                        for (int i = 0; i < 40; i++) {
                            t.connect(80, (int) (seed % 9) + 1);
                            t.connect(22, (int) (seed % 4));
                            t.runs(MS / 10 * (seed % 7));
                        }
                        t.runs(10 * S); // some had to send their SYN again
                        assertThat(t.perGuestPort(80, 22)).containsExactly(40 * (seed % 9 + 1), 40 * (seed % 4));
                        assertThat(t.loop.ready().isEmpty()).isTrue();
                    }
                }));
    }

    @Test
    void withoutDescriptorsOneCallInVainIsMadeEachTimeHoweverManyPortsAsk() {
        try (Scene t = new Scene(SimSettings.standard().withOpenFiles(64), Chooser.largest())) {
            t.listens(rule(80, 80), rule(81, 81), rule(82, 82), rule(83, 83));
            List<Integer> others = t.useUpDescriptors(0);
            for (int port = 80; port <= 83; port++) {
                t.connect(port, 3);
            }
            t.runs(S);
            int calls = t.accepts.takeCalls();
            assertThat(t.taken).isEmpty();
            assertThat(calls).isBetween(9, 11);
            assertThat(t.takeTurns()).isLessThanOrEqualTo(3 * calls + 4);
            assertThat(t.counters.of(Drop.DESCRIPTORS_EXHAUSTED)).isEqualTo(calls);

            others.forEach(t.sim::close);
            t.runs(RETRY_NS + 2 * MS);
            assertThat(t.perGuestPort(80, 81, 82, 83)).containsExactly(3L, 3L, 3L, 3L);
            t.takeTurns();
            t.runs(10 * S);
            assertThat(t.takeTurns()).isEqualTo(1);
            assertThat(t.counters.of(Drop.DESCRIPTORS_EXHAUSTED)).isEqualTo(calls);
        }
    }

    @Test
    void connectionsThatComeMeanwhileMakeNoCalls() {
        try (Scene t = new Scene(SimSettings.standard().withOpenFiles(64), Chooser.largest())) {
            t.listens(rule(80, 80));
            t.useUpDescriptors(0);
            for (int i = 0; i < 100; i++) {
                t.connect(80, 1);
                t.runs(10 * MS);
            }
            assertThat(t.accepts.takeCalls()).isBetween(9, 11);
            assertThat(t.taken).isEmpty();
        }
    }

    @Test
    void descriptorsThatComeFreeOneByOneGoToEachPortInTurn() {
        try (Scene t = new Scene(SimSettings.standard().withOpenFiles(64), Chooser.largest())) {
            t.listens(rule(80, 80), rule(81, 81), rule(82, 82));
            List<Integer> others = t.useUpDescriptors(0);
            for (int port = 80; port <= 82; port++) {
                t.connect(port, 20);
            }
            t.runs(S);
            for (int i = 0; i < 9; i++) {
                t.sim.close(others.removeLast());
                t.runs(RETRY_NS);
            }
            assertThat(t.perGuestPort(80, 81, 82)).containsExactly(3L, 3L, 3L);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {Errno.EMFILE, Errno.ENFILE, Errno.ENOBUFS, Errno.ENOMEM})
    void wantOfEachKindIsCountedAndEnds(int errno) {
        try (Scene t = new Scene().listens(rule(80, 80))) {
            t.accepts.fail(errno, errno);
            t.connect(80, 2);
            t.runs(RETRY_NS + 2 * MS);
            assertThat(t.taken).isEmpty();
            t.runs(RETRY_NS);
            assertThat(t.taken).hasSize(2);
            assertThat(t.counters.of(Drop.DESCRIPTORS_EXHAUSTED)).isEqualTo(2);
        }
    }

    @ParameterizedTest
    @ValueSource(
            ints = {
                Errno.ECONNABORTED,
                Errno.EPROTO,
                Errno.ENETDOWN,
                Errno.ENOPROTOOPT,
                Errno.EHOSTDOWN,
                Errno.ENONET,
                Errno.EHOSTUNREACH,
                Errno.EOPNOTSUPP,
                Errno.ENETUNREACH
            })
    void errorOfOneConnectionDoesNotHoldUpTheNext(int errno) {
        try (Scene t = new Scene().listens(rule(80, 80))) {
            t.accepts.fail(errno, errno);
            t.connect(80, 2);
            t.runs(MS);
            assertThat(t.taken).hasSize(2);
            assertThat(t.accepts.takeCalls()).isEqualTo(5);
            assertThat(t.counters.of(Drop.DESCRIPTORS_EXHAUSTED)).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {Errno.ENETDOWN, Errno.ECONNABORTED, Errno.EACCES, Errno.EINVAL, Errno.EPERM})
    void errorThatStaysDoesNotMakeTheLoopSpin(int errno) {
        try (Scene t = new Scene().listens(rule(80, 80), rule(22, 22))) {
            t.accepts.failAlways(errno);
            t.connect(80, 1);
            t.connect(22, 1);
            t.runs(S);
            assertThat(t.accepts.takeCalls()).isLessThanOrEqualTo(11 * Limits.TCP_ACCEPTS_PER_VISIT);
            assertThat(t.takeTurns()).isLessThanOrEqualTo(40);
            assertThat(t.counters.of(Drop.DESCRIPTORS_EXHAUSTED)).isZero();
            t.accepts.failAlways(0);
            t.runs(RETRY_NS + 2 * MS);
            assertThat(t.perGuestPort(80, 22)).containsExactly(1L, 1L);
        }
    }

    @Test
    void changedRuleKeepsTheSocketAndWhatWaitsThere() {
        try (Scene t = new Scene().listens(rule(80, 8080))) {
            List<StreamPeer> peers = t.connect(80, 3);
            t.clock.advance(S);
            int before = t.sim.openDescriptors();
            t.listens(rule(80, 8081), rule(22, 22));
            assertThat(t.sim.openDescriptors()).isEqualTo(before + 1);
            t.runs(MS);
            assertThat(t.perGuestPort(8080, 8081)).containsExactly(0L, 3L);
            assertThat(peers).noneMatch(StreamPeer::wasReset);
        }
    }

    @Test
    void whoWaitsAtAPortThatIsNotForwardedAnyMoreIsReset() {
        try (Scene t = new Scene().listens(rule(80, 80), rule(22, 22))) {
            List<StreamPeer> gone = t.connect(80, 3);
            List<StreamPeer> kept = t.connect(22, 1);
            t.clock.advance(S);
            t.listens(rule(22, 22));
            t.runs(MS);
            assertThat(gone).allMatch(StreamPeer::wasReset);
            assertThat(kept).noneMatch(StreamPeer::wasReset);
            assertThat(t.perGuestPort(80, 22)).containsExactly(0L, 1L);
        }
    }

    @Test
    void portsThatWaitForADescriptorMayBeClosedAndOpenedAgain() {
        try (Scene t = new Scene(SimSettings.standard().withOpenFiles(64), Chooser.largest())) {
            t.listens(rule(80, 80), rule(81, 81));
            List<Integer> others = t.useUpDescriptors(0);
            List<StreamPeer> gone = t.connect(80, 2);
            t.connect(81, 2);
            t.runs(2 * RETRY_NS + 5 * MS);
            t.listens(rule(81, 81));
            t.listens(rule(82, 82), rule(81, 81));
            others.forEach(t.sim::close);
            t.connect(82, 2);
            t.runs(S);
            assertThat(gone).allMatch(StreamPeer::wasReset);
            assertThat(t.perGuestPort(80, 81, 82)).containsExactly(0L, 2L, 2L);
            assertThat(t.loop.invariantViolations()).isZero();
        }
    }

    @Test
    void acceptorMayCloseTheListener() {
        try (Scene t = new Scene().listens(rule(80, 80), rule(22, 22))) {
            List<StreamPeer> peers = t.connect(80, 3);
            t.then = (listener, fd, peer, nowNs) -> t.listens(rule(22, 22));
            t.runs(MS);
            assertThat(t.taken).hasSize(1);
            assertThat(t.taken.getFirst().listener.fd()).isEqualTo(Os.NONE);
            assertThat(peers.stream().filter(StreamPeer::wasReset)).hasSize(2);
            t.takeTurns();
            t.runs(S);
            assertThat(t.takeTurns()).isEqualTo(1);
            assertThat(t.loop.invariantViolations()).isZero();
        }
    }

    @Test
    void faultOfTheAcceptorLosesNoOtherConnection() {
        try (Scene t = new Scene().listens(rule(80, 80))) {
            t.connect(80, 5);
            t.then = (listener, fd, peer, nowNs) -> {
                if (t.taken.size() == 2) {
                    throw new IllegalStateException("on purpose");
                }
            };
            t.runs(MS);
            assertThat(t.taken).hasSize(5);
            assertThat(t.loop.invariantViolations()).isEqualTo(1);
        }
    }

    @Test
    void closedSetHasNoDescriptorsAndNoTimer() {
        Scene t = new Scene(SimSettings.standard().withOpenFiles(64), Chooser.largest());
        int before = t.sim.openDescriptors();
        t.listens(rule(80, 80), rule(22, 22));
        List<Integer> others = t.useUpDescriptors(0);
        t.connect(80, 1);
        t.runs(MS);
        assertThat(t.loop.timers().count()).isEqualTo(1);
        t.set.close();
        assertThat(t.loop.timers().count()).isZero();
        assertThat(t.loop.ready().isEmpty()).isTrue();
        assertThat(t.sim.openDescriptors()).isEqualTo(before + others.size());
        t.loop.close();
    }
}
