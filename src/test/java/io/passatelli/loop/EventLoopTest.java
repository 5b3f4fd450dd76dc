package io.passatelli.loop;

import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.base.TimerWheel;
import io.passatelli.os.Epoll;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;
import org.junit.jupiter.api.Test;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import static io.passatelli.base.TimerWheel.TICK_NS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

class EventLoopTest {
    private static final long SECOND_NS = 1_000_000_000L;

    private final ScriptedOs os = new ScriptedOs();
    private final List<String> log = new ArrayList<>();
    private final List<String> happened = new ArrayList<>();
    private long clockNs = 5_000;
    private final EventLoop loop =
            new EventLoop(os, () -> clockNs, new Log(Log.Level.DEBUG, (level, line) -> log.add(level + " " + line)));

    /** Notes what it gets; {@code then} is run at each event. */
    private class Probe implements Handler {
        final Map<Integer, Integer> generations = new HashMap<>();
        final List<Integer> faults = new ArrayList<>();
        Runnable then = () -> {};

        @Override
        public int generation(int index) {
            return generations.getOrDefault(index, 0);
        }

        @Override
        public void onEvent(int index, int events, long nowNs) {
            happened.add("event " + index + " " + Integer.toHexString(events) + " @" + nowNs);
            then.run();
        }

        @Override
        public void onFault(int index, Throwable thrown) {
            faults.add(index);
        }
    }

    private class Timed extends TimerWheel.Timer {
        final Runnable then;
        final List<Throwable> faults = new ArrayList<>();

        Timed(Runnable then) {
            this.then = then;
        }

        @Override
        protected void due(long nowNs) {
            happened.add("timer @" + nowNs);
            then.run();
        }

        @Override
        public void onFault(Throwable thrown) {
            faults.add(thrown);
        }
    }

    private class Visited extends ReadyList.Node {
        final Runnable then;
        final List<Throwable> faults = new ArrayList<>();

        Visited(Runnable then) {
            this.then = then;
        }

        @Override
        protected long visit(long allowanceBytes, long nowNs) {
            happened.add("visit @" + nowNs);
            then.run();
            return 0;
        }

        @Override
        protected void onFault(Throwable thrown) {
            faults.add(thrown);
        }
    }

    private int watchedBy(int type, int index) {
        int fd = os.openLowest("socket");
        assertThat(loop.watch(fd, Epoll.IN, type, 0, index)).isZero();
        return fd;
    }

    /** The next wait brings the events of these descriptors, as they are registered now. */
    private void oneBatchOf(int... fds) {
        long[] refs = new long[fds.length];
        for (int i = 0; i < fds.length; i++) {
            refs[i] = os.refOf(fds[i]);
        }
        os.waits.add(out -> {
            for (int i = 0; i < refs.length; i++) {
                out.set(i, Epoll.IN, refs[i]);
            }
            return refs.length;
        });
    }

    private static void fail() {
        throw new IllegalStateException("deliberate");
    }

    @Test
    void eventGoesToTheThingThatWasWatched() {
        var first = new Probe();
        var second = new Probe();
        loop.register(first);
        int type = loop.register(second);
        second.generations.put(77, 0xabcdef);
        int fd = os.openLowest("socket");
        assertThat(loop.watch(fd, Epoll.IN | Epoll.ET, type, 0xabcdef, 77)).isZero();
        os.happens(fd, Epoll.IN | Epoll.RDHUP);
        clockNs = 9_000;
        loop.turn(-1);

        assertThat(happened).containsExactly("event 77 2001 @9000");
        assertThat(os.watched.get(fd))
                .isEqualTo(new ScriptedOs.Watched(Epoll.IN | Epoll.ET, Ref.of(type, 0xabcdef, 77)));
        assertThat(loop.nowNs()).isEqualTo(9_000);
        assertThat(loop.staleEvents()).isZero();
    }

    @Test
    void rewatchChangesAndUnwatchEndsARegistration() {
        int type = loop.register(new Probe());
        int fd = os.openLowest("socket");
        assertThat(loop.rewatch(fd, Epoll.IN, type, 0, 1)).isEqualTo(-Errno.ENOENT);
        assertThat(loop.watch(fd, Epoll.IN, type, 0, 1)).isZero();
        assertThat(loop.watch(fd, Epoll.IN, type, 0, 1)).isEqualTo(-Errno.EEXIST);
        assertThat(loop.rewatch(fd, Epoll.OUT, type, 5, 2)).isZero();
        assertThat(os.watched.get(fd)).isEqualTo(new ScriptedOs.Watched(Epoll.OUT, Ref.of(type, 5, 2)));
        assertThat(loop.unwatch(fd)).isZero();
        assertThat(os.watched).doesNotContainKey(fd);
        assertThat(loop.unwatch(fd)).isEqualTo(-Errno.ENOENT);
    }

