package io.passatelli.hook;

import io.grpc.Server;
import io.grpc.netty.NettyServerBuilder;
import io.netty.buffer.UnpooledByteBufAllocator;
import io.netty.channel.Channel;
import io.netty.channel.ChannelFuture;
import io.netty.channel.ChannelHandlerContext;
import io.netty.channel.ChannelInboundHandlerAdapter;
import io.netty.channel.ChannelOption;
import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioServerDomainSocketChannel;
import io.netty.util.internal.logging.InternalLoggerFactory;
import io.netty.util.internal.logging.JdkLoggerFactory;
import io.passatelli.base.HookLimits;
import io.passatelli.base.LibraryLog;
import io.passatelli.base.Log;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.net.UnixDomainSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;

/**
 * The socket that virt-launcher calls. virt-launcher calls whatever it sees in the hook directory, and whoever then takes a second to say who it is
 * ends the VM. So the socket is bound in a directory below, called by ourselves until the code has been loaded and run, and moved up when the sidecar
 * is ready: a renamed socket can still be connected to. Beside it nothing else ever lies in the hook directory but directories.
 *
 * <p>Only containers of our own pod can reach it. Still, all they can do is bounded: the newest connections are served, each for so long, with one
 * call at a time, of so many bytes.
 */
public final class HookServer implements AutoCloseable {
    /** RFC 1123, as Kubernetes checks it. */
    private static final Pattern CONTAINER_NAME = Pattern.compile("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?");

    private static final int PATH_BYTES = 107; // sun_path with its NUL, unix(7)

    private final Path bootDirectory;
    private final Path bootSocket;
    private final Path socket;
    private final HookCalls calls;
    private final HookServices services;
    private final NioEventLoopGroup loop;
    private final Server server;
    private final Log log;
    private @Nullable Object published;

    private HookServer(Path hookDirectory, String containerName, HookCalls calls, HookCalls rehearsal, Log log)
            throws IOException {
        if (!isContainerName(containerName)) {
            throw new IOException("'" + containerName + "' is no container's name");
        }
        bootDirectory = hookDirectory.resolve("boot");
        bootSocket = bootDirectory.resolve("hook.sock");
        socket = hookDirectory.resolve("passatelli-" + containerName + ".sock");
        this.calls = calls;
        this.log = log;
        checkPlace(hookDirectory);
        InternalLoggerFactory.setDefaultFactory(JdkLoggerFactory.INSTANCE); // as gRPC itself does
        LibraryLog.into(log);
        services = new HookServices(rehearsal, log);
        loop = new NioEventLoopGroup(
                1, Thread.ofPlatform().name("hook").daemon().factory());
        server = server();
    }

    /**
     * Listens where virt-launcher does not look yet, and calls itself there until it is warm.
     *
     * @param rehearsal what these calls come to: what {@code calls} does, without consequences
     */
    public static HookServer start(
            Path hookDirectory, String containerName, HookCalls calls, HookCalls rehearsal, Log log)
            throws IOException {
        try {
            HookServer made = new HookServer(hookDirectory, containerName, calls, rehearsal, log);
            try {
                made.listen();
                return made;
            } catch (IOException | RuntimeException | Error e) {
                made.close();
                throw e;
            }
        } catch (IOException e) {
            throw new IOException("cannot listen for hook calls in '" + hookDirectory + "': " + e.getMessage(), e);
        }
    }

    /** Whether a container of Kubernetes can be called so; then the name may stand in paths and in XML. */
    public static boolean isContainerName(String name) {
        return CONTAINER_NAME.matcher(name).matches();
    }

    private void checkPlace(Path hookDirectory) throws IOException {
        if (!Files.isDirectory(hookDirectory)) {
            throw new IOException("there is no such directory");
        }
        if (socket.toString().getBytes(StandardCharsets.UTF_8).length > PATH_BYTES) {
            throw new IOException("'" + socket + "' is too long: a socket's path has at most " + PATH_BYTES + " bytes");
        }
    }

