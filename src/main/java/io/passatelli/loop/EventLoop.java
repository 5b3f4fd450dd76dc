package io.passatelli.loop;

import io.passatelli.base.Clock;
import io.passatelli.base.Durations;
import io.passatelli.base.HotPath;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.base.RateLimit;
import io.passatelli.base.TimerWheel;
import io.passatelli.os.Epoll;
import io.passatelli.os.EpollEvents;
import io.passatelli.os.Errno;
import io.passatelli.os.Os;
import org.jspecify.annotations.Nullable;

import java.util.ArrayList;
import java.util.List;

/**
 * One epoll(7) instance and the thread that runs it. A turn: wait, events, timers, ready list, mailbox, end-of-turn actions. Loop thread only,
 * but for {@link Mailbox#offer} and {@link #stop}.
 *
 * <p><b>Faults.</b> Every call out of the loop is guarded by itself: what it throws, errors of the virtual machine included, is counted and
 * logged, its owner is told ({@link Handler#onFault}, {@link ReadyList.Node#onFault}, {@link TimerWheel.Timer#onFault}), and the turn goes on
 * with the next. Only the loop's own failure, an epoll_pwait2(2) that answers what it never should, comes out of {@link #turn} and
 * {@link #run}.
 *
 * <p><b>A stale event is harmless.</b> One wait brings up to {@link Limits#EVENTS_PER_TURN} events, and the handler of an early one may close
 * the descriptor of a later one, and the kernel may give its number to a new socket within the same turn. The later event is then about
 * something that is no more. Why it reaches nobody:
 * <ol>
 *   <li>An event carries the {@link Ref} that {@link #watch} stored for its registration, not the number of a descriptor. A new socket is
 *       a new registration with its own reference, so events of the one never name the other, whatever their numbers.
 *   <li>A reference holds the generation that its thing had when it was registered. An owner that closes a thing moves the generation of its
 *       index on before the index is used again ({@code FlowTable.remove} does). So from then on the old reference differs from
 *       {@link Handler#generation}, and {@code deliver} compares the two immediately before each call: the event is counted and dropped.
 *   <li>A generation comes back after {@link Ref#GENERATIONS} reuses of one index. For a stale event to meet its own number again all of them
 *       would have to happen between the return of one wait and the last event of its batch; {@link #unwatch} before close(2) sees to it
 *       that no later wait brings the old reference, even where a duplicate of the descriptor lives on.
 * </ol>
 * What is left is an event for a thing that lives and has changed meanwhile (its data was read by an earlier handler, or it was unwatched).
 * That one is delivered; handlers take every event as a hint, and -EAGAIN as an answer.
 */
public final class EventLoop implements AutoCloseable {
    /** The loop's own type: its mailbox. */
    private static final int WAKE = 0;

    private static final int FRAMES_IN_LOG = 8;

    /** Something to be done at the end of each turn, such as one doorbell for all that was queued in it. */
    @FunctionalInterface
    public interface TurnEnd {
        void onTurnEnd(long nowNs);
    }

    private final Os os;
    private final Clock clock;
    private final Log log;
    private final RateLimit logLimit = new RateLimit();
    private final EpollEvents events = new EpollEvents(Limits.EVENTS_PER_TURN);
    private final @Nullable Handler[] handlers = new @Nullable Handler[Limits.HANDLERS];
    private final List<TurnEnd> turnEnds = new ArrayList<>(Limits.TURN_ENDS);
    private final ReadyList ready = new ReadyList();
    private final Guard guard = new Guard();
    private final Durations turns = new Durations();
    private final TimerWheel timers;
    private final Mailbox mailbox;
    private final int epoll;
    private int handlerCount;
    private long nowNs;
    private long invariantViolations;
    private long staleEvents;
    private boolean inTurn;
    private boolean turned;
    private boolean closed;
    private volatile boolean stopped;

    /** Makes the epoll instance and the mailbox's eventfd. Throws {@link IllegalStateException} if the kernel refuses; nothing stays open. */
    public EventLoop(Os os, Clock clock, Log log) {
        this.os = os;
        this.clock = clock;
        this.log = log;
        nowNs = clock.nowNs();
        timers = new TimerWheel(nowNs);
        epoll = check("epoll_create1", os.epollCreate());
        int eventfd = os.eventfd();
        if (eventfd < 0) {
            os.close(epoll);
        }
        mailbox = new Mailbox(os, check("eventfd2", eventfd));
        int wake = register(new Wake(mailbox));
        assert wake == WAKE : wake;
        int rc = watch(eventfd, Epoll.IN, WAKE, 0, 0);
        if (rc < 0) {
            close();
        }
        check("epoll_ctl of the mailbox", rc);
    }

