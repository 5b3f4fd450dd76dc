package io.passatelli.lab;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardSocketOptions;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

/** A TCP socket of this process that listens in a namespace. */
public final class TcpService implements AutoCloseable {
    private static final int BACKLOG = 1_024;

    private final ServerSocketChannel channel;

    private TcpService(ServerSocketChannel channel) {
        this.channel = channel;
    }

    /** A socket that listens at an address and a port (0: any) of a namespace. */
    public static TcpService at(String namespace, String address, int port) throws IOException {
        InetAddress local = InetAddress.getByName(address);
        ServerSocketChannel made = TcpEnd.open(namespace, () -> ServerSocketChannel.open(TcpEnd.familyOf(local)));
        try {
            made.setOption(StandardSocketOptions.SO_REUSEADDR, true);
            made.bind(new InetSocketAddress(local, port), BACKLOG);
            made.socket().setSoTimeout((int) TcpEnd.LIMIT.toMillis());
            return new TcpService(made);
        } catch (IOException e) {
            made.close();
            throw e;
        }
    }

    public int port() throws IOException {
        return ((InetSocketAddress) channel.getLocalAddress()).getPort();
    }

    /** The next connection, which has to come. */
    public TcpEnd accept() throws IOException {
        SocketChannel next = channel.socket().accept().getChannel();
        return new TcpEnd(next);
    }

    /** Whether somebody has connected, who is taken then. From now on only this may be asked. */
    public boolean hasConnection() throws IOException {
        channel.configureBlocking(false);
        try (SocketChannel next = channel.accept()) {
            return next != null;
        }
    }

    /** The next connection, whenever it comes. */
    public TcpEnd acceptAtAnyTime() throws IOException {
        return new TcpEnd(channel.accept());
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
