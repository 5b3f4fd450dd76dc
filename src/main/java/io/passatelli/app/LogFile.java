package io.passatelli.app;

import io.passatelli.base.Clock;
import io.passatelli.base.IoReason;
import io.passatelli.base.Limits;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Set;

/**
 * A log of bounded size. Its first line says whose it is; the others begin with the seconds since. A line that would make it longer than the cap first has the
 * oldest lines go, about 30 percent of the file; what is newer moves down within the file, which any file system can. When the file cannot be written
 * its lines are lost and the process goes on. Any thread.
 */
final class LogFile {
    private static final int GO_PERCENT = 30;
    private static final int CHUNK_BYTES = 1 << 16;
    private static final long NS_PER_STAMP = 100_000;
    private static final int STAMPS_PER_S = 10_000;

    private final FileChannel channel;
    private final long cap;
    private final Clock clock;
    private final long startNs;
    private final long headerBytes;
    private final ByteBuffer chunk = ByteBuffer.allocateDirect(CHUNK_BYTES);

    private LogFile(FileChannel channel, long cap, Clock clock, String header) throws IOException {
        this.channel = channel;
        this.cap = cap;
        this.clock = clock;
        startNs = clock.nowNs();
        ByteBuffer first = bytes(header);
        headerBytes = first.remaining();
        append(first, 0);
    }

    /** Emptied if it is there, else made for its owner only; {@code cap} in bytes, at least {@link Limits#LOG_FILE_MIN_BYTES}. */
    static LogFile create(Path file, long cap, Clock clock, String header) throws IOException {
        assert cap >= Limits.LOG_FILE_MIN_BYTES : cap;
        try {
            FileChannel channel = FileChannel.open(
                    file,
                    Set.of(
                            StandardOpenOption.CREATE,
                            StandardOpenOption.READ,
                            StandardOpenOption.WRITE,
                            StandardOpenOption.TRUNCATE_EXISTING),
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            return new LogFile(channel, cap, clock, header);
        } catch (IOException e) {
            throw new IOException("-l, --log-file: cannot write '" + file + "': " + IoReason.of(e), e);
        }
    }

    /** {@code line} without an end of line of its own. */
    synchronized void write(String line) {
        ByteBuffer next = bytes(stamp(clock.nowNs() - startNs) + ": " + line);
        try {
            long size = channel.size();
            if (size + next.remaining() > cap) {
                size = dropOldest(size);
            }
            append(next, size);
        } catch (IOException e) {
            return; // nobody is left to be told
        }
    }

    /** Seconds with four decimals. */
    private static String stamp(long ns) {
        long stamps = ns / NS_PER_STAMP;
        String decimals = String.valueOf(STAMPS_PER_S + stamps % STAMPS_PER_S);
        return stamps / STAMPS_PER_S + "." + decimals.substring(1);
    }

    private static ByteBuffer bytes(String line) {
        byte[] text = line.getBytes(StandardCharsets.UTF_8);
        int length = Math.min(text.length, Limits.LOG_LINE_BYTES - 1);
        return ByteBuffer.allocate(length + 1)
                .put(text, 0, length)
                .put((byte) '\n')
                .flip();
    }

    private void append(ByteBuffer line, long at) throws IOException {
        long end = at;
        while (line.hasRemaining()) {
            end += channel.write(line, end);
        }
    }

    /** The size afterwards. */
    private long dropOldest(long size) throws IOException {
        long body = Math.max(0, size - headerBytes);
        long from = lineBehind(headerBytes + body * GO_PERCENT / 100, size);
        long to = headerBytes;
        while (from < size) {
            chunk.clear();
            int read = channel.read(chunk, from);
            if (read <= 0) {
                break; // somebody cut the file
            }
            append(chunk.flip(), to);
            from += read;
            to += read;
        }
        channel.truncate(to);
        return to;
    }

    /** Where the first line begins behind {@code position}; {@code size} if none does. */
    private long lineBehind(long position, long size) throws IOException {
        for (long at = position; at < size; at += CHUNK_BYTES) {
            chunk.clear();
            int read = channel.read(chunk, at);
            for (int i = 0; i < read; i++) {
                if (chunk.get(i) == '\n') {
                    return at + i + 1;
                }
            }
        }
        return size;
    }
}
