package io.passatelli.control.server;

import io.passatelli.base.Clock;
import io.passatelli.base.Limits;
import io.passatelli.base.Log;
import io.passatelli.base.RateLimit;
import io.passatelli.control.api.AnswerLine;
import io.passatelli.control.api.ControlException;
import io.passatelli.control.api.RequestLine;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Queue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.TimeUnit;
import java.util.function.Function;

/**
 * Answers requests on a UNIX socket, one JSON object a line, both ways. One thread of its own does it all, without ever waiting for a client or for
 * the target: a client that is slow, silent or hostile costs its own place until its deadline, and nobody else anything.
 */
public final class ControlServer implements AutoCloseable {
    private static final long CLOSE_MS = 2_000;

    private final ControlSocket socket;
    private final Selector selector;
    private final SelectionKey acceptKey;
    private final Clock clock;
    private final Log log;
    private final Timing timing;
    private final Dispatcher dispatcher;
    private final List<Conversation> clients = new ArrayList<>();
    /** Work for the server's thread; each piece belongs to a client's request, or to a target's answer to one. */
    private final Queue<Runnable> work = new ConcurrentLinkedQueue<>();

    private final RateLimit lines = new RateLimit();
    private final Thread thread = new Thread(this::run, "control");
    private volatile boolean closed;
    /** When to accept again after an error; 0: now. */
    private long acceptAgainNs;

    /**
     * How long things may take.
     *
     * @param readNs from one answer to the end of the next line
     * @param answerNs the target's answer
     * @param writeNs until the client has read it
     */
    record Timing(long readNs, long answerNs, long writeNs) {
        static final Timing USUAL = new Timing(
                TimeUnit.MILLISECONDS.toNanos(Limits.CONTROL_READ_MS),
                TimeUnit.MILLISECONDS.toNanos(Limits.CONTROL_ANSWER_MS),
                TimeUnit.MILLISECONDS.toNanos(Limits.CONTROL_WRITE_MS));
    }

    private ControlServer(
            ControlSocket socket, Selector selector, Function<Executor, ControlTarget> target, Place place)
            throws IOException {
        this.socket = socket;
        this.selector = selector;
        clock = place.clock;
        log = place.log;
        timing = place.timing;
        dispatcher = new Dispatcher(target.apply(this::later));
        acceptKey = socket.channel().register(selector, SelectionKey.OP_ACCEPT);
        thread.setDaemon(true);
    }

    private record Place(Clock clock, Log log, Timing timing) {}

    /**
     * Listens at {@code path} from now on. The target is made with an executor that runs on the server's thread, for what is to be made of an answer.
     * Throws {@link IOException} with one sentence.
     */
    public static ControlServer start(Path path, Clock clock, Log log, Function<Executor, ControlTarget> target)
            throws IOException {
        return start(path, clock, log, Timing.USUAL, target);
    }

    static ControlServer start(Path path, Clock clock, Log log, Timing timing, Function<Executor, ControlTarget> target)
            throws IOException {
        ControlSocket socket = ControlSocket.listen(path);
        try {
            ControlServer server = new ControlServer(socket, Selector.open(), target, new Place(clock, log, timing));
            server.thread.start();
            return server;
        } catch (IOException | RuntimeException | Error e) {
            socket.close();
            throw e;
        }
    }

    private void later(Runnable piece) {
        work.add(piece);
        selector.wakeup();
    }

    private void run() {
        try {
            while (!closed) {
                selector.select(this::onKey, waitMs(clock.nowNs()));
                doWork();
                onTime(clock.nowNs());
            }
        } catch (IOException | RuntimeException | Error e) {
            if (!closed) {
                log.error("the control socket is closed: " + e);
            }
        } finally {
            end();
        }
    }

    /** What is there now; what it brings about has its turn after the clients. */
    private void doWork() {
        for (int left = work.size(); left > 0; left--) {
            Runnable piece = work.poll();
            try {
                if (piece != null) {
                    piece.run();
                }
            } catch (RuntimeException e) {
                bug(e); // its client hears of it by its deadline
            }
        }
    }

    private void end() {
        clients.forEach(Conversation::close);
        clients.clear();
        try {
            socket.close();
            selector.close();
        } catch (IOException e) {
            log.warn("the control socket's file stays: " + e.getMessage());
        }
    }

    /** Until the next deadline; 0: there is none. */
    private long waitMs(long nowNs) {
        long left = Long.MAX_VALUE;
        for (Conversation client : clients) {
            left = Math.min(left, client.deadlineNs() - nowNs);
        }
        if (acceptAgainNs != 0) {
            left = Math.min(left, acceptAgainNs - nowNs);
        }
        return left == Long.MAX_VALUE ? 0 : Math.max(1, TimeUnit.NANOSECONDS.toMillis(left) + 1);
    }

    private void onTime(long nowNs) {
        if (acceptAgainNs != 0 && nowNs - acceptAgainNs >= 0) {
            acceptAgainNs = 0;
            acceptKey.interestOps(SelectionKey.OP_ACCEPT);
        }
        for (Conversation client : List.copyOf(clients)) {
            if (nowNs - client.deadlineNs() < 0) {
                continue;
            }
            if (client.state() == Conversation.State.ASKING) {
                answer(client, AnswerLine.of(client.id(), busy()), true);
            } else {
                close(client);
            }
        }
    }