    /** The first handler closes the second's socket, and a new connection gets its descriptor and its place, all in one turn. */
    @Test
    void staleEventOfAReusedDescriptorReachesNobody() {
        var probe = new Probe();
        int type = loop.register(probe);
        int first = watchedBy(type, 1);
        int second = watchedBy(type, 2);
        oneBatchOf(first, second);
        probe.then = () -> {
            assertThat(loop.unwatch(second)).isZero();
            assertThat(os.close(second)).isZero();
            probe.generations.put(2, Ref.next(probe.generation(2)));
            int reused = os.openLowest("socket");
            assertThat(reused).isEqualTo(second);
            assertThat(loop.watch(reused, Epoll.IN, type, probe.generation(2), 2))
                    .isZero();
            probe.then = () -> {};
        };
        loop.turn(0);

        assertThat(happened).containsExactly("event 1 1 @5000");
        assertThat(loop.staleEvents()).isEqualTo(1);

        oneBatchOf(second);
        loop.turn(0);
        assertThat(happened).as("the new socket's own event").containsExactly("event 1 1 @5000", "event 2 1 @5000");
        assertThat(loop.staleEvents()).isEqualTo(1);
        assertThat(loop.invariantViolations()).isZero();
    }

    @Test
    void staleEventOfAClosedThingReachesNobodyThoughItsPlaceIsNotReused() {
        var probe = new Probe();
        int type = loop.register(probe);
        int first = watchedBy(type, 1);
        int second = watchedBy(type, 2);
        oneBatchOf(first, second);
        probe.then = () -> probe.generations.put(2, 1);
        loop.turn(0);

        assertThat(happened).hasSize(1);
        assertThat(loop.staleEvents()).isEqualTo(1);
    }

    @Test
    void generationsAreComparedAcrossTheirWrap() {
        var probe = new Probe();
        int type = loop.register(probe);
        probe.generations.put(3, Ref.GENERATIONS - 1);
        int fd = os.openLowest("socket");
        loop.watch(fd, Epoll.IN, type, Ref.GENERATIONS - 1, 3);
        oneBatchOf(fd, fd);
        probe.then = () -> probe.generations.put(3, Ref.next(Ref.GENERATIONS - 1));
        loop.turn(0);

        assertThat(probe.generation(3)).isZero();
        assertThat(happened).hasSize(1);
        assertThat(loop.staleEvents()).isEqualTo(1);
    }

    @Test
    void eventOfAnUnknownTypeIsStale() {
        os.waits.add(out -> {
            out.set(0, Epoll.IN, Ref.of(200, 0, 0));
            return 1;
        });
        loop.turn(0);
        assertThat(loop.staleEvents()).isEqualTo(1);
        assertThat(loop.invariantViolations()).isZero();
    }

    @Test
    void turnHasItsOrderAndOneTime() {
        var probe = new Probe();
        int fd = watchedBy(loop.register(probe), 1);
        loop.onTurnEnd(nowNs -> happened.add("first end @" + nowNs));
        loop.onTurnEnd(nowNs -> happened.add("second end @" + nowNs));
        Runnable timePasses = () -> clockNs += 7 * TICK_NS;
        probe.then = timePasses;
        loop.timers().schedule(new Timed(timePasses), clockNs);
        loop.ready().add(new Visited(timePasses));
        loop.mailbox().offer(() -> {
            happened.add("command @" + loop.nowNs());
            timePasses.run();
        });
        oneBatchOf(fd);
        loop.turn(-1);

        assertThat(happened)
                .containsExactly(
                        "event 1 1 @5000",
                        "timer @5000",
                        "visit @5000",
                        "command @5000",
                        "first end @5000",
                        "second end @5000");
    }

    @Test
    void waitLastsAsLongAsAskedOrUntilTheNextTimer() {
        loop.turn(-1);
        loop.turn(77);
        loop.turn(0);
        var timer = new Timed(() -> {});
        loop.timers().schedule(timer, clockNs + 3 * TICK_NS);
        loop.turn(-1);
        loop.turn(77);
        loop.turn(SECOND_NS);
        assertThat(os.timeouts).containsExactly(-1L, 77L, 0L, 3 * TICK_NS, 77L, 3 * TICK_NS);
        loop.timers().cancel(timer);
        loop.turn(-1);
        assertThat(os.timeouts).last().isEqualTo(-1L);
    }

