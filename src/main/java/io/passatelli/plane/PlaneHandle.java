package io.passatelli.plane;

import io.passatelli.base.Ip;
import io.passatelli.base.Limits;
import io.passatelli.config.PlaneConfig;
import io.passatelli.config.PortForward;
import io.passatelli.forward.RuleState;
import io.passatelli.guest.GuestState;
import io.passatelli.link.CaptureFilter;
import io.passatelli.link.PcapWriter;
import io.passatelli.loop.EventLoop;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.function.Supplier;

/**
 * The only thread-safe door to a plane: any thread may use it, before, while and after the plane runs. Answers are given on the loop's thread: who
 * does long work with one does it elsewhere ({@code thenApplyAsync}, or by waiting for it). An answer that fails does so with an exception whose
 * message is one sentence for the user.
 */
public final class PlaneHandle {
    private final EventLoop loop;
    private final Supplier<PlaneStats> snapshot;
    private final Consumer<PlaneConfig> adopter;
    private final Forwards forwards;
    private final FlowLister lister;
    private final Captures captures;
    private final GuestState guest;
    /** Asked for, and perhaps not answered yet; bounded by the mailbox, which refuses first. */
    private final Queue<CompletableFuture<PlaneStats>> asked = new ConcurrentLinkedQueue<>();

    /** As {@link #asked}, but what cannot be answered any more once the plane has ended. */
    private final Queue<CompletableFuture<?>> waiting = new ConcurrentLinkedQueue<>();

    private volatile @Nullable PlaneStats last;

    /** What works for it on the loop's thread. */
    record Parts(Forwards forwards, FlowLister lister, Captures captures, GuestState guest) {}

    PlaneHandle(EventLoop loop, Supplier<PlaneStats> snapshot, Consumer<PlaneConfig> adopter, Parts parts) {
        forwards = parts.forwards();
        lister = parts.lister();
        captures = parts.captures();
        guest = parts.guest();
        this.loop = loop;
        this.snapshot = snapshot;
        this.adopter = adopter;
    }

    /** Whether the plane has run to its end. */
    public boolean isOver() {
        return last != null;
    }

    /** The loop's turn under way is the last. */
    public void stop() {
        loop.stop();
    }

    /** Gives the plane another configuration, {@link DataPlane#adopt}; false if it has ended, or has too much to do: it has the old one then. */
    public boolean adopt(PlaneConfig config) {
        return loop.mailbox().offer(() -> adopter.accept(config));
    }

    /** The guest is to come by migration, and may have these addresses whatever it is told: {@link GuestState#expect}. False as {@link #adopt}. */
    public boolean expectGuest(List<Ip> addresses) {
        List<Ip> all = List.copyOf(addresses);
        return loop.mailbox()
                .offer(() -> all.reversed().forEach(guest::expect)); // the first of a family is the chief one
    }

    /**
     * Forwards what {@code rules} say from now on, and nothing else; says what has become of each, in their order. Sockets of ports that are in
     * both sets stay as they are, and so do flows. Traffic goes on meanwhile; the work is done in slices of at most a millisecond.
     *
     * <p>Fails with one sentence and {@link IllegalArgumentException} if there are too many, with {@link IllegalStateException} if another set
     * came before this one was in force, the plane has ended, or has too much to do. What depends on the answer runs on the loop thread unless
     * it asks for another.
     */
    public CompletableFuture<List<RuleState>> replaceForwards(List<PortForward> rules) {
        return forwards.replace(rules);
    }

    /** Tries again what of the set in force could not be had; says what has become of each rule then. Fails as {@link #replaceForwards}. */
    public CompletableFuture<List<RuleState>> retryForwards() {
        return forwards.retry();
    }

    /** What has become of each rule of the last set that was applied to its end; fails as {@link #replaceForwards}. */
    public CompletableFuture<List<RuleState>> forwards() {
        return forwards.states();
    }

