package io.passatelli.e2e;

import io.passatelli.lab.TcpEnd;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.StringJoiner;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;

import static org.assertj.core.api.Assertions.fail;

/**
 * Streams of bytes over connections, all at once. Every byte that arrives is compared with what has to be at its place, and every stream's progress is
 * looked at ten times a second.
 */
final class TcpBulk implements AutoCloseable {
    /** A period that is no multiple of any power of two: bytes at a wrong place are wrong bytes. */
    private static final int PERIOD = (1 << 20) + 7;

    private static final int CHUNK = 128 << 10;
    private static final ByteBuffer PATTERN = pattern();
    private static final long LOOK_MS = 100;
    private static final long END_MS = 10_000;

    private final List<Stream> streams = new ArrayList<>();
    private final Semaphore finished = new Semaphore(0);
    private long beganNs;
    private long tookNs;

    private static ByteBuffer pattern() {
        byte[] bytes = new byte[PERIOD];
        new SplittableRandom(1).nextBytes(bytes);
        ByteBuffer twice = ByteBuffer.allocateDirect(PERIOD + CHUNK);
        return twice.put(bytes).put(bytes, 0, CHUNK).flip().asReadOnlyBuffer();
    }

    /** What has to be at a place of a stream, and beyond. */
    private static ByteBuffer patternAt(long place, int count) {
        return PATTERN.slice((int) (place % PERIOD), count);
    }

    /** So many bytes from one end to the other, and then the end. */
    Stream add(TcpEnd from, TcpEnd to, long bytes) {
        Stream stream = new Stream(from, to, bytes);
        streams.add(stream);
        return stream;
    }

    /** Begins with all streams. */
    TcpBulk start() {
        beganNs = System.nanoTime();
        streams.forEach(Stream::start);
        return this;
    }

    /** Begins, unless that was done, and waits until all has arrived, and nothing but that, in time. */
    TcpBulk await(Duration limit) throws InterruptedException {
        if (beganNs == 0) {
            start();
        }
        long end = beganNs + limit.toNanos();
        while (!finished.tryAcquire(streams.size(), LOOK_MS, TimeUnit.MILLISECONDS)) {
            streams.forEach(Stream::look);
            if (System.nanoTime() > end) {
                fail("not all came within %s: %s", limit, this);
            }
        }
        tookNs = System.nanoTime() - beganNs;
        streams.forEach(Stream::check);
        return this;
    }

    /** The longest time in which an unfinished stream moved nothing, by looks at it: a test that does not run does not see pauses. */
    Duration longestPause() {
        return Duration.ofMillis(
                streams.stream().mapToLong(s -> s.longestPause * LOOK_MS).max().orElse(0));
    }

    /** Of all streams together, bits per second. */
    private double rate() {
        return received() * 8e9 / (tookNs == 0 ? System.nanoTime() - beganNs : tookNs);
    }

    @Override
    public String toString() {
        StringJoiner text =
                new StringJoiner("; ", "%.2f Gbit/s, longest pause %s: ".formatted(rate() / 1e9, longestPause()), "");
        streams.forEach(s -> text.add(s.toString()));
        return text.toString();
    }

    long received() {
        return streams.stream().mapToLong(s -> s.received).sum();
    }

    /** Ends the streams that are still under way, and their connections with them. */
    @Override
    public void close() throws IOException {
        for (Stream stream : streams) {
            stream.end();
        }
    }

    /** Bytes one way over one connection. */
    final class Stream {
        private final TcpEnd from;
        private final TcpEnd to;
        private final long bytes;
        private final Thread sender = new Thread(this::send, "sender");
        private final Thread receiver = new Thread(this::receive, "receiver");
        private volatile long sent;
        private volatile long received;
        private long stopAt = Long.MAX_VALUE;
        private long stopMs;
        private long restMs;
        private volatile boolean done;
        private volatile String trouble = "";
        private long lookedAt;
        private int looks;
        private volatile int longestPause;

        Stream(TcpEnd from, TcpEnd to, long bytes) {
            this.from = from;
            this.to = to;
            this.bytes = bytes;
            sender.setDaemon(true);
            receiver.setDaemon(true);
        }

        /** The reader stops once for a while, when so many bytes have come. */
        Stream stoppingAt(long place, Duration time) {
            stopAt = place;
            stopMs = time.toMillis();
            return this;
        }

        /** The reader rests after each read. */
        Stream resting(Duration time) {
            restMs = time.toMillis();
            return this;
        }

        private void start() {
            sender.start();
            receiver.start();
        }

        private void send() {
            SocketChannel channel = from.channel();
            try {
                for (long at = 0; at < bytes; ) {
                    at += channel.write(patternAt(at, (int) Math.min(CHUNK, bytes - at)));
                    sent = at;
                }
                channel.shutdownOutput();
            } catch (IOException e) {
                complain("the sender after " + sent + " bytes: " + e);
            }
        }

        private void receive() {
            SocketChannel channel = to.channel();
            ByteBuffer in = ByteBuffer.allocateDirect(CHUNK);
            long at = 0;
            try {
                for (int count = channel.read(in); count >= 0; count = channel.read(in.clear())) {
                    int wrong = in.flip().mismatch(patternAt(at, count));
                    if (wrong >= 0) {
                        complain("byte " + (at + wrong) + " is wrong");
                        return;
                    }
                    at += count;
                    received = at;
                    if (at >= stopAt) {
                        stopAt = Long.MAX_VALUE;
                        TimeUnit.MILLISECONDS.sleep(stopMs);
                    }
                    if (restMs > 0) {
                        TimeUnit.MILLISECONDS.sleep(restMs);
                    }
                }
                if (at != bytes) {
                    complain("the end came after " + at + " bytes");
                }
            } catch (IOException e) {
                complain("the receiver after " + at + " bytes: " + e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            } finally {
                done = true;
                finished.release();
            }
        }

        private synchronized void complain(String what) {
            trouble = trouble.isEmpty() ? what : trouble + ", " + what;
        }

        private void look() {
            if (done) {
                return;
            }
            long now = received;
            looks = now == lookedAt ? looks + 1 : 0;
            lookedAt = now;
            longestPause = Math.max(longestPause, looks);
        }

        private void check() {
            if (!trouble.isEmpty()) {
                fail("%s of %d bytes sent, %d received", trouble, sent, received);
            }
        }

        private void end() throws IOException {
            from.close();
            to.close();
            try {
                sender.join(END_MS);
                receiver.join(END_MS);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        @Override
        public String toString() {
            return "%d of %d bytes, longest pause %d ms%s"
                    .formatted(received, bytes, longestPause * LOOK_MS, trouble.isEmpty() ? "" : ", " + trouble);
        }
    }
}
