package io.passatelli.hook;

import com.google.protobuf.ByteString;
import io.passatelli.hook.proto.info.InfoParams;
import io.passatelli.hook.proto.v1alpha3.OnDefineDomainParams;

import java.io.IOException;
import java.io.InputStream;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * Calls over a hook socket as virt-launcher makes them, with a VM that nobody has. What its first calls would pay for, classes and code that has never
 * run, is paid for here. It speaks as much HTTP/2 (RFC 9113) as that takes: to load gRPC's own client would cost more than all the calls.
 */
final class WarmUp {
    /** So often: make bench-sidecar measures what a call at 200 millicores takes then. */
    private static final int ROUNDS = 3;

    private static final int PATIENCE_MS = 5_000;

    private static final byte[] PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".getBytes(StandardCharsets.US_ASCII);
    private static final int FRAME_HEADER_BYTES = 9;
    private static final int FRAME_BYTES = 16_384; // SETTINGS_MAX_FRAME_SIZE where nobody said more, §6.5.2
    private static final int DATA = 0;
    private static final int HEADERS = 1;
    private static final int SETTINGS = 4;
    private static final int ACK = 0x1;
    private static final int END_STREAM = 0x1;
    private static final int END_HEADERS = 0x4;
    private static final int STREAM = 1;
    private static final int GRPC_PREFIX_BYTES = 5;

    private WarmUp() {}

    /** Throws {@link IOException} with one sentence when a call was not answered as it should have been. */
    static void run(Path socket) throws IOException {
        byte[] define = OnDefineDomainParams.newBuilder()
                .setDomainXML(resource("rehearsal.xml"))
                .setVmi(resource("rehearsal.json"))
                .build()
                .toByteArray();
        for (int round = 0; round < ROUNDS; round++) {
            call(
                    socket,
                    "/kubevirt.hooks.info.Info/Info",
                    InfoParams.getDefaultInstance().toByteArray());
            call(socket, "/kubevirt.hooks.v1alpha3.Callbacks/OnDefineDomain", define);
        }
    }

    private static ByteString resource(String name) throws IOException {
        try (InputStream in = WarmUp.class.getResourceAsStream(name)) {
            if (in == null) {
                throw new IOException("the build left out " + name);
            }
            return ByteString.readFrom(in);
        }
    }

    /** On a connection of its own, as each of virt-launcher's calls is. */
    private static void call(Path socket, String path, byte[] message) throws IOException {
        try (SocketChannel channel = SocketChannel.open(UnixDomainSocketAddress.of(socket));
                Selector selector = Selector.open()) {
            send(channel, request(path, message));
            channel.configureBlocking(false);
            channel.register(selector, SelectionKey.OP_READ);
            ByteBuffer in = ByteBuffer.allocate(2 * FRAME_BYTES);
            boolean answered = false;
            while (true) {
                if (selector.select(PATIENCE_MS) == 0) {
                    throw new IOException("there was no answer to a call of " + path);
                }
                selector.selectedKeys().clear();
                if (channel.read(in) < 0) {
                    throw new IOException("the connection ended in a call of " + path);
                }
                in.flip();
                while (isWhole(in)) {
                    ByteBuffer frame = in.slice(in.position(), FRAME_HEADER_BYTES + length(in));
                    in.position(in.position() + frame.capacity());
                    int type = frame.get(3);
                    int flags = frame.get(4);
                    answered |= type == DATA;
                    if (type == SETTINGS && (flags & ACK) == 0) {
                        send(channel, ByteBuffer.wrap(frame(SETTINGS, ACK, 0, new byte[0], 0, 0)));
                    } else if (type == HEADERS && (flags & END_STREAM) != 0) {
                        if (!answered) {
                            throw new IOException("a call of " + path + " was refused");
                        }
                        return;
                    }
                }
                in.compact();
            }
        }
    }

    private static boolean isWhole(ByteBuffer in) {
        return in.remaining() >= FRAME_HEADER_BYTES && in.remaining() >= FRAME_HEADER_BYTES + length(in);
    }

    /** Of the next frame's payload. */
    private static int length(ByteBuffer in) {
        return in.getInt(in.position()) >>> 8;
    }

    private static void send(SocketChannel channel, ByteBuffer bytes) throws IOException {
        while (bytes.hasRemaining()) {
            channel.write(bytes);
        }
    }

    /** All that a caller sends for one call. */
    static ByteBuffer request(String path, byte[] message) {
        ByteBuffer out = ByteBuffer.allocate(message.length + 4 * FRAME_BYTES);
        out.put(PREFACE);
        out.put(frame(SETTINGS, 0, 0, new byte[0], 0, 0));
        byte[] headers = headers(path);
        out.put(frame(HEADERS, END_HEADERS, STREAM, headers, 0, headers.length));
        byte[] data = ByteBuffer.allocate(GRPC_PREFIX_BYTES + message.length)
                .put((byte) 0) // not compressed
                .putInt(message.length)
                .put(message)
                .array();
        for (int from = 0; from < data.length; from += FRAME_BYTES) {
            int length = Math.min(FRAME_BYTES, data.length - from);
            out.put(frame(DATA, from + length == data.length ? END_STREAM : 0, STREAM, data, from, length));
        }
        return out.flip();
    }

    private static byte[] frame(int type, int flags, int stream, byte[] content, int from, int length) {
        return ByteBuffer.allocate(FRAME_HEADER_BYTES + length)
                .putInt(length << 8 | type)
                .put((byte) flags)
                .putInt(stream)
                .put(content, from, length)
                .array();
    }

    /** Literals without indexing, RFC 7541 §6.2.2: names and values here are shorter than 127 bytes. */
    private static byte[] headers(String path) {
        ByteBuffer out = ByteBuffer.allocate(FRAME_BYTES);
        header(out, ":method", "POST");
        header(out, ":scheme", "http");
        header(out, ":path", path);
        header(out, ":authority", "localhost");
        header(out, "content-type", "application/grpc");
        header(out, "user-agent", "grpc-go");
        header(out, "te", "trailers");
        header(out, "grpc-timeout", "60S");
        return Arrays.copyOf(out.array(), out.position());
    }

    private static void header(ByteBuffer out, String name, String value) {
        out.put((byte) 0);
        text(out, name);
        text(out, value);
    }

    private static void text(ByteBuffer out, String text) {
        byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
        out.put((byte) bytes.length).put(bytes);
    }
}