    private Server server() {
        NettyServerBuilder builder = NettyServerBuilder.forAddress(UnixDomainSocketAddress.of(bootSocket))
                .channelFactory(HookServer::listener)
                .bossEventLoopGroup(loop)
                .workerEventLoopGroup(loop)
                .withOption(ChannelOption.ALLOCATOR, UnpooledByteBufAllocator.DEFAULT)
                .withChildOption(ChannelOption.ALLOCATOR, UnpooledByteBufAllocator.DEFAULT)
                .withChildOption(ChannelOption.SO_KEEPALIVE, null) // gRPC sets it; a UNIX socket has none
                .directExecutor()
                .flowControlWindow(HookLimits.WINDOW_BYTES)
                .maxInboundMessageSize(HookLimits.MESSAGE_BYTES)
                .maxConcurrentCallsPerConnection(1)
                .maxConnectionAge(HookLimits.CONNECTION_S, TimeUnit.SECONDS)
                .maxConnectionAgeGrace(HookLimits.CONNECTION_GRACE_S, TimeUnit.SECONDS);
        services.definitions().forEach(builder::addService);
        builder.addStreamTracerFactory(services.infoTimes());
        return builder.build();
    }

    private static NioServerDomainSocketChannel listener() {
        NioServerDomainSocketChannel listener = new NioServerDomainSocketChannel();
        listener.pipeline().addLast(new NewestConnections());
        return listener;
    }

    private void listen() throws IOException {
        Files.createDirectories(bootDirectory);
        Files.deleteIfExists(bootSocket);
        server.start();
        Files.setPosixFilePermissions(bootSocket, PosixFilePermissions.fromString("rw-rw----"));
        try {
            WarmUp.run(bootSocket);
        } catch (IOException e) {
            log.warn("the first hook calls may be slow: " + e.getMessage());
        }
    }

    /** From now on virt-launcher sees the socket, and its calls have consequences. */
    public void publish() throws IOException {
        services.calls(calls);
        published = Files.getAttribute(bootSocket, "unix:fileKey", LinkOption.NOFOLLOW_LINKS);
        Files.move(bootSocket, socket, StandardCopyOption.ATOMIC_MOVE);
    }

    /** Calls that run are answered, if they do not take long. */
    @Override
    public void close() {
        try {
            if (published != null && published.equals(fileKeyOrNull())) {
                Files.delete(socket);
            }
            Files.deleteIfExists(bootSocket);
            Files.deleteIfExists(bootDirectory);
        } catch (IOException e) {
            log.warn("the hook socket stays: " + e.getMessage());
        }
        services.close();
        try {
            if (!server.shutdown().awaitTermination(HookLimits.CLOSE_MS, TimeUnit.MILLISECONDS)) {
                server.shutdownNow();
            }
        } catch (InterruptedException e) {
            server.shutdownNow();
            Thread.currentThread().interrupt();
        }
        loop.shutdownGracefully(0, HookLimits.CLOSE_MS, TimeUnit.MILLISECONDS)
                .awaitUninterruptibly(HookLimits.CLOSE_MS);
    }

    private @Nullable Object fileKeyOrNull() {
        try {
            return Files.getAttribute(socket, "unix:fileKey", LinkOption.NOFOLLOW_LINKS);
        } catch (IOException e) {
            return null;
        }
    }

    /** Ends the oldest connection when there are too many: then nobody is kept out by others who stay. On the loop's thread. */
    private static final class NewestConnections extends ChannelInboundHandlerAdapter {
        private final Deque<Channel> open = new ArrayDeque<>();

        @Override
        public void channelRead(ChannelHandlerContext context, Object accepted) {
            open.removeIf(connection -> !connection.isOpen());
            if (open.size() == HookLimits.CONNECTIONS) {
                ChannelFuture unused = open.removeFirst().close();
            }
            open.addLast((Channel) accepted);
            context.fireChannelRead(accepted);
        }
    }
}
