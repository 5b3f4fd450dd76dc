package io.passatelli.plane;

import io.passatelli.config.PlaneConfig;
import io.passatelli.config.PortForward;
import io.passatelli.forward.RuleState;
import io.passatelli.loop.EventLoop;
import org.jspecify.annotations.Nullable;

import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.function.Consumer;
import java.util.function.Supplier;

/** The only thread-safe door to a plane: any thread may use it, before, while and after the plane runs. */
public final class PlaneHandle {
    private final EventLoop loop;
    private final Supplier<PlaneStats> snapshot;
    private final Consumer<PlaneConfig> adopter;
    private final Forwards forwards;
    /** Asked for, and perhaps not answered yet; bounded by the mailbox, which refuses first. */
    private final Queue<CompletableFuture<PlaneStats>> asked = new ConcurrentLinkedQueue<>();

    private volatile @Nullable PlaneStats last;

    PlaneHandle(EventLoop loop, Supplier<PlaneStats> snapshot, Consumer<PlaneConfig> adopter, Forwards forwards) {
        this.forwards = forwards;
        this.loop = loop;
        this.snapshot = snapshot;
        this.adopter = adopter;
    }

    /** The loop's turn under way is the last. */
    public void stop() {
        loop.stop();
    }

    /** Gives the plane another configuration, {@link DataPlane#adopt}; false if it has ended, or has too much to do: it has the old one then. */
    public boolean adopt(PlaneConfig config) {
        return loop.mailbox().offer(() -> adopter.accept(config));
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
            answer.completeExceptionally(new IllegalStateException("the plane has too many questions to answer"));
        }
        return answer;
    }

    private void answerAll(PlaneStats end) {
        for (CompletableFuture<PlaneStats> answer = asked.poll(); answer != null; answer = asked.poll()) {
            answer.complete(end);
        }
    }

    /** Loop thread: nobody will be asked any more. */
    void ended() {
        PlaneStats end = snapshot.get();
        last = end;
        answerAll(end);
        forwards.ended();
    }
}