    @Test
    void workOfATurnShortensTheWaitOfTheNext() {
        var timer = new Timed(() -> {});
        loop.timers().schedule(timer, clockNs + 10 * TICK_NS);
        loop.onTurnEnd(nowNs -> clockNs += 4 * TICK_NS);
        loop.turn(0);
        loop.turn(-1);
        assertThat(os.timeouts).containsExactly(0L, 6 * TICK_NS);
        clockNs += 50 * TICK_NS;
        loop.turn(-1);
        assertThat(os.timeouts).last().isEqualTo(0L);
        assertThat(happened).hasSize(1);
    }

    @Test
    void loopDoesNotSleepWhileSomebodyIsReady() {
        var node = new Visited(() -> {});
        loop.ready().add(node);
        loop.turn(-1);
        loop.turn(-1);
        assertThat(os.timeouts).containsExactly(0L, -1L);
    }

    @Test
    void nodeThatJoinsAgainIsVisitedOncePerTurn() {
        var node = new Visited[1];
        node[0] = new Visited(() -> loop.ready().add(node[0]));
        loop.ready().add(node[0]);
        loop.turn(-1);
        loop.turn(-1);
        assertThat(happened).hasSize(2);
        assertThat(os.timeouts).containsExactly(0L, 0L);
    }

    @Test
    void loopDoesNotSleepWhileACommandWaits() {
        loop.mailbox().offer(() -> happened.add("command"));
        loop.turn(-1);
        assertThat(os.timeouts).containsExactly(0L);
        assertThat(happened).containsExactly("command");
        assertThat(os.eventfdWrites).as("nobody slept").isZero();
    }

    @Test
    void turnRunsAFewCommandsAndLeavesTheRestForTheNext() {
        int all = Limits.COMMANDS_PER_TURN + 1;
        for (int i = 0; i < all; i++) {
            assertThat(loop.mailbox().offer(() -> happened.add("command"))).isTrue();
        }
        loop.turn(-1);
        assertThat(happened).hasSize(Limits.COMMANDS_PER_TURN);
        loop.turn(-1);
        assertThat(happened).hasSize(all);
        assertThat(os.timeouts).containsExactly(0L, 0L);
    }

    @Test
    void offerToASleepingLoopWakesItOnce() {
        os.waits.add(
                out -> { // while the loop sleeps
                    assertThat(loop.mailbox().offer(() -> happened.add("a"))).isTrue();
                    assertThat(loop.mailbox().offer(() -> happened.add("b"))).isTrue();
                    out.set(0, Epoll.IN, Ref.of(0, 0, 0));
                    return 1;
                });
        loop.turn(-1);
        assertThat(happened).containsExactly("a", "b");
        assertThat(os.eventfdWrites).isEqualTo(1);
        assertThat(os.eventfdReads).isEqualTo(1);
        assertThat(os.counter).isZero();
    }

    @Test
    void offerToALoopAtWorkWritesNothing() {
        var probe = new Probe();
        oneBatchOf(watchedBy(loop.register(probe), 1));
        probe.then = () -> loop.mailbox().offer(() -> happened.add("command"));
        loop.turn(-1);
        assertThat(happened).last().isEqualTo("command");
        assertThat(os.eventfdWrites).isZero();
    }

    @Test
    void faultsAreCountedAndTheTurnGoesOn() {
        var bad = new Probe();
        bad.then = EventLoopTest::fail;
        var good = new Probe();
        int badFd = watchedBy(loop.register(bad), 41);
        int goodFd = watchedBy(loop.register(good), 42);
        oneBatchOf(badFd, goodFd);
        var badTimer = new Timed(EventLoopTest::fail);
        loop.timers().schedule(badTimer, clockNs);
        loop.timers().schedule(new Timed(() -> {}), clockNs);
        var badNode = new Visited(EventLoopTest::fail);
        loop.ready().add(badNode);
        loop.ready().add(new Visited(() -> {}));
        loop.mailbox().offer(EventLoopTest::fail);
        loop.mailbox().offer(() -> happened.add("command"));
        loop.onTurnEnd(nowNs -> fail());
        loop.onTurnEnd(nowNs -> happened.add("end"));
        loop.turn(-1);

        assertThat(happened)
                .containsExactly(
                        "event 41 1 @5000",
                        "event 42 1 @5000",
                        "timer @5000",
                        "timer @5000",
                        "visit @5000",
                        "visit @5000",
                        "command",
                        "end");
        assertThat(loop.invariantViolations()).isEqualTo(5);
        assertThat(bad.faults).containsExactly(41);
        assertThat(good.faults).isEmpty();
        assertThat(badTimer.faults).hasSize(1);
        assertThat(badNode.faults).hasSize(1);
        assertThat(badNode.isListed()).isFalse();
    }