    /**
     * The counters as the loop's next turn sees them; the last ones once the plane has ended. Fails with {@link IllegalStateException} if too
     * many wait for an answer already.
     */
    public CompletableFuture<PlaneStats> stats() {
        CompletableFuture<PlaneStats> answer = new CompletableFuture<>();
        boolean taken = loop.mailbox().offer(() -> answer.complete(snapshot.get()));
        asked.removeIf(CompletableFuture::isDone);
        if (taken) {
            asked.add(answer);
        }
        PlaneStats end = last; // looked at behind the offer: the loop may have ended between
        if (end != null) {
            answerAll(end);
            answer.complete(end);
        } else if (!taken) {
            answer.completeExceptionally(tooManyQuestions());
        }
        return answer;
    }

    /**
     * The first {@code most} flows, at most {@link Limits#FLOW_VIEWS}, in the order of the flow table, and how many there are. Fails with {@link
     * IllegalStateException} if the plane has ended, or makes too many lists already.
     */
    public CompletableFuture<FlowViews> flows(int most) {
        int bounded = Math.clamp(most, 0, Limits.FLOW_VIEWS);
        return ask(answer -> lister.list(bounded, answer));
    }

    /**
     * Records the frames that {@code filter} admits, in both directions, to {@code file}, which must not be there yet and is made for its owner
     * only, until {@link #stopCapture}, or until the next frame would make it longer than {@code mostBytes}, or the disk is full. The file is
     * opened by the calling thread. Answers with its path; fails with {@link IOException}, {@link IllegalArgumentException} for a bound that is
     * none, or {@link IllegalStateException} if a capture is running, or the plane has ended or has too much to do.
     */
    public CompletableFuture<Path> startCapture(Path file, CaptureFilter filter, long mostBytes) {
        PcapWriter opened;
        try {
            opened = captures.open(file, filter, mostBytes);
        } catch (IOException | IllegalArgumentException | IllegalStateException e) {
            return CompletableFuture.failedFuture(e);
        }
        CompletableFuture<Path> answer = ask(begun -> captures.begin(opened, begun));
        var ignored = answer.whenComplete((path, failure) -> {
            if (failure != null) {
                captures.release(opened);
            }
        });
        return answer;
    }

    /** Ends the capture; of one that ended by itself tells, once, what it has. Fails with {@link IllegalStateException} if there is none. */
    public CompletableFuture<CaptureEnd> stopCapture() {
        return ask(captures::stop);
    }

    /** What {@code command} answers on the loop's thread. */
    private <T> CompletableFuture<T> ask(Consumer<CompletableFuture<T>> command) {
        CompletableFuture<T> answer = new CompletableFuture<>();
        boolean taken = loop.mailbox().offer(() -> {
            try {
                command.accept(answer);
            } catch (Throwable t) {
                answer.completeExceptionally(new IllegalStateException("bug: " + t, t));
                throw t;
            }
        });
        waiting.removeIf(CompletableFuture::isDone);
        if (taken) {
            waiting.add(answer);
        }
        if (last != null) { // looked at behind the offer: the loop may have ended between
            failAll();
            answer.completeExceptionally(hasEnded());
        } else if (!taken) {
            answer.completeExceptionally(tooManyQuestions());
        }
        return answer;
    }

    private static IllegalStateException tooManyQuestions() {
        return new IllegalStateException("the plane has too many questions to answer");
    }

    static IllegalStateException hasEnded() {
        return new IllegalStateException("the plane has ended");
    }

    private void answerAll(PlaneStats end) {
        for (CompletableFuture<PlaneStats> answer = asked.poll(); answer != null; answer = asked.poll()) {
            answer.complete(end);
        }
    }

    private void failAll() {
        for (CompletableFuture<?> answer = waiting.poll(); answer != null; answer = waiting.poll()) {
            answer.completeExceptionally(hasEnded());
        }
    }

    /** Loop thread: nobody will be asked any more. */
    void ended() {
        PlaneStats end = snapshot.get();
        last = end;
        answerAll(end);
        forwards.ended();
        lister.end();
        captures.end();
        failAll();
    }
}
