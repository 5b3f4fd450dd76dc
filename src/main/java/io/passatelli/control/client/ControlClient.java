package io.passatelli.control.client;

import io.passatelli.base.Clock;
import io.passatelli.base.Limits;
import io.passatelli.control.api.AnswerLine;
import io.passatelli.control.api.ControlException;
import io.passatelli.control.api.Request;
import io.passatelli.control.api.RequestLine;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;

/** Asks a running role at its control socket, one request after the other. One thread. */
public final class ControlClient implements AutoCloseable {
    private static final long PATIENCE_MS = 2L * Limits.CONTROL_ANSWER_MS;
    private static final int FIRST_BYTES = 8_192;

    private final SocketChannel channel;
    private final Selector selector;
    private final SelectionKey key;
    private final Clock clock;

    private ControlClient(SocketChannel channel, Selector selector, Clock clock) throws IOException {
        this.channel = channel;
        this.selector = selector;
        this.clock = clock;
        key = channel.register(selector, 0);
    }

    /** Throws {@link IOException} with one sentence if nobody is there. */
    public static ControlClient connect(Path path, Clock clock) throws IOException {
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            channel.configureBlocking(false);
            if (!channel.connect(UnixDomainSocketAddress.of(path))) {
                throw new IOException("it has too many clients waiting");
            }
            return new ControlClient(channel, Selector.open(), clock);
        } catch (IOException e) {
            channel.close();
            throw new IOException("no passatelli answers at '" + path + "': " + e.getMessage(), e);
        }
    }

    /** The answer. Throws what the server says instead, or {@link IOException} with one sentence. */
    public <T> T ask(Request request, Class<T> answer) throws ControlException, IOException {
        return AnswerLine.read(line(request), answer);
    }

    /** The server's line as it is, without its end. */
    public String line(Request request) throws IOException {
        long deadlineNs = clock.nowNs() + TimeUnit.MILLISECONDS.toNanos(PATIENCE_MS);
        send(ByteBuffer.wrap(RequestLine.write(request)), deadlineNs);
        return receive(deadlineNs);
    }

    private void send(ByteBuffer line, long deadlineNs) throws IOException {
        while (line.hasRemaining()) {
            try {
                if (channel.write(line) == 0) {
                    await(SelectionKey.OP_WRITE, deadlineNs);
                }
            } catch (IOException e) {
                return; // the server has closed, and has perhaps said why
            }
        }
    }

    private String receive(long deadlineNs) throws IOException {
        byte[] line = new byte[FIRST_BYTES];
        int filled = 0;
        while (filled == 0 || line[filled - 1] != '\n') {
            if (filled == line.length) {
                if (filled > Limits.CONTROL_ANSWER_BYTES) {
                    throw new IOException("the answer is longer than " + Limits.CONTROL_ANSWER_BYTES + " bytes");
                }
                line = Arrays.copyOf(line, 2 * filled);
            }
            int got = channel.read(ByteBuffer.wrap(line, filled, line.length - filled));
            if (got < 0) {
                throw new IOException("the server went away without an answer");
            }
            if (got == 0) {
                await(SelectionKey.OP_READ, deadlineNs);
            }
            filled += got;
        }
        return new String(line, 0, filled - 1, StandardCharsets.UTF_8);
    }

    private void await(int what, long deadlineNs) throws IOException {
        long leftMs = TimeUnit.NANOSECONDS.toMillis(deadlineNs - clock.nowNs());
        if (leftMs <= 0) {
            throw new IOException("there was no answer within " + PATIENCE_MS / 1_000 + " s");
        }
        key.interestOps(what);
        selector.selectedKeys().clear();
        selector.select(leftMs);
    }

    @Override
    public void close() throws IOException {
        selector.close();
        channel.close();
    }
}