    private static int check(String call, int rc) {
        if (rc < 0) {
            throw new IllegalStateException("the event loop cannot start: " + call + ": " + Errno.text(-rc));
        }
        return rc;
    }

    private record Wake(Mailbox mailbox) implements Handler {
        @Override
        public int generation(int index) {
            return 0;
        }

        @Override
        public void onEvent(int index, int events, long nowNs) {
            mailbox.clear();
        }
    }

    public Os os() {
        return os;
    }

    /** For who measures how long something takes within a turn; what time it is says {@link #nowNs}. */
    public Clock clock() {
        return clock;
    }

    /**
     * Makes {@code handler} known; returns its type for {@link #watch}. At most {@code Limits.HANDLERS} with the loop's own, else it throws
     * {@link IllegalStateException}.
     */
    public int register(Handler handler) {
        if (handlerCount == handlers.length) {
            throw new IllegalStateException("a loop has at most " + handlers.length + " handlers");
        }
        handlers[handlerCount] = handler;
        return handlerCount++;
    }

    /** epoll_ctl ADD: events of {@code fd} go to thing {@code index} of {@code type}, while its generation is {@code generation}. 0 or -errno. */
    @HotPath
    public int watch(int fd, int events, int type, int generation, int index) {
        return control(Epoll.ADD, fd, events, Ref.of(type, generation, index));
    }

    /** epoll_ctl MOD. With {@link Epoll#ET} an event that is there already is brought again. 0 or -errno. */
    @HotPath
    public int rewatch(int fd, int events, int type, int generation, int index) {
        return control(Epoll.MOD, fd, events, Ref.of(type, generation, index));
    }

    /** epoll_ctl DEL; before the descriptor is closed. 0 or -errno. */
    @HotPath
    public int unwatch(int fd) {
        return os.epollCtl(epoll, Epoll.DEL, fd, 0, 0);
    }

    private int control(int op, int fd, int events, long ref) {
        assert Ref.type(ref) < handlerCount : Ref.type(ref);
        return os.epollCtl(epoll, op, fd, events, ref);
    }

    /** Adds an action; they run in the order in which they came. At most {@link Limits#TURN_ENDS}, else {@link IllegalStateException}. */
    public void onTurnEnd(TurnEnd action) {
        if (turnEnds.size() == Limits.TURN_ENDS) {
            throw new IllegalStateException("a loop has at most " + Limits.TURN_ENDS + " end-of-turn actions");
        }
        turnEnds.add(action);
    }

    public TimerWheel timers() {
        return timers;
    }

    public ReadyList ready() {
        return ready;
    }

    /** The way in for other threads. */
    public Mailbox mailbox() {
        return mailbox;
    }

    /** When the current turn began, ns; between turns, when the last one did. */
    public long nowNs() {
        return nowNs;
    }

    /** One turn; waits at most {@code mostNs} (negative: as long as timers allow). Throws {@link IllegalStateException} if epoll itself fails. */
    @HotPath
    public void turn(long mostNs) {
        assert !inTurn : "a turn within a turn";
        assert !closed;
        int count = await(mostNs);
        nowNs = clock.nowNs();
        inTurn = true;
        try {
            for (int i = 0; i < count; i++) {
                deliver(events.ref(i), events.events(i));
            }
            timers.advance(nowNs, guard);
            ready.drain(nowNs, guard);
            runCommands();
            endTurn();
        } finally {
            inTurn = false;
        }
    }

    private int await(long mostNs) {
        long beforeNs = clock.nowNs();
        if (turned) {
            turns.add(beforeNs - nowNs);
        }
        turned = true;
        long timeoutNs = timeoutNs(mostNs, beforeNs);
        if (timeoutNs != 0 && !mailbox.maySleep()) {
            timeoutNs = 0;
        }
        int count = os.epollWait(epoll, events, timeoutNs);
        mailbox.awake();
        if (count >= 0) {
            return count;
        }
        if (count == -Errno.EINTR) {
            return 0;
        }
        throw waitFailed(-count);
    }

    /** {@code beforeNs}: the clock again, because the last turn's work took time. */
    private long timeoutNs(long mostNs, long beforeNs) {
        if (mostNs == 0 || !ready.isEmpty()) {
            return 0;
        }
        if (timers.count() == 0) {
            return mostNs;
        }
        long untilNs = timers.untilNextNs(beforeNs);
        return mostNs < 0 ? untilNs : Math.min(mostNs, untilNs);
    }