    @Test
    void errorsOfTheVirtualMachineDoNotEndTheLoop() {
        var probe = new Probe();
        int fd = watchedBy(loop.register(probe), 1);
        probe.then = this::withoutEnd;
        oneBatchOf(fd, fd);
        loop.turn(0);
        probe.then = () -> {
            throw new OutOfMemoryError("deliberate");
        };
        oneBatchOf(fd);
        loop.turn(0);
        assertThat(loop.invariantViolations()).isEqualTo(3);
        assertThat(probe.faults).containsExactly(1, 1, 1);
    }

    @SuppressWarnings("InfiniteRecursion") // to overflow the stack is its purpose
    private void withoutEnd() {
        withoutEnd();
    }

    @Test
    void faultOfAFaultHandlerIsCountedToo() {
        int type = loop.register(new Handler() {
            @Override
            public int generation(int index) {
                return 0;
            }

            @Override
            public void onEvent(int index, int events, long nowNs) {
                fail();
            }

            @Override
            public void onFault(int index, Throwable thrown) {
                fail();
            }
        });
        loop.timers()
                .schedule(
                        new TimerWheel.Timer() {
                            @Override
                            protected void due(long nowNs) {
                                fail();
                            }

                            @Override
                            public void onFault(Throwable thrown) {
                                fail();
                            }
                        },
                        clockNs);
        loop.ready().add(new ReadyList.Node() {
            @Override
            protected long visit(long allowanceBytes, long nowNs) {
                fail();
                return 0;
            }

            @Override
            protected void onFault(Throwable thrown) {
                fail();
            }
        });
        oneBatchOf(watchedBy(type, 1));
        loop.turn(0);
        assertThat(loop.invariantViolations()).isEqualTo(6);
    }

    @Test
    void generationThatThrowsIsAFaultOfItsHandler() {
        int type = loop.register(new Handler() {
            @Override
            public int generation(int index) {
                throw new ArrayIndexOutOfBoundsException(index);
            }

            @Override
            public void onEvent(int index, int events, long nowNs) {
                happened.add("event");
            }
        });
        oneBatchOf(watchedBy(type, 99));
        loop.turn(0);
        assertThat(happened).isEmpty();
        assertThat(loop.invariantViolations()).isEqualTo(1);
    }

    @Test
    void faultIsLoggedWithItsPlaceAndLinesAreLimited() {
        var probe = new Probe();
        probe.then = EventLoopTest::fail;
        int fd = watchedBy(loop.register(probe), 1);
        for (int i = 0; i < Limits.LOG_LINES_PER_SECOND + 3; i++) {
            oneBatchOf(fd);
            loop.turn(0);
        }
        assertThat(log.stream().filter(line -> line.startsWith("ERROR"))).hasSize(Limits.LOG_LINES_PER_SECOND);
        assertThat(log.getFirst())
                .startsWith("ERROR Fault in handler " + Probe.class.getName()
                        + ": java.lang.IllegalStateException: deliberate at ")
                .contains("EventLoopTest.fail(");
        assertThat(log.get(1)).startsWith("DEBUG   called at ");

        clockNs += SECOND_NS;
        oneBatchOf(fd);
        loop.turn(0);
        assertThat(log.stream().filter(line -> line.startsWith("ERROR")))
                .last()
                .asString()
                .contains("(3 faults before it were not logged)");
    }

    @Test
    void logThatThrowsDoesNotEndTheTurn() {
        var noisy = new ScriptedOs();
        var faulty = new EventLoop(noisy, () -> clockNs, new Log(Log.Level.DEBUG, (level, line) -> fail()));
        faulty.mailbox().offer(EventLoopTest::fail);
        faulty.mailbox().offer(() -> happened.add("command"));
        faulty.turn(0);
        assertThat(happened).containsExactly("command");
        assertThat(faulty.invariantViolations()).isEqualTo(2);
    }

