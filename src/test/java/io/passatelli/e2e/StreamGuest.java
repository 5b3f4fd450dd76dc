package io.passatelli.e2e;

import java.io.IOException;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Predicate;

import static org.assertj.core.api.Assertions.fail;

/**
 * A guest at the other end of QEMU's stream format: frames behind their lengths, 4 bytes in network order. Nothing here waits longer than 30 s.
 */
final class StreamGuest implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(30);
    private static final int AGAIN_MS = 50;
    private static final int FRAME_MIN = 60;
    private static final int FRAME_MAX = 65_535;

    private final SocketChannel link;
    private final Selector selector;
    private final SelectionKey key;
    private final ByteBuffer in = ByteBuffer.allocateDirect(256 << 10);
    private final Deque<byte[]> received = new ArrayDeque<>();
    private boolean ended;
    private int question = Frames.ip(10, 99, 0, 0);

    private StreamGuest(SocketChannel link) throws IOException {
        this.link = link;
        link.configureBlocking(false);
        selector = Selector.open();
        key = link.register(selector, 0);
    }

    static StreamGuest connect(Path socket) throws IOException {
        SocketChannel link = SocketChannel.open(StandardProtocolFamily.UNIX);
        link.connect(UnixDomainSocketAddress.of(socket));
        return new StreamGuest(link);
    }

    /** A frame behind its length. */
    static ByteBuffer framed(byte[] frame) {
        return ByteBuffer.allocate(4 + frame.length)
                .putInt(frame.length)
                .put(frame)
                .flip();
    }

    void send(byte[] frame) throws IOException {
        write(framed(frame));
    }

    /** Writes all of it, and keeps what comes in the meantime. */
    void write(ByteBuffer bytes) throws IOException {
        write(bytes, true);
    }

    /** Writes all of it and reads nothing, as a guest that has stopped. */
    void writeOnly(ByteBuffer bytes) throws IOException {
        write(bytes, false);
    }

    private void write(ByteBuffer bytes, boolean reading) throws IOException {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (bytes.hasRemaining()) {
            if (link.write(bytes) == 0) {
                select(SelectionKey.OP_WRITE | (reading ? SelectionKey.OP_READ : 0), end);
            }
            if (reading) {
                read();
            }
        }
    }

    /** The next frame. */
    byte[] receive() throws IOException {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (received.isEmpty()) {
            if (ended) {
                fail("passt closed the connection");
            }
            select(SelectionKey.OP_READ, end);
            read();
        }
        return received.remove();
    }

    /** The next frame of those that are wanted; others are forgotten. */
    byte[] receive(Predicate<byte[]> wanted) throws IOException {
        byte[] frame;
        do {
            frame = receive();
        } while (!wanted.test(frame));
        return frame;
    }

    /** How many frames came by now; they are forgotten. */
    int forget() {
        int count = received.size();
        received.clear();
        return count;
    }

    /** Waits until passt closes the connection. */
    void awaitEnd() throws IOException {
        long end = System.nanoTime() + LIMIT.toNanos();
        while (!ended) {
            select(SelectionKey.OP_READ, end);
            read();
        }
    }

    /**
     * Asks for an address never asked for before, and waits for the answer: what was sent before it has been dealt with by then. Returns what came
     * in the meantime.
     */
    List<byte[]> resolve() throws IOException {
        int target = ++question;
        send(Frames.arpRequest(target));
        List<byte[]> others = new ArrayList<>();
        for (byte[] frame = receive(); !isAnswer(frame, target); frame = receive()) {
            others.add(frame);
        }
        return others;
    }

    private static boolean isAnswer(byte[] frame, int target) {
        return Frames.isArpReply(frame) && Frames.resolved(frame) == target;
    }

    /** The same on a link so full that the answer may be dropped: asks again and again. Takes {@code others}, all frames ahead of the answer. */
    void resolveAtLast(Consumer<byte[]> others) throws IOException {
        int target = ++question;
        long end = System.nanoTime() + LIMIT.toNanos();
        while (true) {
            send(Frames.arpRequest(target));
            while (!received.isEmpty() || canRead()) {
                read();
                while (!received.isEmpty()) {
                    byte[] frame = received.remove();
                    if (Frames.isArpReply(frame) && Frames.resolved(frame) == target) {
                        return;
                    }
                    others.accept(frame);
                }
            }
            if (ended || System.nanoTime() > end) {
                fail("there was no answer");
            }
        }
    }

    /** Whether there is something to read, or soon will be. */
    private boolean canRead() throws IOException {
        key.interestOps(SelectionKey.OP_READ);
        boolean can = !ended && selector.select(AGAIN_MS) > 0;
        selector.selectedKeys().clear();
        return can;
    }

    private void select(int interest, long end) throws IOException {
        long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
        key.interestOps(interest);
        if (left <= 0 || selector.select(left) == 0) {
            fail("passt neither read nor wrote for %s", LIMIT);
        }
        selector.selectedKeys().clear();
    }

    private void read() throws IOException {
        int count;
        do {
            count = readOnce();
            unpack();
        } while (count > 0);
        ended |= count < 0;
    }

    /** As SocketChannel.read; a connection closed with bytes of ours unread is an end too. */
    private int readOnce() throws IOException {
        try {
            return link.read(in);
        } catch (SocketException e) {
            return -1;
        }
    }

    private void unpack() {
        in.flip();
        while (in.remaining() >= 4) {
            int length = in.getInt(in.position());
            if (length < FRAME_MIN || length > FRAME_MAX) {
                fail("a frame of %d bytes: framing is lost", length);
            }
            if (in.remaining() < 4 + length) {
                break;
            }
            byte[] frame = new byte[length];
            in.getInt();
            in.get(frame);
            received.add(frame);
        }
        in.compact();
    }

    @Override
    public void close() throws IOException {
        selector.close();
        link.close();
    }
}