    private static IllegalStateException waitFailed(int errno) {
        return new IllegalStateException("the event loop ends: epoll_pwait2: " + Errno.text(errno));
    }

    private void deliver(long ref, int happened) {
        int index = Ref.index(ref);
        Handler handler = handlers[Ref.type(ref)];
        try {
            if (handler == null || handler.generation(index) != Ref.generation(ref)) {
                staleEvents++;
                return;
            }
            handler.onEvent(index, happened, nowNs);
        } catch (Throwable thrown) {
            onHandlerFault(ref, handler, thrown);
        }
    }

    private void runCommands() {
        for (int i = 0; i < Limits.COMMANDS_PER_TURN; i++) {
            Runnable command = mailbox.poll();
            if (command == null) {
                return;
            }
            try {
                command.run();
            } catch (Throwable thrown) {
                fault("command", command, thrown);
            }
        }
    }

    private void endTurn() {
        for (int i = 0; i < turnEnds.size(); i++) {
            TurnEnd action = turnEnds.get(i);
            try {
                action.onTurnEnd(nowNs);
            } catch (Throwable thrown) {
                fault("end-of-turn action", action, thrown);
            }
        }
    }

    private void onHandlerFault(long ref, @Nullable Handler handler, Throwable thrown) {
        fault("handler", handler, thrown);
        if (handler == null) {
            return;
        }
        try {
            handler.onFault(Ref.index(ref), thrown);
        } catch (Throwable again) {
            fault("fault handler", handler, again);
        }
    }

    /** Hears of faults inside the wheel and the list. */
    private final class Guard implements TimerWheel.Faults, ReadyList.Faults {
        @Override
        public void onFault(TimerWheel.Timer timer, Throwable thrown) {
            fault("timer", timer, thrown);
            try {
                timer.onFault(thrown);
            } catch (Throwable again) {
                fault("fault handler of timer", timer, again);
            }
        }

        @Override
        public void onFault(ReadyList.Node node, Throwable thrown) {
            fault("ready node", node, thrown);
            try {
                node.onFault(thrown);
            } catch (Throwable again) {
                fault("fault handler of ready node", node, again);
            }
        }
    }

    /** Counts, and says it if that is possible: with no memory or stack left even the line may fail. */
    private void fault(String what, @Nullable Object who, Throwable thrown) {
        invariantViolations++;
        try {
            if (logLimit.allows(nowNs)) {
                report(what, who, thrown);
            }
        } catch (Throwable again) {
            invariantViolations++;
        }
    }

    private void report(String what, @Nullable Object who, Throwable thrown) {
        long suppressed = logLimit.takeSuppressed();
        String name = who == null ? "" : " " + who.getClass().getName();
        String others = suppressed == 0 ? "" : " (" + suppressed + " faults before it were not logged)";
        StackTraceElement[] trace = thrown.getStackTrace();
        String at = trace.length == 0 ? "" : " at " + trace[0];
        log.error("Fault in " + what + name + ": " + thrown + at + others);
        for (int i = 1; i < Math.min(FRAMES_IN_LOG, trace.length); i++) {
            StackTraceElement frame = trace[i];
            log.debug(() -> "  called at " + frame);
        }
    }

    /** Turns until {@link #stop}. A throwable out of a handler is logged and counted; one out of the loop itself is thrown. */
    public void run() {
        while (!stopped) {
            turn(-1);
        }
    }

    /** Any thread: the turn under way is the last; of a loop that is yet to {@link #run}, there is none. */
    public void stop() {
        stopped = true;
        mailbox.wake();
    }

    /** Throwables that came out of handlers, timers, visits, commands and end-of-turn actions. */
    public long invariantViolations() {
        return invariantViolations;
    }

    /** Events that were not delivered because their descriptor had been reused. */
    public long staleEvents() {
        return staleEvents;
    }

    /** How long turns took, without the wait that each begins with; of the one under way it is told when the next begins. */
    public Durations.Snapshot turns() {
        return turns.snapshot();
    }

    /** After {@link #run}: the mailbox refuses, epoll and eventfd are closed. Descriptors that were watched are their owners'. */
    @Override
    public void close() {
        if (closed) {
            return;
        }
        closed = true;
        mailbox.close();
        os.close(epoll);
    }
}