    @Test
    void interruptedWaitBringsNoEvents() {
        os.waits.add(out -> -Errno.EINTR);
        loop.onTurnEnd(nowNs -> happened.add("end"));
        loop.turn(-1);
        assertThat(happened).containsExactly("end");
    }

    @Test
    void failureOfEpollItselfEndsTheLoop() {
        os.waits.add(out -> -Errno.EBADF);
        assertThatThrownBy(loop::run)
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("epoll_pwait2")
                .hasMessageContaining("Bad file descriptor");
    }

    @Test
    void loopRunsUntilAHandlerStopsIt() {
        var probe = new Probe();
        int fd = watchedBy(loop.register(probe), 1);
        oneBatchOf(fd);
        oneBatchOf(fd, fd);
        oneBatchOf(fd);
        probe.then = () -> {
            if (happened.size() == 2) {
                loop.stop();
            }
        };
        loop.run();
        assertThat(happened).as("the turn under way is finished").hasSize(3);
    }

    @Test
    void loopThatWasStoppedDoesNotRun() {
        loop.stop();
        loop.run();
        assertThat(os.timeouts).isEmpty();
    }

    @Test
    void turnWithinATurnIsRefused() {
        loop.mailbox().offer(() -> loop.turn(0));
        loop.turn(0);
        assertThat(loop.invariantViolations()).isEqualTo(1);
        assertThat(os.timeouts).hasSize(1);
        loop.turn(0);
        assertThat(os.timeouts).hasSize(2);
    }

    @Test
    void loopClosesWhatItOpenedAndOnce() {
        var command = new Timed(() -> {});
        assertThat(loop.mailbox().offer(() -> command.due(0))).isTrue();
        assertThat(os.open.values()).containsExactlyInAnyOrder("epoll", "eventfd");
        loop.close();
        assertThat(os.open).isEmpty();
        int stranger = os.openLowest("eventfd");
        int another = os.openLowest("eventfd");
        loop.close();
        loop.stop();
        assertThat(loop.mailbox().offer(() -> {})).isFalse();
        assertThat(os.open.keySet()).containsExactly(stranger, another);
        assertThat(os.eventfdWrites).as("descriptors of others are left alone").isZero();
        assertThat(happened).as("queued commands are not run").isEmpty();
    }

    @Test
    void kernelThatRefusesAtStartIsNamedAndNothingStaysOpen() {
        var broken = new ScriptedOs();
        broken.epollCreateAnswer = -Errno.EMFILE;
        assertThatThrownBy(() -> start(broken))
                .hasMessageContaining("epoll_create1")
                .hasMessageContaining("Too many open files");
        broken.epollCreateAnswer = 0;
        broken.eventfdAnswer = -Errno.ENFILE;
        assertThatThrownBy(() -> start(broken))
                .hasMessageContaining("eventfd2")
                .hasMessageContaining("Too many open files in system");
        assertThat(broken.open).isEmpty();
        broken.eventfdAnswer = 0;
        broken.epollCtlAnswer = -Errno.ENOMEM;
        assertThatThrownBy(() -> start(broken))
                .hasMessageContaining("epoll_ctl")
                .hasMessageContaining("Cannot allocate memory");
        assertThat(broken.open).isEmpty();
    }

    private static EventLoop start(ScriptedOs broken) {
        return new EventLoop(broken, () -> 0, Log.silent());
    }

    @Test
    void handlersAndTurnEndsAreBounded() {
        for (int i = 1; i < Limits.HANDLERS; i++) {
            assertThat(loop.register(new Probe())).isEqualTo(i);
        }
        assertThatThrownBy(() -> loop.register(new Probe())).isInstanceOf(IllegalStateException.class);
        for (int i = 0; i < Limits.TURN_ENDS; i++) {
            loop.onTurnEnd(nowNs -> {});
        }
        assertThatThrownBy(() -> loop.onTurnEnd(nowNs -> {})).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void batchIsAsLargeAsItsLimit() {
        var probe = new Probe();
        int fd = watchedBy(loop.register(probe), 1);
        os.waits.add((EpollEvents out) -> {
            assertThat(out.capacity()).isEqualTo(Limits.EVENTS_PER_TURN);
            for (int i = 0; i < out.capacity(); i++) {
                out.set(i, Epoll.IN, os.refOf(fd));
            }
            return out.capacity();
        });
        loop.turn(0);
        assertThat(happened).hasSize(Limits.EVENTS_PER_TURN);
    }
}
