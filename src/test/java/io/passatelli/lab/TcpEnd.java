package io.passatelli.lab;

import io.passatelli.os.LinuxOs;
import org.jspecify.annotations.Nullable;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.ByteBuffer;
import java.nio.channels.NetworkChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;

import static org.assertj.core.api.Assertions.fail;

/** A TCP connection of this process in a namespace. Nothing here waits longer than 40 s, but for who uses the channel itself. */
public final class TcpEnd implements AutoCloseable {
    static final Duration LIMIT = Duration.ofSeconds(40);

    private static final int CHUNK = 64 << 10;

    private final SocketChannel channel;
    private final AtomicLong received = new AtomicLong();

    TcpEnd(SocketChannel channel) throws IOException {
        this.channel = channel;
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        channel.socket().setSoTimeout((int) LIMIT.toMillis());
    }

    /** A socket of a namespace that is connected to an address. */
    public static TcpEnd connect(String namespace, String address, int port) throws IOException {
        return connect(namespace, null, address, port);
    }

    /** The same, from a given address. */
    public static TcpEnd connect(String namespace, @Nullable String from, String address, int port) throws IOException {
        InetAddress to = InetAddress.getByName(address);
        SocketChannel made = open(namespace, () -> SocketChannel.open(familyOf(to)));
        try {
            if (from != null) {
                made.bind(new InetSocketAddress(InetAddress.getByName(from), 0));
            }
            made.socket().connect(new InetSocketAddress(to, port), (int) LIMIT.toMillis());
            return new TcpEnd(made);
        } catch (IOException e) {
            made.close();
            throw e;
        }
    }

    static StandardProtocolFamily familyOf(InetAddress address) {
        return address.getAddress().length == 4 ? StandardProtocolFamily.INET : StandardProtocolFamily.INET6;
    }

    interface Opener<T> {
        T open() throws IOException;
    }

    /** What a socket belongs to is decided when it is made. */
    static <T extends NetworkChannel> T open(String namespace, Opener<T> opener) throws IOException {
        var made = new Object() {
            @Nullable
            T socket;

            @Nullable
            IOException why;
        };
        try (LinuxOs os = new LinuxOs()) {
            int rc = os.within(Lab.pathOf(namespace).toString(), () -> {
                try {
                    made.socket = opener.open();
                } catch (IOException e) {
                    made.why = e;
                }
                return 0;
            });
            T socket = made.socket;
            if (rc < 0 || socket == null) {
                throw new IOException("no socket in " + namespace + ": errno " + -rc, made.why);
            }
            return socket;
        }
    }

    public SocketChannel channel() {
        return channel;
    }

    public void send(byte[] bytes) throws IOException {
        channel.socket().getOutputStream().write(bytes);
    }

    /** The next bytes, exactly so many. */
    public byte[] receive(int count) throws IOException {
        byte[] bytes = channel.socket().getInputStream().readNBytes(count);
        if (bytes.length < count) {
            throw new EOFException("the end after " + bytes.length + " of " + count + " bytes");
        }
        return bytes;
    }

    /** All that comes until the other side says that there is no more. */
    public byte[] receiveAll() throws IOException {
        return channel.socket().getInputStream().readAllBytes();
    }

    /** Waits until the other side says that there is no more; nothing may come before. */
    public void awaitEnd() throws IOException {
        byte[] more = new byte[CHUNK];
        int count = channel.socket().getInputStream().read(more);
        if (count >= 0) {
            fail(
                    "there were %d bytes, not the end: %s",
                    count, Arrays.toString(Arrays.copyOf(more, Math.min(count, 16))));
        }
    }

    /** There is no more from here: FIN. */
    public void finish() throws IOException {
        channel.shutdownOutput();
    }

    /** Ends the connection by RST. */
    public void reset() throws IOException {
        channel.setOption(StandardSocketOptions.SO_LINGER, 0);
        channel.close();
    }

    /** Reads for as long as something comes; why it ended. */
    public String readUntilItEnds() {
        ByteBuffer bytes = ByteBuffer.allocateDirect(CHUNK);
        try {
            while (channel.read(bytes.clear()) >= 0) {
                received.addAndGet(bytes.position());
            }
            return "the end";
        } catch (IOException e) {
            return String.valueOf(e.getMessage());
        }
    }

    /** How much {@link #readUntilItEnds} has read by now. */
    public long received() {
        return received.get();
    }

    /** Writes without end, for as long as the other side takes something; why it did not go on. */
    public String writeUntilItFails() {
        ByteBuffer bytes = ByteBuffer.allocateDirect(CHUNK);
        while (true) {
            try {
                channel.write(bytes.clear());
            } catch (IOException e) {
                return String.valueOf(e.getMessage());
            }
        }
    }

    public int port() throws IOException {
        return ((InetSocketAddress) channel.getLocalAddress()).getPort();
    }

    /** Who is at the other end, as seen from here. */
    public InetSocketAddress peer() throws IOException {
        return (InetSocketAddress) channel.getRemoteAddress();
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
