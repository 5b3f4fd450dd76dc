package io.passatelli.control.server;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/** A client that may say anything, and reads when it is told to. Its calls block: tests have a time limit. */
final class RawClient implements AutoCloseable {
    final SocketChannel channel;
    private final ByteBuffer in = ByteBuffer.allocate(1 << 16).flip();

    RawClient(Path path) throws IOException {
        channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        channel.connect(UnixDomainSocketAddress.of(path));
    }

    RawClient say(String text) throws IOException {
        return say(text.getBytes(StandardCharsets.UTF_8));
    }

    RawClient say(byte[] bytes) throws IOException {
        ByteBuffer out = ByteBuffer.wrap(bytes);
        while (out.hasRemaining()) {
            channel.write(out);
        }
        return this;
    }

    /** The next line, or null at the end. */
    @Nullable
    String line() throws IOException {
        StringBuilder line = new StringBuilder();
        while (true) {
            while (in.hasRemaining()) {
                char c = (char) in.get();
                if (c == '\n') {
                    return line.toString();
                }
                line.append(c);
            }
            in.clear();
            int got = channel.read(in);
            in.flip();
            if (got < 0) {
                return line.isEmpty() ? null : line + " (without end)";
            }
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