    private static ControlException busy() {
        return new ControlException(ControlException.BUSY, "there was no answer in time");
    }

    private static ControlException tooLong() {
        return new ControlException(
                ControlException.TOO_LONG, "a line has less than " + Limits.CONTROL_LINE_BYTES + " bytes");
    }

    private void onKey(SelectionKey key) {
        if (key == acceptKey) {
            accept();
            return;
        }
        Conversation client = (Conversation) key.attachment();
        try {
            switch (client.state()) {
                case LISTENING -> {
                    if (client.read()) {
                        advance(client);
                    }
                }
                case ANSWERING -> advance(client);
                case ASKING, CLOSED -> {}
            }
        } catch (IOException e) {
            close(client);
        } catch (RuntimeException | OutOfMemoryError e) { // of memory there is enough again without this client
            bug(e);
            close(client);
        }
    }

    private void accept() {
        try {
            for (int i = 0; i < Limits.CONTROL_ACCEPTS; i++) {
                SocketChannel client = socket.channel().accept();
                if (client == null) {
                    return;
                }
                admit(client);
            }
        } catch (IOException e) {
            acceptKey.interestOps(0);
            acceptAgainNs = clock.nowNs() + TimeUnit.MILLISECONDS.toNanos(Limits.CONTROL_ACCEPT_RETRY_MS);
            warn("no client can come to the control socket: " + e.getMessage());
        }
    }

    private void admit(SocketChannel channel) {
        try {
            channel.configureBlocking(false);
            ControlException refusal = refusal(channel);
            if (refusal != null) {
                channel.write(ByteBuffer.wrap(AnswerLine.of(null, refusal)));
                channel.close();
                return;
            }
            SelectionKey key = channel.register(selector, SelectionKey.OP_READ);
            Conversation client = new Conversation(channel, key, timing, clock.nowNs());
            key.attach(client);
            clients.add(client);
        } catch (IOException e) {
            warn("a client of the control socket is sent away: " + e.getMessage());
            closeQuietly(channel);
        }
    }

    private @Nullable ControlException refusal(SocketChannel channel) throws IOException {
        if (!socket.mayTalk(channel)) {
            warn("another user's process is sent away from the control socket");
            return new ControlException(ControlException.FORBIDDEN, "only the user of this process, and root, may ask");
        }
        return clients.size() < Limits.CONTROL_CLIENTS
                ? null
                : new ControlException(
                        ControlException.TOO_MANY_CLIENTS,
                        "there are " + Limits.CONTROL_CLIENTS + " clients already: try again later");
    }

    private static void closeQuietly(SocketChannel channel) {
        try {
            channel.close();
        } catch (IOException e) {
            // it is gone either way
        }
    }

    /** As far as it goes: what is to be written, then what was said. */
    private void advance(Conversation client) throws IOException {
        while (client.write(clock.nowNs())) {
            if (client.isLast()) {
                close(client);
                return;
            }
            byte[] line = client.takeLine();
            if (line != null) {
                ask(client, line);
                return;
            } else if (client.hasEnded()) {
                close(client);
                return;
            } else if (client.isOverlong()) {
                client.answer(AnswerLine.of(null, tooLong()), true, clock.nowNs());
            } else {
                client.listen();
                return;
            }
        }
    }

    /** The answer comes by {@link #work}, also if it is there already: between two lines of a client others have their turn. */
    private void ask(Conversation client, byte[] line) {
        long turn = client.asked(clock.nowNs());
        CompletableFuture<?> answer;
        try {
            RequestLine read = RequestLine.read(line);
            client.called(read.id());
            answer = dispatcher.ask(read.request());
        } catch (ControlException e) {
            answer = CompletableFuture.failedFuture(e);
        }
        var unused = answer.whenComplete((said, failure) -> later(() -> onAnswer(client, turn, said, failure)));
    }

    private void onAnswer(Conversation client, long turn, @Nullable Object said, @Nullable Throwable failure) {
        if (client.state() != Conversation.State.ASKING || client.turn() != turn) {
            return; // it came too late, or the client has left
        }
        if (failure == null && said != null) {
            answer(client, AnswerLine.of(client.id(), said), false);
            return;
        }
        Throwable why = failure == null ? new NullPointerException("no answer at all") : failure;
        ControlException error = Dispatcher.sayable(why);
        if (error.code().equals(ControlException.INTERNAL)) {
            bug(why);
        }
        answer(client, AnswerLine.of(client.id(), error), false);
    }

    private void answer(Conversation client, byte[] line, boolean goodbye) {
        client.answer(line, goodbye, clock.nowNs());
        try {
            advance(client);
        } catch (IOException e) {
            close(client);
        }
    }

    private void close(Conversation client) {
        client.close();
        clients.remove(client);
    }

    private void bug(Throwable t) {
        warn("bug: " + t + " on behalf of a client of the control socket");
    }

    private void warn(String line) {
        if (lines.allows(clock.nowNs())) {
            log.warn(line + lines.leftOut());
        }
    }

    /** Sends all clients away and removes the socket. Any thread but the server's own. */
    @Override
    public void close() {
        closed = true;
        selector.wakeup();
        try {
            thread.join(CLOSE_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
