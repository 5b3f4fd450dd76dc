package io.passatelli.lab;

import io.passatelli.os.LinuxOs;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketTimeoutException;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.nio.channels.DatagramChannel;
import java.time.Duration;
import java.util.Arrays;
import java.util.Objects;

import static org.assertj.core.api.Assertions.fail;

/** A UDP socket of this process in a namespace. */
public final class UdpEnd implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(20);
    /** So that a burst is not lost at the ends; the kernel may give less. */
    private static final int BUFFER_BYTES = 4 << 20;

    private static final int DATAGRAM_MAX = 65_535;

    private final DatagramChannel channel;
    private final DatagramPacket in = new DatagramPacket(new byte[DATAGRAM_MAX], DATAGRAM_MAX);
    private @Nullable InetSocketAddress from;

    private UdpEnd(DatagramChannel channel) {
        this.channel = channel;
    }

    /** A socket bound to an address and a port (0: any) of a namespace. */
    public static UdpEnd bound(String namespace, String address, int port) throws IOException {
        InetAddress local = InetAddress.getByName(address);
        UdpEnd end = new UdpEnd(open(namespace, local));
        end.channel.setOption(StandardSocketOptions.SO_RCVBUF, BUFFER_BYTES);
        end.channel.setOption(StandardSocketOptions.SO_SNDBUF, BUFFER_BYTES);
        end.channel.bind(new InetSocketAddress(local, port));
        return end;
    }

    /** What a socket belongs to is decided when it is made. */
    private static DatagramChannel open(String namespace, InetAddress local) throws IOException {
        StandardProtocolFamily family =
                local.getAddress().length == 4 ? StandardProtocolFamily.INET : StandardProtocolFamily.INET6;
        DatagramChannel[] made = new DatagramChannel[1];
        IOException[] why = new IOException[1];
        try (LinuxOs os = new LinuxOs()) {
            int rc = os.within(Lab.pathOf(namespace).toString(), () -> {
                try {
                    made[0] = DatagramChannel.open(family);
                } catch (IOException e) {
                    why[0] = e;
                }
                return 0;
            });
            if (rc < 0 || why[0] != null) {
                throw new IOException("no socket in " + namespace + ": errno " + -rc, why[0]);
            }
        }
        return Objects.requireNonNull(made[0]);
    }

    /** connect(2): from now on errors are reported. */
    public UdpEnd connect(String address, int port) throws IOException {
        channel.connect(new InetSocketAddress(InetAddress.getByName(address), port));
        return this;
    }

    public int port() throws IOException {
        return ((InetSocketAddress) channel.getLocalAddress()).getPort();
    }

    /** To the address connected to. */
    public void send(byte[] payload) throws IOException {
        channel.socket().send(new DatagramPacket(payload, payload.length));
    }

    public void send(byte[] payload, String address, int port) throws IOException {
        answer(payload, new InetSocketAddress(InetAddress.getByName(address), port));
    }

    /** To where the last datagram came from. */
    public void answer(byte[] payload) throws IOException {
        answer(payload, from());
    }

    private void answer(byte[] payload, InetSocketAddress to) throws IOException {
        channel.socket().send(new DatagramPacket(payload, payload.length, to));
    }

    /** The next datagram, which has to come. */
    public byte[] receive() throws IOException {
        byte[] payload = receive(LIMIT);
        return payload == null ? fail("no datagram came within %s", LIMIT) : payload;
    }

    /** The next datagram; null: none came in time. */
    public byte @Nullable [] receive(Duration limit) throws IOException {
        channel.socket().setSoTimeout((int) limit.toMillis());
        in.setLength(DATAGRAM_MAX);
        try {
            channel.socket().receive(in);
        } catch (SocketTimeoutException e) {
            return null;
        }
        from = (InetSocketAddress) in.getSocketAddress();
        return Arrays.copyOf(in.getData(), in.getLength());
    }

    /** Where the last datagram came from. */
    public InetSocketAddress from() {
        return Objects.requireNonNull(from, "no datagram yet");
    }

    /** The same, as an address's text. */
    public String fromAddress() {
        return from().getAddress().getHostAddress();
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
