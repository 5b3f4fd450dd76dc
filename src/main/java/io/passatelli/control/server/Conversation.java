package io.passatelli.control.server;

import io.passatelli.base.Limits;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.SocketChannel;
import java.util.Arrays;

/**
 * One client: reads a line, waits for its answer, writes the answer, and only then looks at the next line; so a client has one request under way,
 * one line and one answer in our memory, and one deadline. Server's thread.
 */
final class Conversation {
    private static final int FIRST_BYTES = 1_024;

    /** What the client's turn is about. */
    enum State {
        LISTENING,
        ASKING,
        ANSWERING,
        CLOSED
    }

    private final SocketChannel channel;
    private final SelectionKey key;
    private final ControlServer.Timing timing;

    private State state = State.LISTENING;
    /** What has come and is not answered lies from {@code start} to {@code filled}; before {@code searched} there is no end of a line. */
    private byte[] in = new byte[FIRST_BYTES];

    private int start;
    private int searched;
    private int filled;

    private boolean ended;
    private boolean last;
    private @Nullable ByteBuffer out;
    private long deadlineNs;
    /** The request under way: what comes for an earlier one is too late. */
    private long turn;

    private @Nullable Object id;

    Conversation(SocketChannel channel, SelectionKey key, ControlServer.Timing timing, long nowNs) {
        this.channel = channel;
        this.key = key;
        this.timing = timing;
        deadlineNs = nowNs + timing.readNs();
    }

    State state() {
        return state;
    }

    long deadlineNs() {
        return deadlineNs;
    }

    long turn() {
        return turn;
    }

    /** What has come. Whether there is anything to look at: bytes, or the end. */
    boolean read() throws IOException {
        makeRoom();
        int got = channel.read(ByteBuffer.wrap(in, filled, in.length - filled));
        if (got < 0) {
            ended = true;
            return true;
        }
        filled += got;
        return got > 0;
    }

    private void makeRoom() {
        if (filled < in.length) {
            return;
        }
        int length = start > 0 ? in.length : Math.min(2 * in.length, Limits.CONTROL_LINE_BYTES);
        byte[] next = new byte[length];
        System.arraycopy(in, start, next, 0, filled - start);
        in = next;
        filled -= start;
        searched -= start;
        start = 0;
    }

    /** The next line without its end, if there is one. */
    byte @Nullable [] takeLine() {
        for (; searched < filled; searched++) {
            if (in[searched] == '\n') {
                byte[] line = Arrays.copyOfRange(in, start, searched);
                searched++;
                start = searched;
                return line;
            }
        }
        return null;
    }

    /** The line is longer than lines may be, so nobody knows where the next one begins. */
    boolean isOverlong() {
        return filled - start == Limits.CONTROL_LINE_BYTES;
    }

    /** Nothing more will come. */
    boolean hasEnded() {
        return ended;
    }

    /** Waits for more of a line. */
    void listen() {
        state = State.LISTENING;
        key.interestOps(SelectionKey.OP_READ);
    }

    /** Waits for an answer, which may come under this number only; what the client says meanwhile stays in the kernel. */
    long asked(long nowNs) {
        state = State.ASKING;
        id = null;
        key.interestOps(0);
        deadlineNs = nowNs + timing.answerNs();
        return ++turn;
    }

    /** The request under way is called so by the client. */
    void called(@Nullable Object name) {
        id = name;
    }

    /** What the client calls the request under way. */
    @Nullable
    Object id() {
        return id;
    }

    /** Has this line to read. {@code goodbye}: and is then closed. */
    void answer(byte[] line, boolean goodbye, long nowNs) {
        state = State.ANSWERING;
        last = goodbye;
        out = ByteBuffer.wrap(line);
        deadlineNs = nowNs + timing.writeNs();
    }

    /** Whether the client has its answer; if not, the selector says when to go on. Then it is to listen again. */
    boolean write(long nowNs) throws IOException {
        ByteBuffer left = out;
        if (left != null) {
            while (left.hasRemaining()) {
                int n = Math.min(left.remaining(), Limits.CONTROL_WRITE_BYTES);
                ByteBuffer part = left.slice(left.position(), n);
                int taken = channel.write(part);
                left.position(left.position() + taken);
                if (taken < n) {
                    key.interestOps(SelectionKey.OP_WRITE);
                    return false;
                }
            }
            out = null;
            deadlineNs = nowNs + timing.readNs();
        }
        return true;
    }

    /** Nothing is to follow the answer. */
    boolean isLast() {
        return last;
    }

    void close() {
        state = State.CLOSED;
        try {
            channel.close();
        } catch (IOException e) {
            // the client is gone either way
        }
    }
}
